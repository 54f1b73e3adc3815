/* Finds the matrix instruction that works here: one that the compiler may see, checked by
 * probe_mma.cl. */
#include "probe/mma.h"

#include <stdio.h>
#include <string.h>

#include "base/half.h"
#include "base/util.h"
#include "cl/records.h"
#include "device/buffer.h"
#include "device/program.h"

const struct elcl_mma_kind elcl_mma_kinds[] = {
    [ELCL_MMA_NVIDIA] = {"mma_nvidia.cl", "", "mma.sync, ldmatrix and cp.async", 32, true,
                         ELCL_MMA_NVIDIA_PLAIN, .row_items = 4, .int8 = true},
    [ELCL_MMA_NVIDIA_PLAIN] = {"mma_nvidia.cl", " -DMMA_PLAIN",
                               "mma.sync without ldmatrix and cp.async", 32, .row_items = 4,
                               .int8 = true},
    [ELCL_MMA_AMD_WMMA] = {"mma_amd_wmma.cl", "", "v_wmma", .subgroup = 32},
    [ELCL_MMA_AMD_MFMA] = {"mma_amd_mfma.cl", "", "v_mfma", .subgroup = 64},
    [ELCL_MMA_INTEL_8] = {"mma_intel.cl", " -DSUBGROUP=8", "dpas, 8 items", .subgroup = 8},
    [ELCL_MMA_INTEL_16] = {"mma_intel.cl", " -DSUBGROUP=16", "dpas, 16 items", .subgroup = 16},
    [ELCL_MMA_EMULATED_8] = {"mma_emulated.cl", " -DSUBGROUP=8", "an emulation", .subgroup = 8,
                             .int8 = true},
    [ELCL_MMA_EMULATED_16] = {"mma_emulated.cl", " -DSUBGROUP=16", "an emulation", .subgroup = 16,
                              .int8 = true},
    [ELCL_MMA_EMULATED_32] = {"mma_emulated.cl", " -DSUBGROUP=32", "an emulation", 32, .int8 = true,
                              .row_items = 2},
    [ELCL_MMA_EMULATED_64] = {"mma_emulated.cl", " -DSUBGROUP=64", "an emulation", 64, .int8 = true,
                              .row_items = 4},
};
_Static_assert(ELCL_COUNT(elcl_mma_kinds) == ELCL_N_MMA, "one entry for each instruction");

/* ---- what a compiler may see --------------------------------------------------------------- */

/* "gfx90a" of "gfx90a:sramecc+:xnack-". */
static bool is_gfx(const char *name, const char *gfx)
{
    const size_t n = strlen(gfx);
    return !strncmp(name, gfx, n) && (name[n] == '\0' || name[n] == ':');
}

static enum elcl_mma allowed_nvidia(const struct elcl_mma_facts *facts, char *why, size_t n)
{
    if (facts->nvidia_major >= 8)
        return ELCL_MMA_NVIDIA;
    (void)snprintf(why, n, "compute capability %u.x, needed is 8.0", facts->nvidia_major);
    return ELCL_MMA_NONE;
}

/* gfx12 has other fragments, gfx908 other instructions. */
static enum elcl_mma allowed_amd(const struct elcl_mma_facts *facts, char *why, size_t n)
{
    static const char *const cdna[] = {"gfx90a", "gfx940", "gfx941", "gfx942"};
    for (size_t i = 0; i < ELCL_COUNT(cdna); i++)
        if (is_gfx(facts->name, cdna[i]))
            return ELCL_MMA_AMD_MFMA;
    if (!strncmp(facts->name, "gfx11", 5))
        return ELCL_MMA_AMD_WMMA;
    (void)snprintf(why, n, "%.40s: known only on gfx90a, gfx94x and gfx11xx", facts->name);
    return ELCL_MMA_NONE;
}

static enum elcl_mma allowed_intel(const struct elcl_mma_facts *facts, char *why, size_t n)
{
    if (facts->sub_group == 8)
        return ELCL_MMA_INTEL_8;
    if (facts->sub_group == 16)
        return ELCL_MMA_INTEL_16;
    (void)snprintf(why, n, "subgroups of %u: known only for 8 and 16", facts->sub_group);
    return ELCL_MMA_NONE;
}

