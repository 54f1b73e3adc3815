/*
 * Wide tiles of products, GPU kernels: the 256 items of a work-group compute 128 x 128 or 64 x 128
 * outputs
 *     Y[m][n] = sum_k X[m][k] W[k][n]
 * in steps of WIDE_K = 32 terms, X and W in the same 16-bit type, sums in f32, by the matrix
 * instruction of the mma_*.cl before. Each output is one chain over k in ascending order.
 *
 * Local memory is one array of chunks (swizzle.cl): WIDE_STAGES(bm, parts) stages of
 * WIDE_STAGE(bm, parts) chunks. A stage has the tile of rows of X, [bm][32 k], with two parts a
 * second one after it (X = high + low, a product each), and the tile of W: of rows, [128 n][32 k],
 * for keys, or of columns, [32 k][128 n], for weights and values. Both have WIDE_W chunks. Tiles
 * are named by the place of their first chunk in that array.
 *
 * An item brings chunks, 16 bytes each: of rows the chunk WIDE_ROW_CHUNK(item) of the rows
 * WIDE_ROW(item, i), i < bm / 64 or 2 of 128; of columns the chunk WIDE_COLUMN_CHUNK(item) at
 * k = WIDE_COLUMN(item, i), i < 2. Where these lie in global memory is up to the kernel, whose
 * fetch() calls for one step, with its stage,
 *     wide_fetch_row(memory, &held.x[i], stage, i, from, inside)              a row of X,
 *     wide_fetch_row(memory, &held.x[2 + i], stage + bm * 4, i, ...)          of its low part,
 *     wide_fetch_row(memory, &held.w[i], stage + WIDE_X(bm, parts), i, ...)   of W,
 *     wide_fetch_column(memory, &held.w[i], stage + WIDE_X(bm, parts), i, ...)   or its columns.
 * `from` is at a multiple of 16 bytes and is not read unless `inside`, which gives zeros. A loop:
 *
 *     struct wide_held held;
 *     int now = 0, next = 0;                                  // stages: their first chunk
 *     for (int s = 0; s < WIDE_AHEAD(bm, parts); s++) {
 *         if (s < steps)
 *             fetch(s, next);
 *         wide_commit();
 *         next = wide_after(next, bm, parts);
 *     }
 *     for (int step = 0; step < steps; step++) {
 *         wide_land_all(memory, &held, now, bm, parts, w_rows);
 *         wide_wait(WIDE_AHEAD(bm, parts) - 1);
 *         barrier(CLK_LOCAL_MEM_FENCE);
 *         if (step + WIDE_AHEAD(bm, parts) < steps)
 *             fetch(step + WIDE_AHEAD(bm, parts), next);
 *         wide_commit();
 *         wide_multiply(memory, now, sums, bm, parts, w_rows, f16);
 *         now = wide_after(now, bm, parts);
 *         next = wide_after(next, bm, parts);
 *     }
 *
 * With WIDE_ASYNC a fetch starts a copy to local memory, several steps ahead, and landing does
 * nothing. Without it a fetch reads into `held`, one step ahead, and landing stores that. All items
 * of the work-group run all of it. After the loop and a barrier, wide_give() writes sums to local
 * memory, part by part.
 *
 * bm (64, 128 or WIDE_LEAST, and below 64 only the first 4 bm items bring chunks of X), parts (1 or
 * 2), w_rows, f16 (true: f16, false: bf16) and i are constants at every call. Everything is
 * inlined: loops run to constant bounds that do not depend on them.
 *
 * A mma_*.cl has these functions, with f16 a constant, row, k and chunk constants or nearly so, and
 * row and k multiples of 16:
 *     wide_a wide_load_a(memory, tile, row, chunk)          16 rows x 16 k of a tile of rows
 *     wide_b wide_load_b_rows(memory, tile, row, chunk)     16 columns x 16 k, from a tile of rows
 *     wide_b wide_load_b_columns(memory, tile, k, chunk, width)         or from a tile of columns
 *     wide_16x16(memory, sums, a, b, f16)                   sums [MMA_SUMS] float4
 *     WIDE_ASYNC, wide_copy(), wide_commit(), wide_wait()   with asynchronous copies only
 *     MMA_PACK_F16(float2)     a pair of f16, if there is something faster than the one below
 */
// lint after: tile.cl swizzle.cl mma_emulated.cl tile_mma.cl
// lint: -DVW=4 -DSUBGROUP=32
// lint: -DVW=4 -DSUBGROUP=8

#define WIDE_ITEMS ELCL_WIDE_ITEMS
#define WIDE_N ELCL_WIDE_N
#define WIDE_K ELCL_WIDE_K
#define MMA_SUMS (64 / SUBGROUP)

