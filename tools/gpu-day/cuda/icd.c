/*
 * The OpenCL functions that elcl calls, by CUDA's driver API: a driver for the loader of OpenCL
 * (cl_khr_icd) on machines of NVIDIA that have no OpenCL, and for ncu, which does not look into
 * OpenCL. It compiles nothing: programs are PTX, in $ELCL_CUDA_PTX/KEY.ptx (key.h). One device,
 * the first; queues are in order. Other functions return CL_INVALID_OPERATION.
 */
#define CL_TARGET_OPENCL_VERSION 120
#define CL_USE_DEPRECATED_OPENCL_1_1_APIS
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include <CL/cl.h>
#include <CL/cl_ext.h>
#include <CL/cl_icd.h>
#include <dlfcn.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

#include "key.h"

enum { MAX_BUFFERS = 1 << 16, MAX_ARGUMENTS = 40, TEXT_BYTES = 256 };

/* Attributes of a CUdevice and of a CUfunction. */
enum {
    MULTIPROCESSORS = 16,
    CLOCK_KHZ = 13,
    L2_BYTES = 38,
    MAJOR = 75,
    MINOR = 76,
    SHARED_BYTES = 1,
    MAX_DYNAMIC_BYTES = 8,
    MAX_ITEMS = 0
};

/* ---- libcuda ------------------------------------------------------------------------------- */

typedef void *handle;
typedef uint64_t address;

static struct {
    int (*cuInit)(unsigned);
    int (*cuDriverGetVersion)(int *);
    int (*cuDeviceGet)(int *, int);
    int (*cuDeviceGetName)(char *, int, int);
    int (*cuDeviceGetAttribute)(int *, int, int);
    int (*cuDeviceTotalMem_v2)(size_t *, int);
    int (*cuDevicePrimaryCtxRetain)(handle *, int);
    int (*cuCtxSetCurrent)(handle);
    int (*cuStreamCreate)(handle *, unsigned);
    int (*cuStreamDestroy_v2)(handle);
    int (*cuStreamSynchronize)(handle);
    int (*cuEventCreate)(handle *, unsigned);
    int (*cuEventDestroy_v2)(handle);
    int (*cuEventRecord)(handle, handle);
    int (*cuEventSynchronize)(handle);
    int (*cuEventQuery)(handle);
    int (*cuEventElapsedTime)(float *, handle, handle);
    int (*cuMemAlloc_v2)(address *, size_t);
    int (*cuMemFree_v2)(address);
    int (*cuMemcpyHtoDAsync_v2)(address, const void *, size_t, handle);
    int (*cuMemcpyDtoHAsync_v2)(void *, address, size_t, handle);
    int (*cuMemcpyDtoDAsync_v2)(address, address, size_t, handle);
    int (*cuMemsetD8Async)(address, unsigned char, size_t, handle);
    int (*cuMemsetD32Async)(address, unsigned, size_t, handle);
    int (*cuModuleLoadDataEx)(handle *, const void *, unsigned, int *, void **);
    int (*cuModuleUnload)(handle);
    int (*cuModuleGetFunction)(handle *, handle, const char *);
    int (*cuFuncGetAttribute)(int *, int, handle);
    int (*cuFuncSetAttribute)(handle, int, int);
    int (*cuLaunchKernel)(handle, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,
                          unsigned, handle, void **, void **);
} cu;

static const char *const cu_names[] = {
    "cuInit",
    "cuDriverGetVersion",
    "cuDeviceGet",
    "cuDeviceGetName",
    "cuDeviceGetAttribute",
    "cuDeviceTotalMem_v2",
    "cuDevicePrimaryCtxRetain",
    "cuCtxSetCurrent",
    "cuStreamCreate",
    "cuStreamDestroy_v2",
    "cuStreamSynchronize",
    "cuEventCreate",
    "cuEventDestroy_v2",
    "cuEventRecord",
    "cuEventSynchronize",
    "cuEventQuery",
    "cuEventElapsedTime",
    "cuMemAlloc_v2",
    "cuMemFree_v2",
    "cuMemcpyHtoDAsync_v2",
    "cuMemcpyDtoHAsync_v2",
    "cuMemcpyDtoDAsync_v2",
    "cuMemsetD8Async",
    "cuMemsetD32Async",
    "cuModuleLoadDataEx",
    "cuModuleUnload",
    "cuModuleGetFunction",
    "cuFuncGetAttribute",
    "cuFuncSetAttribute",
    "cuLaunchKernel",
};
_Static_assert(sizeof(cu) == sizeof(cu_names), "a name for each function");

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool works;
static handle cuda_context;
static uint64_t local_base; /* address of the local memory of a kernel that declares none */

