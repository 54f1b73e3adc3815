/* The cache on disk: what it finds, refuses and removes. */
#define _POSIX_C_SOURCE 200809L

#include "tests.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/os.h"
#include "device/program_cache.h"

static bool holds(const char *directory, uint64_t key, const void *want, size_t n)
{
    void *data = NULL;
    size_t bytes = 0;
    if (!elcl_cache_load(directory, key, &data, &bytes))
        return false;
    const bool same = bytes == n && !memcmp(data, want, n);
    CHECK(same, "key %llx: other content", (unsigned long long)key);
    elcl_free(data);
    return same;
}

static void test_cache_load(void)
{
    if (!check_case("cache: store and load"))
        return;
    const char *directory = fresh_cache();
    CHECK(!holds(directory, 1, "", 0), "found in a directory that is not there");
    elcl_cache_store(directory, 1, "one", 3);
    elcl_cache_store(directory, UINT64_MAX, "last", 4);
    elcl_cache_store(directory, 0, "", 0);
    CHECK(holds(directory, 1, "one", 3), "not found");
    CHECK(holds(directory, UINT64_MAX, "last", 4), "not found");
    CHECK(holds(directory, 0, "", 0), "an empty payload");
    CHECK(!holds(directory, 2, "", 0), "found under another key");
    elcl_cache_store(directory, 1, "uno", 3);
    CHECK(holds(directory, 1, "uno", 3), "not replaced");
    elcl_cache_remove(directory, 1);
    CHECK(!holds(directory, 1, "uno", 3), "not removed");
    CHECK(count_files(directory) == 2, "%zu files", count_files(directory));
    elcl_cache_store(NULL, 1, "one", 3);
    CHECK(!holds(NULL, 1, "one", 3), "found without a directory");
    elcl_cache_remove(NULL, 1);
    elcl_cache_trim(NULL, 0);
}

static void test_cache_damage(void)
{
    if (!check_case("cache: damaged files"))
        return;
    const char *directory = fresh_cache();
    char path[256];
    snprintf(path, sizeof(path), "%s/%016x.bin", directory, 7u);
    elcl_cache_store(directory, 7, "payload", 7);
    char *file = NULL;
    size_t n = 0;
    elcl_error err = {0};
    if (!CHECK(!elcl_read_file(path, 4096, &file, &n, &err), "%s", err.msg))
        return;
    for (size_t i = 0; i < n; i++) { /* every byte counts */
        file[i] ^= 0x10;
        elcl_write_file_atomic(path, file, n, NULL);
        CHECK(!holds(directory, 7, "payload", 7), "byte %zu changed and taken", i);
        file[i] ^= 0x10;
    }
    for (size_t i = 0; i < n; i++) {
        elcl_write_file_atomic(path, file, i, NULL);
        CHECK(!holds(directory, 7, "payload", 7), "cut to %zu bytes and taken", i);
    }
    char *longer = calloc(n + 1, 1);
    if (longer) {
        memcpy(longer, file, n);
        elcl_write_file_atomic(path, longer, n + 1, NULL);
        CHECK(!holds(directory, 7, "payload", 7), "a byte more and taken");
    }
    free(longer);
    elcl_write_file_atomic(path, file, n, NULL);
    CHECK(holds(directory, 7, "payload", 7), "the whole file is not taken");
    snprintf(path, sizeof(path), "%s/%016x.bin", directory, 8u); /* a file under a wrong name */
    elcl_write_file_atomic(path, file, n, NULL);
    CHECK(!holds(directory, 8, "payload", 7), "a file with another key was taken");
    elcl_free(file);
    snprintf(path, sizeof(path), "%s/%016x.bin", directory, 9u);
    CHECK(!mkdir(path, 0777) && !holds(directory, 9, "", 0), "a directory was taken for a file");
    elcl_cache_store(directory, 9, "x", 1);
}

static void test_cache_places(const struct check_options *options)
{
    if (!check_case("cache: places that cannot be written"))
        return;
    char path[256];
    snprintf(path, sizeof(path), "%s/plain", check_temporary_directory());
    elcl_write_file_atomic(path, "x", 1, NULL);
    snprintf(path, sizeof(path), "%s/plain/below", check_temporary_directory());
    elcl_cache_store(path, 1, "one", 3);
    CHECK(!holds(path, 1, "one", 3), "found");
    elcl_cache_trim(path, 0);
    elcl_cache_store("/proc/elcl", 1, "one", 3);
    CHECK(!holds("/proc/elcl", 1, "one", 3), "found");
    setenv("ELCL_CACHE_DIR", path, 1);
    struct elcl_device *device =
        open_device(&(struct elcl_device_params){.device = options->device});
    if (device) {
        build_probe_file(device, true);
        close_device(&device);
    }
    fresh_cache();
}

static void set_age(const char *directory, uint64_t key, int seconds)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%016llx.bin", directory, (unsigned long long)key);
    struct timespec times[2];
    clock_gettime(CLOCK_REALTIME, &times[0]);
    times[0].tv_sec -= seconds;
    times[1] = times[0];
    CHECK(!utimensat(AT_FDCWD, path, times, 0), "%s", path);
}

static void test_cache_size(void)
{
    if (!check_case("cache: size cap"))
        return;
    const char *directory = fresh_cache();
    char data[1000] = {0};
    for (uint64_t key = 1; key <= 4; key++) {
        elcl_cache_store(directory, key, data, sizeof(data));
        set_age(directory, key, 100 - (int)key); /* 1 is the oldest */
    }
    char other[256];
    snprintf(other, sizeof(other), "%s/notes.txt", directory);
    elcl_write_file_atomic(other, data, sizeof(data), NULL);
    CHECK(holds(directory, 1, data, sizeof(data)), "not found"); /* and is used: now the newest */
    elcl_cache_trim(directory, 5000);
    CHECK(count_files(directory) == 5, "removed below the cap");
    elcl_cache_trim(directory, 3500);
    CHECK(!holds(directory, 2, data, sizeof(data)), "the one used least recently is kept");
    CHECK(count_files(directory) == 4, "%zu files", count_files(directory));
    elcl_cache_trim(directory, 2200);
    CHECK(holds(directory, 1, data, sizeof(data)) && holds(directory, 4, data, sizeof(data)),
          "the newest two are gone");
    CHECK(count_files(directory) == 3, "%zu files", count_files(directory));
    elcl_cache_trim(directory, 0);
    CHECK(count_files(directory) == 1 && elcl_is_file(other), "a foreign file was removed");
}

void test_cache(const struct check_options *options)
{
    test_cache_load();
    test_cache_damage();
    test_cache_places(options);
    test_cache_size();
}
