/* Options of `elcl generate` that are lists, from the command line to the library's options. */
#ifndef CLI_OPTION_LISTS_H
#define CLI_OPTION_LISTS_H

#include "common/tool.h"

#define CLI_MAX_STOPS 8

struct cli_opt_texts {
    int n;
    const char *texts[CLI_MAX_STOPS];
};

/* The options as they were given; NULL or n 0: not given. A list of ids is ID,ID,...; lists of such
 * lists have semicolons between them; "none" is an empty list. */
struct cli_option_lists {
    const char *bad_words, *suppress, *begin_suppress, *alternatives, *prefix_ids, *prefix;
    struct cli_opt_texts stop;
    char *kept[CLI_MAX_STOPS + 6]; /* [n_kept] the texts above that this struct owns */
    int n_kept;
    void *memory[7]; /* of the lists that the library's options point to */
};

/* Turns a copy of the command line's lists into a sample's own: it owns none of their memory yet.
 */
void cli_option_lists_share(struct cli_option_lists *lists);

/* Lays the given lists over `gen`. Finish them when `gen` is no longer used. */
int cli_option_lists_resolve(struct cli_option_lists *lists, const elcl_model *model,
                             elcl_gen_options *gen, elcl_error *err);
/* Makes a token the first one of gen->prefix, unless it is. */
int cli_option_lists_begin_prefix(struct cli_option_lists *lists, int32_t token,
                                  elcl_gen_options *gen, elcl_error *err);
void cli_option_lists_finish(struct cli_option_lists *lists);

/* Returns the elcl_engine_params.max_list_tokens that these options need. */
int cli_option_lists_tokens(const elcl_gen_options *gen);

#endif
