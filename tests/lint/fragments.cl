/* A mma_*.cl, MMA_FILE, compiled for this machine: its functions as fragments.c calls them, and the
 * vendor's instruction as a call back for each lane. */
int this_item(void);
#define get_local_id(dimension) this_item()
#define isnan(x) ((x) != (x)) /* no driver's library here */
#include "cl/records.h"
#include "cl/prelude.cl"
#include "cl/storage.cl"
#include "cl/tile.cl"
#include "cl/swizzle.cl"

/* c += a b of the lanes' fragments. */
void exchange(const void *a, const void *b, float *c);

#define DEFINE_INSTRUCTION(C, NAME, A, B)                                                          \
    __attribute__((overloadable, unused)) static C NAME(A a, B b, C c)                             \
    {                                                                                              \
        exchange(&a, &b, (float *)&c);                                                             \
        return c;                                                                                  \
    }
DEFINE_INSTRUCTION(float4, mma_m16n8k16, uint4, uint2)
DEFINE_INSTRUCTION(float8, wmma_f32_16x16x16_bf16, short16, short16)
DEFINE_INSTRUCTION(float4, mfma_f32_16x16x16bf16_1k, short4, short4)
DEFINE_INSTRUCTION(float8, intel_sub_group_bf16_bf16_matrix_mad_k16, int8, int8)
DEFINE_INSTRUCTION(float8, intel_sub_group_bf16_bf16_matrix_mad_k16, short8, int8)
#define __builtin_amdgcn_wmma_f32_16x16x16_bf16_w32 wmma_f32_16x16x16_bf16
#define __builtin_amdgcn_mfma_f32_16x16x16bf16_1k(a, b, c, cbsz, abid, blgp)                       \
    mfma_f32_16x16x16bf16_1k(a, b, c)
/* The elements of f16 stand where those of bf16 do. */
#define __builtin_amdgcn_wmma_f32_16x16x16_f16_w32(a, b, c)                                        \
    wmma_f32_16x16x16_bf16(as_short16(a), as_short16(b), c)
#define __builtin_amdgcn_mfma_f32_16x16x16f16(a, b, c, cbsz, abid, blgp)                           \
    mfma_f32_16x16x16bf16_1k(as_short4(a), as_short4(b), c)
#define intel_sub_group_f16_f16_matrix_mad_k16 intel_sub_group_bf16_bf16_matrix_mad_k16

#include MMA_FILE

__constant int lanes = SUBGROUP;

void multiply(__local const uint *a, __local const uint *b, int ld, float *sums)
{
    mma_16x16((float4 *)sums, mma_load_a(a, ld), mma_load_b(b, ld));
}

/* The same of 16 rows and terms of a tile of rows, x, and of one of rows or of columns, w, at the
 * given chunks. */
void multiply_wide(__local const uint4 *x, __local const uint4 *w, int width, int f16, float *sums)
{
    const wide_a a = wide_load_a(x, 0, 16, 2);
    const wide_b b = width ? wide_load_b_columns(w, 0, 16, width - 2, width)
                           : wide_load_b_rows(w, 0, 16, 2);
    if (f16)
        wide_16x16(x, (float4 *)sums, a, b, true);
    else
        wide_16x16(x, (float4 *)sums, a, b, false);
}

int row_place(int row_of_tile, int chunk)
{
    return swizzle_row(row_of_tile, chunk);
}

int column_place(int k, int chunk, int width)
{
    return swizzle_column(k, chunk, width);
}

int row(int lane, int i)
{
    return MMA_ROW(lane, i);
}

int column(int lane, int i)
{
    return MMA_COLUMN(lane, i);
}
