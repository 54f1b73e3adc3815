/*
 * Speed of every operation with the shapes of BART-base's and BART-large's decoder and encoder:
 * time per call, and bytes and arithmetic per second as the operations count them
 * (elcl_ops.bytes_moved, .flop). The limit is max(bytes / read bandwidth, FLOP / peak rate of
 * multiply-adds, of int8 or bf16 with such dot products). Both rates are measured in the same run.
 * More than 100 % of a limit by bytes means that the operands stay in a cache.
 *
 * Times are meaningful only on a machine that does nothing else. Core time (used by the threads of
 * this process, compared with rates in the same unit) suffers less from other programs, but does
 * not see idle cores.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/os.h"
#include "base/util.h"
#include "search/rules.h"
#include "selftest/logits.h"
#include "suite.h"

#define REPETITIONS 7
#define REPETITION_NS 2e7

/* ---- calls --------------------------------------------------------------------------------- */

/* One call to time: `ops` and the arguments of one operation. */
struct call {
    struct elcl_ops *ops;
    struct elcl_norm norm;
    struct elcl_gemm_args gemm;
    struct elcl_attn_el_args attn_el;
    struct elcl_attn_mha_args attn_mha, attn_packed;
    struct elcl_add_norm_args add_norm;
    struct elcl_embed_args embed;
    struct elcl_scatter_args scatter;
    struct elcl_reorder_args reorder;
    struct elcl_lineage_args lineage;
    struct elcl_select_args select;
};
typedef int (*call_fn)(const struct call *call, elcl_error *err);

#define CALL(operation)                                                                            \
    static int call_##operation(const struct call *call, elcl_error *err)                          \
    {                                                                                              \
        return elcl_op_##operation(call->ops, &call->operation, err);                              \
    }
CALL(gemm)
CALL(attn_el)
CALL(attn_mha)
CALL(attn_packed)
CALL(add_norm)
CALL(embed)
CALL(scatter)
CALL(reorder)
CALL(lineage)
CALL(select)

/* ---- timing -------------------------------------------------------------------------------- */

struct bench_ns {
    double wall, core; /* per call; core: processor time of all threads */
};

