#include "device/device_list.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"

#ifndef CL_PLATFORM_NOT_FOUND_KHR
#define CL_PLATFORM_NOT_FOUND_KHR (-1001)
#endif

/* ---- reading what a driver says ------------------------------------------------------------ */

/* Exactly one of platform and device is given. A property that is refused reads as "". Returns
 * the offset of the string in `strings`. */
static size_t read_string(struct elcl_str *strings, cl_platform_id platform, cl_device_id device,
                          cl_uint property)
{
    size_t bytes = 0;
    const cl_int code = platform ? clGetPlatformInfo(platform, property, 0, NULL, &bytes)
                                 : clGetDeviceInfo(device, property, 0, NULL, &bytes);
    char *text = code || !bytes ? NULL : elcl_calloc(bytes + 1, 1);
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

/* An integer property of 4 or 8 bytes; 0 when it is refused. */
static uint64_t read_number(cl_device_id device, cl_device_info property)
{
    union {
        cl_uint narrow;
        cl_ulong wide;
    } value = {.wide = 0};
    size_t bytes = 0;
    if (clGetDeviceInfo(device, property, sizeof(value), &value, &bytes))
        return 0;
    if (bytes == sizeof(value.narrow))
        return value.narrow;
    return bytes == sizeof(value.wide) ? value.wide : 0;
}

static enum elcl_device_type read_type(cl_device_id device)
{
    const uint64_t type = read_number(device, CL_DEVICE_TYPE);
    if (type & CL_DEVICE_TYPE_GPU)
        return ELCL_DEVICE_GPU;
    return type & CL_DEVICE_TYPE_CPU ? ELCL_DEVICE_CPU : ELCL_DEVICE_OTHER;
}

static int read_entry(struct elcl_device_entry *entry, elcl_error *err)
{
    const cl_device_id id = entry->id;
    struct elcl_str s = {0};
    const size_t name = read_string(&s, NULL, id, CL_DEVICE_NAME);
    const size_t platform = read_string(&s, entry->platform, NULL, CL_PLATFORM_NAME);
    const size_t vendor = read_string(&s, NULL, id, CL_DEVICE_VENDOR);
    const size_t driver = read_string(&s, NULL, id, CL_DRIVER_VERSION);
    const size_t version = read_string(&s, NULL, id, CL_DEVICE_VERSION);
    const size_t extensions = read_string(&s, NULL, id, CL_DEVICE_EXTENSIONS);
    if (s.failed) {
        elcl_str_finish(&s);
        return elcl_fail_nomem(err);
    }
    entry->strings = s.data;
    entry->desc = (elcl_device_desc){
        .name = s.data + name,
        .platform = s.data + platform,
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
    const elcl_device_desc *d = &entry->desc;
    entry->desc.gpu_kernels = !elcl_device_gpu_shape_crashes(d) &&
                              (d->type != ELCL_DEVICE_CPU || elcl_device_is_llvmpipe(d));
    return ELCL_OK;
}

/* ---- listing ------------------------------------------------------------------------------- */

static int add_device(elcl_device_list *list, cl_platform_id platform, cl_device_id id,
                      elcl_error *err)
{
    struct elcl_device_entry entry = {.platform = platform, .id = id};
    const int rc = read_entry(&entry, err);
    if (rc)
        return rc;
    void *entries = list->entries;
    if (!elcl_grow(&entries, &list->capacity, list->n + 1, sizeof(entry))) {
        elcl_free(entry.strings);
        return elcl_fail_nomem(err);
    }
    list->entries = entries;
    entry.desc.index = (int)list->n;
    list->entries[list->n++] = entry;
    return ELCL_OK;
}

/* A platform that refuses to name its devices counts as one without devices. */
static int add_platform(elcl_device_list *list, cl_platform_id platform, elcl_error *err)
{
    cl_uint n = 0;
    if (clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 0, NULL, &n) || !n)
        return ELCL_OK;
    cl_device_id *ids = elcl_calloc(n, sizeof(*ids));
    if (!ids)
        return elcl_fail_nomem(err);
    int rc = ELCL_OK;
    if (!clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, n, ids, NULL)) {
        for (cl_uint i = 0; i < n && !rc; i++)
            rc = add_device(list, platform, ids[i], err);
    }
    elcl_free(ids);
    return rc;
}

static int add_platforms(elcl_device_list *list, elcl_error *err)
{
    cl_uint n = 0;
    cl_int code = clGetPlatformIDs(0, NULL, &n);
    if (code == CL_PLATFORM_NOT_FOUND_KHR || (!code && !n))
        return ELCL_OK;
    if (code)
        return elcl_cl_check(code, "clGetPlatformIDs", NULL, err);
    cl_platform_id *platforms = elcl_calloc(n, sizeof(*platforms));
    if (!platforms)
        return elcl_fail_nomem(err);
    int rc = elcl_cl_check(clGetPlatformIDs(n, platforms, NULL), "clGetPlatformIDs", NULL, err);
    for (cl_uint i = 0; i < n && !rc; i++)
        rc = add_platform(list, platforms[i], err);
    elcl_free(platforms);
    return rc;
}

int elcl_device_list_create(elcl_device_list **list, elcl_error *err)
{
    if (!list)
        return elcl_fail(err, ELCL_E_ARG, "elcl_device_list_create: list must not be NULL");
    elcl_device_list *l = elcl_calloc(1, sizeof(*l));
    if (!l)
        return elcl_fail_nomem(err);
    const int rc = add_platforms(l, err);
    if (rc) {
        elcl_device_list_destroy(&l);
        return rc;
    }
    size_t chosen;
    if (l->n && !elcl_device_list_choose(l, NULL, &chosen, NULL))
        l->entries[chosen].desc.is_default = 1;
    *list = l;
    return ELCL_OK;
}

