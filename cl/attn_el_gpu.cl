/*
 * EL-attention, GPU shape: for row r and head h with the group's keys Y[j],
 *     p = softmax_j(scale e[r, h] . Y[j]),  c[r, h] = sum_j p_j Y[j]
 * in one pass over blocks of EL_KEYS keys with a running maximum and sum, as in attn_el_cpu.cl. For
 * the scores an item takes a key, for the context an item takes elements d, so that neighbouring
 * items read neighbouring elements of Y. With a position bias, key j of a row at `position` gets
 * bias[h][j - position] onto its score (storage.cl).
 *
 * attn_el          one work-group of WG items per (pair, group), pair = row in group * H + head:
 *                  global size {WG max rows H, groups}; local memory: EL_KEYS ints, EL_KEYS + WG floats
 *
 * attn_el_shared   for groups without private keys and a small D: pairs are the rows of
 *                  attn_packed_gpu.cl, with Y as its K and V, so that PACKED_ROWS pairs share every
 *                  load of Y; attn_el_tiles.cl has what is wider. One work-group of 128 items per
 *                  (PACKED_ROWS pairs, group): global size {128 ceil(max rows H / PACKED_ROWS),
 *                  groups}; local memory: struct packed_tile
 */
// lint after: tile.cl tile_plain.cl attn_packed_gpu.cl
// lint: -DVW=4 -DWG=64
// lint: -DVW=4 -DWG=64 -DELCL_STATE_F16

#define EL_KEYS 64

static inline float el_dot(__global const float *e, __global const state_t *y, int d_size)
{
    const int whole = d_size / VW * VW;
    floatv sum_v = (floatv)(0.0f);
    float sum = 0.0f;
    for (int d = 0; d < whole; d += VW)
        sum_v = ELCL_MAC(LOADV(e + d), STATE_VEC(y + d), sum_v);
    for (int d = whole; d < d_size; d++)
        sum = ELCL_MAC(e[d], STATE_GET(y, d), sum);
    return sum + SUMV(sum_v);
}

__kernel void attn_el(__global float *c,           /* [R, H, D] */
                      __global const float *e,     /* [R, H, D] */
                      __global const state_t *y,   /* [pool rows, D] */
                      __global const int *step, ulong groups_at,
                      __global const int *lineage, /* [rows, lineage_ld] */
                      int lineage_ld,
                      __global const float *bias,  /* [H, 2 reach + 1], unless reach is 0 */
                      int reach, ulong rows_at, int h_size, int d_size, float scale)
{
    __local float p[EL_KEYS];
    __local int row[EL_KEYS];
    __local float scratch[WG];
    __global const int *group = step + groups_at + get_group_id(1) * GROUP_INTS;
    const int lid = get_local_id(0), pair = get_group_id(0);
    /* Pairs beyond the group do nothing, but meet the same barriers: none stands in a branch. */
    const bool mine = pair < group[GROUP_ROWS] * h_size;
    const int keys = mine ? group[GROUP_SHARED] + group[GROUP_PRIVATE] : 0;
    const size_t at = ((size_t)group[GROUP_ROW] * h_size + pair) * d_size;
    lineage += (size_t)group[GROUP_LINEAGE] * lineage_ld;
    c += at;
    e += at;
    const size_t r = (size_t)group[GROUP_ROW] + pair / h_size;
    const int position = mine && reach ? step[rows_at + r * ROW_INTS + ROW_POSITION] : 0;
    bias += pair % h_size * BIAS_ROW(reach);
    float largest = ELCL_NEG_MAX, sum = 0.0f;
    for (int d = lid; mine && d < d_size; d += WG)
        c[d] = 0.0f;
    for (int s0 = 0; s0 < keys; s0 += EL_KEYS) {
        const int n = min(EL_KEYS, keys - s0);
        float block_largest = ELCL_NEG_MAX;
        for (int s = lid; s < n; s += WG) {
            row[s] = key_row(group, lineage, s0 + s);
            p[s] = scale * el_dot(e, y + (size_t)row[s] * d_size, d_size);
            if (reach)
                p[s] += bias[bias_at(s0 + s - position, reach)];
            block_largest = fmax(block_largest, p[s]);
        }
        block_largest = fmax(largest, group_max(block_largest, scratch));
        const float shrink = exp(largest - block_largest);
        float block_sum = 0.0f;
        for (int s = lid; s < n; s += WG) {
            p[s] = exp(p[s] - block_largest);
            block_sum += p[s];
        }
        sum = sum * shrink + group_sum(block_sum, scratch);
        largest = block_largest;
        for (int d = lid; d < d_size; d += WG) {
            float acc = c[d] * shrink;
            for (int s = 0; s < n; s++)
                acc = ELCL_MAC(p[s], STATE_GET(y, (size_t)row[s] * d_size + d), acc);
            c[d] = acc;
        }
        GROUP_BARRIER();
    }
    const float factor = keys ? 1.0f / sum : 0.0f;
    for (int d = lid; mine && d < d_size; d += WG)
        c[d] *= factor;
}

TILE_KERNEL __kernel void
attn_el_shared(__global float *c,         /* [R, H, D] */
               __global const float *e,   /* [R, H, D] */
               __global const state_t *y, /* [pool rows, D] */
               __global const int *step, ulong groups_at, int h_size, int d_size, float scale,
               __local struct packed_tile *t)
{
    __global const int *group = step + groups_at + get_group_id(1) * GROUP_INTS;
    const int first = get_group_id(0) * PACKED_ROWS, keys = group[GROUP_SHARED];
    const int pairs = clamp(group[GROUP_ROWS] * h_size - first, 0, PACKED_ROWS);
    const size_t at = ((size_t)group[GROUP_ROW] * h_size + first) * d_size;
    struct packed_source from = {.q_ld = d_size, .kv_ld = d_size, .dh = d_size};
    from.aligned = d_size % 4 == 0;
    from.q = e + at;
    from.k = from.v = y + (size_t)group[GROUP_START] * d_size;
    packed_begin(t, pairs, keys);
    /* Pairs beyond the group's are no work, but the same barriers. */
    packed_run(t, c + at, d_size, &from, pairs, pairs ? keys : 0, scale, 0, 0);
}
