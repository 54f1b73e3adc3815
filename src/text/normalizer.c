#include "text/normalizer.h"

#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "base/utf8.h"
#include "format/json.h"
#include "text/characters.h"
#include "text/charsmap.h"

enum kind { CHARSMAP, REPLACE, SQUEEZE, PREPEND, UNICODE, LOWERCASE, STRIP };

struct elcl_normalizer_step {
    enum kind kind;
    struct elcl_charsmap map;
    char *from, *to;          /* REPLACE; SQUEEZE (two or more spaces) and PREPEND use only `to` */
    utf8proc_option_t option; /* UNICODE */
    bool left, right;         /* STRIP */
};

static void finish_step(struct elcl_normalizer_step *step)
{
    elcl_charsmap_finish(&step->map);
    free(step->from);
    free(step->to);
}

void elcl_normalizer_finish(struct elcl_normalizer *normalizer)
{
    for (size_t i = 0; i < normalizer->n; i++)
        finish_step(&normalizer->steps[i]);
    free(normalizer->steps);
    *normalizer = (struct elcl_normalizer){0};
}

/* ---- reading ------------------------------------------------------------------------------- */

static int copy_string(const cJSON *value, const char *file, const char *key, char **out,
                       elcl_error *err)
{
    if (!cJSON_IsString(value))
        return elcl_json_mismatch(file, key, "a string", value, err);
    if (elcl_json_has_nul(value->valuestring))
        return elcl_fail(err, ELCL_E_UNSUPPORTED, "%s: %s contains U+0000", file, key);
    *out = elcl_strndup(value->valuestring, strlen(value->valuestring));
    return *out ? ELCL_OK : elcl_fail_nomem(err);
}

static int read_replace(struct elcl_normalizer_step *step, const cJSON *value, const char *file,
                        elcl_error *err)
{
    const cJSON *pattern = elcl_json_get(value, "pattern");
    const cJSON *text = elcl_json_get(pattern, "String");
    const cJSON *regex = elcl_json_get(pattern, "Regex");
    step->kind = text ? REPLACE : SQUEEZE;
    if (!text && (!cJSON_IsString(regex) || strcmp(regex->valuestring, " {2,}") != 0))
        return elcl_fail(err, ELCL_E_UNSUPPORTED,
                         "%s: normalizer: Replace: only a String or the Regex \" {2,}\" is "
                         "supported, found %s",
                         file, elcl_json_describe(regex).s);
    int rc = text ? copy_string(text, file, "pattern", &step->from, err) : ELCL_OK;
    if (!rc && text && !*step->from)
        rc = elcl_json_mismatch(file, "pattern", "a string that is not empty", text, err);
    return rc ? rc : copy_string(elcl_json_get(value, "content"), file, "content", &step->to, err);
}

static int read_charsmap(struct elcl_normalizer_step *step, const cJSON *value, const char *file,
                         elcl_error *err)
{
    const cJSON *map = elcl_json_get(value, "precompiled_charsmap");
    step->kind = CHARSMAP;
    if (!cJSON_IsString(map))
        return elcl_json_mismatch(file, "precompiled_charsmap", "a string", map, err);
    return elcl_charsmap_read(&step->map, map->valuestring, file, err);
}

static const struct {
    const char *name;
    utf8proc_option_t option;
} forms[] = {
    {"NFC", UTF8PROC_STABLE | UTF8PROC_COMPOSE},
    {"NFD", UTF8PROC_STABLE | UTF8PROC_DECOMPOSE},
    {"NFKC", UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT},
    {"NFKD", UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT},
};

static int read_step(struct elcl_normalizer_step *step, const cJSON *value, const char *file,
                     elcl_error *err)
{
    const cJSON *type = elcl_json_get(value, "type");
    const char *name = cJSON_IsString(type) ? type->valuestring : "";
    if (!strcmp(name, "Precompiled"))
        return read_charsmap(step, value, file, err);
    if (!strcmp(name, "Replace"))
        return read_replace(step, value, file, err);
    if (!strcmp(name, "Prepend")) {
        step->kind = PREPEND;
        return copy_string(elcl_json_get(value, "prepend"), file, "prepend", &step->to, err);
    }
    if (!strcmp(name, "Lowercase")) {
        step->kind = LOWERCASE;
        return ELCL_OK;
    }
    if (!strcmp(name, "Strip")) {
        step->kind = STRIP;
        step->left = cJSON_IsTrue(elcl_json_get(value, "strip_left"));
        step->right = cJSON_IsTrue(elcl_json_get(value, "strip_right"));
        return ELCL_OK;
    }
    for (size_t i = 0; i < ELCL_COUNT(forms); i++) {
        if (!strcmp(name, forms[i].name)) {
            step->kind = UNICODE;
            step->option = forms[i].option;
            return ELCL_OK;
        }
    }
    return elcl_fail(err, ELCL_E_UNSUPPORTED,
                     "%s: normalizer: only Precompiled, Replace, Prepend, Lowercase, Strip, NFC, "
                     "NFD, NFKC, NFKD and sequences of them are supported, found %s",
                     file, elcl_json_describe(type).s);
}

