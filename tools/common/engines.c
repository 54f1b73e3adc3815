#include "common/engines.h"

int cli_engines_open(struct cli_engines *engines, const struct cli_model_options *options,
                     int per_device, const char *model_name, elcl_log_fn log, void *user,
                     elcl_model_info *info, elcl_error *err)
{
    const char *list = options->device;
    int rc = ELCL_OK;
    do {
        struct cli_model_options one = *options;
        elcl_model_info other;
        char name[CLI_DEVICE_BYTES];
        one.device = cli_next_device(&list, name);
        rc = cli_model_open(&one, model_name, log, user, &engines->models[engines->n_models],
                            engines->n_models ? &other : info, err);
        engines->n_models += !rc;
    } while (!rc && list && engines->n_models < ELCL_MAX_ENGINES / per_device);
    engines->n = engines->n_models * per_device;
    for (int i = engines->n_models; i < engines->n; i++)
        engines->models[i] = engines->models[i - engines->n_models];
    return rc;
}

int cli_engines_start(struct cli_engines *engines, const elcl_engine_params *params,
                      elcl_error *err)
{
    return elcl_pool_create(engines->models, engines->n, params, &engines->pool, err);
}

void cli_engines_stats(const struct cli_engines *engines, elcl_engine_stats *sum)
{
    uint64_t peak[ELCL_MAX_ENGINES] = {0}; /* of each model */
    *sum = (elcl_engine_stats){0};
    for (int i = 0; i < engines->n; i++) {
        uint64_t *model_peak = &peak[i % engines->n_models];
        elcl_engine_stats one;
        elcl_pool_get_stats(engines->pool, i, &one);
        sum->batch_size += one.batch_size;
        sum->output_tokens += one.output_tokens;
        sum->bytes_moved += one.bytes_moved;
        sum->flop += one.flop;
        if (one.compile_seconds > sum->compile_seconds)
            sum->compile_seconds = one.compile_seconds;
        sum->seconds = one.seconds > sum->seconds ? one.seconds : sum->seconds;
        *model_peak = one.peak_bytes > *model_peak ? one.peak_bytes : *model_peak;
    }
    for (int i = 0; i < engines->n_models; i++)
        sum->peak_bytes += peak[i];
}

void cli_engines_close(struct cli_engines *engines)
{
    elcl_pool_destroy(&engines->pool);
    for (int i = 0; i < engines->n_models; i++)
        elcl_model_close(&engines->models[i]);
    engines->n = engines->n_models = 0;
}
