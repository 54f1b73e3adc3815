/*
 * A model's weights on the device, and the loader that families wire them with. The attention
 * variant decides what is loaded: `el` needs K and V per head as expansion and contraction, `mha`
 * needs them stacked for one GEMM.
 */
#ifndef ELCL_MODEL_WEIGHTS_H
#define ELCL_MODEL_WEIGHTS_H

#include "base/strmap.h"
#include "format/tensors.h"
#include "model/arch.h"

struct elcl_linear {
    struct elcl_matrix w;    /* [N, K] */
    struct elcl_buffer bias; /* [N], or none */
};

/* One attention. Its place and the variant decide which members exist. */
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
    struct elcl_position_bias bias; /* of self attention; without one the first layer's applies */
    struct elcl_norm self_norm, cross_norm, ffn_norm;
    struct elcl_linear fc1, fc2; /* [F, D], gated [2 F, D]; [D, F] */
};

struct elcl_stack_weights {
    const struct elcl_matrix *tokens; /* [V, W], one of elcl_weights' matrices */
    struct elcl_linear project_in;    /* [D, W], or none if W is D */
    struct elcl_buffer positions;     /* [P, D], or none */
    struct elcl_norm embedding_norm;  /* or none */
    struct elcl_norm final_norm;      /* after the last layer, or none: pre-norm models */
    struct elcl_layer_weights *layers;
    int n_layers;
};

#define ELCL_MAX_TABLES 3 /* of the encoder, the decoder and the output */

struct elcl_weights {
    struct elcl_matrix embeddings[ELCL_MAX_TABLES]; /* distinct tables; unused ones are empty */
    int n_embeddings;
    /* With arch.input_width: convolutions over time of width 3, [D, 3 C] and [D, 3 D]. Column
     * tap * C + c is that of channel c. */
    struct elcl_linear front[2];
    struct elcl_stack_weights encoder, decoder;
    struct elcl_linear project_out; /* [W, D], or none if W is D */
    const struct elcl_matrix *head; /* [V, W] */
    struct elcl_buffer head_bias;   /* [V], or none */
};

/* The place of an attention. */
enum elcl_site { ELCL_SITE_ENCODER, ELCL_SITE_SELF, ELCL_SITE_CROSS };

/* Loads tensors by name into device memory. With `plan` it reads and allocates nothing and only
 * counts `bytes`: the plan of the weights is the loading itself. Matrices then have sizes but no
 * memory. */
struct elcl_loader {
    struct elcl_ops *ops; /* NULL when planning */
    struct elcl_tensors
        *st; /* the file; may be NULL when planning: then all optional tensors count */
    bool plan;
    int panel;                     /* as elcl_ops.panel */
    bool rounds_inputs;            /* elcl_ops.dot is not NONE */
    enum elcl_storage storage;     /* of matrices; tables and convolutions have
                                    * elcl_table_storage() of it */
    enum elcl_attention attention; /* resolved */
    const char *base;              /* optional prefix of stored names; NULL: "model." */
    bool no_bias;                  /* linear maps are loaded without biases */
    bool no_qkv_bias;              /* queries, keys and values are */
    bool no_key_bias;              /* keys are; the others have theirs */
    bool no_norm_bias;             /* norms are: they get zeros */
    bool no_norm_weight;           /* and without weights: they get ones */
    uint64_t bytes;                /* of device buffers, running total */
    struct elcl_strmap *used;      /* receives the stored names of tensors in use, unless NULL */
    uint64_t *content;             /* with `used`: becomes a hash of the tensors in use; NULL: it
                                    * is not wanted */
    const struct elcl_tensor *tables[ELCL_MAX_TABLES]; /* what elcl_weights.embeddings hold */
    elcl_error *err;
};

/* All take names without the base prefix (elcl_loader.base), which stored names may have. They
 * check shapes; an error names the tensor, the expected and the found shape. */
const struct elcl_tensor *elcl_load_find(const struct elcl_loader *loader, const char *name);
int elcl_load_vector(struct elcl_loader *loader, const char *name, int n,
                     struct elcl_buffer *vector);
