/* Generation options as they were given, and the lists that the library's options point to. */
#ifndef CLI_OPTION_LISTS_H
#define CLI_OPTION_LISTS_H

#include "common/tool.h"
#include "elcl/options.h"

#define CLI_MAX_SETTINGS 64 /* more than options, strings of --stop included */

/* The options of the library's table that were given, each once, but --stop as often as given. */
struct cli_settings {
    size_t n;
    elcl_gen_setting given[CLI_MAX_SETTINGS];
};

/* Adds an option, in the place of one with the same name. */
int cli_settings_add(struct cli_settings *settings, const elcl_gen_option *option,
                     const char *value, elcl_error *err);
void cli_settings_drop(struct cli_settings *settings, const char *name);
/* Whether the option was given. */
bool cli_settings_has(const struct cli_settings *settings, const char *name);
/* Lays the options over `gen`. */
int cli_settings_apply(const struct cli_settings *settings, elcl_gen_options *gen,
                       elcl_gen_lists **lists, elcl_error *err);
/* Writes the given options over zeros, without their lists. */
int cli_settings_read(const struct cli_settings *settings, elcl_gen_options *gen, elcl_error *err);

struct cli_option_lists {
    const char *prefix;           /* text; NULL: not given */
    char *kept[CLI_MAX_SETTINGS]; /* [n_kept] the texts of options that this struct owns */
    int n_kept;
    elcl_gen_lists *lists; /* of the settings */
    void *memory[2];       /* of the prefix, and of one with a language before it */
};

/* Turns a copy of the command line's lists into a sample's own: it owns none of their memory yet.
 */
void cli_option_lists_share(struct cli_option_lists *lists);

/* Encodes the prefix, if one was given. Finish the lists when `gen` is no longer used. */
int cli_option_lists_encode(struct cli_option_lists *lists, const elcl_model *model,
                            elcl_gen_options *gen, elcl_error *err);
/* Makes a token the first one of gen->prefix, unless it is. */
int cli_option_lists_begin_prefix(struct cli_option_lists *lists, int32_t token,
                                  elcl_gen_options *gen, elcl_error *err);
void cli_option_lists_finish(struct cli_option_lists *lists);

/* Returns the elcl_engine_params.max_list_tokens that these options need. */
int cli_option_lists_tokens(const elcl_gen_options *gen);

#endif
