/* Probes: their verdicts, and the switch of matrix instructions. */
#define _POSIX_C_SOURCE 200809L

#include "tests.h"

#include <stdlib.h>
#include <string.h>

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
    probe_surely(device, &first);
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

void probe_surely(struct elcl_device *device, struct elcl_features *features)
{
    elcl_probe_again(device, features);
    for (int i = 0; i < 20 && features->unsure; i++)
        elcl_probe_again(device, features);
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

void test_probes(const struct check_options *options)
{
    const char *directory = fresh_cache();
    struct elcl_device *device =
        open_device(&(struct elcl_device_params){.device = options->device});
    if (!device)
        return;
    probe_times_agree(true);
    test_verdicts(device, directory);
    test_probe_cache(device);
    close_device(&device);
    test_matrix_switch(options);
}
