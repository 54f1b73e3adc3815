/* GEMM by gemm_cpu.cl, or by gemm_gpu.cl, gemm_rows*.cl and gemm_wide.cl; gemm_int8.c has
 * that in integers. */
#include <math.h>

#include "base/util.h"
#include "ops/gemm_native.h"
#include "ops/launch.h"

/* GPU kernels */
#define GPU_FEW_ROWS 16        /* gemm_rows up to here: it reads W at most twice */
#define WIDE_MANY_COLUMNS 2048 /* from here on, and up to this K, a sum is one slice */
#define WIDE_SHORT_SUM 256
#define SPLIT_ROWS 256   /* work-groups share sums up to here: parts of more are slow to add */
#define SPLIT_SUM 2048   /* and from here on: a shorter sum takes no longer than one launch more */
#define WAY_DISTANCE 2.0 /* a product is like a measured one up to here */
/* CPU kernels */
#define MIN_BLOCK_ROWS 24       /* a panel's way through the caches has to pay */
#define BAND_FLOATS (64 * 1024) /* of X in a core's second-level cache */
#define MIN_BAND_ROWS 48        /* so that W, from further away, is read seldom */
#define ITEMS_PER_CORE 32
#define MIN_ITEM_MACS 131072.0 /* below, handing out work-items costs more than their work */
#define MAX_RUN 8

/* How the CPU kernel divides a product, see gemm_cpu.cl. */
struct division {
    int band, bands; /* rows of X that a core's cache keeps while all panels pass */
    int block;       /* rows of a work-item */
    int run;         /* panels of a work-item */
};

/* Cuts enough work-items that the last ones do not leave cores idle, but none too small. */
static struct division divide(const struct elcl_ops *ops, const struct elcl_matrix *w, int m)
{
    const int tile = ops->tile_rows, wanted = ITEMS_PER_CORE * (int)ops->device->desc.compute_units;
    const int fit = elcl_max_int(BAND_FLOATS / w->k, MIN_BAND_ROWS);
    struct division d = {.bands = (int)elcl_div_up((size_t)m, (size_t)fit)};
    d.band = (int)elcl_div_up((size_t)m, (size_t)d.bands);
    d.bands = (int)elcl_div_up((size_t)m, (size_t)d.band);
    const int columns = w->panels * w->batch * d.bands; /* items if blocks were whole groups */
    const int blocks = elcl_max_int(
        elcl_min_int((int)elcl_div_up((size_t)wanted, (size_t)columns), d.band / MIN_BLOCK_ROWS),
        (int)elcl_div_up((size_t)d.band, ELCL_GEMM_BLOCK));
    const int block = (int)elcl_div_up((size_t)d.band, (size_t)blocks);
    d.block = (int)elcl_round_up((size_t)block, (size_t)tile);
    const double macs = (double)d.block * w->panel * w->k; /* of a panel */
    d.run = elcl_max_int((int)fmin(MIN_ITEM_MACS / macs, MAX_RUN), m <= 3 ? 2 : 1);
    return d;
}

static int launch_cpu(struct elcl_ops *ops, const struct elcl_gemm_args *args, elcl_error *err)
{
    const struct division d = divide(ops, args->w, args->m);
    const bool int4 = args->w->storage == ELCL_INT4;
    struct elcl_launch launch =
        elcl_launch_begin_matrix(ops, args->w, ELCL_K_GEMM, int4 ? "gemm_int4" : "gemm");
    const enum elcl_compute compute = elcl_ops_compute(ops);
    if (compute == ELCL_COMPUTE_INT8) {
        launch.name = int4 ? "gemm_int4_int8" : "gemm_int8";
        launch.op_class = ELCL_OP_GEMM_INT8;
    } else if (compute == ELCL_COMPUTE_BF16) {
        launch.name = "gemm_bf16";
        launch.op_class = ELCL_OP_GEMM_BF16;
    }
    elcl_gemm_arguments(&launch, args);
    elcl_launch_int(&launch, d.band);
    elcl_launch_int(&launch, d.bands);
    elcl_launch_int(&launch, d.block);
    elcl_launch_int(&launch, d.run);
    elcl_launch_int(&launch, elcl_gemm_flags(args));
    elcl_launch_int(&launch, (int)args->act);
    const size_t global[] = {elcl_div_up((size_t)d.band, (size_t)d.block),
                             elcl_div_up((size_t)args->w->panels, (size_t)d.run),
                             (size_t)args->w->batch * (size_t)d.bands};
    const size_t local[] = {1, 1, 1};
    return elcl_launch_run(&launch, 3, global, local, err);
}

