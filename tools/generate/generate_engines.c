/* The engines of elcl generate, as large as the samples so far need them. */
#include "generate/generation.h"

#include <stdio.h>

#include "common/trace.h"

/* Tokens of lists that fit into an engine by default. */
#define DEFAULT_LISTS 256

static int beams_of(const elcl_gen_options *gen)
{
    return gen->do_sample && gen->num_beams == 1 ? gen->num_return_sequences : gen->num_beams;
}

void cli_generate_size_engines(struct cli_generation *r, const elcl_gen_options *gen)
{
    r->max_beams = beams_of(gen);
    r->max_lists = cli_option_lists_tokens(gen);
}

int cli_generate_start_engines(struct cli_generation *r, elcl_error *err)
{
    elcl_engine_params params = elcl_engine_params_default();
    elcl_engine_stats stats;
    params.batch_size = r->opt->batch_size;
    params.max_beams = r->max_beams;
    params.max_source = r->opt->max_source;
    params.max_target = r->max_target;
    params.max_list_tokens = r->max_lists;
    params.on_result = cli_generate_on_result;
    params.on_token = r->opt->stream ? cli_generate_on_token : NULL;
    params.profile = r->opt->common.trace != NULL;
    params.user = r;
    int rc = cli_engines_start(&r->engines, &params, err);
    if (rc)
        return rc;
    cli_engines_stats(&r->engines, &stats);
    r->refill = stats.batch_size > 0 ? 2 * (size_t)stats.batch_size : 1;
    return ELCL_OK;
}

static void add_stats(elcl_engine_stats *sum, const elcl_engine_stats *more)
{
    sum->output_tokens += more->output_tokens;
    sum->seconds += more->seconds;
    sum->bytes_moved += more->bytes_moved;
    sum->flop += more->flop;
}

/* Appends the kernel calls of the engines to the trace. */
static void trace_engines(struct cli_generation *r)
{
    if (!r->n_traced)
        cli_trace_begin(&r->trace);
    for (int i = 0; i < r->engines.n; i++) {
        elcl_engine_profile profile;
        char title[32];
        elcl_pool_get_profile(r->engines.pool, i, &profile);
        (void)snprintf(title, sizeof(title), "engine %zu", ++r->n_traced);
        cli_trace_add(&r->trace, r->n_traced, title, profile.spans, profile.n_spans);
    }
}

int cli_generate_save_trace(struct cli_generation *r, elcl_error *err)
{
    if (!r->opt->common.trace)
        return ELCL_OK;
    trace_engines(r);
    cli_trace_end(&r->trace);
    return cli_sys_save(r->opt->common.trace, &r->trace, err);
}

int cli_generate_make_room(struct cli_generation *r, const struct cli_sample *sample,
                           elcl_error *err)
{
    const struct cli_resolved *o = cli_generate_options_of(r, sample);
    const int beams = beams_of(&o->gen), lists = cli_option_lists_tokens(&o->gen);
    if (!sample->own || (beams <= r->max_beams && o->max_target <= r->max_target &&
                         lists <= (r->max_lists ? r->max_lists : DEFAULT_LISTS)))
        return ELCL_OK;
    elcl_engine_stats stats;
    int rc = elcl_pool_run(r->engines.pool, err);
    if (rc)
        return rc;
    cli_engines_stats(&r->engines, &stats);
    add_stats(&r->past, &stats);
    if (r->opt->common.trace)
        trace_engines(r);
    elcl_pool_destroy(&r->engines.pool);
    r->max_beams = beams > r->max_beams ? beams : r->max_beams;
    r->max_target = o->max_target > r->max_target ? o->max_target : r->max_target;
    if (lists > (r->max_lists ? r->max_lists : DEFAULT_LISTS))
        r->max_lists = lists;
    return cli_generate_start_engines(r, err);
}

void cli_generate_stats(const struct cli_generation *r, elcl_engine_stats *stats)
{
    cli_engines_stats(&r->engines, stats);
    add_stats(stats, &r->past);
}
