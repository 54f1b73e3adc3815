/* LED: as BART, with learned positions from row 0 on, more of them in the encoder, whose self
 * attention has a window. Global attention, which the reference gives to no token unless asked, is
 * not supported. */
#include "base/util.h"
#include "format/json.h"
#include "model/bart_like.h"

static const char *const encoder_attention[] = {".longformer_self_attn.query",
                                                ".longformer_self_attn.key",
                                                ".longformer_self_attn.value", ".output"};

static const struct elcl_bart_like traits = {
    .embedding_norm = true,
    .positions = ELCL_POSITIONS_LEARNED,
    .encoder_positions_key = "max_encoder_position_embeddings",
    .decoder_positions_key = "max_decoder_position_embeddings",
    .encoder_attention = encoder_attention,
    .base = "led.",
    .logits_bias = true,
    .max_positions = 16384,
    .target_positions = 1024,
    .activation = "gelu",
};

/* attention_window is a number, or one for each layer; both sides together, so that keys up to half
 * of it away take part. */
static int read_window(const struct elcl_config *config, struct elcl_arch *a, elcl_error *err)
{
    const cJSON *value = elcl_json_get(config->model, "attention_window"), *one;
    int64_t window = 512;
    if (cJSON_IsArray(value)) {
        const cJSON *begin = cJSON_GetArrayItem(value, 0);
        if (cJSON_GetArraySize(value) != a->encoder_layers ||
            !elcl_json_int(begin, 2, 1 << 20, &window))
            return elcl_json_mismatch(config->path, "attention_window",
                                      "a number for each encoder layer, 2 or more", value, err);
        cJSON_ArrayForEach(one, value)
        {
            int64_t other;
            if (!elcl_json_int(one, 2, 1 << 20, &other) || other != window)
                return elcl_fail(err, ELCL_E_UNSUPPORTED,
                                 "%s: attention_window must be the same in all layers",
                                 config->path);
        }
    } else if (value && !cJSON_IsNull(value) && !elcl_json_int(value, 2, 1 << 20, &window)) {
        return elcl_json_mismatch(config->path, "attention_window", "a number, 2 or more", value,
                                  err);
    }
    a->window = (int)window / 2 + 1;
    return ELCL_OK;
}

static int read_arch(const struct elcl_family *family, const struct elcl_config *config,
                     struct elcl_arch *arch, elcl_error *err)
{
    const int rc = elcl_bart_like_arch(family, config, arch, err);
    return rc ? rc : read_window(config, arch, err);
}

static const struct elcl_config_default defaults[] = {
    {"pad_token_id", 1},           {"bos_token_id", 0}, {"eos_token_id", 2},
    {"decoder_start_token_id", 2}, {NULL, 0},
};

const struct elcl_family elcl_family_led = {
    .model_type = "led",
    .defaults = defaults,
    .bart_like = &traits,
    .read_arch = read_arch,
    .load = elcl_bart_like_load,
};