/* 4-byte words of a row of K rounded elements, with one for each group of int4 weights, and those
 * that follow it: the scale of int8. */
struct rounded_row {
    size_t words, tail;
};

static struct rounded_row rounded_row(enum elcl_dot dot, int k)
{
    const struct elcl_dot_kind *kind = &elcl_dot_kinds[dot];
    if (kind->weights == ELCL_INT4)
        return (struct rounded_row){
            elcl_div_up((size_t)k, ELCL_INT4_GROUP) * (ELCL_INT4_GROUP / sizeof(uint32_t) + 1), 1};
    const size_t step = kind->gpu ? ELCL_DOT_GPU_PACK : ELCL_ROUNDED_K;
    return (struct rounded_row){elcl_round_up((size_t)k, step) * kind->activation_bytes /
                                    sizeof(uint32_t),
                                kind->gpu                    ? ELCL_INT8_TAIL
                                : kind->weights == ELCL_INT8 ? 1
                                                             : 0};
}

static size_t rounded_stride(enum elcl_dot dot, int k)
{
    const struct rounded_row row = rounded_row(dot, k);
    return row.words + row.tail;
}

size_t elcl_rounded_bytes(int batch, int m, int k)
{
    static const enum elcl_dot longest[] = {ELCL_DOT_VPMADDWD, ELCL_DOT_GPU_PLAIN,
                                            ELCL_DOT_PLAIN_INT4};
    size_t words = 0;
    for (size_t i = 0; i < ELCL_COUNT(longest); i++) {
        const size_t n = rounded_stride(longest[i], k);
        words = n > words ? n : words;
    }
    return (size_t)batch * (size_t)m * words * sizeof(uint32_t);
}

static int reserve(struct elcl_ops *ops, const char *label, size_t bytes,
                   struct elcl_buffer *buffer, elcl_error *err)
{
    if (buffer->bytes >= bytes)
        return ELCL_OK;
    const int rc = elcl_ops_finish(ops, err); /* what it holds is in use until then */
    if (rc)
        return rc;
    elcl_buffer_destroy(buffer);
    return elcl_buffer_create(ops->device, label, bytes, buffer, err);
}

int elcl_ops_reserve_rounded(struct elcl_ops *ops, size_t bytes, elcl_error *err)
{
    return reserve(ops, "rounded inputs", bytes, &ops->rounded, err);
}

int elcl_ops_reserve_slices(struct elcl_ops *ops, size_t bytes, elcl_error *err)
{
    return reserve(ops, "slices of sums", bytes, &ops->slices, err);
}

/* ---- GPU kernels --------------------------------------------------------------------------- */

/* A GPU kernel, the items and the tile of its work-groups, and the slices that it cuts K into, each
 * a multiple of `step` terms. */
struct gpu_gemm {
    enum elcl_kernel_id id;
    const char *name;
    size_t items, tile_m, tile_n, slices, step, local_bytes;
};

static size_t gpu_groups(const struct gpu_gemm *gemm, const struct elcl_gemm_args *args)
{
    return elcl_div_up((size_t)args->m, gemm->tile_m) *
           elcl_div_up((size_t)args->w->n, gemm->tile_n) * (size_t)args->w->batch;
}

