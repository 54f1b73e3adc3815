/* Finds the matrix instruction that works here: one that the compiler may see, checked by
 * probe_mma.cl. */
#include "probe/mma.h"

#include <stdio.h>
#include <string.h>

#include "base/half.h"
#include "base/util.h"
#include "device/buffer.h"
#include "device/program.h"

const struct elcl_mma_kind elcl_mma_kinds[] = {
    [ELCL_MMA_NVIDIA] = {"mma_nvidia.cl", "", "mma.sync, ldmatrix and cp.async", 32, true},
    [ELCL_MMA_NVIDIA_PLAIN] = {"mma_nvidia.cl", " -DMMA_PLAIN",
                               "mma.sync without ldmatrix and cp.async", 32},
    [ELCL_MMA_AMD_WMMA] = {"mma_amd_wmma.cl", "", "v_wmma", 32},
    [ELCL_MMA_AMD_MFMA] = {"mma_amd_mfma.cl", "", "v_mfma", 64},
    [ELCL_MMA_INTEL_8] = {"mma_intel.cl", " -DSUBGROUP=8", "dpas, 8 items", 8},
    [ELCL_MMA_INTEL_16] = {"mma_intel.cl", " -DSUBGROUP=16", "dpas, 16 items", 16},
    [ELCL_MMA_EMULATED_8] = {"mma_emulated.cl", " -DSUBGROUP=8", "an emulation", 8},
    [ELCL_MMA_EMULATED_16] = {"mma_emulated.cl", " -DSUBGROUP=16", "an emulation", 16},
    [ELCL_MMA_EMULATED_32] = {"mma_emulated.cl", " -DSUBGROUP=32", "an emulation", 32},
    [ELCL_MMA_EMULATED_64] = {"mma_emulated.cl", " -DSUBGROUP=64", "an emulation", 64},
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

static bool multiply(struct elcl_device *device, cl_kernel kernel, struct trial *t)
{
    struct elcl_buffer c = {0}, a = {0}, b = {0};
    const size_t items = ITEMS;
    const bool ok =
        !elcl_buffer_create(device, "probe output", sizeof(t->c), &c, NULL) &&
        !elcl_buffer_create(device, "probe input", sizeof(t->a), &a, NULL) &&
        !elcl_buffer_create(device, "probe input", sizeof(t->b), &b, NULL) &&
        !elcl_buffer_write(&a, 0, t->a, sizeof(t->a), NULL) &&
        !elcl_buffer_write(&b, 0, t->b, sizeof(t->b), NULL) &&
        !clSetKernelArg(kernel, 0, sizeof(cl_mem), &c.mem) &&
        !clSetKernelArg(kernel, 1, sizeof(cl_mem), &a.mem) &&
        !clSetKernelArg(kernel, 2, sizeof(cl_mem), &b.mem) &&
        !clSetKernelArg(kernel, 3, PANELS_BYTES, NULL) &&
        !clEnqueueNDRangeKernel(device->queue, kernel, 1, NULL, &items, &items, 0, NULL, NULL) &&
        !clFinish(device->queue) && !elcl_buffer_read(&c, 0, t->c, sizeof(t->c), NULL);
    elcl_buffer_destroy(&b);
    elcl_buffer_destroy(&a);
    elcl_buffer_destroy(&c);
    return ok;
}

bool elcl_mma_is_right(struct elcl_device *device, cl_program program, int subgroup)
{
    struct trial t = {.c = {{0}}};
    cl_int code;
    fill(&t);
    cl_kernel kernel = clCreateKernel(program, "probe_mma", &code);
    const bool right =
        !code && multiply(device, kernel, &t) && sums_are_right(&t, ITEMS / subgroup);
    if (kernel)
        clReleaseKernel(kernel);
    return right;
}

static struct elcl_program_parts program_parts(enum elcl_mma kind)
{
    const struct elcl_mma_kind *k = &elcl_mma_kinds[kind];
    struct elcl_program_parts parts = {
        .files = {"storage.cl", "tile.cl", "swizzle.cl", k->file, "probe_mma.cl"},
        .mac = ELCL_MAC_PLAIN};
    (void)snprintf(parts.options, sizeof(parts.options), "%s", k->options);
    return parts;
}

bool elcl_mma_works(struct elcl_device *device, enum elcl_mma kind)
{
    const struct elcl_program_parts parts = program_parts(kind);
    cl_program program = NULL;
    const bool right = !elcl_program_build(device, &parts, &program, NULL) &&
                       elcl_mma_is_right(device, program, elcl_mma_kinds[kind].subgroup);
    if (program)
        clReleaseProgram(program);
    return right;
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

enum elcl_mma elcl_probe_mma(struct elcl_device *device, char *why, size_t n)
{
    const struct elcl_mma_facts facts = gather(device);
    const enum elcl_mma kind = elcl_mma_allowed(&facts, why, n);
    if (kind == ELCL_MMA_NONE)
        return kind;
    const bool right = elcl_mma_works(device, kind);
    (void)snprintf(why, n, "%s%s", elcl_mma_kinds[kind].name,
                   right ? ", for f16 and bf16 weights"
                         : " gave a wrong result or could not be run");
    return right ? kind : ELCL_MMA_NONE;
}

bool elcl_probe_mma_hash(const struct elcl_device *device, uint64_t *hash)
{
    char why[160];
    const struct elcl_mma_facts facts = gather(device);
    const enum elcl_mma kind = elcl_mma_allowed(&facts, why, sizeof(why));
    const struct elcl_program_parts parts = program_parts(kind);
    return kind == ELCL_MMA_NONE || elcl_program_hash(device, &parts, hash);
}
