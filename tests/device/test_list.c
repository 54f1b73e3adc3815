/* Listing, choosing and opening devices. */
#define _POSIX_C_SOURCE 200809L

#include "elcl/plan.h"
#include "tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs in its own process, because the ICD loader reads its list of drivers once. Returns 0
 * when all is as it should be, 77 when there are devices all the same. */
static int without_drivers(void)
{
    elcl_error err = {0};
    elcl_device_list *list = NULL;
    if (elcl_device_list_create(&list, &err))
        return 1;
    if (elcl_device_list_count(list))
        return 77;
    elcl_device_list_destroy(&list);
    struct elcl_device *device = NULL;
    if (elcl_device_open(&(struct elcl_device_params){0}, &device, &err) != ELCL_E_DEVICE || device)
        return 2;
    return strstr(err.msg, "no OpenCL device") && strstr(err.msg, "pocl-opencl-icd") ? 0 : 3;
}

/* Must come before the first OpenCL call of this process. */
void test_no_drivers(void)
{
    if (!check_case("list: no driver"))
        return;
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        setenv("OCL_ICD_VENDORS", check_temporary_directory(), 1);
        _exit(without_drivers());
    }
    int status = -1;
    if (!CHECK(child > 0 && waitpid(child, &status, 0) == child, "fork or waitpid failed"))
        return;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        check_skip("the OpenCL loader finds devices without OCL_ICD_VENDORS");
    else
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %#x", (unsigned)status);
}

static void check_desc(const elcl_device_desc *d, int index)
{
    CHECK(d->index == index, "index %d at %d", d->index, index);
    CHECK(d->name[0] && d->platform[0] && d->version[0], "\"%s\" \"%s\" \"%s\"", d->name,
          d->platform, d->version);
    CHECK(d->vendor && d->driver && d->extensions, "a string is NULL");
    CHECK(strstr(d->version, "OpenCL"), "version \"%s\"", d->version);
    CHECK(d->type == ELCL_DEVICE_CPU || d->type == ELCL_DEVICE_GPU || d->type == ELCL_DEVICE_OTHER,
          "type %d", d->type);
    CHECK(d->memory_bytes >= d->max_alloc_bytes && d->max_alloc_bytes, "memory %llu, single %llu",
          (unsigned long long)d->memory_bytes, (unsigned long long)d->max_alloc_bytes);
    CHECK(d->compute_units && d->max_work_group && d->local_bytes, "units %u, group %u, local %llu",
          d->compute_units, d->max_work_group, (unsigned long long)d->local_bytes);
}

static void test_list(const elcl_device_list *list)
{
    if (!check_case("list: properties"))
        return;
    const int n = elcl_device_list_count(list);
    int defaults = 0;
    CHECK(n > 0, "no OpenCL device on this machine");
    for (int i = 0; i < n; i++) {
        check_desc(elcl_device_list_get(list, i), i);
        defaults += elcl_device_list_get(list, i)->is_default;
    }
    CHECK(defaults == 1, "%d defaults", defaults);
    CHECK(!elcl_device_list_get(list, -1) && !elcl_device_list_get(list, n), "outside the list");
    CHECK(elcl_device_list_count(NULL) == 0 && !elcl_device_list_get(NULL, 0), "of NULL");
    elcl_device_list *none = NULL;
    elcl_device_list_destroy(&none);
    elcl_device_list_destroy(NULL);
}

/* A list that no machine has. */
static struct elcl_device_entry made_up[] = {
    {.desc = {.name = "Stick 1", .platform = "Accelerators", .type = ELCL_DEVICE_OTHER}},
    {.desc = {.name = "llvmpipe (LLVM 15)",
              .platform = "rusticl",
              .driver = "22.3.6",
              .type = ELCL_DEVICE_CPU}},
    {.desc = {.name = "cpu-znver4", .platform = "Portable", .type = ELCL_DEVICE_CPU}},
    {.desc = {.name = "Radeon 7900", .platform = "AMD APP", .type = ELCL_DEVICE_GPU}},
    {.desc = {.name = "GeForce", .platform = "NVIDIA CUDA", .type = ELCL_DEVICE_GPU}},
};

