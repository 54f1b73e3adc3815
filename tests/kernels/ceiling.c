/*
 * What the device can do at most, measured in the same run as the kernels: bytes copied (read +
 * written) and bytes read through buffers far larger than any cache, and multiply-adds on
 * full-width vectors in CHAINS independent chains per item, enough to hide the latency of each.
 */
#include "bench.h"

#include <stdio.h>

#include "base/util.h"
#include "device/program.h"

/* -D VW floats per vector, WG items per work-group (1: CPU shape). */
static const char source[] =
    "#define CAT_(a, b) a##b\n"
    "#define CAT(a, b) CAT_(a, b)\n"
    "typedef CAT(float, VW) floatv;\n"
    "#define CHAINS 12\n"
    "\n"
    "static inline float total(floatv v)\n"
    "{\n"
    "    float lanes[VW];\n"
    "    CAT(vstore, VW)(v, 0, lanes);\n"
    "    float sum = 0.0f;\n"
    "    for (int i = 0; i < VW; i++)\n"
    "        sum += lanes[i];\n"
    "    return sum;\n"
    "}\n"
    "\n"
    "/* n vectors; in the CPU shape an item copies a run of them, otherwise neighbouring items\n"
    " * copy neighbouring vectors. */\n"
    "__kernel void copy(__global floatv *restrict to, __global const floatv *restrict from,\n"
    "                   ulong n)\n"
    "{\n"
    "    const ulong id = get_global_id(0), items = get_global_size(0);\n"
    "#if WG == 1\n"
    "    for (ulong i = n * id / items; i < n * (id + 1) / items; i++)\n"
    "#else\n"
    "    for (ulong i = id; i < n; i += items)\n"
    "#endif\n"
    "        to[i] = from[i];\n"
    "}\n"
    "\n"
    "/* Adds up n vectors, the same way; every item sums several runs, so that loads overlap. */\n"
    "__kernel void read(__global float *out, __global const floatv *restrict from, ulong n)\n"
    "{\n"
    "    const ulong id = get_global_id(0), items = get_global_size(0);\n"
    "    floatv x0 = (floatv)(0.0f), x1 = x0, x2 = x0, x3 = x0;\n"
    "#if WG == 1\n"
    "    const ulong end = n * (id + 1) / items;\n"
    "    for (ulong i = n * id / items; i + 4 <= end; i += 4) {\n"
    "        x0 += from[i]; x1 += from[i + 1]; x2 += from[i + 2]; x3 += from[i + 3];\n"
    "    }\n"
    "#else\n"
    "    for (ulong i = id; i < n; i += items)\n"
    "        x0 += from[i];\n"
    "#endif\n"
    "    out[id] = total(x0 + x1 + x2 + x3);\n"
    "}\n"
    "\n"
    "__kernel void mac(__global float *out, float a, float b, int n)\n"
    "{\n"
    "    floatv x[CHAINS];\n"
    "    const floatv av = (floatv)(a), bv = (floatv)(b);\n"
    "#pragma unroll\n"
    "    for (int c = 0; c < CHAINS; c++)\n"
    "        x[c] = (floatv)(c + get_global_id(0));\n"
    "    for (int i = 0; i < n; i++) {\n"
    "#pragma unroll\n"
    "        for (int c = 0; c < CHAINS; c++)\n"
    "            x[c] = ELCL_MAC(x[c], av, bv);\n"
    "    }\n"
    "    floatv sum = x[0];\n"
    "#pragma unroll\n"
    "    for (int c = 1; c < CHAINS; c++)\n"
    "        sum += x[c];\n"
    "    out[get_global_id(0)] = total(sum);\n"
    "}\n";
#define CHAINS 12
#define MAC_ROUNDS 100000

struct ceiling {
    struct bed *bed;
    int vector; /* floats */
    cl_kernel kernel;
    size_t global, local;
};

static int enqueue(void *user, elcl_error *err)
{
    struct ceiling *c = user;
    const cl_int code = clEnqueueNDRangeKernel(c->bed->ops->queue, c->kernel, 1, NULL, &c->global,
                                               &c->local, 0, NULL, NULL);
    return elcl_cl_check(code, "clEnqueueNDRangeKernel", "ceiling", err);
}

static cl_kernel make_kernel(cl_program program, const char *name)
{
    elcl_error err = {0};
    cl_int code;
    const cl_kernel kernel = clCreateKernel(program, name, &code);
    bed_must(elcl_cl_check(code, "clCreateKernel", name, &err), &err);
    return kernel;
}

static void set(cl_kernel kernel, cl_uint index, size_t bytes, const void *value)
{
    elcl_error err = {0};
    bed_must(elcl_cl_check(clSetKernelArg(kernel, index, bytes, value), "clSetKernelArg", "ceiling",
                           &err),
             &err);
}

