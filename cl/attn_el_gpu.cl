/*
 * EL-attention, GPU kernels: for row r and head h, with the S keys Y[j] of the row group, in two
 * launches of tiles (tile.cl):
 *     attn_el_scores    s[j] = scale e[r, h] . Y[j], and the softmax of each part of ELCL_EL_PART
 *                       keys: p[r, h, j] = exp(s[j] - the part's largest), and their sum
 *     attn_el_context   c[r, h] = sum_j f p[r, h, j] Y[j]. The factor f of j's part turns all p
 *                       into the softmax of all keys; no keys give zeros
 * With a position bias, the score of key j for a row at `position` gets bias[h][j - position]
 * added (storage.cl). The rows of a group and their heads are the pairs of its tiles, so one read
 * of Y serves 64 of them. Sums run over D or S in ascending order: a pair's result does not depend
 * on the others.
 *
 * e may be two planes, the low one e_low elements after the high one (gemm_put.cl).
 *
 * p has a row of ELCL_EL_LD(max_keys) floats per pair, max_keys a multiple of ELCL_TILE_SIZE:
 * max_keys probabilities, then the largest score and the sum of each part.
 *
 * attn_el_scores    one work-group of 128 items per tile of 64 pairs x 64 keys: global size
 *                   {128 max_keys / 64, ceil(max pairs / 64), groups}
 * attn_el_context   one work-group of 128 items per tile of 64 pairs x 64 elements: global size
 *                   {128 ceil(D / 64), ceil(max pairs / 64), groups}
 * Local memory of both: union TILE(tile). Tiles and pairs beyond those of the group have no terms
 * but meet the same barriers: no barrier stands in a branch.
 */
// lint after: tile.cl tile_plain.cl
// lint: -DVW=4
// lint: -DVW=4 -DELCL_STATE_F16
// lint: -DVW=4 -DELCL_STATE_F16 -DELCL_ACT_F16
// lint: -DVW=4 -DELCL_STATE_INT8
// lint: -DVW=4 -DELCL_STATE_INT4 -DELCL_ACT_BF16

#ifdef STATE_NARROW
#define EL_ALIGNED(d_size) true /* rows begin at multiples of 16 bytes */
#else
#define EL_ALIGNED(d_size) ((d_size) % 4 == 0)
#endif

/* Key j of a group, or the last key if there are fewer; any row if there are none. */
TILE_INLINE state_row el_key(__global const state_t *y,
                             __global const struct elcl_row_group *group,
                             __global const int *lineage, int j, int keys, int d_size)
{
    return state_row_at(y, keys > 0 ? key_row(group, lineage, min(j, keys - 1)) : 0, d_size);
}

/* Scales the products of a pair and adds the biases of the keys from `distance` on. */
TILE_INLINE void el_bias(__local float *p, float scale, __global const float *bias, int distance,
                         int max_distance)
{
    for (int i = 0; i < ELCL_EL_PART; i++)
        p[i] = scale * p[i] + bias[bias_at(distance + i, max_distance)];
}

/* Turns the products of a pair with the first n of ELCL_EL_PART keys into exponentials, and the
 * others into zeros. Returns the largest score and the sum. */
TILE_INLINE float2 el_softmax_part(__local float4 *p, float scale, int n)
{
    float4 largest4 = (float4)(ELCL_NEG_MAX), all4 = (float4)(0.0f);
#pragma unroll
    for (int i = 0; i < ELCL_EL_PART / 4; i++) {
        p[i] = tile_before4(scale * p[i], ELCL_NEG_MAX, 4 * i, n);
        largest4 = fmax(largest4, p[i]);
    }
    const float largest = max4(largest4);
#pragma unroll
    for (int i = 0; i < ELCL_EL_PART / 4; i++) {
        p[i] = tile_before4(exp(p[i] - largest), 0.0f, 4 * i, n);
        all4 += p[i];
    }
    return (float2)(largest, sum4(all4));
}

