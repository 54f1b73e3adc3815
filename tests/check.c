#define _POSIX_C_SOURCE 200809L
#define _XOPEN_SOURCE 700

#include "check.h"

#include <ftw.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifndef ELCL_SOURCE_ROOT
#error "ELCL_SOURCE_ROOT names the repository's root"
#endif

#define MAX_WITHOUT 8

static struct {
    struct check_options options;
    const char *program;
    const char *pattern, *without[MAX_WITHOUT];
    int n_without;
    bool list, times;
    double began;   /* of the running case, in seconds */
    char name[256]; /* of the running case; "" before the first */
    int case_failures;
    bool case_skipped;
    int passed, failed, skipped;
    uint64_t stream, counter;
    char directory[64];
} state;

static void usage_error(const char *argument)
{
    fprintf(stderr, "%s: unknown or incomplete option %s\n", state.program, argument);
    exit(2);
}

const struct check_options *check_begin(int argc, char **argv)
{
    state.program = argv[0];
    state.options.seed = 1;
    state.options.device = getenv("ELCL_TEST_DEVICE");
    for (int i = 1; i < argc; i++) {
        const bool more = i + 1 < argc;
        if (!strcmp(argv[i], "--list"))
            state.list = true;
        else if (!strcmp(argv[i], "--times"))
            state.times = true;
        else if (!strcmp(argv[i], "--bench"))
            state.options.bench = true;
        else if (!strcmp(argv[i], "--small"))
            state.options.small = true;
        else if (!strcmp(argv[i], "--all"))
            state.options.all = true;
        else if (!strcmp(argv[i], "--case") && more)
            state.pattern = argv[++i];
        else if (!strcmp(argv[i], "--without") && more && state.n_without < MAX_WITHOUT)
            state.without[state.n_without++] = argv[++i];
        else if (!strcmp(argv[i], "--seed") && more)
            state.options.seed = strtoull(argv[++i], NULL, 10);
        else if (!strcmp(argv[i], "--device") && more)
            state.options.device = argv[++i];
        else
            usage_error(argv[i]);
    }
    if (!state.list)
        printf("%s: seed %llu\n", state.program, (unsigned long long)state.options.seed);
    return &state.options;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void end_case(void)
{
    if (!state.name[0])
        return;
    if (state.times)
        printf("%8.3f s  %s\n", now() - state.began, state.name);
    if (state.case_failures) {
        state.failed++;
        printf("FAILED %s\n  again: %s --seed %llu --case '%s'\n", state.name, state.program,
               (unsigned long long)state.options.seed, state.name);
    } else if (state.case_skipped) {
        state.skipped++;
    } else {
        state.passed++;
    }
    state.name[0] = '\0';
    fflush(stdout);
}

static uint64_t mix(uint64_t x) /* splitmix64 */
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* Starts a new stream of random numbers, from the seed and the case's name. */
static void reseed(void)
{
    state.stream = mix(state.options.seed);
    for (const char *p = state.name; *p; p++)
        state.stream = mix(state.stream ^ (unsigned char)*p);
    state.counter = 0;
}

static bool left_out(const char *name)
{
    for (int i = 0; i < state.n_without; i++)
        if (strstr(name, state.without[i]))
            return true;
    return false;
}

bool check_case(const char *fmt, ...)
{
    end_case();
    char name[sizeof(state.name)];
    va_list args;
    va_start(args, fmt);
    vsnprintf(name, sizeof(name), fmt, args);
    va_end(args);
    if ((state.pattern && !strstr(name, state.pattern)) || left_out(name))
        return false;
    if (state.list) {
        puts(name);
        return false;
    }
    memcpy(state.name, name, sizeof(name));
    state.case_failures = 0;
    state.case_skipped = false;
    state.began = now();
    reseed();
    return true;
}

void check_skip(const char *fmt, ...)
{
    printf("skipped %s: ", state.name);
    va_list args;
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    putchar('\n');
    state.case_skipped = true;
}

bool check_that(bool ok, const char *file, int line, const char *cond, const char *fmt, ...)
{
    if (ok)
        return true;
    state.case_failures++;
    if (state.case_failures > 5) /* the first ones are enough */
        return false;
    printf("%s:%d: %s: %s: ", file, line, state.name, cond);
    va_list args;
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    putchar('\n');
    return false;
}

bool check_close(const char *what, const float *got, const double *want, size_t n, double atol,
                 double rtol)
{
    double worst = 0;
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        const double excess = fabs((double)got[i] - want[i]) / (atol + rtol * fabs(want[i]));
        if (!(excess <= worst)) { /* a NaN counts as the worst */
            worst = excess;
            at = i;
            if (isnan(excess))
                break;
        }
    }
    return CHECK(worst <= 1, "%s[%zu of %zu]: got %.9g, want %.9g (tolerance %g + %g relative)",
                 what, at, n, n ? (double)got[at] : 0, n ? want[at] : 0, atol, rtol);
}

uint64_t check_random(void)
{
    return mix(state.stream + state.counter++);
}

double check_uniform(double low, double high)
{
    return low + (high - low) * ((double)(check_random() >> 11) * 0x1p-53);
}

double check_normal(void)
{
    const double u = 1 - check_uniform(0, 1);
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * check_uniform(0, 1));
}

int check_int(int low, int high)
{
    return low + (int)(check_random() % (uint64_t)(high - low + 1));
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void)st;
    (void)type;
    (void)walk;
    return remove(path);
}

const char *check_temporary_directory(void)
{
    if (!state.directory[0]) {
        snprintf(state.directory, sizeof(state.directory), "/tmp/elcl-test-XXXXXX");
        if (!mkdtemp(state.directory)) {
            perror(state.directory);
            exit(1);
        }
    }
    return state.directory;
}

const char *check_new_path(void)
{
    static char path[sizeof(state.directory) + 16];
    static int n;
    snprintf(path, sizeof(path), "%s/%d", check_temporary_directory(), n++);
    return path;
}

void check_own_cache(void)
{
    char path[sizeof(state.directory) + 8];
    snprintf(path, sizeof(path), "%s/cache", check_temporary_directory());
    setenv("ELCL_CACHE_DIR", path, 1);
}

const char *check_root(void)
{
    return ELCL_SOURCE_ROOT;
}

int check_end(void)
{
    end_case();
    if (state.directory[0])
        nftw(state.directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    if (state.list)
        return 0;
    printf("%d passed, %d failed", state.passed, state.failed);
    if (state.skipped)
        printf(", %d skipped", state.skipped);
    putchar('\n');
    return state.failed ? 1 : 0;
}