static int add_step(struct elcl_normalizer *normalizer, const cJSON *value, const char *file,
                    elcl_error *err)
{
    struct elcl_normalizer_step step = {0};
    void *steps = normalizer->steps;
    int rc = read_step(&step, value, file, err);
    if (!rc && !elcl_grow(&steps, &normalizer->max, normalizer->n + 1, sizeof(step)))
        rc = elcl_fail_nomem(err);
    normalizer->steps = steps;
    if (rc)
        finish_step(&step);
    else
        normalizer->steps[normalizer->n++] = step;
    return rc;
}

/* Refuses sequences inside sequences: no known file has them. */
int elcl_normalizer_read(struct elcl_normalizer *normalizer, const cJSON *value, const char *file,
                         elcl_error *err)
{
    if (!value || cJSON_IsNull(value))
        return ELCL_OK;
    const cJSON *type = elcl_json_get(value, "type");
    if (!cJSON_IsString(type) || strcmp(type->valuestring, "Sequence") != 0)
        return add_step(normalizer, value, file, err);
    const cJSON *list = elcl_json_get(value, "normalizers");
    if (!cJSON_IsArray(list))
        return elcl_json_mismatch(file, "normalizers", "an array", list, err);
    int rc = ELCL_OK;
    for (const cJSON *item = list->child; item && !rc; item = item->next)
        rc = add_step(normalizer, item, file, err);
    return rc;
}

/* ---- running ------------------------------------------------------------------------------- */

static void squeeze(const char *to, const char *s, size_t n, struct elcl_str *out)
{
    for (size_t i = 0; i < n;) {
        size_t end = i;
        while (end < n && s[end] == ' ')
            end++;
        if (end - i >= 2) {
            elcl_str_append(out, to, strlen(to));
            i = end;
        } else {
            elcl_str_append(out, s + i++, 1);
        }
    }
}

/* Capital I with a dot is the only character whose lower case is two characters. */
static void lowercase(const char *s, size_t n, struct elcl_str *out)
{
    for (size_t i = 0; i < n;) {
        uint32_t code;
        char lower[4];
        const size_t length = elcl_character(s + i, n - i, &code);
        if (code == 0x130) {
            elcl_str_append(out, "i\xcc\x87", 3);
        } else {
            code = (uint32_t)utf8proc_tolower((utf8proc_int32_t)code);
            elcl_str_append(out, lower, (size_t)elcl_utf8_put(code, lower));
        }
        i += length;
    }
}

static int to_form(utf8proc_option_t option, const char *s, size_t n, struct elcl_str *out,
                   elcl_error *err)
{
    const utf8proc_uint8_t *from = (const utf8proc_uint8_t *)s;
    const utf8proc_ssize_t bytes = (utf8proc_ssize_t)n;
    utf8proc_ssize_t length = utf8proc_decompose(from, bytes, NULL, 0, option);
    if (length < 0)
        return elcl_fail_nomem(err);
    utf8proc_int32_t *codes = elcl_calloc((size_t)length + 1, sizeof(*codes)); /* and a NUL */
    if (!codes)
        return elcl_fail_nomem(err);
    length = utf8proc_decompose(from, bytes, codes, length, option);
    if (length >= 0)
        length = utf8proc_reencode(codes, length, option);
    if (length >= 0)
        elcl_str_append(out, codes, (size_t)length);
    free(codes);
    return length >= 0 ? ELCL_OK : elcl_fail_nomem(err);
}

static int run_step(const struct elcl_normalizer_step *step, const char *s, size_t n,
                    struct elcl_str *out, elcl_error *err)
{
    switch (step->kind) {
    case CHARSMAP:
        elcl_charsmap_apply(&step->map, s, n, out);
        break;
    case REPLACE:
        elcl_append_replaced(out, s, n, step->from, step->to);
        break;
    case SQUEEZE:
        squeeze(step->to, s, n, out);
        break;
    case PREPEND:
        if (n)
            elcl_str_append(out, step->to, strlen(step->to));
        elcl_str_append(out, s, n);
        break;
    case UNICODE:
        return to_form(step->option, s, n, out, err);
    case LOWERCASE:
        lowercase(s, n, out);
        break;
    case STRIP:
        elcl_append_stripped(out, s, n, step->left, step->right, elcl_is_white_space);
        break;
    }
    return ELCL_OK;
}

int elcl_normalizer_run(const struct elcl_normalizer *normalizer, const char *s, size_t n,
                        struct elcl_str *out, elcl_error *err)
{
    struct elcl_str now = {0};
    int rc = ELCL_OK;
    elcl_str_append(&now, s, n);
    for (size_t i = 0; i < normalizer->n && !rc; i++) {
        struct elcl_str next = {0};
        elcl_str_append(&next, "", 0);
        rc = run_step(&normalizer->steps[i], now.data ? now.data : "", now.n, &next, err);
        next.failed = next.failed || now.failed;
        elcl_str_finish(&now);
        now = next;
    }
    elcl_str_append(out, now.data ? now.data : "", now.n);
    if (!rc && (now.failed || out->failed))
        rc = elcl_fail_nomem(err);
    elcl_str_finish(&now);
    return rc;
}