/* GB/s of copying `bytes` from one buffer to another. */
static double copy_rate(struct ceiling *c, cl_program program, size_t bytes)
{
    const struct elcl_buffer *to = bed_output(c->bed, NULL, bytes);
    const struct elcl_buffer *from = bed_output(c->bed, NULL, bytes);
    const cl_ulong n = bytes / sizeof(float) / (size_t)c->vector;
    c->kernel = make_kernel(program, "copy");
    set(c->kernel, 0, sizeof(cl_mem), &to->mem);
    set(c->kernel, 1, sizeof(cl_mem), &from->mem);
    set(c->kernel, 2, sizeof(n), &n);
    const double ns = bench_least_ns(c->bed, enqueue, c, NULL);
    clReleaseKernel(c->kernel);
    return 2 * (double)bytes / ns;
}

/* GB/s of reading `bytes`; *core: per second of one core. */
static double read_rate(struct ceiling *c, cl_program program, size_t bytes, double *core)
{
    const struct elcl_buffer *out = bed_output(c->bed, NULL, c->global * sizeof(float));
    const struct elcl_buffer *from = bed_output(c->bed, NULL, bytes);
    const cl_ulong n = bytes / sizeof(float) / (size_t)c->vector;
    c->kernel = make_kernel(program, "read");
    set(c->kernel, 0, sizeof(cl_mem), &out->mem);
    set(c->kernel, 1, sizeof(cl_mem), &from->mem);
    set(c->kernel, 2, sizeof(n), &n);
    double core_ns;
    const double ns = bench_least_ns(c->bed, enqueue, c, &core_ns);
    clReleaseKernel(c->kernel);
    *core = (double)bytes / core_ns;
    return (double)bytes / ns;
}

/* GFLOP/s of multiply-adds; *core: per second of one core. */
static double mac_rate(struct ceiling *c, cl_program program, double *core)
{
    const struct elcl_buffer *out = bed_output(c->bed, NULL, c->global * sizeof(float));
    const cl_float a = 0.999f, b = 0.001f;
    const cl_int n = c->local == 1 ? MAC_ROUNDS : MAC_ROUNDS / 100;
    c->kernel = make_kernel(program, "mac");
    set(c->kernel, 0, sizeof(cl_mem), &out->mem);
    set(c->kernel, 1, sizeof(a), &a);
    set(c->kernel, 2, sizeof(b), &b);
    set(c->kernel, 3, sizeof(n), &n);
    double core_ns;
    const double ns = bench_least_ns(c->bed, enqueue, c, &core_ns);
    clReleaseKernel(c->kernel);
    const double flop = 2.0 * CHAINS * c->vector * n * (double)c->global;
    *core = flop / core_ns;
    return flop / ns;
}

/* In the shape that suits the device, whichever the kernels have. */
void bench_ceilings(struct bed *bed)
{
    elcl_error err = {0};
    const elcl_device_desc *desc = &(*bed->device)->desc;
    const bool cpu = desc->type == ELCL_DEVICE_CPU;
    const size_t local = cpu ? 1 : 128, cores = desc->compute_units;
    const size_t most = (size_t)desc->max_alloc_bytes / 4;
    const size_t large = most < ((size_t)256 << 20) ? most & ~(size_t)4095 : (size_t)256 << 20;
    struct ceiling c = {.bed = bed,
                        .vector = !cpu || desc->vector_width < 8 ? 4
                                  : desc->vector_width < 16      ? 8
                                                                 : 16,
                        .global = cores * (cpu ? 4 : 16 * local),
                        .local = local};
    char options[64];
    cl_program program;
    snprintf(options, sizeof(options), "-DVW=%d -DWG=%zu", c.vector, local);
    bed_must(elcl_program_build_text(*bed->device, "ceiling.cl", source, options, &program, &err),
             &err);
    const double copy = copy_rate(&c, program, large);
    bed->read_gbs = read_rate(&c, program, large, &bed->read_core_gbs);
    bed->mac_gflops = mac_rate(&c, program, &bed->mac_core_gflops);
    printf("  %zu MiB copy %.1f GB/s, read %.1f GB/s, 1 MiB copy %.1f GB/s, multiply-add %.1f "
           "GFLOP/s; per second of one core: read %.1f GB, multiply-add %.1f GFLOP\n",
           large >> 20, copy, bed->read_gbs, copy_rate(&c, program, (size_t)1 << 20),
           bed->mac_gflops, bed->read_core_gbs, bed->mac_core_gflops);
    clReleaseProgram(program);
}
