#include "device/device.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/os.h"
#include "base/util.h"
#include "device/device_list.h"
#include "device/probe.h"

void elcl_device_log(const struct elcl_device *device, enum elcl_log_level level, const char *fmt,
                     ...)
{
    if (!device || !device->log)
        return;
    char line[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    device->log(device->log_user, level, line);
}

/* The device takes over the entry's strings. */
static void take_entry(struct elcl_device *device, struct elcl_device_entry *entry)
{
    device->platform = entry->platform;
    device->id = entry->id;
    device->desc = entry->desc;
    device->strings = entry->strings;
    entry->strings = NULL;
    device->is_pocl = !strcmp(device->desc.platform, "Portable Computing Language");
}

static int apply_params(struct elcl_device *device, const struct elcl_device_params *params,
                        elcl_error *err)
{
    const bool crashes = elcl_device_gpu_shape_crashes(&device->desc);
    device->kernels = params->kernels;
    if (crashes && device->kernels == ELCL_KERNELS_GPU)
        return elcl_fail(err, ELCL_E_UNSUPPORTED,
                         "%s: its driver (%s %s) crashes on GPU-shape kernels; --kernels cpu works",
                         device->desc.name, device->desc.platform, device->desc.driver);
    if (device->kernels == ELCL_KERNELS_AUTO)
        device->kernels = device->desc.gpu_kernels ? ELCL_KERNELS_GPU : ELCL_KERNELS_CPU;
    device->memory_limit_bytes = UINT64_MAX; /* until set_memory_limit() */
    device->log = params->log;
    device->log_user = params->log_user;
    device->mac = ELCL_MAC_PLAIN; /* until the probe has spoken */
    if (!params->no_cache)
        device->cache_directory = elcl_cache_directory();
    return ELCL_OK;
}

/* After the probe, whose buffers count neither against the limit nor in the peak. */
static void set_memory_limit(struct elcl_device *device, uint64_t bytes)
{
    device->memory_limit_bytes = bytes ? bytes : device->desc.memory_bytes;
    if (!device->memory_limit_bytes) /* a driver that does not say: its refusal is the limit */
        device->memory_limit_bytes = UINT64_MAX;
    atomic_store(&device->peak_bytes, 0);
}

static int create_context(struct elcl_device *device, elcl_error *err)
{
    const cl_context_properties properties[] = {CL_CONTEXT_PLATFORM,
                                                (cl_context_properties)device->platform, 0};
    cl_int code;
    device->context = clCreateContext(properties, 1, &device->id, NULL, NULL, &code);
    if (code)
        return elcl_cl_check(code, "clCreateContext", device->desc.name, err);
    device->queue = clCreateCommandQueue(device->context, device->id, 0, &code);
    return elcl_cl_check(code, "clCreateCommandQueue", device->desc.name, err);
}

static int open_entry(struct elcl_device *device, elcl_error *err)
{
    int rc = create_context(device, err);
    if (rc)
        return rc;
    struct elcl_probes probes;
    rc = elcl_probe_run(device, &probes, err);
    if (rc)
        return rc;
    device->mac = probes.mac;
    device->mma = probes.mma;
    device->int8_dot = probes.int8_dot;
    device->bf16_dot = probes.bf16_dot;
    device->short_loops = probes.short_loops;
    elcl_device_log(device, ELCL_LOG_DEBUG, "device %d: %s (%s, driver %s), %s kernels",
                    device->desc.index, device->desc.name, device->desc.platform,
                    device->desc.driver, device->kernels == ELCL_KERNELS_CPU ? "CPU" : "GPU");
    return ELCL_OK;
}

int elcl_device_open(const struct elcl_device_params *params, struct elcl_device **device,
                     elcl_error *err)
{
    elcl_device_list *list = NULL;
    size_t chosen;
    struct elcl_device *d = elcl_calloc(1, sizeof(*d));
    if (!d)
        return elcl_fail_nomem(err);
    int rc;
    ELCL_TRY(elcl_device_list_create(&list, err));
    ELCL_TRY(elcl_device_list_choose(list, params->device, &chosen, err));
    take_entry(d, &list->entries[chosen]);
    ELCL_TRY(apply_params(d, params, err));
    ELCL_TRY(open_entry(d, err));
    set_memory_limit(d, params->memory_limit_bytes);
    *device = d;
    d = NULL;
fail:
    elcl_device_list_destroy(&list);
    elcl_device_close(&d);
    return rc;
}

void elcl_device_close(struct elcl_device **device)
{
    if (!device || !*device)
        return;
    struct elcl_device *d = *device;
    const int left = atomic_load(&d->live_buffers);
    if (left)
        elcl_device_log(d, ELCL_LOG_WARNING, "%d device buffers (%" PRIu64 " bytes) still live",
                        left, (uint64_t)atomic_load(&d->live_bytes));
    if (d->queue)
        clReleaseCommandQueue(d->queue);
    if (d->context)
        clReleaseContext(d->context);
    elcl_free(d->cache_directory);
    elcl_free(d->strings);
    elcl_free(d);
    *device = NULL;
}
