/*
 * Operations on device buffers: one function per operation. Only these functions launch the kernels
 * of cl/: each computes its sizes beside the launch, names itself in errors and, with a profile,
 * records its time. They enqueue and return without waiting. Buffers hold f32 unless noted; sizes
 * are in elements. Not thread-safe: one elcl_ops per thread.
 *
 * "Activations" are what only matrix products read, in the type elcl_ops.activations: f32, or with
 * GPU kernels the 16-bit type of the weights. The residual stream is always f32.
 *
 * Letters: R rows, D width, H heads, Dh head width, S keys; "state" is the storage type of caches
 * and of the shared encoder output (f32, f16 or bf16).
 */
#ifndef ELCL_OPS_OPS_H
#define ELCL_OPS_OPS_H

#include <limits.h>

#include "base/state_row.h"
#include "base/util.h"
#include "cl/records.h"
#include "device/buffer.h"
#include "device/profile.h"
#include "device/staging.h"
#include "ops/cost.h"
#include "probe/probe.h"

enum elcl_kernel_id {
    ELCL_K_EMBED,
    ELCL_K_ADD_NORM,
    ELCL_K_GEMM,
    ELCL_K_GEMM_ROWS, /* GPU kernels only */
    ELCL_K_GEMM_WIDE, /* with wide tiles only, and the next seven */
    ELCL_K_GEMM_WIDE_64,
    ELCL_K_GEMM_WIDE_32,
    ELCL_K_GEMM_ROWS_WIDE,
    ELCL_K_GEMM_ROWS_WIDE_64,
    ELCL_K_GEMM_ROWS_NORM,
    ELCL_K_GEMM_ROWS_NORM_64,
    ELCL_K_GEMM_JOIN,
    ELCL_K_EPILOGUE,
    ELCL_K_GATE,
    ELCL_K_WIDEN,
    ELCL_K_QUANTIZE,       /* with elcl_ops.dot only */
    ELCL_K_ATTN_EL,        /* CPU kernels only */
    ELCL_K_ATTN_EL_SCORES, /* GPU kernels only, and the next one */
    ELCL_K_ATTN_EL_CONTEXT,
    ELCL_K_ATTN_EL_WIDE_SCORES, /* elcl_ops.wide_el only, and the next three */
    ELCL_K_ATTN_EL_WIDE_CONTEXT,
    ELCL_K_ATTN_EL_WIDE_SCORES_32,
    ELCL_K_ATTN_EL_WIDE_CONTEXT_32,
    ELCL_K_ATTN_MHA,
    ELCL_K_ATTN_MHA_1, /* GPU kernels only, and the next ones */
    ELCL_K_ATTN_MHA_4,
    ELCL_K_ATTN_MHA_8,
    ELCL_K_ATTN_MHA_JOIN,
    ELCL_K_ATTN_PACKED,
    ELCL_K_ATTN_PACKED_WIDE_64, /* with wide_packed only, and the next one */
    ELCL_K_ATTN_PACKED_WIDE_128,
    ELCL_K_SCATTER,
    ELCL_K_REORDER,
    ELCL_K_LINEAGE,
    ELCL_K_SELECT,
    ELCL_K_RENORMALIZE,
    ELCL_K_SAMPLE,
    ELCL_K_SAMPLE_BEAMS,
    ELCL_K_LOG_PROB,
    ELCL_K_ALIGN_EL,
    ELCL_K_ALIGN_MHA,
    ELCL_N_KERNELS
};

#define ELCL_CLBLAST_NEVER INT_MAX

/* How wide tiles compute a product: 16 rows of a work-group, or tiles of 32, 64 or 128 rows; after
 * SPLIT each slice of K by work-groups of its own, with one launch more that adds them. All ways
 * give the same bits. */
enum elcl_gemm_way {
    ELCL_WAY_AUTO, /* by shape and device */
    ELCL_WAY_16,
    ELCL_WAY_32,
    ELCL_WAY_64,
    ELCL_WAY_128,
    ELCL_WAY_SPLIT_16,
    ELCL_WAY_SPLIT_32,
    ELCL_WAY_SPLIT_64,
    ELCL_WAY_SPLIT_128,
    ELCL_N_WAYS
};

/* The fastest way that was measured for a product. */
struct elcl_tuned_way {
    int n, k, rows;
    enum elcl_gemm_way way; /* AUTO: no other is clearly faster */
    bool unsure;            /* one could not run, or the times are disturbed: not stored */
};
#define ELCL_MAX_TUNED_WAYS 24
struct elcl_tuned_ways {
    int n;
    struct elcl_tuned_way way[ELCL_MAX_TUNED_WAYS];
};

