/* Loads the projections of an attention: as they are stored, or for el as expansion and contraction
 * of each head. */
#include <string.h>

#include "base/util.h"
#include "model/weights_impl.h"

/* Computes bo + Wo bv: the value bias passes through softmax unchanged, as each p sums to 1. */
static int fold_value_bias(struct elcl_loader *loader, const struct elcl_projection *v,
                           const struct elcl_projection *out, struct elcl_buffer *bias)
{
    if (!out->has_bias)
        return ELCL_OK;
    loader->bytes += (size_t)out->n * sizeof(float);
    if (loader->plan)
        return ELCL_OK;
    const size_t n = (size_t)out->n, k = (size_t)out->k;
    float *values = elcl_calloc(n + k + n * k, sizeof(float));
    if (!values)
        return elcl_fail_nomem(loader->err);
    float *bv = values + n, *wo = bv + k;
    elcl_load_f32_part(out->bias, 0, out->bias->n, values);
    if (v->has_bias)
        elcl_load_f32_part(v->bias, v->at, k, bv);
    elcl_load_f32_part(out->weight, 0, out->weight->n, wo);
    for (size_t i = 0; i < n; i++) {
        double sum = (double)values[i];
        for (size_t j = 0; j < k; j++)
            sum += (double)wo[i * out->n_stride + j * out->k_stride] * (double)bv[j];
        values[i] = (float)sum;
    }
    const int rc = elcl_load_upload(loader, "bias", values, n, bias);
    elcl_free(values);
    return rc;
}

/* Loads K and V of one attention as per-head expansion and contraction. */
static int load_el(struct elcl_loader *loader, const struct elcl_projection *k,
                   const struct elcl_projection *v, const struct elcl_projection *out, int heads,
                   struct elcl_attention_weights *a)
{
    const int d = k->k, dh = k->n / heads;
    int rc = loader->storage == ELCL_INT8 ? elcl_projection_load_weight(loader, k) : ELCL_OK;
    if (!rc && out->has_bias)
        rc = elcl_projection_load_weight(loader, out); /* for fold_value_bias() */
    if (rc)
        return rc;
    struct elcl_matrix_source expand = elcl_projection_source(k),
                              contract = elcl_projection_source(v);
    const struct elcl_matrix_source project = elcl_projection_source(out);
    expand.n = d; /* transposed: a head's Dh rows are the inner dimension */
    expand.n_stride = k->k_stride;
    expand.k_stride = k->n_stride;
    expand.batch_stride = (size_t)dh * k->n_stride;
    contract.n = dh;
    contract.batch_stride = (size_t)dh * v->n_stride;
    ELCL_TRY(elcl_load_matrix(loader, "weight matrix", heads, d, dh, &expand, 1, &a->expand));
    ELCL_TRY(elcl_load_matrix(loader, "weight matrix", heads, dh, d, &contract, 1, &a->contract));
    ELCL_TRY(elcl_load_matrix(loader, "weight matrix", 1, out->n, out->k, &project, 1, &a->out.w));
    ELCL_TRY(fold_value_bias(loader, v, out, &a->out.bias));
fail:
    return rc;
}

int elcl_load_attention_named(struct elcl_loader *loader, const char *prefix,
                              const char *const names[4], int heads, int dh, int d,
                              enum elcl_site site, struct elcl_attention_weights *attention)
{
    struct elcl_projection qkv[3], out;
    int rc;
    const bool no_bias = loader->no_bias;
    for (int i = 0; i < 3; i++) {
        loader->no_bias = no_bias || loader->no_qkv_bias || (i == 1 && loader->no_key_bias);
        ELCL_TRY(elcl_projection_find(loader, prefix, names[i], heads * dh, d, &qkv[i]));
    }
    loader->no_bias = no_bias;
    ELCL_TRY(elcl_projection_find(loader, prefix, names[3], d, heads * dh, &out));
    if (site != ELCL_SITE_ENCODER && loader->attention == ELCL_ATTN_EL) {
        ELCL_TRY(elcl_projections_load(loader, qkv, 1, &attention->q));
        return elcl_load_done(loader, load_el(loader, &qkv[1], &qkv[2], &out, heads, attention));
    }
    if (site == ELCL_SITE_CROSS) {
        ELCL_TRY(elcl_projections_load(loader, qkv, 1, &attention->q));
        ELCL_TRY(elcl_projections_load(loader, qkv + 1, 2, &attention->kv));
    } else {
        ELCL_TRY(elcl_projections_load(loader, qkv, 3, &attention->qkv));
    }
    ELCL_TRY(elcl_projections_load(loader, &out, 1, &attention->out));
fail:
    return elcl_load_done(loader, rc);
}

