/*
 * A matrix instruction in plain OpenCL C, to test the kernels that use one on any device;
 * tile_mma.cl describes the interface. The parts of an item are the places of A and B in local
 * memory, and its outputs are neighbors in a row.
 *
 * -D SUBGROUP   items that share 16 x 16 outputs: 8, 16, 32 or 64
 */
// lint after: tile.cl swizzle.cl
// lint: -DSUBGROUP=8
// lint: -DSUBGROUP=64

#define MMA_KERNEL
#define MMA_ROW(lane, i) (((lane) * (256 / SUBGROUP) + (i)) / 16)
#define MMA_COLUMN(lane, i) (((lane) * (256 / SUBGROUP) + (i)) % 16)
#define MMA_FIRST(i) ((i) / 16 * 16)
#define MMA_SLOTS (SUBGROUP > 16 ? SUBGROUP / 16 : 1)
#define MMA_SLOT(lane) ((lane) % MMA_SLOTS)

typedef struct {
    __local const uint *at;
    int ld;
} mma_a;
typedef mma_a mma_b;

#define mma_pack bf16_pair

TILE_INLINE mma_a mma_load(__local const uint *p, int ld)
{
    mma_a a;
    a.at = p;
    a.ld = ld;
    return a;
}
#define mma_load_a mma_load
#define mma_load_b mma_load

/* Four neighbors of one row of C. */
TILE_INLINE float4 mma_dot4(float4 sum, __local const uint *a, int a_ld, __local const uint *b,
                            int b_ld)
{
    for (int k = 0; k < 8; k++) {
        const uint x = a[k * a_ld];
        const uint4 w = vload4(0, b + k * b_ld);
        sum = ELCL_MAC((float4)(as_float(x << 16)), as_float4(w << 16), sum);
        sum = ELCL_MAC((float4)(as_float(x & 0xffff0000u)), as_float4(w & 0xffff0000u), sum);
    }
    return sum;
}

TILE_INLINE void mma_16x16(float4 *sums, mma_a a, mma_b b)
{
    const int lane = get_local_id(0) % SUBGROUP;
    for (int i = 0; i < 64 / SUBGROUP; i++)
        sums[i] = mma_dot4(sums[i], a.at + MMA_ROW(lane, 4 * i), a.ld,
                           b.at + MMA_COLUMN(lane, 4 * i), b.ld);
}

/* ---- wide tiles (tile_wide.cl) --------------------------------------------------------------- */

/* Numbers, because llvmpipe crashed on arrays of pointers to local memory. */
typedef struct {
    int tile, row, chunk; /* of A's first element; of B in a tile of columns, row is k */
    int width;            /* of a tile of columns; 0: a tile of rows */
} wide_a;
typedef wide_a wide_b;

TILE_INLINE wide_b wide_load_b_columns(__local const uint4 *memory, int tile, int k, int chunk,
                                       int width)
{
    wide_b b;
    b.tile = tile;
    b.row = k;
    b.chunk = chunk;
    b.width = width;
    return b;
}

TILE_INLINE wide_a wide_load_rows(__local const uint4 *memory, int tile, int row, int chunk)
{
    return wide_load_b_columns(memory, tile, row, chunk, 0);
}
#define wide_load_a wide_load_rows
#define wide_load_b_rows wide_load_rows

TILE_INLINE float wide_get(__local const uint4 *chunk, int i, bool f16)
{
    if (f16)
        return vload_half(i, (__local const half *)chunk);
    return as_float((uint)((__local const ushort *)chunk)[i] << 16);
}

/* Element k of row i of A, and of column i of B. */
TILE_INLINE float wide_row_element(__local const uint4 *memory, wide_a a, int i, int k, bool f16)
{
    return wide_get(memory + a.tile + swizzle_row(a.row + i, a.chunk + k / 8), k % 8, f16);
}

TILE_INLINE float wide_b_element(__local const uint4 *memory, wide_b b, int i, int k, bool f16)
{
    if (!b.width)
        return wide_row_element(memory, b, i, k, f16);
    return wide_get(memory + b.tile + swizzle_column(b.row + k, b.chunk + i / 8, b.width), i % 8,
                    f16);
}

TILE_INLINE void wide_16x16(__local const uint4 *memory, float4 *sums, wide_a a, wide_b b, bool f16)
{
    const int lane = get_local_id(0) % SUBGROUP;
    for (int i = 0; i < 64 / SUBGROUP; i++) {
        const int row = MMA_ROW(lane, 4 * i), column = MMA_COLUMN(lane, 4 * i);
        for (int k = 0; k < 16; k++) {
            const float x = wide_row_element(memory, a, row, k, f16);
            const float4 w = (float4)(wide_b_element(memory, b, column, k, f16),
                                      wide_b_element(memory, b, column + 1, k, f16),
                                      wide_b_element(memory, b, column + 2, k, f16),
                                      wide_b_element(memory, b, column + 3, k, f16));
            sums[i] = ELCL_MAC((float4)(x), w, sums[i]);
        }
    }
}

/* ---- gemm_int8_wide.cl ----------------------------------------------------------------------- */

#define WIDE_INT8
/* Element k of row i, of int8 numbers in a tile of rows. */
TILE_INLINE int wide_int8_element(__local const uint4 *memory, wide_a a, int i, int k)
{
    return ((__local const char *)(memory + a.tile +
                                   swizzle_row(a.row + i, a.chunk + k / 16)))[k % 16];
}

TILE_INLINE void wide_16x16_int8(__local const uint4 *memory, int4 *sums, wide_a a, wide_b b)
{
    const int lane = get_local_id(0) % SUBGROUP;
    for (int i = 0; i < 64 / SUBGROUP; i++) {
        const int row = MMA_ROW(lane, 4 * i), column = MMA_COLUMN(lane, 4 * i);
        for (int k = 0; k < 32; k++)
            sums[i] += wide_int8_element(memory, a, row, k) *
                       (int4)(wide_int8_element(memory, b, column, k),
                              wide_int8_element(memory, b, column + 1, k),
                              wide_int8_element(memory, b, column + 2, k),
                              wide_int8_element(memory, b, column + 3, k));
    }
}
