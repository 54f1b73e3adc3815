/* Measures rates with the kernels of rates.cl, rates_dot.cl and rates_mma.cl: each time is the
 * shortest of several repetitions. */
#include "probe/rates.h"

#include <stdio.h>
#include <time.h>

#include "base/os.h"
#include "base/util.h"
#include "cl/records.h"
#include "device/buffer.h"
#include "elcl/plan.h"
#include "probe/options.h"

#define CHAINS 12         /* of rates.cl and rates_dot.cl */
#define MAC_ROUNDS 100000 /* of a work-item on a CPU */
#define LARGE ((size_t)256 << 20)
#define SMALL ((size_t)1 << 20)
#define REPETITIONS 7
#define REPETITION_NS 2e7
#define MMA_GROUPS 4 /* for each compute unit */
#define MMA_MIN_ROUNDS 4
#define MMA_MAX_ROUNDS (1 << 16)
#define MMA_CALL_NS 5e6
#define MAX_CALLS 1000

struct bench {
    struct elcl_device *device;
    enum elcl_mac mac;
    cl_program program;
    int vector; /* floats */
    size_t global, local;
    cl_kernel kernel; /* the current one, with its arguments */
};

static void choose_sizes(struct bench *b)
{
    const elcl_device_desc *desc = &b->device->desc;
    const bool cpu = desc->type == ELCL_DEVICE_CPU;
    const size_t cores = desc->compute_units ? desc->compute_units : 1;
    b->vector = cpu ? elcl_cpu_vector_width(desc) : 4;
    b->local = cpu ? 1 : 128;
    while (b->local > 1 && desc->max_work_group && b->local > desc->max_work_group)
        b->local /= 2;
    b->global = cores * (cpu ? 4 : 16 * b->local);
}

static int finish(const struct bench *b, elcl_error *err)
{
    return elcl_cl_check(clFinish(b->device->queue), "clFinish", "rates", err);
}

/* Nanoseconds of one call; core: processor time of all threads of this process. */
struct times {
    double wall, core;
};

/* Queues `calls` calls, waits, and averages. */
static int time_calls(const struct bench *b, size_t global, size_t local, int calls,
                      struct times *times, elcl_error *err)
{
    const uint64_t start = elcl_clock_ns();
    const clock_t core = clock();
    for (int i = 0; i < calls; i++) {
        const cl_int code = clEnqueueNDRangeKernel(b->device->queue, b->kernel, 1, NULL, &global,
                                                   &local, 0, NULL, NULL);
        const int rc = elcl_cl_check(code, "clEnqueueNDRangeKernel", "rates", err);
        if (rc)
            return rc;
    }
    const int rc = finish(b, err);
    times->wall = (double)(elcl_clock_ns() - start) / calls;
    times->core = 1e9 / CLOCKS_PER_SEC * (double)(clock() - core) / calls;
    return rc;
}

/* Returns the shortest of all repetitions; the first call compiles. With max_calls 1 it waits after
 * each call. */
static int least_ns(const struct bench *b, size_t global, size_t local, int max_calls,
                    struct times *ns, elcl_error *err)
{
    struct times once, least = {0};
    int rc;
    ELCL_TRY(time_calls(b, global, local, 1, &once, err));
    ELCL_TRY(time_calls(b, global, local, 1, &once, err));
    const double many = REPETITION_NS / (once.wall > 1 ? once.wall : 1);
    const int calls = many > max_calls ? max_calls : (int)many + 1;
    for (int i = 0; i < REPETITIONS; i++) {
        struct times mean;
        ELCL_TRY(time_calls(b, global, local, calls, &mean, err));
        if (!i || mean.wall < least.wall)
            least.wall = mean.wall;
        if (!i || mean.core < least.core)
            least.core = mean.core;
    }
    *ns = least;
fail:
    return rc;
}

static int take_kernel(struct bench *b, const char *name, elcl_error *err)
{
    cl_int code;
    if (b->kernel)
        clReleaseKernel(b->kernel);
    b->kernel = clCreateKernel(b->program, name, &code);
    return elcl_cl_check(code, "clCreateKernel", name, err);
}

static int set(const struct bench *b, cl_uint index, size_t bytes, const void *value,
               elcl_error *err)
{
    return elcl_cl_check(clSetKernelArg(b->kernel, index, bytes, value), "clSetKernelArg", "rates",
                         err);
}

