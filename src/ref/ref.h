/*
 * The reference of every operation of ops/ops.h: plain C in double precision, written for
 * obviousness, not for speed. Used by the kernel tests and by the self-test. No OpenCL.
 *
 * Inputs are float and must be the values after rounding to storage (elcl_ref_round): then a
 * kernel and its reference see the same numbers, and only the kernel's arithmetic is compared.
 * Outputs are double where a kernel computes, and storage bits or ints where it only moves.
 *
 * Letters: R rows, D width, H heads, Dh head width, S keys, V vocabulary.
 */
#ifndef ELCL_REF_REF_H
#define ELCL_REF_REF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "elcl/elcl.h"

/* ---- storage (ref_storage.c) --------------------------------------------------------------- */

/* Bytes of one element. */
size_t elcl_ref_bytes(enum elcl_storage storage);
/* Rounds values [n] to what a reader of that storage sees. */
void elcl_ref_round(enum elcl_storage storage, float *values, size_t n);
/* Converts values [n] to bits, n elements of the storage. */
void elcl_ref_store(enum elcl_storage storage, const float *values, void *bits, size_t n);
/* Converts bits, n elements of the storage, to values [n]. */
void elcl_ref_load(enum elcl_storage storage, const void *bits, float *values, size_t n);

/* Rows of state: values [rows, n] in parts of `part` elements, and bits, rows of
 * elcl_state_row_bytes(). Of narrow state `doubt`, if it is not NULL, is 0, except for elements so
 * near a tie that the rounding error of a quotient decides: there it is the distance to the other
 * result; integers of a group that is not finite are 0. Bits between fields are not written. */
void elcl_ref_round_state(enum elcl_storage storage, float *values, float *doubt, size_t rows,
                          size_t n, size_t part);
void elcl_ref_store_state(enum elcl_storage storage, const float *values, void *bits, size_t rows,
                          size_t n, size_t part);
void elcl_ref_load_state(enum elcl_storage storage, const void *bits, float *values, size_t rows,
                         size_t n, size_t part);

/* Rounds values [rows, n], each row an output channel, to what a matrix of that storage holds. In
 * int8 a row is integers from -127 to 127 times max |w| / 127. With short_sums the factor is at
 * least a sum / 126: of the positive or of the negative w among w[8 i + j], w[8 i + j + 1], w[8 i +
 * j + 4], w[8 i + j + 5], j = 0 or 2. */
void elcl_ref_round_rows(enum elcl_storage storage, bool short_sums, float *values, size_t rows,
                         size_t n);
/* The same of int4: a row is groups of up to 32, each s (q - 8) with s in f16 and q from 0 to 15.
 * Writes all q [n] and the s of each group. */
void elcl_ref_quantize_int4(const float *values, size_t n, uint8_t *q, float *scales);
/* Writes the integers of a row and returns its scale. */
float elcl_ref_quantize(bool short_sums, const float *values, size_t n, int8_t *whole);

/* Rounds a row of a GEMM's input, x [n], as f16, bf16 or int8 compute does: to the nearest f16 or
 * bf16, or to integers from -127 to 127 times max |x| / 127 (for int4 weights as well). Then the
 * row is zeros if the largest magnitude is below 2^-120, and NaN if an element is not finite. doubt
 * [n] is 0, except for elements so near a tie that the rounding error of a quotient decides: there
 * it is the distance to the other result. */
void elcl_ref_round_input(enum elcl_storage weights, float *x, float *doubt, size_t n);

/* ---- GEMM (ref_gemm.c) --------------------------------------------------------------------- */

typedef double (*elcl_ref_activation)(double);
double elcl_ref_relu(double x);
double elcl_ref_gelu(double x);      /* x/2 (1 + erf(x / sqrt 2)) */
double elcl_ref_gelu_tanh(double x); /* x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) */
double elcl_ref_silu(double x);      /* x sigmoid(x) */

/*
 * Y[b, m, n] = act(sum_k X[b, m, k] W[b, n, k] + bias[b, n]) + residual[b, m, n]
 * X element (b, m, k) at b * x_batch + m * x_ld + k; Y and residual at b * y_batch + m * y_ld + n;
 * W [batch, N, K] and bias [batch, N] dense. NULL bias, residual or act: none. Elements of y
 * between are not written.
 */
struct elcl_ref_gemm_args {
    double *y;
    const float *x, *w, *bias, *residual;
    elcl_ref_activation act;
    int batch, m, n, k;
    size_t x_ld, y_ld, x_batch, y_batch;
};
void elcl_ref_gemm(const struct elcl_ref_gemm_args *args);

