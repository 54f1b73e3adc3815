#include "device/buffer.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/util.h"

/* Takes `bytes` from the budget before the buffer is created: two threads cannot both pass the
 * check. *live is the sum including these bytes. */
static int reserve(struct elcl_device *device, const char *label, size_t bytes, uint64_t *live,
                   elcl_error *err)
{
    const uint64_t single = device->desc.max_alloc_bytes;
    if (single && bytes > single)
        return elcl_fail(err, ELCL_E_DEVICE_NOMEM,
                         "%s: a buffer of %zu bytes is larger than the %" PRIu64
                         " bytes that %s allows for one buffer",
                         label, bytes, single, device->desc.name);
    const uint64_t before = atomic_fetch_add(&device->live_bytes, bytes);
    if (before > device->memory_limit_bytes || bytes > device->memory_limit_bytes - before) {
        atomic_fetch_sub(&device->live_bytes, bytes);
        return elcl_fail(err, ELCL_E_DEVICE_NOMEM,
                         "%s: %zu bytes of device memory are needed, but %" PRIu64
                         " of the limit of %" PRIu64 " bytes are in use",
                         label, bytes, before, device->memory_limit_bytes);
    }
    *live = before + bytes;
    return ELCL_OK;
}

static void raise_peak(struct elcl_device *device, unsigned long long live)
{
    unsigned long long peak = atomic_load(&device->peak_bytes);
    while (peak < live && !atomic_compare_exchange_weak(&device->peak_bytes, &peak, live)) {
    }
}

static cl_int fill_with_zeros(cl_command_queue queue, cl_mem mem, size_t bytes)
{
    const cl_uint zero[4] = {0};
    const size_t wide = bytes - bytes % sizeof(zero);
    cl_int code = CL_SUCCESS;
    if (wide)
        code = clEnqueueFillBuffer(queue, mem, zero, sizeof(zero), 0, wide, 0, NULL, NULL);
    if (!code && bytes > wide)
        code = clEnqueueFillBuffer(queue, mem, zero, 1, wide, bytes - wide, 0, NULL, NULL);
    return code ? code : clFinish(queue);
}

/* Writes, then waits for the queue. A blocking write returns when the host may reuse its memory,
 * not when the buffer has the data: Intel's CPU driver keeps a copy of small writes in its queue,
 * as OpenCL 1.2 allows. Kernels run in other queues, which do not wait for this one. */
static cl_int write_through(cl_command_queue queue, cl_mem mem, size_t offset, const void *data,
                            size_t bytes)
{
    const cl_int code =
        clEnqueueWriteBuffer(queue, mem, CL_TRUE, offset, bytes, data, 0, NULL, NULL);
    return code ? code : clFinish(queue);
}

/* Computes the first contents of a buffer; without `compute` they are zeros. */
struct contents {
    void (*compute)(void *user, void *memory);
    void *user;
};

static cl_int compute_in_place(cl_command_queue queue, cl_mem mem, size_t bytes,
                               const struct contents *contents, const char **call)
{
    cl_int code;
    *call = "clEnqueueMapBuffer";
    void *memory = clEnqueueMapBuffer(queue, mem, CL_TRUE, CL_MAP_WRITE_INVALIDATE_REGION, 0, bytes,
                                      0, NULL, NULL, &code);
    if (code)
        return code;
    contents->compute(contents->user, memory);
    *call = "clEnqueueUnmapMemObject";
    code = clEnqueueUnmapMemObject(queue, mem, memory, 0, NULL, NULL);
    return code ? code : clFinish(queue);
}

static cl_int compute_and_copy(cl_command_queue queue, cl_mem mem, size_t bytes,
                               const struct contents *contents, const char **call)
{
    void *memory = elcl_calloc(bytes, 1);
    *call = "host memory";
    if (!memory)
        return CL_OUT_OF_HOST_MEMORY;
    contents->compute(contents->user, memory);
    *call = "clEnqueueWriteBuffer";
    const cl_int code = write_through(queue, mem, 0, memory, bytes);
    elcl_free(memory);
    return code;
}

