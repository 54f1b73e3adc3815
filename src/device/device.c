#include "device/device.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/os.h"
#include "base/own_files.h"
#include "base/util.h"
#include "device/list.h"
#include "elcl/plan.h"

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

static int read_matrix_switch(struct elcl_device *device, const struct elcl_device_params *params,
                              elcl_error *err)
{
    static const char name[] = "ELCL_MATRIX_INSTRUCTIONS";
    const char *value = getenv(name);
    const bool off = value && !strcmp(value, "off");
    if (value && *value && !off && strcmp(value, "auto") != 0)
        return elcl_fail(err, ELCL_E_ARG, "%s: expected auto or off, found '%.80s'", name, value);
    device->no_matrix_why = params->no_matrix_instructions ? "the caller" : off ? name : NULL;
    return ELCL_OK;
}

/* Takes the directory unless it cannot be trusted or written: a run does without it. */
static void open_cache(struct elcl_device *device)
{
    elcl_error why = {0};
    char *directory = elcl_cache_directory();
    if (directory && elcl_own_directory(directory, &why)) {
        elcl_device_log(device, ELCL_LOG_INFO, "no cache: %s", why.msg);
        elcl_free(directory);
        directory = NULL;
    }
    device->cache_directory = directory;
}

static int apply_params(struct elcl_device *device, const struct elcl_device_params *params,
                        elcl_error *err)
{
    const elcl_device_desc *desc = &device->desc;
    device->kernels = params->kernels     ? params->kernels
                      : desc->gpu_kernels ? ELCL_KERNELS_GPU
                                          : ELCL_KERNELS_CPU;
    if (device->quirks.gpu_kernels_crash && device->kernels == ELCL_KERNELS_GPU)
        return elcl_fail(err, ELCL_E_UNSUPPORTED,
                         "%s: its driver (%s %s) crashes on GPU kernels; --kernels cpu works",
                         desc->name, desc->platform, desc->driver);
    device->memory_limit_bytes = params->memory_limit_bytes ? params->memory_limit_bytes
                                 : desc->memory_bytes       ? desc->memory_bytes
                                                            : UINT64_MAX; /* not known */
    device->plan_limit_bytes = params->memory_limit_bytes ? params->memory_limit_bytes
                               : desc->memory_bytes       ? elcl_planned_memory(desc)
                                                          : UINT64_MAX;
    device->log = params->log;
    device->log_user = params->log_user;
    if (!params->no_cache)
        open_cache(device);
    device->processor = desc->type == ELCL_DEVICE_CPU ? elcl_cpu_hash() : 0;
    return read_matrix_switch(device, params, err);
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

int elcl_device_open_entry(const struct elcl_device_entry *entry,
                           const struct elcl_device_params *params, struct elcl_device **device,
                           elcl_error *err)
{
    struct elcl_device *d = elcl_calloc(1, sizeof(*d));
    int rc;
    if (!d)
        return elcl_fail_nomem(err);
    d->platform = entry->platform;
    d->id = entry->id;
    d->desc = entry->desc;
    d->quirks = elcl_quirks_find(&d->desc);
    ELCL_TRY(apply_params(d, params, err));
    ELCL_TRY(create_context(d, err));
    elcl_device_log(d, ELCL_LOG_DEBUG, "device %d: %s (%s, driver %s), %s kernels", d->desc.index,
                    d->desc.name, d->desc.platform, d->desc.driver,
                    d->kernels == ELCL_KERNELS_CPU ? "CPU" : "GPU");
    *device = d;
    d = NULL;
fail:
    elcl_device_close(&d);
    return rc;
}

int elcl_device_open(const struct elcl_device_params *params, struct elcl_device **device,
                     elcl_error *err)
{
    elcl_device_list *list = NULL;
    size_t chosen;
    int rc;
    ELCL_TRY(elcl_device_list_create(&list, err));
    ELCL_TRY(elcl_device_list_choose(list, params->device, &chosen, err));
    struct elcl_device_entry *entry = &list->entries[chosen];
    ELCL_TRY(elcl_device_open_entry(entry, params, device, err));
    (*device)->strings = entry->strings;
    entry->strings = NULL;
fail:
    elcl_device_list_destroy(&list);
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
