/* What the probes store and what they believe: only what ran and was compared here. */
#define _POSIX_C_SOURCE 200809L

#include "tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/least.h"
#include "device/cl_source.h"
#include "device/program_cache.h"
#include "probe/probe_impl.h"
#include "wrap.h"

static void test_least(void)
{
    static const double times[] = {5, 3, 9, 4, 3.2};
    struct elcl_least least = {0};
    if (!check_case("probe: the two least times"))
        return;
    elcl_least_add(&least, 7);
    CHECK(least.first == 7 && least.second == 0, "one: %g, %g", least.first, least.second);
    for (size_t i = 0; i < ELCL_COUNT(times); i++)
        elcl_least_add(&least, times[i]);
    CHECK(least.first == 3 && least.second == 3.2, "%g, %g", least.first, least.second);
}

static void test_hash(void)
{
    static const unsigned char a[] = "a", b[] = "b";
    const struct elcl_cl_source first[] = {{"x", a, 1}, {"y", b, 1}, {NULL, NULL, 0}};
    const struct elcl_cl_source other[] = {{"x", a, 1}, {"y", a, 1}, {NULL, NULL, 0}};
    const struct elcl_cl_source shorter[] = {{"x", a, 1}, {NULL, NULL, 0}};
    if (!check_case("probe: the hash of all kernel files"))
        return;
    CHECK(elcl_cl_hash(first) == elcl_cl_hash(first), "not the same twice");
    CHECK(elcl_cl_hash(first) != elcl_cl_hash(other), "a changed file");
    CHECK(elcl_cl_hash(first) != elcl_cl_hash(shorter), "a file less");
}

#ifdef ELCL_TEST_WRAP

WRAPPED(elcl_cl_find);
WRAPPED(elcl_cl_hash);
WRAPPED(elcl_cpu_has);
WRAPPED(elcl_least_agrees);
WRAPPED(clBuildProgram);
WRAPPED(clCreateBuffer);
WRAPPED(clEnqueueNDRangeKernel);

static struct {
    const char *broken;           /* this file has an #error; NULL: none */
    uint64_t salt;                /* changes the hash of the kernel files */
    bool no_instructions;         /* another processor */
    bool disagree;                /* other programs disturb the times */
    const char *option;           /* builds with this option lack memory; NULL: none */
    cl_int build, create, launch; /* what these calls give; CL_SUCCESS: what they do */
} act;

const struct elcl_cl_source *__wrap_elcl_cl_find(const char *name)
{
    static const unsigned char text[] = "#error broken\n";
    static const struct elcl_cl_source broken = {"broken.cl", text, sizeof(text) - 1};
    return act.broken && !strcmp(act.broken, name) ? &broken : __real_elcl_cl_find(name);
}

uint64_t __wrap_elcl_cl_hash(const struct elcl_cl_source *sources)
{
    return __real_elcl_cl_hash(sources) ^ act.salt;
}

bool __wrap_elcl_cpu_has(enum elcl_cpu_feature feature)
{
    return !act.no_instructions && __real_elcl_cpu_has(feature);
}

bool __wrap_elcl_least_agrees(const struct elcl_least *least)
{
    (void)least;
    return !act.disagree;
}

cl_int __wrap_clBuildProgram(cl_program program, cl_uint n, const cl_device_id *devices,
                             const char *options, void(CL_CALLBACK *notify)(cl_program, void *),
                             void *user)
{
    if (act.option && strstr(options, act.option))
        return CL_OUT_OF_HOST_MEMORY;
    return act.build ? act.build
                     : __real_clBuildProgram(program, n, devices, options, notify, user);
}

cl_mem __wrap_clCreateBuffer(cl_context context, cl_mem_flags flags, size_t bytes, void *host,
                             cl_int *code)
{
    if (!act.create)
        return __real_clCreateBuffer(context, flags, bytes, host, code);
    *code = act.create;
    return NULL;
}

cl_int __wrap_clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel, cl_uint dims,
                                     const size_t *offset, const size_t *global,
                                     const size_t *local, cl_uint n_wait, const cl_event *wait,
                                     cl_event *event)
{
    return act.launch ? act.launch
                      : __real_clEnqueueNDRangeKernel(queue, kernel, dims, offset, global, local,
                                                      n_wait, wait, event);
}

void probe_times_agree(bool agree)
{
    act.disagree = !agree;
}

