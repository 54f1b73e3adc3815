/* Types of elements in files of whisper.cpp and in GGUF files. Integers of a block share a factor,
 * and in the types _1 an offset, in half precision. Nibbles: the low ones are the first half of a
 * block. */
#include "base/half.h"
#include "base/util.h"
#include "format/ggml.h"

#define BLOCK 32
#define HALF (BLOCK / 2)

static float half_at(const char *p)
{
    return elcl_f16_to_f32((uint16_t)elcl_read_le(p, 2));
}

static void expand_q8_0(const char *block, float *out)
{
    const float factor = half_at(block);
    for (int i = 0; i < BLOCK; i++)
        out[i] = factor * (float)(signed char)block[2 + i];
}

/* high: the fifth bits, or 0; `zero` is the integer that means 0. */
static void expand_nibbles(const char *nibbles, uint32_t high, float factor, float offset, int zero,
                           float *out)
{
    for (int i = 0; i < BLOCK; i++) {
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

#define LARGE_BLOCK 256

/* 6 bits: 4 low ones of the first half of the elements, then of the second, 2 high ones likewise,
 * an integer factor for each 16 elements, and one factor for all. Each half has four parts of 32;
 * the parts share bytes. */
static void expand_q6_k(const char *block, float *out)
{
    const float factor = half_at(block + 208);
    for (int i = 0; i < LARGE_BLOCK; i++) {
        const int half = i / 128, part = i % 128 / 32, k = i % 32;
        const unsigned low = (unsigned char)block[64 * half + 32 * (part % 2) + k];
        const unsigned high = (unsigned char)block[128 + 32 * half + k];
        const unsigned nibble = part < 2 ? low & 15u : low >> 4;
        const int q = (int)(nibble | (high >> 2 * part & 3u) << 4) - 32;
        out[i] = factor * (float)(signed char)block[192 + i / 16] * (float)q;
    }
}

/* clang-format off */
static const struct elcl_ggml_type types[] = {
    {0, "f32", 1, 4, ELCL_F32, NULL},
    {1, "f16", 1, 2, ELCL_F16, NULL},
    {2, "q4_0", BLOCK, 18, ELCL_F32, expand_q4_0},
    {3, "q4_1", BLOCK, 20, ELCL_F32, expand_q4_1},
    {6, "q5_0", BLOCK, 22, ELCL_F32, expand_q5_0},
    {7, "q5_1", BLOCK, 24, ELCL_F32, expand_q5_1},
    {8, "q8_0", BLOCK, 34, ELCL_F32, expand_q8_0},
    {14, "q6_K", LARGE_BLOCK, 210, ELCL_F32, expand_q6_k},
    {30, "bf16", 1, 2, ELCL_BF16, NULL},
};
/* clang-format on */

const struct elcl_ggml_type *elcl_ggml_type_find(uint32_t number)
{
    for (size_t i = 0; i < ELCL_COUNT(types); i++)
        if (types[i].number == number)
            return &types[i];
    return NULL;
}

const char *elcl_ggml_type_name(uint32_t number)
{
    static const char *const others[] = {
        [10] = "q2_K",    [11] = "q3_K",   [12] = "q4_K",    [13] = "q5_K",  [15] = "q8_K",
        [16] = "iq2_xxs", [17] = "iq2_xs", [18] = "iq3_xxs", [19] = "iq1_s", [20] = "iq4_nl",
        [21] = "iq3_s",   [22] = "iq2_s",  [23] = "iq4_xs",  [24] = "i8",    [25] = "i16",
        [26] = "i32",     [27] = "i64",    [28] = "f64",     [29] = "iq1_m", [34] = "tq1_0",
        [35] = "tq2_0",   [39] = "mxfp4"};
    const struct elcl_ggml_type *known = elcl_ggml_type_find(number);
    const char *name = number < ELCL_COUNT(others) ? others[number] : NULL;
    return known ? known->name : name ? name : "unknown";
}

int elcl_ggml_bytes(const struct elcl_file *file, const char *name,
                    const struct elcl_ggml_type *type, size_t row, size_t n, size_t *bytes,
                    elcl_error *err)
{
    if (row % type->block)
        return elcl_fail(err, ELCL_E_FORMAT,
                         "%s: tensor %.200s: rows of %zu elements are no whole blocks of type %s",
                         file->path, name, row, type->name);
    return elcl_mul_size(n / type->block, type->bytes, bytes)
               ? ELCL_OK
               : elcl_fail(err, ELCL_E_FORMAT, "%s: tensor %.200s has too many elements",
                           file->path, name);
}

#define AT_ONCE ((size_t)4096) /* blocks that are converted */

static int expand(const struct elcl_file *file, size_t at, const struct elcl_ggml_type *type,
                  size_t n, float *to, elcl_error *err)
{
    const size_t n_blocks = n / type->block;
    for (size_t first = 0; first < n_blocks; first += AT_ONCE) {
        const size_t count = n_blocks - first < AT_ONCE ? n_blocks - first : AT_ONCE;
        char *stored = NULL;
        const int rc =
            elcl_file_copy(file, at + first * type->bytes, count * type->bytes, &stored, err);
        if (rc)
            return rc;
        for (size_t i = 0; i < count; i++, to += type->block)
            type->expand(stored + i * type->bytes, to);
        elcl_free(stored);
    }
    return ELCL_OK;
}

int elcl_ggml_read(const struct elcl_file *file, size_t at, const struct elcl_ggml_type *type,
                   size_t first, size_t n, void *to, elcl_error *err)
{
    at += first / type->block * type->bytes;
    return type->expand ? expand(file, at, type, n, to, err)
                        : elcl_file_read(file, at, to, n * type->bytes, err);
}
