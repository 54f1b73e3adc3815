#include "parity/allocations.h"

#include <pthread.h>
#include <stdbool.h>

#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>

#include "wrap.h"

static struct {
    struct allocations count;
    int fail_from, n_fail;
} state;

/* A pool that has failed returns while another engine's thread may still allocate. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

WRAPPED(clCreateBuffer);
WRAPPED(clReleaseMemObject);

static size_t buffer_bytes(cl_mem mem)
{
    size_t bytes = 0;
    clGetMemObjectInfo(mem, CL_MEM_SIZE, sizeof(bytes), &bytes, NULL);
    return bytes;
}

/* Counts a call; returns whether it is to fail. */
static bool refuse(void)
{
    struct allocations *a = &state.count;
    pthread_mutex_lock(&mutex);
    a->calls++;
    const bool refused = a->calls >= state.fail_from && a->calls < state.fail_from + state.n_fail;
    a->failed += refused;
    pthread_mutex_unlock(&mutex);
    return refused;
}

cl_mem __wrap_clCreateBuffer(cl_context context, cl_mem_flags flags, size_t bytes, void *host,
                             cl_int *code)
{
    if (refuse()) {
        *code = CL_MEM_OBJECT_ALLOCATION_FAILURE;
        return NULL;
    }
    cl_mem mem = __real_clCreateBuffer(context, flags, bytes, host, code);
    if (mem) {
        struct allocations *a = &state.count;
        pthread_mutex_lock(&mutex);
        a->live++;
        a->live_bytes += buffer_bytes(mem);
        a->peak_bytes = a->peak_bytes > a->live_bytes ? a->peak_bytes : a->live_bytes;
        pthread_mutex_unlock(&mutex);
    }
    return mem;
}

cl_int __wrap_clReleaseMemObject(cl_mem mem)
{
    pthread_mutex_lock(&mutex);
    state.count.live--;
    state.count.live_bytes -= buffer_bytes(mem);
    pthread_mutex_unlock(&mutex);
    return __real_clReleaseMemObject(mem);
}

void allocations_reset(int fail_from, int n_fail)
{
    struct allocations *a = &state.count;
    pthread_mutex_lock(&mutex);
    a->calls = a->failed = 0;
    a->peak_bytes = a->live_bytes;
    state.fail_from = fail_from;
    state.n_fail = n_fail;
    pthread_mutex_unlock(&mutex);
}

struct allocations allocations_get(void)
{
    pthread_mutex_lock(&mutex);
    const struct allocations count = state.count;
    pthread_mutex_unlock(&mutex);
    return count;
}
