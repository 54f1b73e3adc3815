#include "ref/ref.h"

#include <math.h>
#include <string.h>

#include "base/half.h"
#include "base/state_row.h"

#define LARGEST 65504.0f
#define TIE 1e-4 /* of 255 steps, whose quotients err by some units of 2^-24 of them */

/* A group of narrow state: an element is factor * integer + offset. */
struct group {
    float factor, offset; /* factor NaN: an element is not finite, or too large */
    int most;             /* the largest integer */
};

/* The next multiple of a unit of f16's last place, up or down. */
static float f16_beside(float v, bool up)
{
    int exponent;
    (void)frexp((double)v, &exponent);
    const double unit = ldexp(1, exponent < -13 ? -24 : exponent - 11);
    return (float)((up ? ceil((double)v / unit) : floor((double)v / unit)) * unit);
}

static struct group make_group(enum elcl_storage storage, const float *values, size_t n)
{
    const int most = storage == ELCL_INT8 ? 255 : 15;
    float low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        if (!(fabsf(values[i]) <= LARGEST))
            return (struct group){NAN, 0, most};
        low = fminf(low, values[i]);
        high = fmaxf(high, values[i]);
    }
    const float offset = f16_beside(low, false) + 0.0f;
    return (struct group){f16_beside((high - offset) * (1.0f / (float)most), true), offset, most};
}

/* The steps of v above the offset. */
static float steps_of(const struct group *g, float v)
{
    return g->factor > 0 ? (v - g->offset) * (1.0f / g->factor) : 0;
}

static int integer_of(const struct group *g, float v)
{
    return (int)fminf((float)g->most, nearbyintf(steps_of(g, v)));
}

/* The elements of the group that begins at element i of a part. */
static size_t group_size(enum elcl_storage storage, size_t part, size_t i)
{
    const size_t group = elcl_state_group(storage);
    return part - i < group ? part - i : group;
}

void elcl_ref_round_state(enum elcl_storage storage, float *values, float *doubt, size_t rows,
                          size_t n, size_t part)
{
    if (doubt)
        memset(doubt, 0, rows * n * sizeof(*doubt));
    if (!elcl_state_is_narrow(storage)) {
        elcl_ref_round(storage, values, rows * n);
        return;
    }
    for (size_t at = 0; at < rows * n; at += group_size(storage, part, at % part)) {
        const size_t size = group_size(storage, part, at % part);
        const struct group g = make_group(storage, values + at, size);
        for (size_t i = at; i < at + size; i++) {
            const double steps = (double)steps_of(&g, values[i]);
            if (doubt && fabs(steps - floor(steps) - 0.5) < TIE)
                doubt[i] = g.factor;
            values[i] = g.factor * (float)integer_of(&g, values[i]) + g.offset;
        }
    }
}

/* Where an element of a part has its integer, and how many bits from the byte's end. */
static size_t byte_of(enum elcl_storage storage, size_t i, int *shift)
{
    *shift = storage == ELCL_INT4 && i % 32 >= 16 ? 4 : 0;
    return storage == ELCL_INT4 ? i / 32 * 16 + i % 16 : i;
}

static void store_part(enum elcl_storage storage, const float *values, size_t part,
                       unsigned char *bytes, unsigned char *groups)
{
    memset(bytes, 0, elcl_state_part_bytes(storage, part));
    for (size_t at = 0; at < part; at += group_size(storage, part, at)) {
        const size_t size = group_size(storage, part, at);
        const struct group g = make_group(storage, values + at, size);
        const uint16_t pair[] = {elcl_f32_to_f16(g.factor), elcl_f32_to_f16(g.offset)};
        memcpy(groups, pair, sizeof(pair));
        groups += sizeof(pair);
        for (size_t i = at; i < at + size && !isnan(g.factor); i++) {
            int shift;
            unsigned char *byte = bytes + byte_of(storage, i, &shift);
            *byte = (unsigned char)(*byte | integer_of(&g, values[i]) << shift);
        }
    }
}

static void load_part(enum elcl_storage storage, const unsigned char *bytes,
                      const unsigned char *groups, float *values, size_t part)
{
    for (size_t i = 0; i < part; i++) {
        uint16_t pair[2];
        int shift;
        const int byte = bytes[byte_of(storage, i, &shift)];
        memcpy(pair, groups + i / elcl_state_group(storage) * sizeof(pair), sizeof(pair));
        const int integer = storage == ELCL_INT4 ? byte >> shift & 15 : byte;
        values[i] = elcl_f16_to_f32(pair[0]) * (float)integer + elcl_f16_to_f32(pair[1]);
    }
}

void elcl_ref_store_state(enum elcl_storage storage, const float *values, void *bits, size_t rows,
                          size_t n, size_t part)
{
    const size_t row_bytes = elcl_state_row_bytes(storage, n, part), parts = n / part,
                 groups = elcl_div_up(part, elcl_state_group(storage)) * 4;
    for (size_t r = 0; r < rows; r++) {
        unsigned char *row = (unsigned char *)bits + r * row_bytes;
        if (!elcl_state_is_narrow(storage))
            elcl_ref_store(storage, values + r * n, row, n);
        for (size_t p = 0; p < parts && elcl_state_is_narrow(storage); p++)
            store_part(storage, values + r * n + p * part, part,
                       row + p * elcl_state_part_bytes(storage, part),
                       row + elcl_state_groups_at(storage, n, part) + p * groups);
    }
}

void elcl_ref_load_state(enum elcl_storage storage, const void *bits, float *values, size_t rows,
                         size_t n, size_t part)
{
    const size_t row_bytes = elcl_state_row_bytes(storage, n, part), parts = n / part,
                 groups = elcl_div_up(part, elcl_state_group(storage)) * 4;
    for (size_t r = 0; r < rows; r++) {
        const unsigned char *row = (const unsigned char *)bits + r * row_bytes;
        if (!elcl_state_is_narrow(storage))
            elcl_ref_load(storage, row, values + r * n, n);
        for (size_t p = 0; p < parts && elcl_state_is_narrow(storage); p++)
            load_part(storage, row + p * elcl_state_part_bytes(storage, part),
                      row + elcl_state_groups_at(storage, n, part) + p * groups,
                      values + r * n + p * part, part);
    }
}
