/* sentences_find.h without ICU. */
#include "common/sentences_find.h"

int cli_icu_create(const char *language, struct cli_icu **icu, elcl_error *err)
{
    (void)language;
    (void)err;
    *icu = NULL;
    return ELCL_OK;
}

void cli_icu_destroy(struct cli_icu **icu)
{
    *icu = NULL;
}

int cli_icu_begin(struct cli_icu *icu, const char *line, size_t n, elcl_error *err)
{
    (void)icu;
    (void)line;
    (void)n;
    (void)err;
    return ELCL_OK;
}

size_t cli_icu_next(struct cli_icu *icu)
{
    (void)icu;
    return 0;
}

const char *cli_icu_name(void)
{
    return NULL;
}
