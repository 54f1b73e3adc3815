#include "parity/reference_model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/half.h"
#include "base/util.h"
#include "check.h"
#include "format/safetensors.h"
#include "ref/ref.h"

struct matrix {
    double *w;    /* [n, k] */
    double *bias; /* [n] */
    int n, k;
};

struct norm {
    double *weight, *bias;
};

struct attention {
    struct matrix q, k, v, out;
    double *folded; /* bo + Wo bv in f32, of the weights before rounding */
};

struct layer {
    struct attention self, cross;
    struct norm self_norm, cross_norm, ffn_norm;
    struct matrix fc1, fc2;
};

struct stack {
    double *tokens, *positions;
    struct norm embedding;
    struct layer *layers;
    int n_layers, heads;
};

struct reference {
    struct elcl_arch arch;
    enum elcl_storage weights;
    enum elcl_attention attention;
    struct elcl_safetensors *st;
    struct stack encoder, decoder;
    double *head, *head_bias;
    void *memory[4096]; /* all allocations */
    int n_memory;
};

/* ---- loading ------------------------------------------------------------------------------- */

static double *allocate(struct reference *ref, size_t n)
{
    double *p = elcl_calloc(n, sizeof(*p));
    ref->memory[ref->n_memory++] = p;
    return p;
}

static const struct elcl_tensor *find(const struct reference *ref, const char *name)
{
    char prefixed[256];
    snprintf(prefixed, sizeof(prefixed), "model.%s", name);
    const struct elcl_tensor *t = elcl_safetensors_find(ref->st, name);
    return t ? t : elcl_safetensors_find(ref->st, prefixed);
}

/* Freed by the caller. */
static float *load_values(struct reference *ref, const char *name, size_t n)
{
    const struct elcl_tensor *t = find(ref, name);
    float *values = elcl_calloc(n, sizeof(*values));
    struct elcl_tensors *tensors = elcl_safetensors_tensors(ref->st);
    elcl_error err = {0};
    if (CHECK(t && t->n == n && !elcl_tensors_load(tensors, t, &err), "reference: %s", name))
        elcl_ref_load(t->dtype, t->data, values, n);
    elcl_tensors_drop(tensors);
    return values;
}

static double *widened(struct reference *ref, float *values, size_t n)
{
    double *out = allocate(ref, n);
    for (size_t i = 0; i < n; i++)
        out[i] = (double)values[i];
    elcl_free(values);
    return out;
}

static double *load(struct reference *ref, const char *name, size_t n)
{
    return widened(ref, load_values(ref, name, n), n);
}

/* Rounds [rows, k] like a matrix on the device. */
static double *load_weights(struct reference *ref, const char *name, size_t rows, size_t k)
{
    float *values = load_values(ref, name, rows * k);
    elcl_ref_round_rows(ref->weights, false, values, rows, k);
    return widened(ref, values, rows * k);
}

/* The same for Wk [D, D] as EL-attention expands by it: a head's output channels are columns. */
static double *load_expansion(struct reference *ref, const char *name, int heads)
{
    const size_t d = (size_t)ref->arch.d, dh = d / (size_t)heads;
    float *values = load_values(ref, name, d * d), *column = elcl_calloc(dh, sizeof(*column));
    for (size_t h = 0; h < (size_t)heads; h++)
        for (size_t k = 0; k < d; k++) {
            for (size_t i = 0; i < dh; i++)
                column[i] = values[(h * dh + i) * d + k];
            elcl_ref_round_rows(ref->weights, false, column, 1, dh);
            for (size_t i = 0; i < dh; i++)
                values[(h * dh + i) * d + k] = column[i];
        }
    elcl_free(column);
    return widened(ref, values, d * d);
}

static double *load_role(struct reference *ref, const char *prefix, const char *role, size_t n)
{
    char name[200];
    snprintf(name, sizeof(name), "%s.%s", prefix, role);
    return load(ref, name, n);
}

static struct matrix load_matrix(struct reference *ref, const char *prefix, const char *role, int n,
                                 int k)
{
    char name[160], weight[200];
    snprintf(name, sizeof(name), "%s.%s", prefix, role);
    snprintf(weight, sizeof(weight), "%s.weight", name);
    return (struct matrix){.w = load_weights(ref, weight, (size_t)n, (size_t)k),
                           .bias = load_role(ref, name, "bias", (size_t)n),
                           .n = n,
                           .k = k};
}

static struct norm load_norm(struct reference *ref, const char *prefix, const char *role)
{
    char name[160];
    snprintf(name, sizeof(name), "%s.%s", prefix, role);
    const size_t d = (size_t)ref->arch.d;
    return (struct norm){.weight = load_role(ref, name, "weight", d),
                         .bias = load_role(ref, name, "bias", d)};
}

