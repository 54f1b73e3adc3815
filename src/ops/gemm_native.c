/* GEMM by gemm_cpu.cl or gemm_gpu.cl. */
#include "base/util.h"
#include "ops/gemm.h"
#include "ops/launch.h"

#define GPU_TILE 64              /* TM and TN of gemm_gpu.cl */
#define BLOCK_FLOATS (64 * 1024) /* of X that a work-item keeps in its core's cache */

static void common_arguments(struct elcl_launch *launch, const struct elcl_gemm_args *args)
{
    elcl_launch_buffer(launch, args->y);
    elcl_launch_buffer(launch, args->x);
    elcl_launch_buffer(launch, &args->w->buffer);
    elcl_launch_buffer(launch, args->bias);
    elcl_launch_buffer(launch, args->residual);
    elcl_launch_int(launch, args->m);
    elcl_launch_int(launch, args->w->n);
    elcl_launch_int(launch, args->w->k);
    elcl_launch_int(launch, args->x_ld);
    elcl_launch_int(launch, args->y_ld);
    elcl_launch_ulong(launch, args->x_batch);
    elcl_launch_ulong(launch, args->y_batch);
}

static int launch_cpu(struct elcl_ops *ops, const struct elcl_gemm_args *args, elcl_error *err)
{
    const int fit = BLOCK_FLOATS / args->w->k / ops->tile_rows * ops->tile_rows;
    const int block = elcl_max_int(fit, ops->tile_rows);
    struct elcl_launch launch = elcl_launch_begin(ops, ELCL_K_GEMM, "gemm");
    common_arguments(&launch, args);
    elcl_launch_int(&launch, block);
    elcl_launch_int(&launch, elcl_gemm_flags(args));
    elcl_launch_int(&launch, (int)args->act);
    const size_t global[] = {(size_t)args->w->panels, elcl_div_up((size_t)args->m, (size_t)block),
                             (size_t)args->w->batch};
    const size_t local[] = {1, 1, 1};
    return elcl_launch_run(&launch, 3, global, local, err);
}

static int launch_gpu(struct elcl_ops *ops, const struct elcl_gemm_args *args, elcl_error *err)
{
    struct elcl_launch launch = elcl_launch_begin(ops, ELCL_K_GEMM, "gemm");
    common_arguments(&launch, args);
    elcl_launch_int(&launch, elcl_gemm_flags(args));
    elcl_launch_int(&launch, (int)args->act);
    const size_t global[] = {16 * elcl_div_up((size_t)args->w->n, GPU_TILE),
                             16 * elcl_div_up((size_t)args->m, GPU_TILE), (size_t)args->w->batch};
    const size_t local[] = {16, 16, 1};
    return elcl_launch_run(&launch, 3, global, local, err);
}

int elcl_gemm_native(struct elcl_ops *ops, const struct elcl_gemm_args *args, elcl_error *err)
{
    return ops->kernels == ELCL_KERNELS_CPU ? launch_cpu(ops, args, err)
                                            : launch_gpu(ops, args, err);
}
