#include "device/list.h"

#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/os.h"
#include "base/util.h"
#include "device/describe.h"

#ifndef CL_PLATFORM_NOT_FOUND_KHR
#define CL_PLATFORM_NOT_FOUND_KHR (-1001)
#endif

/* ---- listing ------------------------------------------------------------------------------- */

static int add_device(elcl_device_list *list, cl_platform_id platform, cl_device_id id,
                      elcl_error *err)
{
    struct elcl_device_entry entry = {.platform = platform, .id = id};
    const int rc = elcl_device_describe(platform, id, &entry.desc, &entry.strings, err);
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

/* A platform that refuses to list its devices counts as a platform without devices. */
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
        elcl_free((*list)->entries[i].verdicts);
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

/* ---- choosing ------------------------------------------------------------------------------ */

static bool starts_with(const char *s, const char *prefix)
{
    for (; *prefix; s++, prefix++) {
        if (elcl_lower(*s) != elcl_lower(*prefix))
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

/* If several devices match, the lowest rank is chosen. */
static int rank(const elcl_device_desc *desc)
{
    if (elcl_quirks_find(desc).gpu_like)
        return 2; /* other CPU drivers are many times faster */
    return desc->type == ELCL_DEVICE_GPU ? 0 : desc->type == ELCL_DEVICE_CPU ? 1 : 3;
}

static bool matches(const elcl_device_desc *desc, const char *which)
{
    if (!which || !*which)
        return true;
    if (which[strspn(which, "0123456789")] == '\0')
        return strtoul(which, NULL, 10) == (unsigned long)desc->index;
    if (elcl_is_word("cpu", which))
        return desc->type == ELCL_DEVICE_CPU;
    if (elcl_is_word("gpu", which))
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
    const int rc = elcl_fail(err, ELCL_E_DEVICE, "no OpenCL device matches \"%s\"; found: %s",
                             which, names.data ? names.data : "");
    elcl_str_finish(&names);
    return rc;
}

int elcl_device_list_choose(const elcl_device_list *list, const char *which, size_t *position,
                            elcl_error *err)
{
    if (!list->n && elcl_check_pocl_cache(err))
        return ELCL_E_DEVICE;
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
