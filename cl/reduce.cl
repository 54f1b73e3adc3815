/*
 * Work-group reductions for kernels that give one work-group to a row. A work-group of a CPU kernel
 * is one item, and its reductions cost nothing.
 *
 * -D WG  items per work-group: 1 for CPU kernels, a power of two for GPU kernels
 */
// lint: -DVW=8 -DWG=1
// lint: -DVW=4 -DWG=64

#ifndef WG
#define WG 64
#endif

/* The sum and the maximum of `v` over the work-group, returned to every item. All items must call
 * them; `scratch` has WG floats and is free again on return. */
#if WG == 1
#define GROUP_BARRIER()
static inline float group_sum(float v, __local float *scratch)
{
    return v;
}
static inline float group_max(float v, __local float *scratch)
{
    return v;
}
#else
#define GROUP_BARRIER() barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE)
static inline float group_sum(float v, __local float *scratch)
{
    const int i = get_local_id(0);
    scratch[i] = v;
    for (int half_n = WG / 2; half_n > 0; half_n /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (i < half_n)
            scratch[i] += scratch[i + half_n];
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    const float sum = scratch[0];
    barrier(CLK_LOCAL_MEM_FENCE);
    return sum;
}
static inline float group_max(float v, __local float *scratch)
{
    const int i = get_local_id(0);
    scratch[i] = v;
    for (int half_n = WG / 2; half_n > 0; half_n /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (i < half_n)
            scratch[i] = fmax(scratch[i], scratch[i + half_n]);
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    const float largest = scratch[0];
    barrier(CLK_LOCAL_MEM_FENCE);
    return largest;
}
static inline ulong group_max_key(ulong key, __local ulong *scratch)
{
    const int i = get_local_id(0);
    scratch[i] = key;
    for (int half_n = WG / 2; half_n > 0; half_n /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (i < half_n)
            scratch[i] = max(scratch[i], scratch[i + half_n]);
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    const ulong largest = scratch[0];
    barrier(CLK_LOCAL_MEM_FENCE);
    return largest;
}
#endif

/*
 * exp(x) for x <= 0. On CPUs it is 2^n exp(r), with n the integer nearest to x / log 2 and exp(r) =
 * 1 + r + r^2 Q(r) on |r| <= log(2) / 2, fitted for the smallest maximum error, 3.1e-9 before
 * rounding; zero below -87, where results would be subnormal. PoCL's own exp takes twice the time.
 */
#if WG == 1
#define EXP_ROUND 0x1.8p23f /* x + EXP_ROUND has the integer nearest to x in its last bits */
static inline floatv exp_v(floatv x)
{
    const floatv n = ELCL_MAC(x, (floatv)(1.44269504f), (floatv)(EXP_ROUND));
    floatv r = ELCL_MAC(n - EXP_ROUND, (floatv)(-0x1.62ep-1f), x);
    r = ELCL_MAC(n - EXP_ROUND, (floatv)(-0x1.0bfbe8p-15f), r);
    floatv q = ELCL_MAC((floatv)(1.3814466e-3f), r, (floatv)(8.368781e-3f));
    q = ELCL_MAC(q, r, (floatv)(4.1668393e-2f));
    q = ELCL_MAC(q, r, (floatv)(1.666652e-1f));
    q = ELCL_MAC(q, r, (floatv)(0.49999994f));
    const floatv e = ELCL_MAC(q, r * r, r) + 1.0f;
    const intv scaled = CAT(as_int, VW)(e) + (CAT(as_int, VW)(n) << 23);
    return select(CAT(as_float, VW)(scaled), (floatv)(0.0f), x < -87.0f);
}
#else
#define exp_v(x) exp(x)
#endif

/* p[s] = exp(p[s] - largest) for s < n and their sum, by one item. p has room up to a multiple of
 * VW; elements beyond n become zero. */
static inline float softmax_block(float *p, int n, float largest)
{
    floatv sum_v = (floatv)(0.0f);
    for (int s = n; s % VW; s++)
        p[s] = ELCL_NEG_MAX;
    for (int s = 0; s < n; s += VW) {
        const floatv v = exp_v(LOADV(p + s) - largest);
        STOREV(v, p + s);
        sum_v += v;
    }
    return SUMV(sum_v);
}

/* Adds n scores p to a running softmax: p becomes exp(p - largest), and largest and sum are
 * updated. Returns the factor by which earlier sums shrink. p has room as in softmax_block(). */
static inline float softmax_join(float *p, int n, float *largest, float *sum)
{
    floatv largest_v = (floatv)(*largest);
    for (int s = n; s % VW; s++)
        p[s] = ELCL_NEG_MAX;
    for (int s = 0; s < n; s += VW)
        largest_v = fmax(largest_v, LOADV(p + s));
    const float now = MAXV(largest_v), shrink = exp(*largest - now);
    *largest = now;
    *sum = *sum * shrink + softmax_block(p, n, now);
    return shrink;
}
