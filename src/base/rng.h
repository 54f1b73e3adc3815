/* Random numbers by counter: no state, so the same number comes whoever asks and in what order. */
#ifndef ELCL_BASE_RNG_H
#define ELCL_BASE_RNG_H

#include <stdint.h>

/* One block of Philox4x32-10 (Salmon et al., SC 2011): counter and key to four random words. */
void elcl_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* The uniform number of a seed's (sample, stream, step): one of the 2^23 values (i + 1/2) 2^-23,
 * so in (0, 1) and exact as a float. */
float elcl_uniform(uint64_t seed, uint64_t sample, uint32_t stream, uint32_t step);

/* The same with 32 bits: (i + 1/2) 2^-32 rounded to a float, below 1. */
float elcl_uniform_fine(uint64_t seed, uint64_t sample, uint32_t stream, uint32_t step);

#endif
