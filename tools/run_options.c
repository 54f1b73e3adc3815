#include "run_options.h"

#include <stdio.h>
#include <string.h>

#include "tool.h"

int elcl_run_check(const struct elcl_run_options *options, elcl_error *err)
{
    if (options->quiet && options->verbose)
        return elcl_tool_fail(err, ELCL_E_ARG, "expected --quiet or --verbose, found both");
    return ELCL_OK;
}

int elcl_run_check_devices(const struct elcl_run_options *options, int most, elcl_error *err)
{
    int n = 0;
    for (const char *at = options->device; at; n++) {
        const size_t length = strcspn(at, ",");
        if (!length || length >= ELCL_RUN_DEVICE_BYTES)
            return elcl_tool_fail(err, ELCL_E_ARG,
                                  "--device: expected devices with a comma between two, found "
                                  "\"%.200s\"",
                                  options->device);
        at = at[length] ? at + length + 1 : NULL;
    }
    if (n > most)
        return elcl_tool_fail(err, ELCL_E_ARG,
                              "--device: expected at most %d devices (%d engines in all), found %d",
                              most, ELCL_MAX_LANES, n);
    return ELCL_OK;
}

const char *elcl_run_next_device(const char **list, char name[ELCL_RUN_DEVICE_BYTES])
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

int elcl_run_open(const struct elcl_run_options *options, const char *directory, elcl_log_fn log,
                  void *user, elcl_model **model, elcl_model_info *info, elcl_error *err)
{
    elcl_model_params params = elcl_model_params_default();
    params.device = options->device;
    params.attention = (enum elcl_attention)options->attention;
    params.gemm = (enum elcl_gemm)options->gemm;
    params.kernels = (enum elcl_kernels)options->kernels;
    params.weights = (enum elcl_storage)options->weights;
    params.state = (enum elcl_storage)options->state;
    params.products = (enum elcl_products)options->products;
    params.memory_limit_bytes = options->memory_limit_bytes;
    params.no_cache = options->no_cache;
    params.usual_batch = options->usual_batch;
    params.usual_beams = options->usual_beams;
    params.usual_source = options->usual_source;
    params.usual_target = options->usual_target;
    params.log = log;
    params.log_user = user;
    const int rc = elcl_model_open(directory, &params, model, err);
    if (!rc)
        elcl_model_get_info(*model, info);
    return rc;
}

bool elcl_run_logs(const struct elcl_run_options *options, enum elcl_log_level level)
{
    return level == ELCL_LOG_WARNING ? !options->quiet : options->verbose;
}

void elcl_run_log(enum elcl_log_level level, const char *line)
{
    static const char *const kinds[] = {"warning", "info", "debug"};
    fprintf(stderr, "elcl: %s: %s\n", kinds[level], line);
}
