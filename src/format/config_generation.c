/* Reads generation options from config.json and generation_config.json. */
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/gen_options.h"
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

/* Looks in generation_config.json if there is one, otherwise in config.json. */
static struct found find(const struct elcl_config *config, const char *key)
{
    const bool own = config->generation != NULL;
    struct found f = {key, own ? config->generation_path : config->path,
                      elcl_json_get(own ? config->generation : config->model, key)};
    if (cJSON_IsNull(f.value))
        f.value = NULL;
    return f;
}

/* ---- which file counts ---- */

/* The generation keys that Hugging Face's configuration classes had up to version 4. */
static const char *const model_keys[] = {
    "max_length",
    "min_length",
    "do_sample",
    "early_stopping",
    "num_beams",
    "num_beam_groups",
    "diversity_penalty",
    "temperature",
    "top_k",
    "top_p",
    "typical_p",
    "repetition_penalty",
    "length_penalty",
    "no_repeat_ngram_size",
    "encoder_no_repeat_ngram_size",
    "bad_words_ids",
    "num_return_sequences",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "exponential_decay_length_penalty",
    "suppress_tokens",
    "begin_suppress_tokens",
};

static bool is_default(const cJSON *value, const char *key,
                       const struct elcl_config_default *defaults)
{
    const struct elcl_gen_row *row = elcl_gen_row_find(key);
    double fallback = row ? row->fallback : NAN;
    for (; defaults && defaults->key; defaults++)
        if (!strcmp(defaults->key, key))
            fallback = defaults->value;
    if (!value || cJSON_IsNull(value))
        return true;
    if (cJSON_IsBool(value))
        return fallback == cJSON_IsTrue(value);
    return cJSON_IsNumber(value) && value->valuedouble == fallback;
}

/* Whether generation_config.json repeats what config.json once said ("_from_model_config"), and
 * config.json says more than its class: then transformers 4 reads only config.json. */
static bool is_copy(const struct elcl_config *config, const struct elcl_config_default *defaults)
{
    if (!cJSON_IsTrue(elcl_json_get(config->generation, "_from_model_config")))
        return false;
    for (size_t i = 0; i < ELCL_COUNT(model_keys); i++)
        if (!is_default(elcl_json_get(config->model, model_keys[i]), model_keys[i], defaults))
            return true;
    return false;
}

int elcl_config_add_defaults(struct elcl_config *config, const struct elcl_config_default *defaults,
                             elcl_error *err)
{
    if (is_copy(config, defaults)) {
        cJSON_Delete(config->generation);
        config->generation = NULL;
    }
    if (config->generation || !defaults)
        return ELCL_OK;
    for (; defaults->key; defaults++)
        if (!elcl_json_get(config->model, defaults->key) &&
            !cJSON_AddNumberToObject(config->model, defaults->key, defaults->value))
            return elcl_fail_nomem(err);
    return ELCL_OK;
}

/* ---- values ---- */

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

static bool is_token(const cJSON *value, int64_t *token)
{
    return elcl_json_int(value, INT32_MIN, INT32_MAX, token);
}

/* Reads an id. One outside the vocabulary never occurs, so it is none (-1), as is no id. */
static int read_token(const struct elcl_config *config, const char *key, int vocabulary,
                      int32_t fallback, int32_t *out, elcl_error *err)
{
    const struct found f = find(config, key);
    int64_t token = fallback;
    if (f.value && !is_token(f.value, &token))
        return elcl_json_mismatch(f.file, key, "a token id", f.value, err);
    *out = token >= 0 && token < vocabulary ? (int32_t)token : -1;
    return ELCL_OK;
}

/* Reads the id of a forced token, or a list: all of its tokens score 0, and of equal tokens greedy
 * search takes the lowest. */
static int read_forced(const struct elcl_config *config, const char *key, int32_t *out,
                       elcl_error *err)
{
    const struct found f = find(config, key);
    int32_t lowest = -1;
    for (const cJSON *item = cJSON_IsArray(f.value) ? f.value->child : f.value; item;
         item = cJSON_IsArray(f.value) ? item->next : NULL) {
        int64_t token;
        if (!elcl_json_int(item, 0, INT32_MAX, &token))
            return elcl_json_mismatch(f.file, key, "a token id of 0 or more, or a list of them",
                                      item, err);
        if (lowest < 0 || token < lowest)
            lowest = (int32_t)token;
    }
    *out = lowest;
    return ELCL_OK;
}

