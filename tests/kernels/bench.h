/* Inside the kernel benches. */
#ifndef ELCL_TESTS_KERNELS_BENCH_H
#define ELCL_TESTS_KERNELS_BENCH_H

#include "common.h"

/* Enqueues one call of what is timed. */
typedef int (*bench_fn)(void *user, elcl_error *err);

/* Measures the ceilings in the fixture, and prints them. */
void bench_ceilings(struct fixture *fx);

#endif