/* A convolution over time of width 3:
 *     y[t][j] = act(b[j] + sum_i sum_c w[j][c][i] x[stride t + i - 1][c])
 * x [n, C], and zero before and after; w [D, C, 3], b [D], y [ceil(n / stride), D]. NULL act:
 * none. */
struct elcl_ref_convolution_args {
    double *y;
    const double *x;
    const float *w, *b;
    elcl_ref_activation act;
    int n, c, d, stride;
};
void elcl_ref_convolution(const struct elcl_ref_convolution_args *args);

/* out[r][j] = act(y[r][j]) * y[r][f + j]; out [R, F], y [R, 2 F]. NULL act: none. */
void elcl_ref_gate(double *out, const float *y, elcl_ref_activation act, int r, int f);

/* ---- pointwise (ref_pointwise.c) ----------------------------------------------------------- */

struct elcl_ref_norm {
    const float *weight, *bias; /* [D] */
    double eps;
    bool rms; /* no mean and no bias: x / sqrt(mean of x^2 + eps) * weight */
};

/* x [D] = (x - mean) / sqrt(variance + eps) * weight + bias, in place; the variance divides by D.
 */
void elcl_ref_layer_norm(double *x, const struct elcl_ref_norm *norm, int d);

/* x[r] = norm(scale * E[token[r]] + P[position[r] + offset]); NULL norm: none. Without tokens the
 * first term is x[r] itself, without positions the second term is 0. */
struct elcl_ref_embed_args {
    double *x;               /* [R, D] */
    const int32_t *token;    /* [R] */
    const int32_t *position; /* [R] */
    const float *tokens;     /* [V, D] */
    const float *positions;  /* [P, D] */
    const struct elcl_ref_norm *norm;
    double scale;
    int offset;
    int r, d;
};
void elcl_ref_embed(const struct elcl_ref_embed_args *args);

/* out[r] = norm(x[r] + y[r]); all [R, D]; NULL norm: none. */
void elcl_ref_add_norm(double *out, const float *x, const float *y,
                       const struct elcl_ref_norm *norm, int r, int d);

/* ---- attention (ref_attention.c) ----------------------------------------------------------- */

/* The cache rows that a hypothesis row attends to: start .. start + n_shared - 1, then
 * lineage[0 .. n_private - 1]. */
struct elcl_ref_keys {
    int start, n_shared;
    const int32_t *lineage;
    int n_private;
    /* Key j gets bias[clamp(j - position, -max_distance, max_distance) + max_distance] onto its
     * score. */
    const float *bias; /* [H, 2 max_distance + 1], or NULL: none */
    int max_distance, position;
};

/* p [n_shared + n_private] = softmax(scale * <q, key j> + bias) of one row and head, whose bias is
 * the first one of keys; q [d]; key j is cache[row_j * ld .. + d). */
void elcl_ref_attn_weights(double *p, const float *q, const float *cache, size_t ld,
                           const struct elcl_ref_keys *keys, int d, double scale);

/* One row: p_h = softmax(scale * e[h] Y^T), c[h] = p_h Y. c, e [H, D]; y [cache rows, D]. No keys
 * give zeros. */
void elcl_ref_attn_el(double *c, const float *e, const float *y, const struct elcl_ref_keys *keys,
                      int h, int d, double scale);

/* One row: p_h = softmax(scale * q[h] K_h^T), o[h] = p_h V_h. o, q [H, Dh]; key and value h of
 * cache row j are kv[j * kv_ld + k_at + h * Dh ..] and + v_at. No keys give zeros. */
void elcl_ref_attn_mha(double *o, const float *q, const float *kv, const struct elcl_ref_keys *keys,
                       int h, int dh, size_t kv_ld, size_t k_at, size_t v_at, double scale);

/* ---- beams (ref_beams.c) ------------------------------------------------------------------- */

/* next[r][t] = previous[parent[r]][t] for t < length[r] - 1, next[r][length[r] - 1] = cache_row[r];
 * (a row of length 0 has none), tokens[cache_row[r]] = token[r]. next, previous [rows, ld]; tokens
 * [cache rows]; the others [R]. */
struct elcl_ref_lineage_args {
    int32_t *next, *tokens;
    const int32_t *previous;
    const int32_t *token, *parent, *cache_row, *length;
    int r, ld;
};
void elcl_ref_lineage(const struct elcl_ref_lineage_args *args);

