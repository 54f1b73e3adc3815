/* Finds the tokenizer class of a directory, and the languages of each class. */
#include <string.h>

#include "format/json.h"
#include "text/tokenizer_load.h"

/* In the order of their ids. */
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
    {"GPT2", "opt", ELCL_CLASS_GPT2},
    {"GPT2", "gpt_neo", ELCL_CLASS_GPT2},
    {"Bart", "bart", ELCL_CLASS_BART},
    {"Roberta", "roberta", ELCL_CLASS_BART},
    {"Longformer", "longformer", ELCL_CLASS_BART},
    {"LED", "led", ELCL_CLASS_BART},
    {"Mvp", "mvp", ELCL_CLASS_BART},
    {"Blenderbot", "blenderbot", ELCL_CLASS_BLENDERBOT},
    {"XGLM", "xglm", ELCL_CLASS_XGLM},
    {"Bert", "bert", ELCL_CLASS_BERT},
    {"ByT5", NULL, ELCL_CLASS_BYT5},
    {"Whisper", "whisper", ELCL_CLASS_WHISPER},
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

int elcl_class_find_byte_level(struct elcl_tokenizer *t, const cJSON *config, const char *file,
                               elcl_error *err)
{
    const cJSON *name = elcl_json_get(config, "tokenizer_class");
    if (!name || cJSON_IsNull(name)) {
        if (t->class != ELCL_CLASS_BLENDERBOT && t->class != ELCL_CLASS_WHISPER)
            t->class = elcl_token_id(t, "<s>") >= 0 ? ELCL_CLASS_BART : ELCL_CLASS_GPT2;
        return ELCL_OK;
    }
    if (!cJSON_IsString(name))
        return elcl_json_mismatch(file, "tokenizer_class", "a string", name, err);
    t->class = class_of_name(name->valuestring);
    if (t->class == ELCL_CLASS_GPT2 || t->class == ELCL_CLASS_BART ||
        t->class == ELCL_CLASS_BLENDERBOT || t->class == ELCL_CLASS_WHISPER)
        return ELCL_OK;
    return elcl_fail(err, ELCL_E_UNSUPPORTED,
                     "%s: tokenizer_class is %.100s, which elcl does not support", file,
                     name->valuestring);
}

void elcl_class_wrap(struct elcl_tokenizer *t, int32_t cls, int32_t sep)
{
    int32_t before = -1, after = -1;
    switch (t->class) {
    case ELCL_CLASS_BART:
    case ELCL_CLASS_BERT:
        before = cls;
        after = sep;
        if (cls < 0 || sep < 0)
            return;
        break;
    case ELCL_CLASS_XGLM:
        before = t->eos;
        break;
    case ELCL_CLASS_BLENDERBOT:
        after = t->python ? t->eos : -1;
        break;
    case ELCL_CLASS_T5:
    case ELCL_CLASS_PEGASUS:
        after = t->eos;
        break;
    default:
        break;
    }
    if (before < 0 && after < 0)
        return;
    t->wraps = true;
    t->wrap = (struct elcl_wrap){
        .n_before = before >= 0, .n_after = after >= 0, .before = {before}, .after = {after}};
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
