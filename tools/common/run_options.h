/* The options on how a model is run, which `elcl generate` and `elcl score` share. */
#ifndef CLI_RUN_OPTIONS_H
#define CLI_RUN_OPTIONS_H

#include <elcl/elcl.h>

#include "common/args.h"
#include "common/words.h"

struct cli_run_options {
    const char *device;
    int attention, gemm, kernels; /* the library's enums */
    int weights, state;           /* enum elcl_storage */
    int compute;                  /* enum elcl_compute */
    uint64_t memory_limit_bytes;
    int no_cache;
    /* What is known before the model is open of how it will be used; 0: nothing. */
    int expected_batch, expected_beams, expected_source, expected_target;
};

#define CLI_RUN_DEFAULTS                                                                           \
    {                                                                                              \
        .attention = ELCL_ATTN_AUTO, .gemm = ELCL_GEMM_AUTO, .kernels = ELCL_KERNELS_AUTO,         \
        .weights = ELCL_F32, .state = ELCL_F32, .compute = ELCL_COMPUTE_AUTO                       \
    }

/* clang-format off */
/* Entries of an options table whose target has these options `at` bytes from its start. `device`
 * and `attention` are helps. */
#define CLI_RUN_OPTIONS(at, device_help, attention_help) \
    {CLI_OPT_TEXT, "device", "INDEX|NAME|cpu|gpu", device_help, \
     (at) + offsetof(struct cli_run_options, device), 0, 0, NULL}, \
    {CLI_OPT_CHOICE, "attention", "el|mha|mha-beam|auto", attention_help, \
     (at) + offsetof(struct cli_run_options, attention), 0, 0, cli_attention_words}, \
    {CLI_OPT_CHOICE, "gemm", "auto|clblast|native", "matrix products (default auto)", \
     (at) + offsetof(struct cli_run_options, gemm), 0, 0, cli_gemm_words}, \
    {CLI_OPT_CHOICE, "kernels", "auto|cpu|gpu", \
     "shape of the kernels (default: by the device's type)", \
     (at) + offsetof(struct cli_run_options, kernels), 0, 0, cli_kernel_words}, \
    {CLI_OPT_CHOICE, "weights", "f32|f16|bf16|int8", \
     "storage of weights on the device (default f32)", \
     (at) + offsetof(struct cli_run_options, weights), 0, 0, cli_weight_words}, \
    {CLI_OPT_CHOICE, "compute", "auto|f32|int8|bf16", \
     "what int8 or bf16 weights multiply (default: their own type where that is faster)", \
     (at) + offsetof(struct cli_run_options, compute), 0, 0, cli_compute_words}, \
    {CLI_OPT_CHOICE, "state", "f32|f16|bf16", \
     "storage of encoder output and caches (default f32)", \
     (at) + offsetof(struct cli_run_options, state), 0, 0, cli_state_words}, \
    {CLI_OPT_BYTES, "memory-limit", "BYTES", \
     "device memory to stay below, as in 512M or 2G (powers of 1024)", \
     (at) + offsetof(struct cli_run_options, memory_limit_bytes), 0, 0, NULL}, \
    {CLI_OPT_FLAG, "no-cache", NULL, "build all kernels from source and store nothing", \
     (at) + offsetof(struct cli_run_options, no_cache), 0, 0, NULL}
/* clang-format on */

/* A device's name in a list with its end. */
#define CLI_RUN_DEVICE_BYTES 256

/* ELCL_E_ARG where `device` is no list of 1 .. `most` devices with commas between them. */
int cli_run_check_devices(const struct cli_run_options *options, int most, elcl_error *err);

/* Cuts the first device off a list that cli_run_check_devices() accepted; what is left of the last
 * one is NULL. NULL, the default device, is a list too. */
const char *cli_run_next_device(const char **list, char name[CLI_RUN_DEVICE_BYTES]);

/* Opens the model in `directory`. Its log goes to cli_run_log() by way of `log`, which may clear
 * a line of its own before. */
int cli_run_open(const struct cli_run_options *options, const char *directory, elcl_log_fn log,
                 void *user, elcl_model **model, elcl_model_info *info, elcl_error *err);

/* Whether a line of this level is wanted, and the line on stderr. */
bool cli_run_logs(const struct cli_common_options *options, enum elcl_log_level level);
void cli_run_log(enum elcl_log_level level, const char *line);

#endif
