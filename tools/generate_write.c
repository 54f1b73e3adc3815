/* elcl generate, from an engine's result to written lines. */
#include "generate_run.h"

void elcl_generate_on_result(void *user, const elcl_result *result)
{
    struct elcl_generate_run *r = user;
    struct elcl_sample *sample = result->user;
    char place[256];
    r->in_flight--;
    elcl_input_place(&r->input, sample->line, place, sizeof(place));
    if (result->error) {
        elcl_generate_fail_sample(sample, place, result->error->msg);
        r->input_done = r->input_done || !r->opt->keep_going;
        return;
    }
    elcl_error err = {0};
    int rc = elcl_format_result(r->model, (enum elcl_line_format)r->opt->format,
                                r->opt->scores != 0, result, sample, &err);
    sample->state = ELCL_SAMPLE_DONE;
    if (rc == ELCL_E_NOMEM) {
        r->callback_error = err;
    } else if (rc) {
        elcl_bytes_finish(&sample->out);
        elcl_generate_fail_sample(sample, place, err.msg);
    }
}

void elcl_generate_on_token(void *user, const elcl_token *token)
{
    struct elcl_generate_run *r = user;
    struct elcl_sample *sample = token->user;
    void *told = sample->told;
    if (!elcl_tool_grow(&told, &sample->told_capacity, sample->n_told + 1, sizeof(*sample->told))) {
        elcl_tool_nomem(&r->callback_error);
        return;
    }
    sample->told = told;
    sample->told[sample->n_told++] = token->token;
}

int elcl_generate_write_stream(struct elcl_generate_run *r, elcl_error *err)
{
    struct elcl_bytes more = {0};
    struct elcl_sample *sample = elcl_queue_first(&r->queue);
    int rc = ELCL_OK;
    if (!r->opt->stream || !sample || sample->state != ELCL_SAMPLE_WAITING || !sample->n_told)
        return rc;
    rc = elcl_format_stream(r->model, sample, &more, err);
    if (!rc && more.n)
        rc = elcl_sys_write(&r->output, more.data, more.n, err);
    elcl_bytes_finish(&more);
    return rc;
}

int elcl_generate_mark_incomplete(struct elcl_generate_run *r, const struct elcl_sample *sample,
                                  elcl_error *err)
{
    static const char mark[] = " [incomplete]\n";
    return sample && sample->streamed.n ? elcl_sys_write(&r->output, mark, sizeof(mark) - 1, err)
                                        : ELCL_OK;
}

/* Reports a failed sample and writes what stands for its lines, or ends the run. */
static int write_failure(struct elcl_generate_run *r, const struct elcl_sample *sample,
                         elcl_error *err)
{
    const char *message = sample->out.data ? sample->out.data : "out of memory";
    if (sample->fatal || !r->opt->keep_going)
        return elcl_tool_fail(err, ELCL_E_FORMAT, "%s", message);
    struct elcl_bytes lines = {0};
    elcl_progress_clear(&r->progress);
    elcl_tool_error(ELCL_EXIT_FAILURE, "%s", message);
    r->n_failed++;
    if (sample->streamed.n)
        return elcl_generate_mark_incomplete(r, sample, err);
    elcl_format_failure((enum elcl_line_format)r->opt->format, sample,
                        elcl_generate_options_of(r, sample)->num_return_sequences, message, &lines);
    int rc =
        lines.failed ? elcl_tool_nomem(err) : elcl_sys_write(&r->output, lines.data, lines.n, err);
    elcl_bytes_finish(&lines);
    return rc;
}

/* Writes the finished samples at the head of the queue. */
static int write_ready(struct elcl_generate_run *r, elcl_error *err)
{
    struct elcl_bytes lines = {0};
    struct elcl_sample *sample = elcl_queue_first(&r->queue);
    int rc = ELCL_OK;
    for (; sample && sample->state == ELCL_SAMPLE_DONE; sample = elcl_queue_first(&r->queue)) {
        const size_t from = elcl_streamed_bytes(sample);
        if (from == SIZE_MAX) {
            rc = elcl_tool_fail(err, ELCL_E_INTERNAL,
                                "sample %llu: its text is not what was streamed of it",
                                (unsigned long long)sample->index);
            break;
        }
        elcl_bytes_append(&lines, sample->out.data + from, sample->out.n - from);
        r->input_bytes = sample->input_bytes;
        r->n_written++;
        elcl_queue_pop(&r->queue);
    }
    if (lines.n && r->shares_terminal)
        elcl_progress_clear(&r->progress);
    if (!rc && lines.failed)
        rc = elcl_tool_nomem(err);
    else if (!rc && lines.n)
        rc = elcl_sys_write(&r->output, lines.data, lines.n, err);
    elcl_bytes_finish(&lines);
    return rc;
}

int elcl_generate_write_finished(struct elcl_generate_run *r, elcl_error *err)
{
    for (;;) {
        int rc = write_ready(r, err);
        struct elcl_sample *sample = elcl_queue_first(&r->queue);
        if (rc || !sample || sample->state != ELCL_SAMPLE_FAILED)
            return rc;
        rc = write_failure(r, sample, err);
        if (rc)
            return rc;
        r->n_written++;
        elcl_queue_pop(&r->queue);
    }
}
