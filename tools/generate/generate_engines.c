/* The engines of elcl generate, as large as the samples so far need them. */
#include "generate/generation.h"

#include <stdio.h>
#include <string.h>

#include "common/sys.h"
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
    r->max_source = r->opt->max_source;
    r->max_lists = cli_option_lists_tokens(gen);
}

int cli_generate_start_engines(struct cli_generation *r, elcl_error *err)
{
    elcl_engine_params params = elcl_engine_params_default();
    elcl_engine_stats stats;
    params.batch_size = r->opt->batch_size;
    params.max_beams = r->max_beams;
    params.max_source = r->max_source;
    params.max_target = r->max_target;
    params.max_list_tokens = r->max_lists;
    params.alignment_layer = r->opt->alignment_layer;
    params.alignment_head = r->opt->alignment_head;
    params.on_result = cli_generate_on_result;
    params.on_token = r->opt->stream ? cli_generate_on_token : NULL;
    params.profile = r->opt->common.trace != NULL;
    params.user = r;
    int rc = cli_engines_start(&r->engines, &params, err);
    if (rc)
        return rc;
    cli_engines_stats(&r->engines, &stats);
    /* The engines of a pool take samples while the command waits for the others. */
    r->most_in_flight = stats.batch_size > 0 ? (size_t)stats.batch_size : 1;
    r->most_in_flight += r->engines.n > 1 ? r->most_in_flight / 2 : 0;
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
    return cli_output_save(r->opt->common.trace, &r->trace, err);
}

/* The sizes of engines. */
struct sizes {
    int beams, source, target, lists;
};

static int larger(int a, int b)
{
    return a > b ? a : b;
}

static struct sizes sizes_of(const struct cli_generation *r)
{
    return (struct sizes){r->max_beams, r->max_source ? r->max_source : r->info.default_length,
                          r->max_target, r->max_lists ? r->max_lists : DEFAULT_LISTS};
}

/* Adds to *need what the part of a sample needs. */
static void add_need(const struct cli_generation *r, const struct cli_part *part,
                     struct sizes *need)
{
    const struct cli_resolved *o = cli_generate_options_of(r, part->sample);
    const int n = (int)part->source.n_ids;
    int target = o->max_target;
    if (o->gen.search_style == ELCL_STYLE_FAIRSEQ && n > sizes_of(r).source)
        target = cli_fairseq_target(&o->gen, &r->info, n);
    *need = (struct sizes){larger(need->beams, beams_of(&o->gen)), larger(need->source, n),
                           larger(need->target, target),
                           larger(need->lists, cli_option_lists_tokens(&o->gen))};
}

/* Ends the engines with their work. */
static int retire_engines(struct cli_generation *r, elcl_error *err)
{
    elcl_engine_stats stats;
    int rc = ELCL_OK;
    while (!rc && r->in_flight) {
        rc = cli_generate_step(r, err);
        if (!rc && cli_sys_interrupted() && cli_sys_grace_seconds() <= 0)
            rc = elcl_fail(err, ELCL_E_INTERRUPTED, "interrupted");
    }
    if (rc)
        return rc;
    cli_engines_stats(&r->engines, &stats);
    add_stats(&r->past, &stats);
    if (r->opt->common.trace)
        trace_engines(r);
    elcl_pool_destroy(&r->engines.pool);
    return ELCL_OK;
}

static int start_with(struct cli_generation *r, const struct sizes *sizes, elcl_error *err)
{
    const struct sizes now = sizes_of(r);
    if (sizes->source > now.source)
        r->max_source = sizes->source;
    if (sizes->lists > now.lists)
        r->max_lists = sizes->lists;
    r->max_beams = sizes->beams;
    r->max_target = sizes->target;
    return cli_generate_start_engines(r, err);
}

/* Longer sources may follow: a quarter more room saves most of the later restarts. */
static struct sizes with_reserve(const struct cli_generation *r, const struct sizes *now,
                                 const struct sizes *need)
{
    struct sizes s = *need;
    const int more = now->source + now->source / 4;
    if (need->source > now->source && more > need->source)
        s.source = more < r->info.max_source ? more : larger(need->source, r->info.max_source);
    return s;
}

int cli_generate_make_room(struct cli_generation *r, struct cli_part *const *parts, size_t n,
                           elcl_error *why, elcl_error *err)
{
    const struct sizes now = sizes_of(r);
    struct sizes need = now;
    const int source = r->max_source, lists = r->max_lists;
    for (size_t i = 0; i < n; i++)
        add_need(r, parts[i], &need);
    if (!memcmp(&now, &need, sizeof(now)))
        return ELCL_OK;
    int rc = retire_engines(r, err);
    if (rc)
        return rc;
    const struct sizes roomy = with_reserve(r, &now, &need);
    rc = start_with(r, &roomy, why);
    if (rc != ELCL_E_DEVICE_NOMEM)
        return rc ? elcl_fail(err, rc, "%s", why->msg) : ELCL_OK;
    r->max_source = source;
    r->max_lists = lists;
    return start_with(r, &now, err);
}

void cli_generate_stats(const struct cli_generation *r, elcl_engine_stats *stats)
{
    cli_engines_stats(&r->engines, stats);
    add_stats(stats, &r->past);
}