/* Stores the address of dynamic shared memory. */
static const char base_ptx[] = ".version 7.5\n.target sm_80\n.address_size 64\n"
                               ".extern .shared .align 16 .b8 memory[];\n"
                               ".visible .entry base(.param .u64 out)\n{\n"
                               ".reg .b64 %rd<3>;\n"
                               "ld.param.u64 %rd1, [out];\n"
                               "mov.u64 %rd2, memory;\n"
                               "st.global.u64 [%rd1], %rd2;\n"
                               "ret;\n}\n";

static bool find_base(void)
{
    handle module, function;
    address out;
    void *params[] = {&out};
    return !cu.cuMemAlloc_v2(&out, sizeof(local_base)) &&
           !cu.cuModuleLoadDataEx(&module, base_ptx, 0, NULL, NULL) &&
           !cu.cuModuleGetFunction(&function, module, "base") &&
           !cu.cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 16, NULL, params, NULL) &&
           !cu.cuMemcpyDtoHAsync_v2(&local_base, out, sizeof(local_base), NULL) &&
           !cu.cuStreamSynchronize(NULL) && !cu.cuModuleUnload(module) && !cu.cuMemFree_v2(out);
}

static void open_cuda(void)
{
    const char *name = getenv("ELCL_CUDA_LIBRARY");
    void *library = dlopen(name ? name : "libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    void **entries = (void **)(void *)&cu;
    int device;
    if (!library)
        return;
    for (size_t i = 0; i < sizeof(cu_names) / sizeof(cu_names[0]); i++)
        if (!(entries[i] = dlsym(library, cu_names[i])))
            return;
    works = !cu.cuInit(0) && !cu.cuDeviceGet(&device, 0) &&
            !cu.cuDevicePrimaryCtxRetain(&cuda_context, device) &&
            !cu.cuCtxSetCurrent(cuda_context) && find_base();
}

/* Every function that calls CUDA starts with it: a context belongs to a thread. */
static void enter(void)
{
    cu.cuCtxSetCurrent(cuda_context);
}

static int attribute(int which)
{
    int value = 0;
    cu.cuDeviceGetAttribute(&value, which, 0);
    return value;
}

static cl_int code_of(int error)
{
    if (error)
        fprintf(stderr, "CUDA error %d\n", error);
    return !error       ? CL_SUCCESS
           : error == 2 ? CL_MEM_OBJECT_ALLOCATION_FAILURE
                        : CL_OUT_OF_RESOURCES;
}

/* ---- objects ------------------------------------------------------------------------------- */

#define OBJECT                                                                                     \
    const cl_icd_dispatch *dispatch; /* the loader reads it */                                     \
    _Atomic int references

struct _cl_platform_id {
    OBJECT;
};
struct _cl_device_id {
    OBJECT;
};
struct _cl_context {
    OBJECT;
};
struct _cl_command_queue {
    OBJECT;
    handle stream;
};
struct _cl_event {
    OBJECT;
    handle begin, end;
};
struct _cl_mem {
    OBJECT; /* references 0: free */
    address at;
    size_t n, mapped_offset, mapped_bytes;
};
struct _cl_program {
    OBJECT;
    char *source, *ptx;
    char log[4096];
    handle module;
};
struct argument {
    bool local;
    size_t bytes;
    uint64_t value[8];
};
struct _cl_kernel {
    OBJECT;
    cl_program program;
    handle function;
    int static_bytes;
    cl_uint n;
    struct argument arguments[MAX_ARGUMENTS];
};

static cl_icd_dispatch dispatch;
static struct _cl_platform_id platform = {&dispatch, 1};
static struct _cl_device_id device = {&dispatch, 1};
static struct _cl_context context = {&dispatch, 1};
static struct _cl_mem buffers[MAX_BUFFERS];
static cl_uint n_buffers;
static handle time_base; /* an event */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *create(size_t bytes, cl_int *code)
{
    struct _cl_platform_id *object = calloc(1, bytes);
    if (object) {
        object->dispatch = &dispatch;
        object->references = 1;
    }
    if (code)
        *code = object ? CL_SUCCESS : CL_OUT_OF_HOST_MEMORY;
    return object;
}

/* ---- information --------------------------------------------------------------------------- */

static cl_int give(const void *value, size_t bytes, size_t room, void *to, size_t *needed)
{
    if (needed)
        *needed = bytes;
    if (to && room < bytes)
        return CL_INVALID_VALUE;
    if (to)
        memcpy(to, value, bytes);
    return CL_SUCCESS;
}

static cl_int give_text(const char *text, size_t room, void *to, size_t *needed)
{
    return give(text, strlen(text) + 1, room, to, needed);
}

static cl_int give_uint(cl_uint value, size_t room, void *to, size_t *needed)
{
    return give(&value, sizeof(value), room, to, needed);
}

static cl_int give_ulong(cl_ulong value, size_t room, void *to, size_t *needed)
{
    return give(&value, sizeof(value), room, to, needed);
}

static cl_int give_pointer(const void *value, size_t room, void *to, size_t *needed)
{
    return give(&value, sizeof(value), room, to, needed);
}

static cl_int CL_API_CALL get_platform_ids(cl_uint n, cl_platform_id *to, cl_uint *found)
{
    pthread_once(&once, open_cuda);
    if (found)
        *found = works;
    if (!works)
        return CL_PLATFORM_NOT_FOUND_KHR;
    if (to && n)
        *to = &platform;
    return CL_SUCCESS;
}

static cl_int CL_API_CALL get_platform_info(cl_platform_id p, cl_platform_info what, size_t room,
                                            void *to, size_t *needed)
{
    (void)p;
    switch (what) {
    case CL_PLATFORM_PROFILE:
        return give_text("FULL_PROFILE", room, to, needed);
    case CL_PLATFORM_VERSION:
        return give_text("OpenCL 1.2 by libcuda", room, to, needed);
    case CL_PLATFORM_NAME:
        return give_text("NVIDIA CUDA", room, to, needed);
    case CL_PLATFORM_VENDOR:
        return give_text("NVIDIA Corporation", room, to, needed);
    case CL_PLATFORM_EXTENSIONS:
        return give_text("cl_khr_icd", room, to, needed);
    case CL_PLATFORM_ICD_SUFFIX_KHR:
        return give_text("NV", room, to, needed);
    default:
        return CL_INVALID_VALUE;
    }
}

static cl_int CL_API_CALL get_device_ids(cl_platform_id p, cl_device_type type, cl_uint n,
                                         cl_device_id *to, cl_uint *found)
{
    (void)p;
    if (!(type & (CL_DEVICE_TYPE_GPU | CL_DEVICE_TYPE_DEFAULT)))
        return CL_DEVICE_NOT_FOUND;
    if (found)
        *found = 1;
    if (to && n)
        *to = &device;
    return CL_SUCCESS;
}

static cl_int device_text(cl_device_info what, size_t room, void *to, size_t *needed)
{
    char text[TEXT_BYTES] = "";
    int version = 0;
    switch (what) {
    case CL_DEVICE_NAME:
        cu.cuDeviceGetName(text, TEXT_BYTES, 0);
        return give_text(text, room, to, needed);
    case CL_DEVICE_VENDOR:
        return give_text("NVIDIA Corporation", room, to, needed);
    case CL_DRIVER_VERSION:
        cu.cuDriverGetVersion(&version);
        snprintf(text, sizeof(text), "%d.%d (libcuda)", version / 1000, version % 1000 / 10);
        return give_text(text, room, to, needed);
    case CL_DEVICE_VERSION:
        return give_text("OpenCL 1.2 by libcuda", room, to, needed);
    case CL_DEVICE_OPENCL_C_VERSION:
        return give_text("OpenCL C 1.2 ", room, to, needed);
    case CL_DEVICE_PROFILE:
        return give_text("FULL_PROFILE", room, to, needed);
    case CL_DEVICE_EXTENSIONS:
        return give_text("cl_khr_byte_addressable_store cl_khr_icd cl_nv_device_attribute_query",
                         room, to, needed);
    default:
        return CL_INVALID_VALUE;
    }
}

static cl_int CL_API_CALL get_device_info(cl_device_id d, cl_device_info what, size_t room,
                                          void *to, size_t *needed)
{
    const size_t sizes[] = {1024, 1024, 64};
    size_t total = 0;
    (void)d;
    cu.cuDeviceTotalMem_v2(&total, 0);
    switch (what) {
    case CL_DEVICE_TYPE:
        return give_ulong(CL_DEVICE_TYPE_GPU, room, to, needed);
    case CL_DEVICE_GLOBAL_MEM_SIZE:
        return give_ulong(total, room, to, needed);
    case CL_DEVICE_MAX_MEM_ALLOC_SIZE:
        return give_ulong(total / 4, room, to, needed);
    case CL_DEVICE_LOCAL_MEM_SIZE:
        return give_ulong(48 << 10, room, to, needed); /* as NVIDIA's OpenCL */
    case CL_DEVICE_GLOBAL_MEM_CACHE_SIZE:
        return give_ulong((cl_ulong)attribute(L2_BYTES), room, to, needed);
    case CL_DEVICE_MAX_COMPUTE_UNITS:
        return give_uint((cl_uint)attribute(MULTIPROCESSORS), room, to, needed);
    case CL_DEVICE_MAX_CLOCK_FREQUENCY:
        return give_uint((cl_uint)attribute(CLOCK_KHZ) / 1000, room, to, needed);
    case CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT:
    case CL_DEVICE_PREFERRED_VECTOR_WIDTH_FLOAT:
    case CL_DEVICE_AVAILABLE:
    case CL_DEVICE_COMPILER_AVAILABLE:
        return give_uint(1, room, to, needed);
    case CL_DEVICE_HOST_UNIFIED_MEMORY:
        return give_uint(0, room, to, needed);
    case CL_DEVICE_MAX_WORK_GROUP_SIZE:
        return give_ulong(1024, room, to, needed);
    case CL_DEVICE_MAX_WORK_ITEM_DIMENSIONS:
        return give_uint(3, room, to, needed);
    case CL_DEVICE_MAX_WORK_ITEM_SIZES:
        return give(sizes, sizeof(sizes), room, to, needed);
    case CL_DEVICE_PLATFORM:
        return give_pointer(&platform, room, to, needed);
    case CL_DEVICE_COMPUTE_CAPABILITY_MAJOR_NV:
        return give_uint((cl_uint)attribute(MAJOR), room, to, needed);
    case CL_DEVICE_COMPUTE_CAPABILITY_MINOR_NV:
        return give_uint((cl_uint)attribute(MINOR), room, to, needed);
    case CL_DEVICE_WARP_SIZE_NV:
        return give_uint(32, room, to, needed);
    default:
        return device_text(what, room, to, needed);
    }
}

/* ---- contexts, queues, events -------------------------------------------------------------- */

static cl_context CL_API_CALL create_context(
    const cl_context_properties *properties, cl_uint n, const cl_device_id *devices,
    void(CL_CALLBACK *notify)(const char *, const void *, size_t, void *), void *user, cl_int *code)
{
    (void)properties, (void)n, (void)devices, (void)notify, (void)user;
    if (code)
        *code = CL_SUCCESS;
    return &context;
}

static cl_int CL_API_CALL release_context(cl_context c)
{
    (void)c;
    return CL_SUCCESS;
}

static cl_command_queue CL_API_CALL create_queue(cl_context c, cl_device_id d,
                                                 cl_command_queue_properties properties,
                                                 cl_int *code)
{
    (void)c, (void)d, (void)properties;
    enter();
    cl_command_queue queue = create(sizeof(*queue), code);
    const int error = queue ? cu.cuStreamCreate(&queue->stream, 1) : 0; /* apart from stream 0 */
    if (error)
        *code = code_of(error);
    pthread_mutex_lock(&lock);
    if (queue && !time_base && !cu.cuEventCreate(&time_base, 0))
        cu.cuEventRecord(time_base, queue->stream);
    pthread_mutex_unlock(&lock);
    return queue;
}

static cl_int CL_API_CALL release_queue(cl_command_queue queue)
{
    if (--queue->references)
        return CL_SUCCESS;
    enter();
    cu.cuStreamDestroy_v2(queue->stream);
    free(queue);
    return CL_SUCCESS;
}

static cl_int CL_API_CALL get_queue_info(cl_command_queue queue, cl_command_queue_info what,
                                         size_t room, void *to, size_t *needed)
{
    (void)queue;
    if (what == CL_QUEUE_CONTEXT)
        return give_pointer(&context, room, to, needed);
    return what == CL_QUEUE_DEVICE ? give_pointer(&device, room, to, needed) : CL_INVALID_VALUE;
}

static cl_int CL_API_CALL finish(cl_command_queue queue)
{
    enter();
    return code_of(cu.cuStreamSynchronize(queue->stream));
}

static cl_int CL_API_CALL flush(cl_command_queue queue)
{
    (void)queue;
    return CL_SUCCESS;
}

/* Before a command whose event is wanted. */
static cl_int begin_command(cl_command_queue queue, cl_event *event)
{
    cl_int code = CL_SUCCESS;
    enter();
    if (event && (*event = create(sizeof(**event), &code))) {
        cu.cuEventCreate(&(*event)->begin, 0);
        cu.cuEventCreate(&(*event)->end, 0);
        cu.cuEventRecord((*event)->begin, queue->stream);
    }
    return code;
}

/* After it. */
static cl_int end_command(cl_command_queue queue, cl_bool blocking, int error, cl_event *event)
{
    if (event && *event)
        cu.cuEventRecord((*event)->end, queue->stream);
    if (!error && blocking)
        error = cu.cuStreamSynchronize(queue->stream);
    return code_of(error);
}

static cl_int CL_API_CALL wait_for_events(cl_uint n, const cl_event *events)
{
    int error = 0;
    enter();
    for (cl_uint i = 0; i < n && !error; i++)
        error = cu.cuEventSynchronize(events[i]->end);
    return code_of(error);
}

static cl_int CL_API_CALL get_event_info(cl_event event, cl_event_info what, size_t room, void *to,
                                         size_t *needed)
{
    enter();
    if (what != CL_EVENT_COMMAND_EXECUTION_STATUS)
        return CL_INVALID_VALUE;
    return give_uint(cu.cuEventQuery(event->end) ? CL_RUNNING : CL_COMPLETE, room, to, needed);
}

/* In ns since the first queue. A float of ms is exact enough only for the command itself. */
static cl_int CL_API_CALL get_profile(cl_event event, cl_profiling_info what, size_t room, void *to,
                                      size_t *needed)
{
    float start = 0, took = 0;
    enter();
    int error = cu.cuEventSynchronize(event->end);
    if (!error)
        error = cu.cuEventElapsedTime(&start, time_base, event->begin);
    if (!error)
        error = cu.cuEventElapsedTime(&took, event->begin, event->end);
    if (error)
        return CL_PROFILING_INFO_NOT_AVAILABLE;
    const cl_ulong begin = (cl_ulong)((double)start * 1e6);
    const cl_ulong end = begin + (cl_ulong)((double)took * 1e6);
    return give_ulong(what == CL_PROFILING_COMMAND_END ? end : begin, room, to, needed);
}

static cl_int CL_API_CALL release_event(cl_event event)
{
    if (--event->references)
        return CL_SUCCESS;
    enter();
    cu.cuEventDestroy_v2(event->begin);
    cu.cuEventDestroy_v2(event->end);
    free(event);
    return CL_SUCCESS;
}

static cl_int CL_API_CALL enqueue_marker(cl_command_queue queue, cl_uint n, const cl_event *events,
                                         cl_event *event)
{
    (void)n, (void)events;
    const cl_int code = begin_command(queue, event);
    return code ? code : end_command(queue, CL_FALSE, 0, event);
}

/* ---- buffers ------------------------------------------------------------------------------- */

static cl_mem CL_API_CALL create_buffer(cl_context c, cl_mem_flags flags, size_t n, void *host,
                                        cl_int *code)
{
    (void)c, (void)flags;
    address at = 0;
    if (host) {
        *code = CL_INVALID_HOST_PTR;
        return NULL;
    }
    enter();
    const int error = cu.cuMemAlloc_v2(&at, n);
    cl_mem m = NULL;
    if (error) {
        *code = CL_MEM_OBJECT_ALLOCATION_FAILURE;
        return NULL;
    }
    pthread_mutex_lock(&lock);
    for (cl_uint i = 0; i < n_buffers && !m; i++)
        if (!buffers[i].references)
            m = &buffers[i];
    if (!m && n_buffers < MAX_BUFFERS)
        m = &buffers[n_buffers++];
    if (m) {
        m->dispatch = &dispatch;
        m->references = 1;
        m->at = at;
        m->n = n;
    }
    pthread_mutex_unlock(&lock);
    *code = m ? CL_SUCCESS : CL_OUT_OF_HOST_MEMORY;
    return m;
}

static cl_int CL_API_CALL release_buffer(cl_mem m)
{
    if (m->references > 1) {
        m->references--;
        return CL_SUCCESS;
    }
    enter();
    const int error = cu.cuMemFree_v2(m->at);
    pthread_mutex_lock(&lock);
    m->references = 0;
    pthread_mutex_unlock(&lock);
    return code_of(error);
}

static cl_int CL_API_CALL get_buffer_info(cl_mem m, cl_mem_info what, size_t room, void *to,
                                          size_t *needed)
{
    return what == CL_MEM_SIZE ? give(&m->n, sizeof(m->n), room, to, needed) : CL_INVALID_VALUE;
}

static bool fits(cl_mem m, size_t offset, size_t n)
{
    return offset <= m->n && n <= m->n - offset;
}

static cl_int CL_API_CALL write_buffer(cl_command_queue queue, cl_mem m, cl_bool blocking,
                                       size_t offset, size_t n, const void *from, cl_uint waits,
                                       const cl_event *events, cl_event *event)
{
    (void)waits, (void)events;
    if (!fits(m, offset, n))
        return CL_INVALID_VALUE;
    const cl_int code = begin_command(queue, event);
    return code ? code
                : end_command(queue, blocking,
                              cu.cuMemcpyHtoDAsync_v2(m->at + offset, from, n, queue->stream),
                              event);
}

static cl_int CL_API_CALL read_buffer(cl_command_queue queue, cl_mem m, cl_bool blocking,
                                      size_t offset, size_t n, void *to, cl_uint waits,
                                      const cl_event *events, cl_event *event)
{
    (void)waits, (void)events;
    if (!fits(m, offset, n))
        return CL_INVALID_VALUE;
    const cl_int code = begin_command(queue, event);
    return code ? code
                : end_command(queue, blocking,
                              cu.cuMemcpyDtoHAsync_v2(to, m->at + offset, n, queue->stream), event);
}

static cl_int CL_API_CALL copy_buffer(cl_command_queue queue, cl_mem from, cl_mem to,
                                      size_t from_offset, size_t to_offset, size_t n, cl_uint waits,
                                      const cl_event *events, cl_event *event)
{
    (void)waits, (void)events;
    if (!fits(from, from_offset, n) || !fits(to, to_offset, n))
        return CL_INVALID_VALUE;
    const cl_int code = begin_command(queue, event);
    return code ? code
                : end_command(queue, CL_FALSE,
                              cu.cuMemcpyDtoDAsync_v2(to->at + to_offset, from->at + from_offset, n,
                                                      queue->stream),
                              event);
}

/* Patterns of one byte, or of words that are all the same. */
static cl_int CL_API_CALL fill_buffer(cl_command_queue queue, cl_mem m, const void *pattern,
                                      size_t bytes, size_t offset, size_t n, cl_uint waits,
                                      const cl_event *events, cl_event *event)
{
    const unsigned char *p = pattern;
    const bool words = bytes % 4 == 0 && !memcmp(p, p + 4, bytes - 4);
    unsigned word = 0;
    (void)waits, (void)events;
    if ((bytes != 1 && !words) || n % bytes || !fits(m, offset, n))
        return CL_INVALID_VALUE;
    memcpy(&word, p, words ? 4 : 1);
    const cl_int code = begin_command(queue, event);
    if (code)
        return code;
    const int error =
        words ? cu.cuMemsetD32Async(m->at + offset, word, n / 4, queue->stream)
              : cu.cuMemsetD8Async(m->at + offset, (unsigned char)word, n, queue->stream);
    return end_command(queue, CL_FALSE, error, event);
}

/* A copy on the host; unmapping writes it back. */
static void *CL_API_CALL map_buffer(cl_command_queue queue, cl_mem m, cl_bool blocking,
                                    cl_map_flags flags, size_t offset, size_t n, cl_uint waits,
                                    const cl_event *events, cl_event *event, cl_int *code)
{
    (void)blocking, (void)flags;
    void *copy = malloc(n ? n : 1);
    *code = copy ? read_buffer(queue, m, CL_TRUE, offset, n, copy, waits, events, event)
                 : CL_OUT_OF_HOST_MEMORY;
    m->mapped_offset = offset;
    m->mapped_bytes = n;
    if (!*code)
        return copy;
    free(copy);
    return NULL;
}

static cl_int CL_API_CALL unmap_buffer(cl_command_queue queue, cl_mem m, void *at, cl_uint waits,
                                       const cl_event *events, cl_event *event)
{
    const cl_int code = write_buffer(queue, m, CL_TRUE, m->mapped_offset, m->mapped_bytes, at,
                                     waits, events, event);
    free(at);
    return code;
}

/* ---- programs ------------------------------------------------------------------------------ */

static cl_program CL_API_CALL create_program(cl_context c, cl_uint n, const char **texts,
                                             const size_t *lengths, cl_int *code)
{
    (void)c;
    cl_program p = create(sizeof(*p), code);
    if (p)
        p->source = program_join(n, texts, lengths);
    return p;
}

/* A binary is PTX, as on NVIDIA. */
static cl_program CL_API_CALL create_program_with_binary(cl_context c, cl_uint n,
                                                         const cl_device_id *devices,
                                                         const size_t *lengths,
                                                         const unsigned char **binaries,
                                                         cl_int *status, cl_int *code)
{
    (void)c, (void)n, (void)devices;
    cl_program p = create(sizeof(*p), code);
    if (p)
        p->ptx = program_join(1, (const char *const *)binaries, lengths);
    if (status)
        *status = CL_SUCCESS;
    return p;
}

static char *read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    char *text = NULL;
    long n;
    if (!f)
        return NULL;
    if (!fseek(f, 0, SEEK_END) && (n = ftell(f)) >= 0 && !fseek(f, 0, SEEK_SET) &&
        (text = calloc((size_t)n + 1, 1)) && fread(text, 1, (size_t)n, f) != (size_t)n) {
        free(text);
        text = NULL;
    }
    fclose(f);
    return text;
}