int elcl_load_attention(struct elcl_loader *loader, const char *prefix, int heads, int d,
                        enum elcl_site site, struct elcl_attention_weights *attention)
{
    static const char *const names[] = {".q_proj", ".k_proj", ".v_proj", ".out_proj"};
    return elcl_load_attention_named(loader, prefix, names, heads, d / heads, d, site, attention);
}

int elcl_load_attention_conv1d(struct elcl_loader *loader, const char *prefix, int heads, int d,
                               struct elcl_attention_weights *attention)
{
    struct elcl_projection qkv[3], out;
    int rc;
    for (int i = 0; i < 3; i++)
        ELCL_TRY(
            elcl_projection_find_conv1d(loader, prefix, ".c_attn", 3 * d, i * d, d, d, &qkv[i]));
    ELCL_TRY(elcl_projection_find_conv1d(loader, prefix, ".c_proj", d, 0, d, d, &out));
    if (loader->attention == ELCL_ATTN_EL) {
        ELCL_TRY(elcl_projections_load(loader, qkv, 1, &attention->q));
        return elcl_load_done(loader, load_el(loader, &qkv[1], &qkv[2], &out, heads, attention));
    }
    ELCL_TRY(elcl_projections_load(loader, qkv, 3, &attention->qkv));
    ELCL_TRY(elcl_projections_load(loader, &out, 1, &attention->out));
fail:
    return elcl_load_done(loader, rc);
}

/* Copies the rows of one projection, n elements each, from `from` on. */
static void gather_rows(const struct elcl_tensor *fused, int from, int stride, int heads, int dh,
                        size_t n, struct elcl_tensor *part, char *memory)
{
    const size_t head_bytes = (size_t)dh * n * elcl_storage_bytes(fused->dtype);
    const size_t row_bytes = n * elcl_storage_bytes(fused->dtype);
    *part = *fused;
    part->n = (size_t)heads * (size_t)dh * n;
    part->data = memory;
    for (int h = 0; h < heads; h++)
        memcpy(memory + (size_t)h * head_bytes,
               (const char *)fused->data + (size_t)(from + h * stride) * row_bytes, head_bytes);
}

/* The three projections of a fused one, with copies of their rows in *memory. */
struct fused {
    struct elcl_tensor weights[3], biases[3];
    char *memory;
};

static int split_fused(struct elcl_loader *loader, const struct elcl_projection *p,
                       const struct elcl_fused_rows *rows, int heads, int dh, struct fused *out)
{
    const int from[] = {0, rows->k_at, rows->v_at};
    const size_t inner = (size_t)heads * (size_t)dh, k = (size_t)p->k;
    const size_t bias_bytes = p->has_bias ? inner * elcl_storage_bytes(p->bias->dtype) : 0;
    const size_t bytes = inner * k * elcl_storage_bytes(p->weight->dtype) + bias_bytes;
    const int rc = elcl_projection_load_weight(loader, p);
    if (rc)
        return rc;
    out->memory = elcl_calloc(3, bytes);
    if (!out->memory)
        return elcl_fail_nomem(loader->err);
    for (int i = 0; i < 3; i++) {
        const int stride = i ? rows->kv_stride : rows->q_stride;
        char *memory = out->memory + (size_t)i * bytes;
        gather_rows(p->weight, from[i], stride, heads, dh, k, &out->weights[i],
                    memory + bias_bytes);
        if (p->has_bias)
            gather_rows(p->bias, from[i], stride, heads, dh, 1, &out->biases[i], memory);
    }
    return ELCL_OK;
}

int elcl_load_attention_fused(struct elcl_loader *loader, const char *prefix,
                              const char *const names[2], int heads, int d,
                              const struct elcl_fused_rows *rows,
                              struct elcl_attention_weights *attention)
{
    struct elcl_projection all, out, qkv[3];
    struct fused parts = {.memory = NULL};
    int rc;
    ELCL_TRY(elcl_projection_find(loader, prefix, names[0], rows->rows, d, &all));
    ELCL_TRY(elcl_projection_find(loader, prefix, names[1], d, d, &out));
    if (!loader->plan)
        ELCL_TRY(split_fused(loader, &all, rows, heads, d / heads, &parts));
    for (int i = 0; i < 3; i++) {
        qkv[i] = all;
        qkv[i].n = d;
        qkv[i].weight = loader->plan ? NULL : &parts.weights[i];
        qkv[i].bias = loader->plan ? NULL : &parts.biases[i];
    }
    if (loader->attention == ELCL_ATTN_EL) {
        ELCL_TRY(elcl_projections_load(loader, qkv, 1, &attention->q));
        ELCL_TRY(load_el(loader, &qkv[1], &qkv[2], &out, heads, attention));
    } else {
        ELCL_TRY(elcl_projections_load(loader, qkv, 3, &attention->qkv));
        ELCL_TRY(elcl_projections_load(loader, &out, 1, &attention->out));
    }
fail:
    elcl_free(parts.memory);
    return elcl_load_done(loader, rc);
}