static struct bench_ns time_calls(struct suite *s, call_fn fn, const struct call *call, int calls)
{
    elcl_error err = {0};
    const uint64_t start = elcl_clock_ns();
    const clock_t core_start = clock();
    for (int i = 0; i < calls; i++)
        suite_must(fn(call, &err), &err);
    suite_must(elcl_ops_finish(s->fx.ops, &err), &err);
    return (struct bench_ns){(double)(elcl_clock_ns() - start) / calls,
                             1e9 / CLOCKS_PER_SEC * (double)(clock() - core_start) / calls};
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Per call, medians of REPETITIONS. */
static struct bench_ns measure(struct suite *s, call_fn fn, const struct call *call)
{
    double wall[REPETITIONS], core[REPETITIONS];
    time_calls(s, fn, call, 1); /* compiles */
    const double once = time_calls(s, fn, call, 1).wall;
    const int calls = once < REPETITION_NS / 1000 ? 1000 : (int)(REPETITION_NS / once) + 1;
    for (int i = 0; i < REPETITIONS; i++) {
        const struct bench_ns ns = time_calls(s, fn, call, calls);
        wall[i] = ns.wall;
        core[i] = ns.core;
    }
    qsort(wall, REPETITIONS, sizeof(wall[0]), by_value);
    qsort(core, REPETITIONS, sizeof(core[0]), by_value);
    return (struct bench_ns){wall[REPETITIONS / 2], core[REPETITIONS / 2]};
}

/* The parts that a matrix instruction multiplies one number in: f32 activations are two 16-bit
 * numbers, and with f16, which it sees as two bf16 numbers, the least of four products is left out.
 */
static double n_parts(const struct elcl_ops *ops, enum elcl_storage other)
{
    return ops->activations != ELCL_F32 ? 1 : other == ELCL_BF16 ? 2 : 3;
}

/* The peak rate of the multiply-adds that a call uses. */
static double mac_rate(const struct suite *s, const elcl_device_rates *rates, call_fn fn)
{
    const struct elcl_ops *ops = s->fx.ops;
    const enum elcl_compute compute = elcl_ops_compute(ops);
    if (rates->matrix_gflops > 0 && ops->gemm_mma && (fn == call_gemm || fn == call_attn_packed))
        return rates->matrix_gflops / n_parts(ops, ops->weights);
    if (rates->matrix_gflops > 0 && ops->attn_mma && fn == call_attn_el)
        return rates->matrix_gflops / n_parts(ops, ops->state);
    if (rates->state_gops > 0 && ops->state_dot && fn == call_attn_el)
        return rates->state_gops;
    if (fn != call_gemm)
        return rates->f32_gflops;
    const double rounded = compute == ELCL_COMPUTE_INT8   ? rates->int8_gops
                           : compute == ELCL_COMPUTE_BF16 ? rates->bf16_gflops
                                                          : 0;
    return rounded > 0 ? rounded : rates->f32_gflops;
}

/* Times `fn` and prints its line. */
static void report(struct suite *s, const char *name, call_fn fn, const struct call *call)
{
    elcl_error err = {0};
    const uint64_t bytes = s->fx.ops->bytes_moved, flop = s->fx.ops->flop;
    suite_must(fn(call, &err), &err);
    const double n_bytes = (double)(s->fx.ops->bytes_moved - bytes);
    const double n_flop = (double)(s->fx.ops->flop - flop);
    const struct bench_ns ns = measure(s, fn, call);
    const double by_bytes = n_bytes / s->rates.memory_gbs,
                 by_flop = n_flop / mac_rate(s, &s->rates, fn);
    printf("  %-44s %9.1f us %6.1f GB/s %6.1f GFLOP/s %4.0f %% of limit by %s, %4.0f %% in core "
           "time\n",
           name, ns.wall / 1e3, n_bytes / ns.wall, n_flop / ns.wall,
           100 * fmax(by_bytes, by_flop) / ns.wall, by_bytes > by_flop ? "bytes" : "FLOP ",
           100 * fmax(n_bytes / s->core.memory_gbs, n_flop / mac_rate(s, &s->core, fn)) / ns.core);
}

static void measure_rates(struct suite *s)
{
    elcl_error err = {0};
    const elcl_device_rates *c = &s->rates;
    suite_must(elcl_rates_measure(s->fx.device, &s->fx.features, &s->rates, &s->core, &err), &err);
    printf("  copy %.1f GB/s, read %.1f GB/s, 1 MiB copy %.1f GB/s, multiply-add %.1f GFLOP/s, "
           "of int8 %.1f GOP/s, of bf16 %.1f GFLOP/s, of matrices %.1f GFLOP/s, of int8 state %.1f "
           "GOP/s, launch %.1f us, "
           "launch and wait %.1f us; per "
           "second of one core: "
           "read %.1f GB, multiply-add %.1f GFLOP, of int8 %.1f GOP, of bf16 %.1f GFLOP, of int8 "
           "state %.1f GOP\n",
           c->copy_gbs, c->memory_gbs, c->cache_gbs, c->f32_gflops, c->int8_gops, c->bf16_gflops,
           c->matrix_gflops, c->state_gops, c->launch_us, c->wait_us, s->core.memory_gbs,
           s->core.f32_gflops, s->core.int8_gops, s->core.bf16_gflops, s->core.state_gops);
}

/* Starts a bench case, after the rates are known. */
static bool begin(struct suite *s, const char *name)
{
    if (!suite_case(s, "bench", "%s", name))
        return false;
    if (s->rates.f32_gflops == 0)
        measure_rates(s);
    return true;
}

/* GPU kernels crawl on a CPU, and the other way round: small sizes only. */
static bool is_foreign(const struct suite *s)
{
    const bool cpu_device = s->fx.device->desc.type == ELCL_DEVICE_CPU;
    return s->options->small || cpu_device != (s->kernels == ELCL_KERNELS_CPU);
}

/* Skips the case if it has more multiply-adds than foreign kernels should do. */
static bool is_too_slow(const struct suite *s, double macs, double most)
{
    const bool slow = is_foreign(s) && macs > most;
    if (slow)
        check_skip("too slow here");
    return slow;
}

/* n values in [-1, 1), quickly. */
static float *fill(struct suite *s, size_t n)
{
    float *values = elcl_fixture_memory(&s->fx, n, sizeof(float));
    for (size_t i = 0; i < n; i++)
        values[i] = (float)((i * 2654435761u >> 8) & 1023) / 512 - 1;
    return values;
}

/* n elements of 4 bytes. */
static const struct elcl_buffer *unfilled(struct suite *s, size_t n)
{
    return elcl_fixture_output(&s->fx, NULL, n * 4);
}

static const struct elcl_buffer *filled(struct suite *s, size_t n)
{
    return elcl_fixture_output(&s->fx, fill(s, n), n * sizeof(float));
}

static const struct elcl_buffer *filled_as(struct suite *s, enum elcl_storage storage, size_t n)
{
    void *bits = elcl_fixture_memory(&s->fx, n, elcl_ref_bytes(storage));
    elcl_ref_store(storage, fill(s, n), bits, n);
    return elcl_fixture_output(&s->fx, bits, n * elcl_ref_bytes(storage));
}

/* Cache rows of n elements in parts. */
static const struct elcl_buffer *filled_state(struct suite *s, size_t rows, size_t n, size_t part)
{
    const size_t row_bytes = elcl_state_row_bytes(s->params.state, n, part);
    void *bits = elcl_fixture_memory(&s->fx, rows, row_bytes);
    elcl_ref_store_state(s->params.state, fill(s, rows * n), bits, rows, n, part);
    return elcl_fixture_output(&s->fx, bits, rows * row_bytes);
}

static const struct elcl_buffer *filled_act(struct suite *s, size_t n)
{
    return filled_as(s, s->fx.ops->activations, n);
}

/* ---- GEMM ---------------------------------------------------------------------------------- */

#define VOCABULARY 50265 /* columns of logits, which are f32 */

/* With batch > 1 heads lie side by side in x and y. */
static void bench_gemm(struct suite *s, int batch, int m, int n, int k)
{
    char name[64];
    snprintf(name, sizeof(name), "gemm batch=%d M=%d N=%d K=%d", batch, m, n, k);
    if (!begin(s, name))
        return;
    if (is_too_slow(s, (double)batch * m * n * k, 2e7))
        return;
    float *w = fill(s, (size_t)batch * n * k);
    const struct call call = {.ops = s->fx.ops,
                              .gemm = {.y = unfilled(s, (size_t)batch * m * n),
                                       .x = filled_act(s, (size_t)batch * m * k),
                                       .out = n < VOCABULARY ? ELCL_OUT_ACT : ELCL_OUT_F32,
                                       .w = elcl_fixture_matrix(&s->fx, batch, n, k, w),
                                       .m = m,
                                       .x_ld = batch * k,
                                       .y_ld = batch * n,
                                       .x_batch = (size_t)k,
                                       .y_batch = (size_t)n}};
    report(s, name, call_gemm, &call);
    elcl_fixture_finish(&s->fx);
}

void bench_gemms(struct suite *s)
{
    static const int rows[] = {1, 4, 16, 64, 256, 1024};
    for (size_t i = 0; i < ELCL_COUNT(rows); i++) {
        bench_gemm(s, 1, rows[i], 768, 768);
        bench_gemm(s, 1, rows[i], 1024, 1024);
        bench_gemm(s, 1, rows[i], 4096, 1024);
        bench_gemm(s, 1, rows[i], 1024, 4096);
    }
    bench_gemm(s, 1, 200, 192, 192);
    bench_gemm(s, 1, 200, 768, 192);
    bench_gemm(s, 1, 200, 192, 768);
    bench_gemm(s, 16, 16, 1024, 64);
    bench_gemm(s, 16, 16, 64, 1024);
    bench_gemm(s, 1, 1, VOCABULARY, 1024);
    bench_gemm(s, 1, 4, VOCABULARY, 1024);
    bench_gemm(s, 1, 16, VOCABULARY, 1024);
    if (s->kernels == ELCL_KERNELS_GPU) { /* what fills a large one */
        bench_gemm(s, 1, 1280, VOCABULARY, 1024);
        bench_gemm(s, 1, 8192, 1024, 1024);
        bench_gemm(s, 1, 8192, 4096, 1024);
        bench_gemm(s, 1, 8192, 1024, 4096);
        bench_gemm(s, 16, 1280, 1024, 64);
        bench_gemm(s, 16, 1280, 64, 1024);
    }
}

/* ---- attention ----------------------------------------------------------------------------- */

/* B sentences of K beams with S keys: shared by the beams, or private to each. */
struct attention {
    const char *name;
    int b, k, h, d, s;
    bool shared;
};

/* Groups of `rows` rows. The shared keys of a sentence follow one another; private keys come by the
 * lineage table [R, S], which jumps through the cache. */
static const struct elcl_buffer *make_groups(struct suite *s, const struct attention *a, int rows)
{
    const int n = a->b * a->k / rows;
    struct elcl_row_group *groups = elcl_fixture_memory(&s->fx, (size_t)n, sizeof(*groups));
    for (int g = 0; g < n; g++)
        groups[g] = (struct elcl_row_group){.row = g * rows,
                                            .n_rows = rows,
                                            .start = g * rows / a->k * a->s,
                                            .n_shared = a->shared ? a->s : 0,
                                            .lineage_row = g * rows,
                                            .n_private = a->shared ? 0 : a->s};
    return elcl_fixture_input(&s->fx, groups, (size_t)n * sizeof(*groups));
}

static const struct elcl_buffer *make_lineage(struct suite *s, const struct attention *a)
{
    const int n = a->b * a->k * a->s;
    return elcl_fixture_input(&s->fx, elcl_fixture_permutation(&s->fx, n),
                              (size_t)n * sizeof(int32_t));
}

static void bench_el(struct suite *s, const struct attention *a)
{
    char name[96];
    snprintf(name, sizeof(name), "attn_el %s B=%d K=%d H=%d D=%d S=%d", a->name, a->b, a->k, a->h,
             a->d, a->s);
    if (!begin(s, name))
        return;
    const int r = a->b * a->k, rows = a->shared ? a->k : 1;
    const size_t n = (size_t)r * a->h * a->d, cache_rows = (size_t)(a->shared ? a->b : r) * a->s;
    if (is_too_slow(s, (double)n * a->s, 2e8))
        return;
    const size_t ld = elcl_attn_el_probabilities_ld(a->s);
    const enum elcl_storage planes = elcl_ops_planes(s->fx.ops);
    const struct call call = {.ops = s->fx.ops,
                              .attn_el = {.c = unfilled(s, n),
                                          .e = filled_as(s, planes, 2 * n),
                                          .e_low = n,
                                          .y = filled_state(s, cache_rows, a->d, a->d),
                                          .step = make_groups(s, a, rows),
                                          .lineage = a->shared ? NULL : make_lineage(s, a),
                                          .lineage_ld = a->s,
                                          .n_groups = r / rows,
                                          .max_rows = rows,
                                          .probabilities = unfilled(s, r * a->h * ld),
                                          .max_keys = a->s,
                                          .rows = r,
                                          .h = a->h,
                                          .d = a->d,
                                          .scale = 0.125f,
                                          .keys = (uint64_t)r * a->s,
                                          .reads = (uint64_t)(r / rows) * a->s}};
    report(s, name, call_attn_el, &call);
    elcl_fixture_finish(&s->fx);
}

static void bench_mha(struct suite *s, const struct attention *a)
{
    char name[96];
    snprintf(name, sizeof(name), "attn_mha %s B=%d K=%d H=%d D=%d S=%d", a->name, a->b, a->k, a->h,
             a->d, a->s);
    if (!begin(s, name))
        return;
    const int r = a->b * a->k, rows = a->shared ? a->k : 1;
    const size_t n = (size_t)r * a->d, cache_rows = (size_t)(a->shared ? a->b : r) * a->s;
    if (is_too_slow(s, (double)n * a->s, 1e7))
        return;
    const struct call call = {
        .ops = s->fx.ops,
        .attn_mha = {
            .o = unfilled(s, n),
            .q = filled_act(s, n),
            .kv = filled_state(s, cache_rows, 2 * a->d, a->d / a->h),
            .step = make_groups(s, a, rows),
            .lineage = make_lineage(s, a),
            .lineage_ld = a->s,
            .n_groups = r / rows,
            .max_rows = rows,
            .max_keys = a->s,
            .parts = unfilled(s, (size_t)r * a->h * elcl_attn_mha_parts(a->s) * (a->d / a->h + 2)),
            .h = a->h,
            .dh = a->d / a->h,
            .q_ld = a->d,
            .kv_ld = 2 * a->d,
            .v_at = a->d,
            .scale = 0.125f,
            .keys = (uint64_t)r * a->s,
            .reads = (uint64_t)cache_rows}};
    report(s, name, call_attn_mha, &call);
    elcl_fixture_finish(&s->fx);
}

/* An encoder's rows, with query, key and value side by side. */
static void bench_packed(struct suite *s, int b, int h, int d, int n_keys)
{
    char name[96];
    snprintf(name, sizeof(name), "attn_packed B=%d H=%d D=%d S=%d", b, h, d, n_keys);
    if (!begin(s, name))
        return;
    const int r = b * n_keys;
    if (is_too_slow(s, (double)r * d * n_keys, 2e9))
        return;
    struct elcl_row_group *groups = elcl_fixture_memory(&s->fx, (size_t)r, sizeof(*groups));
    for (int g = 0; g < r; g++)
        groups[g] = (struct elcl_row_group){
            .row = g, .n_rows = 1, .start = g / n_keys * n_keys, .n_shared = n_keys};
    const size_t n = (size_t)r * d;
    const struct call call = {
        .ops = s->fx.ops,
        .attn_packed = {.o = unfilled(s, n),
                        .sums = unfilled(s, n),
                        .q = filled_act(s, 3 * n),
                        .kv = filled_act(s, 3 * n),
                        .kv_act = true,
                        .step = elcl_fixture_input(&s->fx, groups, (size_t)r * sizeof(*groups)),
                        .n_groups = r,
                        .max_rows = 1,
                        .h = h,
                        .dh = d / h,
                        .q_ld = 3 * d,
                        .kv_ld = 3 * d,
                        .k_at = d,
                        .v_at = 2 * d,
                        .scale = 0.125f,
                        .keys = (uint64_t)r * n_keys}};
    report(s, name, call_attn_packed, &call);
    elcl_fixture_finish(&s->fx);
}

static void bench_attention(struct suite *s)
{
    static const struct attention shapes[] = {
        {"cross", 4, 4, 12, 768, 512, true},    {"cross", 4, 4, 16, 1024, 512, true},
        {"self", 4, 4, 12, 768, 64, false},     {"self", 4, 4, 16, 1024, 64, false},
        {"cross", 32, 4, 16, 1024, 1024, true}, {"self", 32, 4, 16, 1024, 128, false}};
    const size_t n = s->kernels == ELCL_KERNELS_GPU ? ELCL_COUNT(shapes) : 4;
    for (size_t i = 0; i < n; i++) {
        bench_el(s, &shapes[i]);
        if (s->params.state != ELCL_INT4)
            bench_mha(s, &shapes[i]);
    }
    if (s->params.state == ELCL_INT4)
        return;
    bench_packed(s, 4, 16, 1024, 512);
    bench_packed(s, 16, 12, 768, 64);
    if (s->kernels == ELCL_KERNELS_GPU)
        bench_packed(s, 8, 16, 1024, 1024);
}

/* ---- rows ---------------------------------------------------------------------------------- */

/* Records of R rows: cache row and parent r, length T. */
static const struct elcl_buffer *make_step(struct suite *s, int r, int t)
{
    int32_t *step = elcl_fixture_ints(&s->fx, (size_t)r * ELCL_ROW_INTS);
    for (int i = 0; i < r; i++) {
        int32_t *record = step + (size_t)i * ELCL_ROW_INTS;
        record[ELCL_ROW_TOKEN] = i * 37 % 1000;
        record[ELCL_ROW_PARENT] = record[ELCL_ROW_CACHE_ROW] = i;
        record[ELCL_ROW_LENGTH] = t;
    }
    return elcl_fixture_input(&s->fx, step, (size_t)r * ELCL_ROW_INTS * sizeof(*step));
}

static void bench_rows(struct suite *s, int r, int d)
{
    char name[64];
    const size_t n = (size_t)r * d;
    snprintf(name, sizeof(name), "rows R=%d D=%d", r, d);
    if (!begin(s, name))
        return;
    const struct elcl_buffer *step = make_step(s, r, 64);
    struct call c = {.ops = s->fx.ops};
    c.norm = (struct elcl_norm){*filled(s, (size_t)d), *filled(s, (size_t)d), 1e-5f, false};
    c.add_norm = (struct elcl_add_norm_args){.x = filled(s, n),
                                             .y = filled(s, n),
                                             .state = filled_state(s, r, d, d),
                                             .norm_x = true,
                                             .step = step,
                                             .norm = &c.norm,
                                             .r = r,
                                             .d = d};
    float *table = fill(s, 1000 * (size_t)d);
    c.embed = (struct elcl_embed_args){.x = c.add_norm.x,
                                       .state = c.add_norm.state,
                                       .step = step,
                                       .tokens = elcl_fixture_table(&s->fx, 1000, d, table),
                                       .positions = filled(s, (size_t)d),
                                       .scale = 1,
                                       .norm = &c.norm,
                                       .r = r,
                                       .d = d};
    c.scatter = (struct elcl_scatter_args){.cache = c.add_norm.state,
                                           .x = filled_act(s, n),
                                           .step = step,
                                           .field = ELCL_ROW_CACHE_ROW,
                                           .r = r,
                                           .n = d,
                                           .part = d,
                                           .x_ld = d};
    snprintf(name, sizeof(name), "add_norm R=%d D=%d", r, d);
    report(s, name, call_add_norm, &c);
    snprintf(name, sizeof(name), "embed R=%d D=%d", r, d);
    report(s, name, call_embed, &c);
    snprintf(name, sizeof(name), "scatter R=%d N=%d", r, d);
    report(s, name, call_scatter, &c);
    elcl_fixture_finish(&s->fx);
}

/* mha-beam's self caches of T tokens, and the lineage tables that other variants have instead. */
static void bench_beams(struct suite *s, int r, int t, int d)
{
    char name[64];
    snprintf(name, sizeof(name), "beams R=%d T=%d D=%d", r, t, d);
    if (!begin(s, name))
        return;
    const size_t row = (size_t)t * 2 * d, table = (size_t)r * t;
    const size_t row_bytes = t * elcl_state_row_bytes(s->params.state, 2 * (size_t)d, 64);
    struct call c = {.ops = s->fx.ops};
    c.reorder = (struct elcl_reorder_args){.next = filled_state(s, r * t, 2 * d, 64),
                                           .previous = filled_state(s, r * t, 2 * d, 64),
                                           .step = make_step(s, r, t),
                                           .field = ELCL_ROW_PARENT,
                                           .r = r,
                                           .ld_bytes = row_bytes,
                                           .bytes = row_bytes};
    c.lineage = (struct elcl_lineage_args){.next = unfilled(s, table),
                                           .previous = unfilled(s, table),
                                           .tokens = unfilled(s, (size_t)r),
                                           .step = c.reorder.step,
                                           .r = r,
                                           .ld = t,
                                           .max_length = t};
    snprintf(name, sizeof(name), "reorder R=%d n=%zu", r, row);
    report(s, name, call_reorder, &c);
    snprintf(name, sizeof(name), "lineage R=%d T=%d", r, t);
    report(s, name, call_lineage, &c);
    elcl_fixture_finish(&s->fx);
}

/* Beam search with BART's n-gram rule. */
static void bench_select(struct suite *s, int r, int v, int width)
{
    char name[64];
    const int t = 64;
    snprintf(name, sizeof(name), "select R=%d V=%d width=%d", r, v, width);
    if (!begin(s, name))
        return;
    struct elcl_row_rules *rules = elcl_fixture_memory(&s->fx, (size_t)r, sizeof(*rules));
    int32_t *tokens = elcl_fixture_ints(&s->fx, (size_t)r * t);
    for (int i = 0; i < r; i++)
        rules[i] = (struct elcl_row_rules){.log_probs = 1,
                                           .forced_token = -1,
                                           .ngram = 3,
                                           .repetition_penalty = 1,
                                           .n_eos = 1,
                                           .eos = {2},
                                           .only_token = -1,
                                           .pad_token = -1,
                                           .unk_token = -1};
    for (int i = 0; i < r * t; i++)
        tokens[i] = i * 7919 % v;
    const size_t rows_ints = (size_t)r * ELCL_ROW_INTS, rules_ints = (size_t)r * ELCL_RULES_INTS;
    int32_t *step = elcl_fixture_ints(&s->fx, rows_ints + rules_ints);
    for (int i = 0; i < r; i++)
        step[(size_t)i * ELCL_ROW_INTS + ELCL_ROW_LENGTH] = t;
    memcpy(step + rows_ints, rules, rules_ints * sizeof(*step));
    const struct attention all = {.b = r, .k = 1, .s = t};
    struct call c = {.ops = s->fx.ops};
    c.select = (struct elcl_select_args){
        .candidates = unfilled(s, 2 * (size_t)r * width),
        .logits = elcl_rows_logits(&s->fx, elcl_fixture_normals(&s->fx, ELCL_F32, (size_t)r * v, 3),
                                   r, v),
        .step = elcl_fixture_input(&s->fx, step, (rows_ints + rules_ints) * sizeof(*step)),
        .rules_at = rows_ints,
        .lineage = make_lineage(s, &all),
        .lineage_ld = t,
        .tokens = elcl_fixture_input(&s->fx, tokens, (size_t)r * t * sizeof(*tokens)),
        .r = r,
        .v = v,
        .width = width};
    report(s, name, call_select, &c);
    elcl_fixture_finish(&s->fx);
}

void bench(struct suite *s)
{
    bench_gemms(s);
    bench_attention(s);
    bench_rows(s, 16, 768);
    bench_rows(s, 16, 1024);
    bench_rows(s, 1024, 1024);
    bench_beams(s, 16, 142, 1024);
    bench_select(s, 16, 50265, 8);
    bench_select(s, 1, 50265, 1);
}
