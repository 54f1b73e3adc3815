/* A model's hyper-parameters, whatever its family. */
#ifndef ELCL_MODEL_ARCH_H
#define ELCL_MODEL_ARCH_H

#include "ops/ops.h"

struct elcl_arch {
    int d;          /* D, of encoder and decoder */
    int vocabulary; /* V, of the output */
    int source_vocabulary;
    int encoder_layers, decoder_layers; /* decoder-only models have no encoder layers */
    int encoder_heads, decoder_heads;   /* H */
    int encoder_ffn, decoder_ffn;       /* F */
    int max_positions;                  /* tokens that have a position, of source and target */
    int position_offset;                /* row of position 0 in the position tables */
    float embed_scale;
    float norm_eps;
    enum elcl_activation act;
    bool pre_norm;        /* norms stand before the sublayers, and one behind each stack */
    bool tied;            /* the output projection is the decoder's token embedding */
    bool shared;          /* encoder and decoder have the same vocabulary */
    bool decoder_only;    /* no encoder, no cross attention: the source is the output's beginning */
    bool unscaled_scores; /* of decoder self attention: not divided by sqrt(Dh) */
    bool scores_by_layer; /* of decoder self attention: divided by the layer's number, from 1 */
};

static inline int elcl_arch_dh(int d, int heads)
{
    return d / heads;
}

#endif
