/* Inside the kernel benches. */
#ifndef ELCL_TESTS_KERNELS_BENCH_H
#define ELCL_TESTS_KERNELS_BENCH_H

#include "common.h"

/* Enqueues one call of what is timed. */
typedef int (*bench_fn)(void *user, elcl_error *err);

/* Wall-clock time of one call: the least over repetitions of many calls and one wait each. For
 * ceilings; what is compared with them is the median. *core, unless NULL: the same in processor
 * time of all threads. */
double bench_least_ns(struct bed *bed, bench_fn fn, void *user, double *core);

/* Measures the ceilings in bed, and prints them. */
void bench_ceilings(struct bed *bed);

#endif