struct elcl_ops_params {
    enum elcl_gemm gemm; /* AUTO: by device */
    enum elcl_storage weights;
    enum elcl_storage state;
    enum elcl_compute compute;
    bool act_keys; /* elcl_op_attn_packed() gets keys that are activations, too */
    bool profile;
    int clblast_rows; /* AUTO: rows of X from which CLBlast was measured to be faster than our GPU
                       * kernels; ELCL_CLBLAST_NEVER; 0: not measured, by device */
    const struct elcl_tuned_ways *ways; /* copied; NULL: not measured */
    bool plain_dot;    /* for tests: int8 and bf16 compute in plain OpenCL C on any device */
    enum elcl_mma mma; /* for tests: the matrix instruction to use; NONE: the device's */
    const char *build_options; /* added to the program's, at most 200 bytes; NULL: none */
};

/* The kernels of one program: sources x options. */
struct elcl_kernel_set {
    cl_program program;
    cl_kernel kernel[ELCL_N_KERNELS];
};

struct elcl_ops {
    struct elcl_cost *cost; /* not NULL: operations only add to it; buffers are empty, and only the
                             * description of the device is read */
    struct elcl_device *device;
    cl_command_queue queue; /* in order */
    struct elcl_staging staging;
    bool in_flight; /* a copy from or to host memory may not be over */
    enum elcl_mac mac;
    enum elcl_kernels kernels; /* CPU or GPU */
    enum elcl_gemm gemm;       /* AUTO: by the number of rows */
    int clblast_rows;          /* AUTO: CLBlast from this number on */
    enum elcl_storage weights, state;
    enum elcl_storage activations;  /* GPU kernels: F32, or the type of 16-bit weights (act_t of
                                     * storage.cl) */
    enum elcl_mma gemm_mma;         /* the matrix instruction of GEMM and attn_packed, or NONE */
    enum elcl_mma attn_mma;         /* that of EL-attention by tiles, by `state` */
    bool wide_packed;               /* attn_packed_wide.cl */
    bool wide;                      /* wide tiles for 16-bit activations (tile_wide.cl) */
    bool wide_el;                   /* EL-attention by them, if state has 16 bits, too */
    size_t norm_bytes;              /* local memory for products that take the norm of their rows,
                                     * see elcl_gemm_takes_norm(); 0: none do */
    enum elcl_mma int8_mma;         /* that of gemm_int8_wide.cl, with int8 compute, or NONE */
    enum elcl_dot dot;              /* not NONE: int8 compute, or bf16 compute of CPU kernels */
    enum elcl_dot dot_int4;         /* of int4 matrices; NONE if `dot` is */
    struct elcl_kernel_set set;     /* built for `state` */
    struct elcl_kernel_set set_act; /* attn_packed for keys that are activations; empty if `set` has
                                     * it, or without act_keys */
    struct elcl_kernel_set set_int4; /* GEMMs of int4 matrices; empty without int4 weights. `set`
                                      * has those of int8 then, of elcl_table_storage() */
    struct elcl_profile *profile;    /* NULL: off */
    struct elcl_buffer dummy;        /* stands for an absent buffer argument */
    struct elcl_buffer widened;      /* f32 copy of a weight for CLBlast, grown on demand */
    struct elcl_buffer rounded;      /* rounded inputs of a GEMM, grown on demand */
    struct elcl_buffer slices;       /* sums of slices of K, grown on demand */
    enum elcl_gemm_way way;          /* AUTO; others where they suit: tests and tuning set it */
    struct elcl_tuned_ways ways;     /* for AUTO, where a similar product was measured */
    int vector_width;                /* CPU kernels: floats per vector, 4, 8 or 16 */
    int panel;                       /* columns per weight panel; 0: one panel of all columns */
    int tile_rows;                   /* CPU kernels: rows of accumulators */
    bool weight_pairs;               /* the order of bf16 in panels, see struct elcl_matrix */
    size_t busy_groups;              /* GPU kernels: fewer work-groups leave the device idle */
    uint64_t bytes_moved, flop;      /* running totals of what the operations need */
    enum elcl_dot state_dot; /* not NONE: EL-attention multiplies narrow state as it is, with
                              * rounded factors; CPU kernels */
    bool stored;             /* the programs' binaries went to the cache */
    char build_options[208]; /* " " and the params' */
};

int elcl_ops_create(struct elcl_device *device, const struct elcl_features *features,
                    const struct elcl_ops_params *params, struct elcl_ops **ops, elcl_error *err);
/* Sets *source and *options to what elcl_ops_create() would give to the compiler for params->state;
 * for int4 weights the program of their GEMMs, because the other one is that of int8 weights.
 * Of the device it reads only desc, kernels and quirks, so that no such device need be here. The
 * caller finishes both. */
