/* elcl generate: from an engine's result to written lines. */
#include "generate/generation.h"

/* Counts samples whose best output ended at the length limit; one that the user chose, and that the
 * model has positions for, is reported only with --verbose. */
static void note_limit(struct cli_generation *r, const struct cli_sample *sample,
                       const elcl_result *result)
{
    const struct cli_resolved *o = cli_generate_options_of(r, sample);
    const elcl_hypothesis *best = result->hypotheses;
    const bool chosen = o->own_limit && !sample->max_new_tokens;
    if (!result->n_hypotheses || (chosen && !r->opt->common.verbose))
        return;
    const bool forced = !r->info.decoder_only && o->gen.forced_eos_token_id >= 0 &&
                        best->n_ids >= (size_t)o->max_target;
    if (best->finish != ELCL_FINISH_LENGTH && !forced)
        return;
    if (!r->limited.n++ || sample->line < r->limited.first_line)
        r->limited.first_line = sample->line;
    const size_t tokens = best->n_ids + (o->gen.no_prompt ? result->n_source : 0);
    if (tokens > r->limited.tokens)
        r->limited.tokens = tokens;
}

void cli_generate_count_end(struct cli_generation *r, const struct cli_sample *sample)
{
    r->n_ended++;
    r->ended_bytes += sample->n_bytes;
}

int cli_generate_note_end(struct cli_generation *r, const struct cli_sample *sample,
                          elcl_error *err)
{
    void *fresh = r->fresh;
    if (!elcl_grow(&fresh, &r->fresh_capacity, r->n_fresh + 1, sizeof(*r->fresh)))
        return elcl_fail_nomem(err);
    r->fresh = fresh;
    r->fresh[r->n_fresh++] = sample->index;
    cli_generate_count_end(r, sample);
    return ELCL_OK;
}

void cli_generate_on_result(void *user, const elcl_result *result)
{
    struct cli_generation *r = user;
    struct cli_sample *sample = result->user;
    char place[256];
    r->in_flight--;
    cli_input_place(&r->input, sample->line, place, sizeof(place));
    if (result->error && result->error->code == ELCL_E_NOMEM) {
        r->callback_error = *result->error;
        return;
    }
    if (cli_generate_note_end(r, sample, &r->callback_error))
        return;
    if (result->error) {
        cli_sample_fail(sample, place, result->error->msg);
        r->input_done = r->input_done || !r->opt->keep_going;
        return;
    }
    note_limit(r, sample, result);
    elcl_error err = {0};
    int rc = cli_format_result(r->model, (enum cli_format)r->opt->common.format,
                               r->opt->scores != 0, result, sample, &err);
    sample->state = CLI_SAMPLE_DONE;
    if (rc == ELCL_E_NOMEM) {
        r->callback_error = err;
    } else if (rc) {
        elcl_str_finish(&sample->out);
        cli_sample_fail(sample, place, err.msg);
    }
}

void cli_generate_on_token(void *user, const elcl_token *token)
{
    struct cli_generation *r = user;
    struct cli_sample *sample = token->user;
    void *emitted = sample->emitted;
    if (!elcl_grow(&emitted, &sample->emitted_capacity, sample->n_emitted + 1,
                   sizeof(*sample->emitted))) {
        elcl_fail_nomem(&r->callback_error);
        return;
    }
    sample->emitted = emitted;
    sample->emitted[sample->n_emitted++] = token->token;
}

int cli_generate_write_stream(struct cli_generation *r, elcl_error *err)
{
    struct elcl_str more = {0};
    struct cli_sample *sample = cli_queue_first(&r->queue);
    int rc = ELCL_OK;
    if (!r->opt->stream || !sample || sample->state != CLI_SAMPLE_WAITING || !sample->n_emitted)
        return rc;
    rc = cli_format_stream(r->model, sample, &more, err);
    if (!rc && more.n)
        rc = cli_output_write(&r->output, more.data, more.n, err);
    elcl_str_finish(&more);
    return rc;
}

int cli_generate_mark_incomplete(struct cli_generation *r, const struct cli_sample *sample,
                                 elcl_error *err)
{
    static const char mark[] = " [incomplete]\n";
    return sample && sample->streamed.n ? cli_output_write(&r->output, mark, sizeof(mark) - 1, err)
                                        : ELCL_OK;
}