/* Probes in a new directory and returns how many files are there afterwards. */
static size_t probe(struct elcl_device *device, struct elcl_features *features)
{
    char directory[128];
    snprintf(directory, sizeof(directory), "%s", fresh_cache());
    device->cache_directory = directory;
    elcl_probe_features(device, features);
    const size_t n = count_files(directory);
    device->cache_directory = NULL;
    return n;
}

/* What failed in this process says nothing about the next one. */
static void test_transient(struct elcl_device *device)
{
    struct elcl_features features;
    if (!check_case("probe: nothing is stored of what could not run"))
        return;
    act.build = CL_OUT_OF_HOST_MEMORY;
    CHECK(!probe(device, &features) && features.unsure, "a build without memory is stored");
    act.build = CL_BUILD_PROGRAM_FAILURE;
    CHECK(!probe(device, &features) && features.unsure, "a build without a reason is stored");
    act.build = CL_SUCCESS;
    if (!device->quirks.simulator) {
        act.create = CL_MEM_OBJECT_ALLOCATION_FAILURE;
        CHECK(!probe(device, &features) && features.unsure, "a lack of buffers is stored");
        act.create = CL_SUCCESS;
        act.launch = CL_OUT_OF_RESOURCES;
        CHECK(!probe(device, &features) && features.unsure, "a failed launch is stored");
        CHECK(strstr(features.verdicts[ELCL_PROBE_HALF].reason, "could not be probed") &&
                  strstr(features.verdicts[ELCL_PROBE_FMA].reason, "could not be probed"),
              "%s", features.verdicts[ELCL_PROBE_HALF].reason);
        act.launch = CL_SUCCESS;
        act.broken = "prelude.cl";
        CHECK(probe(device, &features) == 1 && !features.verdicts[ELCL_PROBE_HALF].on,
              "a program that does not compile is tried again: %s",
              features.verdicts[ELCL_PROBE_HALF].reason);
        act.broken = NULL;
        act.disagree = true;
        CHECK(!probe(device, &features) && features.unsure, "disturbed times are stored");
        CHECK(features.verdicts[features.mac].on &&
                  strstr(features.verdicts[features.mac].reason, "measured again"),
              "%s", features.verdicts[features.mac].reason);
        act.disagree = false;
    }
}

/* A verdict says that times were disturbed only if they were. */
static void test_mac_reason(struct elcl_device *device)
{
    if (!check_case("probe: why times are taken again"))
        return;
    if (device->quirks.simulator) {
        check_skip("a simulator is not timed");
        return;
    }
    struct elcl_features features = {.unsure = true}; /* for another reason */
    struct elcl_probe_fixture *f = elcl_calloc(1, sizeof(*f));
    elcl_error err = {0};
    if (CHECK(f && !elcl_probe_fixture_init(f, device, &err), "%s", err.msg)) {
        elcl_probe_mac(f, &features);
        const char *reason = features.verdicts[features.mac].reason;
        CHECK(!strstr(reason, "other programs"), "%s", reason);
    }
    if (f)
        elcl_probe_fixture_finish(f);
    elcl_free(f);
}

static void test_dot_reason(struct elcl_device *device)
{
    struct elcl_dot_choice choice;
    bool unsure = false;
    char why[160] = "";
    if (!check_case("probe: a dot product without a time of f32"))
        return;
    if (!elcl_dot_may_run(device, ELCL_DOT_VDPBF16PS, ELCL_BF16)) {
        check_skip("needs AVX512_BF16");
        return;
    }
    act.option = "-DWEIGHT_PAIRS"; /* only the kernel of f32 has it */
    elcl_probe_dot(device, ELCL_MAC_PLAIN, ELCL_BF16, &choice, &unsure, why, sizeof(why));
    act.option = NULL;
    CHECK(unsure && choice.kind == ELCL_DOT_VDPBF16PS && !choice.pays, "%s", why);
    CHECK(strstr(why, "could not be probed"), "%s", why);
}

/* Makes the stored verdicts recognizable. */
static void plant(const struct elcl_device *device, uint64_t key, struct elcl_features features)
{
    features.short_loops = !features.short_loops;
    elcl_verdicts_store(device, key, &features);
}

/* Verdicts of other kernels or another processor must not come from the cache, and a new probe
 * replaces what is there. */
