#include "base/half.h"

float elcl_f16_to_f32(uint16_t h)
{
    const uint32_t sign = (uint32_t)(h & 0x8000u) << 16;
    const uint32_t exponent = (h >> 10) & 0x1fu;
    const uint32_t mantissa = h & 0x3ffu;
    if (exponent == 0x1fu)
        return elcl_bits_to_f32(sign | 0x7f800000u | (mantissa << 13));
    if (exponent)
        return elcl_bits_to_f32(sign | ((exponent + 112u) << 23) | (mantissa << 13));
    const float subnormal = (float)mantissa * 0x1p-24f;
    return sign ? -subnormal : subnormal;
}

uint16_t elcl_f32_to_f16(float f)
{
    const uint32_t x = elcl_f32_to_bits(f);
    const uint16_t sign = (uint16_t)((x >> 16) & 0x8000u);
    const uint32_t magnitude = x & 0x7fffffffu;
    if (magnitude > 0x7f800000u)
        return (uint16_t)(sign | 0x7e00u);
    if (magnitude >= 0x477ff000u) /* 65520 and above round to infinity */
        return (uint16_t)(sign | 0x7c00u);
    if (magnitude < 0x38800000u) { /* below 2^-14: the low bits of the sum are the subnormal half */
        const float shifted = elcl_bits_to_f32(magnitude) + 0.5f;
        return (uint16_t)(sign | (elcl_f32_to_bits(shifted) - 0x3f000000u));
    }
    const uint32_t rounded = magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13) & 1u);
    return (uint16_t)(sign | (rounded >> 13));
}