TILE_KERNEL __kernel void
attn_el_scores(__global float *p,         /* [R, H, ELCL_EL_LD(max_keys)] */
               __global const plane_t *e, /* [R, H, D], see gemm_put.cl */
               __global const state_t *y, /* [cache rows, D] */
               __global const int *step, ulong groups_at,
               __global const int *lineage,                /* [rows, lineage_ld] */
               int lineage_ld, __global const float *bias, /* [H, 2 max_distance + 1], or none */
               int max_distance, ulong rows_at, ulong e_low, int h_size, int d_size, int max_keys,
               float scale, __local union TILE(tile) *t)
{
    __global const struct elcl_row_group *group =
        (__global const struct elcl_row_group *)(step + groups_at) + get_group_id(2);
    const int item = get_local_id(0), row = TILE_PART_ROW(item), part = item / ELCL_TILE_SIZE;
    const int keys = group->n_shared + group->n_private;
    const int m0 = get_group_id(1) * ELCL_TILE_SIZE, n0 = get_group_id(0) * ELCL_TILE_SIZE;
    const int pairs = group->n_rows * h_size - m0; /* from m0 on */
    const int d_end = pairs > 0 && n0 < keys ? d_size : 0;
    const bool aligned = d_size % 4 == 0;
    const size_t pair = (size_t)group->row * h_size + m0;
    const int m = min(row, pairs - 1);
    lineage += (size_t)group->lineage_row * lineage_ld;
    e += (pair + m) * d_size;
    const state_row y_row = el_key(y, group, lineage, n0 + row, keys, d_size);
    float4 sums[8];
    tile_clear(sums);
    int now = 0;
    struct tile_rows query = tile_read_planes(e, e_low, 0, d_end, aligned);
    struct tile_rows key = tile_read_key(y_row, 0, d_end, EL_ALIGNED(d_size));
    for (int d = 0; d < d_end; d += ELCL_TILE_K) {
        TILE(put_rows)(&t->panels.x[now], query, true);
        TILE(put_rows)(&t->panels.w[now], key, STATE_LOW);
        barrier(CLK_LOCAL_MEM_FENCE);
        if (d + ELCL_TILE_K < d_end) {
            query = tile_read_planes(e, e_low, d + ELCL_TILE_K, d_end, aligned);
            key = tile_read_key(y_row, d + ELCL_TILE_K, d_end, EL_ALIGNED(d_size));
        }
        TILE(multiply)(&t->panels.x[now], &t->panels.w[now], sums, STATE_LOW, pairs);
        now ^= 1;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    TILE(give)(t->y, sums, 0, ELCL_TILE_SIZE);
    barrier(CLK_LOCAL_MEM_FENCE);
    const int j0 = n0 + part * ELCL_EL_PART;
    __local float *own = t->y + row * ELCL_TILE_LD + part * ELCL_EL_PART;
    if (max_distance && d_end) {
        const size_t r = (size_t)group->row + (m0 + m) / h_size;
        el_bias(own, scale, bias + (m0 + m) % h_size * BIAS_ROW(max_distance),
                j0 - step[rows_at + r * ELCL_ROW_INTS + ELCL_ROW_POSITION], max_distance);
    }
    const float2 end =
        el_softmax_part((__local float4 *)own, max_distance ? 1.0f : scale, keys - j0);
    const int ld = ELCL_EL_LD(max_keys);
    p += pair * ld;
    if (d_end && row < pairs)
        vstore2(end, j0 / ELCL_EL_PART, p + (size_t)row * ld + max_keys);
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int i = item; i < ELCL_TILE_SIZE * ELCL_TILE_SIZE; i += ELCL_TILE_ITEMS)
        if (d_end && i / ELCL_TILE_SIZE < pairs)
            p[(size_t)(i / ELCL_TILE_SIZE) * ld + n0 + i % ELCL_TILE_SIZE] =
                t->y[i / ELCL_TILE_SIZE * ELCL_TILE_LD + i % ELCL_TILE_SIZE];
}

/* Returns the largest score of `keys` keys and 1 / the sum of all exponentials; parts come in
 * pairs. */
