#include "base/util.h"
#include "probe/probe_impl.h"

/* The fastest ELCL_MAC is not known yet. */
static const struct elcl_program_parts parts = {.files = {"probe.cl"}, .mac = ELCL_MAC_PLAIN};

int elcl_probe_fixture_init(struct elcl_probe_fixture *f, struct elcl_device *device,
                            elcl_error *err)
{
    const bool cpu = device->kernels == ELCL_KERNELS_CPU;
    *f = (struct elcl_probe_fixture){
        .device = device, .items = cpu ? 8 : 1024, .group = cpu ? 1 : 64};
    int rc;
    cl_int code;
    ELCL_TRY(elcl_program_build(device, &parts, &f->program, err));
    f->mac = clCreateKernel(f->program, "probe_mac", &code);
    ELCL_TRY(elcl_cl_check(code, "clCreateKernel", "probe_mac", err));
    f->half = clCreateKernel(f->program, "probe_half", &code);
    ELCL_TRY(elcl_cl_check(code, "clCreateKernel", "probe_half", err));
    f->loop = clCreateKernel(f->program, "probe_loop", &code);
    ELCL_TRY(elcl_cl_check(code, "clCreateKernel", "probe_loop", err));
    ELCL_TRY(
        elcl_buffer_create(device, "probe output", ELCL_N_HALVES * sizeof(float), &f->out, err));
    ELCL_TRY(
        elcl_buffer_create(device, "probe input", ELCL_N_HALVES * sizeof(cl_half), &f->in, err));
fail:
    return rc;
}

void elcl_probe_fixture_finish(struct elcl_probe_fixture *f)
{
    elcl_buffer_destroy(&f->in);
    elcl_buffer_destroy(&f->out);
    if (f->loop)
        clReleaseKernel(f->loop);
    if (f->half)
        clReleaseKernel(f->half);
    if (f->mac)
        clReleaseKernel(f->mac);
    if (f->program)
        clReleaseProgram(f->program);
}

/* Launches and waits. */
int elcl_probe_launch(struct elcl_probe_fixture *f, cl_kernel kernel, size_t items, size_t group)
{
    cl_command_queue queue = f->device->queue;
    cl_int code = clEnqueueNDRangeKernel(queue, kernel, 1, NULL, &items, &group, 0, NULL, NULL);
    if (!code)
        code = clFinish(queue);
    return elcl_cl_check(code, "probe", NULL, NULL);
}
