/* The configuration of a Whisper model of CTranslate2, under the keys of its origin. Sizes stand in
 * model.bin; config.json has lists of tokens and heads under other names. */
#include "format/ctranslate2.h"
#include "format/json.h"

struct builder {
    const struct elcl_ct2 *ct2;
    const struct elcl_ct2_vocabulary *vocabulary;
    cJSON *to;
    elcl_error *err;
};

/* ---- sizes ----------------------------------------------------------------------------------- */

static int put(const struct builder *b, const char *key, double value)
{
    return cJSON_AddNumberToObject(b->to, key, value) ? ELCL_OK : elcl_fail_nomem(b->err);
}

/* Puts a dimension of a variable that every file has. */
static int put_extent(const struct builder *b, const char *key, const char *name, int dimension)
{
    const int32_t i = elcl_ct2_find(b->ct2, name);
    const struct elcl_ct2_variable *v = i < 0 ? NULL : &b->ct2->variables[i];
    if (!v || v->n_dims <= dimension)
        return elcl_fail(b->err, ELCL_E_FORMAT, "%s: variable %s is missing or has another shape",
                         b->ct2->path, name);
    return put(b, key, (double)v->shape[dimension]);
}

int elcl_ct2_speech_config(const struct elcl_ct2 *ct2, cJSON *to, elcl_error *err)
{
    const struct builder b = {.ct2 = ct2, .to = to, .err = err};
    int rc;
    if (!cJSON_AddStringToObject(to, "model_type", "whisper"))
        return elcl_fail_nomem(err);
    ELCL_TRY(put_extent(&b, "d_model", "encoder/conv1/weight", 0));
    ELCL_TRY(put_extent(&b, "num_mel_bins", "encoder/conv1/weight", 1));
    ELCL_TRY(put_extent(&b, "max_source_positions", "encoder/position_encodings/encodings", 0));
    ELCL_TRY(put_extent(&b, "max_target_positions", "decoder/position_encodings/encodings", 0));
    ELCL_TRY(put_extent(&b, "vocab_size", "decoder/embeddings/weight", 0));
fail:
    return rc;
}

/* ---- tokens ---------------------------------------------------------------------------------- */

static int put_id(const struct builder *b, const char *key, const char *token)
{
    const int32_t id = elcl_ct2_token_id(b->vocabulary, token);
    if (id < 0)
        return elcl_fail(b->err, ELCL_E_FORMAT, "%s: has no token %s", b->vocabulary->path, token);
    return put(b, key, id);
}

/* Copies a list that config.json may have; empty ones count. The key lang_ids of old files is off
 * by one in English models, so it is not read: tokens have names. */
static int put_list(const struct builder *b, const char *key, const cJSON *stored, const char *from)
{
    const cJSON *list = elcl_json_get(stored, from);
    if (!list || cJSON_IsNull(list))
        return ELCL_OK;
    cJSON *copy = cJSON_Duplicate(list, true);
    if (copy && cJSON_AddItemToObject(b->to, key, copy))
        return ELCL_OK;
    cJSON_Delete(copy);
    return elcl_fail_nomem(b->err);
}

int elcl_ct2_speech_generation(const struct elcl_ct2 *ct2,
                               const struct elcl_ct2_vocabulary *vocabulary, const cJSON *stored,
                               cJSON *to, elcl_error *err)
{
    const struct builder b = {.ct2 = ct2, .vocabulary = vocabulary, .to = to, .err = err};
    int rc;
    ELCL_TRY(put_id(&b, "decoder_start_token_id", ELCL_CT2_SPEECH_START));
    ELCL_TRY(put_id(&b, "bos_token_id", ELCL_CT2_SPEECH_END));
    ELCL_TRY(put_id(&b, "eos_token_id", ELCL_CT2_SPEECH_END));
    ELCL_TRY(put_id(&b, "pad_token_id", ELCL_CT2_SPEECH_END));
    ELCL_TRY(put_id(&b, "no_timestamps_token_id", "<|notimestamps|>"));
    ELCL_TRY(put_extent(&b, "max_length", "decoder/position_encodings/encodings", 0));
    ELCL_TRY(put_list(&b, "suppress_tokens", stored, "suppress_ids"));
    ELCL_TRY(put_list(&b, "begin_suppress_tokens", stored, "suppress_ids_begin"));
    ELCL_TRY(put_list(&b, "alignment_heads", stored, "alignment_heads"));
fail:
    return rc;
}
