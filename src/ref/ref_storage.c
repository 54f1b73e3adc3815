#include "ref/ref.h"

#include <string.h>

#include "base/half.h"

size_t elcl_ref_bytes(enum elcl_storage storage)
{
    return storage == ELCL_F32 ? 4 : 2;
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