static struct gpu_gemm tile_gemm(enum elcl_kernel_id id, const char *name, size_t tile_m,
                                 size_t tile_n, size_t slices, size_t local_bytes)
{
    return (struct gpu_gemm){id,     name,   ELCL_TILE_ITEMS, tile_m,
                             tile_n, slices, ELCL_TILE_K,     local_bytes};
}

/* The kernel for tiles and the one for few rows give the same bits, so the number of rows may
 * choose. The one for few rows cuts K among items, and so has more work-groups. */
static struct gpu_gemm choose_tile_gemm(const struct elcl_ops *ops,
                                        const struct elcl_gemm_args *args)
{
    const bool mma = ops->gemm_mma != ELCL_MMA_NONE;
    const struct gpu_gemm tiles =
        tile_gemm(ELCL_K_GEMM, mma ? "gemm_mma" : "gemm", ELCL_TILE_SIZE, ELCL_TILE_SIZE,
                  mma ? ELCL_ROWS_MMA_SLICES : ELCL_ROWS_SLICES,
                  ELCL_TILE_BYTES(elcl_panel_bytes(ops->gemm_mma), 4, ELCL_TILE_SIZE));
    const bool few =
        args->m <= GPU_FEW_ROWS || (mma && gpu_groups(&tiles, args) < ops->busy_groups);
    if (few && mma)
        return tile_gemm(ELCL_K_GEMM_ROWS, "gemm_rows_mma", ELCL_ROWS_MMA_M, ELCL_ROWS_MMA_N,
                         ELCL_ROWS_MMA_SLICES,
                         ELCL_ROWS_MMA_BYTES(ops->weights == ELCL_BF16 ? 1 : 2));
    return few ? tile_gemm(ELCL_K_GEMM_ROWS, "gemm_rows", ELCL_ROWS_M, ELCL_ROWS_N,
                           ELCL_ROWS_SLICES, ELCL_ROWS_BYTES)
               : tiles;
}

/* Slices of K of the wide kernels: by N and K only, so that a row's result does not depend on M.
 * Few columns make few work-groups, so that these share a long sum. */
static size_t wide_slices(const struct elcl_matrix *w)
{
    return w->n >= WIDE_MANY_COLUMNS || w->k <= WIDE_SHORT_SUM ? 1 : ELCL_ROWS_WIDE_SLICES;
}

/* Whether all chunks of X are whole and lie at multiples of 16 bytes. */
static bool suits_wide(const struct elcl_ops *ops, const struct elcl_gemm_args *args)
{
    return ops->wide && args->w->k % 8 == 0 && args->x_ld % 8 == 0 && args->x_batch % 8 == 0;
}

/* Which kernel suits a shape, by the class of device. */
struct device_class {
    int few_rows;   /* gemm_rows_wide up to here, */
    size_t few;     /* or where tiles of 64 rows keep fewer than 1 of `few` units busy */
    int split_from; /* with more rows than this, such long sums are split instead */
    size_t units;   /* compute units of the driver that a work-group of 256 items keeps busy */
};

/* Unmeasured. Intel's drivers count vector engines, 8 of which share a local memory. */
static const struct device_class device_classes[ELCL_N_MMA] = {
    [ELCL_MMA_NVIDIA] = {16, 4, 32, 1},      [ELCL_MMA_NVIDIA_PLAIN] = {16, 4, 32, 1},
    [ELCL_MMA_AMD_WMMA] = {16, 4, 32, 1},    [ELCL_MMA_AMD_MFMA] = {16, 4, 32, 1},
    [ELCL_MMA_INTEL_8] = {16, 4, 32, 8},     [ELCL_MMA_INTEL_16] = {16, 4, 32, 8},
    [ELCL_MMA_EMULATED_8] = {16, 4, 32, 1},  [ELCL_MMA_EMULATED_16] = {16, 4, 32, 1},
    [ELCL_MMA_EMULATED_32] = {16, 4, 32, 1}, [ELCL_MMA_EMULATED_64] = {16, 4, 32, 1},
};

