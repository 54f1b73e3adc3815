/*
 * GEMM by CLBlast: the only caller of that library. It multiplies f32: weights in other storage
 * are widened into a scratch buffer first, and scaled where that has scales. Bias, activation and
 * residual follow in a kernel of our own. The weight must lie as one row-major panel [K, N].
 */
#include "ops/gemm_clblast.h"

#include "base/util.h"
#include "ops/gemm_native.h"
#include "ops/launch.h"

#include <clblast_c.h>
#include <math.h>

/* The weight as f32: itself, or a copy in ops->widened. */
static int widen(struct elcl_ops *ops, const struct elcl_matrix *w, cl_mem *mem, elcl_error *err)
{
    if (w->storage == ELCL_F32) {
        *mem = w->buffer.mem;
        return ELCL_OK;
    }
    const size_t n = (size_t)w->batch * (size_t)w->n * (size_t)w->k;
    if (ops->widened.bytes < n * sizeof(float)) {
        int rc = elcl_ops_finish(ops, err); /* the old copy may be in use */
        elcl_buffer_destroy(&ops->widened);
        if (!rc)
            rc = elcl_buffer_create(ops->device, "f32 copy of a weight", n * sizeof(float),
                                    &ops->widened, err);
        if (rc)
            return rc;
    }
    struct elcl_launch launch = elcl_launch_begin_matrix(ops, w, ELCL_K_WIDEN, "widen");
    elcl_launch_buffer(&launch, &ops->widened);
    elcl_launch_buffer(&launch, &w->buffer);
    elcl_launch_int(&launch, w->n);
    elcl_launch_int(&launch, w->k);
    *mem = ops->widened.mem;
    return elcl_launch_rows(&launch, w->k, w->batch, err);
}

static int epilogue(struct elcl_ops *ops, const struct elcl_gemm_args *args, elcl_error *err)
{
    if (!elcl_gemm_flags(args) && args->act == ELCL_ACT_NONE)
        return ELCL_OK;
    struct elcl_launch launch = elcl_launch_begin(ops, ELCL_K_EPILOGUE, "epilogue");
    elcl_launch_buffer(&launch, args->y);
    elcl_launch_buffer(&launch, args->bias);
    elcl_launch_buffer(&launch, args->residual);
    elcl_launch_int(&launch, args->w->n);
    elcl_launch_int(&launch, args->y_ld);
    elcl_launch_ulong(&launch, args->y_batch);
    elcl_launch_int(&launch, elcl_gemm_flags(args));
    elcl_launch_int(&launch, (int)args->act);
    return elcl_launch_rows(&launch, args->m, args->w->batch, err);
}

/* Multiplies one matrix. CLBlast takes no rows that overlap, so then it adds the products of parts
 * of K that are as long as the rows are apart. */
static CLBlastStatusCode multiply(struct elcl_ops *ops, const struct elcl_gemm_args *args,
                                  cl_mem w_mem, float beta, cl_event *event)
{
    const size_t m = (size_t)args->m, n = (size_t)args->w->n, k = (size_t)args->w->k;
    const size_t ld = (size_t)args->x_ld;
    CLBlastStatusCode code = CLBlastSuccess;
    for (size_t at = 0; code == CLBlastSuccess && at < k; at += ld) {
        const size_t part = k - at < ld ? k - at : ld;
        code = CLBlastSgemm(CLBlastLayoutRowMajor, CLBlastTransposeNo, CLBlastTransposeNo, m, n,
                            part, 1.0f, args->x->mem, at, ld, w_mem, at * n, n, at ? 1.0f : beta,
                            args->y->mem, 0, (size_t)args->y_ld, &ops->queue,
                            at + part == k ? event : NULL);
    }
    return code;
}

