/* The options of `elcl score`. */
#ifndef CLI_SCORE_OPTIONS_H
#define CLI_SCORE_OPTIONS_H

#include "common/args.h"
#include "common/input.h"
#include "common/run_options.h"

struct cli_score_options {
    struct cli_args args;
    struct cli_common_options common; /* format: CLI_LINE_TEXT or CLI_LINE_JSONL */
    const char *model;
    char **texts; /* [n_texts], the samples when n_texts > 0 */
    int n_texts;
    const char *input;               /* NULL or "-": standard input */
    const char *src_lang, *tgt_lang; /* NULL: not given */
    int input_format;                /* enum cli_line_format */
    int summary;                     /* 1: the summary alone */
    int token_logprobs;
    int stride;  /* 0: longer texts than the context are refused */
    int context; /* 0: the model's */
    int no_bos;
    int decoder_start_token_id; /* -1: the model's, once resolved */
    struct cli_run_options run;
    int batch_tokens; /* 0: automatic */
};

/* false: the verb ends, with *exit_code. */
bool cli_score_parse(struct cli_score_options *options, int argc, char **argv, int *exit_code);

/* What needs the model: ELCL_E_ARG when an option contradicts it. Sets a context left open, and the
 * start token where a language is one. */
int cli_score_resolve(struct cli_score_options *options, const elcl_model *model,
                      const elcl_model_info *info, elcl_error *err);

#endif
