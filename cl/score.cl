/*
 * How likely given tokens are: for row r with logits x and target t,
 *     out[r] = x_t - log sum_v exp(x_v), v < among,
 * with the sums of logits.cl, so that a token has the score that a search without rules gives it if
 * `among` is the size of the vocabulary.
 * The kernel makes the logits finite in place. A row with +inf or without a number has NaN.
 *
 * log_prob   one work-group of WG items per row: global size {WG R}; local memory WG words
 */
// lint: -DVW=8 -DWG=1
// lint: -DVW=4 -DWG=128

__kernel void log_prob(__global float *out,    /* [out_at + R] */
                       __global float *logits, /* [R, ELCL_LOGITS_LD(V)] */
                       __global const int *step, ulong rows_at, ulong out_at, int v_size,
                       int among)
{
    __local float scratch[WG];
    const size_t r = get_group_id(0);
    __global float *x = logits + r * ELCL_LOGITS_LD(v_size);
    const int target = step[rows_at + r * ELCL_ROW_INTS + ELCL_ROW_TOKEN];
    const float lse = log_sum_exp(x, among, scratch);
    GROUP_BARRIER(); /* log_sum_exp rewrites what is read below */
    if (get_local_id(0) == 0)
        out[out_at + r] = lse > ELCL_NEG_MAX && lse < -ELCL_NEG_MAX ? x[target] - lse : NAN;
}
