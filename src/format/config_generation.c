/* Reads generation options from config.json and generation_config.json. */
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "format/config.h"
#include "format/json.h"
#include "format/json_lists.h"

/* A key's value, and its file for messages. */
struct found {
    const char *key;
    const char *file;
    const cJSON *value; /* NULL when absent or null */
};

/* A null in generation_config.json means "not set" and hides the value in config.json. */
static struct found find(const struct elcl_config *config, const char *key)
{
    struct found f = {key, config->generation_path, elcl_json_get(config->generation, key)};
    if (!f.value) {
        f.file = config->path;
        f.value = elcl_json_get(config->model, key);
    }
    if (cJSON_IsNull(f.value))
        f.value = NULL;
    return f;
}

static int read_int(const struct elcl_config *config, const char *key, int min, int max,
                    int fallback, int *out, elcl_error *err)
{
    const struct found f = find(config, key);
    int64_t i = fallback;
    if (f.value && !elcl_json_int(f.value, min, max, &i)) {
        char what[64];
        snprintf(what, sizeof(what), "an integer in %d .. %d", min, max);
        return elcl_json_mismatch(f.file, key, what, f.value, err);
    }
    *out = (int)i;
    return ELCL_OK;
}

/* fallback -1: none. */
static int read_token(const struct elcl_config *config, const char *key, int32_t fallback,
                      int32_t *out, elcl_error *err)
{
    int token = 0;
    const int rc = read_int(config, key, 0, INT32_MAX, fallback, &token, err);
    if (!rc)
        *out = token;
    return rc;
}

static int read_float(const struct elcl_config *config, const char *key, float fallback, float *out,
                      elcl_error *err)
{
    const struct found f = find(config, key);
    if (f.value && (!cJSON_IsNumber(f.value) || !(fabs(f.value->valuedouble) <= (double)FLT_MAX)))
        return elcl_json_mismatch(f.file, key, "a number", f.value, err);
    *out = f.value ? (float)f.value->valuedouble : fallback;
    return ELCL_OK;
}

/* Reads one id or a list of ids. */
static int read_eos(const struct elcl_config *config, elcl_gen_options *options, elcl_error *err)
{
    const struct found f = find(config, "eos_token_id");
    const cJSON *item = cJSON_IsArray(f.value) ? f.value->child : f.value;
    options->n_eos = 0;
    for (; item; item = cJSON_IsArray(f.value) ? item->next : NULL) {
        int64_t token;
        if (!elcl_json_int(item, 0, INT32_MAX, &token))
            return elcl_json_mismatch(f.file, f.key, "a token id or a list of them", item, err);
        if (options->n_eos == ELCL_MAX_EOS)
            return elcl_fail(err, ELCL_E_UNSUPPORTED, "%s: eos_token_id: more than %d ids", f.file,
                             ELCL_MAX_EOS);
        options->eos_token_ids[options->n_eos++] = (int32_t)token;
    }
    for (int i = options->n_eos; i < ELCL_MAX_EOS; i++)
        options->eos_token_ids[i] = -1;
    return ELCL_OK;
}

static int read_early_stopping(const struct elcl_config *config, enum elcl_early_stopping *out,
                               elcl_error *err)
{
    const struct found f = find(config, "early_stopping");
    if (!f.value || cJSON_IsFalse(f.value))
        *out = ELCL_EARLY_FALSE;
    else if (cJSON_IsTrue(f.value))
        *out = ELCL_EARLY_TRUE;
    else if (cJSON_IsString(f.value) && !strcmp(f.value->valuestring, "never"))
        *out = ELCL_EARLY_NEVER;
    else
        return elcl_json_mismatch(f.file, f.key, "true, false or \"never\"", f.value, err);
    return ELCL_OK;
}

/* Hugging Face counts its default max_length from the end of the decoder's prompt. */
#define DEFAULT_MAX_LENGTH 20
#define PROMPT 1
#define DEFAULT_TOP_K 50

/* Options that change the output and that elcl does not have. They have no effect at these values:
 * false, `neutral`, an empty list or object. */
static const struct {
    const char *key;
    double neutral[2];
} refused[] = {
    {"penalty_alpha", {0, 0}},
    {"dola_layers", {0, 0}},
    {"force_words_ids", {0, 0}},
    {"constraints", {0, 0}},
    {"exponential_decay_length_penalty", {0, 0}},
    {"forced_decoder_ids", {0, 0}},
    {"sequence_bias", {0, 0}},
    {"token_healing", {0, 0}},
    {"guidance_scale", {1, 1}},
    {"watermarking_config", {0, 0}},
    {"max_time", {0, 0}},
};

