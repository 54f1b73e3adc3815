/*
 * How GPU kernels store an output of a GEMM, after its sum. Y is f32, or with ELCL_GEMM_ACT
 * activations, or with ELCL_GEMM_PLANES two planes (storage.cl): the sum of both numbers is the
 * output, and the low one lies y_low elements after the high one. Expanded queries are planes
 * (attn_el_gpu.cl): their products with keys are long sums that may cancel, so that one rounding of
 * them would show. Where activations or state are f32, a plane of f32 takes both.
 */
// lint: -DVW=4
// lint: -DVW=4 -DELCL_ACT_BF16 -DELCL_STATE_F16
// lint: -DVW=4 -DELCL_ACT_F16 -DELCL_STATE_BF16
// lint: -DVW=4 -DELCL_ACT_F16 -DELCL_STATE_INT8

/* act(sum * scale + bias) + residual[at]. An explicit multiply-add, so that all kernels give the
 * same bits. */
static inline float gemm_output(__global const float *residual, size_t at, float sum, float scale,
                                float bias, int flags, int act)
{
    return activate(ELCL_MAC(sum, scale, bias), act) +
           (flags & ELCL_GEMM_RESIDUAL ? residual[at] : 0.0f);
}

/* y[at] = v */
static inline void gemm_store(__global void *y, size_t at, ulong y_low, float v, int flags)
{
#ifdef ELCL_PLANES
    if (flags & ELCL_GEMM_PLANES) {
        __global plane_t *high = (__global plane_t *)y;
        PLANE_PUT(high, at, v);
        PLANE_PUT(high, at + y_low, v - PLANE_ROUND(v));
        return;
    }
#endif
    if (flags & ELCL_GEMM_ACT)
        ACT_PUT((__global act_t *)y, at, v);
    else
        ((__global float *)y)[at] = v;
}

static inline void gemm_put(__global void *y, __global const float *residual, size_t at,
                            ulong y_low, float sum, float scale, float bias, int flags, int act)
{
    gemm_store(y, at, y_low, gemm_output(residual, at, sum, scale, bias, flags, act), flags);
}

/* gemm_put() of four neighbors, `at` at a multiple of four elements. */
static inline void gemm_put4(__global void *y, __global const float *residual, size_t at,
                             ulong y_low, float4 sum, float4 scale, float4 bias, int flags, int act)
{
    const float4 u = ELCL_MAC(sum, scale, bias); /* functions of vectors may differ: */
    float4 v =
        (float4)(activate(u.x, act), activate(u.y, act), activate(u.z, act), activate(u.w, act));
    if (flags & ELCL_GEMM_RESIDUAL)
        v += *(__global const float4 *)(residual + at);
#ifdef ELCL_PLANES
    if (flags & ELCL_GEMM_PLANES) {
        const float4 high = (float4)(PLANE_ROUND(v.x), PLANE_ROUND(v.y), PLANE_ROUND(v.z),
                                     PLANE_ROUND(v.w));
        PLANE_PUT4((__global plane_t *)y + at, high);
        PLANE_PUT4((__global plane_t *)y + at + y_low, v - high);
        return;
    }
#endif
    if (flags & ELCL_GEMM_ACT)
        ACT_PUT4((__global act_t *)y + at, v);
    else
        *(__global float4 *)((__global float *)y + at) = v;
}