int elcl_ops_program_text(struct elcl_device *device, const struct elcl_features *features,
                          const struct elcl_ops_params *params, struct elcl_str *source,
                          struct elcl_str *options, elcl_error *err);
/* Creates a second elcl_ops on the same program, with its own queue and kernels, and with a profile
 * if `profile` is set or `other` has one. Destroy it before `other`. */
int elcl_ops_clone(const struct elcl_ops *other, bool profile, struct elcl_ops **ops,
                   elcl_error *err);
void elcl_ops_destroy(struct elcl_ops **ops); /* NULL is fine */

#define ELCL_OPS_BYTES 64 /* device memory of one elcl_ops */

/* Puts the programs' binaries into the cache, once: call it after the kernels' first use. */
void elcl_ops_store_program(struct elcl_ops *ops);

/* Waits for everything enqueued. */
int elcl_ops_finish(struct elcl_ops *ops, elcl_error *err);
/* Returns n zeroed elements of host memory for uploads and downloads, or NULL if memory is short.
 * They live as long as the elcl_ops, and longer if the device is lost while it uses them. */
void *elcl_ops_host_memory(struct elcl_ops *ops, size_t n, size_t size);
/* Waits until no upload reads host memory, which costs nothing after a download. Call it before
 * changing that memory. */
int elcl_ops_settle(struct elcl_ops *ops, elcl_error *err);
/* Copies to the device without waiting: `data`, of elcl_ops_host_memory(), must stay unchanged
 * until the next wait. */
int elcl_ops_upload(struct elcl_ops *ops, const struct elcl_buffer *buffer, const void *data,
                    size_t bytes, elcl_error *err);
/* The same to the bytes of the buffer from `at` on. */
int elcl_ops_upload_at(struct elcl_ops *ops, const struct elcl_buffer *buffer, size_t at,
                       const void *data, size_t bytes, elcl_error *err);
/* Fills `bytes` from `at` on with zeros, without waiting. Elements have 16 bits or more. */
int elcl_ops_zero(struct elcl_ops *ops, const struct elcl_buffer *buffer, size_t at, size_t bytes,
                  elcl_error *err);
/* Copies to the host and waits for everything before it. `data` is of elcl_ops_host_memory() unless
 * it outlives the queue. */
int elcl_ops_download(struct elcl_ops *ops, const struct elcl_buffer *buffer, void *data,
                      size_t bytes, elcl_error *err);
/* Copies from the bytes of the buffer from `at` on to elcl_ops_host_memory(), without waiting: they
 * are there after elcl_ops_finish(). */
int elcl_ops_download_at(struct elcl_ops *ops, const struct elcl_buffer *buffer, size_t at,
                         void *data, size_t bytes, elcl_error *err);

/* ---- weights (matrix.c) -------------------------------------------------------------------- */

/* Returns the type of token embeddings and of the head beside other matrices of this type. */
static inline enum elcl_storage elcl_table_storage(enum elcl_storage weights)
{
    return weights == ELCL_INT4 ? ELCL_INT8 : weights;
}

/* Returns the bytes of a weight of other matrices. */
static inline double elcl_weight_bytes(enum elcl_storage weights)
{
    return weights == ELCL_INT4 ? 0.5 + 2.0 / ELCL_INT4_GROUP : (double)elcl_storage_bytes(weights);
}

/* Converts n elements of host memory, which may be unaligned, to floats. Not for INT8 and INT4. */
void elcl_storage_load(enum elcl_storage storage, const void *from, size_t n, float *values);

/* Writes elements first .. first + n - 1 of a source. Threads call it at the same time. */
typedef int (*elcl_matrix_read_fn)(const void *user, size_t first, size_t n, void *to,
                                   elcl_error *err);

/* Where a host matrix lies: element (b, n, k) is data[b * batch_stride + n * n_stride +
 * k * k_stride], as dtype. Without data, elements are read while they are packed, which needs no
 * memory for all of them; then k_stride is 1 in all sources of a matrix, or n_stride is, which
 * int8 storage does not allow. */
struct elcl_matrix_source {
    const void *data;
    elcl_matrix_read_fn read; /* without data */
    const void *user;
    enum elcl_storage dtype;
    int n; /* rows that this source gives */
    size_t n_stride, k_stride, batch_stride;
};

