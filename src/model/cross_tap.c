#include "model/cross_tap.h"

#include <math.h>

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

static size_t key_elements(const struct elcl_state *state, int n_keys)
{
    return (size_t)n_keys * key_width(state);
}

static size_t key_bytes(const struct elcl_state *state, int n_keys)
{
    return key_elements(state, n_keys) * elcl_storage_bytes(state->ops->state);
}

int elcl_cross_tap_init(struct elcl_cross_tap *tap, const struct elcl_state *state, int layer,
                        elcl_error *err)
{
    const int rows = state->capacity.sentences;
    const struct elcl_cross_tap made = {
        .layer = layer,
        .state = state,
        .queries = elcl_ops_host_memory(state->ops, query_bytes(state, rows), 1),
        .stored = elcl_ops_host_memory(state->ops, key_bytes(state, rows), 1),
        .keys = elcl_ops_host_memory(state->ops, key_elements(state, rows), sizeof(float)),
        .query = elcl_ops_host_memory(state->ops, 2 * (size_t)head_width(state), sizeof(float))};
    if (!made.queries || !made.stored || !made.keys || !made.query)
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
    ELCL_TRY(elcl_ops_download(state->ops, &state->buffers[keys], tap->stored,
                               key_bytes(state, n_keys), err));
    elcl_storage_load(state->ops->state, tap->stored, key_elements(state, n_keys), tap->keys);
fail:
    return rc;
}

/* Converts a head's query, n elements from `first` on, which may have two planes. */
static void load_query(const struct elcl_cross_tap *tap, size_t first, size_t n)
{
    const enum elcl_gemm_out out = is_el(tap->state) ? ELCL_OUT_PLANES : ELCL_OUT_ACT;
    const enum elcl_storage storage = elcl_gemm_out_storage(tap->state->ops, out);
    const size_t bytes = elcl_storage_bytes(storage);
    const char *from = tap->queries;
    float *query = tap->query, *low = query + n;
    elcl_storage_load(storage, from + first * bytes, n, query);
    if (out == ELCL_OUT_ACT || storage == ELCL_F32)
        return;
    elcl_storage_load(storage, from + (tap->plane + first) * bytes, n, low);
    for (size_t i = 0; i < n; i++)
        query[i] += low[i];
}

static double dot(const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
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
    const int heads = state->arch->decoder_heads;
    const size_t width = (size_t)head_width(state);
    const double scale = (double)elcl_cross_scale(state->arch);
    for (int i = 0; i < n_keys; i++)
        out[i] = 0;
    for (int h = 0; h < heads; h++) {
        const float *keys = tap->keys + (is_el(state) ? 0 : (size_t)h * width);
        load_query(tap, ((size_t)row * (size_t)heads + (size_t)h) * width, width);
        for (int i = 0; i < n_keys; i++)
            scores[i] = scale * dot(tap->query, keys + key_elements(state, first + i), width);
        softmax(scores, n_keys);
        for (int i = 0; i < n_keys; i++)
            out[i] += (float)(scores[i] / heads);
    }
}
