/*
 * Rows that enter, move and continue: what beam search does to cached state.
 *
 * scatter   pool[map[r]][i] = x[r][x_at + i], i < n, to state storage; global size {n, R}
 * reorder   next[r][i] = previous[map[r]][i], i < n; the copying baseline; global size {n, R}
 *           map[r] is int `field` of the row's record in `step`
 * lineage   next[r][t] = previous[parent[r]][t] for t < length - 1, next[r][length - 1] = slot,
 *           and tokens[slot] = token; global size {max length, R}
 */
// lint: -DVW=8
// lint: -DVW=4 -DELCL_STATE_F16

__kernel void scatter(__global state_t *pool,    /* [pool rows, n] */
                      __global const float *x,   /* [R, x_ld] */
                      __global const int *step, ulong rows_at, int field, int x_ld, int x_at)
{
    const size_t i = get_global_id(0), r = get_global_id(1), n = get_global_size(0);
    const size_t to = step[rows_at + r * ROW_INTS + field];
    STATE_PUT(pool, to * n + i, x[r * x_ld + x_at + i]);
}

__kernel void reorder(__global state_t *next,           /* [rows, ld] */
                      __global const state_t *previous, /* [rows, ld] */
                      __global const int *step, ulong rows_at, int field, ulong ld)
{
    const size_t i = get_global_id(0), r = get_global_id(1);
    const size_t from = step[rows_at + r * ROW_INTS + field];
    STATE_PUT(next, r * ld + i, STATE_GET(previous, from * ld + i));
}

__kernel void lineage(__global int *next,           /* [rows, ld] */
                      __global int *tokens,         /* [pool rows] */
                      __global const int *previous, /* [rows, ld] */
                      __global const int *step, ulong rows_at, int ld)
{
    const int t = get_global_id(0);
    const size_t r = get_global_id(1);
    __global const int *row = step + rows_at + r * ROW_INTS;
    const int last = row[ROW_LENGTH] - 1;
    if (t < last) {
        next[r * ld + t] = previous[(size_t)row[ROW_PARENT] * ld + t];
    } else if (t == last) {
        next[r * ld + t] = row[ROW_SLOT];
        tokens[row[ROW_SLOT]] = row[ROW_TOKEN];
    }
}
