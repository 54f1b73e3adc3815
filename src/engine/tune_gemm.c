#include "engine/tune_gemm.h"

#include <math.h>
#include <string.h>

#include "base/half.h"
#include "base/least.h"
#include "base/os.h"
#include "base/util.h"
#include "ref/ref.h"

/* Y [M, N] = X [M, K] W [N, K]^T on the device. */
struct product {
    struct elcl_ops *ops;
    int m, n, k;
    float *x, *w; /* the same on the host */
    struct elcl_buffer x_buffer, y_buffer;
    struct elcl_matrix matrix;
};

static void product_finish(struct product *p)
{
    elcl_buffer_destroy(&p->matrix.buffer);
    elcl_buffer_destroy(&p->x_buffer);
    elcl_buffer_destroy(&p->y_buffer);
    elcl_free(p->x);
    elcl_free(p->w);
}

/* Multiples of 1/64 in -1 .. 1: exact in f16. */
static float *make_values(size_t n, uint32_t seed)
{
    float *values = elcl_calloc(n, sizeof(*values));
    uint32_t state = seed;
    for (size_t i = 0; values && i < n; i++) {
        state = state * 1664525u + 1013904223u;
        values[i] = (float)((int)(state >> 25) - 64) / 64.0f;
    }
    return values;
}

/* X as activations. */
static int upload_x(struct product *p, elcl_error *err)
{
    const size_t n = (size_t)p->m * (size_t)p->k;
    if (p->ops->activations == ELCL_F32)
        return elcl_buffer_write(&p->x_buffer, 0, p->x, n * sizeof(float), err);
    uint16_t *x = elcl_calloc(n, sizeof(*x));
    for (size_t i = 0; x && i < n; i++)
        x[i] =
            p->ops->activations == ELCL_F16 ? elcl_f32_to_f16(p->x[i]) : elcl_f32_to_bf16(p->x[i]);
    const int rc =
        x ? elcl_buffer_write(&p->x_buffer, 0, x, n * sizeof(*x), err) : elcl_fail_nomem(err);
    elcl_free(x);
    return rc;
}

/* Call product_finish() also after a failure. */
static int product_init(struct product *p, struct elcl_ops *ops, int m, int n, int k,
                        elcl_error *err)
{
    const size_t x_bytes = (size_t)m * (size_t)k * sizeof(float);
    const size_t y_bytes = (size_t)m * (size_t)n * sizeof(float);
    int rc;
    *p = (struct product){.ops = ops, .m = m, .n = n, .k = k};
    p->x = make_values((size_t)m * (size_t)k, 1);
    p->w = make_values((size_t)n * (size_t)k, 2);
    if (!p->x || !p->w)
        return elcl_fail_nomem(err);
    const struct elcl_matrix_source source = {
        .data = p->w, .dtype = ELCL_F32, .n = n, .n_stride = (size_t)k, .k_stride = 1};
    ELCL_TRY(elcl_matrix_create(ops, "tuning", ops->weights, 1, k, &source, 1, &p->matrix, err));
    ELCL_TRY(elcl_buffer_create(ops->device, "tuning", x_bytes, &p->x_buffer, err));
    ELCL_TRY(elcl_buffer_create(ops->device, "tuning", y_bytes, &p->y_buffer, err));
    ELCL_TRY(upload_x(p, err));
fail:
    return rc;
}

/* Measures the nanoseconds of each of `calls` calls. */
static int time_calls(struct product *p, int calls, double *ns, elcl_error *err)
{
    const struct elcl_gemm_args args = {.y = &p->y_buffer,
                                        .x = &p->x_buffer,
                                        .w = &p->matrix,
                                        .m = p->m,
                                        .x_ld = p->k,
                                        .y_ld = p->n};
    const uint64_t start = elcl_clock_ns();
    for (int i = 0; i < calls; i++) {
        const int rc = elcl_op_gemm(p->ops, &args, err);
        if (rc)
            return rc;
    }
    const int rc = elcl_ops_finish(p->ops, err);
    *ns = (double)(elcl_clock_ns() - start) / calls;
    return rc;
}

#define CALLS_NS 1e7 /* the least for a measurement */
#define MAX_CALLS 200

static int calls_for(double ns)
{
    return ns * MAX_CALLS < CALLS_NS ? MAX_CALLS : (int)(CALLS_NS / ns) + 1;
}

/* ---- 16-bit weights ------------------------------------------------------------------------ */

