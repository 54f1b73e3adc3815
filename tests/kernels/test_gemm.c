/* GEMM and gate: ragged sizes, gaps, epilogues, activations over their whole range, invariance. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "base/util.h"
#include "ops/gemm_native.h"
#include "selftest/checks.h"
#include "selftest/gemm.h"
#include "suite.h"

/* One matrix, dense or with gaps, with a random epilogue. */
static struct elcl_gemm_shape random_shape(struct suite *s, int m, int n, int k)
{
    struct elcl_gemm_shape shape = elcl_gemm_dense(1, m, n, k);
    if (elcl_fixture_int(&s->fx, 0, 1)) {
        shape.x_ld += elcl_fixture_int(&s->fx, 1, 5);
        shape.y_ld += elcl_fixture_int(&s->fx, 1, 5);
    }
    shape.act = (enum elcl_activation)elcl_fixture_int(&s->fx, 0, ELCL_ACT_SILU);
    shape.bias = elcl_fixture_int(&s->fx, 0, 1);
    shape.residual = (enum elcl_residual)elcl_fixture_int(&s->fx, 0, ELCL_RESIDUAL_IN_PLACE);
    if (shape.residual != ELCL_RESIDUAL_IN_PLACE)
        shape.out = (enum elcl_gemm_out)elcl_fixture_int(&s->fx, 0, ELCL_OUT_PLANES);
    return shape;
}

static void check_random_shape(struct suite *s, int m, int n, int k)
{
    const struct elcl_gemm_shape shape = random_shape(s, m, n, k);
    elcl_check_gemm(&s->fx, &shape);
}

static void test_sizes(struct suite *s)
{
    static const int ns[] = {17, 1, 33, 15, 16}, ks[] = {20, 1, 64, 3, 31, 100};
    static const int ms[] = {5, 1, 13, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 37};
    const size_t whole = s->params.weights == ELCL_INT4 ? ELCL_COUNT(ks) : 4; /* and groups */
    const size_t n_n = s->full ? ELCL_COUNT(ns) : 3, n_k = s->full ? whole : 2;
    const size_t n_m = s->full ? ELCL_COUNT(ms) : s->options->small ? 2 : 3;
    for (size_t i = 0; i < n_n; i++)
        for (size_t j = 0; j < n_k; j++)
            if (suite_case(s, "gemm", "N=%d K=%d", ns[i], ks[j]))
                for (size_t l = 0; l < n_m; l++)
                    check_random_shape(s, ms[l], ns[i], ks[j]);
}

/* Several tiles, panels, row blocks and slices of K, and work-items of several panels. */
static void test_large(struct suite *s)
{
    static const int sizes[][3] = {{70, 130, 300},  {3, 300, 1100}, {129, 64, 192},
                                   {215, 40, 2100}, {8, 700, 20},   {7, 20, 1030}};
    for (size_t i = 0; i < ELCL_COUNT(sizes) && !s->options->small; i++) {
        const int *z = sizes[i];
        if (suite_case(s, "gemm", "large M=%d N=%d K=%d", z[0], z[1], z[2]))
            check_random_shape(s, z[0], z[1], z[2]);
    }
}

/* Wide tiles, which need K and the rows of X in multiples of 8: ragged ones, several of them, and
 * slices. */
static void test_wide(struct suite *s)
{
    static const int sizes[][3] = {{18, 40, 72},   {131, 137, 40}, {70, 130, 328}, {1, 24, 1032},
                                   {140, 300, 64}, {33, 2051, 48}, {5, 129, 520}};
    const size_t n = s->options->small ? 2 : ELCL_COUNT(sizes);
    for (size_t i = 0; i < n; i++) {
        const int *z = sizes[i];
        struct elcl_gemm_shape shape = random_shape(s, z[0], z[1], z[2]);
        shape.x_ld = (int)elcl_round_up((size_t)shape.x_ld, 8);
        if (suite_case(s, "gemm", "wide M=%d N=%d K=%d", z[0], z[1], z[2]))
            elcl_check_gemm(&s->fx, &shape);
    }
}

