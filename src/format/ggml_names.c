/* The names of OpenAI's tensors, as Hugging Face has them. */
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "format/ggml.h"

struct pair {
    const char *from, *to;
};

static const struct pair parts[] = {
    {"attn_ln", "self_attn_layer_norm"},
    {"attn.query", "self_attn.q_proj"},
    {"attn.key", "self_attn.k_proj"},
    {"attn.value", "self_attn.v_proj"},
    {"attn.out", "self_attn.out_proj"},
    {"cross_attn_ln", "encoder_attn_layer_norm"},
    {"cross_attn.query", "encoder_attn.q_proj"},
    {"cross_attn.key", "encoder_attn.k_proj"},
    {"cross_attn.value", "encoder_attn.v_proj"},
    {"cross_attn.out", "encoder_attn.out_proj"},
    {"mlp_ln", "final_layer_norm"},
    {"mlp.0", "fc1"},
    {"mlp.2", "fc2"},
};

static const struct pair wholes[] = {
    {"encoder.positional_embedding", "encoder.embed_positions.weight"},
    {"decoder.positional_embedding", "decoder.embed_positions.weight"},
    {"decoder.token_embedding.weight", "decoder.embed_tokens.weight"},
    {"encoder.ln_post.weight", "encoder.layer_norm.weight"},
    {"encoder.ln_post.bias", "encoder.layer_norm.bias"},
    {"decoder.ln.weight", "decoder.layer_norm.weight"},
    {"decoder.ln.bias", "decoder.layer_norm.bias"},
    {"encoder.conv1.weight", "encoder.conv1.weight"},
    {"encoder.conv1.bias", "encoder.conv1.bias"},
    {"encoder.conv2.weight", "encoder.conv2.weight"},
    {"encoder.conv2.bias", "encoder.conv2.bias"},
};

/* A tensor of a layer: "encoder.blocks.0.attn.query.weight". */
static bool name_in_layer(const char *name, char *to, size_t size)
{
    char stack[8], part[64], kind[8];
    int layer, end = 0;
    if (sscanf(name, "%7[a-z].blocks.%d.%n", stack, &layer, &end) != 2 || !end || layer < 0 ||
        (strcmp(stack, "encoder") != 0 && strcmp(stack, "decoder") != 0))
        return false;
    const char *dot = strrchr(name + end, '.');
    const size_t n = dot ? (size_t)(dot - (name + end)) : 0;
    if (!n || n >= sizeof(part) || (strcmp(dot, ".weight") != 0 && strcmp(dot, ".bias") != 0))
        return false;
    memcpy(part, name + end, n);
    part[n] = '\0';
    snprintf(kind, sizeof(kind), "%s", dot + 1);
    for (size_t i = 0; i < ELCL_COUNT(parts); i++) {
        if (strcmp(part, parts[i].from) != 0)
            continue;
        snprintf(to, size, "model.%s.layers.%d.%s.%s", stack, layer, parts[i].to, kind);
        return true;
    }
    return false;
}

bool elcl_ggml_name(const char *name, char *to, size_t size)
{
    for (size_t i = 0; i < ELCL_COUNT(wholes); i++) {
        if (!strcmp(name, wholes[i].from)) {
            snprintf(to, size, "model.%s", wholes[i].to);
            return true;
        }
    }
    return name_in_layer(name, to, size);
}
