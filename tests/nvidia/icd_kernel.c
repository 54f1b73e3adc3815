/* Programs, kernels and their launches. */
#include "icd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

cl_program CL_API_CALL icd_create_program(cl_context c, cl_uint n, const char **texts,
                                          const size_t *lengths, cl_int *code)
{
    (void)c;
    cl_program p = icd_create(sizeof(*p), code);
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
cl_program CL_API_CALL icd_create_program_with_binary(cl_context c, cl_uint n,
                                                      const cl_device_id *devices,
                                                      const size_t *lengths,
                                                      const unsigned char **binaries,
                                                      cl_int *status, cl_int *code)
{
    (void)c, (void)n, (void)devices;
    cl_program p = icd_create(sizeof(*p), code);
    if (p) {
        p->ptx = calloc(lengths[0] + 1, 1);
        memcpy(p->ptx, binaries[0], lengths[0]);
    }
    if (status)
        *status = CL_SUCCESS;
    return p;
}

cl_int CL_API_CALL icd_build_program(cl_program p, cl_uint n, const cl_device_id *devices,
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

cl_int CL_API_CALL icd_get_build_info(cl_program p, cl_device_id d, cl_program_build_info what,
                                      size_t room, void *to, size_t *needed)
{
    (void)d;
    return what == CL_PROGRAM_BUILD_LOG ? icd_give_text(p->log ? p->log : "", room, to, needed)
                                        : CL_INVALID_VALUE;
}

cl_int CL_API_CALL icd_get_program_info(cl_program p, cl_program_info what, size_t room, void *to,
                                        size_t *needed)
{
    const size_t bytes = p->ptx ? strlen(p->ptx) : 0;
    switch (what) {
    case CL_PROGRAM_NUM_DEVICES:
        return icd_give_uint(1, room, to, needed);
    case CL_PROGRAM_BINARY_SIZES:
        return icd_give(&bytes, sizeof(bytes), room, to, needed);
    case CL_PROGRAM_BINARIES:
        memcpy(*(unsigned char **)to, p->ptx, bytes);
        return CL_SUCCESS;
    default:
        return CL_INVALID_VALUE;
    }
}

cl_int CL_API_CALL icd_retain_program(cl_program p)
{
    p->references++;
    return CL_SUCCESS;
}

cl_int CL_API_CALL icd_release_program(cl_program p)
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

cl_kernel CL_API_CALL icd_create_kernel(cl_program p, const char *name, cl_int *code)
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
    cl_kernel k = icd_create(sizeof(*k), code);
    if (k) {
        k->kernel = kernel;
        k->program = p;
        p->references++;
    }
    return k;
}

cl_int CL_API_CALL icd_release_kernel(cl_kernel k)
{
    if (--k->references)
        return CL_SUCCESS;
    icd_release_program(k->program);
    free(k);
    return CL_SUCCESS;
}

cl_int CL_API_CALL icd_set_argument(cl_kernel k, cl_uint n, size_t bytes, const void *value)
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

cl_int CL_API_CALL icd_get_group_info(cl_kernel k, cl_device_id d, cl_kernel_work_group_info what,
                                      size_t room, void *to, size_t *needed)
{
    size_t size[3] = {MAX_ITEMS, 0, 0};
    (void)d;
    switch (what) {
    case CL_KERNEL_WORK_GROUP_SIZE:
        return icd_give(size, sizeof(size[0]), room, to, needed);
    case CL_KERNEL_PREFERRED_WORK_GROUP_SIZE_MULTIPLE:
        size[0] = WARP;
        return icd_give(size, sizeof(size[0]), room, to, needed);
    case CL_KERNEL_COMPILE_WORK_GROUP_SIZE:
        for (int i = 0; i < 3; i++)
            size[i] = k->kernel->group_size[i];
        return icd_give(size, sizeof(size), room, to, needed);
    case CL_KERNEL_LOCAL_MEM_SIZE:
        return icd_give_ulong(k->kernel->static_bytes, room, to, needed);
    default:
        return CL_INVALID_VALUE;
    }
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
            icd_pass_buffer(launch, to);
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

cl_int CL_API_CALL icd_enqueue_kernel(cl_command_queue queue, cl_kernel k, cl_uint n,
                                      const size_t *offset, const size_t *global,
                                      const size_t *local, cl_uint waits, const cl_event *events,
                                      cl_event *event)
{
    const cl_ulong begin = icd_now();
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
    return icd_end_command(begin, event);
}