size_t elcl_wide_busy(const struct elcl_ops *ops)
{
    return ops->busy_groups / device_classes[ops->gemm_mma].units;
}

static struct gpu_gemm wide_gemm(enum elcl_kernel_id id, const char *name, size_t tile_m,
                                 size_t tile_n, size_t slices, int local_bytes)
{
    return (struct gpu_gemm){id,     name,   ELCL_WIDE_ITEMS, tile_m,
                             tile_n, slices, ELCL_WIDE_K,     (size_t)local_bytes};
}

/* Tiles of `rows` x 128. */
static struct gpu_gemm wide_tiles(const struct elcl_ops *ops, enum elcl_kernel_id id,
                                  const char *name, int rows, size_t slices)
{
    const int stages = elcl_wide_stages(ops->gemm_mma, rows, 1);
    return wide_gemm(id, name, (size_t)rows, ELCL_WIDE_N, slices, ELCL_WIDE_BYTES(stages, rows, 1));
}

static struct gpu_gemm few_rows(const struct elcl_ops *ops, size_t slices)
{
    const bool async = elcl_mma_kinds[ops->gemm_mma].async;
    return slices > 1 ? wide_gemm(ELCL_K_GEMM_ROWS_WIDE, "gemm_rows_wide", 16, 16, slices,
                                  ELCL_ROWS_WIDE_BYTES(async, true))
                      : wide_gemm(ELCL_K_GEMM_ROWS_WIDE_64, "gemm_rows_wide_64", 16, 64, 1,
                                  ELCL_ROWS_WIDE_BYTES(async, false));
}

/* The kernel of a way, for sums of so many slices in a work-group. */
static struct gpu_gemm kernel_of(const struct elcl_ops *ops, enum elcl_gemm_way way, size_t slices)
{
    switch (way) {
    case ELCL_WAY_128:
    case ELCL_WAY_SPLIT_128:
        return wide_tiles(ops, ELCL_K_GEMM_WIDE, "gemm_wide", 128, 1);
    case ELCL_WAY_64:
    case ELCL_WAY_SPLIT_64:
        return wide_tiles(ops, ELCL_K_GEMM_WIDE_64, "gemm_wide_64", 64, slices);
    case ELCL_WAY_32:
    case ELCL_WAY_SPLIT_32:
        return wide_tiles(ops, ELCL_K_GEMM_WIDE_32, "gemm_wide_32",
                          ELCL_WIDE_LEAST(elcl_mma_kinds[ops->gemm_mma].subgroup), slices);
    default:
        return few_rows(ops, slices);
    }
}

static bool is_split(enum elcl_gemm_way way)
{
    return way >= ELCL_WAY_SPLIT_16;
}

/* Work-groups share only sums whose slices are equal. */
static bool can_split(const struct elcl_matrix *w)
{
    return w->batch == 1 && wide_slices(w) > 1 && w->k % (ELCL_ROWS_WIDE_SLICES * ELCL_WIDE_K) == 0;
}

bool elcl_gemm_way_suits(const struct elcl_matrix *w, enum elcl_gemm_way way)
{
    return is_split(way) ? can_split(w) : way != ELCL_WAY_128 || wide_slices(w) == 1;
}

bool elcl_gemm_way_planned(const struct elcl_matrix *w, int m, enum elcl_gemm_way way)
{
    return elcl_gemm_way_suits(w, way) &&
           (!is_split(way) || (m <= SPLIT_ROWS && w->k >= SPLIT_SUM));
}

/* How far a measured product is from this one, in powers of two of rows and columns. */
static double distance(const struct elcl_tuned_way *t, const struct elcl_gemm_args *args)
{
    return fabs(log2((double)args->m / t->rows)) + fabs(log2((double)args->w->n / t->n));
}

