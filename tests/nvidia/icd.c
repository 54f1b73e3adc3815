/*
 * The OpenCL functions that elcl calls, for a loader of drivers (cl_khr_icd). Commands run when
 * they are enqueued. Other functions return CL_INVALID_OPERATION.
 */
#include "icd.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PADDING = 4096 }; /* around a buffer, so that none follows another */

static cl_icd_dispatch dispatch;
struct _cl_platform_id icd_platform = {&dispatch, 1};
struct _cl_device_id icd_device = {&dispatch, 1};
static struct _cl_context context = {&dispatch, 1};
static cl_mem buffers; /* that live */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void *icd_create(size_t bytes, cl_int *code)
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

cl_ulong icd_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (cl_ulong)t.tv_sec * 1000000000u + (cl_ulong)t.tv_nsec;
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
    return icd_create(sizeof(struct _cl_command_queue), code);
}

static cl_int CL_API_CALL release_queue(cl_command_queue queue)
{
    if (!--queue->references)
        free(queue);
    return CL_SUCCESS;
}

static cl_int CL_API_CALL get_queue_info(cl_command_queue queue, cl_command_queue_info what,
                                         size_t room, void *to, size_t *needed)
{
    (void)queue;
    if (what == CL_QUEUE_CONTEXT)
        return icd_give_pointer(&context, room, to, needed);
    return what == CL_QUEUE_DEVICE ? icd_give_pointer(&icd_device, room, to, needed)
                                   : CL_INVALID_VALUE;
}

static cl_int CL_API_CALL finish(cl_command_queue queue)
{
    (void)queue;
    return CL_SUCCESS;
}

cl_int icd_end_command(cl_ulong begin, cl_event *event)
{
    cl_int code = CL_SUCCESS;
    if (event && (*event = icd_create(sizeof(struct _cl_event), &code))) {
        (*event)->begin = begin;
        (*event)->end = icd_now();
    }
    return code;
}

static cl_int CL_API_CALL wait_for_events(cl_uint n, const cl_event *events)
{
    (void)n, (void)events;
    return CL_SUCCESS;
}

static cl_int CL_API_CALL get_event_info(cl_event event, cl_event_info what, size_t room, void *to,
                                         size_t *needed)
{
    (void)event;
    return what == CL_EVENT_COMMAND_EXECUTION_STATUS ? icd_give_uint(CL_COMPLETE, room, to, needed)
                                                     : CL_INVALID_VALUE;
}

static cl_int CL_API_CALL get_profile(cl_event event, cl_profiling_info what, size_t room, void *to,
                                      size_t *needed)
{
    return icd_give_ulong(what == CL_PROFILING_COMMAND_END ? event->end : event->begin, room, to,
                          needed);
}

static cl_int CL_API_CALL release_event(cl_event event)
{
    if (!--event->references)
        free(event);
    return CL_SUCCESS;
}

static cl_int CL_API_CALL enqueue_marker(cl_command_queue queue, cl_uint n, const cl_event *events,
                                         cl_event *event)
{
    (void)queue, (void)n, (void)events;
    return icd_end_command(icd_now(), event);
}

/* ---- buffers ------------------------------------------------------------------------------- */

static cl_mem CL_API_CALL create_buffer(cl_context c, cl_mem_flags flags, size_t n, void *host,
                                        cl_int *code)
{
    (void)c, (void)flags;
    cl_mem m = icd_create(sizeof(*m), code);
    if (!m)
        return NULL;
    m->block = aligned_alloc(PADDING, (n + 3 * PADDING) / PADDING * PADDING);
    if (!m->block || !n) {
        if (code)
            *code = n ? CL_MEM_OBJECT_ALLOCATION_FAILURE : CL_INVALID_BUFFER_SIZE;
        free(m->block);
        free(m);
        return NULL;
    }
    m->bytes = m->block + PADDING;
    m->n = n;
    memset(m->bytes, 0xff, n); /* what nothing wrote is not a number */
    if (host)
        memcpy(m->bytes, host, n);
    pthread_mutex_lock(&lock);
    m->next = buffers;
    buffers = m;
    pthread_mutex_unlock(&lock);
    return m;
}

static cl_int CL_API_CALL release_buffer(cl_mem m)
{
    if (--m->references)
        return CL_SUCCESS;
    pthread_mutex_lock(&lock);
    cl_mem *at = &buffers;
    while (*at && *at != m)
        at = &(*at)->next;
    if (*at)
        *at = m->next;
    pthread_mutex_unlock(&lock);
    free(m->block);
    free(m);
    return CL_SUCCESS;
}

static cl_int CL_API_CALL get_buffer_info(cl_mem m, cl_mem_info what, size_t room, void *to,
                                          size_t *needed)
{
    return what == CL_MEM_SIZE ? icd_give(&m->n, sizeof(m->n), room, to, needed) : CL_INVALID_VALUE;
}

static bool fits(cl_mem m, size_t offset, size_t n)
{
    return offset <= m->n && n <= m->n - offset;
}

static cl_int CL_API_CALL write_buffer(cl_command_queue queue, cl_mem m, cl_bool blocking,
                                       size_t offset, size_t n, const void *from, cl_uint waits,
                                       const cl_event *events, cl_event *event)
{
    (void)queue, (void)blocking, (void)waits, (void)events;
    if (!fits(m, offset, n))
        return CL_INVALID_VALUE;
    memcpy(m->bytes + offset, from, n);
    return icd_end_command(icd_now(), event);
}