TILE_INLINE float2 el_join_parts(__global const float4 *parts, int keys)
{
    float largest = ELCL_NEG_MAX, sum = 0.0f;
    for (int j = 0; j * ELCL_TILE_SIZE < keys; j++)
        largest = fmax(largest, fmax(parts[j].x, parts[j].z));
    for (int j = 0; j * ELCL_TILE_SIZE < keys; j++)
        sum += parts[j].y * exp(parts[j].x - largest) + parts[j].w * exp(parts[j].z - largest);
    return (float2)(largest, 1.0f / sum);
}

TILE_KERNEL __kernel void
attn_el_context(__global act_t *c,         /* [R, H, D] */
                __global const float *p,   /* [R, H, ELCL_EL_LD(max_keys)] */
                __global const state_t *y, /* [cache rows, D] */
                __global const int *step, ulong groups_at,
                __global const int *lineage, /* [rows, lineage_ld] */
                int lineage_ld, int h_size, int d_size, int max_keys, __local union TILE(tile) *t)
{
    __global const struct elcl_row_group *group =
        (__global const struct elcl_row_group *)(step + groups_at) + get_group_id(2);
    const int item = get_local_id(0), j_of_item = TILE_PART_PAIR(item);
    const int m0 = get_group_id(1) * ELCL_TILE_SIZE, n0 = get_group_id(0) * ELCL_TILE_SIZE;
    const int pairs = group->n_rows * h_size - m0; /* from m0 on */
    const int keys = pairs > 0 ? group->n_shared + group->n_private : 0;
    const size_t pair = (size_t)group->row * h_size + m0;
    const int d_end = keys ? d_size : 0;
    const bool aligned = EL_ALIGNED(d_size);
    lineage += (size_t)group->lineage_row * lineage_ld;
    p += (pair + min(TILE_PART_ROW(item), pairs - 1)) * ELCL_EL_LD(max_keys);
    __global const float *parts = p + max_keys;
    const float2 joined = el_join_parts((__global const float4 *)parts, keys);
    float4 sums[8];
    tile_clear(sums);
    int now = 0;
    struct tile_rows weights = tile_read(p, 0, keys, true);
    struct tile_columns values = tile_read_values(
        el_key(y, group, lineage, j_of_item, keys, d_size),
        el_key(y, group, lineage, j_of_item + 1, keys, d_size), n0, d_end, aligned);
    for (int j = 0; j < keys; j += ELCL_TILE_K) {
        const int next = j + ELCL_TILE_K + j_of_item;
        const float f = exp(parts[j / ELCL_EL_PART * 2] - joined.x) * joined.y;
        weights.lo *= f;
        weights.hi *= f;
        TILE(put_rows)(&t->panels.x[now], weights, true);
        TILE(put_columns)(&t->panels.w[now], values, STATE_LOW);
        barrier(CLK_LOCAL_MEM_FENCE);
        if (j + ELCL_TILE_K < keys) {
            weights = tile_read(p, j + ELCL_TILE_K, keys, true);
            values = tile_read_values(el_key(y, group, lineage, next, keys, d_size),
                                      el_key(y, group, lineage, next + 1, keys, d_size), n0, d_end,
                                      aligned);
        }
        TILE(multiply)(&t->panels.x[now], &t->panels.w[now], sums, STATE_LOW, pairs);
        now ^= 1;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    TILE(give)(t->y, sums, 0, ELCL_TILE_SIZE);
    barrier(CLK_LOCAL_MEM_FENCE);
    c += pair * d_size + n0;
    for (int i = item; i < ELCL_TILE_SIZE * ELCL_TILE_SIZE; i += ELCL_TILE_ITEMS)
        if (i / ELCL_TILE_SIZE < pairs && n0 + i % ELCL_TILE_SIZE < d_size)
            ACT_PUT(c, (size_t)(i / ELCL_TILE_SIZE) * d_size + i % ELCL_TILE_SIZE,
                    t->y[i / ELCL_TILE_SIZE * ELCL_TILE_LD + i % ELCL_TILE_SIZE]);
}