static bool does_nothing(const cJSON *value, const double neutral[2])
{
    if (!value || cJSON_IsFalse(value))
        return true;
    if (cJSON_IsNumber(value))
        return value->valuedouble == neutral[0] || value->valuedouble == neutral[1];
    return (cJSON_IsArray(value) || cJSON_IsObject(value)) && !value->child;
}

static int refuse_others(const struct elcl_config *config, elcl_error *err)
{
    for (size_t i = 0; i < ELCL_COUNT(refused); i++) {
        const struct found f = find(config, refused[i].key);
        if (!does_nothing(f.value, refused[i].neutral))
            return elcl_fail(err, ELCL_E_UNSUPPORTED, "%s: %s is %s, which elcl does not support",
                             f.file, f.key, elcl_json_describe(f.value).s);
    }
    return ELCL_OK;
}

bool elcl_config_default_length(const struct elcl_config *config)
{
    int64_t length;
    const struct found f = find(config, "max_length");
    return !f.value ||
           (elcl_json_int(f.value, 1, INT_MAX, &length) && length == DEFAULT_MAX_LENGTH);
}

/* Whether a value is [[token]]. */
static bool is_single(const cJSON *value, int32_t token)
{
    const cJSON *word = cJSON_IsArray(value) ? value->child : NULL;
    const cJSON *item = cJSON_IsArray(word) ? word->child : NULL;
    int64_t id;
    return item && !word->next && !item->next && elcl_json_int(item, 0, INT32_MAX, &id) &&
           id == token;
}

/* A list of only the padding token, as in Marian models, becomes ban_pad. If padding is also EOS,
 * Hugging Face drops the ban. */
static int read_bad_words(struct elcl_config *config, elcl_gen_options *o, elcl_error *err)
{
    static const double neutral[2] = {0, 0};
    const struct found f = find(config, "bad_words_ids");
    if (does_nothing(f.value, neutral))
        return ELCL_OK;
    if (!is_single(f.value, o->pad_token_id))
        return elcl_json_token_lists(f.value, f.file, f.key, &o->bad_words, &o->n_bad_words,
                                     &config->lists[0], err);
    o->ban_pad = 1;
    for (int i = 0; i < o->n_eos; i++)
        if (o->eos_token_ids[i] == o->pad_token_id)
            o->ban_pad = 0;
    return ELCL_OK;
}

static int read_tokens(const struct elcl_config *config, const char *key, elcl_tokens *tokens,
                       void **memory, elcl_error *err)
{
    static const double neutral[2] = {0, 0};
    const struct found f = find(config, key);
    return does_nothing(f.value, neutral)
               ? ELCL_OK
               : elcl_json_tokens(f.value, f.file, f.key, tokens, memory, err);
}

static int read_stop_strings(struct elcl_config *config, elcl_gen_options *o, elcl_error *err)
{
    static const double neutral[2] = {0, 0};
    const struct found f = find(config, "stop_strings");
    return does_nothing(f.value, neutral)
               ? ELCL_OK
               : elcl_json_strings(f.value, f.file, f.key, &o->stop_strings, &o->n_stop_strings,
                                   &config->lists[3], err);
}

static int read_lists(struct elcl_config *config, elcl_gen_options *o, elcl_error *err)
{
    int rc;
    for (size_t i = 0; i < ELCL_COUNT(config->lists); i++) {
        elcl_free(config->lists[i]);
        config->lists[i] = NULL;
    }
    ELCL_TRY(read_bad_words(config, o, err));
    ELCL_TRY(read_tokens(config, "suppress_tokens", &o->suppress_tokens, &config->lists[1], err));
    ELCL_TRY(read_tokens(config, "begin_suppress_tokens", &o->begin_suppress_tokens,
                         &config->lists[2], err));
    ELCL_TRY(read_stop_strings(config, o, err));
fail:
    return rc;
}

static int read_renormalize(const struct elcl_config *config, elcl_gen_options *o, elcl_error *err)
{
    const struct found f = find(config, "renormalize_logits");
    if (f.value && !cJSON_IsBool(f.value))
        return elcl_json_mismatch(f.file, f.key, "true or false", f.value, err);
    o->renormalize_logits = cJSON_IsTrue(f.value);
    return ELCL_OK;
}

