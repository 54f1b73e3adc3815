/* The options of opening and running a model, which the verbs that run models share. */
#ifndef CLI_MODEL_OPTIONS_H
#define CLI_MODEL_OPTIONS_H

#include <elcl/elcl.h>

#include "common/args.h"
#include "common/words.h"

struct cli_model_options {
    const char *device;
    int attention, gemm, kernels; /* the library's enums */
    int weights, state;           /* enum elcl_storage */
    int compute;                  /* enum elcl_compute */
    uint64_t memory_limit_bytes;
    int no_cache, no_matrix_instructions;
    const char *encoder_cache; /* a directory, or NULL */
    uint64_t encoder_cache_bytes;
    /* The expected workload, as far as the command line tells it; 0: unknown. */
    int expected_batch, expected_beams, expected_source, expected_target;
};

#define CLI_MODEL_DEFAULTS                                                                         \
    {                                                                                              \
        .attention = ELCL_ATTN_AUTO, .gemm = ELCL_GEMM_AUTO, .kernels = ELCL_KERNELS_AUTO,         \
        .weights = ELCL_F32, .state = ELCL_F32, .compute = ELCL_COMPUTE_AUTO                       \
    }

/* clang-format off */
/* The device_help of verbs that run on one device. */
#define CLI_ONE_DEVICE \
    "OpenCL device by number, part of its name, or type; see elcl devices (default: a GPU if " \
    "there is one, else a CPU)"
/* Entries of an options table whose target has these options `at` bytes from its start. */
#define CLI_MODEL_OPTIONS(at, device_help) \
    {CLI_OPT_TEXT, "device", "INDEX|NAME|cpu|gpu", device_help, \
     (at) + offsetof(struct cli_model_options, device), 0, 0, NULL}, \
    {CLI_OPT_CHOICE, "attention", "el|mha|mha-beam|auto", \
     "el: the hidden states serve as keys and values; mha: keys and values, those of the source " \
     "once for all beams; mha-beam: keys and values for every beam (default auto)", \
     (at) + offsetof(struct cli_model_options, attention), 0, 0, cli_attention_words}, \
    {CLI_OPT_CHOICE, "weights", "f32|f16|bf16|int8|int4", \
     "storage of the weights on the device (default f32)", \
     (at) + offsetof(struct cli_model_options, weights), 0, 0, cli_weight_words}, \
    {CLI_OPT_CHOICE, "state", "f32|f16|bf16|int8|int4", \
     "storage of the encoder output and the caches (default f32); int4 only with el", \
     (at) + offsetof(struct cli_model_options, state), 0, 0, cli_state_words}, \
    {CLI_OPT_CHOICE, "compute", "auto|f32|f16|bf16|int8", \
     "arithmetic of matrix products (default auto: the type of the weights where that is faster)", \
     (at) + offsetof(struct cli_model_options, compute), 0, 0, cli_compute_words}, \
    {CLI_OPT_BYTES, "memory-limit", "BYTES", \
     "use at most this much device memory, as in 512M or 2G (powers of 1024; default: what the " \
     "device reports, of a GPU less 5 % and 256M)", \
     (at) + offsetof(struct cli_model_options, memory_limit_bytes), 0, 0, NULL}, \
    {CLI_OPT_CHOICE, "gemm", "auto|clblast|native", \
     "implementation of matrix products (default auto)", \
     (at) + offsetof(struct cli_model_options, gemm), 0, 0, cli_gemm_words}, \
    {CLI_OPT_CHOICE, "kernels", "auto|cpu|gpu", \
     "CPU kernels or GPU kernels (default auto: by the type of the device)", \
     (at) + offsetof(struct cli_model_options, kernels), 0, 0, cli_kernel_words}, \
    {CLI_OPT_CHOICE, "matrix-instructions", "auto|off", CLI_MATRIX_HELP, \
     (at) + offsetof(struct cli_model_options, no_matrix_instructions), 0, 0, cli_matrix_words}, \
    {CLI_OPT_TEXT, "encoder-cache", "DIR", \
     "keep outputs of the encoder in DIR: what was encoded before is read from there, with the " \
     "same results (default: keep none)", \
     (at) + offsetof(struct cli_model_options, encoder_cache), 0, 0, NULL}, \
    {CLI_OPT_BYTES, "encoder-cache-size", "BYTES", \
     "let the files in DIR take this much, at least 1M; the least recently used ones are removed " \
     "(default 4G)", \
     (at) + offsetof(struct cli_model_options, encoder_cache_bytes), 0, 0, NULL}, \
    {CLI_OPT_FLAG, "no-cache", NULL, "build all kernels from source and store nothing", \
     (at) + offsetof(struct cli_model_options, no_cache), 0, 0, NULL}
/* clang-format on */

/* The longest device name in a list, with its NUL. */
#define CLI_DEVICE_BYTES 256

/* Fails with ELCL_E_ARG unless `device` is a list of 1 .. max devices separated by commas. */
int cli_check_devices(const struct cli_model_options *options, int max, elcl_error *err);

/* Fails with ELCL_E_ARG if the size of the encoder cache is too small, or without a cache. */
int cli_check_encoder_cache(const struct cli_model_options *options, elcl_error *err);

/* Takes the first device off a list that cli_check_devices() accepted; *list is NULL after the last
 * one. Returns NULL, the default device, for a list that is NULL. */
const char *cli_next_device(const char **list, char name[CLI_DEVICE_BYTES]);

/* Refuses a model that reads no text. */
int cli_check_reads_text(const elcl_model_info *info, const char *model_name, elcl_error *err);

/* Opens the model that the command line names (cli_model_directory()). `log` passes the library's
 * log on to cli_log(). */
int cli_model_open(const struct cli_model_options *options, const char *model_name, elcl_log_fn log,
                   void *user, elcl_model **model, elcl_model_info *info, elcl_error *err);

/* Whether a line of this level is wanted. */
bool cli_logs(const struct cli_common_options *options, enum elcl_log_level level);
/* Prints the line on standard error. */
void cli_log(enum elcl_log_level level, const char *line);

#endif