#define SQUARE_NS 2e7
#define SQUARE_STEP 256
#define SQUARE_MAX 4096
#define SQUARE_REPETITIONS 5

static int square_width(double gflops)
{
    int n = SQUARE_STEP;
    while (n < SQUARE_MAX && 2.0 * n * n * n < SQUARE_NS * gflops)
        n += SQUARE_STEP;
    return n;
}

int elcl_tune_half_gemm(struct elcl_device *device, const struct elcl_features *features,
                        double gflops_before, double *gflops, elcl_error *err)
{
    const struct elcl_ops_params params = {
        .gemm = ELCL_GEMM_NATIVE, .weights = ELCL_F16, .state = ELCL_F32};
    const int n = square_width(gflops_before);
    struct elcl_ops *ops = NULL;
    struct product p = {0};
    double ns, best;
    int rc;
    ELCL_TRY(elcl_ops_create(device, features, &params, &ops, err));
    ELCL_TRY(product_init(&p, ops, n, n, n, err));
    ELCL_TRY(time_calls(&p, 1, &ns, err)); /* compiles */
    ELCL_TRY(time_calls(&p, 1, &best, err));
    const int calls = calls_for(best);
    for (int i = 0; i < SQUARE_REPETITIONS; i++) {
        ELCL_TRY(time_calls(&p, calls, &ns, err));
        best = ns < best ? ns : best;
    }
    *gflops = 2.0 * n * n * n / best;
fail:
    product_finish(&p);
    elcl_ops_destroy(&ops);
    return rc;
}

/* ---- native against CLBlast ---------------------------------------------------------------- */

/* Rows of X, many first. */
static const int row_counts[] = {512, 256, 128, 64, 32, 16};
/* N and K of the layers of models: projections, the feed-forward up and down. */
static const int widths[][2] = {{1024, 1024}, {2048, 1024}, {1024, 2048}};

#define FASTER 0.95 /* CLBlast must gain this much: it costs batch invariance; ways must, too */
#define CHECKED_ROWS 8
#define TRIAL_REPETITIONS 3
#define SLOW_NS 1e8 /* calls this slow are timed twice */

static bool pays(double native_ns, double clblast_ns)
{
    return clblast_ns <= FASTER * native_ns;
}

static const struct elcl_tune_trial *find_trial(const struct elcl_tune_file *file,
                                                enum elcl_storage weights, int rows)
{
    for (int i = 0; i < file->n_trials; i++)
        if (file->trials[i].weights == weights && file->trials[i].rows == rows)
            return &file->trials[i];
    return NULL;
}

int elcl_tune_clblast_rows(const struct elcl_tune_file *file, enum elcl_storage weights, int *next)
{
    int rows = 0, missing = 0;
    if (weights == ELCL_BF16)
        weights = ELCL_F16;
    const bool integers = weights == ELCL_INT8 || weights == ELCL_INT4;
    for (size_t i = 0; !integers && i < ELCL_COUNT(row_counts); i++) {
        const struct elcl_tune_trial *t = find_trial(file, weights, row_counts[i]);
        if (!t) {
            missing = row_counts[i];
            break;
        }
        if (t->clblast_wrong || (!t->native_wrong && !pays(t->native_ms, t->clblast_ms))) {
            rows = t->clblast_wrong || !rows ? ELCL_CLBLAST_NEVER : rows;
            break;
        }
        rows = row_counts[i];
    }
    if (next)
        *next = missing;
    return rows;
}

/* Compares one row of Y with the reference; |w| is at most 1. */
static bool right_row(const struct product *p, int row, const float *y, double *want)
{
    const float *x = p->x + (size_t)row * (size_t)p->k;
    const struct elcl_ref_gemm_args args = {.y = want,
                                            .x = x,
                                            .w = p->w,
                                            .batch = 1,
                                            .m = 1,
                                            .n = p->n,
                                            .k = p->k,
                                            .x_ld = (size_t)p->k,
                                            .y_ld = (size_t)p->n};
    double magnitude = 0;
    elcl_ref_gemm(&args);
    for (int k = 0; k < p->k; k++)
        magnitude += fabs((double)x[k]);
    const double bound = (4 + 2 * sqrt(p->k)) * 0x1p-24 * magnitude;
    for (int n = 0; n < p->n; n++)
        if (!(fabs((double)y[n] - want[n]) <= bound))
            return false;
    return true;
}

