/*
 * Multi-head attention of many rows, GPU shape: as attn_packed_cpu.cl. A work-group takes
 * PACKED_ROWS rows and goes through blocks of PACKED_KEYS keys: scores as a tile of rows x keys
 * over PACKED_D elements of q and K at a time, softmax with four items per row, and sums as tiles
 * of rows x PACKED_D elements of V. o is kept in global memory between blocks.
 *
 * attn_packed   one work-group of 128 items per (head, PACKED_ROWS rows): global size
 *               {128 H, ceil(R / PACKED_ROWS)}; local memory: 23 KiB
 */
// lint: -DVW=4 -DWG=64
// lint: -DVW=4 -DWG=64 -DELCL_STATE_F16

#define PACKED_ROWS 32
#define PACKED_KEYS 64
#define PACKED_D 32
/* A call that is not inlined costs scratch memory on AMD. */
#define PACKED_INLINE __attribute__((always_inline)) static inline

struct packed_tile {
    float4 q[PACKED_D][PACKED_ROWS / 4 + 1]; /* [d][row]; one more against bank conflicts */
    union {
        float4 k[PACKED_D][PACKED_KEYS / 4 + 1]; /* [d][key] */
        float4 v[PACKED_KEYS][PACKED_D / 4];     /* [key][d] */
    } kv;
    float4 p[PACKED_KEYS][PACKED_ROWS / 4]; /* [key][row] */
    float parts[4][PACKED_ROWS];
    float largest[PACKED_ROWS], sum[PACKED_ROWS], shrink[PACKED_ROWS];
    int keys[PACKED_ROWS], position[PACKED_ROWS];
};

/* The tile's q and K of elements d0 .. d0 + PACKED_D - 1; zeros beyond rows, keys and Dh. */
PACKED_INLINE void packed_load(__local struct packed_tile *t, __global const float *q, int q_ld,
                               int rows, __global const state_t *k, int kv_ld, int n, int n_d)
{
    for (int at = get_local_id(0); at < PACKED_ROWS * PACKED_D; at += 128) {
        const int d = at % PACKED_D, row = at / PACKED_D;
        ((__local float *)t->q[d])[row] =
            row < rows && d < n_d ? q[(size_t)row * q_ld + d] : 0.0f;
    }
    for (int at = get_local_id(0); at < PACKED_KEYS * PACKED_D; at += 128) {
        const int d = at % PACKED_D, s = at / PACKED_D;
        ((__local float *)t->kv.k[d])[s] =
            s < n && d < n_d ? STATE_GET(k, (size_t)s * kv_ld + d) : 0.0f;
    }
}