static struct attention load_attention(struct reference *ref, const char *prefix, const char *role,
                                       bool el, int heads)
{
    char name[160], expansion[200];
    const int d = ref->arch.d;
    snprintf(name, sizeof(name), "%s.%s", prefix, role);
    struct attention a = {.q = load_matrix(ref, name, "q_proj", d, d),
                          .k = load_matrix(ref, name, "k_proj", d, d),
                          .v = load_matrix(ref, name, "v_proj", d, d),
                          .out = load_matrix(ref, name, "out_proj", d, d)};
    snprintf(expansion, sizeof(expansion), "%s.k_proj.weight", name);
    if (el)
        a.k.w = load_expansion(ref, expansion, heads);
    const double *wo = load_role(ref, name, "out_proj.weight", (size_t)d * (size_t)d);
    a.folded = allocate(ref, (size_t)d);
    for (int i = 0; i < d; i++) {
        double sum = a.out.bias[i];
        for (int j = 0; j < d; j++)
            sum += wo[i * d + j] * a.v.bias[j];
        a.folded[i] = (double)(float)sum;
    }
    return a;
}

static void load_stack(struct reference *ref, const char *name, bool decoder, struct stack *stack)
{
    const struct elcl_arch *a = &ref->arch;
    const bool el = decoder && ref->attention == ELCL_ATTN_EL;
    const int ffn = decoder ? a->decoder_ffn : a->encoder_ffn;
    const size_t rows = (size_t)(a->max_positions + a->position_offset);
    stack->heads = decoder ? a->decoder_heads : a->encoder_heads;
    stack->n_layers = decoder ? a->decoder_layers : a->encoder_layers;
    stack->layers = elcl_calloc((size_t)stack->n_layers, sizeof(*stack->layers));
    stack->positions = load_role(ref, name, "embed_positions.weight", rows * (size_t)a->d);
    stack->embedding = load_norm(ref, name, "layernorm_embedding");
    for (int i = 0; i < stack->n_layers; i++) {
        struct layer *layer = &stack->layers[i];
        char prefix[100];
        snprintf(prefix, sizeof(prefix), "%s.layers.%d", name, i);
        layer->self = load_attention(ref, prefix, "self_attn", el, stack->heads);
        layer->self_norm = load_norm(ref, prefix, "self_attn_layer_norm");
        if (decoder) {
            layer->cross = load_attention(ref, prefix, "encoder_attn", el, stack->heads);
            layer->cross_norm = load_norm(ref, prefix, "encoder_attn_layer_norm");
        }
        layer->fc1 = load_matrix(ref, prefix, "fc1", ffn, a->d);
        layer->fc2 = load_matrix(ref, prefix, "fc2", a->d, ffn);
        layer->ffn_norm = load_norm(ref, prefix, "final_layer_norm");
    }
}

struct reference *reference_open(const char *directory, const struct elcl_arch *arch,
                                 enum elcl_storage weights, enum elcl_attention attention)
{
    struct reference *ref = elcl_calloc(1, sizeof(*ref));
    elcl_error err = {0};
    ref->arch = *arch;
    ref->weights = weights;
    ref->attention = attention;
    if (!CHECK(!elcl_safetensors_open(directory, &ref->st, &err), "%s", err.msg)) {
        reference_close(&ref);
        return NULL;
    }
    const size_t v = (size_t)arch->vocabulary, d = (size_t)arch->d;
    ref->weights = elcl_table_storage(weights);
    ref->encoder.tokens = ref->decoder.tokens = load_weights(ref, "shared.weight", v, d);
    ref->head = arch->tied ? ref->encoder.tokens : load_weights(ref, "lm_head.weight", v, d);
    ref->weights = weights;
    ref->head_bias =
        find(ref, "final_logits_bias") ? load(ref, "final_logits_bias", v) : allocate(ref, v);
    load_stack(ref, "encoder", false, &ref->encoder);
    load_stack(ref, "decoder", true, &ref->decoder);
    return ref;
}

void reference_close(struct reference **reference)
{
    struct reference *ref = *reference;
    if (!ref)
        return;
    elcl_safetensors_close(&ref->st);
    for (int i = 0; i < ref->n_memory; i++)
        elcl_free(ref->memory[i]);
    elcl_free(ref->encoder.layers);
    elcl_free(ref->decoder.layers);
    elcl_free(ref);
    *reference = NULL;
}

int reference_width(const struct reference *reference, enum elcl_attention attention)
{
    return attention == ELCL_ATTN_EL ? reference->arch.d : 2 * reference->arch.d;
}

/* ---- operations on one row ----------------------------------------------------------------- */

