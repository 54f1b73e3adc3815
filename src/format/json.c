#include "format/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_scan.h"
#include "base/os.h"
#include "base/util.h"
#include "base/utf8.h"

#define NUL_ESCAPE "\\u0000"
#define NUL_BYTES "\xc0\x80" /* no UTF-8, so that no other character can be spelled this way */

/* Returns the offset of the next escaped U+0000 from `at` on, or n. */
static size_t find_nul_escape(const char *text, size_t n, size_t at)
{
    for (; at + 1 < n; at++) {
        if (text[at] != '\\')
            continue;
        if (n - at >= 6 && !memcmp(text + at, NUL_ESCAPE, 6))
            return at;
        at++; /* skips the escaped character, which may be a backslash */
    }
    return n;
}

static int check_utf8(const char *text, size_t n, const char *name, elcl_error *err)
{
    const size_t bad = elcl_utf8_check(text, n);
    return bad == n ? ELCL_OK
                    : elcl_fail(err, ELCL_E_FORMAT, "%s: not UTF-8 at byte %zu", name, bad);
}

static int parse(const char *text, size_t n, const char *name, cJSON **root, elcl_error *err)
{
    size_t end = 0;
    if (!elcl_json_scan(text, n, &end) || end < n)
        return elcl_fail(err, ELCL_E_FORMAT, "%s: not valid JSON at byte %zu", name, end);
    cJSON *value = cJSON_ParseWithLength(text, n);
    if (!value)
        return elcl_fail_nomem(err);
    if (!cJSON_IsObject(value)) {
        const struct elcl_json_text found = elcl_json_describe(value);
        cJSON_Delete(value);
        return elcl_fail(err, ELCL_E_FORMAT, "%s: expected a JSON object, found %s", name, found.s);
    }
    *root = value;
    return ELCL_OK;
}

int elcl_json_parse(const char *text, size_t n, const char *name, cJSON **root, elcl_error *err)
{
    const int rc = check_utf8(text, n, name, err);
    if (!rc && find_nul_escape(text, n, 0) < n)
        return elcl_fail(err, ELCL_E_FORMAT, "%s: a string contains U+0000", name);
    return rc ? rc : parse(text, n, name, root, err);
}

int elcl_json_parse_nul(const char *text, size_t n, const char *name, cJSON **root, elcl_error *err)
{
    struct elcl_str copy = {0};
    size_t at = find_nul_escape(text, n, 0);
    int rc = check_utf8(text, n, name, err);
    if (rc || at == n)
        return rc ? rc : parse(text, n, name, root, err);
    for (size_t done = 0; done < n; at = find_nul_escape(text, n, done)) {
        elcl_str_append(&copy, text + done, at - done);
        elcl_str_append(&copy, NUL_BYTES, at < n ? 2 : 0);
        done = at < n ? at + 6 : n;
    }
    rc = copy.failed ? elcl_fail_nomem(err) : parse(copy.data, copy.n, name, root, err);
    elcl_str_finish(&copy);
    return rc;
}

size_t elcl_json_restore_nul(char *s)
{
    char *to = s;
    for (const char *from = s; *from; to++) {
        const bool nul = !strncmp(from, NUL_BYTES, 2);
        *to = nul ? '\0' : *from;
        from += nul ? 2 : 1;
    }
    return (size_t)(to - s);
}

bool elcl_json_has_nul(const char *s)
{
    return strstr(s, NUL_BYTES) != NULL;
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int elcl_json_read(const char *path, size_t max_bytes, cJSON **root, elcl_error *err)
{
    char *text = NULL;
    size_t n = 0;
    int rc = elcl_read_file(path, max_bytes, &text, &n, err);
    if (!rc)
        rc = elcl_json_parse(text, n, path, root, err);
    elcl_free(text);
    return rc;
}

int elcl_json_unique_keys(const cJSON *object, const char *name, elcl_error *err)
{
    size_t n = 0;
    for (const cJSON *item = object->child; item; item = item->next)
        n++;
    const char **keys = elcl_calloc(n, sizeof(*keys));
    if (!keys)
        return elcl_fail_nomem(err);
    n = 0;
    for (const cJSON *item = object->child; item; item = item->next)
        keys[n++] = item->string;
    qsort(keys, n, sizeof(*keys), compare_keys);
    int rc = ELCL_OK;
    for (size_t i = 1; i < n && !rc; i++) {
        if (!strcmp(keys[i - 1], keys[i]))
            rc = elcl_fail(err, ELCL_E_FORMAT, "%s: key %.200s appears twice", name, keys[i]);
    }
    free(keys);
    return rc;
}

const cJSON *elcl_json_get(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

struct elcl_json_text elcl_json_describe(const cJSON *value)
{
    struct elcl_json_text text;
    const char *fixed = "nothing";
    if (cJSON_IsNumber(value)) {
        snprintf(text.s, sizeof(text.s), "%.17g", value->valuedouble);
        return text;
    }
    if (cJSON_IsString(value)) {
        size_t n = strlen(value->valuestring);
        const char *dots = n > 40 ? "..." : "";
        n = n > 40 ? elcl_utf8_check(value->valuestring, 40) : n;
        snprintf(text.s, sizeof(text.s), "\"%.*s%s\"", (int)n, value->valuestring, dots);
        for (char *c = text.s; *c; c++) { /* a message is one line */
            if ((unsigned char)*c < ' ')
                *c = ' ';
        }
        return text;
    }
    if (cJSON_IsArray(value))
        fixed = "an array";
    else if (cJSON_IsObject(value))
        fixed = "an object";
    else if (cJSON_IsNull(value))
        fixed = "null";
    else if (cJSON_IsBool(value))
        fixed = cJSON_IsTrue(value) ? "true" : "false";
    snprintf(text.s, sizeof(text.s), "%s", fixed);
    return text;
}

bool elcl_json_int(const cJSON *value, int64_t min, int64_t max, int64_t *out)
{
    if (!cJSON_IsNumber(value))
        return false;
    const double x = value->valuedouble;
    if (!(fabs(x) <= (double)ELCL_JSON_MAX_INT) || x != floor(x))
        return false;
    const int64_t i = (int64_t)x;
    if (i < min || i > max)
        return false;
    *out = i;
    return true;
}

int elcl_json_bool(const cJSON *object, const char *key, const char *name, bool *out,
                   elcl_error *err)
{
    const cJSON *value = elcl_json_get(object, key);
    if (!value || cJSON_IsNull(value))
        return ELCL_OK;
    if (!cJSON_IsBool(value))
        return elcl_json_mismatch(name, key, "true or false", value, err);
    *out = cJSON_IsTrue(value);
    return ELCL_OK;
}

int elcl_json_mismatch(const char *name, const char *key, const char *what, const cJSON *found,
                       elcl_error *err)
{
    return elcl_fail(err, ELCL_E_FORMAT, "%s: %s: expected %s, found %s", name, key, what,
                     elcl_json_describe(found).s);
}
