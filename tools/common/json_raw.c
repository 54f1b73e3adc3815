#include "common/json_raw.h"

#include <stdlib.h>
#include <string.h>

#include "base/json_scan.h"
#include "base/util.h"

size_t cli_json_count(const char *text, size_t n)
{
    size_t count = 1;
    bool in_string = false;
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '"')
            in_string = !in_string;
        else if (in_string)
            i += text[i] == '\\';
        else
            count += text[i] == ',' || text[i] == '[' || text[i] == '{';
    }
    return count;
}

int cli_json_parse(const char *text, size_t n, cJSON **root, size_t *end, elcl_error *err)
{
    const bool valid = elcl_json_scan(text, n, end);
    *root = valid ? cJSON_ParseWithLength(text, *end) : NULL;
    return valid && !*root ? elcl_fail_nomem(err) : ELCL_OK;
}

/* A place in the text. */
struct place {
    const char *at, *end;
};

/* Skips what the parser takes as blanks, byte order mark included. */
static void skip_blanks(struct place *p)
{
    while (p->at < p->end &&
           ((unsigned char)*p->at <= ' ' || memchr("\xef\xbb\xbf", *p->at, 3) != NULL))
        p->at++;
}

static void skip_string(struct place *p)
{
    for (p->at++; p->at < p->end && *p->at != '"'; p->at++)
        p->at += *p->at == '\\' && p->at + 1 < p->end;
    p->at += p->at < p->end;
}

/* Moves past a value: a string, a list or an object with all it holds, or a word. */
static void skip_value(struct place *p)
{
    int depth = 0;
    while (p->at < p->end) {
        const char c = *p->at;
        if (!depth && (c == ',' || c == '}' || (unsigned char)c <= ' '))
            return;
        if (c == '"')
            skip_string(p);
        else
            p->at++;
        depth += c == '{' || c == '[';
        depth -= c == '}' || c == ']';
        if (!depth && (c == '"' || c == '}' || c == ']'))
            return;
    }
}

bool cli_json_id(const cJSON *item, int32_t *id)
{
    const double v = item->valuedouble;
    if (!cJSON_IsNumber(item) || !(v >= 0 && v <= INT32_MAX) || (int32_t)v < v)
        return false;
    *id = (int32_t)v;
    return true;
}

size_t cli_json_member(const char *text, size_t n, int index, const char **value)
{
    struct place p = {text, text + n};
    skip_blanks(&p);
    for (int i = 0; p.at < p.end && *p.at != '}'; i++) {
        p.at++; /* the brace, or the comma before this member */
        skip_blanks(&p);
        skip_value(&p); /* its key */
        skip_blanks(&p);
        p.at += p.at < p.end; /* the colon */
        skip_blanks(&p);
        const char *first = p.at;
        skip_value(&p);
        if (i == index) {
            *value = first;
            return (size_t)(p.at - first);
        }
        skip_blanks(&p);
    }
    return 0;
}

bool cli_json_is_plain(const char *value, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)value[i] < ' ')
            return false;
    return true;
}

bool cli_json_has_nul(const char *text, size_t n)
{
    for (size_t i = 0; i + 1 < n; i++) {
        if (text[i] != '\\')
            continue;
        if (i + 6 <= n && !memcmp(text + i, "\\u0000", 6))
            return true;
        i++;
    }
    return false;
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorts the keys: comparing each with all others takes minutes for 100,000. */
int cli_json_check_keys(const cJSON *root, elcl_error *err)
{
    const size_t n = (size_t)cJSON_GetArraySize(root);
    const char **keys = elcl_calloc(n, sizeof(*keys)), **end = keys;
    const cJSON *item;
    int rc = ELCL_OK;
    if (!keys)
        return elcl_fail_nomem(err);
    cJSON_ArrayForEach(item, root) *end++ = item->string;
    qsort(keys, n, sizeof(*keys), compare_keys);
    for (size_t i = 1; i < n && !rc; i++)
        if (!strcmp(keys[i - 1], keys[i]))
            rc = elcl_fail(err, ELCL_E_FORMAT, "key \"%.60s\" is there twice", keys[i]);
    elcl_free(keys);
    return rc;
}
