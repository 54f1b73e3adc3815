/* Hashes of large data: a fast one that finds damage and tells apart what nobody forges, and one
 * that nobody can forge. */
#ifndef ELCL_BASE_HASH_H
#define ELCL_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* As elcl_hash(), with other numbers, many times faster, and not by bytes: two calls hash other
 * data than one. It differs between machines of different byte order. */
uint64_t elcl_hash_large(uint64_t hash, const void *bytes, size_t n);

/* SHA-256 (FIPS 180-4). */
#define ELCL_SHA256_BYTES 32
struct elcl_sha256 {
    uint32_t state[8];
    unsigned char block[64];
    uint64_t bytes; /* so far */
};
void elcl_sha256_init(struct elcl_sha256 *sha);
void elcl_sha256_add(struct elcl_sha256 *sha, const void *bytes, size_t n);
void elcl_sha256_end(struct elcl_sha256 *sha, unsigned char digest[ELCL_SHA256_BYTES]);

#endif