int elcl_gemm_clblast(struct elcl_ops *ops, const struct elcl_gemm_args *args, elcl_error *err)
{
    const struct elcl_matrix *w = args->w;
    cl_mem w_mem;
    const int rc = widen(ops, w, &w_mem, err);
    if (rc)
        return rc;
    /* A residual in Y itself would be overwritten: let the product add to it instead. */
    const bool onto = args->residual && args->residual->mem == args->y->mem;
    if (onto && args->act != ELCL_ACT_NONE)
        return elcl_fail(err, ELCL_E_INTERNAL, "gemm: activation with a residual in place");
    cl_event event = NULL;
    const size_t m = (size_t)args->m, n = (size_t)w->n, k = (size_t)w->k;
    const float beta = onto ? 1.0f : 0.0f;
    CLBlastStatusCode code;
    elcl_gemm_count(ops, "gemm clblast", ELCL_OP_GEMM, args);
    if (w->batch == 1)
        code = multiply(ops, args, w_mem, beta, ops->profile ? &event : NULL);
    else
        code = CLBlastSgemmStridedBatched(
            CLBlastLayoutRowMajor, CLBlastTransposeNo, CLBlastTransposeNo, m, n, k, 1.0f,
            args->x->mem, 0, (size_t)args->x_ld, args->x_batch, w_mem, 0, n, n * k, beta,
            args->y->mem, 0, (size_t)args->y_ld, args->y_batch, (size_t)w->batch, &ops->queue,
            ops->profile ? &event : NULL);
    if (code != CLBlastSuccess)
        return elcl_fail(err, ELCL_E_DEVICE,
                         "CLBlast SGEMM %zux%zux%zu failed with status %d; --gemm native avoids it",
                         m, n, k, (int)code);
    if (event)
        elcl_profile_add(ops->profile, "gemm clblast", event);
    struct elcl_gemm_args rest = *args;
    if (onto)
        rest.residual = NULL;
    return epilogue(ops, &rest, err);
}

/* ---- trust ---- */

enum { CHECK_M = 160, CHECK_N = 136, CHECK_K = 72 }; /* of CLBlast's direct and indirect kernels */

/* X, then Y of either back end. */
static int compare_back_ends(struct elcl_ops *ops, struct elcl_buffer *x, struct elcl_buffer *y,
                             const struct elcl_matrix *w, float *host, elcl_error *err)
{
    const size_t bytes = CHECK_M * CHECK_N * sizeof(float);
    const struct elcl_gemm_args args = {
        .y = y, .x = x, .w = w, .m = CHECK_M, .x_ld = CHECK_K, .y_ld = CHECK_N};
    float *ours = host, *theirs = host + CHECK_M * CHECK_N;
    int rc;
    ELCL_TRY(elcl_gemm_native(ops, &args, err));
    ELCL_TRY(elcl_ops_download(ops, y, ours, bytes, err));
    ELCL_TRY(elcl_gemm_clblast(ops, &args, err));
    ELCL_TRY(elcl_ops_download(ops, y, theirs, bytes, err));
    for (int i = 0; i < CHECK_M * CHECK_N; i++)
        if (!(fabsf(ours[i] - theirs[i]) <= 1e-4f + 1e-4f * fabsf(ours[i])))
            return elcl_fail(err, ELCL_E_DEVICE, "SGEMM gives %g where %g is right",
                             (double)theirs[i], (double)ours[i]);
fail:
    return rc;
}

bool elcl_gemm_clblast_agrees(struct elcl_ops *ops, elcl_error *why)
{
    struct elcl_buffer x = {0}, y = {0};
    struct elcl_matrix w = {0};
    float *host = elcl_calloc(2 * CHECK_M * CHECK_N, sizeof(float));
    int rc = host ? ELCL_OK : elcl_fail_nomem(why);
    if (rc)
        return false;
    for (int i = 0; i < CHECK_M * CHECK_N; i++) /* small whole numbers: exact in any storage */
        host[i] = (float)(i * 37 % 17 - 8);
    const struct elcl_matrix_source source = {
        .data = host, .dtype = ELCL_F32, .n = CHECK_N, .n_stride = CHECK_K, .k_stride = 1};
    ELCL_TRY(elcl_matrix_create(ops, "check", ops->weights, 1, CHECK_K, &source, 1, &w, why));
    ELCL_TRY(elcl_buffer_create(ops->device, "check", CHECK_M * CHECK_K * sizeof(float), &x, why));
    ELCL_TRY(elcl_buffer_create(ops->device, "check", CHECK_M * CHECK_N * sizeof(float), &y, why));
    ELCL_TRY(elcl_buffer_write(&x, 0, host, CHECK_M * CHECK_K * sizeof(float), why));
    ELCL_TRY(compare_back_ends(ops, &x, &y, &w, host, why));
fail:
    elcl_buffer_destroy(&w.buffer);
    elcl_buffer_destroy(&x);
    elcl_buffer_destroy(&y);
    elcl_free(host);
    return !rc;
}