static cl_int CL_API_CALL build_program(cl_program p, cl_uint n, const cl_device_id *devices,
                                        const char *options,
                                        void(CL_CALLBACK *notify)(cl_program, void *), void *user)
{
    enum { ERROR_LOG = 5, ERROR_LOG_BYTES = 6 };
    int which[] = {ERROR_LOG, ERROR_LOG_BYTES};
    void *values[] = {p->log, (void *)(uintptr_t)sizeof(p->log)};
    (void)n, (void)devices, (void)notify, (void)user;
    if (!p->ptx) {
        char path[512];
        const char *folder = getenv("ELCL_CUDA_PTX");
        snprintf(path, sizeof(path), "%s/%016" PRIx64 ".ptx", folder ? folder : ".",
                 program_key(p->source, options ? options : ""));
        p->ptx = read_file(path);
        if (!p->ptx)
            snprintf(p->log, sizeof(p->log), "error: %s: no such program in the bundle", path);
    }
    if (!p->ptx)
        return CL_BUILD_PROGRAM_FAILURE;
    enter();
    return cu.cuModuleLoadDataEx(&p->module, p->ptx, 2, which, values) ? CL_BUILD_PROGRAM_FAILURE
                                                                       : CL_SUCCESS;
}

static cl_int CL_API_CALL get_build_info(cl_program p, cl_device_id d, cl_program_build_info what,
                                         size_t room, void *to, size_t *needed)
{
    (void)d;
    return what == CL_PROGRAM_BUILD_LOG ? give_text(p->log, room, to, needed) : CL_INVALID_VALUE;
}

