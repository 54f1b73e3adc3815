/* Options of `elcl generate` that are lists, from the command line to the library's options. */
#ifndef CLI_OPTION_LISTS_H
#define CLI_OPTION_LISTS_H

#include "common/tool.h"

#define CLI_MAX_STOPS 8

struct cli_opt_texts {
    int n;
    const char *texts[CLI_MAX_STOPS];
};

/* As given: NULL or n 0 where not. Lists of ids are ID,ID,...; lists of them have a semicolon
 * between two; "none" is an empty one. */
struct cli_option_lists {
    const char *bad_words, *suppress, *begin_suppress, *alternatives, *prefix_ids, *prefix;
    struct cli_opt_texts stop;
    char *kept[CLI_MAX_STOPS + 6]; /* [n_kept] texts above that nobody else owns */
    int n_kept;
    void *memory[6]; /* what the library's options point to */
};

/* A line's own lists: those of the command line, and room for the line's texts. */
void cli_option_lists_share(struct cli_option_lists *lists);

/* Lays what was given over `gen`; it must be finished when `gen` is no longer used. */
int cli_option_lists_resolve(struct cli_option_lists *lists, const elcl_model *model,
                             elcl_gen_options *gen, elcl_error *err);
void cli_option_lists_finish(struct cli_option_lists *lists);

/* What elcl_engine_params.max_list_tokens must be for these options. */
int cli_option_lists_tokens(const elcl_gen_options *gen);

#endif
