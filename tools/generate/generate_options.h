/* The options of `elcl generate`: from the command line, and over a model's defaults. */
#ifndef CLI_GENERATE_OPTIONS_H
#define CLI_GENERATE_OPTIONS_H

#include "common/args.h"
#include "common/input.h"
#include "common/run_options.h"

enum cli_long_source { CLI_LONG_TRUNCATE, CLI_LONG_REFUSE };

struct cli_generate_options {
    struct cli_args args;
    struct cli_common_options common; /* format: enum cli_line_format */
    const char *model;
    char **texts; /* [n_texts], the samples when n_texts > 0 */
    int n_texts;
    const char *input;               /* NULL or "-": standard input */
    int input_format;                /* enum cli_line_format */
    const char *src_lang, *tgt_lang; /* NULL: not given */
    int scores;
    int keep_going;
    int stream;
    /* Only what was given counts: cli_generate_resolve() lays it over the model's defaults. From
     * here to `run` the options of decoding, which a line of jsonl may change. */
    elcl_gen_options gen;
    int no_sample;
    int seed;
    int early_stopping, search_style;
    struct cli_opt_ids eos;
    struct cli_option_lists lists;
    struct cli_run_options run;
    int batch_size; /* 0: automatic */
    int n_engines;  /* engines on each device */
    int max_source; /* 0: the model's limit */
    int long_source;
};

/* Parses and checks what needs no model; false: the verb ends, with *exit_code. */
bool cli_generate_parse(struct cli_generate_options *options, int argc, char **argv,
                        int *exit_code);
/* Refuses options that have no meaning in the search style. */
int cli_generate_check_style(const struct cli_generate_options *o, elcl_error *err);

/* What a line of jsonl says over `base`; NULL in *own where it says nothing. *own has copies of
 * what the line says and shares with `base` what that says. (generate_line.c) */
int cli_generate_override(const struct cli_generate_options *base, const struct cli_line *line,
                          struct cli_generate_options **own, elcl_error *err);
/* Also frees the lists that cli_generate_resolve() made of it. NULLs the pointer; NULL is fine. */
void cli_generate_override_free(struct cli_generate_options **own);

/* The model's defaults and over them what was given; ELCL_E_ARG when that contradicts itself or
 * the model. Lists among them live until options->lists are finished. *max_target is the longest
 * output that can come of it. */
int cli_generate_resolve(struct cli_generate_options *options, const elcl_model *model,
                         elcl_gen_options *gen, int *max_target, elcl_error *err);

#endif