/*
 * W [batch, N, K] on the device, packed for the GEMM back end: in panels
 * of `panel` columns, K-major:
 *     W[b, n, k] at k * panel + n % panel of panel b * panels + n / panel
 * with zeros in columns beyond N. A single panel of all columns is the plain row-major transpose
 * [K, N]; in 16 bits its width is N rounded up to a multiple of 8. In int8 the values q of a column
 * are round(w / s), s = max |w| / 127 or more (docs/weights.md), and after those of a panel, at the
 * next multiple of four bytes, follow the s of its columns in f32.
 *
 * For int8 and bf16 compute, G neighbors in k lie side by side (elcl_dot_kinds[].k_pack):
 *     W[b, n, k] at (k / G * panel + n % panel) * G + k % G,
 * K is rounded up to a multiple of 8, with zeros. In int8 the sums of q of the panel's columns, as
 * int, follow the scales. For int8 compute of GPU kernels G is 16, K is rounded up to a multiple of
 * it, and so are the bytes of a panel.
 *
 * In bf16 with f32 compute the columns j and j + panel / 2 of a panel lie side by side: j at 2
 * j, j + panel / 2 at 2 j + 1. A single panel of all columns has plain rows in bf16, too.
 *
 * In int4, whatever multiplies it, a panel is groups of 32 k, the last one with zeros beyond K, and
 * the width of a single panel is N rounded up to a multiple of 8. The weights of a group and column
 * are s (q - 8): s in f16 is -1/8 of the weight of the largest magnitude (the first one), with its
 * sign, and q = floor(w / s + 8.5), 15 at most. What is not finite makes s NaN. A group is
 *     4 rows of `panel` words of 32 bits: row j has k = 8 j .. 8 j + 7 of the group; byte i of a
 *     word has q of 8 j + i in its low half and q of 8 j + 4 + i in its high half,
 *     then the s of the columns: 18 bytes for 32 weights.
 */
struct elcl_matrix {
    struct elcl_buffer buffer;
    enum elcl_storage storage; /* ops->weights or elcl_table_storage() of it */
    int batch, n, k, panel, panels;
};

/* Packs the sources, stacked along N. */
int elcl_matrix_create(struct elcl_ops *ops, const char *label, enum elcl_storage storage,
                       int batch, int k, const struct elcl_matrix_source *sources, int n_sources,
                       struct elcl_matrix *matrix, elcl_error *err);
/* Returns the bytes of the buffer of elcl_matrix_create(); rounded: for int8 or bf16 compute. */
size_t elcl_matrix_bytes(int panel, bool rounded, enum elcl_storage storage, int batch, int n,
                         int k);

/* ---- GEMM (gemm.c, gemm_native.c, gemm_clblast.c) ------------------------------------------ */

/* What a GEMM writes, see cl/gemm_put.cl. */
enum elcl_gemm_out {
    ELCL_OUT_F32,
    ELCL_OUT_ACT,    /* activations */
    ELCL_OUT_PLANES, /* numbers in two parts, high and low, of elcl_ops_planes() each */
};
/* Returns the type of the planes of ELCL_OUT_PLANES; F32: there is only one. */
static inline enum elcl_storage elcl_ops_planes(const struct elcl_ops *ops)
{
    return ops->activations == ELCL_F32 || elcl_state_is_narrow(ops->state) ? ops->activations
                                                                            : ops->state;
}
/* Returns the type of an element of such an output. */
static inline enum elcl_storage elcl_gemm_out_storage(const struct elcl_ops *ops,
                                                      enum elcl_gemm_out out)
{
    return out == ELCL_OUT_ACT      ? ops->activations
           : out == ELCL_OUT_PLANES ? elcl_ops_planes(ops)
                                    : ELCL_F32;
}

struct elcl_norm {
    struct elcl_buffer weight, bias; /* [D] f32; weight.mem NULL: no norm */
    float eps;
    bool rms; /* no mean and no bias: x / sqrt(mean of x^2 + eps) * weight */
};

/*
 * Y[b, m, n] = act(sum_k X[b, m, k] W[b, n, k] + bias[b, n]) + residual[b, m, n]
 * X element (b, m, k) at b * x_batch + m * x_ld + k; Y and residual at b * y_batch + m * y_ld + n;
 * bias at b * N + n. NULL bias or residual: none. With batch 1 rows of X may overlap: x_ld < K.
 * residual may be y if that is f32, with CLBlast only if act is ELCL_ACT_NONE. With the native back
 * end a row's result depends only on that row, N and K.
 */
struct elcl_gemm_norm;
struct elcl_gemm_args {
    const struct elcl_buffer *y, *x, *bias, *residual; /* x: activations; residual: f32 */
    const struct elcl_matrix *w;
    int m;
    int x_ld, y_ld;
    size_t x_batch, y_batch;
    enum elcl_activation act;
    enum elcl_gemm_out out;
    size_t y_low;                      /* PLANES: elements from a high part to its low part */
    const struct elcl_gemm_norm *norm; /* NULL, or X is the norm of x, f32 [M, K]; batch is 1. Only
                                        * if elcl_gemm_takes_norm() */
};
/* The norm of the rows of a product: the bits are those of elcl_op_add_norm() and of a product of
 * its h. The row is stored as well in x_norm[m] and state[cache_row[m]], as far as these exist. */
