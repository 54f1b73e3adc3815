/* elcl generate: one step of the engines, and what follows from its results. */
#include "generate/generation.h"

static void show_progress(struct cli_generation *r)
{
    double fraction = -1;
    if (r->input.words)
        fraction = (double)r->n_ended / (double)r->input.n_words;
    else if (r->input.total_bytes)
        fraction = (double)r->ended_bytes / (double)r->input.total_bytes;
    cli_progress_update(&r->progress, r->n_ended, fraction > 1 ? 1 : fraction);
}

int cli_generate_step(struct cli_generation *r, elcl_error *err)
{
    size_t pending = 0;
    int rc = r->in_flight ? elcl_pool_step(r->engines.pool, &pending, err) : ELCL_OK;
    if (!rc && r->callback_error.code)
        rc = elcl_fail(err, r->callback_error.code, "%s", r->callback_error.msg);
    if (!rc)
        rc = cli_generate_write_finished(r, err);
    if (!rc)
        rc = cli_generate_write_stream(r, err);
    show_progress(r);
    return rc;
}
