/*
 * The OpenCL functions that elcl calls, for a loader of drivers (cl_khr_icd). Commands run when
 * they are enqueued. Other functions return CL_INVALID_OPERATION.
 */
#define CL_TARGET_OPENCL_VERSION 120
#define CL_USE_DEPRECATED_OPENCL_1_1_APIS
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include <CL/cl.h>
#include <CL/cl_ext.h>
#include <CL/cl_icd.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "nvidia.h"

enum { PADDING = 4096 }; /* around a buffer, so that none follows another */

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
};
struct _cl_event {
    OBJECT;
    cl_ulong begin, end;
};
struct _cl_mem {
    OBJECT;
    uint8_t *block, *bytes;
    size_t n;
    cl_mem next;
};
struct _cl_program {
    OBJECT;
    char *source, *ptx, *log;
    struct program *program;
};
struct argument {
    bool set, local;
    size_t bytes;
    uint8_t value[64];
};
struct _cl_kernel {
    OBJECT;
    cl_program program;
    struct kernel *kernel;
    struct argument arguments[MAX_PARAMS];
};

static cl_icd_dispatch dispatch;
static struct _cl_platform_id platform = {&dispatch, 1};
static struct _cl_device_id device = {&dispatch, 1};
static struct _cl_context context = {&dispatch, 1};
static cl_mem buffers; /* that live */
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

static cl_ulong now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (cl_ulong)t.tv_sec * 1000000000u + (cl_ulong)t.tv_nsec;
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
    if (found)
        *found = 1;
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
        return give_text("OpenCL 3.0 CUDA 13.0.97", room, to, needed);
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
    switch (what) {
    case CL_DEVICE_NAME:
        return give_text("NVIDIA H200 (emulated)", room, to, needed);
    case CL_DEVICE_VENDOR:
        return give_text("NVIDIA Corporation", room, to, needed);
    case CL_DRIVER_VERSION:
        return give_text("580.0 (emulated)", room, to, needed);
    case CL_DEVICE_VERSION:
        return give_text("OpenCL 3.0 CUDA", room, to, needed);
    case CL_DEVICE_OPENCL_C_VERSION:
        return give_text("OpenCL C 1.2 ", room, to, needed);
    case CL_DEVICE_PROFILE:
        return give_text("FULL_PROFILE", room, to, needed);
    case CL_DEVICE_EXTENSIONS:
        return give_text(
            "cl_khr_global_int32_base_atomics cl_khr_byte_addressable_store cl_khr_icd "
            "cl_khr_fp64 cl_nv_compiler_options cl_nv_device_attribute_query "
            "cl_nv_pragma_unroll cl_nv_copy_opts",
            room, to, needed);
    default:
        return CL_INVALID_VALUE;
    }
}