struct elcl_gemm_norm {
    const struct elcl_norm *norm;
    const struct elcl_buffer *x_norm; /* [M, K] f32, not x; or NULL */
    const struct elcl_buffer *state;  /* [cache rows, K] state; or NULL */
    const struct elcl_buffer *step;   /* row records */
    size_t rows_at;
};
/* Returns whether a product of m rows of k elements can take their norm: every work-group does so,
 * so there are few rows, and they fit into local memory. Saves a launch. */
static inline bool elcl_gemm_takes_norm(const struct elcl_ops *ops, int m, int k)
{
    const size_t width = ((size_t)k + 255) / 256 * 256; /* eight slices of whole steps */
    return m <= ELCL_ROWS_NORM_M && k % 8 == 0 &&
           ELCL_ROWS_NORM_BYTES(true, true, width) <= ops->norm_bytes;
}
int elcl_op_gemm(struct elcl_ops *ops, const struct elcl_gemm_args *args, elcl_error *err);

/* With int8 or bf16 compute, x is rounded before the product: to bf16, or row by row to q =
 * round(x / s), s = max |x| / 127, see quantize.cl. Returns the bytes of ops->rounded that hold it,
 * whatever the instruction. */
size_t elcl_rounded_bytes(int batch, int m, int k);
/* Makes ops->rounded hold at least `bytes`. */
int elcl_ops_reserve_rounded(struct elcl_ops *ops, size_t bytes, elcl_error *err);
/* Returns whether the way can compute products of W by wide tiles. */
bool elcl_gemm_way_suits(const struct elcl_matrix *w, enum elcl_gemm_way way);
/* Returns whether AUTO may take it, too: the plan of memory has room for the slices of m rows. */
bool elcl_gemm_way_planned(const struct elcl_matrix *w, int m, enum elcl_gemm_way way);
/* Returns the bytes of ops->slices for products of up to `rows` rows and sums of up to k terms with
 * ELCL_WAY_AUTO. */
size_t elcl_slices_bytes(int rows, int k);
/* Makes ops->slices hold at least `bytes`. */
int elcl_ops_reserve_slices(struct elcl_ops *ops, size_t bytes, elcl_error *err);
/* Returns what the GEMM multiplies: never AUTO. */
static inline enum elcl_compute elcl_ops_compute(const struct elcl_ops *ops)
{
    return ops->activations == ELCL_F16    ? ELCL_COMPUTE_F16
           : ops->activations == ELCL_BF16 ? ELCL_COMPUTE_BF16
           : ops->dot == ELCL_DOT_NONE     ? ELCL_COMPUTE_F32
           : ops->weights == ELCL_BF16     ? ELCL_COMPUTE_BF16
                                           : ELCL_COMPUTE_INT8;
}
/* Returns the dot product of a matrix of this type. */
static inline enum elcl_dot elcl_ops_dot(const struct elcl_ops *ops, enum elcl_storage storage)
{
    return storage == ELCL_INT4 ? ops->dot_int4 : ops->dot;
}
/* Returns whether this compute, if not AUTO, rounds inputs to the type of the weights, or to int8
 * for int4 weights. */
static inline bool elcl_compute_rounds_inputs(enum elcl_compute compute, enum elcl_storage weights)
{
    return weights == ELCL_INT8 || weights == ELCL_INT4 ? compute == ELCL_COMPUTE_INT8
           : weights == ELCL_BF16                       ? compute == ELCL_COMPUTE_BF16
           : weights == ELCL_F16                        ? compute == ELCL_COMPUTE_F16
                                                        : false;
}
/* Returns elcl_ops.activations: CPU kernels round inputs beside the products instead. */
static inline enum elcl_storage elcl_compute_activations(enum elcl_compute compute,
                                                         enum elcl_storage weights,
                                                         enum elcl_kernels kernels)
{
    const bool narrow = weights == ELCL_F16 || weights == ELCL_BF16;
    const bool rounds = narrow && elcl_compute_rounds_inputs(compute, weights);
    return rounds && kernels == ELCL_KERNELS_GPU ? weights : ELCL_F32;
}

/* y[r][f] = act(y[r][f]) * y[r][F + f] for f < F, in place; y [R, 2 F] activations. */
int elcl_op_gate(struct elcl_ops *ops, const struct elcl_buffer *y, int r, int f,
                 enum elcl_activation act, elcl_error *err);

