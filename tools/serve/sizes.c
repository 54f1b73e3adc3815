#include "serve/sizes.h"

#include <elcl/plan.h>

#include "common/option_lists.h"
#include "common/remedy.h"

/* Tokens of lists that fit by default. */
#define LIST_TOKENS 256

static int check(const char *option, int given, int max, elcl_error *err)
{
    return given <= max
               ? ELCL_OK
               : elcl_fail(err, ELCL_E_ARG, "--%s: expected at most %d with this model, found %d",
                           option, max, given);
}

/* Takes the given lengths, beams and lists, or the model's own with some room. */
static int choose_lengths(const struct cli_sizes *given, const elcl_model *model,
                          const elcl_model_info *info, elcl_engine_params *s, elcl_error *err)
{
    elcl_gen_options gen;
    int rc;
    elcl_model_gen_defaults(model, &gen);
    const int own = gen.max_new_tokens > 0 ? gen.max_new_tokens + 1 : gen.max_length;
    const int target = elcl_min_int(elcl_max_int(own, CLI_LEAST_TARGET), info->max_target);
    const int beams = gen.num_beams > 1 ? gen.num_beams : gen.num_return_sequences;
    const int lists = elcl_max_int(LIST_TOKENS, cli_option_lists_tokens(&gen));
    ELCL_TRY(check("max-source", given->max_source, info->max_source, err));
    ELCL_TRY(check("max-target", given->max_target, info->max_target, err));
    s->max_beams = given->max_beams ? given->max_beams : elcl_max_int(beams, CLI_LEAST_BEAMS);
    s->max_source = given->max_source ? given->max_source : info->default_length;
    s->max_target = given->max_target ? given->max_target : target;
    s->max_list_tokens = given->max_lists ? given->max_lists : 2 * lists;
fail:
    return rc;
}

/* Returns the requests that keep a device busy, and that fit if there is nothing else. */
static int busy_batch(const struct cli_engines *engines, const elcl_model_info *info,
                      const elcl_engine_params *sizes, int *batch, elcl_error *err)
{
    elcl_engine_params automatic = *sizes;
    elcl_engine_stats stats;
    elcl_pool *pool = NULL;
    automatic.batch_size = 0; /* allocates nothing */
    const int rc = elcl_pool_create(engines->models, engines->n, &automatic, &pool, err);
    if (rc)
        return rc;
    elcl_pool_get_stats(pool, 0, &stats);
    elcl_pool_destroy(&pool);
    *batch = elcl_max_int(stats.batch_size, CLI_LEAST_BATCH);
    if (info->kernels == ELCL_KERNELS_CPU)
        *batch = elcl_min_int(*batch, CLI_MOST_BATCH_CPU);
    return ELCL_OK;
}

/* Sets the limits of a device for an engine: its share of half of what the weights leave. */
static int limit_memory(const struct cli_model_options *options, const char *device,
                        const elcl_model_info *info, const struct cli_sharers *sharers,
                        elcl_plan_params *p, elcl_error *err)
{
    elcl_device_list *list = NULL;
    int i = 0;
    int rc = elcl_device_list_create(&list, err);
    if (!rc)
        rc = elcl_device_list_find(list, device, &i, err);
    if (!rc) {
        const elcl_device_desc *d = elcl_device_list_get(list, i);
        const uint64_t all =
            options->memory_limit_bytes ? options->memory_limit_bytes : elcl_planned_memory(d);
        const uint64_t left = all > sharers->weight_bytes ? all - sharers->weight_bytes : 0;
        p->memory_limit_bytes =
            all ? info->weight_bytes + left / 2 / (uint64_t)sharers->engines : 0;
        p->max_alloc_bytes = d->max_alloc_bytes;
        p->device_type = d->type;
        if (info->kernels == ELCL_KERNELS_GPU)
            p->compute_units = (int)d->compute_units;
        else
            p->vector_width = elcl_cpu_vector_width(d);
    }
    elcl_device_list_destroy(&list);
    return rc;
}

/* Lowers the batch to what the plan for a device allows, to no less than one request. */
static int fit_batch(const elcl_blueprint *blueprint, const elcl_model_info *info,
                     elcl_plan_params *p, elcl_engine_params *sizes, elcl_error *err)
{
    elcl_memory_plan plan;
    if (!p->memory_limit_bytes && !p->max_alloc_bytes)
        return ELCL_OK;
    p->attention = info->attention;
    p->weights = info->weights;
    p->state = info->state;
    p->compute = info->compute;
    p->num_beams = sizes->max_beams;
    p->max_source = sizes->max_source;
    p->max_target = sizes->max_target;
    const int rc = elcl_plan_memory(blueprint, p, &plan, err);
    if (!rc && plan.largest_batch >= 0 && plan.largest_batch < sizes->batch_size)
        sizes->batch_size = elcl_max_int(1, plan.largest_batch);
    return rc;
}

static int choose_batch(const struct cli_engines *engines, const elcl_model_info *info,
                        const struct cli_model_options *options, const struct cli_sharers *sharers,
                        const char *path, elcl_engine_params *sizes, elcl_error *err)
{
    elcl_blueprint *blueprint = NULL;
    const char *list = options->device;
    int rc = busy_batch(engines, info, sizes, &sizes->batch_size, err);
    if (!rc)
        rc = cli_blueprint_open(path, false, &blueprint, err);
    while (!rc) {
        elcl_plan_params p = elcl_plan_params_default();
        char name[CLI_DEVICE_BYTES];
        rc = limit_memory(options, cli_next_device(&list, name), info, sharers, &p, err);
        if (!rc)
            rc = fit_batch(blueprint, info, &p, sizes, err);
        if (!list)
            break;
    }
    elcl_blueprint_close(&blueprint);
    return rc;
}

int cli_sizes_choose(const struct cli_sizes *given, const struct cli_engines *engines,
                     const elcl_model_info *info, const struct cli_model_options *options,
                     const struct cli_sharers *sharers, const char *path, elcl_engine_params *sizes,
                     elcl_error *err)
{
    elcl_engine_params s = elcl_engine_params_default();
    int rc = choose_lengths(given, engines->models[0], info, &s, err);
    s.batch_size = given->batch_size;
    if (!rc && !s.batch_size)
        rc = choose_batch(engines, info, options, sharers, path, &s, err);
    if (!rc)
        *sizes = s;
    return rc;
}
