/* The options of decoding that somebody gave, over a model's defaults: for a command line, a line
 * of jsonl and a request to the server. Messages spell options as the library does: num_beams.
 * cli_args_fail_spelled() makes that --num-beams. */
#ifndef CLI_DECODING_H
#define CLI_DECODING_H

#include "common/language_pair.h"
#include "common/option_lists.h"

/* What was given. */
struct cli_decoding {
    const struct cli_settings *given;
    struct cli_option_lists *lists; /* the text of a prefix; receives the options' lists */
    bool no_sample;                 /* as do_sample false */
    struct cli_language_pair languages;
    int max_source; /* 0: the model's default length */
};

/* Lists live until the options' lists are finished. */
struct cli_resolved {
    elcl_gen_options gen;
    int max_target;      /* the longest possible output, in tokens with the start token */
    bool own_limit;      /* the length limit was given, not a default */
    const char *ignored; /* an option of sampling that was given without sampling, or NULL */
};

/* Refuses options that have no meaning in the search style. */
int cli_decoding_check_style(const struct cli_settings *given, elcl_error *err);

/* Resolves the options of a model, first all but languages and lengths, then these. Both fail with
 * ELCL_E_ARG if options contradict each other or the model. */
int cli_decoding_begin(const struct cli_decoding *decoding, const elcl_model *model,
                       struct cli_resolved *resolved, elcl_error *err);
int cli_decoding_finish(const struct cli_decoding *decoding, const elcl_model *model,
                        struct cli_resolved *resolved, elcl_error *err);

/* The longest output in fairseq's style after so many source tokens, rounded up. */
int cli_fairseq_target(const elcl_gen_options *gen, const elcl_model_info *info, int source);

#endif
