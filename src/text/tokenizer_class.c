/* Which class of transformers a directory's tokenizer is, and its languages. */
#include <string.h>

#include "format/json.h"
#include "text/tokenizer_impl.h"

/* The order is that of the ids. */
/* clang-format off */
static const char *const m2m_100[] = {
    "af", "am", "ar", "ast", "az", "ba", "be", "bg", "bn", "br", "bs", "ca", "ceb", "cs", "cy",
    "da", "de", "el", "en", "es", "et", "fa", "ff", "fi", "fr", "fy", "ga", "gd", "gl", "gu", "ha",
    "he", "hi", "hr", "ht", "hu", "hy", "id", "ig", "ilo", "is", "it", "ja", "jv", "ka", "kk",
    "km", "kn", "ko", "lb", "lg", "ln", "lo", "lt", "lv", "mg", "mk", "ml", "mn", "mr", "ms", "my",
    "ne", "nl", "no", "ns", "oc", "or", "pa", "pl", "ps", "pt", "ro", "ru", "sd", "si", "sk", "sl",
    "so", "sq", "sr", "ss", "su", "sv", "sw", "ta", "th", "tl", "tn", "tr", "uk", "ur", "uz", "vi",
    "wo", "xh", "yi", "yo", "zh", "zu",
};
static const char *const wmt21[] = {
    "en", "ha", "is", "ja", "cs", "ru", "zh", "de",
};
static const char *const mbart[] = {
    "ar_AR", "cs_CZ", "de_DE", "en_XX", "es_XX", "et_EE", "fi_FI", "fr_XX", "gu_IN", "hi_IN",
    "it_IT", "ja_XX", "kk_KZ", "ko_KR", "lt_LT", "lv_LV", "my_MM", "ne_NP", "nl_XX", "ro_RO",
    "ru_RU", "si_LK", "tr_TR", "vi_VN", "zh_CN",
};
static const char *const mbart_50[] = {
    "ar_AR", "cs_CZ", "de_DE", "en_XX", "es_XX", "et_EE", "fi_FI", "fr_XX", "gu_IN", "hi_IN",
    "it_IT", "ja_XX", "kk_KZ", "ko_KR", "lt_LT", "lv_LV", "my_MM", "ne_NP", "nl_XX", "ro_RO",
    "ru_RU", "si_LK", "tr_TR", "vi_VN", "zh_CN", "af_ZA", "az_AZ", "bn_IN", "fa_IR", "he_IL",
    "hr_HR", "id_ID", "ka_GE", "km_KH", "mk_MK", "ml_IN", "mn_MN", "mr_IN", "pl_PL", "ps_AF",
    "pt_XX", "sv_SE", "sw_KE", "ta_IN", "te_IN", "th_TH", "tl_XX", "uk_UA", "ur_PK", "xh_ZA",
    "gl_ES", "sl_SI",
};
/* clang-format on */

/* ---- classes ------------------------------------------------------------------------------- */

static const struct {
    const char *name; /* before "Tokenizer" or "TokenizerFast" */
    const char *model_type;
    enum elcl_tokenizer_class class;
} classes[] = {
    {"FSMT", "fsmt", ELCL_CLASS_FSMT},
    {"M2M100", "m2m_100", ELCL_CLASS_M2M_100},
    {"Marian", "marian", ELCL_CLASS_MARIAN},
    {"MBart", "mbart", ELCL_CLASS_MBART},
    {"MBart50", NULL, ELCL_CLASS_MBART_50},
    {"Nllb", NULL, ELCL_CLASS_NLLB},
    {"Pegasus", "pegasus", ELCL_CLASS_PEGASUS},
    {"T5", "t5", ELCL_CLASS_T5},
    {"MT5", "mt5", ELCL_CLASS_T5},
    {"GPT2", "gpt2", ELCL_CLASS_GPT2},
    {"Bart", "bart", ELCL_CLASS_BART},
};

static enum elcl_tokenizer_class class_of_name(const char *name)
{
    const char *end = strstr(name, "Tokenizer");
    const size_t n = end ? (size_t)(end - name) : 0;
    if (!end || (strcmp(end, "Tokenizer") != 0 && strcmp(end, "TokenizerFast") != 0))
        return ELCL_CLASS_OTHER;
    for (size_t i = 0; i < ELCL_COUNT(classes); i++)
        if (n == strlen(classes[i].name) && !memcmp(name, classes[i].name, n))
            return classes[i].class;
    return ELCL_CLASS_OTHER;
}

