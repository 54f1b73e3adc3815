/* The cases of elcl_selftest(): sizes for the checks, from the widths of a model. */
#include "base/util.h"
#include "selftest/attention.h"
#include "selftest/checks.h"
#include "selftest/gemm.h"
#include "selftest/logits.h"
#include "selftest/selftest.h"

static void run_gemm(struct elcl_selftest_state *st, const char *model, const char *name,
                     const struct elcl_gemm_shape *s)
{
    const struct elcl_ops *ops = st->fx.ops;
    const char *operation = ops->gemm == ELCL_GEMM_CLBLAST ? "gemm clblast"
                            : ops->gemm_mma                ? "gemm mma"
                            : !ops->dot                    ? "gemm native"
                            : ops->weights == ELCL_INT8    ? "gemm int8 dot"
                            : ops->weights == ELCL_INT4    ? "gemm int4 dot"
                                                           : "gemm bf16 dot";
    if (elcl_selftest_begin(st, operation, "%s %s M=%d N=%d K=%d", model, name, s->m, s->n, s->k))
        elcl_check_gemm(&st->fx, s);
}

void elcl_selftest_gemms(struct elcl_selftest_state *st, const struct elcl_selftest_shape *s)
{
    const int dh = s->d / s->h, v = elcl_min_int(s->v, 5000 + s->v % 16);
    const struct {
        const char *name;
        int batch, m, n, k;
        bool bias, residual;
        enum elcl_activation act;
        enum elcl_gemm_out out;
    } cases[] = {
        {"step", 1, 1, s->d, s->d, true, true, ELCL_ACT_NONE, ELCL_OUT_F32},
        {"up", 1, 5, s->f, s->d, true, false, ELCL_ACT_GELU, ELCL_OUT_ACT},
        {"down", 1, 5, s->d, s->f, true, true, ELCL_ACT_NONE, ELCL_OUT_F32},
        {"encoder", 1, s->rows, s->d, s->d, true, false, ELCL_ACT_NONE, ELCL_OUT_ACT},
        {"relu", 1, 13, s->d, s->d, false, false, ELCL_ACT_RELU, ELCL_OUT_ACT},
        {"gelu_tanh", 1, 2, s->d, s->d, false, false, ELCL_ACT_GELU_TANH, ELCL_OUT_F32},
        {"silu", 1, 3, s->d, s->d, false, false, ELCL_ACT_SILU, ELCL_OUT_ACT},
        {"expand", s->h, 4, s->d, dh, false, false, ELCL_ACT_NONE, ELCL_OUT_PLANES},
        {"contract", s->h, 4, dh, s->d, true, false, ELCL_ACT_NONE, ELCL_OUT_ACT},
        {"logits", 1, 4, v, s->d, false, false, ELCL_ACT_NONE, ELCL_OUT_F32},
    };
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        struct elcl_gemm_shape shape =
            elcl_gemm_dense(cases[i].batch, cases[i].m, cases[i].n, cases[i].k);
        shape.act = cases[i].act;
        shape.out = cases[i].out;
        shape.bias = cases[i].bias;
        shape.residual = cases[i].residual ? ELCL_RESIDUAL_SEPARATE : ELCL_RESIDUAL_NONE;
        run_gemm(st, s->name, cases[i].name, &shape);
    }
}

void elcl_selftest_convolutions(struct elcl_selftest_state *st, const struct elcl_selftest_shape *s)
{
    for (int stride = 1; stride <= 2; stride++)
        if (elcl_selftest_begin(st, "convolution", "%s C=%d D=%d stride=%d", s->name, s->d / 4,
                                s->d, stride))
            elcl_check_convolution(&st->fx, s->rows / 2 + stride, s->d / 4, s->d, stride);
}

void elcl_selftest_pointwise(struct elcl_selftest_state *st, const struct elcl_selftest_shape *s)
{
    const struct elcl_embed_shape embed = {5, s->d, 77, ELCL_NORM_LAYER, true, true, true};
    if (elcl_selftest_begin(st, "embed", "%s R=5 D=%d", s->name, s->d))
        elcl_check_embed(&st->fx, &embed);
    if (elcl_selftest_begin(st, "add_norm", "%s R=6 D=%d", s->name, s->d))
        elcl_check_add_norm(&st->fx, 6, s->d, ELCL_NORM_LAYER, true);
    if (elcl_selftest_begin(st, "scatter", "%s R=5 N=%d", s->name, s->d))
        elcl_check_scatter(&st->fx, 5, s->d, s->d / s->h, 5);
    if (elcl_selftest_begin(st, "gate", "%s R=3 F=%d", s->name, s->f))
        elcl_check_gate(&st->fx, 3, s->f, ELCL_ACT_GELU_TANH);
}

