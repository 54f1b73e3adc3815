/* Tests two queues of a driver that writes as late as OpenCL 1.2 allows: a blocking write copies
 * the host's memory and returns, and the buffer gets the data when the program next waits for or
 * reads from the same queue. Linked with --wrap= of the three functions below. */
#include "check.h"

#include <string.h>

#include "base/util.h"
#include "device/buffer.h"
#include "wrap.h"

WRAPPED(clEnqueueWriteBuffer);
WRAPPED(clEnqueueReadBuffer);
WRAPPED(clFinish);

static struct {
    bool on;
    cl_command_queue queue; /* of the pending write; NULL: none */
    cl_mem mem;
    size_t offset, bytes;
    unsigned char data[4096];
} late;

static cl_int catch_up(cl_command_queue queue)
{
    if (!late.queue || late.queue != queue)
        return CL_SUCCESS;
    late.queue = NULL;
    return __real_clEnqueueWriteBuffer(queue, late.mem, CL_TRUE, late.offset, late.bytes, late.data,
                                       0, NULL, NULL);
}

cl_int __wrap_clEnqueueWriteBuffer(cl_command_queue queue, cl_mem mem, cl_bool blocking,
                                   size_t offset, size_t bytes, const void *data, cl_uint n_wait,
                                   const cl_event *wait, cl_event *event)
{
    if (!late.on || !blocking || bytes > sizeof(late.data) || n_wait || event)
        return __real_clEnqueueWriteBuffer(queue, mem, blocking, offset, bytes, data, n_wait, wait,
                                           event);
    const cl_int code = catch_up(late.queue);
    late.queue = queue;
    late.mem = mem;
    late.offset = offset;
    late.bytes = bytes;
    memcpy(late.data, data, bytes);
    return code;
}

cl_int __wrap_clEnqueueReadBuffer(cl_command_queue queue, cl_mem mem, cl_bool blocking,
                                  size_t offset, size_t bytes, void *data, cl_uint n_wait,
                                  const cl_event *wait, cl_event *event)
{
    const cl_int code = catch_up(queue);
    return code ? code
                : __real_clEnqueueReadBuffer(queue, mem, blocking, offset, bytes, data, n_wait,
                                             wait, event);
}

cl_int __wrap_clFinish(cl_command_queue queue)
{
    const cl_int code = catch_up(queue);
    return code ? code : __real_clFinish(queue);
}

#define N 64

/* Returns whether commands of the queue find `value` in the buffer. */
static bool finds(cl_command_queue queue, const struct elcl_buffer *buffer, unsigned char value)
{
    unsigned char got[N];
    if (!CHECK(!clEnqueueReadBuffer(queue, buffer->mem, CL_TRUE, 0, N, got, 0, NULL, NULL), "read"))
        return false;
    size_t same = 0;
    for (size_t i = 0; i < N; i++)
        same += got[i] == value;
    return same == N;
}

static void test_queues(struct elcl_device *device, cl_command_queue other)
{
    struct elcl_buffer buffer = {0};
    elcl_error err = {0};
    unsigned char data[N];
    if (!CHECK(!elcl_buffer_create(device, "test", N, &buffer, &err), "%s", err.msg))
        return;
    if (check_case("queues: the stand-in is late")) {
        memset(data, 1, N);
        const cl_int code =
            clEnqueueWriteBuffer(device->queue, buffer.mem, CL_TRUE, 0, N, data, 0, NULL, NULL);
        CHECK(!code && finds(other, &buffer, 0), "the other queue finds what was just written");
        CHECK(finds(device->queue, &buffer, 1), "the same queue does not");
        CHECK(finds(other, &buffer, 1), "nor the other one afterwards");
    }
    if (check_case("queues: every queue sees what was written")) {
        memset(data, 2, N);
        CHECK(!elcl_buffer_write(&buffer, 0, data, N, &err), "%s", err.msg);
        CHECK(finds(other, &buffer, 2), "another queue finds what was there before");
    }
    elcl_buffer_destroy(&buffer);
}

int main(int argc, char **argv)
{
    const struct check_options *options = check_begin(argc, argv);
    struct elcl_device *device = NULL;
    elcl_error err = {0};
    const struct elcl_device_params params = {.device = options->device};
    if (elcl_device_open(&params, &device, &err)) {
        if (check_case("the device under test"))
            CHECK(false, "%s", err.msg);
        return check_end();
    }
    cl_int code;
    cl_command_queue other = clCreateCommandQueue(device->context, device->id, 0, &code);
    if (CHECK(!code, "%s", elcl_cl_error_name(code))) {
        late.on = true;
        test_queues(device, other);
        late.on = false;
        clReleaseCommandQueue(other);
    }
    elcl_device_close(&device);
    return check_end();
}