static void test_choose(void)
{
    static const struct {
        const char *which;
        size_t n; /* of made_up in the list */
        int want;
    } cases[] = {
        {NULL, 5, 3},          {"", 5, 3},
        {NULL, 3, 2},          {NULL, 2, 1},
        {NULL, 1, 0},          {"0", 5, 0},
        {"4", 5, 4},           {"5", 5, -1},
        {"CPU", 5, 2},         {"gpu", 5, 3},
        {"gpu", 3, -1},        {"cpu", 1, -1},
        {"geforce", 5, 4},     {"radeon", 5, 3},
        {"nvidia", 5, 4},      {"LLVMPIPE", 5, 1},
        {"Stick", 5, 0},       {"7900", 5, -1},
        {"n 7900", 5, 3},      {"tpu", 5, -1},
        {"4294967297", 5, -1}, {"99999999999999999999", 5, -1},
        {"-1", 5, -1},
    };
    if (!check_case("choose: rules"))
        return;
    for (size_t i = 0; i < ELCL_COUNT(made_up); i++)
        made_up[i].desc.index = (int)i;
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        const struct elcl_device_list list = {.entries = made_up, .n = cases[i].n};
        elcl_error err = {0};
        size_t at = 99;
        const int rc = elcl_device_list_choose(&list, cases[i].which, &at, &err);
        const char *name = cases[i].which ? cases[i].which : "NULL";
        if (cases[i].want >= 0)
            CHECK(!rc && at == (size_t)cases[i].want, "%s of %zu: %d, %zu", name, cases[i].n, rc,
                  at);
        else if (CHECK(rc && at == 99, "%s of %zu: %zu", name, cases[i].n, at))
            says(&err, ELCL_E_DEVICE, name, made_up[0].desc.name);
    }
    elcl_error err = {0};
    size_t at = 99;
    elcl_device_list_choose(&(struct elcl_device_list){0}, "0", &at, &err);
    says(&err, ELCL_E_DEVICE, "no OpenCL device", "install");
}

static void test_quirks(void)
{
    static const struct {
        elcl_device_desc desc;
        struct elcl_quirks want;
    } cases[] = {
        {{.name = "cpu", .platform = "Portable Computing Language", .driver = "3.1"},
         {.caches_programs = true, .queues_take_turns = true, .inline_assembly = true}},
        {{.name = "llvmpipe (LLVM 15)", .platform = "rusticl", .driver = "22.3.6"},
         {.caches_programs = true, .gpu_like = true}},
        {{.name = "llvmpipe (LLVM 19)", .platform = "rusticl", .driver = "25.0.7"},
         {.caches_programs = true, .gpu_like = true, .gpu_kernels_crash = true}},
        {{.name = "GeForce", .platform = "NVIDIA CUDA", .driver = "550.1"}, {.simulator = false}},
        {{.name = "NVIDIA H200 (emulated)", .platform = "NVIDIA CUDA", .driver = "580.0"},
         {.simulator = true}},
    };
    if (!check_case("quirks: by platform, name and driver"))
        return;
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        const struct elcl_quirks got = elcl_quirks_find(&cases[i].desc), *want = &cases[i].want;
        CHECK(got.gpu_like == want->gpu_like && got.gpu_kernels_crash == want->gpu_kernels_crash &&
                  got.caches_programs == want->caches_programs &&
                  got.queues_take_turns == want->queues_take_turns &&
                  got.inline_assembly == want->inline_assembly &&
                  got.simulator == want->simulator && (got.options != NULL) == (i == 0),
              "%s of %s %s", cases[i].desc.name, cases[i].desc.platform, cases[i].desc.driver);
    }
}

static void test_choose_here(const elcl_device_list *list)
{
    if (!check_case("choose: the devices of this machine"))
        return;
    for (int i = 0; i < elcl_device_list_count(list); i++) {
        char index[16];
        size_t at = 99;
        snprintf(index, sizeof(index), "%d", i);
        CHECK(!elcl_device_list_choose(list, index, &at, NULL) && at == (size_t)i, "%s: %zu", index,
              at);
        const elcl_device_desc *d = elcl_device_list_get(list, i);
        CHECK(!elcl_device_list_choose(list, d->name, &at, NULL) &&
                  !strcmp(elcl_device_list_get(list, (int)at)->name, d->name),
              "%s: %zu", d->name, at);
        if (d->is_default)
            CHECK(!elcl_device_list_choose(list, NULL, &at, NULL) && at == (size_t)i, "%zu", at);
    }
    elcl_error err = {0};
    struct elcl_device *device = NULL;
    elcl_device_open(&(struct elcl_device_params){.device = "no such name"}, &device, &err);
    CHECK(!device, "a device was opened");
    says(&err, ELCL_E_DEVICE, "no such name", elcl_device_list_get(list, 0)->name);
}

/* A GPU's driver reports all memory, and needs some itself. */
static void test_planned_memory(void)
{
    static const uint64_t mib = 1 << 20;
    static const struct {
        enum elcl_device_type type;
        uint64_t all, planned; /* MiB */
    } cases[] = {
        {ELCL_DEVICE_GPU, 80000, 75744}, {ELCL_DEVICE_GPU, 8000, 7344}, {ELCL_DEVICE_GPU, 400, 200},
        {ELCL_DEVICE_OTHER, 8000, 7344}, {ELCL_DEVICE_CPU, 8000, 8000}, {ELCL_DEVICE_GPU, 0, 0},
    };
    if (!check_case("list: memory that plans take"))
        return;
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        const elcl_device_desc d = {.type = cases[i].type, .memory_bytes = cases[i].all * mib};
        const uint64_t got = elcl_planned_memory(&d);
        CHECK(got == cases[i].planned * mib, "%zu: %llu bytes", i, (unsigned long long)got);
    }
}

