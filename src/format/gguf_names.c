/* The names of tensors in GGUF files, as Hugging Face has them. */
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "format/gguf.h"

struct pair {
    const char *from, *to;
    bool transposed; /* the weight */
};

/* ---- T5 -------------------------------------------------------------------------------------- */

static const struct pair t5_wholes[] = {
    {"token_embd", "shared", false},
    {"output", "lm_head", false},
    {"enc.output_norm", "encoder.final_layer_norm", false},
    {"dec.output_norm", "decoder.final_layer_norm", false},
};

/* In layer.0 of a block, and in layer.1 of a decoder's block. */
static const struct pair t5_attention[] = {
    {"attn_norm", "layer.0.layer_norm", false},
    {"attn_q", "layer.0.SelfAttention.q", false},
    {"attn_k", "layer.0.SelfAttention.k", false},
    {"attn_v", "layer.0.SelfAttention.v", false},
    {"attn_o", "layer.0.SelfAttention.o", false},
    {"attn_rel_b", "layer.0.SelfAttention.relative_attention_bias", false},
    {"cross_attn_norm", "layer.1.layer_norm", false},
    {"cross_attn_q", "layer.1.EncDecAttention.q", false},
    {"cross_attn_k", "layer.1.EncDecAttention.k", false},
    {"cross_attn_v", "layer.1.EncDecAttention.v", false},
    {"cross_attn_o", "layer.1.EncDecAttention.o", false},
    {"cross_attn_rel_b", "layer.1.EncDecAttention.relative_attention_bias", false},
};

/* In the last layer of a block. */
static const struct pair t5_feed_forward[] = {
    {"ffn_norm", "layer_norm", false},
    {"ffn_gate", "DenseReluDense.wi_0", false},
    {"ffn_up", "DenseReluDense.wi", false},
    {"ffn_down", "DenseReluDense.wo", false},
};

/* ---- GPT-2 ----------------------------------------------------------------------------------- */

static const struct pair gpt2_wholes[] = {
    {"token_embd", "wte", false},
    {"position_embd", "wpe", false},
    {"output_norm", "ln_f", false},
    {"output", "lm_head", false},
};

static const struct pair gpt2_layer[] = {
    {"attn_norm", "ln_1", false}, {"attn_qkv", "attn.c_attn", true},
    {"ffn_norm", "ln_2", false},  {"attn_output", "attn.c_proj", true},
    {"ffn_up", "mlp.c_fc", true}, {"ffn_down", "mlp.c_proj", true},
};

/* ---------------------------------------------------------------------------------------------- */

/* A name in parts: "enc." + "blk.0." + "attn_q" + "weight". */
struct parts {
    char stack[5]; /* "enc.", "dec." or "" */
    int layer;     /* -1: outside of layers */
    char stem[64];
    const char *kind; /* "weight" or "bias" */
};

static bool cut(const char *name, struct parts *p)
{
    const bool stack = !strncmp(name, "enc.blk.", 8) || !strncmp(name, "dec.blk.", 8);
    const char *rest = name + (stack ? 4 : 0);
    int end = 0;
    *p = (struct parts){.layer = -1};
    if (stack)
        memcpy(p->stack, name, 4);
    if (!strncmp(rest, "blk.", 4)) {
        if (sscanf(rest, "blk.%5d.%n", &p->layer, &end) != 1 || !end || p->layer < 0)
            return false;
        rest += end;
    }
    const char *dot = strrchr(rest, '.');
    const size_t n = dot ? (size_t)(dot - rest) : 0;
    if (!n || n >= sizeof(p->stem))
        return false;
    memcpy(p->stem, rest, n);
    p->kind = dot + 1;
    return !strcmp(p->kind, "weight") || !strcmp(p->kind, "bias");
}

static const struct pair *find(const struct pair *pairs, size_t n, const char *stem)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(pairs[i].from, stem))
            return &pairs[i];
    return NULL;
}
#define FIND(pairs, stem) find(pairs, ELCL_COUNT(pairs), stem)

static bool name_t5(const struct elcl_gguf *g, const struct parts *p, char *to, size_t size)
{
    const bool decoder = *p->stack == 'd';
    const char *stack = decoder ? "decoder" : "encoder";
    const struct pair *pair;
    if (p->layer < 0) {
        pair = FIND(t5_wholes, p->stem);
        if (pair)
            snprintf(to, size, "%s.%s", pair->to, p->kind);
        return pair != NULL;
    }
    if (!*p->stack)
        return false;
    pair = FIND(t5_attention, p->stem);
    if (pair) {
        snprintf(to, size, "%s.block.%d.%s.%s", stack, p->layer, pair->to, p->kind);
        return true;
    }
    pair = FIND(t5_feed_forward, p->stem);
    if (pair) {
        const bool up = !strcmp(p->stem, "ffn_up");
        const bool gated = up && elcl_gguf_tensor(g, "enc.blk.0.ffn_gate.weight");
        snprintf(to, size, "%s.block.%d.layer.%d.%s%s.%s", stack, p->layer, decoder ? 2 : 1,
                 pair->to, gated ? "_1" : "", p->kind);
    }
    return pair != NULL;
}

static bool name_gpt2(const struct parts *p, char *to, size_t size, bool *transposed)
{
    const bool in_layer = p->layer >= 0;
    const struct pair *pair = *p->stack  ? NULL
                              : in_layer ? FIND(gpt2_layer, p->stem)
                                         : FIND(gpt2_wholes, p->stem);
    if (!pair)
        return false;
    if (in_layer)
        snprintf(to, size, "h.%d.%s.%s", p->layer, pair->to, p->kind);
    else
        snprintf(to, size, "%s.%s", pair->to, p->kind);
    *transposed = pair->transposed && *p->kind == 'w';
    return true;
}

void elcl_gguf_name(const struct elcl_gguf *gguf, const char *name, char *to, size_t size,
                    bool *transposed)
{
    struct parts p;
    bool known = cut(name, &p);
    *transposed = false;
    if (!strcmp(gguf->architecture, "t5"))
        known = known && name_t5(gguf, &p, to, size);
    else
        known = known && !strcmp(gguf->architecture, "gpt2") && name_gpt2(&p, to, size, transposed);
    if (!known)
        snprintf(to, size, "%s", name);
}