/* Reads the start token, or a list with one for each text of a batch, which must be the same. */
static int read_start(const struct elcl_config *config, int32_t bos, int32_t *out, elcl_error *err)
{
    const struct found f = find(config, "decoder_start_token_id");
    const cJSON *first = cJSON_IsArray(f.value) ? f.value->child : f.value;
    int64_t start = bos, token;
    if (f.value && !elcl_json_int(first, 0, INT32_MAX, &start))
        return elcl_json_mismatch(f.file, f.key, "a token id of 0 or more", first, err);
    for (const cJSON *item = cJSON_IsArray(f.value) ? first->next : NULL; item; item = item->next)
        if (!is_token(item, &token) || token != start)
            return elcl_fail(err, ELCL_E_UNSUPPORTED,
                             "%s: decoder_start_token_id has a token for each text of a batch; "
                             "elcl starts all texts with one: keep that one, and use "
                             "--decoder-start-token-id for others",
                             f.file);
    *out = (int32_t)start;
    return ELCL_OK;
}

static int read_flag(const struct elcl_config *config, const char *key, int *out, elcl_error *err)
{
    const struct found f = find(config, key);
    int64_t number = cJSON_IsTrue(f.value);
    if (f.value && !cJSON_IsBool(f.value) && !elcl_json_int(f.value, 0, 1, &number))
        return elcl_json_mismatch(f.file, key, "true or false", f.value, err);
    *out = (int)number;
    return ELCL_OK;
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

/* Reads one id or a list of ids. Ids outside the vocabulary never end an output. */
static int read_eos(const struct elcl_config *config, int vocabulary, elcl_gen_options *options,
                    elcl_error *err)
{
    const struct found f = find(config, "eos_token_id");
    const cJSON *item = cJSON_IsArray(f.value) ? f.value->child : f.value;
    options->n_eos = 0;
    for (; item; item = cJSON_IsArray(f.value) ? item->next : NULL) {
        int64_t token;
        if (!is_token(item, &token))
            return elcl_json_mismatch(f.file, f.key, "a token id or a list of them", item, err);
        if (token < 0 || token >= vocabulary)
            continue;
        if (options->n_eos == ELCL_MAX_EOS)
            return elcl_fail(err, ELCL_E_UNSUPPORTED,
                             "%s: eos_token_id: more than %d ids, which is elcl's limit", f.file,
                             ELCL_MAX_EOS);
        options->eos_token_ids[options->n_eos++] = (int32_t)token;
    }
    for (int i = options->n_eos; i < ELCL_MAX_EOS; i++)
        options->eos_token_ids[i] = -1;
    return ELCL_OK;
}

/* Numbers mean false: transformers 5 accepts 0 and 1 and then asks whether the value is true. */
static int read_early_stopping(const struct elcl_config *config, enum elcl_early_stopping *out,
                               elcl_error *err)
{
    const struct found f = find(config, "early_stopping");
    int64_t number;
    if (!f.value || cJSON_IsFalse(f.value) || elcl_json_int(f.value, 0, 1, &number))
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

/* The transcriber of speech reads it: language and task. */
#define SPEECH_PROMPT "forced_decoder_ids"

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
    {SPEECH_PROMPT, {0, 0}},
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
        const bool speech = !strcmp(f.key, SPEECH_PROMPT) && !strcmp(config->model_type, "whisper");
        if (!speech && !does_nothing(f.value, refused[i].neutral))
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

/* Reads tokens to be suppressed; those outside the vocabulary never occur. */
static int read_tokens(const struct elcl_config *config, const char *key, int vocabulary,
                       elcl_tokens *tokens, void **memory, elcl_error *err)
{
    static const double neutral[2] = {0, 0};
    const struct found f = find(config, key);
    return does_nothing(f.value, neutral)
               ? ELCL_OK
               : elcl_json_tokens(f.value, f.file, f.key, vocabulary, tokens, memory, err);
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

static int read_lists(struct elcl_config *config, int vocabulary, elcl_gen_options *o,
                      elcl_error *err)
{
    int rc;
    for (size_t i = 0; i < ELCL_COUNT(config->lists); i++) {
        elcl_free(config->lists[i]);
        config->lists[i] = NULL;
    }
    ELCL_TRY(read_bad_words(config, o, err));
    ELCL_TRY(read_tokens(config, "suppress_tokens", vocabulary, &o->suppress_tokens,
                         &config->lists[1], err));
    ELCL_TRY(read_tokens(config, "begin_suppress_tokens", vocabulary, &o->begin_suppress_tokens,
                         &config->lists[2], err));
    ELCL_TRY(read_stop_strings(config, o, err));
fail:
    return rc;
}

/* Sampling cut-offs that elcl does not have matter only if sampling is on. */
static int refuse_cutoffs(const struct elcl_config *config, const elcl_gen_options *o,
                          elcl_error *err)
{
    static const char *const cutoffs[] = {"epsilon_cutoff", "eta_cutoff"};
    for (size_t i = 0; i < ELCL_COUNT(cutoffs); i++) {
        const struct found f = find(config, cutoffs[i]);
        const double off[2] = {0, 1};
        if (o->do_sample && !does_nothing(f.value, off))
            return elcl_fail(err, ELCL_E_UNSUPPORTED, "%s: %s is %s, which elcl does not support",
                             f.file, f.key, elcl_json_describe(f.value).s);
    }
    return ELCL_OK;
}

/* Reads a number or a flag. */
static int read_row(const struct elcl_config *config, const struct elcl_gen_row *row,
                    elcl_gen_options *o, elcl_error *err)
{
    const elcl_gen_option *about = &row->about;
    char *field = (char *)o + row->offset;
    float number = (float)row->fallback;
    int rc = ELCL_OK, i = 0;
    if (about->type == ELCL_OPTION_NUMBER) {
        if (row->in_files)
            rc = read_float(config, about->name, number, &number, err);
        memcpy(field, &number, sizeof(number));
        return rc;
    }
    if (!row->in_files)
        return ELCL_OK;
    rc = about->type == ELCL_OPTION_BOOL ? read_flag(config, about->name, &i, err)
                                         : read_int(config, about->name, (int)about->min,
                                                    (int)about->max, (int)row->fallback, &i, err);
    if (!rc)
        memcpy(field, &i, sizeof(i));
    return rc;
}

static int read_rows(const struct elcl_config *config, elcl_gen_options *o, elcl_error *err)
{
    const struct elcl_gen_row *row;
    int rc = ELCL_OK;
    for (int i = 0; !rc && (row = elcl_gen_row_get(i)); i++)
        rc = read_row(config, row, o, err);
    return rc;
}

/* Files of BART from 2020 force their bos_token_id by a flag, which counts only in config.json. */
static int read_first_token(const struct elcl_config *config, int32_t bos, elcl_gen_options *o,
                            elcl_error *err)
{
    const int rc = read_forced(config, "forced_bos_token_id", &o->forced_bos_token_id, err);
    if (!config->generation && o->forced_bos_token_id < 0 &&
        cJSON_IsTrue(elcl_json_get(config->model, "force_bos_token_to_be_generated")))
        o->forced_bos_token_id = bos;
    return rc;
}

/* Timestamps follow the token that says that there are none. */
static int read_timestamps(const struct elcl_config *config, int vocabulary, elcl_gen_options *o,
                           elcl_error *err)
{
    int wanted = 0, rc;
    o->timestamp_begin_token_id = o->no_speech_token_id = -1;
    ELCL_TRY(read_token(config, "no_timestamps_token_id", vocabulary, -1,
                        &o->no_timestamps_token_id, err));
    ELCL_TRY(read_flag(config, "return_timestamps", &wanted, err));
    if (wanted && o->no_timestamps_token_id >= 0 && o->no_timestamps_token_id < vocabulary - 1)
        o->timestamp_begin_token_id = o->no_timestamps_token_id + 1;
fail:
    return rc;
}

static int read_special_tokens(const struct elcl_config *config, int vocabulary,
                               elcl_gen_options *o, elcl_error *err)
{
    int32_t bos = -1;
    int rc;
    ELCL_TRY(read_eos(config, vocabulary, o, err));
    ELCL_TRY(read_token(config, "bos_token_id", vocabulary, -1, &bos, err));
    ELCL_TRY(read_start(config, bos, &o->decoder_start_token_id, err));
    ELCL_TRY(read_first_token(config, bos, o, err));
    ELCL_TRY(read_forced(config, "forced_eos_token_id", &o->forced_eos_token_id, err));
    ELCL_TRY(read_token(config, "unk_token_id", vocabulary, -1, &o->unk_token_id, err));
    ELCL_TRY(read_timestamps(config, vocabulary, o, err));
    ELCL_TRY(read_token(config, "pad_token_id", vocabulary, o->n_eos ? o->eos_token_ids[0] : -1,
                        &o->pad_token_id, err));
fail:
    return rc;
}

int elcl_config_gen_options(struct elcl_config *config, int vocabulary, elcl_gen_options *options,
                            elcl_error *err)
{
    elcl_gen_options o = {0};
    int rc;
    ELCL_TRY(refuse_others(config, err));
    ELCL_TRY(read_rows(config, &o, err));
    ELCL_TRY(refuse_cutoffs(config, &o, err));
    ELCL_TRY(read_early_stopping(config, &o.early_stopping, err));
    if (o.max_length ==
        DEFAULT_MAX_LENGTH) /* the number of new tokens, unless the caller sets it */
        o.max_length += PROMPT;
    ELCL_TRY(read_special_tokens(config, vocabulary, &o, err));
    ELCL_TRY(read_lists(config, vocabulary, &o, err));
    *options = o;
    return ELCL_OK;
fail:
    return rc;
}
