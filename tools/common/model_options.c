#include "common/model_options.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/remedy.h"

int cli_check_devices(const struct cli_model_options *options, int max, elcl_error *err)
{
    int n = 0;
    for (const char *at = options->device; at; n++) {
        const size_t length = strcspn(at, ",");
        if (!length || length >= CLI_DEVICE_BYTES)
            return elcl_fail(err, ELCL_E_ARG,
                             "--device: expected devices separated by commas, found \"%.200s\"",
                             options->device);
        at = at[length] ? at + length + 1 : NULL;
    }
    if (n > max)
        return elcl_fail(err, ELCL_E_ARG,
                         "--device: expected at most %d devices (%d engines in all), found %d", max,
                         ELCL_MAX_ENGINES, n);
    return ELCL_OK;
}

int cli_check_encoder_cache(const struct cli_model_options *options, elcl_error *err)
{
    const uint64_t bytes = options->encoder_cache_bytes;
    if (bytes && !options->encoder_cache)
        return elcl_fail(err, ELCL_E_ARG, "--encoder-cache-size needs --encoder-cache");
    if (bytes && bytes < 1 << 20)
        return elcl_fail(err, ELCL_E_ARG,
                         "--encoder-cache-size: expected at least 1M, found %" PRIu64 " bytes",
                         bytes);
    return ELCL_OK;
}

const char *cli_next_device(const char **list, char name[CLI_DEVICE_BYTES])
{
    const char *at = *list;
    if (!at)
        return NULL;
    const size_t length = strcspn(at, ",");
    memcpy(name, at, length);
    name[length] = '\0';
    *list = at[length] ? at + length + 1 : NULL;
    return name;
}

int cli_model_open(const struct cli_model_options *options, const char *model_name, elcl_log_fn log,
                   void *user, elcl_model **model, elcl_model_info *info, elcl_error *err)
{
    elcl_model_params params = elcl_model_params_default();
    params.device = options->device;
    params.attention = (enum elcl_attention)options->attention;
    params.gemm = (enum elcl_gemm)options->gemm;
    params.kernels = (enum elcl_kernels)options->kernels;
    params.weights = (enum elcl_storage)options->weights;
    params.state = (enum elcl_storage)options->state;
    params.compute = (enum elcl_compute)options->compute;
    params.memory_limit_bytes = options->memory_limit_bytes;
    params.no_cache = options->no_cache;
    params.encoder_cache = options->encoder_cache;
    params.encoder_cache_bytes = options->encoder_cache_bytes;
    params.no_matrix_instructions = options->no_matrix_instructions;
    params.expected_batch = options->expected_batch;
    params.expected_beams = options->expected_beams;
    params.expected_source = options->expected_source;
    params.expected_target = options->expected_target;
    params.log = log;
    params.log_user = user;
    char *directory = cli_model_directory(model_name);
    int rc = directory ? elcl_model_open(directory, &params, model, err) : elcl_fail_nomem(err);
    if (rc && directory)
        rc = cli_explain_model(directory, rc, err);
    free(directory);
    if (!rc)
        elcl_model_get_info(*model, info);
    return rc;
}

int cli_check_reads_text(const elcl_model_info *info, const char *model_name, elcl_error *err)
{
    return info->input_width ? elcl_fail(err, ELCL_E_UNSUPPORTED,
                                         "%.200s: a model of the family %s reads sound, not text: "
                                         "use elcl transcribe",
                                         model_name, info->family)
                             : ELCL_OK;
}

bool cli_logs(const struct cli_common_options *options, enum elcl_log_level level)
{
    return level == ELCL_LOG_WARNING ? !options->quiet : options->verbose;
}

void cli_log(enum elcl_log_level level, const char *line)
{
    static const char *const kinds[] = {"warning", "info", "debug"};
    fprintf(stderr, "elcl: %s: %s\n", kinds[level], line);
}