static void linear(double *y, const struct matrix *m, const double *x)
{
    for (int n = 0; n < m->n; n++) {
        y[n] = m->bias[n];
        for (int k = 0; k < m->k; k++)
            y[n] += m->w[n * m->k + k] * x[k];
    }
}

static void layer_norm(const struct reference *ref, double *x, const struct norm *norm)
{
    const int d = ref->arch.d;
    double mean = 0, variance = 0;
    for (int i = 0; i < d; i++)
        mean += x[i] / d;
    for (int i = 0; i < d; i++)
        variance += (x[i] - mean) * (x[i] - mean) / d;
    for (int i = 0; i < d; i++)
        x[i] = (x[i] - mean) / sqrt(variance + (double)ref->arch.norm_eps) * norm->weight[i] +
               norm->bias[i];
}

static void add_norm(const struct reference *ref, double *x, const double *y,
                     const struct norm *norm)
{
    for (int i = 0; i < ref->arch.d; i++)
        x[i] += y[i];
    layer_norm(ref, x, norm);
}

static void embed(const struct reference *ref, const struct stack *stack, int32_t token,
                  int position, double *x)
{
    const int d = ref->arch.d;
    for (int i = 0; i < d; i++)
        x[i] = (double)ref->arch.embed_scale * stack->tokens[(size_t)token * d + i] +
               stack->positions[(size_t)(position + ref->arch.position_offset) * d + i];
    layer_norm(ref, x, &stack->embedding);
}

static double activate(const struct reference *ref, double x)
{
    switch (ref->arch.act) {
    case ELCL_ACT_RELU:
        return elcl_ref_relu(x);
    case ELCL_ACT_GELU:
        return elcl_ref_gelu(x);
    case ELCL_ACT_GELU_TANH:
        return elcl_ref_gelu_tanh(x);
    case ELCL_ACT_SILU:
        return elcl_ref_silu(x);
    case ELCL_ACT_NONE:
        break;
    }
    return x;
}

static void feed_forward(const struct reference *ref, const struct layer *layer, double *x)
{
    double *hidden = elcl_calloc((size_t)layer->fc1.n + (size_t)ref->arch.d, sizeof(*hidden));
    double *y = hidden + layer->fc1.n;
    linear(hidden, &layer->fc1, x);
    for (int i = 0; i < layer->fc1.n; i++)
        hidden[i] = activate(ref, hidden[i]);
    linear(y, &layer->fc2, hidden);
    add_norm(ref, x, y, &layer->ffn_norm);
    elcl_free(hidden);
}

/* p [n] = softmax */
static void softmax(double *p, int n)
{
    double max = -INFINITY, sum = 0;
    for (int j = 0; j < n; j++)
        max = fmax(max, p[j]);
    for (int j = 0; j < n; j++)
        sum += p[j] = exp(p[j] - max);
    for (int j = 0; j < n; j++)
        p[j] /= sum;
}

/* out = concat_h(softmax(s q_h K_h^T) V_h) Wo + bo, keys [n, ld] and values [n, ld]. */
static void attend_kv(const struct reference *ref, const struct attention *a, int heads,
                      const double *x, const double *keys, const double *values, int ld, int n,
                      double *out)
{
    const int d = ref->arch.d, dh = d / heads;
    double *q = elcl_calloc((size_t)(2 * d + n), sizeof(*q)), *o = q + d, *p = o + d;
    linear(q, &a->q, x);
    for (int h = 0; h < heads; h++) {
        for (int j = 0; j < n; j++) {
            p[j] = 0;
            for (int i = h * dh; i < (h + 1) * dh; i++)
                p[j] += q[i] * keys[j * ld + i] / sqrt(dh);
        }
        softmax(p, n);
        for (int j = 0; j < n; j++)
            for (int i = h * dh; i < (h + 1) * dh; i++)
                o[i] += p[j] * values[j * ld + i];
    }
    linear(out, &a->out, o);
    elcl_free(q);
}

