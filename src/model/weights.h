/*
 * A model's weights on the device, and the loader that families wire them with. What is loaded
 * depends on the attention variant: `el` needs K and V per head as expansion and contraction,
 * `mha` needs them stacked for one GEMM.
 */
#ifndef ELCL_MODEL_WEIGHTS_H
#define ELCL_MODEL_WEIGHTS_H

#include "format/tensors.h"
#include "model/arch.h"

struct elcl_linear {
    struct elcl_matrix w;    /* [N, K] */
    struct elcl_buffer bias; /* [N], or none */
};

/* One attention. Which members are there depends on where it stands and on the variant. */
struct elcl_attention_weights {
    struct elcl_linear q;        /* [H Dh, D]: el, and cross of mha */
    struct elcl_linear qkv;      /* [3 H Dh, D]: encoder, and decoder self of mha */
    struct elcl_linear kv;       /* [2 H Dh, D]: cross of mha, on encoder output rows */
    struct elcl_matrix expand;   /* H x [D, Dh]: e_h = q_h Wk_h, of el */
    struct elcl_matrix contract; /* H x [Dh, D]: o_h = c_h Wv_h^T, of el */
    struct elcl_linear out;      /* [D, H Dh]; with el the bias is bo + Wo bv */
};

struct elcl_layer_weights {
    struct elcl_attention_weights self, cross; /* cross in decoders only */
    struct elcl_position_bias bias;            /* of self attention; none: the first layer's */
    struct elcl_norm self_norm, cross_norm, ffn_norm;
    struct elcl_linear fc1, fc2; /* [F, D], gated [2 F, D]; [D, F] */
};

struct elcl_stack_weights {
    const struct elcl_matrix *tokens; /* [V, W], one of elcl_weights' matrices */
    struct elcl_linear project_in;    /* [D, W], or none where W is D */
    struct elcl_buffer positions;     /* [P, D], or none */
    struct elcl_norm embedding_norm;  /* or none */
    struct elcl_norm final_norm;      /* behind the last layer, or none: pre-norm models */
    struct elcl_layer_weights *layers;
    int n_layers;
};

struct elcl_weights {
    struct elcl_matrix embeddings[3]; /* distinct tables only; the rest is empty */
    int n_embeddings;
    struct elcl_stack_weights encoder, decoder;
    struct elcl_linear project_out; /* [W, D], or none where W is D */
    const struct elcl_matrix *head; /* [V, W] */
    struct elcl_buffer head_bias;   /* [V], or none */
};

/* Where an attention stands. */
enum elcl_site { ELCL_SITE_ENCODER, ELCL_SITE_SELF, ELCL_SITE_CROSS };

/* Loads tensors by name into device memory. With `plan` nothing is read or allocated and only
 * `bytes` is counted: the plan of the weights is the loading itself. Matrices then have their sizes
 * and no memory. */
struct elcl_loader {
    struct elcl_ops *ops;    /* NULL when planning */
    struct elcl_tensors *st; /* stored; may be NULL when planning: all optional tensors count */
    bool plan;
    int panel;                     /* as elcl_ops.panel */
    bool rounds_inputs;            /* elcl_ops.dot is not NONE */
    enum elcl_storage storage;     /* of matrices */
    enum elcl_attention attention; /* resolved */
    const char *base;              /* what stored names may begin with; NULL: "model." */
    bool no_bias;                  /* linear maps are loaded without biases */
    uint64_t bytes;                /* of device buffers, running total */
    elcl_error *err;
};

/* All take names without the base prefix (elcl_loader.base); stored names may have it. Shapes are
 * checked and a mismatch names tensor, expected and found shape. */
const struct elcl_tensor *elcl_load_find(const struct elcl_loader *loader, const char *name);
int elcl_load_vector(struct elcl_loader *loader, const char *name, int n,
                     struct elcl_buffer *vector);
/* A [rows, d] table in f32. */
int elcl_load_table(struct elcl_loader *loader, const char *name, int rows, int d,
                    struct elcl_buffer *table);
/* The same, made instead of read: `row` writes row `position`. */
int elcl_load_computed_table(struct elcl_loader *loader,
                             void (*row)(float *values, int position, int d), int rows, int d,
                             struct elcl_buffer *table);
/* A [rows, columns] tensor on the host, to be freed with elcl_free(); columns 0: one dimension.
 * NULL when planning. */
int elcl_load_values(struct elcl_loader *loader, const char *name, int rows, int columns,
                     float **values);
/* n values of the host; not read when planning. */
int elcl_load_computed(struct elcl_loader *loader, const char *label, const float *values, size_t n,
                       struct elcl_buffer *buffer);
/* `prefix`.weight and `prefix`.bias */
int elcl_load_norm(struct elcl_loader *loader, const char *prefix, int d, float eps,
                   struct elcl_norm *norm);
int elcl_load_linear(struct elcl_loader *loader, const char *prefix, int n, int k,
                     struct elcl_linear *linear);
/* Up to 3 of the same input and size, stacked. */
int elcl_load_linears(struct elcl_loader *loader, const char *const *prefixes, int n_prefixes,
                      int n, int k, struct elcl_linear *linear);
/* The first of `names` (NULL-terminated) that is stored, as a [v, d] table; a table that is
 * loaded already is shared. */
int elcl_load_embedding(struct elcl_loader *loader, const char *const *names, int v, int d,
                        struct elcl_weights *weights, const struct elcl_matrix **table);
/* `prefix`.{q_proj, k_proj, v_proj, out_proj}.{weight, bias} */
int elcl_load_attention(struct elcl_loader *loader, const char *prefix, int heads, int d,
                        enum elcl_site site, struct elcl_attention_weights *attention);
/* The same with heads of Dh and with names for query, key, value and output. */
int elcl_load_attention_named(struct elcl_loader *loader, const char *prefix,
                              const char *const names[4], int heads, int dh, int d,
                              enum elcl_site site, struct elcl_attention_weights *attention);

/* The same from weights that are stored as [K, N]. */
int elcl_load_conv1d(struct elcl_loader *loader, const char *prefix, int n, int k,
                     struct elcl_linear *linear);
/* Self attention of a decoder from such weights: `prefix`.c_attn is [D, 3 D], queries, keys and
 * values side by side, and `prefix`.c_proj [D, D]. */
int elcl_load_attention_conv1d(struct elcl_loader *loader, const char *prefix, int heads, int d,
                               struct elcl_attention_weights *attention);

/* Allocates the layers of a stack. */
int elcl_stack_create(struct elcl_stack_weights *stack, int n_layers, elcl_error *err);
void elcl_weights_finish(struct elcl_weights *weights); /* {0} is fine */

#endif
