/* A model's hyper-parameters, whatever its family. */
#ifndef ELCL_MODEL_ARCH_H
#define ELCL_MODEL_ARCH_H

#include "ops/ops.h"

/* Limits of hyper-parameters, far above any model: they keep sizes in range. */
#define ELCL_MAX_LAYERS 256
#define ELCL_MAX_WIDTH 65536

struct elcl_arch {
    int d;          /* D, of encoder and decoder */
    int vocabulary; /* V, of the output */
    int source_vocabulary;
    int encoder_layers, decoder_layers; /* decoder-only models have no encoder layers */
    int encoder_heads, decoder_heads;   /* H */
    int head_width;                     /* Dh; 0: D / H */
    int embed_width;                    /* W of the token embeddings; 0: D */
    int encoder_ffn, decoder_ffn;       /* F */
    int input_width;       /* C, numbers of a frame that the encoder reads, at most 2 max_positions
                            * frames; 0: it reads tokens */
    int max_positions;     /* tokens that have a position, in source and target */
    int target_positions;  /* led: those of the target; 0: max_positions */
    int default_positions; /* default lengths of an engine; 0: all positions */
    int position_offset;   /* row of position 0 in the position tables */
    int distance_buckets, max_distance; /* t5: for position biases */
    int window;                         /* gpt_neo, led: keys this far away are hidden; 0: none */
    uint64_t local[4]; /* gpt_neo: bit l % 64 of word l / 64: layer l has the window */
    float embed_scale;
    float norm_eps;
    enum elcl_activation act;
    bool pre_norm;              /* norms come before the sublayers, and one after each stack */
    bool norm_before_positions; /* the decoder adds positions after the embedding's norm */
    bool final_norm;            /* opt, ctranslate2: the norm after the stack exists */
    bool embedding_norm;        /* ctranslate2: a norm after the embedding exists */
    bool head_bias;             /* ctranslate2: the output has a bias */
    bool plain_norms;           /* opt: norms have neither weight nor bias */
    bool no_bias;               /* opt: linear layers have no bias */
    bool tied;            /* the output projection is the decoder's token embedding, unless it is
                           * stored and differs */
    bool scaled_output;   /* t5: hidden states are divided by sqrt(D) before the output */
    bool shared;          /* encoder and decoder have the same vocabulary */
    bool multi_query;     /* gpt_bigcode: all heads have one key and one value */
    bool decoder_only;    /* no encoder, no cross attention: the source begins the output */
    bool gated;           /* the feed-forward layer has two first maps: act(x W0) * (x W1) */
    bool unscaled_scores; /* not divided by sqrt(Dh) */
    bool scores_by_layer; /* decoder self attention divides scores by the layer's number, from 1 */
};

static inline int elcl_arch_dh(const struct elcl_arch *arch, int heads)
{
    return arch->head_width ? arch->head_width : arch->d / heads;
}

/* Returns H Dh, the width of all heads together. */
static inline int elcl_arch_inner(const struct elcl_arch *arch, int heads)
{
    return heads * elcl_arch_dh(arch, heads);
}

static inline int elcl_arch_default_positions(const struct elcl_arch *arch)
{
    return arch->default_positions ? arch->default_positions : arch->max_positions;
}

static inline int elcl_arch_target_positions(const struct elcl_arch *arch)
{
    return arch->target_positions ? arch->target_positions : arch->max_positions;
}

static inline int elcl_arch_default_target(const struct elcl_arch *arch)
{
    const int positions = elcl_arch_default_positions(arch);
    const int target = elcl_arch_target_positions(arch);
    return positions < target ? positions : target;
}

/* Returns the most tokens of an output with its start token or prompt: nothing follows the last
 * one, so it needs no position. */
static inline int elcl_arch_max_target(const struct elcl_arch *arch)
{
    return elcl_arch_target_positions(arch) + 1;
}

static inline int elcl_arch_embed_width(const struct elcl_arch *arch)
{
    return arch->embed_width ? arch->embed_width : arch->d;
}

#endif
