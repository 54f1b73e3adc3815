/* Programs: building, refusals, binaries on disk. */
#include "tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "device/program_cache.h"

static const char *const no_files[1];

static const char bad_text[] = "__kernel void broken(__global float *x)\n"
                               "{\n"
                               "    x[0] = undeclared_thing;\n"
                               "}\n";

static void test_program(struct elcl_device *device)
{
    static const enum elcl_mac macs[] = {ELCL_MAC_FMA, ELCL_MAC_MAD, ELCL_MAC_PLAIN};
    const enum elcl_mac probed = device->mac;
    for (size_t i = 0; i < ELCL_COUNT(macs); i++) {
        if (!check_case("program: multiply-add form %d", macs[i]))
            continue;
        elcl_error err = {0};
        cl_program program = NULL;
        device->mac = macs[i];
        const int rc =
            elcl_program_build_text(device, "twice.cl", twice_text, "-DADD=3.0f", &program, &err);
        if (CHECK(!rc && program, "%d %s", rc, err.msg)) {
            CHECK(run_twice(device, program, NULL), "it does not run");
            clReleaseProgram(program);
        }
    }
    device->mac = probed;
}

static void test_program_errors(struct elcl_device *device)
{
    if (!check_case("program: errors"))
        return;
    struct log log = {0};
    elcl_error err = {0};
    cl_program program = NULL;
    device->log = collect_log;
    device->log_user = &log;
    elcl_program_build_text(device, "broken.cl", bad_text, NULL, &program, &err);
    CHECK(!program, "a program came out");
    /* Oclgrind ignores #line */
    const bool names_line = strcmp(device->desc.platform, "Oclgrind") != 0;
    says(&err, ELCL_E_BUILD, names_line ? "broken.cl:3" : "broken.cl", "undeclared_thing");
    CHECK(log.lines && log.text.data && strstr(log.text.data, "undeclared_thing"), "%d lines: %s",
          log.lines, log.text.data ? log.text.data : "");
    device->log = NULL;
    err = (elcl_error){0};
    elcl_program_build_text(device, "twice.cl", twice_text, "-DADD=3.0f -DADD=)", &program, &err);
    CHECK(!program && err.code == ELCL_E_BUILD && strstr(err.msg, "twice.cl"), "%s", err.msg);
    err = (elcl_error){0};
    elcl_program_build(device, (const char *const[]){"absent.cl"}, 1, NULL, &program, &err);
    says(&err, ELCL_E_INTERNAL, "absent.cl", "");
    err = (elcl_error){0};
    CHECK(!elcl_program_build(device, no_files, 0, NULL, &program, &err), "prelude.cl: %s",
          err.msg);
    if (program)
        clReleaseProgram(program);
    elcl_str_finish(&log.text);
}

/* Damage of the one file, whose binary the driver itself gave. */
static void check_binary_damage(struct elcl_device *device, const char *directory, const char *path)
{
    const uint64_t key = strtoull(strrchr(path, '/') + 1, NULL, 16);
    build_probe_file(device, true);
    CHECK(count_files(directory) == 1, "the second build has another key");
    /* A whole file whose content the driver cannot take: built from source, and the file goes. */
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
    const bool is_pocl = device->is_pocl;
    char directory[128];
    snprintf(directory, sizeof(directory), "%s/programs", check_temporary_directory());
    device->cache_directory = directory;
    const bool by_itself = is_pocl || !strcmp(device->desc.platform, "rusticl");
    build_probe_file(device, true);
    CHECK(!by_itself || count_files(directory) == 0, "stored, although the driver caches");
    device->is_pocl = false; /* PoCL's binaries serve to test what other drivers need */
    build_probe_file(device, true);
    char *path = only_file(directory);
    if (path)
        check_binary_damage(device, directory, path);
    else
        check_skip("%s keeps no program binaries", device->desc.platform);
    elcl_free(path);
    device->is_pocl = is_pocl;
    device->cache_directory = old;
}

void test_programs(struct elcl_device *device)
{
    test_program(device);
    test_program_errors(device);
    test_program_cache(device);
}