/* Runs the GEMM once into a Y of zeros; sets *wrong if the result is wrong. */
static int check_product(struct product *p, bool *wrong, elcl_error *err)
{
    const size_t bytes = (size_t)p->m * (size_t)p->n * sizeof(float);
    float *y = elcl_calloc(1, bytes);
    double *want = elcl_calloc((size_t)p->n, sizeof(*want)), ns;
    int rc = y && want ? ELCL_OK : elcl_fail_nomem(err);
    if (rc)
        goto fail;
    ELCL_TRY(elcl_buffer_write(&p->y_buffer, 0, y, bytes, err));
    ELCL_TRY(time_calls(p, 1, &ns, err));
    ELCL_TRY(elcl_ops_download(p->ops, &p->y_buffer, y, bytes, err));
    *wrong = false;
    for (int i = 0; !*wrong && i < CHECKED_ROWS; i++) {
        const int row = (p->m - 1) * i / (CHECKED_ROWS - 1);
        *wrong = !right_row(p, row, y + (size_t)row * (size_t)p->n, want);
    }
fail:
    elcl_free(y);
    elcl_free(want);
    return rc;
}

/* Times both in turns, so that other load slows down both, and adds the two least times of each.
 * The first turn compiles. */
static int time_both(struct product *p, struct elcl_least sums[2], elcl_error *err)
{
    static const enum elcl_gemm gemm[] = {ELCL_GEMM_NATIVE, ELCL_GEMM_CLBLAST};
    struct elcl_least least[2] = {{0}};
    double ns[2];
    for (int i = 0; i < 2 * (1 + TRIAL_REPETITIONS); i++) {
        const int b = i % 2;
        if (i >= 6 && ns[b] > SLOW_NS)
            continue;
        p->ops->gemm = gemm[b];
        const int rc = time_calls(p, i < 2 ? 1 : calls_for(ns[b]), &ns[b], err);
        if (rc)
            return rc;
        if (i >= 2)
            elcl_least_add(&least[b], ns[b]);
    }
    for (int b = 0; b < 2; b++) {
        sums[b].first += least[b].first;
        sums[b].second += least[b].second;
    }
    return ELCL_OK;
}

/* Whether the second best times of either would lead to the same choice. */
static bool is_sound(const struct elcl_least sums[2])
{
    const bool choice = pays(sums[0].first, sums[1].first);
    return pays(sums[0].second, sums[1].first) == choice &&
           pays(sums[0].first, sums[1].second) == choice;
}

/* A CLBlast that cannot run is not used, but another time it may run. */
static int try_product(struct product *p, struct elcl_tune_trial *t, struct elcl_least sums[2],
                       elcl_error *wrong, elcl_error *err)
{
    int rc;
    p->ops->gemm = ELCL_GEMM_NATIVE;
    ELCL_TRY(check_product(p, &t->native_wrong, err));
    p->ops->gemm = ELCL_GEMM_CLBLAST;
    if (check_product(p, &t->clblast_wrong, wrong))
        t->clblast_wrong = t->unsure = true; /* the message says why */
    else if (t->native_wrong || t->clblast_wrong)
        (void)elcl_fail(wrong, ELCL_E_DEVICE, "the product %dx%dx%d differs from the reference",
                        p->m, p->n, p->k);
    if (!t->native_wrong && !t->clblast_wrong)
        ELCL_TRY(time_both(p, sums, err));
fail:
    return rc;
}

int elcl_tune_try(struct elcl_ops *ops, int rows, struct elcl_tune_trial *trial, elcl_error *wrong,
                  elcl_error *err)
{
    struct elcl_tune_trial t = {.weights = ops->weights, .rows = rows};
    struct elcl_least sums[2] = {{0}}; /* native, CLBlast */
    int rc = ELCL_OK;
    for (size_t i = 0; !rc && !t.native_wrong && !t.clblast_wrong && i < ELCL_COUNT(widths); i++) {
        struct product p;
        rc = product_init(&p, ops, rows, widths[i][0], widths[i][1], err);
        if (!rc)
            rc = try_product(&p, &t, sums, wrong, err);
        product_finish(&p);
    }
    if (!t.native_wrong && !t.clblast_wrong) {
        t.native_ms = sums[0].first / 1e6;
        t.clblast_ms = sums[1].first / 1e6;
        t.unsure = !is_sound(sums);
    }
    if (!rc)
        *trial = t;
    return rc;
}

