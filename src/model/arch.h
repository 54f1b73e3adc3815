/* A model's hyper-parameters, whatever its family. */
#ifndef ELCL_MODEL_ARCH_H
#define ELCL_MODEL_ARCH_H

#include "ops/ops.h"

struct elcl_arch {
    int d;          /* D, of encoder and decoder */
    int vocabulary; /* V */
    int encoder_layers, decoder_layers;
    int encoder_heads, decoder_heads; /* H */
    int encoder_ffn, decoder_ffn;     /* F */
    int max_positions;                /* tokens that have a position, of source and target */
    int position_offset;              /* row of position 0 in the position tables */
    float embed_scale;
    float norm_eps;
    enum elcl_activation act;
    bool pre_norm; /* norms stand before the sublayers, and one behind each stack */
    bool tied;     /* the output projection is the token embedding */
};

static inline int elcl_arch_dh(int d, int heads)
{
    return d / heads;
}

#endif
