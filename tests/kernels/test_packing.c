/* Packed weights: every byte as ops.h describes it, from sources of all types and layouts. */
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "base/util.h"
#include "selftest/gemm.h"
#include "suite.h"

/* What a source is read from. */
struct stored {
    const char *bits;
    size_t element; /* bytes */
};

static int read_stored(const void *user, size_t first, size_t n, void *to, elcl_error *err)
{
    const struct stored *s = user;
    (void)err;
    memcpy(to, s->bits + first * s->element, n * s->element);
    return ELCL_OK;
}

/* Makes a random source of some dtype; values [batch, n, k] are what it holds. */
static struct elcl_matrix_source make_source(struct elcl_fixture *fx, int batch, int n, int k,
                                             bool transposed, bool is_read, float **values)
{
    static const enum elcl_storage dtypes[] = {ELCL_F32, ELCL_F16, ELCL_BF16};
    const enum elcl_storage dtype = dtypes[elcl_fixture_int(fx, 0, 2)];
    const size_t all = (size_t)batch * n * k;
    *values = elcl_fixture_normals(fx, dtype, all, 1);
    float *laid = elcl_fixture_memory(fx, all, sizeof(*laid));
    for (int b = 0; b < batch; b++)
        for (int i = 0; i < n; i++)
            for (int j = 0; j < k; j++) {
                const size_t from = ((size_t)b * n + i) * k + j;
                const size_t to = transposed ? ((size_t)b * k + j) * n + i : from;
                laid[to] = (*values)[from];
            }
    void *bits = elcl_fixture_memory(fx, all, elcl_ref_bytes(dtype));
    elcl_ref_store(dtype, laid, bits, all);
    struct stored *stored = elcl_fixture_memory(fx, 1, sizeof(*stored));
    *stored = (struct stored){bits, elcl_ref_bytes(dtype)};
    return (struct elcl_matrix_source){.data = is_read ? NULL : bits,
                                       .read = read_stored,
                                       .user = stored,
                                       .dtype = dtype,
                                       .n = n,
                                       .n_stride = transposed ? 1 : (size_t)k,
                                       .k_stride = transposed ? (size_t)n : 1,
                                       .batch_stride = (size_t)n * k};
}

/* Sources and the values [batch, n, k] that they stack up to. Those that are read have one layout,
 * which int8 has not transposed. */
struct stack {
    struct elcl_matrix_source sources[3];
    float *values;
    int n;
};

static struct stack make_stack(struct elcl_fixture *fx, int batch, const int *ns, int n_sources,
                               int k)
{
    struct stack s = {0};
    float *parts[3];
    const bool is_read = elcl_fixture_int(fx, 0, 1);
    const bool all_transposed = elcl_fixture_int(fx, 0, 1) && fx->ops->weights != ELCL_INT8;
    for (int i = 0; i < n_sources; i++) {
        const bool transposed = is_read ? all_transposed : elcl_fixture_int(fx, 0, 1);
        s.sources[i] = make_source(fx, batch, ns[i], k, transposed, is_read, &parts[i]);
        s.n += ns[i];
    }
    s.values = elcl_fixture_memory(fx, (size_t)batch * s.n * k, sizeof(float));
    float *to = s.values;
    for (int b = 0; b < batch; b++)
        for (int i = 0; i < n_sources; to += (size_t)ns[i++] * k)
            memcpy(to, parts[i] + (size_t)b * ns[i] * k, (size_t)ns[i] * k * sizeof(float));
    return s;
}

/* Writes the scale of column `at` of a panel and, with `sums`, the sum of its whole numbers. */
static void put_tail(unsigned char *tail, const struct elcl_matrix *w, size_t at, float scale,
                     const int8_t *column, bool sums)
{
    int32_t sum = 0;
    for (int i = 0; i < w->k; i++)
        sum += column[i];
    memcpy(tail + at * 4, &scale, 4);
    if (sums)
        memcpy(tail + ((size_t)w->panel + at) * 4, &sum, 4);
}

