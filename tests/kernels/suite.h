/*
 * A suite is one set of kernels under test: kernels for CPUs or GPUs, GEMM back end, storage of
 * weights and state. The checks of src/selftest run on its fixture. Device and kernels are opened
 * by the first case that needs them.
 */
#ifndef ELCL_TESTS_KERNELS_SUITE_H
#define ELCL_TESTS_KERNELS_SUITE_H

#include "check.h"
#include "probe/rates.h"
#include "selftest/fixture.h"

#define U ELCL_FIXTURE_U

struct suite {
    struct elcl_fixture fx;
    const struct check_options *options;
    enum elcl_kernels kernels;
    struct elcl_ops_params params;
    bool full; /* all sizes; otherwise a subset */
    const char *name;
    struct elcl_device **device; /* shared by the suites of the same kernels */
    /* Of benches: the device's rates, zeros before they are measured; core: of one core. */
    elcl_device_rates rates, core;
};

/* Starts the case "operation suite ..."; false: it is not wanted. A failure to open the kernels
 * ends the program. */
bool suite_case(struct suite *s, const char *operation, const char *fmt, ...) ELCL_PRINTF(3, 4);
/* Closes the kernels. */
void suite_close(struct suite *s);
/* Set-up that has to work. */
void suite_must(int rc, const elcl_error *err);

/* Prints the names of programs: `name`, and with each instruction that print_program() takes. */
void list_programs(const char *name, enum elcl_kernels kernels,
                   const struct elcl_ops_params *params);
/* Prints a program's options, as a comment, and its text. `instruction` is a vendor's matrix
 * instruction, or ""; returns false if it is neither. */
bool print_program(enum elcl_kernels kernels, struct elcl_ops_params params,
                   const char *instruction);

/* The tests, one subject a file. */
void test_ref(void);
void test_gemm(struct suite *s);
void test_gemm_ways(void);
void test_packing(struct suite *s);
void test_rounded_inputs(struct suite *s); /* of int8 and bf16 compute */
void test_clblast(struct suite *s);
void test_pointwise(struct suite *s);
void test_attention(struct suite *s);
void test_attention_tiles(struct suite *s); /* only operations that go by tiles on GPUs */
void test_beams(struct suite *s);
void test_select(struct suite *s);
void test_sample(struct suite *s);
void test_score(struct suite *s);
void test_programs(struct suite *s);
void bench(struct suite *s);
void bench_gemms(struct suite *s);

#endif
