/* elcl bench: options, configurations, results, and the forms of the results. */
#ifndef CLI_BENCH_H
#define CLI_BENCH_H

#include "common/args.h"
#include "common/result_file.h"
#include "elcl/measure.h"
#include "elcl/plan.h"

#define CLI_BENCH_MAX_REPETITIONS 100

struct cli_bench_options {
    struct cli_args args;
    struct cli_common_options common; /* format: enum cli_format */
    const char *synthetic;            /* names, separated by commas */
    const char *preset, *device, *export_directory, *baseline;
    struct cli_opt_list attention, gemm, kernels, weights, state, batch_size, num_beams,
        num_beam_groups, source_length, new_tokens;
    int samples; /* 0: the batch size */
    int max_batch, warmup, repetitions, seed;
    float scale; /* multiplies the lengths of a preset */
    uint64_t memory_limit_bytes;
    int compute; /* enum elcl_compute */
    int no_profile, no_cache, no_matrix_instructions;
};

/* Parses the command line; false if the verb ends, with *exit_code. */
bool cli_bench_parse(struct cli_bench_options *options, int argc, char **argv, int *exit_code);

/* One combination of parameters. */
struct cli_bench_config {
    const char *model; /* a name or a directory */
    bool synthetic;
    const char *label; /* row of a preset, or NULL */
    uint64_t seed;
    enum elcl_attention attention;
    enum elcl_gemm gemm;
    enum elcl_kernels kernels;
    enum elcl_storage weights, state;
    enum elcl_compute compute; /* resolved when the model is opened */
    int batch_size;            /* 0: the largest that fits, up to max_batch */
    int max_batch;
    int samples; /* 0: batch_size */
    int num_beams, num_beam_groups, source_length, new_tokens;
    int warmup, repetitions;
};

struct cli_bench_configs {
    struct cli_bench_config *items; /* [n]; configurations of one opened model are adjacent */
    size_t n, capacity;
    char *names; /* storage of the model names */
};

/* Lists all combinations of the options, or the rows of the preset. */
int cli_bench_expand(const struct cli_bench_options *options, struct cli_bench_configs *configs,
                     elcl_error *err);
void cli_bench_configs_finish(struct cli_bench_configs *configs);

/* A quantity over the repetitions; n 0: not known. */
struct cli_bench_stat {
    int n;
    double values[CLI_BENCH_MAX_REPETITIONS]; /* in order of the repetitions */
    double median, min, max;
    double spread; /* (max - min) / 2 / median */
};

enum cli_bench_status { CLI_BENCH_OK, CLI_BENCH_NO_MEMORY, CLI_BENCH_FAILED };

/*
 * A call's limit is the larger of bytes / read bandwidth and FLOP / rate of multiply-adds, both
 * measured in this bench; the rate is that of int8 for ELCL_OP_GEMM_INT8, of bf16 for
 * ELCL_OP_GEMM_BF16, of narrow state for ELCL_OP_ATTENTION_INT8, and that of the matrix instruction
 * for classes that use it. A fraction is the
 * sum of limits over the time. The time of a kernel is that of its calls. The time of a phase runs
 * from the end of each call to the end of the next, so launches and the host count.
 */
struct cli_bench_kernel {
    elcl_kernel_time time;
    double limit_fraction; /* 0: not known */
};

struct cli_bench_result {
    struct cli_bench_config config; /* resolved: only gemm may be AUTO; batch, samples above 0 */
    uint64_t parameters;            /* 0: not known */
    enum cli_bench_status status;
    char error[512];
    struct cli_bench_stat samples_per_second, output_tokens_per_second, encoder_tokens_per_second,
        first_token_ms, step_ms;
    elcl_memory_plan plan;
    uint64_t peak_bytes;
    struct cli_bench_kernel *kernels; /* [n_kernels] */
    int n_kernels;
    bool no_times; /* the driver's event times are wrong: no kernels and no fractions */
    double encode_fraction, step_fraction; /* of the limit; 0: not known */
    uint64_t hash;                         /* of all ids; 0 unless the status is OK */
};

/* All results of one command line. */
struct cli_bench {
    const struct cli_bench_options *options;
    char *command; /* the command line */
    char date[32];
    elcl_device_list *devices; /* owns *device */
    const elcl_device_desc *device;
    elcl_device_rates rates;          /* copy_gbs 0: not measured */
    struct cli_bench_result *results; /* [n] */
    size_t n, capacity;
    struct elcl_str trace; /* events, if requested */
};

/* The open model of the last configuration, kept for the next one. {0} is none. */
struct cli_bench_model {
    struct cli_bench_config key;
    elcl_model *model;
};
void cli_bench_model_close(struct cli_bench_model *model);

/* Runs one configuration and writes *result, which also holds a failure of the configuration. Fails
 * only if it is interrupted. `trace` may be NULL. */
int cli_bench_measure(const struct cli_bench *bench, const struct cli_bench_config *config,
                      struct cli_bench_model *model, struct cli_bench_result *result,
                      struct elcl_str *trace, elcl_error *err);

/* Appends the results in a format. */
int cli_bench_format(const struct cli_bench *bench, enum cli_format format, struct elcl_str *out,
                     elcl_error *err);
void cli_bench_format_md(const struct cli_bench *bench, struct elcl_str *out);
/* Returns why a profile has no kernel times, or NULL if it has. */
const char *cli_bench_no_times(const struct cli_bench_result *result);
/* Returns the measured peak of multiply-adds for this class of operations, 1e9 operations/s. */
double cli_bench_mac_rate(const elcl_device_rates *rates, enum elcl_op_class op_class);
const char *cli_bench_status_word(enum cli_bench_status status);
/* Writes 16 hexadecimal digits. */
void cli_bench_hash_text(uint64_t hash, char text[17]);

/* Compares the results with those of an earlier bench. Prints one line to standard error for each
 * configuration that both have, and counts the ones that are slower beyond noise in *n_slower. */
int cli_bench_compare(const struct cli_bench *bench, const struct cli_result_file *before,
                      size_t *n_slower, elcl_error *err);

#endif
