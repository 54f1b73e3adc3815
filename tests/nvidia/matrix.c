/*
 * Products of matrices, and shuffles. Fragments by the PTX ISA, "Matrix Fragments for
 * mma.m16n8k16 with floating point type" and "mma.m16n8k32". A product's sum is that of double
 * precision, rounded once: the device rounds in a way that is not documented.
 */
#include <string.h>

#include "nvidia.h"

static float from_bf16(uint16_t x)
{
    const uint32_t bits = (uint32_t)x << 16;
    float f;
    memcpy(&f, &bits, sizeof(f));
    return f;
}

static float from_f16(uint16_t x)
{
    _Float16 h;
    memcpy(&h, &x, sizeof(h));
    return (float)h;
}

/* d [16, 8] = a [16, 16] b [16, 8] + c. */
static void multiply(struct warp *w, struct instr *i, float (*convert)(uint16_t))
{
    double a[16][16], b[16][8], sums[16][8];
    if (!warp_is_whole(w, i))
        return;
    w->matrix_steps++;
    for (int r = 0; r < 4; r++) {
        const uint16_t(*from)[2] = slot(w, i->a[r]);
        for (int l = 0; l < WARP; l++)
            for (int h = 0; h < 2; h++)
                a[l / 4 + r % 2 * 8][l % 4 * 2 + h + r / 2 * 8] = (double)convert(from[l][h]);
    }
    for (int r = 0; r < 2; r++) {
        const uint16_t(*from)[2] = slot(w, i->b[r]);
        for (int l = 0; l < WARP; l++)
            for (int h = 0; h < 2; h++)
                b[l % 4 * 2 + h + r * 8][l / 4] = (double)convert(from[l][h]);
    }
    for (int r = 0; r < 4; r++) {
        const float *from = slot(w, i->c[r]);
        for (int l = 0; l < WARP; l++)
            sums[l / 4 + r / 2 * 8][l % 4 * 2 + r % 2] = (double)from[l];
    }
    for (int m = 0; m < 16; m++)
        for (int k = 0; k < 16; k++)
            for (int n = 0; n < 8; n++)
                sums[m][n] += a[m][k] * b[k][n];
    for (int r = 0; r < 4; r++) {
        float *to = slot(w, i->d[r]);
        for (int l = 0; l < WARP; l++)
            to[l] = (float)sums[l / 4 + r / 2 * 8][l % 4 * 2 + r % 2];
    }
}

void run_mma_bf16(struct warp *w, struct instr *i)
{
    multiply(w, i, from_bf16);
}

void run_mma_f16(struct warp *w, struct instr *i)
{
    multiply(w, i, from_f16);
}

/* d [16, 8] = a [16, 32] b [32, 8] + c in integers. */
void run_mma_s8(struct warp *w, struct instr *i)
{
    int32_t a[16][32], b[32][8], sums[16][8];
    if (!warp_is_whole(w, i))
        return;
    w->matrix_steps++;
    for (int r = 0; r < 4; r++) {
        const int8_t(*from)[4] = slot(w, i->a[r]);
        for (int l = 0; l < WARP; l++)
            for (int h = 0; h < 4; h++)
                a[l / 4 + r % 2 * 8][l % 4 * 4 + h + r / 2 * 16] = from[l][h];
    }
    for (int r = 0; r < 2; r++) {
        const int8_t(*from)[4] = slot(w, i->b[r]);
        for (int l = 0; l < WARP; l++)
            for (int h = 0; h < 4; h++)
                b[l % 4 * 4 + h + r * 16][l / 4] = from[l][h];
    }
    for (int r = 0; r < 4; r++) {
        const int32_t *from = slot(w, i->c[r]);
        for (int l = 0; l < WARP; l++)
            sums[l / 4 + r / 2 * 8][l % 4 * 2 + r % 2] = from[l];
    }
    for (int m = 0; m < 16; m++)
        for (int k = 0; k < 32; k++)
            for (int n = 0; n < 8; n++)
                sums[m][n] += a[m][k] * b[k][n];
    for (int r = 0; r < 4; r++) {
        int32_t *to = slot(w, i->d[r]);
        for (int l = 0; l < WARP; l++)
            to[l] = sums[l / 4 + r / 2 * 8][l % 4 * 2 + r % 2];
    }
}

/* i->count: 1 idx, 2 up, 3 down, 4 bfly. PTX ISA, shfl.sync. */
void run_shuffle(struct warp *w, struct instr *i)
{
    const uint32_t *a = slot(w, i->a[0]), *b = slot(w, i->b[0]), *c = slot(w, i->c[0]);
    uint32_t result[WARP], in_range[WARP];
    if (!warp_is_whole(w, i))
        return;
    for (uint32_t l = 0; l < WARP; l++) {
        const uint32_t lane = b[l] & 31, clamp = c[l] & 31, mask = c[l] >> 8 & 31;
        const uint32_t low = l & mask, high = low | (clamp & ~mask);
        uint32_t from = i->count == 1   ? low | (lane & ~mask)
                        : i->count == 2 ? l - lane
                        : i->count == 3 ? l + lane
                                        : l ^ lane;
        const bool right = i->count == 2 ? (int32_t)from >= (int32_t)high : from <= high;
        in_range[l] = right ? UINT32_MAX : 0;
        result[l] = a[right ? from : l];
    }
    memcpy(slot(w, i->d[0]), result, sizeof(result));
    if (i->d[1])
        memcpy(slot(w, i->d[1]), in_range, sizeof(in_range));
}