void elcl_device_list_destroy(elcl_device_list **list)
{
    if (!list || !*list)
        return;
    for (size_t i = 0; i < (*list)->n; i++) {
        elcl_free((*list)->entries[i].strings);
        elcl_free((*list)->entries[i].probes);
    }
    elcl_free((*list)->entries);
    elcl_free(*list);
    *list = NULL;
}

int elcl_device_list_count(const elcl_device_list *list)
{
    return list ? (int)list->n : 0;
}

const elcl_device_desc *elcl_device_list_get(const elcl_device_list *list, int i)
{
    return i >= 0 && i < elcl_device_list_count(list) ? &list->entries[i].desc : NULL;
}

static int probe_entry(struct elcl_device_entry *entry, elcl_error *err)
{
    char index[16];
    snprintf(index, sizeof(index), "%d", entry->desc.index);
    struct elcl_device *device = NULL;
    struct elcl_probes *probes = elcl_calloc(1, sizeof(*probes));
    if (!probes)
        return elcl_fail_nomem(err);
    int rc;
    ELCL_TRY(elcl_device_open(&(struct elcl_device_params){.device = index}, &device, err));
    ELCL_TRY(elcl_probe_run(device, probes, err));
    entry->probes = probes;
    probes = NULL;
fail:
    elcl_device_close(&device);
    elcl_free(probes);
    return rc;
}

int elcl_device_list_probe(elcl_device_list *list, int i, const elcl_probe_verdict **verdicts,
                           int *n_verdicts, elcl_error *err)
{
    const int count = elcl_device_list_count(list);
    if (i < 0 || i >= count || !verdicts || !n_verdicts)
        return elcl_fail(err, ELCL_E_ARG, "elcl_device_list_probe: no device %d among %d", i,
                         count);
    struct elcl_device_entry *entry = &list->entries[i];
    const int rc = entry->probes ? ELCL_OK : probe_entry(entry, err);
    if (rc)
        return rc;
    *verdicts = entry->probes->verdict;
    *n_verdicts = entry->probes->n;
    return ELCL_OK;
}

/* ---- choosing ------------------------------------------------------------------------------ */

static bool starts_with(const char *s, const char *prefix)
{
    for (; *prefix; s++, prefix++) {
        if (tolower((unsigned char)*s) != tolower((unsigned char)*prefix))
            return false;
    }
    return true;
}

static bool has_part(const char *s, const char *part)
{
    for (; *s; s++) {
        if (starts_with(s, part))
            return true;
    }
    return false;
}

static bool same_word(const char *a, const char *b)
{
    return strlen(a) == strlen(b) && starts_with(a, b);
}

bool elcl_device_is_llvmpipe(const elcl_device_desc *desc)
{
    return has_part(desc->name, "llvmpipe");
}

bool elcl_device_gpu_shape_crashes(const elcl_device_desc *desc)
{
    return elcl_device_is_llvmpipe(desc) && atoi(desc->driver) >= 25;
}

/* Lower comes first when several devices fit. */
static int rank(const elcl_device_desc *desc)
{
    if (elcl_device_is_llvmpipe(desc))
        return 2; /* any other CPU runtime is many times faster */
    return desc->type == ELCL_DEVICE_GPU ? 0 : desc->type == ELCL_DEVICE_CPU ? 1 : 3;
}

static bool matches(const elcl_device_desc *desc, const char *which)
{
    if (!which || !*which)
        return true;
    if (which[strspn(which, "0123456789")] == '\0')
        return strtoul(which, NULL, 10) == (unsigned long)desc->index;
    if (same_word(which, "cpu"))
        return desc->type == ELCL_DEVICE_CPU;
    if (same_word(which, "gpu"))
        return desc->type == ELCL_DEVICE_GPU;
    return has_part(desc->name, which) || has_part(desc->platform, which);
}

static int fail_no_match(const elcl_device_list *list, const char *which, elcl_error *err)
{
    struct elcl_str names = {0};
    for (size_t i = 0; i < list->n; i++) {
        const elcl_device_desc *d = &list->entries[i].desc;
        elcl_str_printf(&names, "%s%d %s (%s)", i ? ", " : "", d->index, d->name, d->platform);
    }
    const int rc = elcl_fail(err, ELCL_E_DEVICE, "no OpenCL device matches \"%s\"; there are: %s",
                             which, names.data ? names.data : "");
    elcl_str_finish(&names);
    return rc;
}

int elcl_device_list_choose(const elcl_device_list *list, const char *which, size_t *position,
                            elcl_error *err)
{
    if (!list->n)
        return elcl_fail(err, ELCL_E_DEVICE,
                         "no OpenCL device was found: install a driver for the GPU, or one for "
                         "the CPU such as PoCL (package pocl-opencl-icd on Debian and Ubuntu)");
    size_t best = list->n;
    for (size_t i = 0; i < list->n; i++) {
        const elcl_device_desc *desc = &list->entries[i].desc;
        if (matches(desc, which) &&
            (best == list->n || rank(desc) < rank(&list->entries[best].desc)))
            best = i;
    }
    if (best == list->n)
        return fail_no_match(list, which, err);
    *position = best;
    return ELCL_OK;
}

int elcl_device_list_find(const elcl_device_list *list, const char *device, int *i, elcl_error *err)
{
    size_t position;
    if (!list || !i)
        return elcl_fail(err, ELCL_E_ARG, "elcl_device_list_find: list and i must not be NULL");
    const int rc = elcl_device_list_choose(list, device, &position, err);
    if (!rc)
        *i = (int)position;
    return rc;
}