enum elcl_tokenizer_class elcl_class_find(const cJSON *config, const cJSON *model)
{
    const cJSON *name = elcl_json_get(config, "tokenizer_class");
    if (!cJSON_IsString(name))
        name = elcl_json_get(model, "tokenizer_class");
    if (cJSON_IsString(name))
        return class_of_name(name->valuestring);
    const cJSON *type = elcl_json_get(model, "model_type");
    for (size_t i = 0; cJSON_IsString(type) && i < ELCL_COUNT(classes); i++)
        if (classes[i].model_type && !strcmp(type->valuestring, classes[i].model_type))
            return classes[i].class;
    return ELCL_CLASS_OTHER;
}

const char *const *elcl_class_languages(enum elcl_tokenizer_class class, const cJSON *config,
                                        size_t *n)
{
    const cJSON *set = elcl_json_get(config, "language_codes");
    switch (class) {
    case ELCL_CLASS_M2M_100:
        if (cJSON_IsString(set) && !strcmp(set->valuestring, "wmt21")) {
            *n = ELCL_COUNT(wmt21);
            return wmt21;
        }
        *n = ELCL_COUNT(m2m_100);
        return m2m_100;
    case ELCL_CLASS_MBART:
        *n = ELCL_COUNT(mbart);
        return mbart;
    case ELCL_CLASS_MBART_50:
        *n = ELCL_COUNT(mbart_50);
        return mbart_50;
    default:
        *n = 0;
        return NULL;
    }
}

int elcl_languages_read(struct elcl_tokenizer *t, const cJSON *config, const char *file,
                        elcl_error *err)
{
    const cJSON *source = elcl_json_get(config, "src_lang");
    const char *code = "";
    if (t->class == ELCL_CLASS_MBART || t->class == ELCL_CLASS_MBART_50)
        code = "en_XX";
    else if (t->class == ELCL_CLASS_M2M_100)
        code = "en";
    else if (t->class == ELCL_CLASS_NLLB)
        code = "eng_Latn";
    else
        return ELCL_OK;
    if (source && !cJSON_IsNull(source)) {
        if (!cJSON_IsString(source) || strlen(source->valuestring) >= sizeof(t->source_language))
            return elcl_json_mismatch(file, "src_lang", "a language code", source, err);
        code = source->valuestring;
    }
    memcpy(t->source_language, code, strlen(code) + 1);
    t->wraps = true;
    t->language_last =
        t->class == ELCL_CLASS_MBART ||
        (t->class == ELCL_CLASS_NLLB && cJSON_IsTrue(elcl_json_get(config, "legacy_behavior")));
    return ELCL_OK;
}

/* ---- languages ----------------------------------------------------------------------------- */

enum elcl_target_language elcl_tokenizer_target_language(const struct elcl_tokenizer *tokenizer)
{
    switch (tokenizer->class) {
    case ELCL_CLASS_MBART:
        return ELCL_TARGET_START;
    case ELCL_CLASS_MBART_50:
    case ELCL_CLASS_M2M_100:
    case ELCL_CLASS_NLLB:
        return ELCL_TARGET_FIRST;
    case ELCL_CLASS_MARIAN:
        return ELCL_TARGET_SOURCE;
    default:
        return ELCL_TARGET_NONE;
    }
}