/* Measures a copy of `bytes` between two buffers, in GB/s read plus written. */
static int measure_copy(struct bench *b, size_t bytes, double *gbs, elcl_error *err)
{
    struct elcl_buffer to = {0}, from = {0};
    const cl_ulong n = bytes / sizeof(float) / (size_t)b->vector;
    struct times ns;
    int rc;
    ELCL_TRY(elcl_buffer_create(b->device, "rates", bytes, &to, err));
    ELCL_TRY(elcl_buffer_create(b->device, "rates", bytes, &from, err));
    ELCL_TRY(take_kernel(b, "rates_copy", err));
    ELCL_TRY(set(b, 0, sizeof(cl_mem), &to.mem, err));
    ELCL_TRY(set(b, 1, sizeof(cl_mem), &from.mem, err));
    ELCL_TRY(set(b, 2, sizeof(n), &n, err));
    ELCL_TRY(least_ns(b, b->global, b->local, MAX_CALLS, &ns, err));
    *gbs = 2 * (double)bytes / ns.wall;
fail:
    elcl_buffer_destroy(&to);
    elcl_buffer_destroy(&from);
    return rc;
}

/* Converts `amount` per call to 1e9 per second. */
static void set_rates(double amount, const struct times *ns, double *wall, double *core)
{
    *wall = amount / ns->wall;
    *core = ns->core > 0 ? amount / ns->core : 0;
}

static int measure_read(struct bench *b, size_t bytes, double *gbs, double *core, elcl_error *err)
{
    struct elcl_buffer out = {0}, from = {0};
    const cl_ulong n = bytes / sizeof(float) / (size_t)b->vector;
    struct times ns;
    int rc;
    ELCL_TRY(elcl_buffer_create(b->device, "rates", b->global * sizeof(float), &out, err));
    ELCL_TRY(elcl_buffer_create(b->device, "rates", bytes, &from, err));
    ELCL_TRY(take_kernel(b, "rates_read", err));
    ELCL_TRY(set(b, 0, sizeof(cl_mem), &out.mem, err));
    ELCL_TRY(set(b, 1, sizeof(cl_mem), &from.mem, err));
    ELCL_TRY(set(b, 2, sizeof(n), &n, err));
    ELCL_TRY(least_ns(b, b->global, b->local, MAX_CALLS, &ns, err));
    set_rates((double)bytes, &ns, gbs, core);
fail:
    elcl_buffer_destroy(&out);
    elcl_buffer_destroy(&from);
    return rc;
}

static int measure_mac(struct bench *b, double *gflops, double *core, elcl_error *err)
{
    struct elcl_buffer out = {0};
    const cl_float a = 0.999f, c = 0.001f;
    const cl_int n = b->device->desc.type == ELCL_DEVICE_CPU ? MAC_ROUNDS : MAC_ROUNDS / 100;
    struct times ns;
    int rc;
    ELCL_TRY(elcl_buffer_create(b->device, "rates", b->global * sizeof(float), &out, err));
    ELCL_TRY(take_kernel(b, "rates_mac", err));
    ELCL_TRY(set(b, 0, sizeof(cl_mem), &out.mem, err));
    ELCL_TRY(set(b, 1, sizeof(a), &a, err));
    ELCL_TRY(set(b, 2, sizeof(c), &c, err));
    ELCL_TRY(set(b, 3, sizeof(n), &n, err));
    ELCL_TRY(least_ns(b, b->global, b->local, MAX_CALLS, &ns, err));
    set_rates(2.0 * CHAINS * b->vector * n * (double)b->global, &ns, gflops, core);
fail:
    elcl_buffer_destroy(&out);
    return rc;
}

