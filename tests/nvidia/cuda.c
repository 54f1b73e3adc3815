/* The emulated device by CUDA's functions: those that tools/gpu-day/cuda/icd.c calls. Commands run
 * when they are called. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "nvidia.h"

enum { MAX_ALLOCATIONS = 1 << 14, PADDING = 4096, OUT_OF_MEMORY = 2, INVALID = 1, NOT_FOUND = 500 };

static struct {
    uint8_t *block;
    uint64_t at, bytes;
} allocations[MAX_ALLOCATIONS];
static int n_allocations;

/* The kernel that stores the address of dynamic shared memory, whose PTX the parser does not know.
 */
static struct program base_program;
static struct kernel base_kernel;

/* The kernel may access the memory that begins there, if it is some. */
static void add_region(struct launch *launch, uint64_t at)
{
    for (int i = 0; i < n_allocations; i++)
        if (allocations[i].block && allocations[i].at == at)
            launch->regions[launch->n_regions++] = (struct region){at, allocations[i].bytes};
}

#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC visibility push(default)

/* ---- device, streams, events --------------------------------------------------------------- */

int cuInit(unsigned flags)
{
    return (int)flags;
}

int cuDriverGetVersion(int *v)
{
    *v = 13000;
    return 0;
}

int cuDeviceGet(int *d, int i)
{
    *d = i;
    return i;
}

int cuDeviceGetName(char *s, int n, int d)
{
    snprintf(s, (size_t)n, "NVIDIA H200 (emulated)");
    return d;
}

int cuDeviceGetAttribute(int *v, int which, int d)
{
    *v = which == 16 ? 132 : which == 13 ? 1980000 : which == 38 ? 50 << 20 : which == 75 ? 9 : 0;
    return d;
}

int cuDeviceTotalMem_v2(size_t *n, int d)
{
    *n = (size_t)8 << 30;
    return d;
}

int cuDevicePrimaryCtxRetain(void **c, int d)
{
    *c = c;
    return d;
}

int cuCtxSetCurrent(void *c)
{
    (void)c;
    return 0;
}

int cuStreamCreate(void **s, unsigned f)
{
    (void)f;
    *s = malloc(1);
    return 0;
}

int cuStreamDestroy_v2(void *s)
{
    free(s);
    return 0;
}

int cuStreamSynchronize(void *s)
{
    (void)s;
    return 0;
}

int cuEventCreate(void **e, unsigned f)
{
    (void)f;
    *e = calloc(1, sizeof(double));
    return 0;
}

int cuEventDestroy_v2(void *e)
{
    free(e);
    return 0;
}

int cuEventRecord(void *e, void *s)
{
    struct timespec t;
    (void)s;
    clock_gettime(CLOCK_MONOTONIC, &t);
    *(double *)e = (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
    return 0;
}

int cuEventSynchronize(void *e)
{
    (void)e;
    return 0;
}

int cuEventQuery(void *e)
{
    (void)e;
    return 0;
}

int cuEventElapsedTime(float *ms, void *a, void *b)
{
    *ms = (float)(*(double *)b - *(double *)a);
    return 0;
}

/* ---- memory -------------------------------------------------------------------------------- */

int cuMemAlloc_v2(uint64_t *p, size_t n)
{
    int i = 0;
    while (i < n_allocations && allocations[i].block)
        i++;
    if (i == MAX_ALLOCATIONS || !n)
        return OUT_OF_MEMORY;
    allocations[i].block = aligned_alloc(PADDING, (n + 3 * PADDING) / PADDING * PADDING);
    if (!allocations[i].block)
        return OUT_OF_MEMORY;
    allocations[i].at = *p = (uint64_t)(uintptr_t)allocations[i].block + PADDING;
    allocations[i].bytes = n;
    if (i == n_allocations)
        n_allocations++;
    return 0;
}

int cuMemFree_v2(uint64_t p)
{
    for (int i = 0; i < n_allocations; i++)
        if (allocations[i].block && allocations[i].at == p) {
            free(allocations[i].block);
            allocations[i].block = NULL;
            return 0;
        }
    return INVALID;
}

int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t n, void *s)
{
    (void)s;
    memcpy((void *)(uintptr_t)to, from, n);
    return 0;
}

int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t n, void *s)
{
    (void)s;
    memcpy(to, (void *)(uintptr_t)from, n);
    return 0;
}

int cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t n, void *s)
{
    (void)s;
    memmove((void *)(uintptr_t)to, (void *)(uintptr_t)from, n);
    return 0;
}

int cuMemsetD8Async(uint64_t to, unsigned char v, size_t n, void *s)
{
    (void)s;
    memset((void *)(uintptr_t)to, v, n);
    return 0;
}

int cuMemsetD32Async(uint64_t to, unsigned v, size_t n, void *s)
{
    (void)s;
    for (size_t i = 0; i < n; i++)
        memcpy((uint8_t *)(uintptr_t)to + 4 * i, &v, 4);
    return 0;
}

/* ---- modules ------------------------------------------------------------------------------- */

int cuModuleLoadDataEx(void **m, const void *image, unsigned n, int *which, void **values)
{
    char error[512] = "";
    if (strstr(image, "memory[]")) {
        *m = &base_program;
        return 0;
    }
    *m = ptx_parse(image, error, sizeof(error));
    if (!*m && n && which[0] == 5)
        strcpy(values[0], error);
    return *m ? 0 : INVALID;
}

int cuModuleUnload(void *m)
{
    if (m != &base_program)
        ptx_destroy(m);
    return 0;
}

int cuModuleGetFunction(void **f, void *m, const char *name)
{
    struct program *p = m;
    if (m == &base_program) {
        *f = &base_kernel;
        return 0;
    }
    for (size_t i = 0; i < p->n; i++)
        if (!strcmp(p->kernels[i]->name, name)) {
            *f = p->kernels[i];
            return 0;
        }
    return NOT_FOUND;
}

int cuFuncGetAttribute(int *v, int which, void *f)
{
    *v = which == 1 ? (int)((struct kernel *)f)->static_bytes : 1024;
    return 0;
}

int cuFuncSetAttribute(void *f, int which, int v)
{
    (void)f, (void)which, (void)v;
    return 0;
}

int cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned x, unsigned y,
                   unsigned z, unsigned local, void *stream, void **params, void **extra)
{
    struct kernel *k = function;
    uint8_t bytes[MAX_PARAMS * 64] = {0};
    (void)stream, (void)extra;
    if (k == &base_kernel) {
        const uint64_t base = LOCAL_BASE;
        memcpy(*(void **)params[0], &base, sizeof(base));
        return 0;
    }
    struct launch launch = {.kernel = k,
                            .params = bytes,
                            .groups = {gx, gy, gz},
                            .items = {x, y, z},
                            .local_bytes = (k->static_bytes + 15) / 16 * 16 + local};
    for (uint32_t i = 0; i < k->n_params; i++) {
        memcpy(bytes + k->params[i].offset, params[i], k->params[i].bytes);
        if (k->params[i].bytes == sizeof(uint64_t))
            add_region(&launch, *(uint64_t *)params[i]);
    }
    for (size_t i = 0; i < k->program->n_variables && i < 16; i++)
        launch.regions[launch.n_regions++] =
            (struct region){k->program->variables[i].address, k->program->variables[i].bytes};
    report_launch();
    launch_run(&launch);
    return 0;
}