/* Windows with an odd and an even number of frames; channels with and without whole chunks. */
static void test_convolutions(struct suite *s)
{
    static const int sizes[][4] = {{9, 16, 40, 1}, {7, 5, 17, 2},     {10, 24, 33, 2},
                                   {1, 8, 16, 2},  {200, 80, 384, 1}, {133, 40, 70, 2}};
    const size_t n = s->options->small ? 3 : ELCL_COUNT(sizes);
    for (size_t i = 0; i < n; i++) {
        const int *z = sizes[i];
        if (suite_case(s, "gemm", "convolution of %d frames C=%d D=%d stride=%d", z[0], z[1], z[2],
                       z[3]))
            elcl_check_convolution(&s->fx, z[0], z[1], z[2], z[3]);
    }
}

/* The per-head GEMMs of EL-attention: q [R, H, Dh] -> e [R, H, D] and c [R, H, D] -> o [R, H, Dh].
 */
static void test_heads(struct suite *s)
{
    static const int sizes[][4] = {
        {3, 4, 20, 5}, {2, 3, 21, 5}, {1, 6, 37, 6}, {5, 1, 64, 64}, {13, 3, 64, 16}};
    const size_t n = s->options->small ? 2 : ELCL_COUNT(sizes);
    for (size_t i = 0; i < n; i++) {
        const int r = sizes[i][0], h = sizes[i][1], d = sizes[i][2], dh = sizes[i][3];
        struct elcl_gemm_shape expand = elcl_gemm_dense(h, r, d, dh);
        struct elcl_gemm_shape contract = elcl_gemm_dense(h, r, dh, d);
        expand.out = ELCL_OUT_PLANES;
        contract.bias = true;
        contract.out = ELCL_OUT_ACT;
        if (!suite_case(s, "gemm", "heads R=%d H=%d D=%d Dh=%d", r, h, d, dh))
            continue;
        elcl_check_gemm(&s->fx, &expand);
        elcl_check_gemm(&s->fx, &contract);
    }
}

/* y = act(x) over the whole range, of f16 if that is the type of activations: W is the 1 x 1
 * identity. */
static void test_activations(struct suite *s)
{
    static const float xs[] = {0.0f,   -0.0f, 1e-30f, -1e-30f, 1e-4f,  -1e-4f, 0.5f,
                               -0.5f,  1.0f,  -1.0f,  2.5f,    -2.5f,  5.0f,   -5.0f,
                               9.0f,   -9.0f, -13.5f, 40.0f,   -40.0f, 87.0f,  -87.0f,
                               -89.0f, 1e4f,  -1e4f,  1e15f,   -1e15f, 1e30f,  -1e30f};
    enum { N = 2 * 16 + 1 }; /* whole panels and a ragged one */
    for (int act = ELCL_ACT_NONE; act <= ELCL_ACT_SILU; act++) {
        struct elcl_gemm_shape shape = elcl_gemm_dense(1, (int)ELCL_COUNT(xs), N, 1);
        shape.act = (enum elcl_activation)act;
        if (!suite_case(s, "gemm", "activation %d", act))
            continue;
        struct elcl_gemm_operands o = elcl_gemm_operands(&s->fx, &shape);
        memcpy(o.x, xs, sizeof(xs));
        for (size_t i = 0; s->fx.ops->activations == ELCL_F16 && i < ELCL_COUNT(xs); i++)
            o.x[i] = fmaxf(-65504, fminf(o.x[i], 65504));
        for (int i = 0; i < N; i++)
            o.w[i] = 1;
        elcl_gemm_compare(&s->fx, &shape, &o);
    }
}

static void test_gate(struct suite *s)
{
    static const int sizes[][2] = {{5, 37}, {1, 1}, {3, 64}, {2, 300}};
    for (size_t i = 0; i < ELCL_COUNT(sizes); i++)
        if (suite_case(s, "gate", "R=%d F=%d", sizes[i][0], sizes[i][1]))
            for (int act = ELCL_ACT_NONE; act <= ELCL_ACT_SILU; act++)
                elcl_check_gate(&s->fx, sizes[i][0], sizes[i][1], (enum elcl_activation)act);
}

