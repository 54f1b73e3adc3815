#include "text/normalizer.h"

#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "base/utf8.h"
#include "format/json.h"
#include "text/characters.h"
#include "text/charsmap.h"
#include "text/regex.h"

enum kind {
    CHARSMAP,
    REPLACE,
    REGEX,
    PREPEND,
    UNICODE,
    LOWERCASE,
    STRIP,
    CLEAN,            /* BERT: drops control characters, spells white space as a space */
    SPACE_IDEOGRAPHS, /* BERT: a space on both sides of each */
    DROP              /* characters of some categories */
};

struct elcl_normalizer_step {
    enum kind kind;
    struct elcl_charsmap map;
    char *from, *to;          /* REPLACE; REGEX and PREPEND use only `to` */
    struct elcl_regex *regex; /* REGEX */
    uint32_t categories;      /* DROP: mask of general categories, 1 << utf8proc's number */
    utf8proc_option_t option; /* UNICODE */
    bool left, right;         /* STRIP */
};

static void finish_step(struct elcl_normalizer_step *step)
{
    elcl_charsmap_finish(&step->map);
    elcl_regex_destroy(&step->regex);
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
    step->kind = text ? REPLACE : REGEX;
    if (!text && (!cJSON_IsString(regex) || elcl_json_has_nul(regex->valuestring)))
        return elcl_json_mismatch(file, "pattern", "a String or a Regex", regex, err);
    int rc = text ? copy_string(text, file, "pattern", &step->from, err)
                  : elcl_regex_create(regex->valuestring, file, &step->regex, err);
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

#define BIT(category) (1u << UTF8PROC_CATEGORY_##category)
#define MARKS (BIT(MN) | BIT(MC) | BIT(ME))

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
    if (!strcmp(name, "StripAccents")) {
        step->kind = DROP;
        step->categories = MARKS;
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
                     "%s: normalizer: only Precompiled, Replace, Prepend, Lowercase, Strip, "
                     "StripAccents, BertNormalizer, NFC, NFD, NFKC, NFKD and sequences of them are "
                     "supported, found %s",
                     file, elcl_json_describe(type).s);
}

static int append(struct elcl_normalizer *normalizer, struct elcl_normalizer_step step,
                  elcl_error *err)
{
    void *steps = normalizer->steps;
    if (!elcl_grow(&steps, &normalizer->max, normalizer->n + 1, sizeof(step))) {
        finish_step(&step);
        return elcl_fail_nomem(err);
    }
    normalizer->steps = steps;
    normalizer->steps[normalizer->n++] = step;
    return ELCL_OK;
}

/* BertNormalizer is a list of steps. Accents go with lower case if strip_accents is null. */
static int add_bert(struct elcl_normalizer *normalizer, const cJSON *value, const char *file,
                    elcl_error *err)
{
    bool clean = true, ideographs = true, lowercase = true;
    int rc;
    ELCL_TRY(elcl_json_bool(value, "clean_text", file, &clean, err));
    ELCL_TRY(elcl_json_bool(value, "handle_chinese_chars", file, &ideographs, err));
    ELCL_TRY(elcl_json_bool(value, "lowercase", file, &lowercase, err));
    bool accents = lowercase;
    ELCL_TRY(elcl_json_bool(value, "strip_accents", file, &accents, err));
    const struct {
        bool wanted;
        struct elcl_normalizer_step step;
    } steps[] = {{clean, {.kind = CLEAN}},
                 {ideographs, {.kind = SPACE_IDEOGRAPHS}},
                 {accents, {.kind = UNICODE, .option = forms[1].option}},
                 {accents, {.kind = DROP, .categories = BIT(MN)}},
                 {lowercase, {.kind = LOWERCASE}}};
    for (size_t i = 0; i < ELCL_COUNT(steps); i++)
        if (steps[i].wanted)
            ELCL_TRY(append(normalizer, steps[i].step, err));
fail:
    return rc;
}

static int add_step(struct elcl_normalizer *normalizer, const cJSON *value, const char *file,
                    elcl_error *err)
{
    const cJSON *type = elcl_json_get(value, "type");
    if (cJSON_IsString(type) && !strcmp(type->valuestring, "BertNormalizer"))
        return add_bert(normalizer, value, file, err);
    struct elcl_normalizer_step step = {0};
    const int rc = read_step(&step, value, file, err);
    if (!rc)
        return append(normalizer, step, err);
    finish_step(&step);
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

static int replace_matches(const struct elcl_normalizer_step *step, const char *s, size_t n,
                           struct elcl_str *out, elcl_error *err)
{
    size_t at = 0, begin, end;
    int rc = ELCL_OK;
    while (at < n && elcl_regex_find(step->regex, s, n, at, &begin, &end, &rc, err)) {
        elcl_str_append(out, s + at, begin - at);
        elcl_str_append(out, step->to, strlen(step->to));
        at = end;
    }
    elcl_str_append(out, s + at, n - at);
    return rc;
}

static bool is_ideograph(uint32_t code)
{
    return (code >= 0x4e00 && code <= 0x9fff) || (code >= 0x3400 && code <= 0x4dbf) ||
           (code >= 0x20000 && code <= 0x2a6df) || (code >= 0x2a700 && code <= 0x2b73f) ||
           (code >= 0x2b740 && code <= 0x2b81f) || (code >= 0x2b920 && code <= 0x2ceaf) ||
           (code >= 0xf900 && code <= 0xfaff) || (code >= 0x2f800 && code <= 0x2fa1f);
}

static bool is_control(uint32_t code)
{
    const utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)code);
    return code == 0xfffd || category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_CF ||
           category == UTF8PROC_CATEGORY_CO;
}

/* White space for CLEAN, which drops some of it as control characters. */
static bool is_clean_space(uint32_t code)
{
    return elcl_is_white_space(code) && code != 0x0b && code != 0x0c && code != 0x85;
}

/* Steps that look at one character at a time. */
static void by_character(const struct elcl_normalizer_step *step, const char *s, size_t n,
                         struct elcl_str *out)
{
    for (size_t i = 0; i < n;) {
        uint32_t code;
        const size_t length = elcl_character(s + i, n - i, &code);
        const bool clean = step->kind == CLEAN, space = clean && is_clean_space(code);
        const bool ideograph = step->kind == SPACE_IDEOGRAPHS && is_ideograph(code);
        const bool dropped =
            clean ? is_control(code)
                  : step->kind == DROP &&
                        step->categories >> utf8proc_category((utf8proc_int32_t)code) & 1;
        if (space || ideograph)
            elcl_str_append(out, " ", 1);
        if (!space && !dropped)
            elcl_str_append(out, s + i, length);
        if (ideograph)
            elcl_str_append(out, " ", 1);
        i += length;
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
    case REGEX:
        return replace_matches(step, s, n, out, err);
    case CLEAN:
    case SPACE_IDEOGRAPHS:
    case DROP:
        by_character(step, s, n, out);
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