/* ---- pointwise (pointwise.c) --------------------------------------------------------------- */

/*
 * x[r] = norm(scale * E[token[r]] + P[position[r] + offset]), and the same row into h[r] and
 * state[cache_row[r]], unless these are NULL. Without tokens x[r] itself is the first term, without
 * positions there is no second one. token, position and cache_row are fields of the row's
 * record (ELCL_ROW_*) in `step`.
 */
struct elcl_embed_args {
    const struct elcl_buffer *x;         /* [R, D]; read without tokens */
    const struct elcl_buffer *h;         /* [R, D] activations, or NULL */
    const struct elcl_buffer *state;     /* [cache rows, D] state, or NULL */
    const struct elcl_buffer *step;      /* row records */
    size_t rows_at;                      /* of row 0's record in step, in ints */
    const struct elcl_matrix *tokens;    /* N = V, K = D; or NULL */
    const struct elcl_buffer *positions; /* [P, D] f32; or NULL */
    int offset;                          /* of position 0 in the table */
    float scale;
    const struct elcl_norm *norm; /* its weight may be absent: no norm */
    int r, d;
};
int elcl_op_embed(struct elcl_ops *ops, const struct elcl_embed_args *args, elcl_error *err);

/*
 * x[r] += y[r], then norm(x[r]), for a layer norm (x - mean) / sqrt(variance + eps) * weight +
 * bias, into h[r], into x[r] if norm_x, and into state[cache_row[r]]. After a sublayer y of a
 * post-norm model both h and x are the norm; of a pre-norm model h is what the next sublayer reads.
 */
struct elcl_add_norm_args {
    const struct elcl_buffer *h;     /* [R, D] activations, or NULL */
    const struct elcl_buffer *x;     /* [R, D], in and out */
    const struct elcl_buffer *y;     /* [R, D], or NULL: nothing is added */
    const struct elcl_buffer *state; /* [cache rows, D] state, or NULL */
    bool norm_x;
    const struct elcl_buffer *step;
    size_t rows_at;
    const struct elcl_norm *norm;
    int r, d;
};
int elcl_op_add_norm(struct elcl_ops *ops, const struct elcl_add_norm_args *args, elcl_error *err);

/* cache[map[r]][0 .. n) = x[r][x_at .. x_at + n), converted to state storage in parts of `part`
 * elements (base/state_row.h); map is the int `field` of the row's record. */
struct elcl_scatter_args {
    const struct elcl_buffer *cache; /* [cache rows, n] state */
    const struct elcl_buffer *x;     /* [R, x_ld] activations */
    const struct elcl_buffer *step;
    size_t rows_at;
    int field; /* ELCL_ROW_* */
    int r, n, part, x_ld, x_at;
};
int elcl_op_scatter(struct elcl_ops *ops, const struct elcl_scatter_args *args, elcl_error *err);

/* ---- attention (attention.c) --------------------------------------------------------------- */

/* Numbers that scores get by the distance from the query's to the key's position: key s of a group
 * gets table[h][clamp(s - position, -max_distance, max_distance) + max_distance], where `position`
 * is that of the row's record. */
struct elcl_position_bias {
    struct elcl_buffer table; /* [H, 2 max_distance + 1] f32; mem NULL: none */
    int max_distance;         /* > 0 */
};

/*
 * EL-attention: for every row r of a group and head h, with Y the group's keys,
 *     p = softmax(scale * e[r, h] Y^T + bias),  c[r, h] = p Y.
 * Accumulation in f32. No keys at all give zeros.
 */
struct elcl_attn_el_args {
    const struct elcl_buffer *c;       /* [R, H, D] activations */
    const struct elcl_buffer *e;       /* [R, H, D] as of ELCL_OUT_PLANES */
    size_t e_low;                      /* from its high parts to the low ones */
    const struct elcl_buffer *y;       /* [cache rows, D] state */
    const struct elcl_buffer *step;    /* groups */
    size_t groups_at;                  /* of group 0 in step, in ints */
    const struct elcl_buffer *lineage; /* [rows, lineage_ld] int, or NULL: no private keys */
    int lineage_ld;
    const struct elcl_position_bias *bias; /* NULL, or its table may be absent: none */
    size_t rows_at;                        /* of row 0's record in step; read with a bias */
    int n_groups, max_rows;                /* the largest n_rows */
    const struct elcl_buffer
        *probabilities; /* [R, H, elcl_attn_el_probabilities_ld()]: scratch of GPU kernels */
    int max_keys;       /* of the largest group; GPU kernels */
    int rows;           /* R; with ops->state_dot */
    int h, d;
    float scale;
    /* For the totals of arithmetic and of traffic: sum over groups of rows x keys, and of keys. */
    uint64_t keys, reads;
};
/* Returns the row stride of the probabilities that GPU kernels keep in memory for groups of up to
 * max_keys keys, in floats: enough for both kinds of tiles, because plans do not know which. */
