/* Oniguruma's part: the tokenizers library uses the same engine with the same syntax. */
#include "text/regex.h"

#include <pthread.h>
#include <string.h>

#include <oniguruma.h>

#include "base/util.h"

/* Attempts from one place and in one search, before a pattern counts as too slow for a text. */
#define MAX_TRIES 20000000

struct elcl_regex {
    OnigRegex compiled;
    OnigMatchParam *limits;
};

static void initialize(void)
{
    OnigEncoding encodings[] = {ONIG_ENCODING_UTF8};
    (void)onig_initialize(encodings, 1);
}

int elcl_regex_create(const char *pattern, const char *file, struct elcl_regex **regex,
                      elcl_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    const OnigUChar *const s = (const OnigUChar *)pattern;
    OnigErrorInfo info = {0};
    struct elcl_regex *re = elcl_calloc(1, sizeof(*re));
    *regex = re;
    if (!re)
        return elcl_fail_nomem(err);
    (void)pthread_once(&once, initialize);
    const int code = onig_new(&re->compiled, s, s + strlen(pattern), ONIG_OPTION_NONE,
                              ONIG_ENCODING_UTF8, ONIG_SYNTAX_RUBY, &info);
    re->limits = code == ONIG_NORMAL ? onig_new_match_param() : NULL;
    if (re->limits) {
        (void)onig_initialize_match_param(re->limits);
        (void)onig_set_retry_limit_in_match_of_match_param(re->limits, MAX_TRIES);
        (void)onig_set_retry_limit_in_search_of_match_param(re->limits, MAX_TRIES);
        return ELCL_OK;
    }
    elcl_regex_destroy(regex);
    if (code == ONIG_NORMAL || code == ONIGERR_MEMORY)
        return elcl_fail_nomem(err);
    OnigUChar why[ONIG_MAX_ERROR_MESSAGE_LEN];
    (void)onig_error_code_to_str(why, code, &info);
    return elcl_fail(err, ELCL_E_UNSUPPORTED, "%s: the regular expression \"%.200s\": %s", file,
                     pattern, (const char *)why);
}

void elcl_regex_destroy(struct elcl_regex **regex)
{
    if (*regex) {
        onig_free_match_param((*regex)->limits);
        onig_free((*regex)->compiled);
        elcl_free(*regex);
    }
    *regex = NULL;
}

static size_t character_bytes(const char *s)
{
    return (size_t)ONIGENC_MBC_ENC_LEN(ONIG_ENCODING_UTF8, (const OnigUChar *)s);
}

static int fail_search(int code, elcl_error *err)
{
    if (code == ONIGERR_MEMORY)
        return elcl_fail_nomem(err);
    return elcl_fail(err, ELCL_E_FORMAT,
                     "a regular expression of the tokenizer takes too many steps with the text");
}

bool elcl_regex_find(const struct elcl_regex *regex, const char *s, size_t n, size_t at,
                     size_t *begin, size_t *end, int *rc, elcl_error *err)
{
    const OnigUChar *const text = (const OnigUChar *)s;
    OnigRegion *region = onig_region_new();
    bool found = false;
    if (!region)
        *rc = elcl_fail_nomem(err);
    while (region && !found && at < n) {
        const int place = onig_search_with_param(regex->compiled, text, text + n, text + at,
                                                 text + n, region, ONIG_OPTION_NONE, regex->limits);
        if (place < 0 && place != ONIG_MISMATCH)
            *rc = fail_search(place, err);
        if (place < 0)
            break;
        *begin = (size_t)region->beg[0];
        *end = (size_t)region->end[0];
        found = *end > *begin;
        at = *begin < n ? *begin + character_bytes(s + *begin) : n;
    }
    if (region)
        onig_region_free(region, 1);
    return found;
}