/* `name`: "cross", "self" or "packed". */
static void run_attention(struct elcl_selftest_state *st, const struct elcl_selftest_shape *s,
                          enum elcl_attn_op op, const struct elcl_attn_layout *l)
{
    static const char *const operations[] = {"attn_el", "attn_mha", "attn_packed"};
    const bool el = op == ELCL_ATTN_OP_EL;
    const int dh = el ? s->d : s->d / s->h;
    if (elcl_selftest_begin(st, operations[op], "%s %s H=%d %s=%d S=%d", s->name, l->name, s->h,
                            el ? "D" : "Dh", dh, s->s))
        elcl_check_attention(&st->fx, op, l, s->h, dh, ELCL_INPUTS_NORMAL,
                             op == ELCL_ATTN_OP_PACKED, false);
}

static void run_align(struct elcl_selftest_state *st, const struct elcl_selftest_shape *s,
                      enum elcl_attn_op op, const struct elcl_attn_layout *l)
{
    const bool el = op == ELCL_ATTN_OP_EL;
    if (elcl_selftest_begin(st, el ? "align_el" : "align_mha", "%s H=%d S=%d", s->name, s->h, s->s))
        elcl_check_align(&st->fx, op, l, s->h, el ? s->d : s->d / s->h, ELCL_INPUTS_NORMAL);
}

void elcl_selftest_attention(struct elcl_selftest_state *st, const struct elcl_selftest_shape *s)
{
    const int half = elcl_max_int(s->s / 2, 1), most = elcl_min_int(s->s, 67);
    /* Sentences of beams, one without keys, and a single row. */
    const struct elcl_attn_layout cross = {"cross",
                                           5,
                                           {{4, s->s, 0, false},
                                            {4, 1, 0, false},
                                            {4, 7, 0, false},
                                            {4, 0, 0, false},
                                            {1, s->s, 0, false}}};
    /* Hypotheses with a history, some of them after a prompt. */
    const struct elcl_attn_layout self = {
        "self",
        4,
        {{1, 0, 1, false}, {1, 5, s->s, false}, {1, 5, half, false}, {1, 0, s->s, false}}};
    const struct elcl_attn_layout packed = {
        "packed", 3, {{most, most, 0, false}, {1, 1, 0, false}, {18, 18, 0, false}}};
    /* Nothing else reads int4 state. */
    const int last = st->fx.ops->state == ELCL_INT4 ? ELCL_ATTN_OP_EL : ELCL_ATTN_OP_MHA;
    for (int op = ELCL_ATTN_OP_EL; op <= last; op++) {
        run_attention(st, s, (enum elcl_attn_op)op, &cross);
        run_attention(st, s, (enum elcl_attn_op)op, &self);
    }
    run_attention(st, s, ELCL_ATTN_OP_PACKED, &packed);
    for (int op = ELCL_ATTN_OP_EL; op <= last; op++)
        run_align(st, s, (enum elcl_attn_op)op, &cross);
}

void elcl_selftest_beams(struct elcl_selftest_state *st, const struct elcl_selftest_shape *s)
{
    if (elcl_selftest_begin(st, "lineage", "%s R=9 T=%d", s->name, s->s))
        elcl_check_lineage(&st->fx, 9, s->s);
    if (elcl_selftest_begin(st, "reorder", "%s R=7 N=%d", s->name, s->d))
        elcl_check_reorder(&st->fx, 7, (size_t)s->d + 3, (size_t)s->d);
}

/* All cut-offs at once, and random ones. */
static void run_sample(struct elcl_selftest_state *st, int v)
{
    int tries = 0, done = 0;
    for (; done < 4 && tries < 200; tries++)
        done += elcl_check_sample(&st->fx, v, 11, ELCL_LOGITS_NORMAL, done % 2 == 1,
                                  done < 2 ? &elcl_sample_cuts : NULL);
    elcl_fixture_check(&st->fx, done == 4, "no row is far enough from every cut-off");
}

void elcl_selftest_logits(struct elcl_selftest_state *st, const struct elcl_selftest_shape *s)
{
    for (int greedy = 0; greedy < 2; greedy++)
        if (elcl_selftest_begin(st, "select", "%s %s V=%d", s->name, greedy ? "greedy" : "beams",
                                s->v))
            elcl_check_select(&st->fx, ELCL_ROWS_MAX, s->v, 12, ELCL_LOGITS_NORMAL, greedy);
    if (elcl_selftest_begin(st, "sample", "%s V=%d", s->name, s->v))
        run_sample(st, s->v);
    if (elcl_selftest_begin(st, "sample_beams", "%s V=%d", s->name, s->v))
        elcl_check_sample_beams(&st->fx, s->v, 12, ELCL_LOGITS_NORMAL);
    if (elcl_selftest_begin(st, "log_prob", "%s V=%d", s->name, s->v))
        elcl_check_log_prob(&st->fx, 5, s->v, 3);
}