/* Returns the bytes of a packed matrix as ops.h describes them, with zeros beyond N. */
static unsigned char *pack(struct elcl_fixture *fx, const struct elcl_matrix *w,
                           const float *values, size_t *bytes)
{
    const size_t element = elcl_ref_bytes(fx->ops->weights), k = (size_t)w->k;
    const bool whole = fx->ops->weights == ELCL_INT8, rounded = fx->ops->dot != ELCL_DOT_NONE;
    const bool pairs = fx->ops->weights == ELCL_BF16 && fx->ops->panel && !rounded;
    const size_t k_pack = (size_t)elcl_dot_kinds[fx->ops->dot].k_pack;
    const size_t k_unit = k_pack > 8 ? k_pack : 8;
    const bool short_sums = elcl_dot_kinds[fx->ops->dot].short_sums;
    const size_t values_bytes =
        (size_t)w->panel * (rounded ? (k + k_unit - 1) / k_unit * k_unit : k) * element;
    const size_t scales_at = (values_bytes + 3) / 4 * 4;
    const size_t tail = (size_t)w->panel * (rounded ? 8 : 4);
    const size_t end = whole ? scales_at + tail : values_bytes;
    const size_t panel = k_pack == 16 ? (end + 15) / 16 * 16 : end;
    *bytes = (size_t)w->batch * w->panels * panel;
    unsigned char *packed = elcl_fixture_memory(fx, *bytes, 1);
    unsigned char *column = elcl_fixture_memory(fx, k, element);
    for (int b = 0; b < w->batch; b++)
        for (int n = 0; n < w->n; n++, values += k) {
            unsigned char *to = packed + ((size_t)b * w->panels + n / w->panel) * panel;
            const size_t j = (size_t)(n % w->panel), half = (size_t)w->panel / 2;
            const size_t at = pairs ? j % half * 2 + j / half : j;
            if (whole) {
                const float scale = elcl_ref_quantize(short_sums, values, k, (int8_t *)column);
                put_tail(to + scales_at, w, j, scale, (int8_t *)column, rounded);
            } else {
                elcl_ref_store(fx->ops->weights, values, column, k);
            }
            for (size_t i = 0; i < k; i++)
                memcpy(to + ((i / k_pack * w->panel + at) * k_pack + i % k_pack) * element,
                       column + i * element, element);
        }
    return packed;
}

/* The same of int4. */
static unsigned char *pack_int4(struct elcl_fixture *fx, const struct elcl_matrix *w,
                                const float *values, size_t *bytes)
{
    const size_t k = (size_t)w->k, groups = (k + 31) / 32, width = (size_t)w->panel;
    const size_t panel = groups * width * 18;
    *bytes = (size_t)w->batch * w->panels * panel;
    unsigned char *packed = elcl_fixture_memory(fx, *bytes, 1);
    unsigned char *column = elcl_fixture_memory(fx, groups * 32, 1);
    float *scales = elcl_fixture_memory(fx, groups, sizeof(*scales));
    memset(column, 8, groups * 32); /* zeros beyond K */
    for (int b = 0; b < w->batch; b++)
        for (int n = 0; n < w->n; n++, values += k) {
            unsigned char *to = packed + ((size_t)b * w->panels + n / w->panel) * panel;
            const size_t at = (size_t)(n % w->panel);
            elcl_ref_quantize_int4(values, k, column, scales);
            for (size_t g = 0; g < groups; g++, to += width * 18) {
                for (size_t i = 0; i < 32; i++)
                    to[(i / 8 * width + at) * 4 + i % 4] |=
                        (unsigned char)(column[32 * g + i] << (i % 8 < 4 ? 0 : 4));
                elcl_ref_store(ELCL_F16, &scales[g], to + 16 * width + 2 * at, 1);
            }
        }
    return packed;
}

/* Compares the bytes and their announced number; ends the run. */
static void check_packing(struct elcl_fixture *fx, int batch, const int *ns, int n_sources, int k)
{
    elcl_error err = {0};
    const struct stack s = make_stack(fx, batch, ns, n_sources, k);
    struct elcl_matrix w;
    suite_must(elcl_matrix_create(fx->ops, "test", fx->ops->weights, batch, k, s.sources, n_sources,
                                  &w, &err),
               &err);
    CHECK(w.batch == batch && w.n == s.n && w.k == k, "%d x %d x %d", w.batch, w.n, w.k);
    CHECK(w.panel > 0 && w.panels == (s.n + w.panel - 1) / w.panel, "%d panels of %d", w.panels,
          w.panel);
    size_t bytes;
    const unsigned char *want = w.storage == ELCL_INT4 ? pack_int4(fx, &w, s.values, &bytes)
                                                       : pack(fx, &w, s.values, &bytes);
    CHECK(elcl_matrix_bytes(fx->ops->panel, fx->ops->dot, fx->ops->weights, batch, s.n, k) ==
              w.buffer.bytes,
          "elcl_matrix_bytes differs");
    if (CHECK(w.buffer.bytes == bytes, "%zu bytes, want %zu", w.buffer.bytes, bytes))
        elcl_fixture_equal(fx, "packed", elcl_fixture_read(fx, &w.buffer), want, bytes, 1);
    elcl_buffer_destroy(&w.buffer);
    elcl_fixture_finish(fx);
}

/* Columns without an ordinary scale of integers: zeros stay zeros, and elements that are not finite
 * spoil only their column. */