/* Rows 0, step, ... each in a call with one row, against all in one call. */
static void check_invariance(struct suite *s, struct elcl_gemm_shape shape, int step)
{
    struct elcl_fixture *fx = &s->fx;
    const int m = shape.m, n = shape.n, k = shape.k;
    const struct elcl_gemm_operands all = elcl_gemm_operands(fx, &shape);
    const struct elcl_matrix *w = elcl_fixture_matrix(fx, 1, n, k, all.w);
    const float *together = elcl_gemm_run(fx, &shape, &all, w);
    shape.m = 1;
    for (int row = 0; row < m; row += step) {
        struct elcl_gemm_operands one = all;
        one.n_x = (size_t)k;
        one.n_y = (size_t)n;
        one.x += (size_t)row * k;
        one.residual += (size_t)row * n;
        elcl_fixture_equal(fx, "y", elcl_gemm_run(fx, &shape, &one, w), together + (size_t)row * n,
                           (size_t)n, 4);
    }
    shape.m = m;
    if (fx->ops->gemm_mma) { /* as on larger devices */
        fx->ops->busy_groups = SIZE_MAX;
        elcl_fixture_equal(fx, "y of m", elcl_gemm_run(fx, &shape, &all, w), together,
                           (size_t)m * n, 4);
        fx->ops->busy_groups = 0;
    }
    for (int way = ELCL_WAY_16; fx->ops->wide && way < ELCL_N_WAYS; way++) {
        if (!elcl_gemm_way_suits(w, (enum elcl_gemm_way)way))
            continue;
        fx->ops->way = (enum elcl_gemm_way)way;
        elcl_fixture_equal(fx, "y of a way", elcl_gemm_run(fx, &shape, &all, w), together,
                           (size_t)m * n, 4);
        fx->ops->way = ELCL_WAY_AUTO;
    }
    elcl_fixture_finish(fx);
}

static void test_invariance(struct suite *s)
{
    static const int sizes[][2] = {{30, 512},   {33, 20}, {130, 100},  {40, 600}, {70, 1100},
                                   {200, 1104}, {40, 64}, {2056, 288}, {38, 2048}};
    const bool small = s->options->small;
    const size_t n_sizes = small ? 2 : ELCL_COUNT(sizes);
    for (size_t i = 0; i < n_sizes; i++) {
        const int n = sizes[i][0], k = sizes[i][1], m = small ? 18 : 67;
        struct elcl_gemm_shape shape = elcl_gemm_dense(1, m, n, k);
        shape.act = ELCL_ACT_GELU;
        shape.bias = true;
        shape.residual = ELCL_RESIDUAL_SEPARATE;
        shape.out = (enum elcl_gemm_out)(i % (ELCL_OUT_PLANES + 1));
        if (suite_case(s, "gemm", "M=1 as in M=%d, N=%d K=%d", m, n, k))
            check_invariance(s, shape, small ? 6 : 22);
    }
}

/* A product that takes the norm of its rows against the two operations, bit by bit. */
static void check_norm(struct suite *s, int m, int n, int k, enum elcl_norm_kind kind, bool to_x)
{
    struct elcl_fixture *fx = &s->fx;
    const size_t at = (size_t)elcl_fixture_int(fx, 0, 9), n_x = (size_t)m * k, n_y = (size_t)m * n;
    const size_t x_bytes = n_x * sizeof(float), y_bytes = n_y * sizeof(float);
    const size_t state_bytes =
        (size_t)(m + 3) * elcl_state_row_bytes(fx->ops->state, (size_t)k, (size_t)k);
    const int32_t *const fields[ELCL_ROW_INTS] = {[ELCL_ROW_CACHE_ROW] =
                                                      elcl_fixture_permutation(fx, m + 3)};
    const float *x = elcl_fixture_normals(fx, ELCL_F32, n_x, 3);
    const struct elcl_matrix *w = elcl_fixture_matrix(
        fx, 1, n, k, elcl_fixture_normals(fx, ELCL_F32, (size_t)n * k, 1 / sqrt(k)));
    struct elcl_norm norm = {.eps = 1e-5f, .rms = kind == ELCL_NORM_RMS};
    if (kind != ELCL_NORM_NONE)
        norm.weight =
            *elcl_fixture_upload(fx, elcl_fixture_normals(fx, ELCL_F32, (size_t)k, 1), (size_t)k);
    if (kind == ELCL_NORM_LAYER)
        norm.bias =
            *elcl_fixture_upload(fx, elcl_fixture_normals(fx, ELCL_F32, (size_t)k, 1), (size_t)k);
    const struct elcl_add_norm_args two = {
        .h = elcl_fixture_output(fx, NULL, n_x * elcl_storage_bytes(fx->ops->activations)),
        .x = elcl_fixture_output(fx, x, x_bytes),
        .state = elcl_fixture_output(fx, NULL, state_bytes),
        .norm_x = true,
        .step = elcl_fixture_records(fx, at, m, fields),
        .rows_at = at,
        .norm = &norm,
        .r = m,
        .d = k};
    const struct elcl_gemm_norm one = {
        .norm = &norm,
        .x_norm = to_x ? elcl_fixture_output(fx, NULL, x_bytes) : NULL,
        .state = to_x ? elcl_fixture_output(fx, NULL, state_bytes) : NULL,
        .step = two.step,
        .rows_at = at};
    struct elcl_gemm_args args = {.y = elcl_fixture_output(fx, NULL, y_bytes),
                                  .x = two.h,
                                  .w = w,
                                  .m = m,
                                  .x_ld = k,
                                  .y_ld = n};
    (void)ELCL_FIXTURE_TRY(fx, elcl_op_add_norm(fx->ops, &two, &fx->err));
    (void)ELCL_FIXTURE_TRY(fx, elcl_op_gemm(fx->ops, &args, &fx->err));
    const void *y = elcl_fixture_read(fx, args.y);
    args.y = elcl_fixture_output(fx, NULL, y_bytes);
    args.x = elcl_fixture_upload(fx, x, n_x);
    args.norm = &one;
    (void)ELCL_FIXTURE_TRY(fx, elcl_op_gemm(fx->ops, &args, &fx->err));
    if (elcl_fixture_ok(fx)) {
        elcl_fixture_equal(fx, "y", elcl_fixture_read(fx, args.y), y, n_y, sizeof(float));
        if (to_x)
            elcl_fixture_equal(fx, "x", elcl_fixture_read(fx, one.x_norm),
                               elcl_fixture_read(fx, two.x), n_x, sizeof(float));
        if (to_x)
            elcl_fixture_equal(fx, "state", elcl_fixture_read(fx, one.state),
                               elcl_fixture_read(fx, two.state), state_bytes, 1);
    }
    elcl_fixture_finish(fx);
}