/* Measures dot products, in 1e9 operations per second; 0 if they have no instruction. */
static int measure_dot(struct bench *b, enum elcl_dot kind, double *rate, double *core,
                       elcl_error *err)
{
    const struct elcl_dot_kind *dot = &elcl_dot_kinds[kind];
    struct elcl_program_parts parts = {.files = {"storage.cl", dot->file, "rates_dot.cl"},
                                       .mac = b->mac};
    struct bench own = *b;
    struct elcl_buffer out = {0};
    const cl_uint a = 0;
    const cl_int n = MAC_ROUNDS;
    struct times ns;
    int rc;
    *rate = *core = 0;
    if (!elcl_dot_is_instruction(kind))
        return ELCL_OK;
    own.program = NULL;
    own.kernel = NULL;
    elcl_kernel_options_write(
        &(struct elcl_kernel_options){
            .weights = dot->weights, .dot = kind, .vector = b->vector, .items = b->local},
        &parts);
    ELCL_TRY(elcl_program_build(b->device, &parts, &own.program, err));
    ELCL_TRY(elcl_buffer_create(b->device, "rates", b->global * sizeof(cl_int), &out, err));
    ELCL_TRY(take_kernel(&own, "rates_dot", err));
    ELCL_TRY(set(&own, 0, sizeof(cl_mem), &out.mem, err));
    ELCL_TRY(set(&own, 1, sizeof(a), &a, err));
    ELCL_TRY(set(&own, 2, sizeof(n), &n, err));
    ELCL_TRY(least_ns(&own, b->global, b->local, MAX_CALLS, &ns, err));
    elcl_program_store(b->device, &parts, own.program);
    set_rates(2.0 * CHAINS * b->vector * dot->k_step * n * (double)b->global, &ns, rate, core);
fail:
    elcl_buffer_destroy(&out);
    if (own.kernel)
        clReleaseKernel(own.kernel);
    if (own.program)
        clReleaseProgram(own.program);
    return rc;
}

/* The rate of the instruction by which narrow state is multiplied. */
static int measure_state(struct bench *b, enum elcl_dot kind, elcl_device_rates *rates,
                         elcl_device_rates *core, elcl_error *err)
{
    const int rc = measure_dot(b, kind, &rates->state_gops, &core->state_gops, err);
    rates->state_gops /= elcl_state_dot_products(kind);
    core->state_gops /= elcl_state_dot_products(kind);
    return rc;
}

/* Sets the rounds of a call so that it takes MMA_CALL_NS: devices differ by many orders. */
static int choose_rounds(struct bench *b, cl_int *n, elcl_error *err)
{
    struct times ns;
    int rc;
    *n = MMA_MIN_ROUNDS;
    ELCL_TRY(set(b, 2, sizeof(*n), n, err));
    ELCL_TRY(time_calls(b, b->global, b->local, 1, &ns, err)); /* compiles */
    ELCL_TRY(time_calls(b, b->global, b->local, 1, &ns, err));
    const double rounds = MMA_MIN_ROUNDS * MMA_CALL_NS / (ns.wall > 1 ? ns.wall : 1);
    *n = rounds < MMA_MIN_ROUNDS   ? MMA_MIN_ROUNDS
         : rounds > MMA_MAX_ROUNDS ? MMA_MAX_ROUNDS
                                   : (cl_int)rounds;
    ELCL_TRY(set(b, 2, sizeof(*n), n, err));
fail:
    return rc;
}

/* Measures a matrix instruction, in 1e9 operations per second; 0 if there is none. */
static int measure_mma(const struct bench *b, enum elcl_mma mma, double *gflops, elcl_error *err)
{
    const struct elcl_mma_kind *kind = &elcl_mma_kinds[mma];
    struct elcl_program_parts parts = {.mac = b->mac};
    struct bench own = *b;
    struct elcl_buffer out = {0};
    const cl_float a = 0x1p-8f;
    cl_int n;
    struct times ns;
    int rc;
    *gflops = 0;
    if (mma == ELCL_MMA_NONE)
        return ELCL_OK;
    const char *const files[] = {"storage.cl", "tile.cl", "swizzle.cl", kind->file, "rates_mma.cl"};
    for (size_t i = 0; i < ELCL_COUNT(files); i++)
        parts.files[i] = files[i];
    (void)snprintf(parts.options, sizeof(parts.options), "%s", kind->options);
    own.program = NULL;
    own.kernel = NULL;
    own.local = ELCL_TILE_ITEMS;
    own.global = own.local * MMA_GROUPS *
                 (b->device->desc.compute_units ? b->device->desc.compute_units : 1);
    ELCL_TRY(elcl_program_build(b->device, &parts, &own.program, err));
    ELCL_TRY(elcl_buffer_create(b->device, "rates", own.global * sizeof(float), &out, err));
    ELCL_TRY(take_kernel(&own, "rates_mma", err));
    ELCL_TRY(set(&own, 0, sizeof(cl_mem), &out.mem, err));
    ELCL_TRY(set(&own, 1, sizeof(a), &a, err));
    ELCL_TRY(choose_rounds(&own, &n, err));
    ELCL_TRY(least_ns(&own, own.global, own.local, MAX_CALLS, &ns, err));
    elcl_program_store(b->device, &parts, own.program);
    *gflops = 2.0 * 16 * 16 * 16 * ELCL_RATES_MMA_CHAINS(kind->subgroup) * n *
              (double)(own.global / (size_t)kind->subgroup) / ns.wall;
fail:
    elcl_buffer_destroy(&out);
    if (own.kernel)
        clReleaseKernel(own.kernel);
    if (own.program)
        clReleaseProgram(own.program);
    return rc;
}

