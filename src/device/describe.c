#include "device/describe.h"

#include <ctype.h>
#include <string.h>

#include "base/util.h"
#include "elcl/plan.h"

/* Appends a property of the platform or of the device, of which exactly one is given, and returns
 * its offset in `strings`. A property that the driver refuses reads as ""; a lack of memory marks
 * the strings as failed. */
static size_t read_string(struct elcl_str *strings, cl_platform_id platform, cl_device_id device,
                          cl_uint property)
{
    size_t bytes = 0;
    const cl_int code = platform ? clGetPlatformInfo(platform, property, 0, NULL, &bytes)
                                 : clGetDeviceInfo(device, property, 0, NULL, &bytes);
    char *text = code || !bytes ? NULL : elcl_calloc(bytes + 1, 1);
    if (!text && !code && bytes)
        strings->failed = true;
    if (text) {
        if (platform ? clGetPlatformInfo(platform, property, bytes, text, NULL)
                     : clGetDeviceInfo(device, property, bytes, text, NULL))
            text[0] = '\0';
    }
    const char *start = text ? text : "";
    while (isspace((unsigned char)*start))
        start++;
    size_t n = strlen(start);
    while (n && isspace((unsigned char)start[n - 1]))
        n--;
    const size_t offset = strings->n;
    elcl_str_append(strings, start, n);
    elcl_str_append(strings, "", 1);
    elcl_free(text);
    return offset;
}

/* Returns an integer property of 4 or 8 bytes, or 0 if the driver refuses it. */
static uint64_t read_number(cl_device_id device, cl_device_info property)
{
    union {
        cl_uint u32;
        cl_ulong u64;
    } value = {.u64 = 0};
    size_t bytes = 0;
    if (clGetDeviceInfo(device, property, sizeof(value), &value, &bytes))
        return 0;
    if (bytes == sizeof(value.u32))
        return value.u32;
    return bytes == sizeof(value.u64) ? value.u64 : 0;
}

static enum elcl_device_type read_type(cl_device_id device)
{
    const uint64_t type = read_number(device, CL_DEVICE_TYPE);
    if (type & CL_DEVICE_TYPE_GPU)
        return ELCL_DEVICE_GPU;
    return type & CL_DEVICE_TYPE_CPU ? ELCL_DEVICE_CPU : ELCL_DEVICE_OTHER;
}

uint64_t elcl_planned_memory(const elcl_device_desc *device)
{
    const uint64_t all = device->memory_bytes, kept = all / 20 + (UINT64_C(256) << 20);
    if (device->type == ELCL_DEVICE_CPU)
        return all;
    return all - (kept < all / 2 ? kept : all / 2);
}

int elcl_device_describe(cl_platform_id platform, cl_device_id id, elcl_device_desc *desc,
                         char **strings, elcl_error *err)
{
    struct elcl_str s = {0};
    const size_t name = read_string(&s, NULL, id, CL_DEVICE_NAME);
    const size_t platform_name = read_string(&s, platform, NULL, CL_PLATFORM_NAME);
    const size_t vendor = read_string(&s, NULL, id, CL_DEVICE_VENDOR);
    const size_t driver = read_string(&s, NULL, id, CL_DRIVER_VERSION);
    const size_t version = read_string(&s, NULL, id, CL_DEVICE_VERSION);
    const size_t extensions = read_string(&s, NULL, id, CL_DEVICE_EXTENSIONS);
    if (s.failed) {
        elcl_str_finish(&s);
        return elcl_fail_nomem(err);
    }
    *strings = s.data;
    *desc = (elcl_device_desc){
        .name = s.data + name,
        .platform = s.data + platform_name,
        .vendor = s.data + vendor,
        .driver = s.data + driver,
        .version = s.data + version,
        .extensions = s.data + extensions,
        .type = read_type(id),
        .memory_bytes = read_number(id, CL_DEVICE_GLOBAL_MEM_SIZE),
        .max_alloc_bytes = read_number(id, CL_DEVICE_MAX_MEM_ALLOC_SIZE),
        .local_bytes = read_number(id, CL_DEVICE_LOCAL_MEM_SIZE),
        .cache_bytes = read_number(id, CL_DEVICE_GLOBAL_MEM_CACHE_SIZE),
        .compute_units = (uint32_t)read_number(id, CL_DEVICE_MAX_COMPUTE_UNITS),
        .clock_mhz = (uint32_t)read_number(id, CL_DEVICE_MAX_CLOCK_FREQUENCY),
        .max_work_group = (uint32_t)read_number(id, CL_DEVICE_MAX_WORK_GROUP_SIZE),
        .vector_width = (uint32_t)read_number(id, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT),
        .unified_memory = read_number(id, CL_DEVICE_HOST_UNIFIED_MEMORY) != 0,
    };
    const struct elcl_quirks quirks = elcl_quirks_find(desc);
    desc->gpu_kernels =
        !quirks.gpu_kernels_crash && (desc->type != ELCL_DEVICE_CPU || quirks.gpu_like);
    return ELCL_OK;
}
