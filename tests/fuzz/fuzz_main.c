/* Runs a fuzz target without libFuzzer. Usage: fuzz_x [--runs N] FILE|DIRECTORY... Runs every file
 * unchanged, cut at every length up to 512 bytes, and in N mutations that depend only on its
 * content. A target that finds a fault aborts. */
#define _POSIX_C_SOURCE 200809L

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "base/util.h"
#include "fuzz.h"

static uint64_t state;

static size_t below(size_t n) /* splitmix64 */
{
    uint64_t x = state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    x ^= x >> 31;
    return n ? (size_t)(x % n) : 0;
}

/* Replaces `cut` bytes at `at` by the n bytes of s. */
static size_t splice(char *data, size_t size, size_t at, size_t cut, const char *s, size_t n)
{
    memmove(data + at + n, data + at + cut, size - at - cut);
    memcpy(data + at, s, n);
    return size - cut + n;
}

/* data has room for 64 more bytes. */
static size_t mutate(char *data, size_t size)
{
    static const char *const words[] = {
        "null", "true", "-1",  "1e999", "9007199254740993", "4294967296", "[]", "{}",     "\"\"",
        "0",    "{",    "\"a", "\\u0",  "\\ud800",          "\xff",       ",",  "\"a\":", "[[",
    };
    const size_t at = below(size + 1);
    const size_t rest = size - at;
    switch (below(5)) {
    case 0: { /* another byte */
        const char c = (char)below(256);
        return splice(data, size, at, rest ? 1 : 0, &c, 1);
    }
    case 1: /* fewer bytes */
        return splice(data, size, at, below((rest < 32 ? rest : 32) + 1), "", 0);
    case 2: { /* a piece from elsewhere */
        char piece[32];
        const size_t from = below(size + 1);
        const size_t n = below((size - from < sizeof(piece) ? size - from : sizeof(piece)) + 1);
        memcpy(piece, data + from, n);
        return splice(data, size, at, 0, piece, n);
    }
    case 3: { /* a word of the format, inserted or written over the data */
        const char *word = words[below(ELCL_COUNT(words))];
        const size_t cut = below(2) ? below((rest < 8 ? rest : 8) + 1) : 0;
        return splice(data, size, at, cut, word, strlen(word));
    }
    default: { /* a bit */
        if (rest)
            data[at] = (char)(data[at] ^ 1 << below(8));
        return size;
    }
    }
}

static void run(const char *data, size_t n)
{
    LLVMFuzzerTestOneInput((const uint8_t *)data, n);
}

static void run_file(const char *path, int runs)
{
    enum { MAX_STEPS = 8 };
    char *seed = NULL;
    size_t n = 0;
    elcl_error err = {0};
    if (elcl_read_file(path, (size_t)1 << 20, &seed, &n, &err)) {
        fprintf(stderr, "%s\n", err.msg);
        exit(1);
    }
    run(seed, n);
    for (size_t cut = 0; cut < n && cut <= 512; cut++)
        run(seed, cut);
    char *data = malloc(n + MAX_STEPS * 64);
    if (!data)
        abort();
    state = elcl_hash(ELCL_HASH_INIT, seed, n);
    for (int i = 0; i < runs; i++) {
        size_t size = n;
        memcpy(data, seed, n);
        for (size_t steps = 1 + below(MAX_STEPS); steps; steps--)
            size = mutate(data, size);
        run(data, size);
    }
    free(data);
    free(seed);
}

static int run_directory(const char *path, int runs)
{
    int n = 0;
    DIR *directory = opendir(path);
    if (!directory) {
        perror(path);
        exit(1);
    }
    for (struct dirent *entry = readdir(directory); entry; entry = readdir(directory)) {
        char *file = elcl_path_join(path, entry->d_name);
        if (!file)
            abort();
        if (elcl_is_file(file)) {
            run_file(file, runs);
            n++;
        }
        elcl_free(file);
    }
    closedir(directory);
    return n;
}

int main(int argc, char **argv)
{
    int runs = 2000, n = 0;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--runs") && i + 1 < argc) {
            runs = atoi(argv[++i]);
        } else if (elcl_is_directory(argv[i])) {
            n += run_directory(argv[i], runs);
        } else {
            run_file(argv[i], runs);
            n++;
        }
    }
    printf("%d passed, %d failed\n", n, n ? 0 : 1);
    return n ? 0 : 1;
}
