/* Counter-based random numbers: without state, they do not depend on the order of calls. */
#ifndef ELCL_BASE_RNG_H
#define ELCL_BASE_RNG_H

#include <stdint.h>

/* Computes four random words from a counter and a key: Philox4x32-10 (Salmon et al., SC 2011). */
void elcl_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* Returns the uniform number of (seed, sample, stream, step): one of the 2^23 values
 * (i + 1/2) 2^-23, which lie in (0, 1) and are exact as floats. */
float elcl_uniform(uint64_t seed, uint64_t sample, uint32_t stream, uint32_t step);

/* Likewise with 32 bits: (i + 1/2) 2^-32, rounded to a float below 1. */
float elcl_uniform_fine(uint64_t seed, uint64_t sample, uint32_t stream, uint32_t step);

#endif