enum elcl_mma elcl_mma_allowed(const struct elcl_mma_facts *facts, char *why, size_t n)
{
    if (strstr(facts->vendor, "NVIDIA") &&
        elcl_has_word(facts->extensions, "cl_nv_device_attribute_query"))
        return allowed_nvidia(facts, why, n);
    if (!strcmp(facts->platform, "AMD Accelerated Parallel Processing"))
        return allowed_amd(facts, why, n);
    if (elcl_has_word(facts->extensions, "cl_intel_subgroup_matrix_multiply_accumulate") &&
        elcl_has_word(facts->extensions, "cl_intel_required_subgroup_size"))
        return allowed_intel(facts, why, n);
    (void)snprintf(why, n, "known only with the drivers of NVIDIA, AMD and Intel");
    return ELCL_MMA_NONE;
}

/* ---- numbers ------------------------------------------------------------------------------- */

enum { ITEMS = 128, SIDE = 16, TILE = SIDE * SIDE, PANELS_BYTES = 2 * 8 * 24 * 4 };

/* Buffers of probe_mma.cl. a [row][k] lies between two bf16, sometimes in the middle; b [column][k]
 * are whole numbers. Every sum is exact in f32. */
struct trial {
    float a[TILE], b[TILE];
    float c[ITEMS / 8][TILE]; /* by subgroup, of 8 items or more */
};

static void fill(struct trial *t)
{
    for (int i = 0; i < SIDE; i++)
        for (int k = 0; k < SIDE; k++) {
            t->a[i * SIDE + k] =
                (float)((7 * i + 5 * k) % 17 - 8) * (1.0f + (i % 2 ? 0x1p-8f : 0x3p-8f));
            t->b[i * SIDE + k] = (float)((3 * k + 11 * i) % 13 - 6);
        }
}

static bool sums_are_right(const struct trial *t, int groups)
{
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) {
            float sum = 1;
            for (int k = 0; k < SIDE; k++)
                sum += elcl_bf16_to_f32(elcl_f32_to_bf16(t->a[i * SIDE + k])) * t->b[j * SIDE + k];
            for (int g = 0; g < groups; g++)
                if (t->c[g][i * SIDE + j] != sum)
                    return false;
        }
    return true;
}

/* A kernel of one work-group: its output, then its inputs, then local memory. */
struct probe_run {
    const char *kernel;
    size_t items, local_bytes;
    struct {
        void *data;
        size_t bytes;
    } buffers[4]; /* the output first; unused ones are zeros */
};

static bool enqueue(struct elcl_device *device, cl_kernel kernel, const struct probe_run *r)
{
    struct elcl_buffer b[ELCL_COUNT(r->buffers)] = {{0}};
    cl_uint n = 0;
    bool ok = true;
    for (; ok && n < ELCL_COUNT(b) && r->buffers[n].data; n++)
        ok = !elcl_buffer_create(device, "probe", r->buffers[n].bytes, &b[n], NULL) &&
             (!n || !elcl_buffer_write(&b[n], 0, r->buffers[n].data, r->buffers[n].bytes, NULL)) &&
             !clSetKernelArg(kernel, n, sizeof(cl_mem), &b[n].mem);
    ok = ok && !clSetKernelArg(kernel, n, r->local_bytes, NULL) &&
         !clEnqueueNDRangeKernel(device->queue, kernel, 1, NULL, &r->items, &r->items, 0, NULL,
                                 NULL) &&
         !clFinish(device->queue) &&
         !elcl_buffer_read(&b[0], 0, r->buffers[0].data, r->buffers[0].bytes, NULL);
    for (size_t i = 0; i < ELCL_COUNT(b); i++)
        elcl_buffer_destroy(&b[i]);
    return ok;
}

static bool run(struct elcl_device *device, cl_program program, const struct probe_run *r)
{
    cl_int code;
    cl_kernel kernel = clCreateKernel(program, r->kernel, &code);
    const bool ok = !code && enqueue(device, kernel, r);
    if (kernel)
        clReleaseKernel(kernel);
    return ok;
}