static cl_int CL_API_CALL get_program_info(cl_program p, cl_program_info what, size_t room,
                                           void *to, size_t *needed)
{
    const size_t bytes = p->ptx ? strlen(p->ptx) : 0;
    switch (what) {
    case CL_PROGRAM_NUM_DEVICES:
        return give_uint(1, room, to, needed);
    case CL_PROGRAM_BINARY_SIZES:
        return give(&bytes, sizeof(bytes), room, to, needed);
    case CL_PROGRAM_BINARIES:
        memcpy(*(unsigned char **)to, p->ptx, bytes);
        return CL_SUCCESS;
    default:
        return CL_INVALID_VALUE;
    }
}

static cl_int CL_API_CALL retain_program(cl_program p)
{
    p->references++;
    return CL_SUCCESS;
}

static cl_int CL_API_CALL release_program(cl_program p)
{
    if (--p->references)
        return CL_SUCCESS;
    enter();
    if (p->module)
        cu.cuModuleUnload(p->module);
    free(p->source);
    free(p->ptx);
    free(p);
    return CL_SUCCESS;
}

/* ---- kernels ------------------------------------------------------------------------------- */

static cl_kernel CL_API_CALL create_kernel(cl_program p, const char *name, cl_int *code)
{
    handle function;
    enter();
    if (!p->module || cu.cuModuleGetFunction(&function, p->module, name)) {
        *code = CL_INVALID_KERNEL_NAME;
        return NULL;
    }
    cl_kernel k = create(sizeof(*k), code);
    if (k) {
        k->function = function;
        k->program = p;
        p->references++;
        cu.cuFuncGetAttribute(&k->static_bytes, SHARED_BYTES, function);
    }
    return k;
}