/* The way of the nearest product of the same kind of sum that was measured. */
static enum elcl_gemm_way tuned_way(const struct elcl_ops *ops, const struct elcl_gemm_args *args)
{
    const struct elcl_matrix *w = args->w;
    enum elcl_gemm_way way = ELCL_WAY_AUTO;
    double nearest = WAY_DISTANCE;
    for (int i = 0; w->batch == 1 && i < ops->ways.n; i++) {
        const struct elcl_tuned_way *t = &ops->ways.way[i];
        const bool same =
            wide_slices(&(struct elcl_matrix){.n = t->n, .k = t->k}) == wide_slices(w) &&
            (t->k >= SPLIT_SUM) == (w->k >= SPLIT_SUM);
        if (same && distance(t, args) < nearest) {
            nearest = distance(t, args);
            way = t->way;
        }
    }
    return elcl_gemm_way_planned(w, args->m, way) ? way : ELCL_WAY_AUTO;
}

/* By the device's class. Few rows are not split: one launch more takes longer than their whole
 * product. */
static enum elcl_gemm_way class_way(const struct elcl_ops *ops, const struct elcl_gemm_args *args)
{
    const size_t slices = wide_slices(args->w);
    const struct device_class *class = &device_classes[ops->gemm_mma];
    const size_t busy = elcl_wide_busy(ops);
    const struct gpu_gemm tall = kernel_of(ops, ELCL_WAY_128, slices);
    const struct gpu_gemm low = kernel_of(ops, ELCL_WAY_64, slices);
    const size_t groups = gpu_groups(&low, args);
    if (args->m <= class->few_rows)
        return ELCL_WAY_16;
    if (groups < busy / class->few) {
        if (args->m <= class->split_from ||
            !elcl_gemm_way_planned(args->w, args->m, ELCL_WAY_SPLIT_64))
            return ELCL_WAY_16;
        return groups * slices >= busy - busy / 8 ? ELCL_WAY_SPLIT_64 : ELCL_WAY_SPLIT_32;
    }
    if (slices == 1 && gpu_groups(&tall, args) >= busy)
        return ELCL_WAY_128;
    return groups >= busy ? ELCL_WAY_64 : ELCL_WAY_32;
}

enum elcl_gemm_way elcl_gemm_choose_way(const struct elcl_ops *ops,
                                        const struct elcl_gemm_args *args)
{
    if (ops->way && elcl_gemm_way_suits(args->w, ops->way))
        return ops->way;
    const enum elcl_gemm_way way = tuned_way(ops, args);
    return way ? way : class_way(ops, args);
}

/* Two floats of each item, which writing narrow state takes, have room in a sum of so many terms.
 */
#define NORM_MIN_K 64

/* The kernels for few rows, with the same bits. */
static struct gpu_gemm norm_gemm(const struct elcl_ops *ops, const struct elcl_matrix *w)
{
    const size_t slices = wide_slices(w);
    const bool async = elcl_mma_kinds[ops->gemm_mma].async, sliced = slices > 1;
    const int k = (int)(slices * elcl_round_up(elcl_div_up((size_t)w->k, slices), ELCL_WIDE_K));
    return wide_gemm(sliced ? ELCL_K_GEMM_ROWS_NORM : ELCL_K_GEMM_ROWS_NORM_64,
                     sliced ? "gemm_rows_norm" : "gemm_rows_norm_64", 16, sliced ? 16 : 64, slices,
                     ELCL_ROWS_NORM_BYTES(async, sliced, elcl_max_int(k, NORM_MIN_K)));
}