/* Sampling cut-offs that elcl does not have matter only if sampling is on. */
static int read_sampling(const struct elcl_config *config, elcl_gen_options *o, elcl_error *err)
{
    static const char *const cutoffs[] = {"epsilon_cutoff", "eta_cutoff"};
    const struct found sample = find(config, "do_sample");
    int rc;
    if (sample.value && !cJSON_IsBool(sample.value))
        return elcl_json_mismatch(sample.file, sample.key, "true or false", sample.value, err);
    o->do_sample = cJSON_IsTrue(sample.value);
    for (size_t i = 0; i < ELCL_COUNT(cutoffs); i++) {
        const struct found f = find(config, cutoffs[i]);
        const double off[2] = {0, 1};
        if (o->do_sample && !does_nothing(f.value, off))
            return elcl_fail(err, ELCL_E_UNSUPPORTED, "%s: %s is %s, which elcl does not support",
                             f.file, f.key, elcl_json_describe(f.value).s);
    }
    ELCL_TRY(read_float(config, "temperature", 1, &o->temperature, err));
    ELCL_TRY(read_int(config, "top_k", 0, INT_MAX, DEFAULT_TOP_K, &o->top_k, err));
    ELCL_TRY(read_float(config, "top_p", 1, &o->top_p, err));
    ELCL_TRY(read_float(config, "min_p", 0, &o->min_p, err));
    ELCL_TRY(read_float(config, "typical_p", 1, &o->typical_p, err));
fail:
    return rc;
}

int elcl_config_gen_options(struct elcl_config *config, elcl_gen_options *options, elcl_error *err)
{
    elcl_gen_options o = {.patience = 1};
    int32_t bos = -1;
    int rc;
    ELCL_TRY(refuse_others(config, err));
    ELCL_TRY(read_int(config, "num_beams", 1, ELCL_MAX_BEAMS, 1, &o.num_beams, err));
    ELCL_TRY(read_int(config, "num_return_sequences", 1, ELCL_MAX_BEAMS, 1, &o.num_return_sequences,
                      err));
    ELCL_TRY(read_int(config, "num_beam_groups", 1, ELCL_MAX_BEAMS, 1, &o.num_beam_groups, err));
    ELCL_TRY(read_float(config, "diversity_penalty", 0, &o.diversity_penalty, err));
    ELCL_TRY(read_float(config, "length_penalty", 1, &o.length_penalty, err));
    ELCL_TRY(read_early_stopping(config, &o.early_stopping, err));
    ELCL_TRY(read_int(config, "max_length", 1, INT_MAX, DEFAULT_MAX_LENGTH, &o.max_length, err));
    ELCL_TRY(read_int(config, "max_new_tokens", 1, INT_MAX, 0, &o.max_new_tokens, err));
    if (o.max_length ==
        DEFAULT_MAX_LENGTH) /* the number of new tokens, unless the caller sets it */
        o.max_length += PROMPT;
    ELCL_TRY(read_int(config, "min_length", 0, INT_MAX, 0, &o.min_length, err));
    ELCL_TRY(read_int(config, "min_new_tokens", 0, INT_MAX, 0, &o.min_new_tokens, err));
    ELCL_TRY(read_int(config, "no_repeat_ngram_size", 0, INT_MAX, 0, &o.no_repeat_ngram_size, err));
    ELCL_TRY(read_float(config, "repetition_penalty", 1, &o.repetition_penalty, err));
    ELCL_TRY(read_eos(config, &o, err));
    ELCL_TRY(read_token(config, "bos_token_id", -1, &bos, err));
    ELCL_TRY(read_token(config, "decoder_start_token_id", bos, &o.decoder_start_token_id, err));
    ELCL_TRY(read_token(config, "forced_bos_token_id", -1, &o.forced_bos_token_id, err));
    ELCL_TRY(read_token(config, "forced_eos_token_id", -1, &o.forced_eos_token_id, err));
    ELCL_TRY(read_token(config, "unk_token_id", -1, &o.unk_token_id, err));
    ELCL_TRY(read_token(config, "pad_token_id", o.n_eos ? o.eos_token_ids[0] : -1, &o.pad_token_id,
                        err));
    ELCL_TRY(read_lists(config, &o, err));
    ELCL_TRY(read_int(config, "encoder_no_repeat_ngram_size", 0, INT_MAX, 0,
                      &o.encoder_no_repeat_ngram_size, err));
    ELCL_TRY(
        read_float(config, "encoder_repetition_penalty", 1, &o.encoder_repetition_penalty, err));
    ELCL_TRY(read_renormalize(config, &o, err));
    ELCL_TRY(read_sampling(config, &o, err));
    *options = o;
    return ELCL_OK;
fail:
    return rc;
}
