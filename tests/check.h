/*
 * The test harness. A program is a list of named cases; a case passes if none of its checks fails.
 * Every program takes these options:
 *     --list             print the case names and run nothing
 *     --case PATTERN     run only cases whose name contains PATTERN
 *     --without PATTERN  run no case whose name contains PATTERN; up to eight times
 *     --seed N           seed of all random inputs (printed at the start)
 *     --times            print how long each case took
 *     --bench            run benches instead of checks, in programs that have them
 *     --small            small sizes only, for slow OpenCL implementations
 *     --all              cases too that repeat others with another type or another width
 *     --device NAME      as elcl's --device
 * It ends with the line "N passed, N failed" (", N skipped").
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
    bool all;
    const char *device; /* NULL: the default */
};

/* Parses the command line; exits with 2 on an unknown option. */
const struct check_options *check_begin(int argc, char **argv);
/* Prints the last line; returns the program's exit code. */
int check_end(void);

/* Ends the running case and starts the next one. Returns false if the case is not wanted. */
bool check_case(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Marks the case as skipped and prints the reason. */
void check_skip(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* If the condition is false, marks the case as failed and prints place, condition and message.
 * Returns the condition, so that a case can stop early. */
#define CHECK(cond, ...) check_that((cond), __FILE__, __LINE__, #cond, __VA_ARGS__)
bool check_that(bool ok, const char *file, int line, const char *cond, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* Checks |got - want| <= atol + rtol * |want|; prints the worst index and both values. */
bool check_close(const char *what, const float *got, const double *want, size_t n, double atol,
                 double rtol);

/* Counter-based random numbers: the same for a seed on every machine. */
uint64_t check_random(void);
double check_uniform(double low, double high); /* [low, high) */
double check_normal(void);
int check_int(int low, int high); /* low .. high */

/* Creates an empty directory in the system's temporary directory; check_end() removes it. */
const char *check_temporary_directory(void);
/* Returns a path in there where nothing is yet, valid until the next call. */
const char *check_new_path(void);
/* Makes elcl keep its cache in there, in a directory that does not exist yet. */
void check_own_cache(void);
/* Returns the repository's root, where tests find goldens and models. */
const char *check_root(void);

#endif
