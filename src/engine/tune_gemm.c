#include "engine/tune_gemm.h"

#include "base/os.h"
#include "base/util.h"

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

/* On failure too, p is product_finish()'s. */
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
    ELCL_TRY(elcl_matrix_create(ops, "tuning", 1, k, &source, 1, &p->matrix, err));
    ELCL_TRY(elcl_buffer_create(ops->device, "tuning", x_bytes, &p->x_buffer, err));
    ELCL_TRY(elcl_buffer_create(ops->device, "tuning", y_bytes, &p->y_buffer, err));
    ELCL_TRY(elcl_buffer_write(&p->x_buffer, 0, p->x, x_bytes, err));
fail:
    return rc;
}

/* Nanoseconds of each of so many calls. */
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

#define CALLS_NS 1e7 /* of a measurement, at least */
#define MOST_CALLS 200

static int calls_for(double ns)
{
    return ns * MOST_CALLS < CALLS_NS ? MOST_CALLS : (int)(CALLS_NS / ns) + 1;
}

/* ---- 16-bit weights ------------------------------------------------------------------------ */

#define SQUARE_NS 2e7
#define SQUARE_STEP 256
#define SQUARE_MOST 4096
#define SQUARE_REPETITIONS 5

static int square_width(double gflops)
{
    int n = SQUARE_STEP;
    while (n < SQUARE_MOST && 2.0 * n * n * n < SQUARE_NS * gflops)
        n += SQUARE_STEP;
    return n;
}

int elcl_tune_half_gemm(struct elcl_device *device, double gflops_before, double *gflops,
                        elcl_error *err)
{
    const struct elcl_ops_params params = {
        .gemm = ELCL_GEMM_NATIVE, .weights = ELCL_F16, .state = ELCL_F32};
    const int n = square_width(gflops_before);
    struct elcl_ops *ops = NULL;
    struct product p = {0};
    double ns, least;
    int rc;
    ELCL_TRY(elcl_ops_create(device, &params, &ops, err));
    ELCL_TRY(product_init(&p, ops, n, n, n, err));
    ELCL_TRY(time_calls(&p, 1, &ns, err)); /* compiles */
    ELCL_TRY(time_calls(&p, 1, &least, err));
    const int calls = calls_for(least);
    for (int i = 0; i < SQUARE_REPETITIONS; i++) {
        ELCL_TRY(time_calls(&p, calls, &ns, err));
        least = ns < least ? ns : least;
    }
    *gflops = 2.0 * n * n * n / least;
fail:
    product_finish(&p);
    elcl_ops_destroy(&ops);
    return rc;
}
