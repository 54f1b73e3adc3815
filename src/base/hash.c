#include "base/hash.h"

#include <string.h>

#include "base/util.h"

#define LANES 4

/* A difference in the highest bits of a word reaches all bits two words later at the latest,
 * because the rotation brings it below the product's carries. */
static uint64_t mix(uint64_t lane, uint64_t word)
{
    const uint64_t x = lane ^ word;
    return (x << 29 | x >> 35) * UINT64_C(0x9e3779b97f4a7c15);
}

uint64_t elcl_hash_large(uint64_t hash, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    uint64_t lanes[LANES];
    for (size_t i = 0; i < LANES; i++)
        lanes[i] = mix(hash, n + i);
    for (; n >= sizeof(lanes); p += sizeof(lanes), n -= sizeof(lanes)) {
        uint64_t words[LANES];
        memcpy(words, p, sizeof(words));
        for (size_t i = 0; i < LANES; i++)
            lanes[i] = mix(lanes[i], words[i]);
    }
    return elcl_hash(elcl_hash(ELCL_HASH_INIT, lanes, sizeof(lanes)), p, n);
}

/* ---- SHA-256 ------------------------------------------------------------------------------- */

/* The first 32 bits of the fractions of the cube roots of the first 64 primes. */
static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotate(uint32_t x, int n)
{
    return x >> n | x << (32 - n);
}

/* Writes the words of a block, and those that follow from them. */
static void expand(const unsigned char block[64], uint32_t w[64])
{
    for (size_t i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
               (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    for (size_t i = 16; i < 64; i++) {
        const uint32_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) + w[i - 7] +
               (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
    }
}

static void compress(uint32_t state[8], const unsigned char block[64])
{
    uint32_t w[64], s[8]; /* a to h */
    expand(block, w);
    memcpy(s, state, sizeof(s));
    for (size_t i = 0; i < 64; i++) {
        const uint32_t choice = (s[4] & s[5]) ^ (~s[4] & s[6]);
        const uint32_t majority = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
        const uint32_t first = s[7] + (rotate(s[4], 6) ^ rotate(s[4], 11) ^ rotate(s[4], 25)) +
                               choice + constants[i] + w[i];
        const uint32_t second = (rotate(s[0], 2) ^ rotate(s[0], 13) ^ rotate(s[0], 22)) + majority;
        memmove(s + 1, s, 7 * sizeof(*s));
        s[4] += first;
        s[0] = first + second;
    }
    for (size_t i = 0; i < 8; i++)
        state[i] += s[i];
}

void elcl_sha256_init(struct elcl_sha256 *sha)
{
    *sha = (struct elcl_sha256){.state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                          0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

void elcl_sha256_add(struct elcl_sha256 *sha, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    while (n) {
        const size_t at = sha->bytes % sizeof(sha->block), room = sizeof(sha->block) - at,
                     part = n < room ? n : room;
        memcpy(sha->block + at, p, part);
        sha->bytes += part;
        p += part;
        n -= part;
        if (part == room)
            compress(sha->state, sha->block);
    }
}

void elcl_sha256_end(struct elcl_sha256 *sha, unsigned char digest[ELCL_SHA256_BYTES])
{
    static const unsigned char one = 0x80, zero = 0;
    const uint64_t bits = 8 * sha->bytes;
    unsigned char length[8];
    elcl_sha256_add(sha, &one, 1);
    while (sha->bytes % sizeof(sha->block) != sizeof(sha->block) - sizeof(length))
        elcl_sha256_add(sha, &zero, 1);
    for (size_t i = 0; i < sizeof(length); i++)
        length[i] = (unsigned char)(bits >> (56 - 8 * i));
    elcl_sha256_add(sha, length, sizeof(length));
    for (size_t i = 0; i < ELCL_SHA256_BYTES; i++)
        digest[i] = (unsigned char)(sha->state[i / 4] >> (24 - 8 * (i % 4)));
}
