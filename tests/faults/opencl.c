/* The calls of OpenCL that elcl makes. Each may fail with the codes that the specification lists
 * for it; a failing release releases nevertheless, since nobody can try again. */
#define _GNU_SOURCE /* RTLD_NEXT */

#include "faults.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <string.h>

#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>

static atomic_long live_objects;

long fault_live_objects(void)
{
    return live_objects;
}

static struct fault_decision decide(const char *name, const int *codes, int n)
{
    return fault_decide(FAULT_OPENCL, name, codes, n);
}

/* The codes that any call may return, and those of the call. */
#define CODES(...)                                                                                 \
    (const int[]){CL_OUT_OF_RESOURCES, CL_OUT_OF_HOST_MEMORY, __VA_ARGS__},                        \
        (int)(sizeof((int[]){0, 0, __VA_ARGS__}) / sizeof(int))

/* A function that returns a status. */
#define STATUS(f, parameters, arguments, ...)                                                      \
    cl_int CL_API_CALL f parameters                                                                \
    {                                                                                              \
        cl_int(CL_API_CALL *next) parameters = NULL;                                               \
        const struct fault_decision d = decide(#f, CODES(__VA_ARGS__));                            \
        NEXT(f, next);                                                                             \
        if (d.fails && !d.executed)                                                                \
            return d.code;                                                                         \
        const cl_int code = next arguments;                                                        \
        return d.fails ? d.code : code;                                                            \
    }

/* A function that returns an object; the count is that of its kind. After the fact, it releases the
 * object again: a caller does not get it. */
#define CREATE(type, f, release, parameters, arguments, ...)                                       \
    type CL_API_CALL f parameters                                                                  \
    {                                                                                              \
        type(CL_API_CALL *next) parameters = NULL;                                                 \
        const struct fault_decision d = decide(#f, CODES(__VA_ARGS__));                            \
        NEXT(f, next);                                                                             \
        type object = d.fails && !d.executed ? NULL : next arguments;                              \
        atomic_fetch_add(&live_objects, object != NULL);                                           \
        if (!d.fails)                                                                              \
            return object;                                                                         \
        if (object)                                                                                \
            release(object);                                                                       \
        if (code)                                                                                  \
            *code = d.code;                                                                        \
        return NULL;                                                                               \
    }

#define RELEASE(type, f, ...)                                                                      \
    cl_int CL_API_CALL f(type object)                                                              \
    {                                                                                              \
        cl_int(CL_API_CALL *next)(type) = NULL;                                                    \
        const struct fault_decision d = decide(#f, CODES(__VA_ARGS__));                            \
        NEXT(f, next);                                                                             \
        atomic_fetch_sub(&live_objects, 1);                                                        \
        const cl_int status = next(object);                                                        \
        return d.fails ? d.code : status;                                                          \
    }

/* ---- devices ------------------------------------------------------------------------------- */

STATUS(clGetPlatformIDs, (cl_uint n, cl_platform_id *ids, cl_uint *found), (n, ids, found),
       CL_INVALID_VALUE)
STATUS(clGetPlatformInfo,
       (cl_platform_id id, cl_platform_info what, size_t n, void *value, size_t *found),
       (id, what, n, value, found), CL_INVALID_PLATFORM, CL_INVALID_VALUE)
STATUS(clGetDeviceIDs,
       (cl_platform_id id, cl_device_type type, cl_uint n, cl_device_id *ids, cl_uint *found),
       (id, type, n, ids, found), CL_DEVICE_NOT_FOUND, CL_INVALID_PLATFORM)
STATUS(clGetDeviceInfo,
       (cl_device_id id, cl_device_info what, size_t n, void *value, size_t *found),
       (id, what, n, value, found), CL_INVALID_DEVICE, CL_INVALID_VALUE)

typedef void(CL_CALLBACK *context_notify)(const char *, const void *, size_t, void *);
RELEASE(cl_context, clReleaseContext, CL_INVALID_CONTEXT)
CREATE(cl_context, clCreateContext, clReleaseContext,
       (const cl_context_properties *properties, cl_uint n, const cl_device_id *devices,
        context_notify notify, void *user, cl_int *code),
       (properties, n, devices, notify, user, code), CL_DEVICE_NOT_AVAILABLE, CL_INVALID_DEVICE)

RELEASE(cl_command_queue, clReleaseCommandQueue, CL_INVALID_COMMAND_QUEUE)
CREATE(cl_command_queue, clCreateCommandQueue, clReleaseCommandQueue,
       (cl_context context, cl_device_id device, cl_command_queue_properties properties,
        cl_int *code),
       (context, device, properties, code), CL_INVALID_QUEUE_PROPERTIES, CL_INVALID_DEVICE)
STATUS(clFlush, (cl_command_queue queue), (queue), CL_INVALID_COMMAND_QUEUE)
STATUS(clFinish, (cl_command_queue queue), (queue), CL_INVALID_COMMAND_QUEUE,
       CL_DEVICE_NOT_AVAILABLE)

/* ---- buffers ------------------------------------------------------------------------------- */

RELEASE(cl_mem, clReleaseMemObject, CL_INVALID_MEM_OBJECT)
CREATE(cl_mem, clCreateBuffer, clReleaseMemObject,
       (cl_context context, cl_mem_flags flags, size_t bytes, void *host, cl_int *code),
       (context, flags, bytes, host, code), CL_MEM_OBJECT_ALLOCATION_FAILURE,
       CL_INVALID_BUFFER_SIZE)

STATUS(clEnqueueReadBuffer,
       (cl_command_queue queue, cl_mem mem, cl_bool blocking, size_t offset, size_t bytes,
        void *host, cl_uint n, const cl_event *wait, cl_event *event),
       (queue, mem, blocking, offset, bytes, host, n, wait, event),
       CL_MEM_OBJECT_ALLOCATION_FAILURE, CL_INVALID_MEM_OBJECT, CL_INVALID_VALUE)
STATUS(clEnqueueWriteBuffer,
       (cl_command_queue queue, cl_mem mem, cl_bool blocking, size_t offset, size_t bytes,
        const void *host, cl_uint n, const cl_event *wait, cl_event *event),
       (queue, mem, blocking, offset, bytes, host, n, wait, event),
       CL_MEM_OBJECT_ALLOCATION_FAILURE, CL_INVALID_MEM_OBJECT, CL_INVALID_VALUE)
STATUS(clEnqueueFillBuffer,
       (cl_command_queue queue, cl_mem mem, const void *pattern, size_t n_pattern, size_t offset,
        size_t bytes, cl_uint n, const cl_event *wait, cl_event *event),
       (queue, mem, pattern, n_pattern, offset, bytes, n, wait, event),
       CL_MEM_OBJECT_ALLOCATION_FAILURE, CL_INVALID_VALUE)
STATUS(clEnqueueUnmapMemObject,
       (cl_command_queue queue, cl_mem mem, void *host, cl_uint n, const cl_event *wait,
        cl_event *event),
       (queue, mem, host, n, wait, event), CL_INVALID_VALUE)

void *CL_API_CALL clEnqueueMapBuffer(cl_command_queue queue, cl_mem mem, cl_bool blocking,
                                     cl_map_flags flags, size_t offset, size_t bytes, cl_uint n,
                                     const cl_event *wait, cl_event *event, cl_int *code)
{
    void *(CL_API_CALL * next)(cl_command_queue, cl_mem, cl_bool, cl_map_flags, size_t, size_t,
                               cl_uint, const cl_event *, cl_event *, cl_int *) = NULL;
    const struct fault_decision d =
        decide("clEnqueueMapBuffer", CODES(CL_MAP_FAILURE, CL_MEM_OBJECT_ALLOCATION_FAILURE));
    NEXT(clEnqueueMapBuffer, next);
    if (!d.fails)
        return next(queue, mem, blocking, flags, offset, bytes, n, wait, event, code);
    if (code)
        *code = d.code;
    return NULL;
}

/* ---- programs and kernels ------------------------------------------------------------------ */

RELEASE(cl_program, clReleaseProgram, CL_INVALID_PROGRAM)
CREATE(cl_program, clCreateProgramWithSource, clReleaseProgram,
       (cl_context context, cl_uint n, const char **text, const size_t *bytes, cl_int *code),
       (context, n, text, bytes, code), CL_INVALID_VALUE)
CREATE(cl_program, clCreateProgramWithBinary, clReleaseProgram,
       (cl_context context, cl_uint n, const cl_device_id *devices, const size_t *bytes,
        const unsigned char **binary, cl_int *status, cl_int *code),
       (context, n, devices, bytes, binary, status, code), CL_INVALID_BINARY, CL_INVALID_DEVICE)

cl_int CL_API_CALL clRetainProgram(cl_program program)
{
    cl_int(CL_API_CALL * next)(cl_program) = NULL;
    const struct fault_decision d = decide("clRetainProgram", CODES(CL_INVALID_PROGRAM));
    NEXT(clRetainProgram, next);
    if (d.fails)
        return d.code;
    atomic_fetch_add(&live_objects, 1);
    return next(program);
}

typedef void(CL_CALLBACK *build_notify)(cl_program, void *);
STATUS(clBuildProgram,
       (cl_program program, cl_uint n, const cl_device_id *devices, const char *options,
        build_notify notify, void *user),
       (program, n, devices, options, notify, user), CL_BUILD_PROGRAM_FAILURE,
       CL_COMPILER_NOT_AVAILABLE, CL_INVALID_BUILD_OPTIONS)
STATUS(clGetProgramInfo,
       (cl_program program, cl_program_info what, size_t n, void *value, size_t *found),
       (program, what, n, value, found), CL_INVALID_VALUE)
STATUS(clGetProgramBuildInfo,
       (cl_program program, cl_device_id device, cl_program_build_info what, size_t n, void *value,
        size_t *found),
       (program, device, what, n, value, found), CL_INVALID_DEVICE)

RELEASE(cl_kernel, clReleaseKernel, CL_INVALID_KERNEL)
CREATE(cl_kernel, clCreateKernel, clReleaseKernel,
       (cl_program program, const char *name, cl_int *code), (program, name, code),
       CL_INVALID_KERNEL_NAME, CL_INVALID_PROGRAM_EXECUTABLE)
STATUS(clSetKernelArg, (cl_kernel kernel, cl_uint i, size_t bytes, const void *value),
       (kernel, i, bytes, value), CL_INVALID_ARG_VALUE, CL_INVALID_MEM_OBJECT)
STATUS(clGetKernelWorkGroupInfo,
       (cl_kernel kernel, cl_device_id device, cl_kernel_work_group_info what, size_t n,
        void *value, size_t *found),
       (kernel, device, what, n, value, found), CL_INVALID_KERNEL)

/* ---- launches and events ------------------------------------------------------------------- */

RELEASE(cl_event, clReleaseEvent, CL_INVALID_EVENT)

cl_int CL_API_CALL clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel, cl_uint n_dims,
                                          const size_t *offset, const size_t *global,
                                          const size_t *local, cl_uint n, const cl_event *wait,
                                          cl_event *event)
{
    cl_int(CL_API_CALL * next)(cl_command_queue, cl_kernel, cl_uint, const size_t *, const size_t *,
                               const size_t *, cl_uint, const cl_event *, cl_event *) = NULL;
    const struct fault_decision d =
        decide("clEnqueueNDRangeKernel", CODES(CL_MEM_OBJECT_ALLOCATION_FAILURE,
                                               CL_INVALID_WORK_GROUP_SIZE, CL_INVALID_KERNEL_ARGS));
    NEXT(clEnqueueNDRangeKernel, next);
    if (d.fails && !d.executed)
        return d.code;
    const cl_int code =
        next(queue, kernel, n_dims, offset, global, local, n, wait, d.fails ? NULL : event);
    atomic_fetch_add(&live_objects, event && !d.fails && !code);
    return d.fails ? d.code : code;
}

STATUS(clWaitForEvents, (cl_uint n, const cl_event *events), (n, events),
       CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST, CL_INVALID_EVENT)
STATUS(clGetEventInfo, (cl_event event, cl_event_info what, size_t n, void *value, size_t *found),
       (event, what, n, value, found), CL_INVALID_EVENT)
STATUS(clGetEventProfilingInfo,
       (cl_event event, cl_profiling_info what, size_t n, void *value, size_t *found),
       (event, what, n, value, found), CL_PROFILING_INFO_NOT_AVAILABLE)
