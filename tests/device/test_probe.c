/* Probes: their verdicts, the key of their cache, and the switch of matrix instructions. */
#define _POSIX_C_SOURCE 200809L

#include "tests.h"

#include <stdlib.h>
#include <string.h>

#include "device/cl_source.h"
#include "device/program_cache.h"

static void check_same(const struct elcl_features *a, const struct elcl_features *b)
{
    CHECK(a->mac == b->mac && a->mma == b->mma, "%d %d, %d %d", a->mac, b->mac, a->mma, b->mma);
    for (int i = 0; i < ELCL_N_PROBES; i++)
        CHECK(a->verdicts[i].on == b->verdicts[i].on &&
                  !strcmp(a->verdicts[i].reason, b->verdicts[i].reason),
              "%d: \"%s\" and \"%s\"", i, a->verdicts[i].reason, b->verdicts[i].reason);
}

static void test_verdicts(struct elcl_device *device, const char *directory)
{
    if (!check_case("probe: verdicts and their cache"))
        return;
    struct elcl_features first, second;
    elcl_probe_features(device, &first);
    int macs_on = 0;
    for (int i = 0; i < ELCL_N_PROBES; i++) {
        CHECK(first.verdicts[i].reason[0], "verdict %d", i);
        macs_on += i <= ELCL_PROBE_PLAIN && first.verdicts[i].on;
    }
    CHECK(macs_on == 1 && first.verdicts[first.mac].on, "%d multiply-adds are on", macs_on);
    CHECK(first.verdicts[ELCL_PROBE_HALF].on, "%s", first.verdicts[ELCL_PROBE_HALF].reason);
    CHECK(atomic_load(&device->peak_bytes) == 0, "peak %llu", atomic_load(&device->peak_bytes));
    char *path = only_file(directory);
    if (!CHECK(path, "the verdicts were not stored"))
        return;
    /* The file has the same verdicts: nothing is measured again. */
    elcl_probe_features(device, &second);
    check_same(&first, &second);
    elcl_cache_store(directory, strtoull(strrchr(path, '/') + 1, NULL, 16), "short", 5);
    elcl_probe_features(device, &second);
    CHECK(second.verdicts[first.mac].reason[0], "after damage");
    elcl_free(path);
}

static void check_switch(const struct elcl_device_params *params, const char *reason)
{
    struct elcl_features features;
    struct elcl_device *device = open_device(params);
    if (!device)
        return;
    elcl_probe_features(device, &features);
    CHECK(!features.mma && !features.verdicts[ELCL_PROBE_MATRIX].on &&
              !strcmp(features.verdicts[ELCL_PROBE_MATRIX].reason, reason),
          "\"%s\", want \"%s\"", features.verdicts[ELCL_PROBE_MATRIX].reason, reason);
    close_device(&device);
}

/* The cache holds the verdicts of the switch that is on. */
static void test_matrix_switch(const struct check_options *options)
{
    const struct elcl_device_params as_is = {.device = options->device};
    struct elcl_device_params off = as_is;
    struct elcl_device *device = NULL;
    elcl_error err = {0};
    if (!check_case("probe: matrix instructions turned off"))
        return;
    off.no_matrix_instructions = true;
    fresh_cache();
    for (int i = 0; i < 2; i++) {
        check_switch(&off, "turned off by the caller");
        setenv("ELCL_MATRIX_INSTRUCTIONS", "off", 1);
        check_switch(&as_is, "turned off by ELCL_MATRIX_INSTRUCTIONS");
        unsetenv("ELCL_MATRIX_INSTRUCTIONS");
    }
    setenv("ELCL_MATRIX_INSTRUCTIONS", "no", 1);
    CHECK(elcl_device_open(&as_is, &device, &err), "a wrong word was taken");
    says(&err, ELCL_E_ARG, "ELCL_MATRIX_INSTRUCTIONS", "found 'no'");
    unsetenv("ELCL_MATRIX_INSTRUCTIONS");
}

#ifdef ELCL_TEST_WRAP /* the linker calls __wrap_f for f; __real_f is f */

const struct elcl_cl_source *__real_elcl_cl_find(const char *name);
const struct elcl_cl_source *__wrap_elcl_cl_find(const char *name);

static struct {
    const struct elcl_cl_source *used[32]; /* the files of all programs */
    size_t n;
    const char *broken; /* this file has an #error; NULL: none */
} files;

const struct elcl_cl_source *__wrap_elcl_cl_find(const char *name)
{
    static const unsigned char text[] = "#error broken\n";
    static const struct elcl_cl_source broken = {"broken.cl", text, sizeof(text) - 1};
    const struct elcl_cl_source *s = __real_elcl_cl_find(name);
    size_t at = 0;
    while (at < files.n && files.used[at] != s)
        at++;
    if (s && at == files.n && at < ELCL_COUNT(files.used))
        files.used[files.n++] = s;
    return files.broken && !strcmp(files.broken, name) ? &broken : s;
}

/* Verdicts of programs that no longer compile must not come from the cache. */
static void test_key(struct elcl_device *device, const char *directory)
{
    if (!check_case("probe: the cache's key holds every file of every program"))
        return;
    struct elcl_features features;
    elcl_cache_trim(directory, 0);
    files.n = 0;
    elcl_probe_features(device, &features);
    const size_t n = files.n;
    CHECK(n >= 2, "%zu files", n);
    for (size_t i = 0; i < n; i++) {
        const size_t stored = count_files(directory);
        files.broken = files.used[i]->name;
        elcl_probe_features(device, &features);
        CHECK(count_files(directory) == stored + 1, "%s is not in the key", files.broken);
        if (!strcmp(files.broken, "prelude.cl") && !device->quirks.simulator)
            CHECK(!features.verdicts[ELCL_PROBE_HALF].on, "prelude.cl: %s",
                  features.verdicts[ELCL_PROBE_HALF].reason);
    }
    files.broken = NULL;
}

#else
static void test_key(struct elcl_device *device, const char *directory)
{
    (void)device;
    (void)directory;
    if (check_case("probe: the cache's key holds every file of every program"))
        check_skip("the linker has no --wrap");
}
#endif

void test_probes(const struct check_options *options)
{
    const char *directory = fresh_cache();
    struct elcl_device *device =
        open_device(&(struct elcl_device_params){.device = options->device});
    if (!device)
        return;
    test_verdicts(device, directory);
    test_key(device, directory);
    close_device(&device);
    test_matrix_switch(options);
}
