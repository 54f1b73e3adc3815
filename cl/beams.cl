/*
 * Rows that enter, move and continue: how beam search changes cached state.
 *
 * scatter   cache[map[r]][i] = x[r][x_at + i], i < n, in state storage, in parts of part_size
 * reorder   next[r][i] = previous[map[r]][i], i < n; rows of any type as 2-byte words, copied in
 *           pairs if n and ld are even
 *           map[r] is int `field` of the row's record in `step`
 * lineage   next[r][t] = previous[parent[r]][t] for t < length - 1, next[r][length - 1] = the row's
 *           cache row, and tokens[cache row] = token; a row of length 0 only writes the token
 * One work-group of WG items per row: global size {WG R}.
 */
// lint: -DVW=8 -DWG=1
// lint: -DVW=4 -DWG=64 -DELCL_STATE_F16
// lint: -DVW=4 -DWG=64 -DELCL_STATE_F16 -DELCL_ACT_BF16
// lint: -DVW=8 -DWG=1 -DELCL_STATE_INT8
// lint: -DVW=4 -DWG=64 -DELCL_STATE_INT8 -DELCL_ACT_BF16

#ifdef STATE_NARROW
#define SCATTER_V(x, d) ACT_VEC((x) + (d))
DEFINE_STATE_PUT(scatter_part, __global const act_t *, ACT_GET, SCATTER_V)
#endif

__kernel void scatter(__global state_t *cache, /* [cache rows, n] */
                      __global const act_t *x, /* [R, x_ld] */
                      __global const int *step, ulong rows_at, int field, int n, int part_size,
                      int x_ld, int x_at)
{
    const size_t r = get_group_id(0), row = step[rows_at + r * ELCL_ROW_INTS + field];
    x += r * x_ld + x_at;
#ifdef STATE_NARROW
    __local float scratch[STATE_SCRATCH];
    for (int part = 0; part < n / part_size; part++)
        scatter_part(cache, row, n, part_size, part, x + (size_t)part * part_size, true, scratch);
#else
    cache += row * n;
    for (int i = get_local_id(0); i < n; i += WG)
        STATE_PUT(cache, i, ACT_GET(x, i));
#endif
}

__kernel void reorder(__global ushort *next,           /* [rows, ld] */
                      __global const ushort *previous, /* [rows, ld] */
                      __global const int *step, ulong rows_at, int field, ulong ld, ulong n)
{
    const size_t r = get_group_id(0);
    next += r * ld;
    previous += (size_t)step[rows_at + r * ELCL_ROW_INTS + field] * ld;
    if ((n | ld) % 2 == 0) {
        __global uint *to = (__global uint *)next;
        __global const uint *from = (__global const uint *)previous;
        for (size_t i = get_local_id(0); i < n / 2; i += WG)
            to[i] = from[i];
    } else {
        for (size_t i = get_local_id(0); i < n; i += WG)
            next[i] = previous[i];
    }
}

__kernel void lineage(__global int *next,           /* [rows, ld] */
                      __global int *tokens,         /* [cache rows] */
                      __global const int *previous, /* [rows, ld] */
                      __global const int *step, ulong rows_at, int ld)
{
    const size_t r = get_group_id(0);
    __global const int *row = step + rows_at + r * ELCL_ROW_INTS;
    const int last = row[ELCL_ROW_LENGTH] - 1;
    next += r * ld;
    previous += (size_t)row[ELCL_ROW_PARENT] * ld;
    for (int t = get_local_id(0); t < last; t += WG)
        next[t] = previous[t];
    if (get_local_id(0) == 0) {
        if (last >= 0)
            next[last] = row[ELCL_ROW_CACHE_ROW];
        tokens[row[ELCL_ROW_CACHE_ROW]] = row[ELCL_ROW_TOKEN];
    }
}
