#include "base/rng.h"

enum { ROUNDS = 10 };

void elcl_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int i = 0; i < ROUNDS; i++) {
        const uint64_t a = UINT64_C(0xd2511f53) * c0, b = UINT64_C(0xcd9e8d57) * c2;
        c0 = (uint32_t)(b >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)b;
        c2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)a;
        k0 += UINT32_C(0x9e3779b9);
        k1 += UINT32_C(0xbb67ae85);
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

static uint32_t word(uint64_t seed, uint64_t sample, uint32_t stream, uint32_t step)
{
    const uint32_t counter[4] = {step, stream, (uint32_t)sample, (uint32_t)(sample >> 32)};
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t out[4];
    elcl_philox(counter, key, out);
    return out[0];
}

float elcl_uniform(uint64_t seed, uint64_t sample, uint32_t stream, uint32_t step)
{
    return ((float)(word(seed, sample, stream, step) >> 9) + 0.5f) * 0x1p-23f;
}

float elcl_uniform_fine(uint64_t seed, uint64_t sample, uint32_t stream, uint32_t step)
{
    const float u = ((float)word(seed, sample, stream, step) + 0.5f) * 0x1p-32f;
    return u < 1 ? u : 1 - 0x1p-24f;
}
