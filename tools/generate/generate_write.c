/* elcl generate: from an engine's result to written lines. */
#include "generate/generation.h"

/* Counts samples whose best output, of one part at least, ended at the length limit; one that the
 * user chose, and that the model has positions for, is reported only with --verbose. */
static void note_limit(struct cli_generation *r, struct cli_sample *sample,
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
    r->limited.n += !sample->limited;
    if (r->limited.n == 1 || sample->line < r->limited.first_line)
        r->limited.first_line = sample->line;
    sample->limited = true;
    const size_t tokens = best->n_ids + (o->gen.no_prompt ? result->n_source : 0);
    if (tokens > r->limited.tokens)
        r->limited.tokens = tokens;
}

void cli_generate_count_end(struct cli_generation *r, const struct cli_sample *sample)
{
    r->n_ended++;
    r->ended_bytes += sample->n_bytes - sample->n_counted;
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

void cli_generate_free_parts(struct cli_generation *r, struct cli_sample *sample)
{
    r->n_held -= sample->n_held;
    cli_parts_free(sample);
    cli_generate_override_free(&sample->given); /* nothing needs its lists any more */
}

/* Makes the lines of a sample whose parts have ended. */
static int end_sample(struct cli_generation *r, struct cli_sample *sample, elcl_error *err)
{
    const char *failure = cli_parts_failure(sample);
    const enum cli_format format = (enum cli_format)r->opt->common.format;
    char place[256];
    int rc = ELCL_OK;
    if (failure) {
        cli_input_place(&r->input, sample->line, place, sizeof(place));
        cli_sample_fail(sample, place, failure);
    } else {
        cli_parts_end(sample);
        rc = cli_format_sample(format, r->opt->scores != 0, r->info.has_tokenizer, sample, err);
        sample->state = CLI_SAMPLE_DONE;
    }
    cli_generate_free_parts(r, sample);
    return rc ? rc : cli_generate_note_end(r, sample, err);
}

/* Counts the pieces that are joined, for the progress bar. */
static void count_joined(struct cli_generation *r, struct cli_sample *sample)
{
    const uint64_t n = sample->n_joined < sample->n_bytes ? sample->n_joined : sample->n_bytes;
    r->ended_bytes += n - sample->n_counted;
    sample->n_counted = n;
}

int cli_generate_end_part(struct cli_generation *r, struct cli_sample *sample, elcl_error *err)
{
    const enum cli_format format = (enum cli_format)r->opt->common.format;
    const size_t n_held = sample->n_held;
    const int rc = cli_parts_join(sample, r->model, format, r->info.has_tokenizer, err);
    if (rc)
        return rc;
    r->n_held -= n_held - sample->n_held;
    count_joined(r, sample);
    if (cli_parts_failure(sample) && r->splitting == sample) {
        sample->whole = true;
        r->splitting = NULL;
    }
    return cli_parts_have_ended(sample) ? end_sample(r, sample, err) : ELCL_OK;
}

void cli_generate_on_result(void *user, const elcl_result *result)
{
    struct cli_generation *r = user;
    struct cli_part *part = result->user;
    elcl_error *err = &r->callback_error;
    r->in_flight--;
    if (result->error && result->error->code == ELCL_E_NOMEM) {
        *err = *result->error;
        return;
    }
    if (result->error)
        r->input_done = r->input_done || !r->opt->keep_going;
    else
        note_limit(r, part->sample, result);
    const int rc = result->error
                       ? cli_part_fail(part, result->error->msg, err)
                       : cli_part_end(part, result, (enum cli_alignments)r->opt->alignments, err);
    if (!rc)
        (void)cli_generate_end_part(r, part->sample, err);
}

void cli_generate_on_token(void *user, const elcl_token *token)
{
    struct cli_generation *r = user;
    struct cli_part *part = token->user;
    void *emitted = part->emitted;
    if (!elcl_grow(&emitted, &part->emitted_capacity, part->n_emitted + 1,
                   sizeof(*part->emitted))) {
        elcl_fail_nomem(&r->callback_error);
        return;
    }
    part->emitted = emitted;
    part->emitted[part->n_emitted++] = token->token;
}

int cli_generate_write_stream(struct cli_generation *r, elcl_error *err)
{
    struct elcl_str more = {0};
    struct cli_sample *sample = cli_queue_first(&r->queue);
    if (!r->opt->stream || !sample || sample->state != CLI_SAMPLE_WAITING)
        return ELCL_OK;
    int rc = cli_parts_join_stream(sample, r->model, err);
    if (!rc && sample->n_sequences)
        cli_format_stream(sample, &more);
    if (!rc && more.failed)
        rc = elcl_fail_nomem(err);
    if (!rc && more.n)
        rc = cli_output_write(&r->output, more.data, more.n, err);
    elcl_str_finish(&more);
    return rc;
}

int cli_generate_mark_incomplete(struct cli_generation *r, const struct cli_sample *sample,
                                 elcl_error *err)
{
    static const char mark[] = " [incomplete]\n";
    return sample && sample->n_streamed ? cli_output_write(&r->output, mark, sizeof(mark) - 1, err)
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
    if (sample->n_streamed)
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
static void put_lines(struct cli_generation *r, struct cli_sample *sample, struct elcl_str *lines)
{
    elcl_str_append(lines, sample->out.data + sample->n_streamed,
                    sample->out.n - sample->n_streamed);
    sample->state = CLI_SAMPLE_WRITTEN;
    r->n_written++;
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
        r->whole_bytes = r->output.bytes - (begun ? first->n_streamed : 0);
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
    if (sample->state == CLI_SAMPLE_FAILED)
        return end_failed(r, sample, lines, err);
    put_lines(r, sample, lines);
    return ELCL_OK;
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