/* Loads a [rows, d] table in f32. */
int elcl_load_table(struct elcl_loader *loader, const char *name, int rows, int d,
                    struct elcl_buffer *table);
/* Computes such a table instead: `row` writes row `position`. */
int elcl_load_computed_table(struct elcl_loader *loader,
                             void (*row)(float *values, int position, int d), int rows, int d,
                             struct elcl_buffer *table);
/* Reads a [rows, columns] tensor to the host; free it with elcl_free(). columns 0: one dimension.
 * NULL when planning. */
int elcl_load_values(struct elcl_loader *loader, const char *name, int rows, int columns,
                     float **values);
/* Uploads n values of the host, which are not read when planning. */
int elcl_load_computed(struct elcl_loader *loader, const char *label, const float *values, size_t n,
                       struct elcl_buffer *buffer);
/* Loads `prefix`.weight and `prefix`.bias. A norm's parts that the loader says are not stored are
 * ones and zeros. */
int elcl_load_norm(struct elcl_loader *loader, const char *prefix, int d, float eps,
                   struct elcl_norm *norm);
int elcl_load_linear(struct elcl_loader *loader, const char *prefix, int n, int k,
                     struct elcl_linear *linear);
/* Loads up to 3 linear maps of the same input and size, stacked. */
int elcl_load_linears(struct elcl_loader *loader, const char *const *prefixes, int n_prefixes,
                      int n, int k, struct elcl_linear *linear);
/* Loads the first of `names` (NULL-terminated) that is stored as a [v, d] table. A loaded table
 * with the same content serves again. When planning, *table is `planned` unless that is NULL. */
int elcl_load_embedding(struct elcl_loader *loader, const char *const *names, int v, int d,
                        const struct elcl_matrix *planned, struct elcl_weights *weights,
                        const struct elcl_matrix **table);
/* Loads `prefix`.{q_proj, k_proj, v_proj, out_proj}.{weight, bias}. */
int elcl_load_attention(struct elcl_loader *loader, const char *prefix, int heads, int d,
                        enum elcl_site site, struct elcl_attention_weights *attention);
/* The same with heads of width Dh and with names for query, key, value and output. */
int elcl_load_attention_named(struct elcl_loader *loader, const char *prefix,
                              const char *const names[4], int heads, int dh, int d,
                              enum elcl_site site, struct elcl_attention_weights *attention);

/* Loads a convolution over time of width 3, which is stored as [n, c, 3]. With int4 weights it is
 * int8, as tables are: there are two in a model. */
int elcl_load_convolution(struct elcl_loader *loader, const char *prefix, int n, int c,
                          struct elcl_linear *linear);

/* Loads a linear map that is stored as [K, N]. */
int elcl_load_conv1d(struct elcl_loader *loader, const char *prefix, int n, int k,
                     struct elcl_linear *linear);
/* Loads the self attention of a decoder from such weights: `prefix`.c_attn is [D, 3 D], queries,
 * keys and values side by side; `prefix`.c_proj is [D, D]. */
int elcl_load_attention_conv1d(struct elcl_loader *loader, const char *prefix, int heads, int d,
                               struct elcl_attention_weights *attention);

/* How one stored matrix [rows, D] holds the projections of all heads: queries of head h begin at
 * row h q_stride, keys at k_at + h kv_stride, values at v_at + h kv_stride. */
struct elcl_fused_rows {
    int rows;
    int q_stride;
    int k_at, v_at, kv_stride; /* 0: all heads share keys and values */
};

/* Loads the self attention of a decoder from such a matrix, `prefix``names[0]`, and the output
 * `prefix``names[1]`. Keys and values that heads share are repeated. */
int elcl_load_attention_fused(struct elcl_loader *loader, const char *prefix,
                              const char *const names[2], int heads, int d,
                              const struct elcl_fused_rows *rows,
                              struct elcl_attention_weights *attention);

/* Allocates the layers of a stack. */
int elcl_stack_create(struct elcl_stack_weights *stack, int n_layers, elcl_error *err);
void elcl_weights_finish(struct elcl_weights *weights); /* {0} is fine */

#endif