/* Sub-groups below each other and side by side, and the tiles of 16 x 16 outputs of one: WIDE_I(bm)
 * below each other, WIDE_J side by side. */
#define WIDE_GROUPS_M (SUBGROUP < 32 ? 4 : 2)
#define WIDE_GROUPS_N (WIDE_ITEMS / SUBGROUP / WIDE_GROUPS_M)
#define WIDE_MAX_I (8 / WIDE_GROUPS_M)
#define WIDE_I(bm) ((bm) / 16 / WIDE_GROUPS_M)
#define WIDE_J (8 / WIDE_GROUPS_N)
#define WIDE_LEAST ELCL_WIDE_LEAST(SUBGROUP) /* the smallest bm */
ELCL_CHECK(wide_least, WIDE_I(WIDE_LEAST) == 1);
#define WIDE_SUMS 16 /* float4 of an item for 128 x 128 outputs; of the first half for 64 x 128 */

#ifdef WIDE_ASYNC
#define WIDE_STAGES(bm, parts) ELCL_WIDE_ASYNC_STAGES(bm, parts)
#else
#define WIDE_STAGES(bm, parts) 2
#endif
#define WIDE_AHEAD(bm, parts) (WIDE_STAGES(bm, parts) - 1)
/* In chunks. */
#define WIDE_X(bm, parts) ((bm) * (parts) * 4)
#define WIDE_W (WIDE_N * 4)
#define WIDE_STAGE(bm, parts) (WIDE_X(bm, parts) + WIDE_W)

#define WIDE_ROW(item, i) ((item) / 4 + 64 * (i))
#define WIDE_ROW_CHUNK(item) ((item) % 4)
#define WIDE_COLUMN(item, i) ((item) / 16 + 16 * (i))
#define WIDE_COLUMN_CHUNK(item) ((item) % 16)

/* ---- from memory to tiles -------------------------------------------------------------------- */

/* Chunks on their way, without WIDE_ASYNC; of two parts the low ones come after the high ones. */
struct wide_held {
    uint4 x[4], w[2];
};

#ifdef WIDE_ASYNC
/* Brings the chunk at `from` to local memory. Unless `inside` it brings zeros and reads nothing. */
TILE_INLINE void wide_fetch(__local uint4 *to, uint4 *held, __global const void *from, bool inside)
{
    wide_copy(to, from, inside ? 16 : 0);
}
TILE_INLINE void wide_land(__local uint4 *to, const uint4 *held)
{
}
#else
TILE_INLINE void wide_fetch(__local uint4 *to, uint4 *held, __global const void *from, bool inside)
{
    *held = inside ? *(__global const uint4 *)from : (uint4)(0u);
}
TILE_INLINE void wide_land(__local uint4 *to, const uint4 *held)
{
    *to = *held;
}
TILE_INLINE void wide_commit(void)
{
}
TILE_INLINE void wide_wait(int open)
{
}
#endif

/* The place of the item's chunk i in a tile of rows or of columns. The order of chunks repeats
 * after 8 rows, so that it is the place of chunk 0 and a constant. Written so, the constant becomes
 * a part of the instruction. */
TILE_INLINE __local uint4 *wide_row_place(__local uint4 *memory, int tile, int i)
{
    const int item = get_local_id(0);
    return memory + swizzle_row(WIDE_ROW(item, 0), WIDE_ROW_CHUNK(item)) + tile + 256 * i;
}
TILE_INLINE __local uint4 *wide_column_place(__local uint4 *memory, int tile, int i)
{
    const int item = get_local_id(0);
    return memory + swizzle_column(WIDE_COLUMN(item, 0), WIDE_COLUMN_CHUNK(item), WIDE_N / 8) +
           tile + 256 * i;
}

TILE_INLINE void wide_fetch_row(__local uint4 *memory, uint4 *held, int tile, int i,
                                __global const void *from, bool inside)
{
    wide_fetch(wide_row_place(memory, tile, i), held, from, inside);
}
TILE_INLINE void wide_fetch_column(__local uint4 *memory, uint4 *held, int tile, int i,
                                   __global const void *from, bool inside)
{
    wide_fetch(wide_column_place(memory, tile, i), held, from, inside);
}

/* Stores the chunks that the item holds into the stage. */
TILE_INLINE void wide_land_all(__local uint4 *memory, const struct wide_held *held, int stage,
                               int bm, int parts, bool w_rows)
{
    const int w = stage + WIDE_X(bm, parts);
#pragma unroll
    for (int part = 0; part < 2; part++)
#pragma unroll
        for (int i = 0; i < 2; i++)
            if (part < parts && 64 * i < bm && (bm >= 64 || get_local_id(0) < bm * 4))
                wide_land(wide_row_place(memory, stage + part * bm * 4, i),
                          &held->x[2 * part + i]);
#pragma unroll
    for (int i = 0; i < 2; i++)
        wide_land(w_rows ? wide_row_place(memory, w, i) : wide_column_place(memory, w, i),
                  &held->w[i]);
}

