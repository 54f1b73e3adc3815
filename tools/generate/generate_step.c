/* elcl generate: one step of the engines, and what follows from its results. */
#include "generate/generation.h"
#include "common/sys.h"

/* A driver whose compiler took longer had nothing in its cache, and may compile the rest in the
 * first step. */
#define COMPILED_SECONDS 0.5

/* Returns the part of the input that is done; below 0 if its size is unknown. */
static double done_fraction(const struct cli_generation *r)
{
    double fraction = -1;
    if (r->input.words)
        fraction = (double)r->n_ended / (double)r->input.n_words;
    else if (r->input.total_bytes)
        fraction = (double)r->ended_bytes / (double)r->input.total_bytes;
    return fraction > 1 ? 1 : fraction;
}

/* Call before the first step, and after it: time in which kernels are compiled is not work. */
static void begin_work(struct cli_generation *r)
{
    elcl_engine_stats stats;
    cli_engines_stats(&r->engines, &stats);
    const bool compiled = stats.compile_seconds > COMPILED_SECONDS;
    if (r->work_began <= 0 || (compiled && r->in_flight)) {
        r->work_began = cli_sys_seconds();
        r->warmup_seconds = stats.seconds;
    }
    r->work_is_timed = r->stepped || !compiled;
    if (r->work_is_timed)
        cli_progress_begin(&r->progress, r->work_began, r->n_ended, done_fraction(r));
}

int cli_generate_step(struct cli_generation *r, elcl_error *err)
{
    size_t pending = 0;
    if (!r->work_is_timed)
        begin_work(r);
    int rc = r->in_flight ? elcl_pool_step(r->engines.pool, &pending, err) : ELCL_OK;
    if (!rc && r->callback_error.code)
        rc = elcl_fail(err, r->callback_error.code, "%s", r->callback_error.msg);
    if (!rc)
        rc = cli_generate_write_finished(r, err);
    if (!rc)
        rc = cli_generate_write_stream(r, err);
    r->stepped = true;
    if (!r->work_is_timed)
        begin_work(r);
    cli_progress_update(&r->progress, r->n_ended, done_fraction(r));
    return rc;
}
