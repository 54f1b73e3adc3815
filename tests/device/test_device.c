/* The device layer: what the tests share, and main(). */
#define _POSIX_C_SOURCE 200809L

#include "tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "device/buffer.h"

bool says(const elcl_error *err, int code, const char *a, const char *b)
{
    return CHECK(err->code == code && strstr(err->msg, a) && strstr(err->msg, b),
                 "code %d, message \"%s\"; want code %d with \"%s\" and \"%s\"", err->code,
                 err->msg, code, a, b);
}

void collect_log(void *user, enum elcl_log_level level, const char *line)
{
    struct log *log = user;
    (void)level;
    log->lines++;
    elcl_str_printf(&log->text, "%s\n", line);
}

struct elcl_device *open_device(const struct elcl_device_params *params)
{
    elcl_error err = {0};
    struct elcl_device *device = NULL;
    const int rc = elcl_device_open(params, &device, &err);
    CHECK(!rc && device, "%d %s", rc, err.msg);
    return rc ? NULL : device;
}

void close_device(struct elcl_device **device)
{
    CHECK(atomic_load(&(*device)->live_bytes) == 0, "%llu bytes left",
          atomic_load(&(*device)->live_bytes));
    CHECK(atomic_load(&(*device)->live_buffers) == 0, "%d buffers left",
          atomic_load(&(*device)->live_buffers));
    elcl_device_close(device);
    CHECK(!*device, "close left the pointer");
}

const char *fresh_cache(void)
{
    static char path[128];
    static int number;
    snprintf(path, sizeof(path), "%s/cache-%d", check_temporary_directory(), number++);
    setenv("ELCL_CACHE_DIR", path, 1);
    return path;
}

size_t count_files(const char *directory)
{
    struct elcl_file_info *files;
    size_t n;
    if (!elcl_list_files(directory, &files, &n))
        return 0;
    elcl_free_files(files, n);
    return n;
}

char *only_file(const char *directory)
{
    struct elcl_file_info *files;
    size_t n;
    char *path = NULL;
    if (!elcl_list_files(directory, &files, &n))
        return NULL;
    if (n == 1)
        path = elcl_path_join(directory, files[0].name);
    elcl_free_files(files, n);
    return path;
}

cl_program build_twice(struct elcl_device *device, enum elcl_mac mac)
{
    const struct elcl_program_parts parts = {.mac = mac,
                                             .options = "-DADD=3.0f",
                                             .text = "__kernel void twice(__global float *x)\n"
                                                     "{\n"
                                                     "    const size_t i = get_global_id(0);\n"
                                                     "    x[i] = ELCL_MAC(x[i], 2.0f, ADD);\n"
                                                     "}\n"};
    elcl_error err = {0};
    cl_program program = NULL;
    CHECK(!elcl_program_build(device, &parts, &program, &err), "%s", err.msg);
    return program;
}

bool run_twice(struct elcl_device *device, cl_program program, cl_event *event)
{
    struct elcl_buffer buffer = {0};
    float x[4] = {0, 1, -2.5f, 1000};
    static const double want[4] = {3, 5, -2, 2003};
    const size_t n = 4;
    cl_int code;
    bool ok = false;
    cl_kernel kernel = clCreateKernel(program, "twice", &code);
    if (!code && !elcl_buffer_create(device, "x", sizeof(x), &buffer, NULL) &&
        !elcl_buffer_write(&buffer, 0, x, sizeof(x), NULL) &&
        !clSetKernelArg(kernel, 0, sizeof(cl_mem), &buffer.mem) &&
        !clEnqueueNDRangeKernel(device->queue, kernel, 1, NULL, &n, NULL, 0, NULL, event) &&
        !elcl_buffer_read(&buffer, 0, x, sizeof(x), NULL))
        ok = check_close("twice", x, want, n, 0, 1e-6);
    elcl_buffer_destroy(&buffer);
    if (kernel)
        clReleaseKernel(kernel);
    return ok;
}

void build_probe_file(struct elcl_device *device, bool store)
{
    static const struct elcl_program_parts parts = {.files = {"probe.cl"}, .options = "-DX=1"};
    elcl_error err = {0};
    cl_program program = NULL;
    const int rc = elcl_program_build(device, &parts, &program, &err);
    if (!CHECK(!rc && program, "%d %s", rc, err.msg))
        return;
    cl_int code;
    cl_kernel kernel = clCreateKernel(program, "probe_half", &code);
    CHECK(!code, "probe_half: %s", elcl_cl_error_name(code));
    if (!code)
        clReleaseKernel(kernel);
    if (store)
        elcl_program_store(device, &parts, program);
    clReleaseProgram(program);
}

int main(int argc, char **argv)
{
    const struct check_options *options = check_begin(argc, argv);
    fresh_cache();
    test_no_drivers(); /* before the first OpenCL call */
    elcl_device_list *list = NULL;
    struct elcl_device *device = NULL;
    elcl_error err = {0};
    if (elcl_device_list_create(&list, &err) ||
        elcl_device_open(&(struct elcl_device_params){.device = options->device}, &device, &err)) {
        if (check_case("the device under test"))
            CHECK(false, "%s", err.msg);
        elcl_device_list_destroy(&list);
        check_end();
        return 1;
    }
    test_listing(list, options);
    test_cache(options);
    test_mma(device);
    test_int8(device);
    test_cache_trust(options);
    test_probes(options);
    test_buffers(device, options);
    test_programs(device);
    test_profiles(device);
    struct elcl_features features;
    elcl_probe_features(device, &features);
    test_rates(device, &features);
    if (check_case("close: nothing is left"))
        close_device(&device);
    elcl_device_close(&device);
    elcl_device_list_destroy(&list);
    return check_end();
}
