/*
 * Probe of the fragments and copies of wide tiles (tile_wide.cl) at startup.
 *
 * probe_wide   out [type][order][64][128] = x w for both 16-bit types, f16 first, and both orders
 *              of w, rows first. Work-group {256}; local memory: ELCL_WIDE_BYTES(stages, 64, 1)
 */
// lint after: tile.cl swizzle.cl mma_emulated.cl tile_mma.cl tile_wide.cl
// lint: -DVW=4 -DSUBGROUP=32

/* Brings the next step; what is beyond ELCL_PROBE_WIDE_K becomes zeros. */
TILE_INLINE void probe_fetch(__local uint4 *memory, struct wide_held *held,
                             __global const ushort *x, __global const ushort *w, int k, int stage,
                             bool w_rows)
{
    const int item = get_local_id(0), row_k = k + WIDE_ROW_CHUNK(item) * 8;
    const int to = stage + WIDE_X(64, 1);
    wide_fetch_row(memory, &held->x[0], stage, 0, x + WIDE_ROW(item, 0) * ELCL_PROBE_WIDE_K + row_k,
                   row_k < ELCL_PROBE_WIDE_K);
#pragma unroll
    for (int i = 0; i < 2; i++) {
        const int column_k = k + WIDE_COLUMN(item, i);
        if (w_rows)
            wide_fetch_row(memory, &held->w[i], to, i,
                           w + WIDE_ROW(item, i) * ELCL_PROBE_WIDE_K + row_k,
                           row_k < ELCL_PROBE_WIDE_K);
        else
            wide_fetch_column(memory, &held->w[i], to, i,
                              w + column_k * WIDE_N + WIDE_COLUMN_CHUNK(item) * 8,
                              column_k < ELCL_PROBE_WIDE_K);
    }
}

TILE_INLINE void probe_product(__global float *out, __global const ushort *x,
                               __global const ushort *w, __local uint4 *memory, bool w_rows,
                               bool f16)
{
    const int steps = (ELCL_PROBE_WIDE_K + WIDE_K - 1) / WIDE_K;
    __local float *y = (__local float *)memory;
    struct wide_held held;
    float4 sums[WIDE_SUMS];
    int now = 0, next = 0;
    wide_clear(sums);
    for (int s = 0; s < WIDE_AHEAD(64, 1); s++) {
        if (s < steps)
            probe_fetch(memory, &held, x, w, s * WIDE_K, next, w_rows);
        wide_commit();
        next = wide_after(next, 64, 1);
    }
    for (int step = 0; step < steps; step++) {
        wide_land_all(memory, &held, now, 64, 1, w_rows);
        wide_wait(WIDE_AHEAD(64, 1) - 1);
        barrier(CLK_LOCAL_MEM_FENCE);
        if (step + WIDE_AHEAD(64, 1) < steps)
            probe_fetch(memory, &held, x, w, (step + WIDE_AHEAD(64, 1)) * WIDE_K, next, w_rows);
        wide_commit();
        wide_multiply(memory, now, sums, 64, 1, w_rows, f16);
        now = wide_after(now, 64, 1);
        next = wide_after(next, 64, 1);
    }
    for (int part = 0; part < WIDE_I(64); part++) {
        barrier(CLK_LOCAL_MEM_FENCE);
        wide_give(y, sums, part, 64);
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int i = get_local_id(0); i < WIDE_GIVEN_ROWS * WIDE_N; i += WIDE_ITEMS)
            out[wide_given_row(i / WIDE_N, part, 64) * WIDE_N + i % WIDE_N] =
                y[i / WIDE_N * ELCL_WIDE_LD + i % WIDE_N];
    }
    barrier(CLK_LOCAL_MEM_FENCE);
}

MMA_KERNEL __attribute__((reqd_work_group_size(ELCL_WIDE_ITEMS, 1, 1))) __kernel void
probe_wide(__global float *out,        /* [2][2][64][128] */
           __global const ushort *x,   /* [2][64][ELCL_PROBE_WIDE_K], f16 and bf16 */
           __global const ushort *w,   /* [2][128][ELCL_PROBE_WIDE_K] */
           __global const ushort *w_k, /* the same, [2][ELCL_PROBE_WIDE_K][128] */
           __local uint4 *memory)
{
    const int x_bf16 = 64 * ELCL_PROBE_WIDE_K, w_bf16 = WIDE_N * ELCL_PROBE_WIDE_K;
    probe_product(out, x, w, memory, true, true);
    probe_product(out + 64 * WIDE_N, x, w_k, memory, false, true);
    probe_product(out + 2 * 64 * WIDE_N, x + x_bf16, w + w_bf16, memory, true, false);
    probe_product(out + 3 * 64 * WIDE_N, x + x_bf16, w_k + w_bf16, memory, false, false);
}