/* next[r][j] = previous[map[r]][j] for j < n, rows of ld elements of `bytes` bytes. */
void elcl_ref_reorder(void *next, const void *previous, const int32_t *map, int r, size_t ld,
                      size_t n, size_t bytes);

/* ---- selection (ref_select.c) -------------------------------------------------------------- */

/* What happens to the scores of one row, in this order: encoder repetition penalty, repetition
 * penalty, presence and frequency penalty, no-repeat n-grams, EOS ban, forced token; and bans and a
 * loss whose order does not matter. Zeros after `length` are off. */
struct elcl_ref_rules {
    bool log_probs;            /* the rules see log-softmax, not raw logits */
    int32_t forced_token;      /* -1: none; otherwise it scores 0 and all others are banned */
    bool ban_eos;              /* no token of eos[] may be chosen */
    int ngram;                 /* 0: off; n: no n-gram of the history may come again */
    double repetition_penalty; /* 1: off; s < 0: s * p, otherwise s / p, once a token */
    const int32_t *eos;        /* [n_eos] */
    int n_eos;
    int32_t only_token; /* -1: none; otherwise all others are banned */
    int32_t pad_token;  /* -1: none; banned */
    int32_t unk_token;  /* -1: none; loses unk_penalty */
    double unk_penalty;
    bool renormalize;       /* log-softmax (again) after the rules */
    const int32_t *history; /* [length] the row's tokens so far */
    int length;
    const int32_t *source; /* [n_source] */
    int n_source;
    int encoder_ngram;        /* no n-gram of the source may come */
    double encoder_penalty;   /* as repetition_penalty, of the source's tokens */
    double presence_penalty;  /* lost by each token of the history from first_generated on */
    double frequency_penalty; /* lost for each time that it is there */
    int first_generated;
    const int32_t *banned; /* [n_banned] */
    int n_banned;
    bool allowed_only;
    const int32_t *allowed; /* [n_allowed], where allowed_only: all others are banned */
    int n_allowed;
    int timestamp_begin;                /* 0: no token is a timestamp; else those from it on are */
    int first_text;                     /* tokens below it are banned */
    int first_timestamp, end_timestamp; /* timestamps outside are banned */
    double *margin; /* NULL, or where timestamps write log (their sum of exp(score) / the largest
                     * exp(score) of the other tokens): above 0 only timestamps remain */
};

struct elcl_ref_candidate {
    int32_t token; /* -1: none */
    double score;
};

/* out [V] = log-softmax over the logits that are not NaN; NaN gives -INFINITY. */
void elcl_ref_log_softmax(double *out, const float *logits, int v);

/* scores [V]: what the rules leave; -INFINITY is banned. NaN and -inf logits are banned unless
 * forced. */
void elcl_ref_scores(double *scores, const float *logits, const struct elcl_ref_rules *rules,
                     int v);

/* The `width` best of scores [V] that are not banned, by falling score, ties by lower token;
 * missing ones are {-1, -INFINITY}. */
void elcl_ref_top(struct elcl_ref_candidate *best, const double *scores, int v, int width);

/* ---- sampling (ref_sample.c) --------------------------------------------------------------- */

struct elcl_ref_sampling {
    double temperature;
    int top_k;        /* 0: off */
    double top_p;     /* 1: off */
    double min_p;     /* 0: off */
    double typical_p; /* 1: off */
    int keep; /* top_p, min_p and typical_p leave at least `keep` tokens, if there are any; 0, 1:
                 off */
};

/* p [V]: the distribution that temperature, top_k, top_p, min_p and typical_p, in this order, leave
 * of scores [V] (-INFINITY: banned); each sees the probabilities renormalized over what the one
 * before kept, and tokens of equal score share their lot. Zeros where all are banned. *margin: how
 * near a mass came to a cut-off. false when memory is short. */
bool elcl_ref_warp(double *p, const double *scores, const struct elcl_ref_sampling *sampling, int v,
                   double *margin);
/* The first token up to which p sums to more than `uniform`; -1 when there is none. */
int elcl_ref_draw(const double *p, int v, double uniform);
/* Beams: of the tokens that p [V] keeps, values [V] are log p with renormalize and otherwise
 * scores [V] / temperature, and keys [V] are values + gumbel [V]; -INFINITY where p is 0. Those of
 * the largest keys are drawn, and carry their values. */
void elcl_ref_beam_keys(double *keys, double *values, const double *p, const double *scores,
                        const double *gumbel, double temperature, bool renormalize, int v);

#endif
