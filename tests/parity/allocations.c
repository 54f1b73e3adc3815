#include "parity/allocations.h"

#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>

#include "wrap.h"

static struct {
    struct allocations count;
    int fail_from, n_fail;
} state;

WRAPPED(clCreateBuffer);
WRAPPED(clReleaseMemObject);

static size_t buffer_bytes(cl_mem mem)
{
    size_t bytes = 0;
    clGetMemObjectInfo(mem, CL_MEM_SIZE, sizeof(bytes), &bytes, NULL);
    return bytes;
}

cl_mem __wrap_clCreateBuffer(cl_context context, cl_mem_flags flags, size_t bytes, void *host,
                             cl_int *code)
{
    struct allocations *a = &state.count;
    a->calls++;
    if (a->calls >= state.fail_from && a->calls < state.fail_from + state.n_fail) {
        a->failed++;
        *code = CL_MEM_OBJECT_ALLOCATION_FAILURE;
        return NULL;
    }
    cl_mem mem = __real_clCreateBuffer(context, flags, bytes, host, code);
    if (mem) {
        a->live++;
        a->live_bytes += buffer_bytes(mem);
        a->peak_bytes = a->peak_bytes > a->live_bytes ? a->peak_bytes : a->live_bytes;
    }
    return mem;
}

cl_int __wrap_clReleaseMemObject(cl_mem mem)
{
    state.count.live--;
    state.count.live_bytes -= buffer_bytes(mem);
    return __real_clReleaseMemObject(mem);
}

void allocations_reset(int fail_from, int n_fail)
{
    struct allocations *a = &state.count;
    a->calls = a->failed = 0;
    a->peak_bytes = a->live_bytes;
    state.fail_from = fail_from;
    state.n_fail = n_fail;
}

struct allocations allocations_get(void)
{
    return state.count;
}