static cl_int CL_API_CALL release_kernel(cl_kernel k)
{
    if (--k->references)
        return CL_SUCCESS;
    release_program(k->program);
    free(k);
    return CL_SUCCESS;
}

static bool is_buffer(uint64_t value)
{
    const uint64_t first = (uint64_t)(uintptr_t)buffers;
    return value >= first && value < first + sizeof(buffers) &&
           (value - first) % sizeof(buffers[0]) == 0;
}

/* A buffer's handle becomes its address. */
static cl_int CL_API_CALL set_argument(cl_kernel k, cl_uint n, size_t bytes, const void *value)
{
    if (n >= MAX_ARGUMENTS)
        return CL_INVALID_ARG_INDEX;
    struct argument *a = &k->arguments[n];
    if (value && bytes > sizeof(a->value))
        return CL_INVALID_ARG_SIZE;
    a->local = !value;
    a->bytes = bytes;
    if (value)
        memcpy(a->value, value, bytes);
    if (value && bytes == sizeof(cl_mem) && is_buffer(a->value[0]))
        a->value[0] = ((cl_mem)(uintptr_t)a->value[0])->at;
    if (n >= k->n)
        k->n = n + 1;
    return CL_SUCCESS;
}

static cl_int CL_API_CALL get_group_info(cl_kernel k, cl_device_id d,
                                         cl_kernel_work_group_info what, size_t room, void *to,
                                         size_t *needed)
{
    int items = 0;
    (void)d;
    enter();
    cu.cuFuncGetAttribute(&items, MAX_ITEMS, k->function);
    switch (what) {
    case CL_KERNEL_WORK_GROUP_SIZE:
        return give_ulong((cl_ulong)items, room, to, needed);
    case CL_KERNEL_PREFERRED_WORK_GROUP_SIZE_MULTIPLE:
        return give_ulong(32, room, to, needed);
    case CL_KERNEL_LOCAL_MEM_SIZE:
        return give_ulong((cl_ulong)k->static_bytes, room, to, needed);
    default:
        return CL_INVALID_VALUE;
    }
}