static void norm_arguments(struct elcl_launch *launch, const struct elcl_gemm_norm *norm)
{
    elcl_launch_buffer(launch, norm->x_norm);
    elcl_launch_buffer(launch, norm->state);
    elcl_launch_buffer(launch, &norm->norm->weight);
    elcl_launch_buffer(launch, &norm->norm->bias);
    elcl_launch_buffer(launch, norm->step);
    elcl_launch_ulong(launch, norm->rows_at);
    elcl_launch_float(launch, norm->norm->eps);
    elcl_launch_int(launch, (int)elcl_norm_kind(norm->norm));
    elcl_launch_int(launch,
                    (norm->x_norm ? ELCL_ADD_TO_X : 0) | (norm->state ? ELCL_ADD_TO_STATE : 0));
}

static int launch_gpu(struct elcl_ops *ops, const struct elcl_gemm_args *args,
                      const struct gpu_gemm *gemm, elcl_error *err)
{
    const size_t slice = elcl_round_up(elcl_div_up((size_t)args->w->k, gemm->slices),
                                       gemm->step); /* depends only on N and K */
    struct elcl_launch launch = elcl_launch_begin_matrix(ops, args->w, gemm->id, gemm->name);
    elcl_gemm_arguments(&launch, args);
    elcl_launch_ulong(&launch, args->y_low);
    elcl_launch_int(&launch, (int)slice);
    elcl_launch_int(&launch, elcl_gemm_gpu_flags(args));
    elcl_launch_int(&launch, (int)args->act);
    if (args->norm)
        norm_arguments(&launch, args->norm);
    elcl_launch_local(&launch, gemm->local_bytes);
    const size_t global[] = {gemm->items * elcl_div_up((size_t)args->w->n, gemm->tile_n),
                             elcl_div_up((size_t)args->m, gemm->tile_m), (size_t)args->w->batch};
    const size_t local[] = {gemm->items, 1, 1};
    return elcl_launch_run(&launch, 3, global, local, err);
}

/* ---- sums that work-groups share ------------------------------------------------------------- */

static size_t slices_bytes(int m, int n)
{
    return ELCL_ROWS_WIDE_SLICES * (size_t)m * elcl_round_up((size_t)n, 4) * sizeof(float);
}

size_t elcl_slices_bytes(int rows, int k)
{
    return k < SPLIT_SUM ? 0 : slices_bytes(elcl_min_int(rows, SPLIT_ROWS), WIDE_MANY_COLUMNS);
}

static int join_slices(struct elcl_ops *ops, const struct elcl_gemm_args *args, elcl_error *err)
{
    const size_t n = (size_t)args->w->n;
    struct elcl_launch launch = elcl_launch_begin(ops, ELCL_K_GEMM_JOIN, "gemm_join");
    elcl_launch_count(&launch, slices_bytes(args->m, args->w->n) + (size_t)args->m * n * 4,
                      ELCL_ROWS_WIDE_SLICES * (uint64_t)args->m * n);
    elcl_launch_buffer(&launch, args->y);
    elcl_launch_buffer(&launch, &ops->slices);
    elcl_launch_buffer(&launch, args->bias);
    elcl_launch_buffer(&launch, args->residual);
    elcl_launch_int(&launch, args->m);
    elcl_launch_int(&launch, args->w->n);
    elcl_launch_int(&launch, args->y_ld);
    elcl_launch_ulong(&launch, args->y_low);
    elcl_launch_int(&launch, elcl_gemm_gpu_flags(args));
    elcl_launch_int(&launch, (int)args->act);
    const size_t global[] = {elcl_round_up(elcl_div_up(n, 4), ELCL_JOIN_ITEMS), (size_t)args->m};
    const size_t local[] = {ELCL_JOIN_ITEMS, 1};
    return elcl_launch_run(&launch, 2, global, local, err);
}

/* Multiplies slice by slice, as a batch: the rows of X and W of a slice follow those of the slice
 * before. Then adds the products. */
