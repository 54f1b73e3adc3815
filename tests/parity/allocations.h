/* Counts every device buffer that the library creates, at clCreateBuffer itself, and makes it fail
 * on demand. Linked with --wrap=clCreateBuffer and --wrap=clReleaseMemObject. */
#ifndef ELCL_TESTS_PARITY_ALLOCATIONS_H
#define ELCL_TESTS_PARITY_ALLOCATIONS_H

#include <stddef.h>

struct allocations {
    int calls;         /* of clCreateBuffer since the last reset */
    int failed;        /* of them, by fail_from */
    int live;          /* buffers */
    size_t live_bytes; /* by CL_MEM_SIZE */
    size_t peak_bytes;
};

/* Restarts the counts at 0; peak_bytes starts with the live bytes. The calls number `fail_from`
 * (the first is 1) to fail_from + n_fail - 1 fail with CL_MEM_OBJECT_ALLOCATION_FAILURE; 0, 0:
 * none. */
void allocations_reset(int fail_from, int n_fail);
struct allocations allocations_get(void);

#endif
