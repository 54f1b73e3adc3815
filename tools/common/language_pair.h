/* The languages that somebody asked a multilingual model for. Messages spell options as the
 * library does: src_lang. cli_args_fail_spelled() makes that --src-lang. */
#ifndef CLI_LANGUAGE_PAIR_H
#define CLI_LANGUAGE_PAIR_H

#include "common/tool.h"

struct cli_language_pair {
    const char *source, *target; /* NULL: not given */
    const char *ids;   /* what says that sources are token ids, for messages; NULL: they are text */
    const char *model; /* on the command line, to find the nearest codes; NULL: do not look */
};

/* Checks the source's language and applies the target's to *gen. Fails with ELCL_E_ARG for a
 * language that the model does not know. */
int cli_language_pair_apply(const struct cli_language_pair *languages, const elcl_model *model,
                            elcl_gen_options *gen, elcl_error *err);
/* Fails because the target's language with token ids changes nothing. */
int cli_language_pair_fail_idle(const struct cli_language_pair *languages, elcl_error *err);

#endif
