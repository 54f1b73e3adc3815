/* The configuration of a whisper.cpp file. */
#include "base/util.h"
#include "format/ggml.h"
#include "format/json.h"

static const struct {
    const char *key;
    enum elcl_ggml_size size;
} config_keys[] = {
    {"d_model", ELCL_GGML_TEXT_WIDTH},
    {"encoder_layers", ELCL_GGML_AUDIO_LAYERS},
    {"encoder_attention_heads", ELCL_GGML_AUDIO_HEADS},
    {"decoder_layers", ELCL_GGML_TEXT_LAYERS},
    {"decoder_attention_heads", ELCL_GGML_TEXT_HEADS},
    {"num_mel_bins", ELCL_GGML_MELS},
    {"max_source_positions", ELCL_GGML_AUDIO_POSITIONS},
    {"max_target_positions", ELCL_GGML_TEXT_POSITIONS},
    {"vocab_size", ELCL_GGML_VOCABULARY},
};

static int put(cJSON *to, const char *key, double value, elcl_error *err)
{
    return cJSON_AddNumberToObject(to, key, value) ? ELCL_OK : elcl_fail_nomem(err);
}

static int make_config(const struct elcl_ggml *ggml, cJSON *to, elcl_error *err)
{
    const int width = ggml->sizes[ELCL_GGML_TEXT_WIDTH];
    int rc = ELCL_OK;
    if (ggml->sizes[ELCL_GGML_AUDIO_WIDTH] != width)
        return elcl_fail(err, ELCL_E_UNSUPPORTED,
                         "%s: the encoder's width is %d and the decoder's %d; both must be equal",
                         ggml->path, ggml->sizes[ELCL_GGML_AUDIO_WIDTH], width);
    if (!cJSON_AddStringToObject(to, "model_type", "whisper"))
        return elcl_fail_nomem(err);
    for (size_t i = 0; i < ELCL_COUNT(config_keys) && !rc; i++)
        rc = put(to, config_keys[i].key, ggml->sizes[config_keys[i].size], err);
    if (!rc)
        rc = put(to, "encoder_ffn_dim", 4.0 * width, err);
    if (!rc)
        rc = put(to, "decoder_ffn_dim", 4.0 * width, err);
    if (!rc && !cJSON_AddStringToObject(to, "activation_function", "gelu"))
        rc = elcl_fail_nomem(err);
    return rc;
}

static int make_generation(const struct elcl_ggml *ggml, cJSON *to, elcl_error *err)
{
    const int32_t end = ggml->end, time = elcl_ggml_first_time(ggml);
    int rc;
    ELCL_TRY(put(to, "decoder_start_token_id", end + 1, err));
    ELCL_TRY(put(to, "bos_token_id", end, err));
    ELCL_TRY(put(to, "eos_token_id", end, err));
    ELCL_TRY(put(to, "pad_token_id", end, err));
    ELCL_TRY(put(to, "no_timestamps_token_id", time - 1, err));
    ELCL_TRY(put(to, "max_length", ggml->sizes[ELCL_GGML_TEXT_POSITIONS], err));
    ELCL_TRY(elcl_ggml_put_heads(ggml, to, err));
fail:
    return rc;
}

int elcl_ggml_config(const char *path, cJSON **config, cJSON **generation, elcl_error *err)
{
    struct elcl_ggml ggml = {0};
    cJSON *made = cJSON_CreateObject(), *more = cJSON_CreateObject();
    int rc = made && more ? ELCL_OK : elcl_fail_nomem(err);
    if (!rc)
        rc = elcl_ggml_open(path, false, &ggml, err);
    if (!rc)
        rc = make_config(&ggml, made, err);
    if (!rc)
        rc = make_generation(&ggml, more, err);
    elcl_ggml_finish(&ggml);
    if (rc) {
        cJSON_Delete(made);
        cJSON_Delete(more);
        return rc;
    }
    *config = made;
    *generation = more;
    return ELCL_OK;
}