/* The stage after the one at `stage`. */
TILE_INLINE int wide_after(int stage, int bm, int parts)
{
    const int next = stage + WIDE_STAGE(bm, parts);
    return next == WIDE_STAGES(bm, parts) * WIDE_STAGE(bm, parts) ? 0 : next;
}

/* Two floats as a pair of operands, rounded to nearest even. */
#ifndef MMA_PACK_F16
TILE_INLINE uint wide_pack_f16(float2 v)
{
    uint pair;
    vstore_half2_rte(v, 0, (half *)&pair);
    return pair;
}
#define MMA_PACK_F16(v) wide_pack_f16(v)
#endif
TILE_INLINE uint wide_pack(float2 v, bool f16)
{
    return f16 ? MMA_PACK_F16(v) : mma_pack(v);
}

/* ---- products -------------------------------------------------------------------------------- */

/* First row and column of the outputs of this item's sub-group. */
TILE_INLINE int wide_group_row(int bm)
{
    return (int)get_local_id(0) / SUBGROUP / WIDE_GROUPS_N * (bm / WIDE_GROUPS_M);
}
TILE_INLINE int wide_group_column(void)
{
    return (int)get_local_id(0) / SUBGROUP % WIDE_GROUPS_N * (WIDE_J * 16);
}

TILE_INLINE void wide_clear(float4 *sums) /* [WIDE_SUMS] */
{
#pragma unroll
    for (int i = 0; i < WIDE_SUMS; i++)
        sums[i] = (float4)(0.0f);
}

/* Adds 16 terms from k on, of one part of X. */
TILE_INLINE void wide_multiply_part(__local const uint4 *memory, int x, const wide_b *b,
                                    float4 *sums, int k, int bm, bool f16)
{
    wide_a a[WIDE_MAX_I];
#pragma unroll
    for (int i = 0; i < WIDE_MAX_I; i++)
        if (i < WIDE_I(bm))
            a[i] = wide_load_a(memory, x, wide_group_row(bm) + 16 * i, k / 8);
#pragma unroll
    for (int i = 0; i < WIDE_MAX_I; i++)
#pragma unroll
        for (int j = 0; j < WIDE_J; j++)
            if (i < WIDE_I(bm))
                wide_16x16(memory, sums + (i * WIDE_J + j) * MMA_SUMS, a[i], b[j], f16);
}

/* Adds the step in a stage. Of X's two parts the low one comes first. */
TILE_INLINE void wide_multiply(__local const uint4 *memory, int stage, float4 *sums, int bm,
                               int parts, bool w_rows, bool f16)
{
    const int column = wide_group_column(), w = WIDE_X(bm, parts);
    memory += stage; /* so that the addresses of fragments are this and constants of the item */
#pragma unroll
    for (int k = 0; k < WIDE_K; k += 16) {
        wide_b b[WIDE_J];
#pragma unroll
        for (int j = 0; j < WIDE_J; j++)
            b[j] = w_rows
                       ? wide_load_b_rows(memory, w, column + 16 * j, k / 8)
                       : wide_load_b_columns(memory, w, k, column / 8 + 2 * j, WIDE_N / 8);
        if (parts == 2)
            wide_multiply_part(memory, bm * 4, b, sums, k, bm, f16);
        wide_multiply_part(memory, 0, b, sums, k, bm, f16);
    }
}

/* ---- outputs --------------------------------------------------------------------------------- */

/* Part `part` of WIDE_I(bm) of the outputs: 16 rows of each of WIDE_GROUPS_M groups, in local
 * memory y [WIDE_GIVEN_ROWS][ELCL_WIDE_LD]. wide_given_row() tells which row of the tile row r of y
 * is. */
#define WIDE_GIVEN_ROWS (WIDE_GROUPS_M * 16)
TILE_INLINE int wide_given_row(int r, int part, int bm)
{
    return r / 16 * (bm / WIDE_GROUPS_M) + part * 16 + r % 16;
}

/* `part` may be a variable, so that the loop over parts is not unrolled: its body is large. */
TILE_INLINE void wide_give(__local float *y, const float4 *sums, int part, int bm)
{
    y += (int)get_local_id(0) / SUBGROUP / WIDE_GROUPS_N * 16 * ELCL_WIDE_LD + wide_group_column();
#pragma unroll
    for (int i = 0; i < WIDE_MAX_I; i++)
#pragma unroll
        for (int j = 0; j < WIDE_J; j++)
            if (i < WIDE_I(bm) && i == part)
                mma_put_sums(y + 16 * j, ELCL_WIDE_LD, sums + (i * WIDE_J + j) * MMA_SUMS);
}