static cl_int CL_API_CALL enqueue_kernel(cl_command_queue queue, cl_kernel k, cl_uint n,
                                         const size_t *offset, const size_t *global,
                                         const size_t *local, cl_uint waits, const cl_event *events,
                                         cl_event *event)
{
    unsigned groups[3] = {1, 1, 1}, items[3] = {1, 1, 1};
    void *params[MAX_ARGUMENTS];
    const uint64_t statics = ((uint64_t)k->static_bytes + 15) / 16 * 16;
    uint64_t end = 0;
    (void)waits, (void)events;
    if (offset || !local)
        return CL_INVALID_GLOBAL_OFFSET;
    for (cl_uint i = 0; i < n; i++) {
        items[i] = (unsigned)local[i];
        groups[i] = (unsigned)(global[i] / local[i]);
    }
    for (cl_uint i = 0; i < k->n; i++) {
        struct argument *a = &k->arguments[i];
        params[i] = a->value;
        if (a->local) {
            a->value[0] = local_base + statics + end;
            end += (a->bytes + 15) / 16 * 16;
        }
    }
    const cl_int code = begin_command(queue, event);
    if (code)
        return code;
    if (statics + end > 48 << 10)
        cu.cuFuncSetAttribute(k->function, MAX_DYNAMIC_BYTES, (int)end);
    const int error =
        cu.cuLaunchKernel(k->function, groups[0], groups[1], groups[2], items[0], items[1],
                          items[2], (unsigned)end, queue->stream, params, NULL);
    return end_command(queue, CL_FALSE, error, event);
}