static cl_int CL_API_CALL get_device_info(cl_device_id d, cl_device_info what, size_t room,
                                          void *to, size_t *needed)
{
    const size_t sizes[] = {1024, 1024, 64};
    (void)d;
    switch (what) {
    case CL_DEVICE_TYPE:
        return give_ulong(CL_DEVICE_TYPE_GPU, room, to, needed);
    case CL_DEVICE_GLOBAL_MEM_SIZE:
        return give_ulong(UINT64_C(8) << 30, room, to, needed);
    case CL_DEVICE_MAX_MEM_ALLOC_SIZE:
        return give_ulong(UINT64_C(2) << 30, room, to, needed);
    case CL_DEVICE_LOCAL_MEM_SIZE:
        return give_ulong(LOCAL_LIMIT, room, to, needed);
    case CL_DEVICE_GLOBAL_MEM_CACHE_SIZE:
        return give_ulong(132 * 32768, room, to, needed);
    case CL_DEVICE_MAX_COMPUTE_UNITS:
        return give_uint(132, room, to, needed);
    case CL_DEVICE_MAX_CLOCK_FREQUENCY:
        return give_uint(1980, room, to, needed);
    case CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT:
    case CL_DEVICE_PREFERRED_VECTOR_WIDTH_FLOAT:
    case CL_DEVICE_AVAILABLE:
    case CL_DEVICE_COMPILER_AVAILABLE:
        return give_uint(1, room, to, needed);
    case CL_DEVICE_HOST_UNIFIED_MEMORY:
        return give_uint(0, room, to, needed);
    case CL_DEVICE_MAX_WORK_GROUP_SIZE:
        return give_ulong(MAX_ITEMS, room, to, needed);
    case CL_DEVICE_MAX_WORK_ITEM_DIMENSIONS:
        return give_uint(3, room, to, needed);
    case CL_DEVICE_MAX_WORK_ITEM_SIZES:
        return give(sizes, sizeof(sizes), room, to, needed);
    case CL_DEVICE_PLATFORM:
        return give_pointer(&platform, room, to, needed);
    case CL_DEVICE_COMPUTE_CAPABILITY_MAJOR_NV:
        return give_uint(9, room, to, needed);
    case CL_DEVICE_COMPUTE_CAPABILITY_MINOR_NV:
        return give_uint(0, room, to, needed);
    case CL_DEVICE_WARP_SIZE_NV:
        return give_uint(WARP, room, to, needed);
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
    return create(sizeof(struct _cl_command_queue), code);
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
        return give_pointer(&context, room, to, needed);
    return what == CL_QUEUE_DEVICE ? give_pointer(&device, room, to, needed) : CL_INVALID_VALUE;
}

static cl_int CL_API_CALL finish(cl_command_queue queue)
{
    (void)queue;
    return CL_SUCCESS;
}

/* Ends a command that began at `begin`. */
static cl_int end_command(cl_ulong begin, cl_event *event)
{
    cl_int code = CL_SUCCESS;
    if (event && (*event = create(sizeof(struct _cl_event), &code))) {
        (*event)->begin = begin;
        (*event)->end = now();
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
    return what == CL_EVENT_COMMAND_EXECUTION_STATUS ? give_uint(CL_COMPLETE, room, to, needed)
                                                     : CL_INVALID_VALUE;
}

static cl_int CL_API_CALL get_profile(cl_event event, cl_profiling_info what, size_t room, void *to,
                                      size_t *needed)
{
    return give_ulong(what == CL_PROFILING_COMMAND_END ? event->end : event->begin, room, to,
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
    return end_command(now(), event);
}

/* ---- buffers ------------------------------------------------------------------------------- */

static cl_mem CL_API_CALL create_buffer(cl_context c, cl_mem_flags flags, size_t n, void *host,
                                        cl_int *code)
{
    (void)c, (void)flags;
    cl_mem m = create(sizeof(*m), code);
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
    (void)queue, (void)blocking, (void)waits, (void)events;
    if (!fits(m, offset, n))
        return CL_INVALID_VALUE;
    memcpy(m->bytes + offset, from, n);
    return end_command(now(), event);
}

static cl_int CL_API_CALL read_buffer(cl_command_queue queue, cl_mem m, cl_bool blocking,
                                      size_t offset, size_t n, void *to, cl_uint waits,
                                      const cl_event *events, cl_event *event)
{
    (void)queue, (void)blocking, (void)waits, (void)events;
    if (!fits(m, offset, n))
        return CL_INVALID_VALUE;
    memcpy(to, m->bytes + offset, n);
    return end_command(now(), event);
}

static cl_int CL_API_CALL copy_buffer(cl_command_queue queue, cl_mem from, cl_mem to,
                                      size_t from_offset, size_t to_offset, size_t n, cl_uint waits,
                                      const cl_event *events, cl_event *event)
{
    (void)queue, (void)waits, (void)events;
    if (!fits(from, from_offset, n) || !fits(to, to_offset, n))
        return CL_INVALID_VALUE;
    memmove(to->bytes + to_offset, from->bytes + from_offset, n);
    return end_command(now(), event);
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
    return end_command(now(), event);
}

static void *CL_API_CALL map_buffer(cl_command_queue queue, cl_mem m, cl_bool blocking,
                                    cl_map_flags flags, size_t offset, size_t n, cl_uint waits,
                                    const cl_event *events, cl_event *event, cl_int *code)
{
    (void)queue, (void)blocking, (void)flags, (void)waits, (void)events;
    const bool right = fits(m, offset, n);
    const cl_int result = right ? end_command(now(), event) : CL_INVALID_VALUE;
    if (code)
        *code = result;
    return right ? m->bytes + offset : NULL;
}

static cl_int CL_API_CALL unmap_buffer(cl_command_queue queue, cl_mem m, void *at, cl_uint waits,
                                       const cl_event *events, cl_event *event)
{
    (void)queue, (void)m, (void)at, (void)waits, (void)events;
    return end_command(now(), event);
}

/* ---- programs ------------------------------------------------------------------------------ */

static cl_program CL_API_CALL create_program(cl_context c, cl_uint n, const char **texts,
                                             const size_t *lengths, cl_int *code)
{
    (void)c;
    cl_program p = create(sizeof(*p), code);
    size_t bytes = 0;
    for (cl_uint i = 0; p && i < n; i++) {
        const size_t more = lengths && lengths[i] ? lengths[i] : strlen(texts[i]);
        p->source = realloc(p->source, bytes + more + 1);
        memcpy(p->source + bytes, texts[i], more);
        bytes += more;
        p->source[bytes] = '\0';
    }
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
    if (p) {
        p->ptx = calloc(lengths[0] + 1, 1);
        memcpy(p->ptx, binaries[0], lengths[0]);
    }
    if (status)
        *status = CL_SUCCESS;
    return p;
}

static cl_int CL_API_CALL build_program(cl_program p, cl_uint n, const cl_device_id *devices,
                                        const char *options,
                                        void(CL_CALLBACK *notify)(cl_program, void *), void *user)
{
    char error[512] = "", path[256] = "a binary";
    (void)n, (void)devices, (void)notify, (void)user;
    if (!p->ptx)
        p->ptx = compile(p->source, options ? options : "", &p->log, path, sizeof(path));
    if (!p->ptx)
        return CL_BUILD_PROGRAM_FAILURE;
    p->program = ptx_parse(p->ptx, error, sizeof(error));
    if (!p->program) {
        free(p->log);
        p->log = strdup(error);
        return CL_BUILD_PROGRAM_FAILURE;
    }
    snprintf(p->program->path, sizeof(p->program->path), "%s", path);
    return CL_SUCCESS;
}

static cl_int CL_API_CALL get_build_info(cl_program p, cl_device_id d, cl_program_build_info what,
                                         size_t room, void *to, size_t *needed)
{
    (void)d;
    return what == CL_PROGRAM_BUILD_LOG ? give_text(p->log ? p->log : "", room, to, needed)
                                        : CL_INVALID_VALUE;
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
    if (p->program) {
        report_kernels(p->program);
        ptx_destroy(p->program);
    }
    free(p->source);
    free(p->ptx);
    free(p->log);
    free(p);
    return CL_SUCCESS;
}

/* ---- kernels ------------------------------------------------------------------------------- */

static cl_kernel CL_API_CALL create_kernel(cl_program p, const char *name, cl_int *code)
{
    struct kernel *kernel = NULL;
    for (size_t i = 0; p->program && i < p->program->n && !kernel; i++)
        if (!strcmp(p->program->kernels[i]->name, name))
            kernel = p->program->kernels[i];
    if (!kernel) {
        if (code)
            *code = CL_INVALID_KERNEL_NAME;
        return NULL;
    }
    cl_kernel k = create(sizeof(*k), code);
    if (k) {
        k->kernel = kernel;
        k->program = p;
        p->references++;
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

static cl_int CL_API_CALL set_argument(cl_kernel k, cl_uint n, size_t bytes, const void *value)
{
    if (n >= k->kernel->n_params)
        return CL_INVALID_ARG_INDEX;
    struct argument *a = &k->arguments[n];
    const size_t wanted = k->kernel->params[n].bytes;
    if (value ? bytes != wanted || bytes > sizeof(a->value) : !bytes || wanted != 8) {
        complain_of_call(k->kernel->name, "argument %u has %zu bytes%s, the kernel wants %zu", n,
                         bytes, value ? "" : " of local memory", wanted);
        return CL_INVALID_ARG_SIZE;
    }
    a->set = true;
    a->local = !value;
    a->bytes = bytes;
    if (value)
        memcpy(a->value, value, bytes);
    return CL_SUCCESS;
}

static cl_int CL_API_CALL get_group_info(cl_kernel k, cl_device_id d,
                                         cl_kernel_work_group_info what, size_t room, void *to,
                                         size_t *needed)
{
    size_t size[3] = {MAX_ITEMS, 0, 0};
    (void)d;
    switch (what) {
    case CL_KERNEL_WORK_GROUP_SIZE:
        return give(size, sizeof(size[0]), room, to, needed);
    case CL_KERNEL_PREFERRED_WORK_GROUP_SIZE_MULTIPLE:
        size[0] = WARP;
        return give(size, sizeof(size[0]), room, to, needed);
    case CL_KERNEL_COMPILE_WORK_GROUP_SIZE:
        for (int i = 0; i < 3; i++)
            size[i] = k->kernel->group_size[i];
        return give(size, sizeof(size), room, to, needed);
    case CL_KERNEL_LOCAL_MEM_SIZE:
        return give_ulong(k->kernel->static_bytes, room, to, needed);
    default:
        return CL_INVALID_VALUE;
    }
}

/* A buffer's handle becomes its address, and the kernel may access it. */
static void pass_buffer(struct launch *launch, uint8_t *to)
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

/* Puts the arguments together, and places local ones one after another. */
static cl_int pass_arguments(cl_kernel k, struct launch *launch, uint8_t *params)
{
    const struct kernel *kernel = k->kernel;
    uint32_t end = kernel->static_bytes;
    for (uint32_t n = 0; n < kernel->n_params; n++) {
        const struct argument *a = &k->arguments[n];
        uint8_t *to = params + kernel->params[n].offset;
        if (!a->set) {
            complain_of_call(kernel->name, "argument %u is not set", n);
            return CL_INVALID_KERNEL_ARGS;
        }
        if (a->local) {
            end = (end + 15) / 16 * 16;
            const uint64_t address = LOCAL_BASE + (uint64_t)end;
            memcpy(to, &address, sizeof(address));
            if (a->bytes > LOCAL_LIMIT)
                end = LOCAL_LIMIT + 1;
            else if (end <= LOCAL_LIMIT)
                end += (uint32_t)a->bytes;
            continue;
        }
        memcpy(to, a->value, a->bytes);
        if (a->bytes == sizeof(cl_mem))
            pass_buffer(launch, to);
    }
    launch->local_bytes = end;
    if (end > LOCAL_LIMIT)
        complain_of_call(kernel->name, "more than %d bytes of local memory", LOCAL_LIMIT);
    return end > LOCAL_LIMIT ? CL_OUT_OF_RESOURCES : CL_SUCCESS;
}

static cl_int set_size(cl_kernel k, struct launch *launch, cl_uint n, const size_t *global,
                       const size_t *local)
{
    static const size_t most_groups[] = {INT32_MAX, 65535, 65535}, most_items[] = {1024, 1024, 64};
    const struct kernel *kernel = k->kernel;
    size_t items = 1;
    for (cl_uint d = 0; d < 3; d++) {
        const size_t size = local && d < n ? local[d] : 1, all = d < n ? global[d] : 1;
        if (!size || !all || all % size || size > most_items[d] ||
            (kernel->group_size[0] && size != kernel->group_size[d])) {
            complain_of_call(kernel->name, "work-groups of %zu in dimension %u of %zu items", size,
                             d, all);
            return CL_INVALID_WORK_GROUP_SIZE;
        }
        if (all / size > most_groups[d]) {
            complain_of_call(kernel->name, "%zu work-groups in dimension %u", all / size, d);
            return CL_INVALID_GLOBAL_WORK_SIZE;
        }
        launch->items[d] = (uint32_t)size;
        launch->groups[d] = (uint32_t)(all / size);
        items *= size;
    }
    if (items > MAX_ITEMS)
        complain_of_call(kernel->name, "work-groups of %zu items", items);
    return items > MAX_ITEMS ? CL_INVALID_WORK_GROUP_SIZE : CL_SUCCESS;
}

static cl_int CL_API_CALL enqueue_kernel(cl_command_queue queue, cl_kernel k, cl_uint n,
                                         const size_t *offset, const size_t *global,
                                         const size_t *local, cl_uint waits, const cl_event *events,
                                         cl_event *event)
{
    const cl_ulong begin = now();
    const struct program *program = k->program->program;
    uint8_t params[MAX_PARAMS * 64] = {0};
    struct launch launch = {.kernel = k->kernel, .params = params};
    (void)queue, (void)waits, (void)events;
    if (offset)
        return CL_INVALID_GLOBAL_OFFSET;
    cl_int code = set_size(k, &launch, n, global, local);
    if (!code)
        code = pass_arguments(k, &launch, params);
    if (code)
        return code;
    for (size_t i = 0; i < program->n_variables && i < 16; i++)
        launch.regions[launch.n_regions++] =
            (struct region){program->variables[i].address, program->variables[i].bytes};
    report_launch();
    launch_run(&launch);
    return end_command(begin, event);
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
