/* 16-bit floating-point storage on the host: IEEE half and bfloat16, round to nearest even. */
#ifndef ELCL_BASE_HALF_H
#define ELCL_BASE_HALF_H

#include <stdint.h>
#include <string.h>

static inline float elcl_bits_to_f32(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof(f));
    return f;
}

static inline uint32_t elcl_f32_to_bits(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof(bits));
    return bits;
}

static inline float elcl_bf16_to_f32(uint16_t b)
{
    return elcl_bits_to_f32((uint32_t)b << 16);
}

static inline uint16_t elcl_f32_to_bf16(float f)
{
    const uint32_t x = elcl_f32_to_bits(f);
    if ((x & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t)((x >> 16) | 0x40u); /* NaN stays NaN */
    return (uint16_t)((x + 0x7fffu + ((x >> 16) & 1u)) >> 16);
}

float elcl_f16_to_f32(uint16_t h);
uint16_t elcl_f32_to_f16(float f);

#endif