/* ---- ways of wide tiles ---------------------------------------------------------------------- */

/* N and K of products of a layer, and rows: of few sentences, of many, and of an encoder. */
static const int way_widths[][2] = {{1024, 1024}, {1024, 4096}, {4096, 1024}};
static const int way_rows[] = {4, 16, 64, 128, 256, 512, 1280};
_Static_assert(ELCL_COUNT(way_widths) * ELCL_COUNT(way_rows) <= ELCL_MAX_TUNED_WAYS, "room");

static bool has_way(const struct elcl_tuned_ways *ways, const struct elcl_tuned_way *way)
{
    for (int i = 0; i < ways->n; i++)
        if (ways->way[i].n == way->n && ways->way[i].k == way->k && ways->way[i].rows == way->rows)
            return true;
    return false;
}

bool elcl_tune_next_way(const struct elcl_tuned_ways *ways, struct elcl_tuned_way *way)
{
    for (size_t i = 0; i < ELCL_COUNT(way_widths); i++)
        for (size_t j = 0; j < ELCL_COUNT(way_rows); j++) {
            *way = (struct elcl_tuned_way){
                .n = way_widths[i][0], .k = way_widths[i][1], .rows = way_rows[j]};
            if (!has_way(ways, way))
                return true;
        }
    return false;
}

/* Times the right ways in turns. The first turn compiles. */
static int time_ways(struct product *p, const bool right[ELCL_N_WAYS],
                     struct elcl_least least[ELCL_N_WAYS], elcl_error *err)
{
    double ns[ELCL_N_WAYS];
    for (int turn = 0; turn < 1 + TRIAL_REPETITIONS; turn++)
        for (int way = ELCL_WAY_AUTO; way < ELCL_N_WAYS; way++) {
            if (!right[way] || (turn >= 3 && ns[way] > SLOW_NS))
                continue;
            p->ops->way = (enum elcl_gemm_way)way;
            const int rc = time_calls(p, turn ? calls_for(ns[way]) : 1, &ns[way], err);
            if (rc)
                return rc;
            if (turn)
                elcl_least_add(&least[way], ns[way]);
        }
    return ELCL_OK;
}

/* Finds the ways that the reference finds right. Without the table's ways, AUTO is what the class
 * of device suggests, and must run. */
static int check_ways(struct product *p, const struct elcl_tuned_way *way, bool right[ELCL_N_WAYS],
                      bool *unsure, elcl_error *err)
{
    bool wrong = true;
    for (int i = ELCL_N_WAYS - 1; i >= ELCL_WAY_AUTO; i--) {
        p->ops->way = (enum elcl_gemm_way)i;
        right[i] = false;
        if (!elcl_gemm_way_planned(&p->matrix, way->rows, p->ops->way))
            continue;
        const int code = check_product(p, &wrong, i ? NULL : err);
        if (code && !i)
            return code;
        *unsure |= code != 0;
        right[i] = !code && !wrong;
    }
    return ELCL_OK;
}

/* If AUTO is not right, there is nothing to choose. */
int elcl_tune_way(struct elcl_ops *ops, struct elcl_tuned_way *way, double ns[2], elcl_error *err)
{
    struct elcl_least least[ELCL_N_WAYS] = {{0}};
    bool right[ELCL_N_WAYS];
    struct product p;
    int fastest = ELCL_WAY_AUTO, rc;
    ops->ways.n = 0;
    way->unsure = false;
    ELCL_TRY(product_init(&p, ops, way->rows, way->n, way->k, err));
    ELCL_TRY(check_ways(&p, way, right, &way->unsure, err));
    if (right[ELCL_WAY_AUTO])
        ELCL_TRY(time_ways(&p, right, least, err));
    for (int i = ELCL_WAY_16; i < ELCL_N_WAYS; i++)
        if (least[i].first > 0 && least[i].first < FASTER * least[fastest].first)
            fastest = i;
    way->unsure |= right[ELCL_WAY_AUTO] && !(elcl_least_agrees(&least[ELCL_WAY_AUTO]) &&
                                             elcl_least_agrees(&least[fastest]));
fail:
    ops->way = ELCL_WAY_AUTO;
    way->way = (enum elcl_gemm_way)fastest;
    ns[0] = least[ELCL_WAY_AUTO].first;
    ns[1] = least[fastest].first;
    product_finish(&p);
    return rc;
}