size_t elcl_attn_el_probabilities_ld(int max_keys);
/* Returns the bytes of ops->rounded for rounded queries of `rows` rows, with ops->state_dot. */
size_t elcl_attn_el_rounded_bytes(int rows, int h, int d);
/* Returns whether GPU kernels multiply by wide tiles: then probabilities have the type of state. */
static inline bool elcl_el_is_wide(const struct elcl_ops *ops, int d)
{
    return ops->wide_el && d % 8 == 0;
}
int elcl_op_attn_el(struct elcl_ops *ops, const struct elcl_attn_el_args *args, elcl_error *err);

/*
 * Multi-head attention: for the rows r of a group
 *     p = softmax(scale * q[r, h] K_h^T + bias),  o[r, h] = p V_h
 * where key and value h of cache row j are kv[j * kv_ld + k_at + h * Dh ..] and + v_at.
 *
 * With own_at > 0 each group is a row whose last key is its own and not cached yet: key and value
 * follow the row's query, at q[r * q_ld + own_at] and + v_at - k_at. The operation stores them.
 * Only if elcl_attn_mha_stores().
 */
struct elcl_attn_mha_args {
    const struct elcl_buffer *o;    /* [R, H * Dh] activations */
    const struct elcl_buffer *sums; /* [R, H * Dh] f32: scratch of the GPU kernel for packed rows */
    const struct elcl_buffer *q;    /* [R, q_ld] activations */
    const struct elcl_buffer *kv;   /* [cache rows, kv_ld] state, or activations */
    bool kv_act;                    /* attn_packed only, with elcl_ops_params.act_keys */
    const struct elcl_buffer *step;
    size_t groups_at;
    const struct elcl_buffer *lineage;
    int lineage_ld;
    const struct elcl_position_bias *bias; /* as above */
    size_t rows_at;
    int n_groups;
    int max_rows;                    /* of a group; packed rows have a group each */
    int max_keys;                    /* of a group; not for packed rows */
    const struct elcl_buffer *parts; /* [R, H, elcl_attn_mha_parts(), Dh + 2] f32: scratch of GPU
                                      * kernels, not read with one part; not for packed rows */
    int h, dh, q_ld, kv_ld, k_at, v_at;
    int own_at; /* elcl_op_attn_mha() only */
    float scale;
    uint64_t keys;  /* sum over rows, of the keys they read */
    uint64_t reads; /* sum over groups; not for packed rows */
};
/* Returns how many parts GPU kernels cut the keys of a group into. */
int elcl_attn_mha_parts(int max_keys);
/* Returns whether elcl_op_attn_mha() can store keys and values: GPU kernels save a launch so. The
 * elements of narrow ones share scales, which it does not find. */
static inline bool elcl_attn_mha_stores(const struct elcl_ops *ops)
{
    return ops->kernels == ELCL_KERNELS_GPU && !elcl_state_is_narrow(ops->state);
}
int elcl_op_attn_mha(struct elcl_ops *ops, const struct elcl_attn_mha_args *args, elcl_error *err);

/*
 * The same for n_groups rows that follow one another in sentences, as in encoders and prompts:
 * group g is only row g, without private keys, and the rows of a sentence have the same start.
 * Loads of keys and values are shared by the rows of a sentence. lineage is not read.
 */
int elcl_op_attn_packed(struct elcl_ops *ops, const struct elcl_attn_mha_args *args,
                        elcl_error *err);
/* Returns whether GPU kernels multiply 16-bit operands: if keys have the activations' type, and
 * chunks of 8 elements divide all sizes. Then probabilities are rounded to it, too. */
bool elcl_packed_is_wide(const struct elcl_ops *ops, const struct elcl_attn_mha_args *args);

/* ---- beams (beams.c) ----------------------------------------------------------------------- */

/*
 * next[r][t] = previous[parent[r]][t] for t < length[r] - 1, next[r][length[r] - 1] = c[r], and
 * tokens[c[r]] = token[r], c the cache rows. A row of length 0 has no lineage: only its token is
 * stored.
 */
struct elcl_lineage_args {
    const struct elcl_buffer *next, *previous; /* [rows, ld] int */
    const struct elcl_buffer *tokens;          /* [cache rows] int */
    const struct elcl_buffer *step;
    size_t rows_at;
    int r, ld, max_length;
};
int elcl_op_lineage(struct elcl_ops *ops, const struct elcl_lineage_args *args, elcl_error *err);

