/*
 * The test harness: a program is a list of named cases; a case passes when none of its checks
 * failed. Every program takes
 *     --list           print the case names and run nothing
 *     --case PATTERN   run the cases whose name contains PATTERN
 *     --without PATTERN  run no case whose name contains PATTERN
 *     --seed N         seed of all random inputs (printed at the start)
 *     --times          print how long each case took
 *     --bench          programs that have benches run them instead of the checks
 *     --small          small sizes only, for slow OpenCL implementations
 *     --device NAME    as elcl's --device
 * and ends with the line "N passed, N failed" (", N skipped").
 */
#ifndef ELCL_TESTS_CHECK_H
#define ELCL_TESTS_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct check_options {
    uint64_t seed;
    bool bench;
    bool small;
    const char *device; /* NULL: the default */
};

/* Parses the command line; exits with 2 on an unknown option. */
const struct check_options *check_begin(int argc, char **argv);
/* Prints the last line; the program's exit code. */
int check_end(void);

/* Starts a case; the one before ends. false: the case is not wanted, go on to the next. */
bool check_case(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The case cannot be run here; says why. */
void check_skip(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A failed check marks the case failed and prints place, condition and message. Gives back the
 * condition, so that a case can stop early. */
#define CHECK(cond, ...) check_that((cond), __FILE__, __LINE__, #cond, __VA_ARGS__)
bool check_that(bool ok, const char *file, int line, const char *cond, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* Same numbers within atol + rtol * |want|; prints the worst index and both values. */
bool check_close(const char *what, const float *got, const double *want, size_t n, double atol,
                 double rtol);

/* Counter-based random numbers: the same for a seed on every machine. */
uint64_t check_random(void);
double check_uniform(double low, double high); /* [low, high) */
double check_normal(void);
int check_int(int low, int high); /* low .. high */
/* Starts a new stream for the running case, from the seed and the case's name. */
void check_reseed(void);

/* A new empty directory below the system's temporary directory; removed by check_end(). */
const char *check_temporary_directory(void);
/* The repository's root: tests read goldens and models below it. */
const char *check_root(void);

#endif
