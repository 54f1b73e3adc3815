// Measures the peak rates of a device; no part of a model's program: see src/probe/rates.c.
//
//     copy    to[i] = from[i]                bytes a second
//     read    the sum of from                bytes a second, with next to no writes
//     mac     x[c] = ELCL_MAC(x[c], a, b)    multiply-adds a second: CHAINS independent chains per
//                                            item, enough to hide the latency of each
//     touch   out[0] = value                 nothing but the launch
//
// -D VW floats per vector, WG items per work-group (1: CPU devices).
// lint: -DVW=16 -DWG=1
// lint: -DVW=8 -DWG=1
// lint: -DVW=4 -DWG=128

#define RATES_CAT_(a, b) a##b
#define RATES_CAT(a, b) RATES_CAT_(a, b)
typedef RATES_CAT(float, VW) rates_vector;
#define CHAINS 12
#define RATES_AHEAD 4096

// n vectors. On CPU devices an item copies a run of them, on others neighboring items copy
// neighboring vectors.
__kernel void rates_copy(__global rates_vector *restrict to,         // [n]
                         __global const rates_vector *restrict from, // [n]
                         ulong n)
{
    const ulong id = get_global_id(0), items = get_global_size(0);
#if WG == 1
    for (ulong i = n * id / items; i < n * (id + 1) / items; i++)
#else
    for (ulong i = id; i < n; i += items)
#endif
        to[i] = from[i];
}

// Sums n vectors, the same way; on CPUs in four chains, so that loads overlap.
__kernel void rates_read(__global float *out, // [items]
                         __global const rates_vector *restrict from, ulong n)
{
    const ulong id = get_global_id(0), items = get_global_size(0);
    rates_vector x0 = (rates_vector)(0.0f), x1 = x0, x2 = x0, x3 = x0;
#if WG == 1
    const ulong end = n * (id + 1) / items;
    for (ulong i = n * id / items; i + 4 <= end; i += 4) {
        for (int b = 0; b < 16 * VW; b += 64)
            ELCL_PREFETCH(from + i, RATES_AHEAD + b);
        x0 += from[i];
        x1 += from[i + 1];
        x2 += from[i + 2];
        x3 += from[i + 3];
    }
#else
    for (ulong i = id; i < n; i += items)
        x0 += from[i];
#endif
    float lanes[VW], total = 0.0f;
    RATES_CAT(vstore, VW)(x0 + x1 + x2 + x3, 0, lanes);
    for (int i = 0; i < VW; i++)
        total += lanes[i];
    out[id] = total;
}

__kernel void rates_mac(__global float *out, // [items]
                        float a, float b, int n)
{
    rates_vector x[CHAINS];
    const rates_vector av = (rates_vector)(a), bv = (rates_vector)(b);
#pragma unroll
    for (int c = 0; c < CHAINS; c++)
        x[c] = (rates_vector)((float)(c + (int)get_global_id(0)));
    for (int i = 0; i < n; i++) {
#pragma unroll
        for (int c = 0; c < CHAINS; c++)
            x[c] = ELCL_MAC(x[c], av, bv);
    }
    rates_vector sum = x[0];
#pragma unroll
    for (int c = 1; c < CHAINS; c++)
        sum += x[c];
    float lanes[VW], total = 0.0f;
    RATES_CAT(vstore, VW)(sum, 0, lanes);
    for (int i = 0; i < VW; i++)
        total += lanes[i];
    out[get_global_id(0)] = total;
}

__kernel void rates_touch(__global float *out, float value) // [1]
{
    out[0] = value;
}