static enum elcl_outcome try_fragments(struct elcl_device *device, cl_program program, int subgroup)
{
    struct trial t = {.c = {{0}}};
    fill(&t);
    const struct probe_run r = {
        "probe_mma",
        ITEMS,
        PANELS_BYTES,
        {{t.c, sizeof(t.c)}, {t.a, sizeof(t.a)}, {t.b, sizeof(t.b)}, {NULL, 0}}};
    return !run(device, program, &r)              ? ELCL_UNKNOWN
           : sums_are_right(&t, ITEMS / subgroup) ? ELCL_RIGHT
                                                  : ELCL_WRONG;
}

/* ---- numbers of wide tiles ----------------------------------------------------------------- */

enum { WIDE_M = 64, WIDE_N = ELCL_WIDE_N, WIDE_TERMS = ELCL_PROBE_WIDE_K };

/* Buffers of probe_wide.cl, f16 first: whole numbers, so that every sum is exact. */
struct wide_trial {
    uint16_t x[2][WIDE_M][WIDE_TERMS], w[2][WIDE_N][WIDE_TERMS], w_k[2][WIDE_TERMS][WIDE_N];
    float y[2][2][WIDE_M][WIDE_N]; /* by type and order of w */
};

static int x_number(int m, int k)
{
    return (7 * m + 5 * k + m * k / 3) % 17 - 8;
}

static int w_number(int n, int k)
{
    return (3 * k + 11 * n + n * k / 5) % 13 - 6;
}

static void fill_wide(struct wide_trial *t)
{
    for (int k = 0; k < WIDE_TERMS; k++) {
        for (int m = 0; m < WIDE_M; m++) {
            t->x[0][m][k] = elcl_f32_to_f16((float)x_number(m, k));
            t->x[1][m][k] = elcl_f32_to_bf16((float)x_number(m, k));
        }
        for (int n = 0; n < WIDE_N; n++) {
            t->w[0][n][k] = t->w_k[0][k][n] = elcl_f32_to_f16((float)w_number(n, k));
            t->w[1][n][k] = t->w_k[1][k][n] = elcl_f32_to_bf16((float)w_number(n, k));
        }
    }
}

static bool wide_sums_are_right(const struct wide_trial *t)
{
    for (int m = 0; m < WIDE_M; m++)
        for (int n = 0; n < WIDE_N; n++) {
            int sum = 0;
            for (int k = 0; k < WIDE_TERMS; k++)
                sum += x_number(m, k) * w_number(n, k);
            for (int i = 0; i < 4; i++)
                if (t->y[i / 2][i % 2][m][n] != (float)sum)
                    return false;
        }
    return true;
}

/* Devices with less local memory or smaller work-groups use no wide tiles. */
static enum elcl_outcome try_wide_tiles(struct elcl_device *device, cl_program program, bool async)
{
    const int stages = async ? ELCL_WIDE_ASYNC_STAGES(WIDE_M, 1) : 2;
    const size_t local_bytes = (size_t)ELCL_WIDE_BYTES(stages, WIDE_M, 1);
    if (device->desc.max_work_group < ELCL_WIDE_ITEMS || device->desc.local_bytes < local_bytes)
        return ELCL_RIGHT;
    struct wide_trial *t = elcl_calloc(1, sizeof(*t));
    if (!t)
        return ELCL_UNKNOWN;
    fill_wide(t);
    const struct probe_run r = {"probe_wide",
                                ELCL_WIDE_ITEMS,
                                local_bytes,
                                {{t->y, sizeof(t->y)},
                                 {t->x, sizeof(t->x)},
                                 {t->w, sizeof(t->w)},
                                 {t->w_k, sizeof(t->w_k)}}};
    const enum elcl_outcome outcome = !run(device, program, &r) ? ELCL_UNKNOWN
                                      : wide_sums_are_right(t)  ? ELCL_RIGHT
                                                                : ELCL_WRONG;
    elcl_free(t);
    return outcome;
}

/* ---- programs ------------------------------------------------------------------------------ */