static int measure_launch(struct bench *b, elcl_device_rates *rates, elcl_error *err)
{
    struct elcl_buffer out = {0};
    const cl_float value = 1;
    struct times ns, waited;
    int rc;
    ELCL_TRY(elcl_buffer_create(b->device, "rates", sizeof(float), &out, err));
    ELCL_TRY(take_kernel(b, "rates_touch", err));
    ELCL_TRY(set(b, 0, sizeof(cl_mem), &out.mem, err));
    ELCL_TRY(set(b, 1, sizeof(value), &value, err));
    ELCL_TRY(least_ns(b, 1, 1, MAX_CALLS, &ns, err));
    ELCL_TRY(least_ns(b, 1, 1, 1, &waited, err));
    rates->launch_us = ns.wall / 1e3;
    rates->wait_us = waited.wall / 1e3;
fail:
    elcl_buffer_destroy(&out);
    return rc;
}

/* Two such buffers are far larger than any cache, and take at most half of the memory. */
static size_t large_bytes(const struct elcl_device *device)
{
    const uint64_t alloc = device->desc.max_alloc_bytes, all = device->memory_limit_bytes / 4;
    const uint64_t most = alloc && alloc / 4 < all ? alloc / 4 : all;
    const size_t bytes = most < LARGE ? (size_t)most & ~(size_t)4095 : LARGE;
    return bytes < SMALL ? SMALL : bytes;
}

int elcl_rates_measure(struct elcl_device *device, const struct elcl_features *features,
                       elcl_device_rates *rates, elcl_device_rates *core, elcl_error *err)
{
    struct elcl_program_parts parts = {.files = {"rates.cl"}, .mac = features->mac};
    struct bench b = {.device = device, .mac = features->mac};
    elcl_device_rates r = {.type = device->desc.type,
                           .kernels = device->kernels,
                           .cache_bytes = (double)device->desc.cache_bytes};
    elcl_device_rates c = {.type = r.type, .kernels = r.kernels};
    int rc;
    choose_sizes(&b);
    elcl_kernel_options_write(&(struct elcl_kernel_options){.vector = b.vector, .items = b.local},
                              &parts);
    ELCL_TRY(elcl_program_build(device, &parts, &b.program, err));
    ELCL_TRY(measure_copy(&b, large_bytes(device), &r.copy_gbs, err));
    ELCL_TRY(measure_copy(&b, SMALL, &r.cache_gbs, err));
    ELCL_TRY(measure_read(&b, large_bytes(device), &r.memory_gbs, &c.memory_gbs, err));
    ELCL_TRY(measure_mac(&b, &r.f32_gflops, &c.f32_gflops, err));
    ELCL_TRY(measure_dot(&b, features->int8_dot.kind, &r.int8_gops, &c.int8_gops, err));
    ELCL_TRY(measure_dot(&b, features->bf16_dot.kind, &r.bf16_gflops, &c.bf16_gflops, err));
    ELCL_TRY(measure_state(&b, features->state_dot.kind, &r, &c, err));
    ELCL_TRY(measure_mma(&b, features->mma, &r.matrix_gflops, err));
    ELCL_TRY(measure_launch(&b, &r, err));
    elcl_program_store(device, &parts, b.program);
    r.half_gflops = r.matrix_gflops > r.f32_gflops ? r.matrix_gflops : r.f32_gflops;
    *rates = r;
    if (core)
        *core = c;
fail:
    if (b.kernel)
        clReleaseKernel(b.kernel);
    if (b.program)
        clReleaseProgram(b.program);
    return rc;
}
