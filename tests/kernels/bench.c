/*
 * Speed of every operation at the decoder's and the encoder's shapes of BART-base and BART-large:
 * time per call, and bytes and arithmetic per second as the operations themselves count them
 * (elcl_ops.bytes_moved, .flop). The limit is max(bytes / bandwidth of reading, FLOP / rate of
 * multiply-adds, of int8 with integer products), both measured in the same run; more than 100 % of
 * a limit by bytes means that the operands stay in a cache. Figures of time mean something only on
 * a machine that does nothing else; those of core time (what the threads of this process used,
 * against ceilings in the same measure) suffer less from neighbors, but do not see cores that
 * idle.
 */
#include "bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/os.h"
#include "base/util.h"
#include "search/rules.h"

#define REPETITIONS 7
#define REPETITION_NS 2e7

struct bench_ns {
    double wall, core; /* per call; core: processor time of all threads */
};

static struct bench_ns time_calls(struct fixture *fx, bench_fn fn, void *user, int calls)
{
    elcl_error err = {0};
    const uint64_t start = elcl_clock_ns();
    const clock_t core_start = clock();
    for (int i = 0; i < calls; i++)
        fixture_must(fn(user, &err), &err);
    fixture_must(elcl_ops_finish(fx->ops, &err), &err);
    return (struct bench_ns){(double)(elcl_clock_ns() - start) / calls,
                             1e9 / CLOCKS_PER_SEC * (double)(clock() - core_start) / calls};
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Per call, medians of REPETITIONS. */
static struct bench_ns measure(struct fixture *fx, bench_fn fn, void *user)
{
    double wall[REPETITIONS], core[REPETITIONS];
    time_calls(fx, fn, user, 1); /* compiles */
    const double once = time_calls(fx, fn, user, 1).wall;
    const int calls = once < REPETITION_NS / 1000 ? 1000 : (int)(REPETITION_NS / once) + 1;
    for (int i = 0; i < REPETITIONS; i++) {
        const struct bench_ns ns = time_calls(fx, fn, user, calls);
        wall[i] = ns.wall;
        core[i] = ns.core;
    }
    qsort(wall, REPETITIONS, sizeof(wall[0]), by_value);
    qsort(core, REPETITIONS, sizeof(core[0]), by_value);
    return (struct bench_ns){wall[REPETITIONS / 2], core[REPETITIONS / 2]};
}

/* Multiply-adds at most: of what the GEMM multiplies, where an instruction does it. */
static double mac_rate(const struct fixture *fx, bool core)
{
    const enum elcl_compute compute = elcl_ops_compute(fx->ops);
    const double of_core = compute == ELCL_COMPUTE_INT8   ? fx->mac_int8_core_gops
                           : compute == ELCL_COMPUTE_BF16 ? fx->mac_bf16_core_gflops
                                                          : 0;
    const double of_device = compute == ELCL_COMPUTE_INT8   ? fx->mac_int8_gops
                             : compute == ELCL_COMPUTE_BF16 ? fx->mac_bf16_gflops
                                                            : 0;
    if (core)
        return of_core > 0 ? of_core : fx->mac_core_gflops;
    return of_device > 0 ? of_device : fx->mac_gflops;
}

/* Times `fn` and prints its line. */
static void report(struct fixture *fx, const char *name, bench_fn fn, void *user)
{
    elcl_error err = {0};
    const uint64_t bytes = fx->ops->bytes_moved, flop = fx->ops->flop;
    fixture_must(fn(user, &err), &err);
    const double n_bytes = (double)(fx->ops->bytes_moved - bytes);
    const double n_flop = (double)(fx->ops->flop - flop);
    const struct bench_ns ns = measure(fx, fn, user);
    const double by_bytes = n_bytes / fx->read_gbs, by_flop = n_flop / mac_rate(fx, false);
    printf("  %-44s %9.1f us %6.1f GB/s %6.1f GFLOP/s %4.0f %% of limit by %s, %4.0f %% in core "
           "time\n",
           name, ns.wall / 1e3, n_bytes / ns.wall, n_flop / ns.wall,
           100 * fmax(by_bytes, by_flop) / ns.wall, by_bytes > by_flop ? "bytes" : "FLOP ",
           100 * fmax(n_bytes / fx->read_core_gbs, n_flop / mac_rate(fx, true)) / ns.core);
}

/* Starts a bench case: wanted, the fixture open, the ceilings known. */
static bool start(struct fixture *fx, const char *name)
{
    if (!check_case("bench %s %s", fx->name, name))
        return false;
    fixture_begin(fx);
    if (fx->mac_gflops == 0) {
        bench_ceilings(fx);
        fixture_end(fx);
    }
    return true;
}

/* On a CPU the GPU shape crawls, and the other way round: small sizes only. */
static bool is_foreign(const struct fixture *fx)
{
    const bool cpu_device = (*fx->device)->desc.type == ELCL_DEVICE_CPU;
    return fx->options->small || cpu_device != (fx->kernels == ELCL_KERNELS_CPU);
}

/* n values in [-1, 1), quickly. */
static float *fill(struct fixture *fx, size_t n)
{
    float *values = fixture_floats(fx, n);
    for (size_t i = 0; i < n; i++)
        values[i] = (float)((i * 2654435761u >> 8) & 1023) / 512 - 1;
    return values;
}

static struct elcl_buffer *filled(struct fixture *fx, size_t n)
{
    return fixture_output(fx, fill(fx, n), n * sizeof(float));
}

static struct elcl_buffer *filled_state(struct fixture *fx, size_t n)
{
    void *bits = fixture_memory(fx, n, elcl_ref_bytes(fx->state));
    elcl_ref_store(fx->state, fill(fx, n), bits, n);
    return fixture_output(fx, bits, n * elcl_ref_bytes(fx->state));
}

/* ---- GEMM ---------------------------------------------------------------------------------- */

struct gemm_call {
    struct elcl_ops *ops;
    struct elcl_gemm_args args;
};

static int call_gemm(void *user, elcl_error *err)
{
    const struct gemm_call *c = user;
    return elcl_op_gemm(c->ops, &c->args, err);
}

/* batch > 1: heads side by side in x and y. */
static void bench_gemm(struct fixture *fx, int batch, int m, int n, int k)
{
    char name[64];
    snprintf(name, sizeof(name), "gemm batch=%d M=%d N=%d K=%d", batch, m, n, k);
    if (!start(fx, name))
        return;
    if (is_foreign(fx) && (double)batch * m * n * k > 2e7) {
        check_skip("too slow here");
        return;
    }
    const float *w = fill(fx, (size_t)batch * n * k);
    const struct gemm_call call = {
        fx->ops,
        {.y = fixture_output(fx, NULL, (size_t)batch * m * n * sizeof(float)),
         .x = filled(fx, (size_t)batch * m * k),
         .w = fixture_matrix(fx, batch, n, k, w),
         .m = m,
         .x_ld = batch * k,
         .y_ld = batch * n,
         .x_batch = (size_t)k,
         .y_batch = (size_t)n}};
    report(fx, name, call_gemm, (void *)&call);
    fixture_end(fx);
}

void bench_gemms(struct fixture *fx)
{
    static const int rows[] = {1, 4, 16, 64, 256, 1024};
    for (size_t i = 0; i < ELCL_COUNT(rows); i++) {
        bench_gemm(fx, 1, rows[i], 768, 768);
        bench_gemm(fx, 1, rows[i], 1024, 1024);
        bench_gemm(fx, 1, rows[i], 4096, 1024);
        bench_gemm(fx, 1, rows[i], 1024, 4096);
    }
    bench_gemm(fx, 1, 200, 192, 192);
    bench_gemm(fx, 1, 200, 768, 192);
    bench_gemm(fx, 1, 200, 192, 768);
    bench_gemm(fx, 16, 16, 1024, 64);
    bench_gemm(fx, 16, 16, 64, 1024);
    bench_gemm(fx, 1, 1, 50265, 1024);
    bench_gemm(fx, 1, 4, 50265, 1024);
    bench_gemm(fx, 1, 16, 50265, 1024);
}

/* ---- attention ----------------------------------------------------------------------------- */

/* B sentences of K beams with S keys: shared by the beams, or private to each. */
struct attention {
    const char *name;
    int b, k, h, d, s;
    bool shared;
};

struct el_call {
    struct elcl_ops *ops;
    struct elcl_attn_el_args args;
};

static int call_el(void *user, elcl_error *err)
{
    const struct el_call *c = user;
    return elcl_op_attn_el(c->ops, &c->args, err);
}

struct mha_call {
    struct elcl_ops *ops;
    struct elcl_attn_mha_args args;
};

static int call_mha(void *user, elcl_error *err)
{
    const struct mha_call *c = user;
    return elcl_op_attn_mha(c->ops, &c->args, err);
}

/* Groups of `rows` rows; shared keys lie in a run per sentence, private ones by the lineage table
 * [R, S], which jumps through the pool. */
static struct elcl_buffer *make_groups(struct fixture *fx, const struct attention *a, int rows)
{
    const int n = a->b * a->k / rows;
    struct elcl_row_group *groups = fixture_memory(fx, (size_t)n, sizeof(*groups));
    for (int g = 0; g < n; g++)
        groups[g] = (struct elcl_row_group){.row = g * rows,
                                            .n_rows = rows,
                                            .start = g * rows / a->k * a->s,
                                            .n_shared = a->shared ? a->s : 0,
                                            .lineage_row = g * rows,
                                            .n_private = a->shared ? 0 : a->s};
    return fixture_input(fx, groups, (size_t)n * sizeof(*groups));
}

static struct elcl_buffer *make_lineage(struct fixture *fx, const struct attention *a)
{
    const int n = a->b * a->k * a->s;
    return fixture_input(fx, fixture_permutation(fx, n), (size_t)n * sizeof(int32_t));
}

static void bench_el(struct fixture *fx, const struct attention *a)
{
    char name[96];
    snprintf(name, sizeof(name), "attn_el %s B=%d K=%d H=%d D=%d S=%d", a->name, a->b, a->k, a->h,
             a->d, a->s);
    if (!start(fx, name))
        return;
    const int r = a->b * a->k, rows = a->shared ? a->k : 1;
    const size_t n = (size_t)r * a->h * a->d, cache_rows = (size_t)(a->shared ? a->b : r) * a->s;
    const size_t ld = elcl_attn_el_probabilities_ld(a->s);
    const struct el_call call = {
        fx->ops,
        {.c = fixture_output(fx, NULL, n * sizeof(float)),
         .e = filled(fx, n),
         .y = filled_state(fx, cache_rows * a->d),
         .step = make_groups(fx, a, rows),
         .lineage = a->shared ? NULL : make_lineage(fx, a),
         .lineage_ld = a->s,
         .n_groups = r / rows,
         .max_rows = rows,
         .probabilities = fixture_output(fx, NULL, r * a->h * ld * sizeof(float)),
         .max_keys = a->s,
         .h = a->h,
         .d = a->d,
         .scale = 0.125f,
         .keys = (uint64_t)r * a->s,
         .reads = (uint64_t)(r / rows) * a->s}};
    report(fx, name, call_el, (void *)&call);
    fixture_end(fx);
}

static void bench_mha(struct fixture *fx, const struct attention *a)
{
    char name[96];
    snprintf(name, sizeof(name), "attn_mha %s B=%d K=%d H=%d D=%d S=%d", a->name, a->b, a->k, a->h,
             a->d, a->s);
    if (!start(fx, name))
        return;
    const int r = a->b * a->k, rows = a->shared ? a->k : 1;
    const size_t n = (size_t)r * a->d, cache_rows = (size_t)(a->shared ? a->b : r) * a->s;
    const struct mha_call call = {fx->ops,
                                  {.o = fixture_output(fx, NULL, n * sizeof(float)),
                                   .q = filled(fx, n),
                                   .kv = filled_state(fx, cache_rows * 2 * a->d),
                                   .step = make_groups(fx, a, rows),
                                   .lineage = make_lineage(fx, a),
                                   .lineage_ld = a->s,
                                   .n_groups = r / rows,
                                   .max_rows = rows,
                                   .h = a->h,
                                   .dh = a->d / a->h,
                                   .q_ld = a->d,
                                   .kv_ld = 2 * a->d,
                                   .v_at = a->d,
                                   .scale = 0.125f,
                                   .keys = (uint64_t)r * a->s,
                                   .reads = (uint64_t)cache_rows}};
    report(fx, name, call_mha, (void *)&call);
    fixture_end(fx);
}

static int call_packed(void *user, elcl_error *err)
{
    const struct mha_call *c = user;
    return elcl_op_attn_packed(c->ops, &c->args, err);
}

/* An encoder's rows with query, key and value side by side. */
static void bench_packed(struct fixture *fx, int b, int h, int d, int s)
{
    char name[96];
    snprintf(name, sizeof(name), "attn_packed B=%d H=%d D=%d S=%d", b, h, d, s);
    if (!start(fx, name))
        return;
    const int r = b * s;
    struct elcl_row_group *groups = fixture_memory(fx, (size_t)r, sizeof(*groups));
    for (int g = 0; g < r; g++)
        groups[g] =
            (struct elcl_row_group){.row = g, .n_rows = 1, .start = g / s * s, .n_shared = s};
    const size_t n = (size_t)r * d;
    const struct mha_call call = {fx->ops,
                                  {.o = fixture_output(fx, NULL, n * sizeof(float)),
                                   .q = filled(fx, 3 * n),
                                   .kv = filled(fx, 3 * n),
                                   .kv_f32 = true,
                                   .step = fixture_input(fx, groups, (size_t)r * sizeof(*groups)),
                                   .n_groups = r,
                                   .max_rows = 1,
                                   .h = h,
                                   .dh = d / h,
                                   .q_ld = 3 * d,
                                   .kv_ld = 3 * d,
                                   .k_at = d,
                                   .v_at = 2 * d,
                                   .scale = 0.125f,
                                   .keys = (uint64_t)r * s}};
    report(fx, name, call_packed, (void *)&call);
    fixture_end(fx);
}

static void bench_attention(struct fixture *fx)
{
    static const struct attention shapes[] = {{"cross", 4, 4, 12, 768, 512, true},
                                              {"cross", 4, 4, 16, 1024, 512, true},
                                              {"self", 4, 4, 12, 768, 64, false},
                                              {"self", 4, 4, 16, 1024, 64, false}};
    for (size_t i = 0; i < ELCL_COUNT(shapes); i++) {
        bench_el(fx, &shapes[i]);
        bench_mha(fx, &shapes[i]);
    }
    bench_packed(fx, 4, 16, 1024, 512);
    bench_packed(fx, 16, 12, 768, 64);
}

/* ---- rows ---------------------------------------------------------------------------------- */

/* Operations on R rows of D elements; one struct serves them all. */
struct rows_call {
    struct elcl_ops *ops;
    struct elcl_norm norm;
    struct elcl_add_norm_args add_norm;
    struct elcl_embed_args embed;
    struct elcl_scatter_args scatter;
    struct elcl_reorder_args reorder;
    struct elcl_lineage_args lineage;
    struct elcl_select_args select;
};

static int call_add_norm(void *user, elcl_error *err)
{
    const struct rows_call *c = user;
    return elcl_op_add_norm(c->ops, &c->add_norm, err);
}

static int call_embed(void *user, elcl_error *err)
{
    const struct rows_call *c = user;
    return elcl_op_embed(c->ops, &c->embed, err);
}

static int call_scatter(void *user, elcl_error *err)
{
    const struct rows_call *c = user;
    return elcl_op_scatter(c->ops, &c->scatter, err);
}

static int call_reorder(void *user, elcl_error *err)
{
    const struct rows_call *c = user;
    return elcl_op_reorder(c->ops, &c->reorder, err);
}

static int call_lineage(void *user, elcl_error *err)
{
    const struct rows_call *c = user;
    return elcl_op_lineage(c->ops, &c->lineage, err);
}

static int call_select(void *user, elcl_error *err)
{
    const struct rows_call *c = user;
    return elcl_op_select(c->ops, &c->select, err);
}

/* Records of R rows: slot and parent r, length T. */
static struct elcl_buffer *make_step(struct fixture *fx, int r, int t)
{
    int32_t *step = fixture_ints(fx, (size_t)r * ELCL_ROW_INTS);
    for (int i = 0; i < r; i++) {
        int32_t *record = step + (size_t)i * ELCL_ROW_INTS;
        record[ELCL_ROW_TOKEN] = i * 37 % 1000;
        record[ELCL_ROW_PARENT] = record[ELCL_ROW_CACHE_ROW] = i;
        record[ELCL_ROW_LENGTH] = t;
    }
    return fixture_input(fx, step, (size_t)r * ELCL_ROW_INTS * sizeof(*step));
}

static void bench_rows(struct fixture *fx, int r, int d)
{
    char name[64];
    const size_t n = (size_t)r * d;
    snprintf(name, sizeof(name), "rows R=%d D=%d", r, d);
    if (!start(fx, name))
        return;
    const struct elcl_buffer *step = make_step(fx, r, 64);
    struct rows_call c = {.ops = fx->ops};
    c.norm = (struct elcl_norm){*filled(fx, (size_t)d), *filled(fx, (size_t)d), 1e-5f, false};
    c.add_norm = (struct elcl_add_norm_args){.x = filled(fx, n),
                                             .y = filled(fx, n),
                                             .state = filled_state(fx, n),
                                             .step = step,
                                             .norm = &c.norm,
                                             .r = r,
                                             .d = d};
    const float *table = fill(fx, 1000 * (size_t)d);
    c.embed = (struct elcl_embed_args){.x = c.add_norm.x,
                                       .state = c.add_norm.state,
                                       .step = step,
                                       .tokens = fixture_matrix(fx, 1, 1000, d, table),
                                       .positions = filled(fx, (size_t)d),
                                       .scale = 1,
                                       .norm = &c.norm,
                                       .r = r,
                                       .d = d};
    c.scatter = (struct elcl_scatter_args){.pool = c.add_norm.state,
                                           .x = c.add_norm.x,
                                           .step = step,
                                           .field = ELCL_ROW_CACHE_ROW,
                                           .r = r,
                                           .n = d,
                                           .x_ld = d};
    snprintf(name, sizeof(name), "add_norm R=%d D=%d", r, d);
    report(fx, name, call_add_norm, &c);
    snprintf(name, sizeof(name), "embed R=%d D=%d", r, d);
    report(fx, name, call_embed, &c);
    snprintf(name, sizeof(name), "scatter R=%d N=%d", r, d);
    report(fx, name, call_scatter, &c);
    fixture_end(fx);
}

/* mha-beam's self caches of T tokens, and the lineage tables that replace moving them. */
static void bench_beams(struct fixture *fx, int r, int t, int d)
{
    char name[64];
    snprintf(name, sizeof(name), "beams R=%d T=%d D=%d", r, t, d);
    if (!start(fx, name))
        return;
    const size_t row = (size_t)t * 2 * d, table = (size_t)r * t;
    struct rows_call c = {.ops = fx->ops};
    c.reorder = (struct elcl_reorder_args){.next = filled_state(fx, r * row),
                                           .previous = filled_state(fx, r * row),
                                           .step = make_step(fx, r, t),
                                           .field = ELCL_ROW_PARENT,
                                           .r = r,
                                           .ld = row,
                                           .n = row};
    c.lineage =
        (struct elcl_lineage_args){.next = fixture_output(fx, NULL, table * sizeof(int32_t)),
                                   .previous = fixture_output(fx, NULL, table * sizeof(int32_t)),
                                   .tokens = fixture_output(fx, NULL, (size_t)r * sizeof(int32_t)),
                                   .step = c.reorder.step,
                                   .r = r,
                                   .ld = t,
                                   .max_length = t};
    snprintf(name, sizeof(name), "reorder R=%d n=%zu", r, row);
    report(fx, name, call_reorder, &c);
    snprintf(name, sizeof(name), "lineage R=%d T=%d", r, t);
    report(fx, name, call_lineage, &c);
    fixture_end(fx);
}

/* Beam search with BART's n-gram rule. */
static void bench_select(struct fixture *fx, int r, int v, int width)
{
    char name[64];
    const int t = 64;
    snprintf(name, sizeof(name), "select R=%d V=%d width=%d", r, v, width);
    if (!start(fx, name))
        return;
    struct elcl_row_rules *rules = fixture_memory(fx, (size_t)r, sizeof(*rules));
    int32_t *tokens = fixture_ints(fx, (size_t)r * t);
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
    int32_t *step = fixture_ints(fx, rows_ints + rules_ints);
    for (int i = 0; i < r; i++)
        step[(size_t)i * ELCL_ROW_INTS + ELCL_ROW_LENGTH] = t;
    memcpy(step + rows_ints, rules, rules_ints * sizeof(*step));
    const struct attention all = {.b = r, .k = 1, .s = t};
    struct rows_call c = {.ops = fx->ops};
    c.select = (struct elcl_select_args){
        .candidates = fixture_output(fx, NULL, (size_t)r * width * 8),
        .logits = fixture_output(fx, fixture_normals(fx, (size_t)r * v, 3),
                                 (size_t)r * v * sizeof(float)),
        .step = fixture_input(fx, step, (rows_ints + rules_ints) * sizeof(*step)),
        .rules_at = rows_ints,
        .lineage = make_lineage(fx, &all),
        .lineage_ld = t,
        .tokens = fixture_input(fx, tokens, (size_t)r * t * sizeof(*tokens)),
        .r = r,
        .v = v,
        .width = width};
    report(fx, name, call_select, &c);
    fixture_end(fx);
}

void bench(struct fixture *fx)
{
    bench_gemms(fx);
    bench_attention(fx);
    bench_rows(fx, 16, 768);
    bench_rows(fx, 16, 1024);
    bench_rows(fx, 1024, 1024);
    bench_beams(fx, 16, 142, 1024);
    bench_select(fx, 16, 50265, 8);
    bench_select(fx, 1, 50265, 1);
}