static void test_odd_columns(struct suite *s)
{
    enum { N = 5, K = 3 };
    const float columns[N * K] = {0, 0,   0, 1, INFINITY, 0, 127,  -64,
                                  1, NAN, 1, 2, 1e-44f,   0, -0.0f};
    const struct elcl_gemm_shape shape = elcl_gemm_dense(1, 1, N, K);
    const bool int4 = s->params.weights == ELCL_INT4;
    if ((s->params.weights != ELCL_INT8 && !int4) || !suite_case(s, "matrix", "odd columns"))
        return;
    struct elcl_gemm_operands o = elcl_gemm_operands(&s->fx, &shape);
    memcpy(o.w, columns, sizeof(columns));
    for (int i = 0; i < K; i++)
        o.x[i] = 1;
    const float *y = elcl_gemm_run(&s->fx, &shape, &o, elcl_fixture_matrix(&s->fx, 1, N, K, o.w));
    if (y) {
        CHECK(y[0] == 0, "zeros give %g", (double)y[0]);
        CHECK(isnan(y[1]) && isnan(y[3]), "infinity gives %g, NaN %g", (double)y[1], (double)y[3]);
        const float most = elcl_dot_kinds[s->fx.ops->dot].short_sums ? 1 : 0;
        CHECK(fabsf(y[2] - (int4 ? 63.5f : 64)) <= most, "127 - 64 + 1 gives %g", (double)y[2]);
        CHECK(fabsf(y[4]) < 1e-43f, "a subnormal gives %g", (double)y[4]);
    }
    elcl_fixture_finish(&s->fx);
}

/* Numbers that are int4 already lose nothing, so that files of them load as they are. */
static void test_int4_again(struct suite *s)
{
    enum { N = 19, K = 70 };
    struct elcl_fixture *fx = &s->fx;
    if (s->params.weights != ELCL_INT4 || !suite_case(s, "matrix", "int4 of int4"))
        return;
    float *values = elcl_fixture_normals(fx, ELCL_F32, N * K, 1);
    const struct elcl_matrix *first = elcl_fixture_matrix(fx, 1, N, K, values);
    const struct elcl_matrix *again = elcl_fixture_matrix(fx, 1, N, K, values);
    elcl_fixture_equal(fx, "packed", elcl_fixture_read(fx, &again->buffer),
                       elcl_fixture_read(fx, &first->buffer), first->buffer.bytes, 1);
    elcl_fixture_finish(fx);
}

static int fail_read(const void *user, size_t first, size_t n, void *to, elcl_error *err)
{
    (void)user;
    memset(to, 0, n * sizeof(float));
    return first < 40000 ? ELCL_OK : elcl_fail(err, ELCL_E_IO, "f: ends at byte 9");
}

/* A file that ends while workers read it. */
static void test_failed_read(struct suite *s)
{
    enum { N = 700, K = 301 };
    if (!suite_case(s, "matrix", "a read that fails"))
        return;
    const struct elcl_matrix_source source = {
        .read = fail_read, .dtype = ELCL_F32, .n = N, .n_stride = K, .k_stride = 1};
    struct elcl_matrix w = {0};
    elcl_error err = {0};
    const int buffers = atomic_load(&s->fx.device->live_buffers);
    const int rc =
        elcl_matrix_create(s->fx.ops, "test", s->fx.ops->weights, 1, K, &source, 1, &w, &err);
    CHECK(rc == ELCL_E_IO && !strcmp(err.msg, "f: ends at byte 9"), "%d: %s", rc, err.msg);
    CHECK(!w.buffer.mem && atomic_load(&s->fx.device->live_buffers) == buffers, "a buffer is left");
}

void test_packing(struct suite *s)
{
    static const int ns[][3] = {{1, 0, 0}, {16, 0, 0}, {33, 0, 0}, {5, 20, 17}, {32, 32, 0}};
    for (size_t i = 0; i < ELCL_COUNT(ns); i++) {
        const int n_sources = ns[i][2] ? 3 : ns[i][1] ? 2 : 1;
        if (!suite_case(s, "matrix", "N=%d+%d+%d", ns[i][0], ns[i][1], ns[i][2]))
            continue;
        for (int k = 1; k <= 7; k += 6)
            for (int batch = 1; batch <= 3; batch += 2)
                check_packing(&s->fx, batch, ns[i], n_sources, k);
    }
    if (suite_case(s, "matrix", "of several workers"))
        check_packing(&s->fx, 2, (const int[]){300, 401}, 2, 602);
    for (int k = 31; k <= 100 && s->params.weights == ELCL_INT4; k += 23) /* of groups */
        if (suite_case(s, "matrix", "int4 K=%d", k))
            check_packing(&s->fx, 2, ns[3], 3, k);
    test_odd_columns(s);
    test_int4_again(s);
    test_failed_read(s);
}