/* en_XX, eng_Latn: letters, an underscore, letters. */
static bool looks_like_code(const char *s, size_t n)
{
    size_t i = 0, underscore = 0;
    for (; i < n; i++) {
        if (s[i] == '_' && !underscore)
            underscore = i;
        else if (!((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z')))
            return false;
    }
    return (underscore == 2 || underscore == 3) && n >= underscore + 3 && n <= underscore + 5;
}

/* The code inside a token's spelling, or NULL where the token is no language. */
static const char *code_of(const struct elcl_tokenizer *t, int32_t id, size_t *n)
{
    static const struct {
        enum elcl_tokenizer_class class;
        const char *before, *after;
    } marks[] = {{ELCL_CLASS_M2M_100, "__", "__"}, {ELCL_CLASS_MARIAN, ">>", "<<"}};
    const char *s = elcl_symbol_text(t, id);
    const bool verbatim = t->symbols[id].kind & ELCL_SYMBOL_VERBATIM;
    *n = t->symbols[id].length;
    for (size_t i = 0; i < ELCL_COUNT(marks); i++) {
        if (t->class != marks[i].class)
            continue;
        if (*n < 5 || memcmp(s, marks[i].before, 2) != 0 ||
            memcmp(s + *n - 2, marks[i].after, 2) != 0)
            return NULL;
        *n -= 4;
        return s + 2;
    }
    return verbatim && looks_like_code(s, *n) ? s : NULL;
}

int elcl_tokenizer_language(const struct elcl_tokenizer *tokenizer, const char *role,
                            const char *code, int32_t *id, elcl_error *err)
{
    const struct elcl_tokenizer *t = tokenizer;
    struct elcl_str known = {0};
    const size_t n = strlen(code);
    int n_known = 0;
    const bool has = elcl_tokenizer_target_language(t) != ELCL_TARGET_NONE;
    for (int32_t i = 0; has && i < t->size; i++) {
        size_t length = 0;
        const char *s = elcl_is_token(t, i) ? code_of(t, i, &length) : NULL;
        if (s && length == n && !memcmp(s, code, n)) {
            elcl_str_finish(&known);
            *id = i;
            return ELCL_OK;
        }
        if (s && n_known++ < 5)
            elcl_str_printf(&known, "%s%.*s", n_known > 1 ? ", " : "",
                            (int)(length > 20 ? 20 : length), s);
    }
    const int rc =
        known.failed ? elcl_fail_nomem(err)
        : n_known    ? elcl_fail(err, ELCL_E_ARG,
                                 "%s: the model does not know the %s language \"%.40s\": it has %d, "
                                    "%s%s",
                                 t->path, role, code, n_known, known.data, n_known > 5 ? " ..." : "")
                     : elcl_fail(err, ELCL_E_ARG,
                                 "%s: the model knows no languages, so the %s language \"%.40s\" "
                                    "cannot be asked for",
                                 t->path, role, code);
    elcl_str_finish(&known);
    return rc;
}

/* ---- around a text ------------------------------------------------------------------------- */

bool elcl_tokenizer_wraps(const struct elcl_tokenizer *tokenizer)
{
    return tokenizer->wraps;
}

static void put_last(struct elcl_wrap *wrap, int32_t id)
{
    if (id >= 0)
        wrap->after[wrap->n_after++] = id;
}

/* An end that the text brings itself. */
static void end_once(const struct elcl_tokenizer *t, const int32_t *ids, size_t n,
                     struct elcl_wrap *wrap)
{
    if (t->eos_once && n && wrap->n_after == 1 && ids[n - 1] == wrap->after[0])
        wrap->n_after = 0;
}

int elcl_tokenizer_wrap(const struct elcl_tokenizer *tokenizer, const int32_t *ids, size_t n,
                        const char *source, const char *target, struct elcl_wrap *wrap,
                        elcl_error *err)
{
    const struct elcl_tokenizer *t = tokenizer;
    struct elcl_wrap made = t->wrap;
    int32_t from = -1, to = -1;
    if (source && !*t->source_language)
        return elcl_fail(err, ELCL_E_ARG,
                         "%s: the model's sources carry no language, so the source language "
                         "\"%.40s\" cannot be chosen",
                         t->path, source);
    int rc = target ? elcl_tokenizer_language(t, "target", target, &to, err) : ELCL_OK;
    if (!source && *t->source_language)
        source = t->source_language;
    if (!rc && source)
        rc = elcl_tokenizer_language(t, "source", source, &from, err);
    if (rc)
        return rc;
    if (source) {
        made = (struct elcl_wrap){0};
        if (!t->language_last)
            made.before[made.n_before++] = from;
        put_last(&made, t->eos);
        if (t->language_last)
            put_last(&made, from);
    } else if (elcl_tokenizer_target_language(t) == ELCL_TARGET_SOURCE && to >= 0) {
        made.before[made.n_before++] = to;
    }
    end_once(t, ids, n, &made);
    *wrap = made;
    return ELCL_OK;
}

void elcl_tokenizer_wrap_target(const struct elcl_tokenizer *tokenizer, const int32_t *ids,
                                size_t n, struct elcl_wrap *wrap)
{
    const struct elcl_tokenizer *t = tokenizer;
    struct elcl_wrap made = t->wrap;
    if (*t->source_language) {
        made = (struct elcl_wrap){0};
        put_last(&made, t->eos);
    } else if (t->target && made.n_after == 1) {
        made.after[0] = elcl_tokenizer_id(t->target, "</s>");
        made.n_after = made.after[0] >= 0;
    }
    end_once(t, ids, n, &made);
    *wrap = made;
}