static void test_norm(struct suite *s)
{
    static const int sizes[][3] = {{5, 40, 72}, {16, 24, 1024}, {1, 2050, 40}, {13, 2048, 520}};
    const size_t n = s->options->small ? 3 : ELCL_COUNT(sizes);
    if (s->kernels == ELCL_KERNELS_CPU || s->params.compute == ELCL_COMPUTE_F32)
        return;
    for (size_t i = 0; i < n; i++) {
        const int *z = sizes[i];
        if (!suite_case(s, "gemm", "norm M=%d N=%d K=%d", z[0], z[1], z[2]))
            continue;
        const bool takes = elcl_gemm_takes_norm(s->fx.ops, z[0], z[2]);
        elcl_fixture_check(&s->fx, takes == s->fx.ops->wide, "this size");
        for (int kind = 0; takes && kind < ELCL_N_NORMS; kind++)
            check_norm(s, z[0], z[1], z[2], (enum elcl_norm_kind)kind, kind != ELCL_NORM_NONE);
    }
}

/* Ways for an NVIDIA GPU of 132 multiprocessors. No device is needed. */
static void check_ways(const struct elcl_ops *ops, const int (*want)[4], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct elcl_matrix w = {.batch = 1, .n = want[i][1], .k = want[i][2]};
        const struct elcl_gemm_args args = {.w = &w, .m = want[i][0], .x_ld = w.k};
        const int way = (int)elcl_gemm_choose_way(ops, &args);
        CHECK(way == want[i][3], "M=%d N=%d K=%d: way %d, expected %d", args.m, w.n, w.k, way,
              want[i][3]);
    }
}

void test_gemm_ways(void)
{
    static const int by_class[][4] = {
        {4, 1024, 4096, ELCL_WAY_16},         {16, 4096, 1024, ELCL_WAY_16},
        {32, 1024, 4096, ELCL_WAY_16},        {64, 1024, 4096, ELCL_WAY_SPLIT_32},
        {128, 1024, 4096, ELCL_WAY_SPLIT_64}, {128, 1024, 1024, ELCL_WAY_16},
        {128, 1024, 4104, ELCL_WAY_16},       {256, 1024, 4096, ELCL_WAY_SPLIT_64},
        {512, 1024, 4096, ELCL_WAY_32},       {1280, 1024, 4096, ELCL_WAY_64},
        {1280, 4096, 1024, ELCL_WAY_128}};
    static const int tuned[][4] = {
        {64, 1024, 4096, ELCL_WAY_64},         /* measured */
        {100, 768, 3072, ELCL_WAY_64},         /* near that */
        {64, 1024, 1024, ELCL_WAY_16},         /* another kind of sum */
        {230, 1024, 4096, ELCL_WAY_SPLIT_128}, /* nearer to 256 rows */
        {300, 1024, 4096, ELCL_WAY_32},        /* no room is planned for so many slices */
        {8, 1024, 4096, ELCL_WAY_16}};         /* far from all */
    struct elcl_ops ops = {.gemm_mma = ELCL_MMA_NVIDIA, .wide = true, .busy_groups = 132};
    if (!check_case("gemm ways by shape, device and measurement"))
        return;
    check_ways(&ops, by_class, ELCL_COUNT(by_class));
    ops.ways = (struct elcl_tuned_ways){
        2, {{1024, 4096, 64, ELCL_WAY_64, false}, {1024, 4096, 256, ELCL_WAY_SPLIT_128, false}}};
    check_ways(&ops, tuned, ELCL_COUNT(tuned));
}