static cl_int CL_API_CALL read_buffer(cl_command_queue queue, cl_mem m, cl_bool blocking,
                                      size_t offset, size_t n, void *to, cl_uint waits,
                                      const cl_event *events, cl_event *event)
{
    (void)queue, (void)blocking, (void)waits, (void)events;
    if (!fits(m, offset, n))
        return CL_INVALID_VALUE;
    memcpy(to, m->bytes + offset, n);
    return icd_end_command(icd_now(), event);
}

static cl_int CL_API_CALL copy_buffer(cl_command_queue queue, cl_mem from, cl_mem to,
                                      size_t from_offset, size_t to_offset, size_t n, cl_uint waits,
                                      const cl_event *events, cl_event *event)
{
    (void)queue, (void)waits, (void)events;
    if (!fits(from, from_offset, n) || !fits(to, to_offset, n))
        return CL_INVALID_VALUE;
    memmove(to->bytes + to_offset, from->bytes + from_offset, n);
    return icd_end_command(icd_now(), event);
}

static cl_int CL_API_CALL fill_buffer(cl_command_queue queue, cl_mem m, const void *pattern,
                                      size_t bytes, size_t offset, size_t n, cl_uint waits,
                                      const cl_event *events, cl_event *event)
{
    (void)queue, (void)waits, (void)events;
    if (!bytes || n % bytes || !fits(m, offset, n))
        return CL_INVALID_VALUE;
    for (size_t at = 0; at < n; at += bytes)
        memcpy(m->bytes + offset + at, pattern, bytes);
    return icd_end_command(icd_now(), event);
}

static void *CL_API_CALL map_buffer(cl_command_queue queue, cl_mem m, cl_bool blocking,
                                    cl_map_flags flags, size_t offset, size_t n, cl_uint waits,
                                    const cl_event *events, cl_event *event, cl_int *code)
{
    (void)queue, (void)blocking, (void)flags, (void)waits, (void)events;
    const bool right = fits(m, offset, n);
    const cl_int result = right ? icd_end_command(icd_now(), event) : CL_INVALID_VALUE;
    if (code)
        *code = result;
    return right ? m->bytes + offset : NULL;
}

static cl_int CL_API_CALL unmap_buffer(cl_command_queue queue, cl_mem m, void *at, cl_uint waits,
                                       const cl_event *events, cl_event *event)
{
    (void)queue, (void)m, (void)at, (void)waits, (void)events;
    return icd_end_command(icd_now(), event);
}

void icd_pass_buffer(struct launch *launch, uint8_t *to)
{
    cl_mem handle;
    memcpy(&handle, to, sizeof(handle));
    pthread_mutex_lock(&lock);
    for (cl_mem m = buffers; m; m = m->next)
        if (m == handle) {
            memcpy(to, &m->bytes, sizeof(m->bytes));
            launch->regions[launch->n_regions++] =
                (struct region){(uint64_t)(uintptr_t)m->bytes, m->n};
            break;
        }
    pthread_mutex_unlock(&lock);
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
    dispatch.clGetPlatformIDs = icd_get_platform_ids;
    dispatch.clGetPlatformInfo = icd_get_platform_info;
    dispatch.clGetDeviceIDs = icd_get_device_ids;
    dispatch.clGetDeviceInfo = icd_get_device_info;
    dispatch.clCreateContext = create_context;
    dispatch.clReleaseContext = release_context;
    dispatch.clCreateCommandQueue = create_queue;
    dispatch.clReleaseCommandQueue = release_queue;
    dispatch.clGetCommandQueueInfo = get_queue_info;
    dispatch.clFinish = finish;
    dispatch.clFlush = finish;
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
    dispatch.clCreateProgramWithSource = icd_create_program;
    dispatch.clCreateProgramWithBinary = icd_create_program_with_binary;
    dispatch.clBuildProgram = icd_build_program;
    dispatch.clGetProgramBuildInfo = icd_get_build_info;
    dispatch.clGetProgramInfo = icd_get_program_info;
    dispatch.clRetainProgram = icd_retain_program;
    dispatch.clReleaseProgram = icd_release_program;
    dispatch.clCreateKernel = icd_create_kernel;
    dispatch.clReleaseKernel = icd_release_kernel;
    dispatch.clSetKernelArg = icd_set_argument;
    dispatch.clGetKernelWorkGroupInfo = icd_get_group_info;
    dispatch.clEnqueueNDRangeKernel = icd_enqueue_kernel;
}

VISIBLE CL_API_ENTRY cl_int CL_API_CALL clIcdGetPlatformIDsKHR(cl_uint n, cl_platform_id *to,
                                                               cl_uint *found)
{
    return icd_get_platform_ids(n, to, found);
}

VISIBLE CL_API_ENTRY cl_int CL_API_CALL clGetPlatformInfo(cl_platform_id p, cl_platform_info what,
                                                          size_t room, void *to, size_t *needed)
{
    return icd_get_platform_info(p, what, room, to, needed);
}

VISIBLE CL_API_ENTRY void *CL_API_CALL clGetExtensionFunctionAddress(const char *name)
{
    if (!strcmp(name, "clIcdGetPlatformIDsKHR"))
        return (void *)(uintptr_t)clIcdGetPlatformIDsKHR;
    return NULL;
}