struct elcl_program_parts elcl_mma_program(enum elcl_mma kind)
{
    const struct elcl_mma_kind *k = &elcl_mma_kinds[kind];
    struct elcl_program_parts parts = {.files = {"storage.cl", "tile.cl", "swizzle.cl", k->file,
                                                 "tile_mma.cl", "tile_wide.cl", "probe_mma.cl",
                                                 "probe_wide.cl"},
                                       .mac = ELCL_MAC_PLAIN};
    (void)snprintf(parts.options, sizeof(parts.options), "-DVW=4%s", k->options);
    return parts;
}

enum elcl_outcome elcl_mma_compare(struct elcl_device *device, cl_program program,
                                   enum elcl_mma kind)
{
    const struct elcl_mma_kind *k = &elcl_mma_kinds[kind];
    const enum elcl_outcome outcome = try_fragments(device, program, k->subgroup);
    return outcome == ELCL_RIGHT ? try_wide_tiles(device, program, k->async) : outcome;
}

enum elcl_outcome elcl_mma_try(struct elcl_device *device, enum elcl_mma kind)
{
    const struct elcl_program_parts parts = elcl_mma_program(kind);
    cl_program program = NULL;
    enum elcl_outcome outcome =
        elcl_outcome_of_build(elcl_program_build(device, &parts, &program, NULL));
    if (outcome == ELCL_RIGHT)
        outcome = elcl_mma_compare(device, program, kind);
    if (program)
        clReleaseProgram(program);
    return outcome;
}

/* ---- the verdict --------------------------------------------------------------------------- */

#define CL_COMPUTE_CAPABILITY_MAJOR_NV 0x4000 /* of cl_nv_device_attribute_query */
#define CL_SUB_GROUP_SIZES_INTEL 0x4108       /* of cl_intel_required_subgroup_size */

/* Returns 0 if the driver does not say. */
static unsigned smallest_sub_group(cl_device_id id)
{
    size_t sizes[8], bytes = 0;
    unsigned least = 0;
    if (clGetDeviceInfo(id, CL_SUB_GROUP_SIZES_INTEL, sizeof(sizes), sizes, &bytes))
        return 0;
    for (size_t i = 0; i < bytes / sizeof(sizes[0]); i++)
        if (!least || sizes[i] < least)
            least = (unsigned)sizes[i];
    return least;
}

/* Queries only the extensions that the driver reports. */
static struct elcl_mma_facts gather(const struct elcl_device *device)
{
    const elcl_device_desc *d = &device->desc;
    struct elcl_mma_facts facts = {
        .platform = d->platform, .vendor = d->vendor, .name = d->name, .extensions = d->extensions};
    cl_uint major = 0;
    if (elcl_has_word(d->extensions, "cl_nv_device_attribute_query") &&
        !clGetDeviceInfo(device->id, CL_COMPUTE_CAPABILITY_MAJOR_NV, sizeof(major), &major, NULL))
        facts.nvidia_major = major;
    if (elcl_has_word(d->extensions, "cl_intel_required_subgroup_size"))
        facts.sub_group = smallest_sub_group(device->id);
    return facts;
}

enum elcl_mma elcl_probe_mma(struct elcl_device *device, bool *unsure, char *why, size_t n)
{
    const struct elcl_mma_facts facts = gather(device);
    for (enum elcl_mma k = elcl_mma_allowed(&facts, why, n); k; k = elcl_mma_kinds[k].fallback) {
        const enum elcl_outcome outcome = elcl_mma_try(device, k);
        *unsure |= outcome == ELCL_UNKNOWN;
        if (outcome == ELCL_RIGHT) {
            (void)snprintf(why, n, "%s, for f16 and bf16 weights", elcl_mma_kinds[k].name);
            return k;
        }
        (void)snprintf(why, n, "%s %s", elcl_mma_kinds[k].name, elcl_outcome_text(outcome));
    }
    return ELCL_MMA_NONE;
}

bool elcl_mma_may_run(const struct elcl_device *device, enum elcl_mma kind)
{
    char why[160];
    const struct elcl_mma_facts facts = gather(device);
    enum elcl_mma k =
        device->no_matrix_why ? ELCL_MMA_NONE : elcl_mma_allowed(&facts, why, sizeof(why));
    while (k && k != kind)
        k = elcl_mma_kinds[k].fallback;
    return k != ELCL_MMA_NONE;
}