/* ---- the loader's entry -------------------------------------------------------------------- */

#define VISIBLE __attribute__((visibility("default")))

static cl_int CL_API_CALL refuse(void)
{
    return CL_INVALID_OPERATION;
}

__attribute__((constructor)) static void fill_dispatch(void)
{
    void (**entries)(void) = (void (**)(void))(void *)&dispatch;
    for (size_t i = 0; i < sizeof(dispatch) / sizeof(*entries); i++)
        entries[i] = (void (*)(void))refuse;
    dispatch.clGetPlatformIDs = get_platform_ids;
    dispatch.clGetPlatformInfo = get_platform_info;
    dispatch.clGetDeviceIDs = get_device_ids;
    dispatch.clGetDeviceInfo = get_device_info;
    dispatch.clCreateContext = create_context;
    dispatch.clReleaseContext = release_context;
    dispatch.clCreateCommandQueue = create_queue;
    dispatch.clReleaseCommandQueue = release_queue;
    dispatch.clGetCommandQueueInfo = get_queue_info;
    dispatch.clFinish = finish;
    dispatch.clFlush = flush;
    dispatch.clWaitForEvents = wait_for_events;
    dispatch.clGetEventInfo = get_event_info;
    dispatch.clGetEventProfilingInfo = get_profile;
    dispatch.clReleaseEvent = release_event;
    dispatch.clEnqueueMarkerWithWaitList = enqueue_marker;
    dispatch.clCreateBuffer = create_buffer;
    dispatch.clReleaseMemObject = release_buffer;
    dispatch.clGetMemObjectInfo = get_buffer_info;
    dispatch.clEnqueueWriteBuffer = write_buffer;
    dispatch.clEnqueueReadBuffer = read_buffer;
    dispatch.clEnqueueCopyBuffer = copy_buffer;
    dispatch.clEnqueueFillBuffer = fill_buffer;
    dispatch.clEnqueueMapBuffer = map_buffer;
    dispatch.clEnqueueUnmapMemObject = unmap_buffer;
    dispatch.clCreateProgramWithSource = create_program;
    dispatch.clCreateProgramWithBinary = create_program_with_binary;
    dispatch.clBuildProgram = build_program;
    dispatch.clGetProgramBuildInfo = get_build_info;
    dispatch.clGetProgramInfo = get_program_info;
    dispatch.clRetainProgram = retain_program;
    dispatch.clReleaseProgram = release_program;
    dispatch.clCreateKernel = create_kernel;
    dispatch.clReleaseKernel = release_kernel;
    dispatch.clSetKernelArg = set_argument;
    dispatch.clGetKernelWorkGroupInfo = get_group_info;
    dispatch.clEnqueueNDRangeKernel = enqueue_kernel;
}

VISIBLE CL_API_ENTRY cl_int CL_API_CALL clIcdGetPlatformIDsKHR(cl_uint n, cl_platform_id *to,
                                                               cl_uint *found)
{
    return get_platform_ids(n, to, found);
}

VISIBLE CL_API_ENTRY cl_int CL_API_CALL clGetPlatformInfo(cl_platform_id p, cl_platform_info what,
                                                          size_t room, void *to, size_t *needed)
{
    return get_platform_info(p, what, room, to, needed);
}

VISIBLE CL_API_ENTRY void *CL_API_CALL clGetExtensionFunctionAddress(const char *name)
{
    if (!strcmp(name, "clIcdGetPlatformIDsKHR"))
        return (void *)(uintptr_t)clIcdGetPlatformIDsKHR;
    return NULL;
}