/* Copies rows: the first `bytes` bytes of row r of `next` become those of row map[r] of `previous`,
 * where map is the int `field` of the row's record. Both sizes are even. */
struct elcl_reorder_args {
    const struct elcl_buffer *next, *previous; /* [rows, ld_bytes] of any type */
    const struct elcl_buffer *step;
    size_t rows_at;
    int field;
    int r;
    size_t ld_bytes, bytes;
};
int elcl_op_reorder(struct elcl_ops *ops, const struct elcl_reorder_args *args, elcl_error *err);

/* ---- logits (logits.c) --------------------------------------------------------------------- */

/*
 * Per row: the rules of search/rules.h on the scores (log-softmax first when rules.log_probs), then
 * the `width` best tokens by falling score, ties by lower token. Candidates are {int token, float
 * score} pairs; banned tokens are left out and missing ones are {-1, ELCL_NEG_MAX}. Without
 * log_probs the score reported is the chosen token's log-softmax before the rules. NaN counts as
 * banned. The history of row r is tokens[prompt[r] .. prompt[r] + n_prompt[r] - 1], then
 * tokens[lineage[r][0 .. length[r] - 1]]. The logits are overwritten.
 */
struct elcl_select_args {
    const struct elcl_buffer *candidates; /* [R, width] pairs */
    const struct elcl_buffer *logits;     /* [R, ELCL_LOGITS_LD(V)] */
    const struct elcl_buffer *step;
    size_t rows_at, rules_at; /* in ints; rules are ELCL_RULES_INTS ints a row */
    const struct elcl_buffer *lineage;
    int lineage_ld;
    const struct elcl_buffer *tokens;
    int r, v, width;
    bool renormalize; /* launches a second kernel: some row asks for it */
};
int elcl_op_select(struct elcl_ops *ops, const struct elcl_select_args *args, elcl_error *err);

/*
 * After elcl_op_select() on the same arguments: n_draws tokens drawn by the draws of search/rules.h
 * from what the rules left. Draw d goes to candidate 1 + index of its row, index < width - 1, with
 * the score that the token would have had as a candidate. A forced token is drawn, and where all
 * are banned {-1, ELCL_NEG_MAX}.
 */
int elcl_op_sample(struct elcl_ops *ops, const struct elcl_select_args *args, size_t draws_at,
                   int n_draws, elcl_error *err);
/* Likewise, but a draw fills all candidates of its row: the tokens of the largest score + Gumbel
 * number, in that order, with their scores. The row's logits are overwritten. */
int elcl_op_sample_beams(struct elcl_ops *ops, const struct elcl_select_args *args, size_t draws_at,
                         int n_draws, elcl_error *err);

/*
 * out[out_at + r] = logits[r][token[r]] - log sum exp logits[r], the sum over the tokens below
 * `among`, without any rules: what elcl_op_select() reports for that token if those are all. The
 * logits are made finite in place. Rows of tokens from `among` on mean nothing.
 */
struct elcl_log_prob_args {
    const struct elcl_buffer *out;    /* [out_at + R] */
    const struct elcl_buffer *logits; /* [R, ELCL_LOGITS_LD(V)] */
    const struct elcl_buffer *step;   /* row records: their tokens */
    size_t rows_at;                   /* of row 0's record, in ints */
    size_t out_at;
    int r, v, among;
};
int elcl_op_log_prob(struct elcl_ops *ops, const struct elcl_log_prob_args *args, elcl_error *err);

/* ---- alignments (align.c) ------------------------------------------------------------------ */

/*
 * What rows attend to, for rows r of row groups with shared keys only: the mean over the heads
 * first_head .. first_head + n_heads - 1 of softmax(scale * q[r, h] K_h^T), where key h of cache
 * row j is k[j * k_ld + k_at + h * k_head ..]. Row r goes to means[(r - first_row) * ld ..]; other
 * rows than first_row .. first_row + n_rows - 1 are left out.
 */
struct elcl_align_args {
    const struct elcl_buffer *means; /* [2, n_rows, ld] f32: the means, and scratch */
    const struct elcl_buffer *q;     /* [R, q_ld] as of ELCL_OUT_PLANES (el), or activations */
    const struct elcl_buffer *k;     /* [cache rows, k_ld] state */
    const struct elcl_buffer *step;
    size_t groups_at;
    bool el;
    size_t q_low; /* el: from the queries' high parts to the low ones */
    int n_groups, max_rows;
    int first_row, n_rows, ld;
    int q_ld, k_ld, k_at, k_head;
    int width, first_head, n_heads;
    float scale;
    uint64_t keys; /* sum over rows, of the keys they read */
};
int elcl_op_align(struct elcl_ops *ops, const struct elcl_align_args *args, elcl_error *err);

#endif
