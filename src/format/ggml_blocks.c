/* Types of elements in files of whisper.cpp. Integers of a block share a factor, and in the types
 * _1 an offset, in half precision. Nibbles: the low ones are the first half of a block. */
#include <string.h>

#include "base/half.h"
#include "base/util.h"
#include "format/ggml.h"

#define HALF (ELCL_GGML_BLOCK / 2)

static float half_at(const char *p)
{
    return elcl_f16_to_f32((uint16_t)elcl_read_le(p, 2));
}

static void expand_q8_0(const char *block, float *out)
{
    const float factor = half_at(block);
    for (int i = 0; i < ELCL_GGML_BLOCK; i++)
        out[i] = factor * (float)(signed char)block[2 + i];
}

/* high: the fifth bits, or 0; `zero` is the integer that means 0. */
static void expand_nibbles(const char *nibbles, uint32_t high, float factor, float offset, int zero,
                           float *out)
{
    for (int i = 0; i < ELCL_GGML_BLOCK; i++) {
        const unsigned pair = (unsigned char)nibbles[i % HALF];
        const int low = (int)(i < HALF ? pair & 15u : pair >> 4);
        out[i] = factor * (float)(low + (int)(high >> i & 1u) * 16 - zero) + offset;
    }
}

static void expand_q4_0(const char *block, float *out)
{
    expand_nibbles(block + 2, 0, half_at(block), 0, 8, out);
}

static void expand_q4_1(const char *block, float *out)
{
    expand_nibbles(block + 4, 0, half_at(block), half_at(block + 2), 0, out);
}

static void expand_q5_0(const char *block, float *out)
{
    const uint32_t high = (uint32_t)elcl_read_le(block + 2, 4);
    expand_nibbles(block + 6, high, half_at(block), 0, 16, out);
}

static void expand_q5_1(const char *block, float *out)
{
    const uint32_t high = (uint32_t)elcl_read_le(block + 4, 4);
    expand_nibbles(block + 8, high, half_at(block), half_at(block + 2), 0, out);
}

static const struct elcl_ggml_type types[] = {
    {0, "f32", 4, false, ELCL_F32, NULL},         {1, "f16", 2, false, ELCL_F16, NULL},
    {2, "q4_0", 18, true, ELCL_F32, expand_q4_0}, {3, "q4_1", 20, true, ELCL_F32, expand_q4_1},
    {6, "q5_0", 22, true, ELCL_F32, expand_q5_0}, {7, "q5_1", 24, true, ELCL_F32, expand_q5_1},
    {8, "q8_0", 34, true, ELCL_F32, expand_q8_0},
};

const struct elcl_ggml_type *elcl_ggml_type_find(int number)
{
    for (size_t i = 0; i < ELCL_COUNT(types); i++)
        if (types[i].number == number)
            return &types[i];
    return NULL;
}
