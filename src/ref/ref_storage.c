#include "ref/ref.h"

#include <math.h>
#include <string.h>

#include "base/half.h"

size_t elcl_ref_bytes(enum elcl_storage storage)
{
    return storage == ELCL_F32 ? 4 : storage == ELCL_INT8 ? 1 : 2;
}

void elcl_ref_round(enum elcl_storage storage, float *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (storage == ELCL_F16)
            values[i] = elcl_f16_to_f32(elcl_f32_to_f16(values[i]));
        else if (storage == ELCL_BF16)
            values[i] = elcl_bf16_to_f32(elcl_f32_to_bf16(values[i]));
    }
}

/* The sum of what has a sign, 1 or -1, among up to four values: the first two and those four
 * further. */
static float sum_of_sign(const float *values, size_t n, float sign)
{
    static const size_t at[] = {0, 1, 4, 5};
    float sum = 0;
    for (size_t i = 0; i < 4 && at[i] < n; i++)
        sum += fmaxf(0, sign * values[at[i]]);
    return sum;
}

static float row_scale(bool short_sums, const float *values, size_t n)
{
    float largest = 0, sum = 0;
    for (size_t i = 0; i < n; i++)
        largest = fmaxf(largest, fabsf(values[i]));
    for (size_t i = 0; short_sums && i < n; i += i % 8 ? 6 : 2)
        sum = fmaxf(sum,
                    fmaxf(sum_of_sign(values + i, n - i, 1), sum_of_sign(values + i, n - i, -1)));
    return fmaxf(largest / 127, sum / 126);
}

/* value / scale as a whole number; ties go to the even one. */
static int whole_number(float value, float scale)
{
    if (scale == 0)
        return 0;
    const double x = fmax(-127, fmin((double)(value / scale), 127)), down = floor(x);
    const bool up = x - down > 0.5 || (x - down == 0.5 && fmod(down, 2) != 0);
    return (int)down + up;
}

float elcl_ref_quantize(bool short_sums, const float *values, size_t n, int8_t *whole)
{
    const float scale = row_scale(short_sums, values, n);
    for (size_t i = 0; i < n; i++)
        whole[i] = (int8_t)whole_number(values[i], scale);
    return scale;
}

#define GROUP 32

void elcl_ref_quantize_int4(const float *values, size_t n, uint8_t *q, float *scales)
{
    for (size_t at = 0; at < n; at += GROUP) {
        const size_t end = at + GROUP < n ? at + GROUP : n;
        float peak = 0;
        bool finite = true;
        for (size_t i = at; i < end; i++) {
            finite = finite && isfinite(values[i]);
            if (fabsf(values[i]) > fabsf(peak))
                peak = values[i];
        }
        const float s = finite ? elcl_f16_to_f32(elcl_f32_to_f16(-peak / 8)) : NAN;
        scales[at / GROUP] = isinf(s) ? NAN : s;
        for (size_t i = at; i < end; i++) {
            const float steps = s != 0 && isfinite(s) ? floorf(values[i] / s + 8.5f) : 8;
            q[i] = (uint8_t)fmaxf(0, fminf(steps, 15));
        }
    }
}

static void round_int4(float *row, size_t n)
{
    float scale;
    uint8_t q[GROUP];
    for (size_t at = 0; at < n; at += GROUP) {
        const size_t left = n - at < GROUP ? n - at : GROUP;
        elcl_ref_quantize_int4(row + at, left, q, &scale);
        for (size_t i = 0; i < left; i++)
            row[at + i] = scale * (float)(q[i] - 8);
    }
}

void elcl_ref_round_rows(enum elcl_storage storage, bool short_sums, float *values, size_t rows,
                         size_t n)
{
    if (storage == ELCL_INT4) {
        for (size_t i = 0; i < rows; i++)
            round_int4(values + i * n, n);
        return;
    }
    if (storage != ELCL_INT8) {
        elcl_ref_round(storage, values, rows * n);
        return;
    }
    for (float *row = values; row < values + rows * n; row += n) {
        const float scale = row_scale(short_sums, row, n);
        for (size_t i = 0; i < n; i++)
            row[i] = scale * (float)whole_number(row[i], scale);
    }
}

#define LEAST_INPUT 0x1p-120
#define TIE 1e-4 /* of 127 steps, whose quotients err by some units of 2^-24 of them */

void elcl_ref_round_input(enum elcl_storage weights, float *x, float *doubt, size_t n)
{
    double largest = 0;
    if (weights != ELCL_INT8 && weights != ELCL_INT4) {
        elcl_ref_round(weights, x, n);
        memset(doubt, 0, n * sizeof(*doubt));
        return;
    }
    for (size_t i = 0; i < n; i++)
        largest = isfinite(x[i]) && largest >= 0 ? fmax(largest, fabs((double)x[i])) : -1;
    const double scale = largest < 0 ? NAN : largest < LEAST_INPUT ? 0 : largest / 127;
    for (size_t i = 0; i < n; i++) {
        const double steps = scale > 0 ? (double)x[i] / scale : 0;
        const double whole = nearbyint(steps);
        doubt[i] = fabs(fabs(steps - whole) - 0.5) < TIE ? (float)scale : 0;
        x[i] = (float)(whole * scale);
    }
}

void elcl_ref_store(enum elcl_storage storage, const float *values, void *bits, size_t n)
{
    if (storage == ELCL_F32) {
        if (n)
            memcpy(bits, values, n * sizeof(float));
        return;
    }
    unsigned char *out = bits;
    for (size_t i = 0; i < n; i++) {
        const uint16_t b =
            storage == ELCL_F16 ? elcl_f32_to_f16(values[i]) : elcl_f32_to_bf16(values[i]);
        memcpy(out + i * sizeof(b), &b, sizeof(b));
    }
}

void elcl_ref_load(enum elcl_storage storage, const void *bits, float *values, size_t n)
{
    if (storage == ELCL_F32) {
        if (n)
            memcpy(values, bits, n * sizeof(float));
        return;
    }
    const unsigned char *in = bits;
    for (size_t i = 0; i < n; i++) {
        uint16_t b;
        memcpy(&b, in + i * sizeof(b), sizeof(b));
        values[i] = storage == ELCL_F16 ? elcl_f16_to_f32(b) : elcl_bf16_to_f32(b);
    }
}