static void test_key(struct elcl_device *device)
{
    struct elcl_features sound, features;
    char directory[128];
    if (!check_case("probe: the key, and probes that run again"))
        return;
    snprintf(directory, sizeof(directory), "%s", fresh_cache());
    device->cache_directory = directory;
    probe_surely(device, &sound);
    char *path = only_file(directory);
    if (CHECK(path, "the verdicts were not stored")) {
        const uint64_t key = strtoull(strrchr(path, '/') + 1, NULL, 16);
        plant(device, key, sound);
        elcl_probe_features(device, &features);
        CHECK(features.short_loops != sound.short_loops, "the cache is not read");
        probe_surely(device, &features);
        CHECK(features.short_loops == sound.short_loops, "the second probe reads the cache");
        elcl_probe_features(device, &features);
        CHECK(features.short_loops == sound.short_loops, "and does not replace it");
        act.launch = CL_OUT_OF_RESOURCES; /* a probe says so, and the cache does not */
        elcl_probe_features(device, &features);
        CHECK(device->quirks.simulator || !features.unsure, "the cache is not read");
        act.salt = 1;
        elcl_probe_features(device, &features);
        CHECK(device->quirks.simulator || features.unsure, "the key misses the kernel files");
        act.salt = 0;
        device->processor ^= 1;
        elcl_probe_features(device, &features);
        CHECK(device->quirks.simulator || features.unsure, "the key misses the processor");
        device->processor ^= 1;
        act.launch = CL_SUCCESS;
    }
    elcl_free(path);
    device->cache_directory = NULL;
}

/* A file with the right key and sound bytes that names what is not here. */
static void test_planted(struct elcl_device *device)
{
    const uint64_t key = 5;
    const struct elcl_features honest = {.mac = ELCL_MAC_MAD};
    struct elcl_features features = honest, read;
    char directory[128];
    if (!check_case("probe: planted verdicts"))
        return;
    snprintf(directory, sizeof(directory), "%s", fresh_cache());
    device->cache_directory = directory;
    elcl_verdicts_store(device, key, &features);
    CHECK(elcl_verdicts_load(device, key, &read) && read.mac == features.mac, "sound verdicts");
    act.no_instructions = true;
    for (int dot = ELCL_DOT_NONE; dot <= ELCL_DOT_LAST + 1; dot++) {
        features = honest;
        features.int8_dot.kind = features.bf16_dot.kind = features.int4_dot.kind =
            (enum elcl_dot)dot;
        elcl_verdicts_store(device, key, &features);
        CHECK(dot == ELCL_DOT_NONE || !elcl_verdicts_load(device, key, &read), "dot %d", dot);
        features = honest;
        features.state_dot.kind = (enum elcl_dot)dot;
        elcl_verdicts_store(device, key, &features);
        CHECK(dot == ELCL_DOT_NONE || dot == ELCL_DOT_PLAIN_INT8 ||
                  !elcl_verdicts_load(device, key, &read),
              "dot %d of state", dot);
    }
    act.no_instructions = false;
    for (int mma = ELCL_MMA_NONE + 1; mma <= ELCL_N_MMA; mma++) {
        features = honest;
        features.mma = (enum elcl_mma)mma;
        elcl_verdicts_store(device, key, &features);
        CHECK(elcl_verdicts_load(device, key, &read) ==
                  elcl_mma_may_run(device, (enum elcl_mma)mma),
              "mma %d", mma);
    }
    void *data = NULL;
    size_t n = 0;
    if (CHECK(elcl_cache_load(directory, key, &data, &n), "nothing is stored")) {
        memset(data, 0xff, n);
        elcl_cache_store(directory, key, data, n);
        CHECK(!elcl_verdicts_load(device, key, &read), "bytes without a meaning");
        elcl_cache_store(directory, key, data, n - 1);
        CHECK(!elcl_verdicts_load(device, key, &read), "a byte less");
    }
    elcl_free(data);
    device->cache_directory = NULL;
}

void test_probe_cache(struct elcl_device *device)
{
    char *const own = device->cache_directory;
    test_least();
    test_hash();
    test_transient(device);
    test_mac_reason(device);
    test_dot_reason(device);
    test_key(device);
    test_planted(device);
    device->cache_directory = own;
}

#else

void probe_times_agree(bool agree)
{
    (void)agree;
}

void test_probe_cache(struct elcl_device *device)
{
    (void)device;
    test_least();
    test_hash();
    if (check_case("probe: what is stored and believed"))
        check_skip("the linker has no --wrap");
}

#endif
