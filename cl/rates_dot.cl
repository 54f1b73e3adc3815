// Measures the peak rate of multiply-adds of int8 or bf16, with the dot_*.cl before it: see
// rates.cl.
//
//     dot     x[c] = mac(x[c], a, x[c]), CHAINS independent chains per item. Weights are the bits
//             of the sums themselves, so that no product is the same twice; a = 0 keeps them small.
//
// -D VW sums per vector; work-groups of one item.
// lint after: dot_int8.cl
// lint: -DVW=8 -DELCL_WEIGHT_INT8 -DK_PACK=4

#define CHAINS 12

#ifndef DOT_ROW
#define DOT_ROW_OF(word) (word)
#define DOT_W_OF(words) (words)
#endif

__kernel void rates_dot(__global dot_sum *out, // [items]
                        uint a, int n)
{
    dot_sums x[CHAINS];
#pragma unroll
    for (int c = 0; c < CHAINS; c++)
        x[c] = (dot_sums)((dot_sum)(c + (int)get_global_id(0)));
    for (int i = 0; i < n; i++) {
#pragma unroll
        for (int c = 0; c < CHAINS; c++)
            x[c] = mac(x[c], DOT_ROW_OF(a), DOT_W_OF(CAT(as_int, VW)(x[c])));
    }
    dot_sums sum = x[0];
#pragma unroll
    for (int c = 1; c < CHAINS; c++)
        sum += x[c];
    dot_sum lanes[VW], total = 0;
    STOREV(sum, lanes);
    for (int i = 0; i < VW; i++)
        total += lanes[i];
    out[get_global_id(0)] = total;
}
