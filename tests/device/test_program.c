/* Programs: building, refusals, binaries on disk. */
#include "tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "device/program_cache.h"

static void test_program(struct elcl_device *device)
{
    static const enum elcl_mac macs[] = {ELCL_MAC_FMA, ELCL_MAC_MAD, ELCL_MAC_PLAIN};
    for (size_t i = 0; i < ELCL_COUNT(macs); i++) {
        if (!check_case("program: multiply-add form %d", macs[i]))
            continue;
        cl_program program = build_twice(device, macs[i]);
        if (program) {
            CHECK(run_twice(device, program, NULL), "it does not run");
            clReleaseProgram(program);
        }
    }
}

static void check_refused(struct elcl_device *device, const struct elcl_program_parts *parts,
                          int code, const char *a, const char *b)
{
    elcl_error err = {0};
    cl_program program = NULL;
    elcl_program_build(device, parts, &program, &err);
    CHECK(!program, "a program came out");
    says(&err, code, a, b);
}

static void test_program_errors(struct elcl_device *device)
{
    static const struct elcl_program_parts
        undeclared = {.text = "__kernel void broken(__global float *x)\n"
                              "{\n"
                              "    x[0] = undeclared_thing;\n"
                              "}\n"},
        bad_option = {.options = "-DADD=3.0f -DADD=)", .text = "float f(void) { return ADD; }\n"},
        absent = {.files = {"absent.cl"}}, none = {.mac = ELCL_MAC_FMA};
    if (!check_case("program: errors"))
        return;
    struct log log = {0};
    device->log = collect_log;
    device->log_user = &log;
    /* Oclgrind ignores #line */
    check_refused(device, &undeclared, ELCL_E_BUILD,
                  device->quirks.simulator ? "test.cl" : "test.cl:3", "undeclared_thing");
    CHECK(log.lines && log.text.data && strstr(log.text.data, "undeclared_thing"), "%d lines: %s",
          log.lines, log.text.data ? log.text.data : "");
    device->log = NULL;
    check_refused(device, &bad_option, ELCL_E_BUILD, "test.cl", "");
    check_refused(device, &absent, ELCL_E_INTERNAL, "absent.cl", "");
    elcl_error err = {0};
    cl_program program = NULL;
    CHECK(!elcl_program_build(device, &none, &program, &err), "prelude.cl: %s", err.msg);
    if (program)
        clReleaseProgram(program);
    elcl_str_finish(&log.text);
}

/* Damages the only file of the cache, a binary of this driver. */
static void check_binary_damage(struct elcl_device *device, const char *directory, const char *path)
{
    const uint64_t key = strtoull(strrchr(path, '/') + 1, NULL, 16);
    build_probe_file(device, true);
    CHECK(count_files(directory) == 1, "the second build has another key");
    /* If the driver refuses the content of a sound file, the source is built and the file removed.
     */
    elcl_cache_store(directory, key, "this is no program", 18);
    build_probe_file(device, false);
    CHECK(count_files(directory) == 0, "a binary that was refused is kept");
    build_probe_file(device, true);
    CHECK(count_files(directory) == 1, "it was not stored again");
    CHECK(!elcl_write_file_atomic(path, "x", 1, NULL), "%s", path);
    build_probe_file(device, true);
    void *data = NULL;
    size_t bytes;
    CHECK(elcl_cache_load(directory, key, &data, &bytes), "a broken file was not replaced");
    elcl_free(data);
}

static void test_program_cache(struct elcl_device *device)
{
    if (!check_case("program: cache"))
        return;
    char *const old = device->cache_directory;
    char directory[128];
    snprintf(directory, sizeof(directory), "%s/programs", check_temporary_directory());
    device->cache_directory = directory;
    const bool by_itself = device->quirks.caches_programs;
    build_probe_file(device, true);
    CHECK(!by_itself || count_files(directory) == 0, "stored, although the driver caches");
    device->quirks.caches_programs = false; /* PoCL's binaries can test what other drivers need */
    build_probe_file(device, true);
    char *path = only_file(directory);
    if (path) {
        check_binary_damage(device, directory, path);
        device->processor ^= 1;
        build_probe_file(device, true);
        CHECK(count_files(directory) == 2, "binaries of another processor are taken");
        device->processor ^= 1;
    } else {
        check_skip("%s keeps no program binaries", device->desc.platform);
    }
    elcl_free(path);
    device->quirks.caches_programs = by_itself;
    device->cache_directory = old;
}

void test_programs(struct elcl_device *device)
{
    test_program(device);
    test_program_errors(device);
    test_program_cache(device);
}
