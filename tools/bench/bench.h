/* Inside elcl bench: what is run, what came out, and how that is written. */
#ifndef CLI_BENCH_H
#define CLI_BENCH_H

#include "common/args.h"
#include "elcl/plan.h"

#define CLI_BENCH_MAX_REPETITIONS 100

enum cli_bench_output { CLI_BENCH_MD, CLI_BENCH_CSV, CLI_BENCH_JSON, CLI_BENCH_JSONL };

struct cli_bench_options {
    struct cli_args args;
    struct cli_common_options common; /* format: enum cli_bench_output */
    const char *synthetic;            /* names, separated by commas */
    const char *preset, *device, *export_directory, *baseline;
    struct cli_opt_list attention, gemm, kernels, weights, state, batch_size, num_beams,
        num_beam_groups, source_length, new_tokens;
    int samples; /* 0: as many as the batch */
    int max_batch, warmup, repetitions, seed;
    float scale; /* of a preset's lengths */
    uint64_t memory_limit_bytes;
    int compute; /* enum elcl_compute */
    int no_profile, no_cache;
};

/* false: the verb ends, with *exit_code. */
bool cli_bench_parse(struct cli_bench_options *options, int argc, char **argv, int *exit_code);

/* One line of the result. */
struct cli_bench_config {
    const char *model; /* name, or directory */
    bool synthetic;
    const char *label; /* row of a preset, or NULL */
    uint64_t seed;
    enum elcl_attention attention;
    enum elcl_gemm gemm;
    enum elcl_kernels kernels;
    enum elcl_storage weights, state;
    enum elcl_compute compute; /* resolved when the model is open */
    int batch_size;            /* 0: the largest that fits, up to max_batch */
    int max_batch;
    int samples; /* 0: batch_size */
    int num_beams, num_beam_groups, source_length, new_tokens;
    int warmup, repetitions;
};

struct cli_bench_configs {
    struct cli_bench_config *items; /* [n], those of one opened model together */
    size_t n, capacity;
    char *names; /* memory of model names */
};

/* All combinations of the options, or the rows of the preset. */
int cli_bench_expand(const struct cli_bench_options *options, struct cli_bench_configs *configs,
                     elcl_error *err);
void cli_bench_configs_finish(struct cli_bench_configs *configs);

/* A quantity over the repetitions; n 0: it is not known. */
struct cli_bench_stat {
    int n;
    double values[CLI_BENCH_MAX_REPETITIONS]; /* in their order */
    double median, min, max;
    double spread; /* (max - min) / 2 / median */
};

enum cli_bench_status { CLI_BENCH_OK, CLI_BENCH_NO_MEMORY, CLI_BENCH_FAILED };

/*
 * How near kernels come to their limit. The limit of a call is max(bytes / read bandwidth, FLOP /
 * rate of multiply-adds, of int8 for "gemm_int8", of bf16 for "gemm_bf16"), both measured in this
 * run; a fraction is the sum of limits over the time that was taken: by the calls themselves of a
 * kernel, and of a phase from the end of the call before to the end of each, so that launches and
 * the host count.
 */
struct cli_bench_kernel {
    elcl_kernel_time time;
    double limit_fraction; /* 0: not known */
};

struct cli_bench_result {
    struct cli_bench_config config; /* resolved: no AUTO but of gemm, batch and samples above 0 */
    uint64_t parameters;            /* 0: not known */
    enum cli_bench_status status;
    char error[512];
    struct cli_bench_stat samples_per_second, output_tokens_per_second, encoder_tokens_per_second,
        first_token_ms, step_ms;
    elcl_memory_plan plan;
    uint64_t peak_bytes;
    struct cli_bench_kernel *kernels; /* [n_kernels] */
    int n_kernels;
    bool
        no_times; /* the driver's event times cannot be right: kernels and fractions are left out */
    double encode_fraction, step_fraction; /* of the limit; 0: not known */
    uint64_t hash;                         /* of all ids; 0 with a status other than OK */
};

/* What the results have in common. */
struct cli_bench {
    const struct cli_bench_options *options;
    char *command; /* the command line */
    char date[32];
    elcl_device_list *devices; /* owns *device */
    const elcl_device_desc *device;
    elcl_ceilings ceilings;           /* copy_gbs 0: not measured */
    struct cli_bench_result *results; /* [n] */
    size_t n, capacity;
    struct elcl_str trace; /* events, where asked for */
};

/* The model that the last configuration had, kept for the next. {0} is none. */
struct cli_bench_model {
    struct cli_bench_config key;
    elcl_model *model;
};
void cli_bench_model_close(struct cli_bench_model *model);

/* Runs one configuration into *result, failures included: the call fails only when it is
 * interrupted. `trace` may be NULL. */
int cli_bench_measure(const struct cli_bench *bench, const struct cli_bench_config *config,
                      struct cli_bench_model *model, struct cli_bench_result *result,
                      struct elcl_str *trace, elcl_error *err);

/* The run in a form, appended to `out`. */
int cli_bench_format(const struct cli_bench *bench, enum cli_bench_output output,
                     struct elcl_str *out, elcl_error *err);
int cli_bench_format_json(const struct cli_bench *bench, bool lines, struct elcl_str *out,
                          elcl_error *err);
/* Why there are no kernel times although there was a profile; NULL where there are. */
const char *cli_bench_no_times(const struct cli_bench_result *result);
/* 1e9 operations a second: the ceiling of multiply-adds that kernels of this name have. */
double cli_bench_mac_rate(const elcl_ceilings *ceilings, const char *kernel);
const char *cli_bench_status_word(enum cli_bench_status status);
/* "0123456789abcdef" */
void cli_bench_hash_text(uint64_t hash, char text[17]);

/* Compares with the results of an earlier run in a file: prints a line for each that both have to
 * standard error, and counts those that are slower beyond noise in *n_slower. */
int cli_bench_compare(const struct cli_bench *bench, const char *path, size_t *n_slower,
                      elcl_error *err);

#endif