/* Reports a failed sample and writes lines in its place, or ends the generation. */
static int write_failure(struct cli_generation *r, const struct cli_sample *sample, elcl_error *err)
{
    const char *message = sample->out.data;
    if (sample->out.failed)
        return elcl_fail_nomem(err); /* not the sample's fault */
    if (sample->fatal || !r->opt->keep_going)
        return elcl_fail(err, ELCL_E_FORMAT, "%s", message);
    struct elcl_str lines = {0};
    cli_progress_clear(&r->progress);
    cli_error(CLI_EXIT_FAILURE, "%s", message);
    r->n_failed++;
    if (sample->streamed.n)
        return cli_generate_mark_incomplete(r, sample, err);
    cli_format_failure((enum cli_format)r->opt->common.format, sample,
                       cli_generate_options_of(r, sample)->gen.num_return_sequences, message,
                       &lines);
    int rc = lines.failed ? elcl_fail_nomem(err)
                          : cli_output_write(&r->output, lines.data, lines.n, err);
    elcl_str_finish(&lines);
    return rc;
}

/* Appends the lines of a finished sample that are not streamed already. */
static int put_lines(struct cli_generation *r, struct cli_sample *sample, struct elcl_str *lines,
                     elcl_error *err)
{
    const size_t from = cli_streamed_bytes(sample);
    if (from == SIZE_MAX)
        return elcl_fail(err, ELCL_E_INTERNAL,
                         "sample %llu: its text differs from the part that was streamed",
                         (unsigned long long)sample->index);
    elcl_str_append(lines, sample->out.data + from, sample->out.n - from);
    sample->state = CLI_SAMPLE_WRITTEN;
    r->n_written++;
    return ELCL_OK;
}

/* Writes the lines and empties them. */
static int write_lines(struct cli_generation *r, struct elcl_str *lines, elcl_error *err)
{
    int rc = lines->failed ? elcl_fail_nomem(err) : ELCL_OK;
    if (lines->n && r->shares_terminal)
        cli_progress_clear(&r->progress);
    if (!rc && lines->n)
        rc = cli_output_write(&r->output, lines->data, lines->n, err);
    lines->n = 0;
    if (!rc) {
        const struct cli_sample *first = cli_queue_first(&r->queue);
        const bool begun = first && first->state != CLI_SAMPLE_WRITTEN;
        r->whole_samples = r->n_written;
        r->whole_bytes = r->output.bytes - (begun ? first->streamed.n : 0);
    }
    return rc;
}

/* Writes the failed sample after the lines before it. */
static int end_failed(struct cli_generation *r, struct cli_sample *sample, struct elcl_str *lines,
                      elcl_error *err)
{
    int rc = write_lines(r, lines, err);
    if (!rc)
        rc = write_failure(r, sample, err);
    if (rc)
        return rc;
    sample->state = CLI_SAMPLE_WRITTEN;
    r->n_written++;
    return rc;
}

static int put_sample(struct cli_generation *r, struct cli_sample *sample, struct elcl_str *lines,
                      elcl_error *err)
{
    return sample->state == CLI_SAMPLE_FAILED ? end_failed(r, sample, lines, err)
                                              : put_lines(r, sample, lines, err);
}

/* Whether the sample has ended and its lines are still to be written. */
static bool is_ready(const struct cli_sample *sample)
{
    return sample->state == CLI_SAMPLE_DONE || sample->state == CLI_SAMPLE_FAILED;
}

int cli_generate_write_finished(struct cli_generation *r, elcl_error *err)
{
    struct elcl_str lines = {0};
    struct cli_sample *sample;
    int rc = ELCL_OK;
    for (size_t i = 0; !rc && r->opt->unordered && i < r->n_fresh; i++) {
        sample = cli_queue_at(&r->queue, r->fresh[i]);
        if (sample && is_ready(sample))
            rc = put_sample(r, sample, &lines, err);
    }
    while (!rc && (sample = cli_queue_first(&r->queue)) && sample->state != CLI_SAMPLE_WAITING) {
        if (is_ready(sample))
            rc = put_sample(r, sample, &lines, err);
        if (!rc)
            cli_queue_pop(&r->queue);
    }
    if (!rc)
        rc = write_lines(r, &lines, err);
    elcl_str_finish(&lines);
    elcl_error late = {0}; /* the first cause counts */
    const int noted = cli_resume_note(r, &late);
    r->n_fresh = 0;
    return rc || !noted ? rc : elcl_fail(err, noted, "%s", late.msg);
}
