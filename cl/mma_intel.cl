/*
 * The matrix instruction of Intel devices with cl_intel_subgroup_matrix_multiply_accumulate;
 * tile_mma.cl describes the interface. C[8, N] += A[8, 16] B[16, N] by a sub-group of N items, the
 * smallest that the device has: A and B in bf16, C in f32. An item holds
 *     a  N = 8: A[i][2 lane ..], pairs; N = 16: A[i][lane]; i < 8
 *     b  B[2 i ..][lane], pairs down the column, i < 8
 *     c  C[i][lane], i < 8
 * 16 x 16 outputs take two of them for N = 16 and four for N = 8.
 *
 * -D SUBGROUP   N: 8 or 16
 */
#define MMA_KERNEL __attribute__((intel_reqd_sub_group_size(SUBGROUP)))
/* Rows 0 .. 7, rows 8 .. 15, and with N = 8 the same of columns 8 .. 15. */
#define MMA_ROW(lane, i) ((i) % 16)
#define MMA_COLUMN(lane, i) ((lane) + (i) / 16 * 8)

#if SUBGROUP == 8
typedef int8 mma_rows;
#else
typedef short8 mma_rows;
#endif
typedef struct {
    mma_rows top, bottom; /* rows 0 .. 7, 8 .. 15 */
} mma_a;
typedef struct {
    int8 columns[16 / SUBGROUP];
} mma_b;

#define mma_pack bf16_pair

/* 8 neighboring rows. */
TILE_INLINE mma_rows mma_load_rows(__local const uint *p, int ld)
{
    const int lane = get_local_id(0) % SUBGROUP;
#if SUBGROUP == 8
    p += lane * ld;
    return (int8)(p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7]);
#else
    __local const short *half_pair = (__local const short *)(p + lane / 2 * ld) + lane % 2;
    return (short8)(half_pair[0], half_pair[2], half_pair[4], half_pair[6], half_pair[8],
                    half_pair[10], half_pair[12], half_pair[14]);
#endif
}

TILE_INLINE mma_a mma_load_a(__local const uint *p, int ld)
{
    mma_a a;
    a.top = mma_load_rows(p, ld);
    a.bottom = mma_load_rows(p + 8, ld);
    return a;
}

TILE_INLINE mma_b mma_load_b(__local const uint *p, int ld)
{
    mma_b b;
    p += get_local_id(0) % SUBGROUP;
#pragma unroll
    for (int c = 0; c < 16 / SUBGROUP; c++, p += SUBGROUP)
        b.columns[c] = as_int8(
            (uint8)(p[0], p[ld], p[2 * ld], p[3 * ld], p[4 * ld], p[5 * ld], p[6 * ld], p[7 * ld]));
    return b;
}

TILE_INLINE void mma_16x16(float4 *sums, mma_a a, mma_b b)
{
#pragma unroll
    for (int c = 0; c < 16 / SUBGROUP; c++, sums += 4) {
        const float8 top = intel_sub_group_bf16_bf16_matrix_mad_k16(a.top, b.columns[c],
                                                                    (float8)(sums[0], sums[1]));
        const float8 bottom = intel_sub_group_bf16_bf16_matrix_mad_k16(a.bottom, b.columns[c],
                                                                       (float8)(sums[2], sums[3]));
        sums[0] = top.lo;
        sums[1] = top.hi;
        sums[2] = bottom.lo;
        sums[3] = bottom.hi;
    }
}

/* ---- wide tiles (tile_wide.cl) --------------------------------------------------------------- */

typedef mma_a wide_a;
typedef mma_b wide_b;

/* 8 neighboring rows of a tile of rows. */
TILE_INLINE mma_rows wide_load_rows(__local const uint4 *tile, int row, int chunk)
{
    const int lane = get_local_id(0) % SUBGROUP;
#if SUBGROUP == 8
    int v[8];
#pragma unroll
    for (int i = 0; i < 8; i++)
        v[i] = ((__local const int *)(tile + swizzle_row(row + i, chunk + lane / 4)))[lane % 4];
    return (int8)(v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]);
#else
    short v[8];
#pragma unroll
    for (int i = 0; i < 8; i++)
        v[i] = ((__local const short *)(tile + swizzle_row(row + i, chunk + lane / 8)))[lane % 8];
    return (short8)(v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]);
#endif
}

TILE_INLINE wide_a wide_load_a(__local const uint4 *memory, int tile, int row, int chunk)
{
    wide_a a;
    a.top = wide_load_rows(memory + tile, row, chunk);
    a.bottom = wide_load_rows(memory + tile, row + 8, chunk);
    return a;
}

TILE_INLINE wide_b wide_load_b_rows(__local const uint4 *memory, int tile, int row, int chunk)
{
    wide_b b;
    row += get_local_id(0) % SUBGROUP;
    memory += tile;
#pragma unroll
    for (int c = 0; c < 16 / SUBGROUP; c++, row += SUBGROUP)
        b.columns[c] = as_int8(
            (uint8)(memory[swizzle_row(row, chunk)], memory[swizzle_row(row, chunk + 1)]));
    return b;
}

TILE_INLINE wide_b wide_load_b_columns(__local const uint4 *memory, int tile, int k, int chunk,
                                       int width)
{
    wide_b b;
    int column = get_local_id(0) % SUBGROUP;
    memory += tile;
#pragma unroll
    for (int c = 0; c < 16 / SUBGROUP; c++, column += SUBGROUP) {
        uint v[8];
#pragma unroll
        for (int i = 0; i < 8; i++) {
            const int at = chunk + column / 8;
            __local const uint4 *even = memory + swizzle_column(k + 2 * i, at, width);
            __local const uint4 *odd = memory + swizzle_column(k + 2 * i + 1, at, width);
            v[i] = (uint)((__local const ushort *)even)[column % 8] |
                   (uint)((__local const ushort *)odd)[column % 8] << 16;
        }
        b.columns[c] = (int8)(v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]);
    }
    return b;
}

TILE_INLINE void wide_f16(float4 *sums, mma_rows a, int8 b)
{
    const float8 c = intel_sub_group_f16_f16_matrix_mad_k16(a, b, (float8)(sums[0], sums[1]));
    sums[0] = c.lo;
    sums[1] = c.hi;
}

TILE_INLINE void wide_16x16(__local const uint4 *memory, float4 *sums, wide_a a, wide_b b, bool f16)
{
    if (!f16) {
        mma_16x16(sums, a, b);
        return;
    }
#pragma unroll
    for (int c = 0; c < 16 / SUBGROUP; c++, sums += 4) {
        wide_f16(sums, a.top, b.columns[c]);
        wide_f16(sums + 2, a.bottom, b.columns[c]);
    }
}
