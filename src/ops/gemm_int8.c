/* GEMM in integers by gemm_int8.cl and gemm_int8_wide.cl, for GPU kernels. */
#include "base/util.h"
#include "ops/gemm_native.h"

/* Unmeasured. */
#define FEW_ROWS 16 /* gemm_rows reads W at most twice */
#define FEW_BUSY 4  /* or where tiles of 64 rows keep fewer than 1 of 4 units busy */

/* A kernel, and the items and the tile of its work-groups. */
struct int8_gemm {
    enum elcl_kernel_id id;
    const char *name;
    size_t items, tile_m, tile_n, local_bytes;
};

static struct int8_gemm wide(const struct elcl_ops *ops, enum elcl_kernel_id id, const char *name,
                             int rows)
{
    const int stages = elcl_wide_stages(ops->int8_mma, rows, 1);
    return (struct int8_gemm){id,           name,        ELCL_WIDE_ITEMS,
                              (size_t)rows, ELCL_WIDE_N, (size_t)ELCL_WIDE_BYTES(stages, rows, 1)};
}

static size_t groups(const struct int8_gemm *gemm, const struct elcl_gemm_args *args)
{
    return elcl_div_up((size_t)args->m, gemm->tile_m) *
           elcl_div_up((size_t)args->w->n, gemm->tile_n) * (size_t)args->w->batch;
}

/* Sums of integers are exact: all kernels give the same bits. */
static struct int8_gemm choose(const struct elcl_ops *ops, const struct elcl_gemm_args *args)
{
    const int least = ops->int8_mma ? ELCL_WIDE_LEAST(elcl_mma_kinds[ops->int8_mma].subgroup) : 0;
    const struct int8_gemm tall = wide(ops, ELCL_K_GEMM_WIDE, "gemm_wide_int8", 128);
    const struct int8_gemm low = wide(ops, ELCL_K_GEMM_WIDE_64, "gemm_wide_64_int8", 64);
    if (args->m <= FEW_ROWS || (ops->int8_mma && groups(&low, args) < ops->busy_groups / FEW_BUSY))
        return (struct int8_gemm){ELCL_K_GEMM_ROWS, "gemm_rows_int8", ELCL_TILE_ITEMS,
                                  ELCL_INT8_ROWS_M, ELCL_INT8_ROWS_N, ELCL_INT8_ROWS_BYTES};
    if (ops->int8_mma)
        return groups(&tall, args) >= ops->busy_groups ? tall
               : groups(&low, args) >= ops->busy_groups
                   ? low
                   : wide(ops, ELCL_K_GEMM_WIDE_32, "gemm_wide_32_int8", least);
    return (struct int8_gemm){ELCL_K_GEMM,    "gemm_int8",    ELCL_TILE_ITEMS,
                              ELCL_TILE_SIZE, ELCL_TILE_SIZE, ELCL_INT8_TILE_BYTES};
}

int elcl_gemm_int8(struct elcl_ops *ops, const struct elcl_gemm_args *args, elcl_error *err)
{
    const struct int8_gemm gemm = choose(ops, args);
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
