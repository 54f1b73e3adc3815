/* elcl generate: from a line of the input to the parts of a sample. */
#include "generate/generation.h"

#include <stdio.h>
#include <stdlib.h>

/* The most samples in the queue, and parts in samples, where finished ones wait for an earlier one.
 */
#define MAX_QUEUE ((size_t)16384)
/* The source tokens at which no more samples are read ahead. */
#define WINDOW_TOKENS ((size_t)1 << 19)
/* How long the first line of an idle stream waits for more lines. */
#define GRACE_MS 2

void cli_generate_warn_sampling(struct cli_generation *r, const char *ignored)
{
    if (!ignored || r->warned_sampling || r->opt->common.quiet)
        return;
    char name[64];
    (void)snprintf(name, sizeof(name), "%s", ignored);
    cli_spell_option(name);
    r->warned_sampling = true;
    cli_progress_clear(&r->progress);
    cli_warn("--%s does nothing without sampling: add --do-sample", name);
}

/* Resolves the sample's own options, if it has any. */
static int take_options(struct cli_generation *r, const struct cli_parsed *parsed,
                        struct cli_sample *sample, elcl_error *err)
{
    int rc = cli_generate_override(r->opt, parsed, &sample->given, err);
    if (rc || !sample->given)
        return rc;
    sample->own = malloc(sizeof(*sample->own));
    rc = sample->own ? cli_generate_resolve(sample->given, r->model, sample->own, err)
                     : elcl_fail_nomem(err);
    if (rc) {
        free(sample->own);
        sample->own = NULL;
        cli_generate_override_free(&sample->given);
    }
    if (!rc)
        cli_generate_warn_sampling(r, sample->own->ignored);
    return rc;
}

/* A sample that the run before has finished. */
static int take_done(struct cli_generation *r, struct cli_sample *sample,
                     const struct cli_done *done, elcl_error *err)
{
    cli_generate_count_end(r, sample);
    sample->state = done->lines ? CLI_SAMPLE_DONE : CLI_SAMPLE_WRITTEN;
    elcl_str_append(&sample->out, done->lines, done->n_lines);
    return sample->out.failed ? elcl_fail_nomem(err) : ELCL_OK;
}

/* Makes the source the only part of its sample. */
static int take_whole(struct cli_generation *r, struct cli_parsed *parsed,
                      struct cli_sample *sample, elcl_error *err)
{
    struct cli_source source = {0};
    int rc = cli_source_take(&r->rules, &parsed->source, &source, err);
    if (!rc)
        rc = take_options(r, parsed, sample, err);
    if (!rc)
        rc = cli_parts_begin(sample, cli_generate_options_of(r, sample)->gen.num_return_sequences,
                             0, err);
    struct cli_part *part = rc ? NULL : cli_generate_add_part(r, sample);
    sample->whole = true;
    if (!part) {
        free(source.ids);
        return rc ? rc : elcl_fail_nomem(err);
    }
    part->source = source;
    return cli_generate_take_part(r, part, err);
}

static int take_source(struct cli_generation *r, struct cli_parsed *parsed,
                       struct cli_sample *sample, elcl_error *err)
{
    if (!r->sentences || !parsed->source.text)
        return take_whole(r, parsed, sample, err);
    const int rc = take_options(r, parsed, sample, err);
    char *text = parsed->source.text;
    if (rc)
        return rc;
    parsed->source.text = NULL;
    return cli_generate_split(r, sample, text, parsed->source.n_text, err);
}

/* Makes a line the last sample of the queue, ready for submission or failed. The line has
 * n_bytes bytes of the input, its end included. Returns an error only if the generation cannot
 * continue. */
static int take_line(struct cli_generation *r, const char *line, size_t n, uint64_t n_bytes,
                     struct cli_sample **taken, elcl_error *err)
{
    struct cli_parsed parsed = {0};
    elcl_error bad = {0};
    struct cli_sample *sample = cli_queue_push(&r->queue);
    if (!sample)
        return elcl_fail_nomem(err);
    sample->index = r->first_sample + r->n_samples++;
    sample->line = r->input.n_lines;
    sample->n_bytes = n_bytes;
    *taken = sample;
    const struct cli_done *done = cli_done_take(&r->resume.made, r->n_samples - 1);
    if (done)
        return take_done(r, sample, done, err);
    int rc = cli_input_parse(&r->input, CLI_PARTS_SOURCE, line, n, &parsed, &bad);
    if (!rc)
        rc = take_source(r, &parsed, sample, &bad);
    sample->id = parsed.id;
    parsed.id = NULL;
    cli_parsed_finish(&parsed);
    if (rc == ELCL_E_NOMEM)
        return elcl_fail(err, rc, "%s", bad.msg);
    if (rc) {
        char place[256];
        cli_input_place(&r->input, sample->line, place, sizeof(place));
        cli_sample_fail(sample, place, bad.msg);
        cli_generate_free_parts(r, sample);
    }
    return ELCL_OK;
}

/* The rest of the input cannot be read: adds a failed sample, to be reported after the lines before
 * it. */
static int end_input(struct cli_generation *r, const elcl_error *why, elcl_error *err)
{
    r->input_done = true;
    struct cli_sample *sample = cli_queue_push(&r->queue);
    if (!sample)
        return elcl_fail_nomem(err);
    sample->index = r->first_sample + r->n_samples++;
    cli_sample_fail(sample, "", why->msg);
    sample->fatal = true;
    return cli_generate_note_end(r, sample, err);
}

/* Takes one line; *more is false when there is none for now, or for ever. */
static int read_line(struct cli_generation *r, int wait_ms, bool *more, elcl_error *err)
{
    const char *line = NULL;
    size_t n_line = 0;
    elcl_error bad = {0};
    struct cli_sample *sample = NULL;
    int rc = ELCL_OK;
    const uint64_t before = r->input.taken_bytes;
    const enum cli_next next = cli_input_next(&r->input, wait_ms, &line, &n_line, &bad);
    *more = next == CLI_NEXT_LINE;
    if (next == CLI_NEXT_END)
        r->input_done = true;
    else if (next == CLI_NEXT_FAILED)
        rc = end_input(r, &bad, err);
    else if (next == CLI_NEXT_LINE)
        rc = take_line(r, line, n_line, r->input.taken_bytes - before, &sample, err);
    if (rc || !sample || sample->state != CLI_SAMPLE_FAILED)
        return rc;
    r->input_done = r->input_done || !r->opt->keep_going;
    return cli_generate_note_end(r, sample, err);
}

static bool may_read(const struct cli_generation *r)
{
    return !r->input_done && r->window_tokens < WINDOW_TOKENS &&
           r->in_flight + r->n_window < 2 * r->most_in_flight &&
           r->queue.n < MAX_QUEUE + 4 * r->most_in_flight &&
           r->n_held < MAX_QUEUE + 4 * r->most_in_flight;
}

int cli_generate_read(struct cli_generation *r, elcl_error *err)
{
    const bool idle = !r->in_flight && !r->n_window;
    int wait_ms = idle ? -1 : 0, rc = ELCL_OK;
    bool more = true;
    while (!rc && more && may_read(r)) {
        rc = r->splitting ? cli_generate_read_piece(r, err) : read_line(r, wait_ms, &more, err);
        wait_ms = r->in_flight || r->input.interactive ? 0 : GRACE_MS;
    }
    return rc || !r->n_window ? rc : cli_generate_submit(r, err);
}