/* p = scale q K^T for 4 rows x 4 keys per item; what is no key of a row becomes ELCL_NEG_MAX. */
PACKED_INLINE void packed_scores(__local struct packed_tile *t, __global const float *q, int q_ld,
                                 int rows, __global const state_t *k, int kv_ld, int n, int s0,
                                 int dh, float scale)
{
    const int i = get_local_id(0) % 16, j = get_local_id(0) / 16;
    float4 acc[4];
#pragma unroll
    for (int c = 0; c < 4; c++)
        acc[c] = (float4)(0.0f);
    for (int d0 = 0; d0 < dh; d0 += PACKED_D) {
        packed_load(t, q + d0, q_ld, rows, k + d0, kv_ld, n, dh - d0);
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int d = 0; d < PACKED_D; d++) {
            const float4 row4 = t->q[d][j], key4 = t->kv.k[d][i];
            acc[0] = ELCL_MAC(row4, (float4)(key4.x), acc[0]);
            acc[1] = ELCL_MAC(row4, (float4)(key4.y), acc[1]);
            acc[2] = ELCL_MAC(row4, (float4)(key4.z), acc[2]);
            acc[3] = ELCL_MAC(row4, (float4)(key4.w), acc[3]);
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    const int4 own = (int4)(t->keys[4 * j], t->keys[4 * j + 1], t->keys[4 * j + 2],
                            t->keys[4 * j + 3]);
#pragma unroll
    for (int c = 0; c < 4; c++)
        t->p[4 * i + c][j] = select((float4)(ELCL_NEG_MAX), scale * acc[c],
                                    (int4)(s0 + 4 * i + c) < own);
    barrier(CLK_LOCAL_MEM_FENCE);
}

/* Scores of keys from s0 on to probabilities, with the running maximum and sum of each row. */
PACKED_INLINE void packed_softmax(__local struct packed_tile *t, int s0,
                                  __global const float *bias, int reach)
{
    const int row = get_local_id(0) % PACKED_ROWS, quarter = get_local_id(0) / PACKED_ROWS;
    const int first = quarter * (PACKED_KEYS / 4);
    float largest = ELCL_NEG_MAX;
    for (int s = first; reach && s < first + PACKED_KEYS / 4; s++)
        ((__local float *)t->p[s])[row] += bias[bias_at(s0 + s - t->position[row], reach)];
    for (int s = first; s < first + PACKED_KEYS / 4; s++)
        largest = fmax(largest, ((__local float *)t->p[s])[row]);
    t->parts[quarter][row] = largest;
    barrier(CLK_LOCAL_MEM_FENCE);
    largest = fmax(fmax(t->parts[0][row], t->parts[1][row]),
                   fmax(t->parts[2][row], t->parts[3][row]));
    const float before = t->largest[row];
    largest = fmax(before, largest);
    barrier(CLK_LOCAL_MEM_FENCE);
    float sum = 0.0f;
    for (int s = first; s < first + PACKED_KEYS / 4; s++) {
        const float p = exp(((__local float *)t->p[s])[row] - largest);
        ((__local float *)t->p[s])[row] = p;
        sum += p;
    }
    t->parts[quarter][row] = sum;
    barrier(CLK_LOCAL_MEM_FENCE);
    if (quarter == 0) {
        const float shrink = exp(before - largest);
        t->shrink[row] = shrink;
        t->largest[row] = largest;
        t->sum[row] = t->sum[row] * shrink + ((t->parts[0][row] + t->parts[1][row]) +
                                              (t->parts[2][row] + t->parts[3][row]));
    }
    barrier(CLK_LOCAL_MEM_FENCE);
}

/* o = shrink o + p V for 2 rows x 4 elements per item; the first block takes o as zero. */
PACKED_INLINE void packed_sums(__local struct packed_tile *t, __global float *o, size_t o_ld,
                               int rows, __global const state_t *v, int kv_ld, int n, int dh,
                               bool first)
{
    const int item = get_local_id(0), i = item % 8, j = item / 8;
    for (int d0 = 0; d0 < dh; d0 += PACKED_D) {
        for (int at = item; at < PACKED_KEYS * PACKED_D; at += 128) {
            const int d = at % PACKED_D, s = at / PACKED_D;
            ((__local float *)t->kv.v[s])[d] =
                s < n && d0 + d < dh ? STATE_GET(v, (size_t)s * kv_ld + d0 + d) : 0.0f;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        float4 acc0 = (float4)(0.0f), acc1 = (float4)(0.0f);
        for (int s = 0; s < n; s++) {
            const float4 v4 = t->kv.v[s][i];
            __local const float *p = (__local const float *)t->p[s] + 2 * j;
            acc0 = ELCL_MAC((float4)(p[0]), v4, acc0);
            acc1 = ELCL_MAC((float4)(p[1]), v4, acc1);
        }
        for (int r = 0; r < 2; r++) {
            const int row = 2 * j + r;
            const float4 acc = r ? acc1 : acc0;
            const float sums[4] = {acc.x, acc.y, acc.z, acc.w};
#pragma unroll
            for (int c = 0; c < 4; c++) {
                const int d = d0 + 4 * i + c;
                if (row < rows && d < dh) {
                    __global float *to = o + row * o_ld + d;
                    *to = first ? sums[c] : *to * t->shrink[row] + sums[c];
                }
            }
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
}

/* How many rows from `group` on, at most `most`, belong to one sentence, and the greatest of their
 * numbers of keys. */
static inline int packed_rows(__global const int *group, int most, int *keys)
{
    const int start = group[GROUP_START];
    int rows = 0;
    *keys = 0;
    while (rows < most && group[rows * GROUP_INTS + GROUP_START] == start) {
        *keys = max(*keys, group[rows * GROUP_INTS + GROUP_SHARED]);
        rows++;
    }
    return rows;
}

/* Before the first block of `rows` rows of as many keys. */
PACKED_INLINE void packed_begin(__local struct packed_tile *t, int rows, int keys)
{
    for (int row = get_local_id(0); row < PACKED_ROWS; row += 128) {
        t->keys[row] = row < rows ? keys : 0;
        t->position[row] = 0;
        t->largest[row] = ELCL_NEG_MAX;
        t->sum[row] = 0.0f;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
}

/* All blocks of keys, up to the greatest number of them; `bias` is that of the head. */
PACKED_INLINE void packed_run(__local struct packed_tile *t, __global float *o, size_t o_ld,
                              __global const float *q, int q_ld, int rows,
                              __global const state_t *k, __global const state_t *v, int kv_ld,
                              int keys, int dh, float scale, __global const float *bias,
                              int reach)
{
    for (int s0 = 0; s0 < keys; s0 += PACKED_KEYS) {
        const int n = min(PACKED_KEYS, keys - s0);
        packed_scores(t, q, q_ld, rows, k + (size_t)s0 * kv_ld, kv_ld, n, s0, dh, scale);
        packed_softmax(t, s0, bias, reach);
        packed_sums(t, o, o_ld, rows, v + (size_t)s0 * kv_ld, kv_ld, n, dh, s0 == 0);
    }
    barrier(CLK_GLOBAL_MEM_FENCE);
    for (int at = get_local_id(0); at < rows * dh; at += 128) {
        const int row = at / dh;
        __global float *to = o + row * o_ld + at % dh;
        *to = t->keys[row] ? *to / t->sum[row] : 0.0f;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
}

__attribute__((reqd_work_group_size(128, 1, 1))) __kernel void
attn_packed(__global float *o,           /* [R, H Dh] */
            __global const float *q,     /* [R, q_ld] */
            __global const state_t *kv,  /* [pool rows, kv_ld] */
            __global const int *step, ulong groups_at, /* a group per row */
            int n_rows,
            __global const float *bias, /* [H, 2 reach + 1], unless reach is 0 */
            int reach, ulong rows_at, int dh, int q_ld, int kv_ld, int k_at, int v_at, float scale,
            __local struct packed_tile *t)
{
    const int h = get_group_id(0);
    const int r_end = min((int)(get_group_id(1) + 1) * PACKED_ROWS, n_rows);
    const size_t o_ld = get_num_groups(0) * dh;
    int rows;
    o += h * dh;
    q += h * dh;
    kv += h * dh;
    bias += h * BIAS_ROW(reach);
    for (int r = get_group_id(1) * PACKED_ROWS; r < r_end; r += rows) {
        __global const int *group = step + groups_at + (size_t)r * GROUP_INTS;
        __global const state_t *first = kv + (size_t)group[GROUP_START] * kv_ld;
        int keys;
        rows = packed_rows(group, r_end - r, &keys);
        packed_begin(t, rows, 0);
        for (int row = get_local_id(0); row < rows; row += 128) {
            t->keys[row] = group[row * GROUP_INTS + GROUP_SHARED];
            if (reach)
                t->position[row] = step[rows_at + (size_t)(r + row) * ROW_INTS + ROW_POSITION];
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        packed_run(t, o + r * o_ld, o_ld, q + (size_t)r * q_ld, q_ld, rows, first + k_at,
                   first + v_at, kv_ld, keys, dh, scale, bias, reach);
    }
}
