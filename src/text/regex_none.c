/* regex.h without Oniguruma: only " {2,}", which most tokenizer.json from SentencePiece have. */
#include <string.h>

#include "base/util.h"
#include "text/regex.h"

struct elcl_regex {
    char least; /* spaces */
};

int elcl_regex_create(const char *pattern, const char *file, struct elcl_regex **regex,
                      elcl_error *err)
{
    *regex = NULL;
    if (strcmp(pattern, " {2,}") != 0)
        return elcl_fail(err, ELCL_E_UNSUPPORTED,
                         "%s: needs the regular expression \"%.200s\", but this elcl was built "
                         "without Oniguruma: install libonig-dev and build it with "
                         "-Doniguruma=enabled",
                         file, pattern);
    *regex = elcl_calloc(1, sizeof(**regex));
    if (!*regex)
        return elcl_fail_nomem(err);
    (*regex)->least = 2;
    return ELCL_OK;
}

void elcl_regex_destroy(struct elcl_regex **regex)
{
    elcl_free(*regex);
    *regex = NULL;
}

bool elcl_regex_find(const struct elcl_regex *regex, const char *s, size_t n, size_t at,
                     size_t *begin, size_t *end, int *rc, elcl_error *err)
{
    (void)rc;
    (void)err;
    for (*begin = at; *begin < n; *begin = *end + 1) {
        for (*end = *begin; *end < n && s[*end] == ' ';)
            ++*end;
        if (*end - *begin >= (size_t)regex->least)
            return true;
    }
    return false;
}