static cl_int fill(struct elcl_device *device, cl_mem mem, size_t bytes,
                   const struct contents *contents, const char **call)
{
    if (contents->compute)
        return device->desc.unified_memory
                   ? compute_in_place(device->queue, mem, bytes, contents, call)
                   : compute_and_copy(device->queue, mem, bytes, contents, call);
    *call = "clEnqueueFillBuffer";
    return fill_with_zeros(device->queue, mem, bytes);
}

static int create(struct elcl_device *device, const char *label, size_t bytes,
                  const struct contents *contents, struct elcl_buffer *buffer, elcl_error *err)
{
    if (!bytes)
        return elcl_fail(err, ELCL_E_INTERNAL, "%s: a buffer needs at least 1 byte", label);
    uint64_t live = 0;
    const int rc = reserve(device, label, bytes, &live, err);
    if (rc)
        return rc;
    cl_int code;
    const char *call = "clCreateBuffer";
    cl_mem mem = clCreateBuffer(device->context, CL_MEM_READ_WRITE, bytes, NULL, &code);
    if (!code) {
        code = fill(device, mem, bytes, contents, &call);
        if (code)
            clReleaseMemObject(mem);
    }
    if (code) {
        atomic_fetch_sub(&device->live_bytes, bytes);
        char what[160];
        snprintf(what, sizeof(what), "%s, %zu bytes", label, bytes);
        return elcl_cl_check(code, call, what, err);
    }
    raise_peak(device, live);
    atomic_fetch_add(&device->live_buffers, 1);
    *buffer = (struct elcl_buffer){.mem = mem, .bytes = bytes, .device = device, .label = label};
    return ELCL_OK;
}

int elcl_buffer_create(struct elcl_device *device, const char *label, size_t bytes,
                       struct elcl_buffer *buffer, elcl_error *err)
{
    const struct contents zeros = {NULL, NULL};
    return create(device, label, bytes, &zeros, buffer, err);
}

int elcl_buffer_create_computed(struct elcl_device *device, const char *label, size_t bytes,
                                void (*compute)(void *user, void *memory), void *user,
                                struct elcl_buffer *buffer, elcl_error *err)
{
    const struct contents contents = {compute, user};
    return create(device, label, bytes, &contents, buffer, err);
}

void elcl_buffer_destroy(struct elcl_buffer *buffer)
{
    if (!buffer)
        return;
    if (buffer->mem) {
        clReleaseMemObject(buffer->mem);
        atomic_fetch_sub(&buffer->device->live_bytes, buffer->bytes);
        atomic_fetch_sub(&buffer->device->live_buffers, 1);
    }
    *buffer = (struct elcl_buffer){0};
}

static int check_range(const struct elcl_buffer *buffer, const char *verb, size_t offset,
                       size_t bytes, elcl_error *err)
{
    if (offset <= buffer->bytes && bytes <= buffer->bytes - offset)
        return ELCL_OK;
    return elcl_fail(err, ELCL_E_ARG, "%s: cannot %s %zu bytes at %zu of a buffer of %zu bytes",
                     buffer->label ? buffer->label : "empty buffer", verb, bytes, offset,
                     buffer->bytes);
}

int elcl_buffer_write(struct elcl_buffer *buffer, size_t offset, const void *data, size_t bytes,
                      elcl_error *err)
{
    const int rc = check_range(buffer, "write", offset, bytes, err);
    if (rc || !bytes)
        return rc;
    return elcl_cl_check(write_through(buffer->device->queue, buffer->mem, offset, data, bytes),
                         "clEnqueueWriteBuffer", buffer->label, err);
}

int elcl_buffer_read(const struct elcl_buffer *buffer, size_t offset, void *data, size_t bytes,
                     elcl_error *err)
{
    const int rc = check_range(buffer, "read", offset, bytes, err);
    if (rc || !bytes)
        return rc;
    return elcl_cl_check(clEnqueueReadBuffer(buffer->device->queue, buffer->mem, CL_TRUE, offset,
                                             bytes, data, 0, NULL, NULL),
                         "clEnqueueReadBuffer", buffer->label, err);
}