void test_gemm(struct suite *s)
{
    test_packing(s);
    test_sizes(s);
    test_large(s);
    test_wide(s);
    test_norm(s);
    test_convolutions(s);
    test_heads(s);
    test_activations(s);
    test_gate(s);
    test_invariance(s);
}

/* Rows with unusual elements: each spoils or spares only itself. W picks the elements one by one,
 * twice each. Instructions for bf16 take subnormal numbers for zeros. */
void test_rounded_inputs(struct suite *s)
{
    enum { M = 8, K = 5, N = 2 * K };
    static const float huge = 1.6e38f, least = 0x1p-120f;
    const float rows[M][K] = {{0, 0, -0.0f, 0, 0},           {1, NAN, 2, 3, 4},
                              {1, 2, -INFINITY, 3, 0},       {huge, -huge, huge / 4, 1, 0},
                              {least, -least / 2, 0, 0, 0},  {least / 2, 1e-44f, 0, 0, -least / 4},
                              {127, 63.4f, 62.6f, -0.4f, 1}, {-8, -3, 5, 1e-3f, 8}};
    struct elcl_fixture *fx = &s->fx;
    if (!suite_case(s, "gemm", "odd rows"))
        return;
    const struct elcl_gemm_shape shape = elcl_gemm_dense(1, M, N, K);
    struct elcl_gemm_operands o = elcl_gemm_operands(fx, &shape);
    for (int i = 0; i < N * K; i++)
        o.w[i] = i / K % K != i % K ? 0 : i < K * K ? 1 : -2;
    memcpy(o.x, rows, sizeof(rows));
    const float *y = elcl_gemm_run(fx, &shape, &o, elcl_fixture_matrix(fx, 1, N, K, o.w));
    double *want = elcl_fixture_doubles(fx, M * N);
    elcl_gemm_round(fx, &shape, &o);
    elcl_gemm_reference(&shape, &o, want, true);
    const double flushed = fx->ops->weights == ELCL_BF16 ? 2 * FLT_MIN : 0;
    for (int i = 0; y && i < M * N; i++)
        if (isnan(want[i]))
            CHECK(isnan(y[i]), "row %d gives %g, want NaN", i / N, (double)y[i]);
        else
            CHECK((double)y[i] == want[i] ||
                      fabs((double)y[i] - want[i]) <= 8 * U * fabs(want[i]) + flushed,
                  "row %d gives %g, want %g", i / N, (double)y[i], want[i]);
    elcl_fixture_finish(fx);
}

/* Few sizes: CLBlast compiles for seconds for each class of shapes. */
void test_clblast(struct suite *s)
{
    static const int sizes[][3] = {{1, 17, 20}, {13, 33, 64}, {70, 130, 300}};
    for (size_t i = 0; i <= ELCL_COUNT(sizes); i++) {
        const int *z = sizes[i % ELCL_COUNT(sizes)];
        const bool heads = i == ELCL_COUNT(sizes);
        if (heads ? !suite_case(s, "gemm clblast", "heads")
                  : !suite_case(s, "gemm clblast", "M=%d N=%d K=%d", z[0], z[1], z[2]))
            continue;
        if (s->options->small) {
            check_skip("CLBlast compiles for too long at --small");
            continue;
        }
        struct elcl_gemm_shape shape =
            heads ? elcl_gemm_dense(3, 5, 20, 6) : random_shape(s, z[0], z[1], z[2]);
        shape.out = ELCL_OUT_F32;
        if (shape.residual == ELCL_RESIDUAL_IN_PLACE) /* added to the product: no activation */
            shape.act = ELCL_ACT_NONE;
        elcl_check_gemm(&s->fx, &shape);
    }
}
