/* GEMM in integers by gemm_int8.cl, for GPU kernels. */
#include "base/util.h"
#include "ops/gemm_native.h"

#define FEW_ROWS 16 /* unmeasured: gemm_rows reads W at most twice */

/* A kernel, and the items and the tile of its work-groups. */
struct int8_gemm {
    enum elcl_kernel_id id;
    const char *name;
    size_t items, tile_m, tile_n, local_bytes;
};

/* Sums of integers are exact: all kernels give the same bits. */
static struct int8_gemm choose(const struct elcl_gemm_args *args)
{
    if (args->m <= FEW_ROWS)
        return (struct int8_gemm){ELCL_K_GEMM_ROWS, "gemm_rows_int8", ELCL_TILE_ITEMS,
                                  ELCL_INT8_ROWS_M, ELCL_INT8_ROWS_N, ELCL_INT8_ROWS_BYTES};
    return (struct int8_gemm){ELCL_K_GEMM,    "gemm_int8",    ELCL_TILE_ITEMS,
                              ELCL_TILE_SIZE, ELCL_TILE_SIZE, ELCL_INT8_TILE_BYTES};
}

int elcl_gemm_int8(struct elcl_ops *ops, const struct elcl_gemm_args *args, elcl_error *err)
{
    const struct int8_gemm gemm = choose(args);
    struct elcl_launch launch = elcl_launch_begin(ops, gemm.id, gemm.name);
    launch.op_class = ELCL_OP_GEMM_INT8;
    elcl_gemm_arguments(&launch, args);
    elcl_launch_ulong(&launch, args->y_low);
    elcl_launch_int(&launch, elcl_gemm_gpu_flags(args));
    elcl_launch_int(&launch, (int)args->act);
    elcl_launch_local(&launch, gemm.local_bytes);
    const size_t global[] = {gemm.items * elcl_div_up((size_t)args->w->n, gemm.tile_n),
                             elcl_div_up((size_t)args->m, gemm.tile_m), (size_t)args->w->batch};
    const size_t local[] = {gemm.items, 1, 1};
    return elcl_launch_run(&launch, 3, global, local, err);
}
