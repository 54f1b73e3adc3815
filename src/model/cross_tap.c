#include "model/cross_tap.h"

#include <math.h>

#include "base/half.h"
#include "base/util.h"
#include "model/attn.h"

static bool is_el(const struct elcl_state *state)
{
    return state->variant->id == ELCL_ATTN_EL;
}

/* Returns the length of the vectors that a head compares. */
static int head_width(const struct elcl_state *state)
{
    return is_el(state) ? state->arch->d : elcl_arch_dh(state->arch, state->arch->decoder_heads);
}

static size_t query_bytes(const struct elcl_state *state, int n_rows)
{
    const size_t n =
        (size_t)n_rows * (size_t)state->arch->decoder_heads * (size_t)head_width(state);
    /* One plane of floats, or two of 16 bits. */
    return is_el(state) ? n * sizeof(float) : n * elcl_storage_bytes(state->ops->activations);
}

/* Returns the elements from a key to the next one. */
static size_t key_width(const struct elcl_state *state)
{
    return is_el(state) ? (size_t)state->arch->d
                        : 2 * (size_t)elcl_arch_inner(state->arch, state->arch->decoder_heads);
}

static size_t key_bytes(const struct elcl_state *state, int n_keys)
{
    return (size_t)n_keys * key_width(state) * elcl_storage_bytes(state->ops->state);
}

int elcl_cross_tap_init(struct elcl_cross_tap *tap, const struct elcl_state *state, int layer,
                        elcl_error *err)
{
    const int rows = state->capacity.sentences;
    const struct elcl_cross_tap made = {
        .layer = layer,
        .state = state,
        .queries = elcl_ops_host_memory(state->ops, query_bytes(state, rows), 1),
        .keys = elcl_ops_host_memory(state->ops, key_bytes(state, rows), 1)};
    if (!made.queries || !made.keys)
        return elcl_fail_nomem(err);
    *tap = made;
    return ELCL_OK;
}

int elcl_cross_tap_copy(struct elcl_cross_tap *tap, struct elcl_state *state, int n_rows,
                        int n_keys, elcl_error *err)
{
    const bool el = is_el(state);
    const int queries = el ? ELCL_B_E : ELCL_B_QKV;
    const int keys = el ? (int)ELCL_B_SOURCE : elcl_b_cross(tap->layer);
    int rc;
    tap->plane = (size_t)n_rows * (size_t)state->arch->decoder_heads * (size_t)head_width(state);
    ELCL_TRY(elcl_ops_download(state->ops, &state->buffers[queries], tap->queries,
                               query_bytes(state, n_rows), err));
    ELCL_TRY(elcl_ops_download(state->ops, &state->buffers[keys], tap->keys,
                               key_bytes(state, n_keys), err));
fail:
    return rc;
}

static float element(const void *from, enum elcl_storage storage, size_t i)
{
    if (storage == ELCL_F32)
        return ((const float *)from)[i];
    const uint16_t bits = ((const uint16_t *)from)[i];
    return storage == ELCL_F16 ? elcl_f16_to_f32(bits) : elcl_bf16_to_f32(bits);
}

/* Returns element i of the queries, which may have two planes. */
static float query(const struct elcl_cross_tap *tap, size_t i)
{
    const struct elcl_ops *ops = tap->state->ops;
    if (!is_el(tap->state))
        return element(tap->queries, ops->activations, i);
    const enum elcl_storage planes = elcl_ops_planes(ops);
    const float high = element(tap->queries, planes, i);
    return planes == ELCL_F32 ? high : high + element(tap->queries, planes, tap->plane + i);
}

/* Turns n scores into probabilities. */
static void softmax(double *scores, int n)
{
    double most = -INFINITY, sum = 0;
    for (int i = 0; i < n; i++)
        most = fmax(most, scores[i]);
    for (int i = 0; i < n; i++)
        sum += scores[i] = exp(scores[i] - most);
    for (int i = 0; i < n; i++)
        scores[i] /= sum;
}

void elcl_cross_tap_row(const struct elcl_cross_tap *tap, int row, int first, int n_keys,
                        double *scores, float *out)
{
    const struct elcl_state *state = tap->state;
    const int heads = state->arch->decoder_heads, width = head_width(state);
    const double scale = (double)elcl_cross_scale(state->arch);
    for (int i = 0; i < n_keys; i++)
        out[i] = 0;
    for (int h = 0; h < heads; h++) {
        const size_t q = ((size_t)row * (size_t)heads + (size_t)h) * (size_t)width;
        const size_t k_at = is_el(state) ? 0 : (size_t)h * (size_t)width;
        for (int i = 0; i < n_keys; i++) {
            const size_t k = (size_t)(first + i) * key_width(state) + k_at;
            double sum = 0;
            for (int d = 0; d < width; d++)
                sum += (double)query(tap, q + (size_t)d) *
                       (double)element(tap->keys, state->ops->state, k + (size_t)d);
            scores[i] = scale * sum;
        }
        softmax(scores, n_keys);
        for (int i = 0; i < n_keys; i++)
            out[i] += (float)(scores[i] / heads);
    }
}