static int launch_split(struct elcl_ops *ops, const struct elcl_gemm_args *args,
                        enum elcl_gemm_way way, elcl_error *err)
{
    struct elcl_matrix w = *args->w;
    w.batch = ELCL_ROWS_WIDE_SLICES;
    w.k /= ELCL_ROWS_WIDE_SLICES;
    const int ld = (int)elcl_round_up((size_t)w.n, 4);
    const struct gpu_gemm gemm = kernel_of(ops, way, 1);
    const struct elcl_gemm_args parts = {.y = &ops->slices,
                                         .x = args->x,
                                         .w = &w,
                                         .m = args->m,
                                         .x_ld = args->x_ld,
                                         .y_ld = ld,
                                         .x_batch = (size_t)w.k,
                                         .y_batch = (size_t)args->m * (size_t)ld};
    int rc;
    ELCL_TRY(elcl_ops_reserve_slices(ops, slices_bytes(args->m, w.n), err));
    ELCL_TRY(launch_gpu(ops, &parts, &gemm, err));
    ELCL_TRY(join_slices(ops, args, err));
fail:
    return rc;
}

static int multiply_gpu(struct elcl_ops *ops, const struct elcl_gemm_args *args, elcl_error *err)
{
    if (args->norm) {
        const struct gpu_gemm gemm = norm_gemm(ops, args->w);
        return launch_gpu(ops, args, &gemm, err);
    }
    if (!suits_wide(ops, args)) {
        const struct gpu_gemm gemm = choose_tile_gemm(ops, args);
        return launch_gpu(ops, args, &gemm, err);
    }
    const enum elcl_gemm_way way = elcl_gemm_choose_way(ops, args);
    if (is_split(way))
        return launch_split(ops, args, way, err);
    const struct gpu_gemm gemm = kernel_of(ops, way, wide_slices(args->w));
    return launch_gpu(ops, args, &gemm, err);
}

/* ---- both ------------------------------------------------------------------------------------ */

/* Rounds x, then multiplies. */
static int multiply_rounded(struct elcl_ops *ops, const struct elcl_gemm_args *args,
                            elcl_error *err)
{
    const int batch = args->w->batch, m = args->m, k = args->w->k;
    const enum elcl_dot dot = elcl_ops_dot(ops, args->w->storage);
    const size_t words = rounded_row(dot, k).words, stride = rounded_stride(dot, k);
    const size_t step = elcl_dot_kinds[dot].gpu ? 4 : 1; /* words of what kernels count */
    int rc;
    ELCL_TRY(elcl_ops_reserve_rounded(ops, elcl_rounded_bytes(batch, m, k), err));
    struct elcl_launch launch = elcl_launch_begin_matrix(ops, args->w, ELCL_K_QUANTIZE, "quantize");
    elcl_launch_buffer(&launch, &ops->rounded);
    elcl_launch_buffer(&launch, args->x);
    elcl_launch_int(&launch, k);
    elcl_launch_int(&launch, (int)words);
    elcl_launch_int(&launch, args->x_ld);
    elcl_launch_ulong(&launch, args->x_batch);
    elcl_launch_count(&launch, (uint64_t)batch * m * (k * sizeof(float) + words * 4), 0);
    ELCL_TRY(elcl_launch_rows(&launch, m, batch, err));
    struct elcl_gemm_args rounded = *args;
    rounded.x = &ops->rounded;
    rounded.x_ld = (int)(stride / step);
    rounded.x_batch = (size_t)m * stride / step;
    ELCL_TRY(step > 1 ? elcl_gemm_int8(ops, &rounded, err) : launch_cpu(ops, &rounded, err));
fail:
    return rc;
}

int elcl_gemm_native(struct elcl_ops *ops, const struct elcl_gemm_args *args, elcl_error *err)
{
    if (elcl_ops_dot(ops, args->w->storage))
        return multiply_rounded(ops, args, err);
    return ops->kernels == ELCL_KERNELS_CPU ? launch_cpu(ops, args, err)
                                            : multiply_gpu(ops, args, err);
}
