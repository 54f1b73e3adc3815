/* Packs and the cache made of them: what is found again, how many files there are, what is removed,
 * damage, several writers, and directories that cannot be used. */
#define _POSIX_C_SOURCE 200809L

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/disk_cache.h"
#include "base/hash.h"
#include "base/os.h"
#include "base/util.h"
#include "check.h"

#define CONTEXT 0x11u
#define MOST (UINT64_C(1) << 30)

/* ---- hashes -------------------------------------------------------------------------------- */

static void check_sha(const char *text, size_t times, const char *want)
{
    struct elcl_sha256 sha;
    unsigned char digest[ELCL_SHA256_BYTES];
    char hex[2 * ELCL_SHA256_BYTES + 1];
    elcl_sha256_init(&sha);
    for (size_t i = 0; i < times; i++)
        elcl_sha256_add(&sha, text, strlen(text));
    elcl_sha256_end(&sha, digest);
    for (size_t i = 0; i < sizeof(digest); i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    CHECK(!strcmp(hex, want), "%zu times \"%s\": %s", times, text, hex);
}

/* The examples of FIPS 180-4, and a long one with parts that are no divisors of a block. */
static void test_sha256(void)
{
    if (!check_case("SHA-256"))
        return;
    check_sha("", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check_sha("abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    check_sha("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    check_sha("aaaaaaaaaaaaaaaaaaaaaaaaa", 40000,
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* Signs of two numbers in any places, and a zero more. */
static void test_large(void)
{
    enum { N = 40 };
    float numbers[N + 1];
    if (!check_case("hashes of large data"))
        return;
    for (int i = 0; i <= N; i++)
        numbers[i] = i < N ? (float)check_normal() : 0;
    const uint64_t plain = elcl_hash_large(1, numbers, N * sizeof(float));
    int same = 0;
    for (int i = 0; i < N; i++)
        for (int k = i; k < N; k++) {
            numbers[i] = -numbers[i];
            numbers[k] = k == i ? numbers[k] : -numbers[k];
            same += elcl_hash_large(1, numbers, N * sizeof(float)) == plain;
            numbers[i] = -numbers[i];
            numbers[k] = k == i ? numbers[k] : -numbers[k];
        }
    CHECK(!same, "%d changes are not seen", same);
    for (size_t n = 0; n < N * sizeof(float); n++)
        CHECK(elcl_hash_large(1, numbers, n) != elcl_hash_large(1, numbers, n + 1), "%zu", n);
    CHECK(elcl_hash_large(1, numbers, sizeof(numbers)) != plain, "a zero is not seen");
    CHECK(elcl_hash_large(2, numbers, N * sizeof(float)) != plain, "the start is not seen");
}

/* ---- a cache ------------------------------------------------------------------------------- */

struct log {
    int n;
    char last[512];
};

static void keep_log(void *user, enum elcl_log_level level, const char *line)
{
    struct log *log = user;
    log->n += level == ELCL_LOG_WARNING;
    (void)snprintf(log->last, sizeof(log->last), "%s", line);
}

static struct elcl_disk_cache *open_cache(const char *directory, uint64_t context,
                                          uint64_t max_bytes, struct log *log)
{
    const struct elcl_disk_cache_params params = {.directory = directory,
                                                  .max_bytes = max_bytes,
                                                  .context = context,
                                                  .log = keep_log,
                                                  .log_user = log};
    struct elcl_disk_cache *cache = NULL;
    elcl_error err = {0};
    CHECK(!elcl_disk_cache_open(&params, &cache, &err), "%s", err.msg);
    return cache;
}

static struct elcl_pack_key key_of(int i)
{
    struct elcl_sha256 sha;
    struct elcl_pack_key key;
    unsigned char digest[ELCL_SHA256_BYTES];
    elcl_sha256_init(&sha);
    elcl_sha256_add(&sha, &i, sizeof(i));
    elcl_sha256_end(&sha, digest);
    memcpy(key.bytes, digest, sizeof(key.bytes));
    return key;
}

static void fill(unsigned char *data, size_t bytes, int i)
{
    for (size_t k = 0; k < bytes; k++)
        data[k] = (unsigned char)((unsigned)i * 31u + (unsigned)k * 7u);
}

static void put(struct elcl_disk_cache *cache, int i, size_t bytes)
{
    const struct elcl_pack_key key = key_of(i);
    unsigned char *data = elcl_calloc(bytes, 1);
    fill(data, bytes, i);
    elcl_disk_cache_put(cache, &key, data, bytes);
    elcl_free(data);
}

/* Returns whether entry i is there; it must have the right bytes then. */
static bool has(struct elcl_disk_cache *cache, int i, size_t bytes)
{
    const struct elcl_pack_key key = key_of(i);
    unsigned char *data = elcl_calloc(bytes, 1), *want = elcl_calloc(bytes, 1);
    const bool is =
        elcl_disk_cache_has(cache, &key, bytes) && elcl_disk_cache_read(cache, &key, data, bytes);
    fill(want, bytes, i);
    CHECK(!is || !memcmp(data, want, bytes), "entry %d has other bytes", i);
    elcl_free(data);
    elcl_free(want);
    return is;
}

/* Counts those of the entries [first, end). */
static int count(struct elcl_disk_cache *cache, int first, int end, size_t bytes)
{
    int n = 0;
    for (int i = first; i < end; i++)
        n += has(cache, i, bytes);
    return n;
}

/* Counts files, and their bytes unless NULL. */
static size_t files_of(const char *directory, uint64_t *bytes)
{
    struct elcl_file_info *files = NULL;
    size_t n = 0;
    CHECK(elcl_list_files(directory, &files, &n), "out of memory");
    for (size_t i = 0; bytes && i < n; i++)
        *bytes += files[i].bytes;
    elcl_free_files(files, n);
    return n;
}

/* Writes the path of the first file. */
static void first_file(const char *directory, char path[512])
{
    struct elcl_file_info *files = NULL;
    size_t n = 0;
    if (CHECK(elcl_list_files(directory, &files, &n) && n, "no file"))
        (void)snprintf(path, 512, "%s/%s", directory, files[0].name);
    elcl_free_files(files, n);
}

static void test_found(void)
{
    struct stat st;
    struct log log = {0};
    char path[512] = "", nested[400];
    if (!check_case("disk cache: what was put is found"))
        return;
    (void)snprintf(nested, sizeof(nested), "%s/a/b", check_new_path());
    struct elcl_disk_cache *cache = open_cache(nested, CONTEXT, MOST, &log);
    put(cache, 1, 100);
    put(cache, 2, 0);
    put(cache, 3, 1000000);
    put(cache, 1, 100);
    for (int turn = 0; turn < 3; turn++) { /* in memory, in a file, in a file of another process */
        CHECK(has(cache, 1, 100) && has(cache, 2, 0) && has(cache, 3, 1000000), "turn %d", turn);
        CHECK(!has(cache, 4, 100) && !has(cache, 1, 99), "turn %d: too much", turn);
        if (turn)
            elcl_disk_cache_close(&cache);
        else
            elcl_disk_cache_flush(cache);
        cache = turn ? open_cache(nested, CONTEXT, MOST, &log) : cache;
    }
    struct elcl_disk_cache *other = open_cache(nested, CONTEXT + 1, MOST, &log);
    CHECK(!has(other, 1, 100), "an entry of another context");
    elcl_disk_cache_close(&other);
    elcl_disk_cache_close(&cache);
    first_file(nested, path);
    CHECK(!stat(nested, &st) && (st.st_mode & 0777) == 0700, "mode %o", st.st_mode & 0777);
    CHECK(!stat(path, &st) && (st.st_mode & 0777) == 0600, "mode %o", st.st_mode & 0777);
    CHECK(files_of(nested, NULL) == 1 && !log.n, "%s", log.last);
}

/* Many entries of a run, and many runs of an entry. */
static void test_few_files(void)
{
    enum { RUNS = 100, MANY = 20000 };
    struct log log = {0};
    if (!check_case("disk cache: few files"))
        return;
    const char *directory = check_new_path();
    struct elcl_disk_cache *cache = open_cache(directory, CONTEXT, MOST, &log);
    for (int i = 0; i < MANY; i++)
        put(cache, i, 500);
    elcl_disk_cache_close(&cache);
    size_t n = files_of(directory, NULL);
    CHECK(n <= 4, "%zu files of %d entries", n, MANY);
    for (int i = 0; i < RUNS; i++) {
        cache = open_cache(directory, CONTEXT, MOST, &log);
        put(cache, MANY + i, 500);
        elcl_disk_cache_close(&cache);
    }
    CHECK(files_of(directory, NULL) <= n + 7, "%zu files of %d runs", files_of(directory, NULL) - n,
          RUNS);
    cache = open_cache(directory, CONTEXT, MOST, &log);
    CHECK(count(cache, 0, MANY + RUNS, 500) == MANY + RUNS, "entries are lost");
    elcl_disk_cache_close(&cache);
    CHECK(!log.n, "%s", log.last);
}

/* ---- size ---------------------------------------------------------------------------------- */

/* Makes all files look as if they were used so many seconds ago. */
static void make_older(const char *directory, int seconds)
{
    struct elcl_file_info *files = NULL;
    size_t n = 0;
    (void)elcl_list_files(directory, &files, &n);
    for (size_t i = 0; i < n; i++) {
        char path[512];
        struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {0}};
        times[1].tv_sec = (time_t)(files[i].modified_ns / 1000000000) - seconds;
        (void)snprintf(path, sizeof(path), "%s/%s", directory, files[i].name);
        CHECK(!utimensat(AT_FDCWD, path, times, 0), "utimensat");
    }
    elcl_free_files(files, n);
}

static void test_size(void)
{
    enum { N = 100, BYTES = 4000 }; /* 0.4 MB */
    uint64_t bytes = 0;
    struct log log = {0};
    if (!check_case("disk cache: size"))
        return;
    const char *directory = check_new_path();
    for (int run = 0; run < 4; run++) { /* 0 is used again, 1 is not */
        struct elcl_disk_cache *cache = open_cache(directory, CONTEXT, ELCL_DISK_CACHE_LEAST, &log);
        for (int i = 0; i < N; i++)
            put(cache, run * N + i, BYTES);
        CHECK(run != 2 || count(cache, 0, N, BYTES) > N / 2, "used entries are removed");
        elcl_disk_cache_close(&cache);
        make_older(directory, 1000);
    }
    CHECK(files_of(directory, &bytes) && bytes <= ELCL_DISK_CACHE_LEAST, "%zu bytes",
          (size_t)bytes);
    struct elcl_disk_cache *cache = open_cache(directory, CONTEXT, ELCL_DISK_CACHE_LEAST, &log);
    CHECK(count(cache, 3 * N, 4 * N, BYTES) == N, "the last run's are removed");
    CHECK(count(cache, 0, N, BYTES) > count(cache, N, 2 * N, BYTES), "%d of the first, %d after it",
          count(cache, 0, N, BYTES), count(cache, N, 2 * N, BYTES));
    put(cache, 0, ELCL_DISK_CACHE_LEAST / 2);
    CHECK(!log.n, "%s", log.last);
    put(cache, 5000, ELCL_DISK_CACHE_LEAST / 2 + 1);
    put(cache, 5001, ELCL_DISK_CACHE_LEAST / 2 + 1);
    CHECK(log.n == 1 && strstr(log.last, "more than half"), "%d: %s", log.n, log.last);
    elcl_disk_cache_close(&cache);
}

/* ---- damage -------------------------------------------------------------------------------- */

static void change_byte(const char *path, long at)
{
    FILE *file = fopen(path, "r+b");
    if (!CHECK(file, "%s", path))
        return;
    (void)fseek(file, at, at < 0 ? SEEK_END : SEEK_SET);
    const int c = getc(file);
    (void)fseek(file, at, at < 0 ? SEEK_END : SEEK_SET);
    (void)putc(c ^ 1, file);
    CHECK(!fclose(file), "%s", path);
}

/* A change before or after the cache is opened, and a file that is cut short. Each time the entry
 * is missing, the file is gone, and the entry can be put again. */
static void test_damage(void)
{
    static const struct {
        const char *what;
        long at; /* of the changed byte; below 0: from the end */
        int cut; /* bytes */
        bool open;
    } cases[] = {
        {"content", 50, 0, false},   {"content", 50, 0, true},       {"index", -60, 0, false},
        {"number", -16, 0, false},   {"magic", -24, 0, false},       {"hash", -1, 0, false},
        {"cut by one", 0, 1, false}, {"cut by all", 0, 1000, false}, {"cut", 0, 900, true}};
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        struct log log = {0};
        char path[512] = "";
        if (!check_case("disk cache: damage, %s%s", cases[i].what, cases[i].open ? ", open" : ""))
            continue;
        const char *directory = check_new_path();
        struct elcl_disk_cache *cache = open_cache(directory, CONTEXT, MOST, &log);
        put(cache, 1, 936); /* 1000 bytes with index and trailer */
        elcl_disk_cache_close(&cache);
        first_file(directory, path);
        if (cases[i].open)
            cache = open_cache(directory, CONTEXT, MOST, &log);
        if (cases[i].cut)
            CHECK(!truncate(path, 1000 - cases[i].cut), "truncate");
        else
            change_byte(path, cases[i].at);
        if (!cases[i].open)
            cache = open_cache(directory, CONTEXT, MOST, &log);
        CHECK(!has(cache, 1, 936), "damage is not seen");
        put(cache, 1, 936);
        CHECK(has(cache, 1, 936), "it is not made again");
        elcl_disk_cache_close(&cache);
        cache = open_cache(directory, CONTEXT, MOST, &log);
        CHECK(has(cache, 1, 936), "it is not in a file again");
        elcl_disk_cache_close(&cache);
        CHECK(files_of(directory, NULL) == 1 && !log.n, "%zu files: %s", files_of(directory, NULL),
              log.last);
    }
}

/* ---- several writers ----------------------------------------------------------------------- */

static void test_processes(void)
{
    struct log log = {0};
    if (!check_case("disk cache: two caches of a directory"))
        return;
    const char *directory = check_new_path();
    struct elcl_disk_cache *a = open_cache(directory, CONTEXT, MOST, &log),
                           *b = open_cache(directory, CONTEXT, MOST, &log);
    put(a, 1, 100);
    elcl_disk_cache_flush(a);
    put(b, 1, 100);
    put(b, 2, 100);
    elcl_disk_cache_flush(b); /* joins the file of a, which has an entry of its own, too */
    CHECK(files_of(directory, NULL) == 1, "%zu files", files_of(directory, NULL));
    CHECK(has(a, 1, 100) && has(a, 2, 100), "what has moved to another file is not found");
    put(a, 3, 100);
    put(b, 3, 100);
    elcl_disk_cache_flush(a);
    elcl_disk_cache_flush(b); /* the same content: the same file */
    CHECK(has(b, 1, 100) && has(b, 2, 100) && has(b, 3, 100), "entries are lost");
    elcl_disk_cache_close(&a);
    elcl_disk_cache_close(&b);
    a = open_cache(directory, CONTEXT, MOST, &log);
    CHECK(has(a, 1, 100) && has(a, 2, 100) && has(a, 3, 100), "entries are lost in files");
    elcl_disk_cache_close(&a);
    CHECK(!log.n, "%s", log.last);
}

enum { THREADS = 4, EACH = 300 };

static void *work(void *user)
{
    struct elcl_disk_cache *cache = user;
    for (int i = 0; i < EACH; i++) {
        const struct elcl_pack_key key = key_of(i);
        unsigned char data[2000];
        if (elcl_disk_cache_read(cache, &key, data, sizeof(data)))
            continue;
        fill(data, sizeof(data), i);
        elcl_disk_cache_put(cache, &key, data, sizeof(data));
        if (i % 50 == 0)
            elcl_disk_cache_flush(cache);
    }
    return NULL;
}

/* Two caches, with two threads each. */
static void test_threads(void)
{
    pthread_t threads[THREADS];
    struct log log = {0};
    if (!check_case("disk cache: threads"))
        return;
    const char *directory = check_new_path();
    struct elcl_disk_cache *caches[] = {open_cache(directory, CONTEXT, MOST, &log),
                                        open_cache(directory, CONTEXT, MOST, &log)};
    for (int i = 0; i < THREADS; i++)
        CHECK(!pthread_create(&threads[i], NULL, work, caches[i % 2]), "pthread_create");
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 2; i++) {
        CHECK(count(caches[i], 0, EACH, 2000) == EACH, "%d: entries are lost", i);
        elcl_disk_cache_close(&caches[i]);
    }
    CHECK(!log.n, "%s", log.last);
}

/* ---- places -------------------------------------------------------------------------------- */

static void refused(const char *directory, const char *why)
{
    const struct elcl_disk_cache_params params = {.directory = directory, .max_bytes = MOST};
    struct elcl_disk_cache *cache = NULL;
    elcl_error err = {0};
    CHECK(elcl_disk_cache_open(&params, &cache, &err) == ELCL_E_IO && strstr(err.msg, why) &&
              !cache,
          "\"%s\" does not say \"%s\"", err.msg, why);
}

static void test_places(void)
{
    char path[400];
    if (!check_case("disk cache: directories that are refused"))
        return;
    const char *directory = check_new_path();
    CHECK(!elcl_make_directories(directory, 0700, NULL), "mkdir");
    (void)snprintf(path, sizeof(path), "%s/file", directory);
    CHECK(!elcl_write_file_atomic(path, "", 0, NULL), "write");
    refused(path, "Not a directory");
    refused("/proc/elcl", "/proc/elcl");
    CHECK(!chmod(directory, 0770), "chmod");
    refused(directory, "other users may write to it (mode 770)");
    CHECK(!chmod(directory, 0700), "chmod");
    if (geteuid() == 0) {
        CHECK(!chown(directory, 12345, -1), "chown");
        refused(directory, "belongs to user 12345");
        CHECK(!chown(directory, 0, -1), "chown");
    } else {
        refused("/", "belongs to user 0");
    }
}

static void test_full(void)
{
    struct rlimit old, few = {.rlim_cur = 10};
    struct log log = {0};
    if (!check_case("disk cache: a full disk"))
        return;
    const char *directory = check_new_path();
    struct elcl_disk_cache *cache = open_cache(directory, CONTEXT, MOST, &log);
    put(cache, 1, 100);
    elcl_disk_cache_flush(cache);
    void (*const handler)(int) = signal(SIGXFSZ, SIG_IGN);
    CHECK(!getrlimit(RLIMIT_FSIZE, &old), "getrlimit");
    few.rlim_max = old.rlim_max;
    CHECK(!setrlimit(RLIMIT_FSIZE, &few), "setrlimit");
    put(cache, 2, 10000);
    CHECK(has(cache, 2, 10000), "what waits in memory is not found");
    CHECK(elcl_disk_cache_stores(cache), "it stores no more before anything failed");
    elcl_disk_cache_flush(cache);
    CHECK(!setrlimit(RLIMIT_FSIZE, &old), "setrlimit");
    (void)signal(SIGXFSZ, handler);
    CHECK(log.n == 1 && strstr(log.last, directory) && strstr(log.last, "nothing more"), "%d: %s",
          log.n, log.last);
    CHECK(!elcl_disk_cache_stores(cache), "it promises to store after it said that it does not");
    put(cache, 3, 100);
    elcl_disk_cache_flush(cache);
    CHECK(has(cache, 1, 100), "what was stored before is lost");
    CHECK(!has(cache, 2, 10000) && !has(cache, 3, 100), "what was not stored is found");
    elcl_disk_cache_close(&cache);
    CHECK(files_of(directory, NULL) == 1 && log.n == 1, "a part of a file stays");
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_sha256();
    test_large();
    test_found();
    test_few_files();
    test_size();
    test_damage();
    test_processes();
    test_threads();
    test_places();
    test_full();
    return check_end();
}