static void test_open(const struct check_options *options)
{
    if (!check_case("open: parameters"))
        return;
    struct elcl_device_params params = {.device = options->device};
    struct elcl_device *device = open_device(&params);
    if (!device)
        return;
    const bool cpu = device->desc.type == ELCL_DEVICE_CPU && !strstr(device->desc.name, "llvmpipe");
    CHECK(device->kernels == (cpu ? ELCL_KERNELS_CPU : ELCL_KERNELS_GPU), "%d", device->kernels);
    CHECK(device->memory_limit_bytes == device->desc.memory_bytes, "limit %llu",
          (unsigned long long)device->memory_limit_bytes);
    CHECK(device->plan_limit_bytes == elcl_planned_memory(&device->desc), "plans up to %llu",
          (unsigned long long)device->plan_limit_bytes);
    CHECK(device->cache_directory, "no cache");
    params.kernels = cpu ? ELCL_KERNELS_GPU : ELCL_KERNELS_CPU;
    params.memory_limit_bytes = 12345;
    params.no_cache = true;
    struct log log = {0};
    params.log = collect_log;
    params.log_user = &log;
    close_device(&device);
    device = open_device(&params);
    if (!device)
        return;
    /* The probes allocate more than this limit, and must not fail for it. */
    struct elcl_features features;
    elcl_probe_features(device, &features);
    CHECK(log.text.data && !strstr(log.text.data, "failed"), "%s", log.text.data);
    elcl_str_finish(&log.text);
    device->log = NULL;
    CHECK(atomic_load(&device->peak_bytes) == 0, "peak %llu", atomic_load(&device->peak_bytes));
    CHECK(device->kernels == params.kernels, "%d", device->kernels);
    CHECK(device->memory_limit_bytes == 12345 && device->plan_limit_bytes == 12345, "limit");
    CHECK(!device->cache_directory, "cache %s", device->cache_directory);
    close_device(&device);
    elcl_device_close(&device);
    elcl_device_close(NULL);
}

static void test_codes(void)
{
    if (!check_case("error codes"))
        return;
    CHECK(!strcmp(elcl_cl_error_name(CL_OUT_OF_RESOURCES), "CL_OUT_OF_RESOURCES"), "-5");
    CHECK(!strcmp(elcl_cl_error_name(CL_INVALID_DEVICE_PARTITION_COUNT),
                  "CL_INVALID_DEVICE_PARTITION_COUNT"),
          "-68");
    CHECK(elcl_cl_error_name(-12345)[0], "an unknown code has no name");
    elcl_error err = {0};
    CHECK(!elcl_cl_check(CL_SUCCESS, "call", "what", &err) && !err.code, "success");
    elcl_cl_check(CL_INVALID_KERNEL, "clEnqueueNDRangeKernel", "attn_el", &err);
    says(&err, ELCL_E_DEVICE, "clEnqueueNDRangeKernel(attn_el): CL_INVALID_KERNEL", "");
    err = (elcl_error){0};
    elcl_cl_check(CL_MEM_OBJECT_ALLOCATION_FAILURE, "clFinish", NULL, &err);
    says(&err, ELCL_E_DEVICE_NOMEM, "clFinish", "CL_MEM_OBJECT_ALLOCATION_FAILURE");
}

static void test_list_probe(elcl_device_list *list, const struct check_options *options)
{
    if (!check_case("list: probe"))
        return;
    size_t at = 0;
    const elcl_probe_verdict *verdicts = NULL, *again = NULL;
    int n = 0;
    elcl_error err = {0};
    elcl_device_list_choose(list, options->device, &at, &err);
    const int rc = elcl_device_list_probe(list, (int)at, &verdicts, &n, &err);
    CHECK(!rc && n > 0 && verdicts && verdicts[0].reason[0], "%d %s", rc, err.msg);
    CHECK(!elcl_device_list_probe(list, (int)at, &again, &n, &err) && again == verdicts, "again");
    CHECK(elcl_device_list_probe(list, -1, &again, &n, NULL) == ELCL_E_ARG, "device -1");
    CHECK(elcl_device_list_probe(list, elcl_device_list_count(list), &again, &n, NULL) ==
              ELCL_E_ARG,
          "device n");
}

void test_listing(elcl_device_list *list, const struct check_options *options)
{
    test_codes();
    test_list(list);
    test_choose();
    test_quirks();
    test_choose_here(list);
    test_planned_memory();
    test_open(options);
    test_list_probe(list, options);
}