/* e = q_h Wk_h, c = softmax(s e Y^T) Y, o_h = c Wv_h^T, out = o Wo + (bo + Wo bv); y [n, D]. */
static void attend_el(const struct reference *ref, const struct attention *a, int heads,
                      const double *x, const double *y, int n, double *out)
{
    const int d = ref->arch.d, dh = d / heads;
    double *q = elcl_calloc((size_t)(4 * d + n), sizeof(*q));
    double *e = q + d, *c = e + d, *o = c + d, *p = o + d;
    linear(q, &a->q, x);
    for (int h = 0; h < heads; h++) {
        for (int k = 0; k < d; k++) {
            e[k] = c[k] = 0;
            for (int i = h * dh; i < (h + 1) * dh; i++)
                e[k] += q[i] * a->k.w[i * d + k];
        }
        for (int j = 0; j < n; j++) {
            p[j] = 0;
            for (int k = 0; k < d; k++)
                p[j] += e[k] * y[j * d + k] / sqrt(dh);
        }
        softmax(p, n);
        for (int j = 0; j < n; j++)
            for (int k = 0; k < d; k++)
                c[k] += p[j] * y[j * d + k];
        for (int i = h * dh; i < (h + 1) * dh; i++)
            for (int k = 0; k < d; k++)
                o[i] += c[k] * a->v.w[i * d + k];
    }
    struct matrix project = a->out;
    project.bias = a->folded;
    linear(out, &project, o);
    elcl_free(q);
}

/* ---- encoder and decoder ------------------------------------------------------------------- */

static void encode_layer(const struct reference *ref, const struct layer *layer, double *x, int n)
{
    const int d = ref->arch.d;
    const size_t rows = (size_t)n * (size_t)d;
    double *k = elcl_calloc(3 * rows, sizeof(*k)), *v = k + rows, *y = v + rows;
    for (int s = 0; s < n; s++) {
        linear(k + s * d, &layer->self.k, x + s * d);
        linear(v + s * d, &layer->self.v, x + s * d);
    }
    for (int s = 0; s < n; s++)
        attend_kv(ref, &layer->self, ref->encoder.heads, x + s * d, k, v, d, n, y + s * d);
    for (int s = 0; s < n; s++) {
        add_norm(ref, x + s * d, y + s * d, &layer->self_norm);
        feed_forward(ref, layer, x + s * d);
    }
    elcl_free(k);
}

void reference_encode(const struct reference *ref, const int32_t *source, int n, double *out)
{
    for (int s = 0; s < n; s++)
        embed(ref, &ref->encoder, source[s], s, out + s * ref->arch.d);
    for (int l = 0; l < ref->encoder.n_layers; l++)
        encode_layer(ref, &ref->encoder.layers[l], out, n);
}

/* Computes what an attention keeps of one input row. */
static void state_row(const struct reference *ref, const struct attention *a,
                      enum elcl_attention attention, const double *x, double *row)
{
    const int d = ref->arch.d;
    if (attention == ELCL_ATTN_EL) {
        memcpy(row, x, (size_t)d * sizeof(*row));
        return;
    }
    linear(row, &a->k, x);
    linear(row + d, &a->v, x);
}

void reference_source_row(const struct reference *ref, enum elcl_attention attention, int layer,
                          const double *y, double *row)
{
    state_row(ref, &ref->decoder.layers[layer].cross, attention, y, row);
}

/* Computes the attention of one row over n cached rows. */
static void attend(const struct reference *ref, const struct attention *a,
                   enum elcl_attention attention, const double *x, const float *cached, int n,
                   double *out)
{
    const int width = reference_width(ref, attention), heads = ref->decoder.heads;
    const size_t count = (size_t)n * (size_t)width;
    double *state = elcl_calloc(count, sizeof(*state));
    for (size_t i = 0; i < count; i++)
        state[i] = (double)cached[i];
    if (attention == ELCL_ATTN_EL)
        attend_el(ref, a, heads, x, state, n, out);
    else
        attend_kv(ref, a, heads, x, state, state + ref->arch.d, width, n, out);
    elcl_free(state);
}

void reference_decode(const struct reference *ref, const struct reference_step *step)
{
    const int d = ref->arch.d, v = ref->arch.vocabulary, n_self = step->position + 1;
    const size_t width = (size_t)reference_width(ref, step->attention);
    double *x = elcl_calloc(2 * (size_t)d, sizeof(*x)), *y = x + d;
    embed(ref, &ref->decoder, step->token, step->position, x);
    for (int l = 0; l < ref->decoder.n_layers; l++) {
        const struct layer *layer = &ref->decoder.layers[l];
        state_row(ref, &layer->self, step->attention, x, step->cached + (size_t)l * width);
        attend(ref, &layer->self, step->attention, x,
               step->self + (size_t)l * (size_t)n_self * width, n_self, y);
        add_norm(ref, x, y, &layer->self_norm);
        attend(ref, &layer->cross, step->attention, x,
               step->source + (size_t)l * (size_t)step->n_source * width, step->n_source, y);
        add_norm(ref, x, y, &layer->cross_norm);
        feed_forward(ref, layer, x);
    }
    for (int i = 0; i < v; i++) {
        step->logits[i] = ref->head_bias[i];
        for (int k = 0; k < d; k++)
            step->logits[i] += ref->head[(size_t)i * d + k] * x[k];
    }
    elcl_free(x);
}
