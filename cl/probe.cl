/*
 * Kernels of the probes at startup: which multiply-add is fast here, is vload_half exact, how long
 * may a loop run.
 *
 * probe_mac   out [G, 8]: x_k <- x_k a + b, n times, for 4 independent vectors x_k of 8 floats
 *             that start at b, 2b, 3b, 4b, then their sum. form 0: fma(), 1: mad(), 2: a * b + c.
 *             One work-item per row of out.
 * probe_half  out [G] = in [G] as float. One work-item per number.
 * probe_loop  out [1] = x after n steps of x <- 1664525 x + 1013904223 from 1. One work-item.
 */
#define PROBE_LOOP(STEP)                                                                           \
    for (int i = 0; i < n; i++) {                                                                  \
        x0 = STEP(x0);                                                                             \
        x1 = STEP(x1);                                                                             \
        x2 = STEP(x2);                                                                             \
        x3 = STEP(x3);                                                                             \
    }
#define PROBE_FMA(x) fma(x, va, vb)
#define PROBE_MAD(x) mad(x, va, vb)
#define PROBE_PLAIN(x) ((x)*va + vb)

__kernel void probe_mac(__global float *restrict out, float a, float b, int n, int form)
{
    const float8 va = (float8)(a);
    const float8 vb = (float8)(b);
    float8 x0 = vb;
    float8 x1 = vb * 2;
    float8 x2 = vb * 3;
    float8 x3 = vb * 4;
    if (form == 0) {
        PROBE_LOOP(PROBE_FMA)
    } else if (form == 1) {
        PROBE_LOOP(PROBE_MAD)
    } else {
        PROBE_LOOP(PROBE_PLAIN)
    }
    vstore8(x0 + x1 + x2 + x3, get_global_id(0), out);
}

__kernel void probe_half(__global float *restrict out, __global const half *restrict in)
{
    const size_t i = get_global_id(0);
    out[i] = vload_half(i, in);
}

__kernel void probe_loop(__global uint *out, int n)
{
    uint x = 1;
    for (int i = 0; i < n; i++)
        x = x * 1664525u + 1013904223u;
    out[0] = x;
}
