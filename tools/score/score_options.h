/* The options of `elcl score`. */
#ifndef CLI_SCORE_OPTIONS_H
#define CLI_SCORE_OPTIONS_H

#include "common/args.h"
#include "common/model_options.h"
#include "common/sample_options.h"

struct cli_score_options {
    struct cli_args args;
    struct cli_common_options common; /* format: CLI_FORMAT_TEXT or CLI_FORMAT_JSONL */
    struct cli_sample_options samples;
    int summary; /* 1: only the summary */
    int token_logprobs;
    int alignments;                      /* enum cli_alignments */
    int alignment_layer, alignment_head; /* -1: the last one, and the mean of all */
    int stride;                          /* 0: texts longer than the context are refused */
    int context;                         /* 0: the model's */
    int no_bos;
    int decoder_start_token_id; /* once resolved, -1 is the model's */
    struct cli_model_options model;
    int batch_tokens; /* 0: automatic */
};

/* Parses and checks what needs no model. false: the verb ends, with *exit_code. */
bool cli_score_parse(struct cli_score_options *options, int argc, char **argv, int *exit_code);

/* Checks what needs the model. Sets the context and the start token unless they were given. Fails
 * with ELCL_E_ARG if an option contradicts the model. */
int cli_score_resolve(struct cli_score_options *options, const elcl_model *model,
                      const elcl_model_info *info, elcl_error *err);

#endif
