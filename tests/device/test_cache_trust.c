/* Directories and files that the cache must not trust, and writers that come in between. */
#define _POSIX_C_SOURCE 200809L

#include "tests.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os.h"
#include "base/own_files.h"
#include "device/program_cache.h"

#define KEY 0x11u
#define FILE_NAME "0000000000000011.bin"

static bool found(const char *directory)
{
    void *data = NULL;
    size_t bytes = 0;
    const bool is = elcl_cache_load(directory, KEY, &data, &bytes);
    if (is)
        elcl_free(data);
    return is;
}

static void refused(const char *directory, const char *why)
{
    elcl_error err = {0};
    CHECK(elcl_own_directory(directory, &err) == ELCL_E_IO && strstr(err.msg, why) &&
              strstr(err.msg, directory),
          "\"%s\" does not say \"%s\"", err.msg, why);
    CHECK(!found(directory), "%s: believed", why);
    elcl_cache_store(directory, 2, "x", 1);
}

/* Opens a device with the directory as its cache; the log must say `why`. */
static void check_log(const char *directory, const char *why, const struct check_options *options)
{
    struct log log = {0};
    setenv("ELCL_CACHE_DIR", directory, 1);
    struct elcl_device *device = open_device(&(struct elcl_device_params){
        .device = options->device, .log = collect_log, .log_user = &log});
    CHECK(device && !device->cache_directory, "the directory is used");
    CHECK(log.text.data && strstr(log.text.data, why), "%s", log.text.data ? log.text.data : "");
    if (device)
        close_device(&device);
    elcl_str_finish(&log.text);
}

static void test_directories(const struct check_options *options)
{
    struct stat st;
    char link[256], nested[256];
    if (!check_case("cache: whose directory it is"))
        return;
    const char *directory = fresh_cache();
    const mode_t mask = umask(0);
    snprintf(nested, sizeof(nested), "%s/a/b", directory);
    elcl_cache_store(nested, KEY, "x", 1);
    umask(mask);
    CHECK(!stat(directory, &st) && (st.st_mode & 0777) == 0700, "mode %o", st.st_mode & 0777);
    CHECK(!stat(nested, &st) && (st.st_mode & 0777) == 0700, "mode %o", st.st_mode & 0777);
    CHECK(found(nested), "the user's own is not believed");
    snprintf(link, sizeof(link), "%s/link", directory);
    CHECK(!symlink(nested, link) && found(link), "the user's own link is not followed");
    CHECK(!chmod(nested, 0770), "chmod");
    refused(nested, "other users may write to it (mode 770)");
    CHECK(!chmod(nested, 0702), "chmod");
    refused(nested, "other users may write to it (mode 702)");
    refused(link, "other users may write to it");
    check_log(nested, "no cache: ", options);
    CHECK(!chmod(nested, 0700) && count_files(nested) == 1, "stored in spite of it");
    if (geteuid() == 0) {
        CHECK(!chown(nested, 12345, -1), "chown");
        refused(nested, "belongs to user 12345");
        CHECK(!chown(nested, 0, -1) && !lchown(link, 12345, -1), "chown");
        refused(link, "is a link that another user made");
    } else {
        refused("/", "belongs to user 0");
    }
    refused("/dev/null", "cannot open");
}

static void test_files(void)
{
    char path[256], other[256];
    if (!check_case("cache: whose files they are"))
        return;
    const char *directory = fresh_cache();
    elcl_cache_store(directory, KEY, "x", 1);
    snprintf(path, sizeof(path), "%s/" FILE_NAME, directory);
    snprintf(other, sizeof(other), "%s/other", directory);
    struct stat st;
    CHECK(!stat(path, &st) && (st.st_mode & 0777) == 0600, "mode %o", st.st_mode & 0777);
    CHECK(!chmod(path, 0620) && !found(directory), "others may write to it, and it is believed");
    CHECK(!chmod(path, 0600) && found(directory), "the user's own is not believed");
    if (geteuid() == 0)
        CHECK(!chown(path, 12345, -1) && !found(directory), "another user's is believed");
    CHECK(!rename(path, other) && !symlink(other, path) && !found(directory), "a link is followed");
    CHECK(!unlink(path) && !mkfifo(path, 0600), "mkfifo");
    (void)alarm(20); /* who waits for a FIFO waits for ever */
    CHECK(!found(directory), "a FIFO is believed");
    (void)alarm(0);
    elcl_cache_store(directory, KEY, "x", 1);
    CHECK(found(directory), "a FIFO is not replaced");
}

static void test_full(void)
{
    struct rlimit old, few = {.rlim_cur = 10};
    if (!check_case("cache: a full disk, and a writer that was killed"))
        return;
    const char *directory = fresh_cache();
    struct elcl_str left = {0};
    elcl_str_printf(&left, FILE_NAME ".%ld-0", (long)getpid());
    CHECK(!elcl_own_write(directory, left.data, "part", 4, NULL), "write");
    elcl_cache_store(directory, KEY, "x", 1);
    CHECK(found(directory) && count_files(directory) == 2, "not stored beside what is left");
    elcl_cache_remove(directory, KEY);
    void (*const handler)(int) = signal(SIGXFSZ, SIG_IGN);
    CHECK(!getrlimit(RLIMIT_FSIZE, &old), "getrlimit");
    few.rlim_max = old.rlim_max;
    CHECK(!setrlimit(RLIMIT_FSIZE, &few), "setrlimit");
    elcl_cache_store(directory, KEY, "more than ten bytes", 19);
    CHECK(!setrlimit(RLIMIT_FSIZE, &old), "setrlimit");
    (void)signal(SIGXFSZ, handler);
    CHECK(!found(directory) && count_files(directory) == 1, "a part of a file stays");
    elcl_str_finish(&left);
}

enum { WRITES = 100, BYTES = 5000 };

static void *write_often(void *user)
{
    char data[BYTES];
    for (int i = 0; i < WRITES; i++) {
        memset(data, 'a' + i % 26, sizeof(data));
        elcl_cache_store(user, KEY, data, sizeof(data) - (size_t)(i % 7));
    }
    return NULL;
}

static void test_writers(void)
{
    pthread_t threads[2];
    int n_found = 0;
    if (!check_case("cache: two writers and a reader"))
        return;
    char directory[128];
    snprintf(directory, sizeof(directory), "%s", fresh_cache());
    elcl_cache_store(directory, KEY, "x", 1);
    for (int i = 0; i < 2; i++)
        CHECK(!pthread_create(&threads[i], NULL, write_often, directory), "thread");
    for (int i = 0; i < WRITES; i++)
        n_found += found(directory);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    CHECK(n_found == WRITES, "a reader found %d of %d", n_found, WRITES);
    CHECK(count_files(directory) == 1, "%zu files", count_files(directory));
}

void test_cache_trust(const struct check_options *options)
{
    test_directories(options);
    test_files();
    test_full();
    test_writers();
    fresh_cache();
}
