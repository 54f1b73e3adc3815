/* elcl generate: reads samples in a bounded window, keeps the engines' batches full, and writes
 * every sample's lines in input order as soon as they are ready. */
#include "engines.h"
#include "generate_options.h"
#include "output.h"
#include "progress.h"
#include "summary.h"
#include "sys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Engines take samples in the order of submission; inside a window the longest go first. */
#define WINDOW_SAMPLES ((size_t)4096)
#define WINDOW_TOKENS ((size_t)1 << 19)
/* Finished samples may wait for an earlier one, but not without bound. */
#define MAX_QUEUE (4 * WINDOW_SAMPLES)
/* Tokens of lists for which an engine that is told nothing has room. */
#define USUAL_LISTS 256
/* How long the first line of an idle stream waits for company. */
#define GRACE_MS 2

struct run {
    struct elcl_generate_options *opt;
    struct elcl_engines engines;
    elcl_model *model; /* of the first engine */
    elcl_model_info info;
    elcl_gen_options gen;
    int max_beams, max_target; /* of the engines */
    int max_lists;             /* likewise; 0: the library's choice */
    elcl_engine_stats past;    /* of engines that a sample outgrew */
    struct elcl_input input;
    struct elcl_sys_file output;
    struct elcl_progress progress;
    struct elcl_queue queue;
    struct elcl_sample **window; /* [WINDOW_SAMPLES] read and not yet submitted */
    size_t in_flight;            /* submitted and not finished */
    size_t refill;               /* reads on when so few are in flight */
    bool input_done;
    bool shares_terminal; /* the bar and the results meet on one screen */
    uint64_t n_samples, n_written, n_failed;
    uint64_t n_cut, first_cut; /* sources made shorter, and the first one's line */
    size_t cut_to;             /* its tokens then */
    uint64_t input_bytes;      /* of the samples written */
    elcl_error callback_error; /* a failure inside on_result */
};

/* ---- from a line to a submitted sample ----------------------------------------------------- */

static void fail_sample(struct elcl_sample *sample, const char *place, const char *message)
{
    elcl_bytes_printf(&sample->out, "%s%s%s", place, *place ? ": " : "", message);
    sample->state = ELCL_SAMPLE_FAILED;
}

/* Gives the source's token ids to the sample; *ids is freed with free(). */
static int encode(struct run *r, const struct elcl_source *source, int32_t **ids, size_t *n_ids,
                  elcl_error *err)
{
    int32_t *encoded = NULL;
    size_t n = source->n_ids;
    int rc = ELCL_OK;
    if (source->text)
        rc = elcl_encode_lang(r->model, source->text, source->n_text, r->opt->src_lang,
                              r->opt->tgt_lang, &encoded, &n, err);
    if (rc)
        return rc;
    const int32_t *from = source->text ? encoded : source->ids;
    int32_t *copy = malloc((n ? n : 1) * sizeof(*copy));
    if (copy && n)
        memcpy(copy, from, n * sizeof(*copy));
    elcl_free(encoded);
    if (!copy)
        return elcl_tool_nomem(err);
    *ids = copy;
    *n_ids = n;
    return ELCL_OK;
}

static const elcl_gen_options *options_of(const struct run *r, const struct elcl_sample *sample)
{
    return sample->own ? sample->own : &r->gen;
}

/* The longest source. A prompt must leave room for what follows it. */
static size_t longest_source(const struct run *r, const struct elcl_sample *sample)
{
    const elcl_gen_options *gen = options_of(r, sample);
    const int given = r->opt->max_source ? r->opt->max_source : r->info.max_source;
    if (!r->info.decoder_only)
        return (size_t)given;
    int room =
        gen->max_new_tokens > 0 ? r->info.max_target - gen->max_new_tokens : gen->max_length - 1;
    room = room > 1 ? room : 1;
    return (size_t)(given < room ? given : room);
}

/* The options that the line itself has, over those of the command line. */
static int take_options(const struct run *r, const struct elcl_line *line,
                        struct elcl_sample *sample, elcl_error *err)
{
    int rc = elcl_generate_override(r->opt, line, &sample->given, err);
    if (rc || !sample->given)
        return rc;
    sample->own = malloc(sizeof(*sample->own));
    rc = sample->own
             ? elcl_generate_resolve(sample->given, r->model, sample->own, &sample->max_target, err)
             : elcl_tool_nomem(err);
    if (rc) {
        free(sample->own);
        sample->own = NULL;
        elcl_generate_override_free(&sample->given);
    }
    return rc;
}

static int check_ids(const struct run *r, const struct elcl_sample *sample, elcl_error *err)
{
    const size_t max_source = longest_source(r, sample);
    if (!sample->n_ids)
        return elcl_tool_fail(err, ELCL_E_FORMAT, "the tokenizer made no token of it");
    for (size_t i = 0; i < sample->n_ids; i++) {
        int32_t id = sample->ids[i];
        if (id < 0 || id >= r->info.source_vocabulary)
            return elcl_tool_fail(err, ELCL_E_FORMAT, "expected token ids below %d, found %d",
                                  r->info.source_vocabulary, (int)id);
    }
    if (sample->n_ids > max_source && r->opt->long_source == ELCL_LONG_REFUSE)
        return elcl_tool_fail(err, ELCL_E_FORMAT,
                              "expected at most %zu source tokens, found %zu (--long-source "
                              "truncate cuts them)",
                              max_source, sample->n_ids);
    return ELCL_OK;
}

/* Keeps the special tokens at the end, as the encoder was trained with them. Of a
 * prompt the end is kept, which is what the continuation follows. */
static void cut_source(struct run *r, struct elcl_sample *sample)
{
    const size_t most = longest_source(r, sample);
    if (sample->n_ids <= most)
        return;
    if (r->info.decoder_only)
        memmove(sample->ids, sample->ids + sample->n_ids - most, most * sizeof(*sample->ids));
    else
        for (size_t i = 1; i <= (size_t)r->info.source_end && i < most; i++)
            sample->ids[most - i] = sample->ids[sample->n_ids - i];
    sample->n_ids = most;
    if (!r->n_cut++) {
        r->first_cut = sample->line;
        r->cut_to = most;
    }
}

/* A line becomes the queue's last sample, ready for submission or failed. Fails itself only where
 * the run cannot go on. */
static int take_line(struct run *r, const char *line, size_t n, struct elcl_sample **taken,
                     elcl_error *err)
{
    struct elcl_line parsed = {0};
    elcl_error bad = {0};
    struct elcl_sample *sample = elcl_queue_push(&r->queue);
    if (!sample)
        return elcl_tool_nomem(err);
    sample->index = r->n_samples++;
    sample->line = r->input.n_lines;
    sample->input_bytes = r->input.taken_bytes;
    int rc = elcl_input_parse((enum elcl_line_format)r->opt->input_format, ELCL_LINE_SOURCE, line,
                              n, &parsed, &bad);
    if (!rc)
        rc = encode(r, &parsed.source, &sample->ids, &sample->n_ids, &bad);
    if (!rc)
        rc = take_options(r, &parsed, sample, &bad);
    sample->id = parsed.id;
    parsed.id = NULL;
    elcl_line_finish(&parsed);
    if (!rc)
        rc = check_ids(r, sample, &bad);
    if (rc == ELCL_E_NOMEM)
        return elcl_tool_fail(err, rc, "%s", bad.msg);
    if (rc) {
        char place[256];
        elcl_input_place(&r->input, sample->line, place, sizeof(place));
        fail_sample(sample, place, bad.msg);
    } else {
        cut_source(r, sample);
    }
    *taken = sample;
    return ELCL_OK;
}

/* An input that cannot be read on fails in its turn, after the lines before it. */
static int end_input(struct run *r, const elcl_error *why, elcl_error *err)
{
    r->input_done = true;
    struct elcl_sample *sample = elcl_queue_push(&r->queue);
    if (!sample)
        return elcl_tool_nomem(err);
    fail_sample(sample, "", why->msg);
    sample->fatal = true;
    return ELCL_OK;
}

static int longest_first(const void *a, const void *b)
{
    const struct elcl_sample *x = *(struct elcl_sample *const *)a;
    const struct elcl_sample *y = *(struct elcl_sample *const *)b;
    if (x->n_ids != y->n_ids)
        return x->n_ids > y->n_ids ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static int start_engines(struct run *r, elcl_error *err);

static int beams_of(const elcl_gen_options *gen)
{
    return gen->do_sample && gen->num_beams == 1 ? gen->num_return_sequences : gen->num_beams;
}

static void add_stats(elcl_engine_stats *sum, const elcl_engine_stats *more)
{
    sum->output_tokens += more->output_tokens;
    sum->seconds += more->seconds;
    sum->bytes_moved += more->bytes_moved;
    sum->flop += more->flop;
}

/* Engines with room for the sample, in the place of some that are too small and first finish what
 * they have. */
static int make_room(struct run *r, const struct elcl_sample *sample, elcl_error *err)
{
    const int beams = beams_of(options_of(r, sample));
    const int lists = elcl_option_lists_tokens(options_of(r, sample));
    if (!sample->own || (beams <= r->max_beams && sample->max_target <= r->max_target &&
                         lists <= (r->max_lists ? r->max_lists : USUAL_LISTS)))
        return ELCL_OK;
    elcl_engine_stats stats;
    int rc = elcl_pool_run(r->engines.pool, err);
    if (rc)
        return rc;
    elcl_engines_stats(&r->engines, &stats);
    add_stats(&r->past, &stats);
    elcl_pool_destroy(&r->engines.pool);
    r->max_beams = beams > r->max_beams ? beams : r->max_beams;
    r->max_target = sample->max_target > r->max_target ? sample->max_target : r->max_target;
    if (lists > (r->max_lists ? r->max_lists : USUAL_LISTS))
        r->max_lists = lists;
    return start_engines(r, err);
}

/* What is streamed of a decoder-only model begins with the prompt. */
static void keep_prompt(const struct run *r, struct elcl_sample *sample)
{
    if (r->opt->stream && r->info.decoder_only) {
        sample->told = sample->ids;
        sample->n_told = sample->told_capacity = sample->n_ids;
    } else {
        free(sample->ids);
    }
    sample->ids = NULL;
}

static int submit_sample(struct run *r, struct elcl_sample *sample, elcl_error *err)
{
    const elcl_request request = {.source = sample->ids,
                                  .n_source = sample->n_ids,
                                  .options = *options_of(r, sample),
                                  .user = sample,
                                  .sample = sample->index};
    elcl_error bad = {0};
    int rc = make_room(r, sample, err);
    if (rc)
        return rc;
    rc = elcl_pool_submit(r->engines.pool, &request, NULL, &bad);
    elcl_generate_override_free(&sample->given); /* the pool has a copy of the lists */
    if (rc && !(rc == ELCL_E_ARG && sample->own))
        return elcl_tool_fail(err, rc, "%s", bad.msg);
    if (rc) { /* the line's own options */
        char place[256];
        elcl_input_place(&r->input, sample->line, place, sizeof(place));
        fail_sample(sample, place, bad.msg);
        r->input_done = r->input_done || !r->opt->keep_going;
        return ELCL_OK;
    }
    keep_prompt(r, sample);
    r->in_flight++;
    return ELCL_OK;
}

static int submit_window(struct run *r, size_t n, elcl_error *err)
{
    int rc = ELCL_OK;
    qsort(r->window, n, sizeof(struct elcl_sample *), longest_first);
    for (size_t i = 0; !rc && i < n; i++)
        rc = submit_sample(r, r->window[i], err);
    return rc;
}

/* Reads what is there, up to a window, and submits it, before the step by which engines size their
 * batches. Waits for a line only when they have nothing to do. */
static int read_window(struct run *r, elcl_error *err)
{
    size_t n = 0, n_tokens = 0;
    int wait_ms = r->in_flight ? 0 : -1;
    while (!r->input_done && n < WINDOW_SAMPLES && n_tokens < WINDOW_TOKENS) {
        const char *line = NULL;
        size_t n_line = 0;
        elcl_error bad = {0};
        struct elcl_sample *sample = NULL;
        int rc = ELCL_OK;
        enum elcl_next next = elcl_input_next(&r->input, wait_ms, &line, &n_line, &bad);
        if (next == ELCL_NEXT_NOTHING)
            break;
        if (next == ELCL_NEXT_END)
            r->input_done = true;
        else if (next == ELCL_NEXT_FAILED)
            rc = end_input(r, &bad, err);
        else
            rc = take_line(r, line, n_line, &sample, err);
        if (rc)
            return rc;
        if (sample && sample->state == ELCL_SAMPLE_WAITING) {
            r->window[n++] = sample;
            n_tokens += sample->n_ids;
        } else if (sample && !r->opt->keep_going) {
            r->input_done = true;
        }
        wait_ms = r->in_flight || r->input.interactive ? 0 : GRACE_MS;
    }
    return submit_window(r, n, err);
}

/* ---- from a result to written lines -------------------------------------------------------- */

static void on_result(void *user, const elcl_result *result)
{
    struct run *r = user;
    struct elcl_sample *sample = result->user;
    char place[256];
    r->in_flight--;
    elcl_input_place(&r->input, sample->line, place, sizeof(place));
    if (result->error) {
        fail_sample(sample, place, result->error->msg);
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
        fail_sample(sample, place, err.msg);
    }
}

static void on_token(void *user, const elcl_token *token)
{
    struct run *r = user;
    struct elcl_sample *sample = token->user;
    void *told = sample->told;
    if (!elcl_tool_grow(&told, &sample->told_capacity, sample->n_told + 1, sizeof(*sample->told))) {
        elcl_tool_nomem(&r->callback_error);
        return;
    }
    sample->told = told;
    sample->told[sample->n_told++] = token->token;
}

/* Streaming: what the first sample that is not written has more. Those behind it wait. */
static int write_stream(struct run *r, elcl_error *err)
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

/* A line of which a part is written and nothing more will come says so. */
static int mark_incomplete(struct run *r, const struct elcl_sample *sample, elcl_error *err)
{
    static const char mark[] = " [incomplete]\n";
    return sample && sample->streamed.n ? elcl_sys_write(&r->output, mark, sizeof(mark) - 1, err)
                                        : ELCL_OK;
}

/* Reports a failed sample and writes what stands for its lines, or ends the run. */
static int write_failure(struct run *r, const struct elcl_sample *sample, elcl_error *err)
{
    const char *message = sample->out.data ? sample->out.data : "out of memory";
    if (sample->fatal || !r->opt->keep_going)
        return elcl_tool_fail(err, ELCL_E_FORMAT, "%s", message);
    struct elcl_bytes lines = {0};
    elcl_progress_clear(&r->progress);
    elcl_tool_error(ELCL_EXIT_FAILURE, "%s", message);
    r->n_failed++;
    if (sample->streamed.n)
        return mark_incomplete(r, sample, err);
    elcl_format_failure((enum elcl_line_format)r->opt->format, sample,
                        options_of(r, sample)->num_return_sequences, message, &lines);
    int rc =
        lines.failed ? elcl_tool_nomem(err) : elcl_sys_write(&r->output, lines.data, lines.n, err);
    elcl_bytes_finish(&lines);
    return rc;
}

/* Writes the finished samples at the head of the queue. */
static int write_ready(struct run *r, elcl_error *err)
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

static int write_finished(struct run *r, elcl_error *err)
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

static void show_progress(struct run *r)
{
    double fraction = -1;
    if (r->input.words)
        fraction = (double)r->n_written / (double)r->input.n_words;
    else if (r->input.total_bytes)
        fraction = (double)r->input_bytes / (double)r->input.total_bytes;
    elcl_progress_update(&r->progress, r->n_written, fraction > 1 ? 1 : fraction);
}

static int generate(struct run *r, elcl_error *err)
{
    int rc = ELCL_OK;
    while (!rc && !elcl_sys_interrupted()) {
        if (!r->input_done && r->in_flight <= r->refill && r->queue.n < MAX_QUEUE)
            rc = read_window(r, err);
        if (!rc && r->in_flight && !elcl_sys_interrupted()) {
            size_t pending = 0;
            rc = elcl_pool_step(r->engines.pool, &pending, err);
        }
        if (!rc && r->callback_error.code)
            rc = elcl_tool_fail(err, r->callback_error.code, "%s", r->callback_error.msg);
        if (!rc)
            rc = write_finished(r, err);
        if (!rc)
            rc = write_stream(r, err);
        show_progress(r);
        if (!r->in_flight && r->input_done)
            break;
    }
    return rc;
}

/* ---- start and end ------------------------------------------------------------------------- */

/* By an engine's thread too. */
static void log_line(void *user, enum elcl_log_level level, const char *line)
{
    struct run *r = user;
    if (!elcl_run_logs(&r->opt->run, level))
        return;
    elcl_progress_clear(&r->progress);
    elcl_run_log(level, line);
}

static int open_streams(struct run *r, elcl_error *err)
{
    const struct elcl_generate_options *o = r->opt;
    enum elcl_line_format format = (enum elcl_line_format)o->input_format;
    int rc = ELCL_OK;
    if (o->texts)
        elcl_input_words(&r->input, o->texts, o->n_texts, format);
    else
        rc = elcl_input_open(&r->input, o->input ? o->input : "-", format, err);
    if (!rc)
        rc = elcl_sys_create(o->output ? o->output : "-", &r->output, err);
    return rc;
}

static int start_engines(struct run *r, elcl_error *err)
{
    elcl_engine_params params = elcl_engine_params_default();
    elcl_engine_stats stats;
    params.batch_size = r->opt->batch_size;
    params.max_beams = r->max_beams;
    params.max_source = r->opt->max_source;
    params.max_target = r->max_target;
    params.max_list_tokens = r->max_lists;
    params.on_result = on_result;
    params.on_token = r->opt->stream ? on_token : NULL;
    params.user = r;
    int rc = elcl_engines_start(&r->engines, &params, err);
    if (rc)
        return rc;
    elcl_engines_stats(&r->engines, &stats);
    r->refill = stats.batch_size > 0 ? 2 * (size_t)stats.batch_size : 1;
    return ELCL_OK;
}

/* Everything up to the first step. */
static int start(struct run *r, elcl_error *err)
{
    int rc = open_streams(r, err);
    if (!rc)
        rc = elcl_engines_open(&r->engines, &r->opt->run, r->opt->lanes, r->opt->model, log_line, r,
                               &r->info, err);
    r->model = r->engines.models[0];
    if (!rc)
        rc = elcl_generate_resolve(r->opt, r->model, &r->gen, &r->max_target, err);
    r->max_beams = beams_of(&r->gen);
    r->max_lists = elcl_option_lists_tokens(&r->gen);
    if (!rc)
        rc = start_engines(r, err);
    r->window = calloc(WINDOW_SAMPLES, sizeof(struct elcl_sample *));
    return rc || r->window ? rc : elcl_tool_nomem(err);
}

/* The whole output gets its name; part of one says where it stays. */
static int end_output(struct run *r, int rc, elcl_error *err)
{
    char *kept = NULL;
    bool interrupted = elcl_sys_interrupted() != 0;
    elcl_progress_clear(&r->progress);
    if (rc || interrupted) {
        elcl_error unwritten = {0}; /* the first cause counts */
        (void)mark_incomplete(r, elcl_queue_first(&r->queue), &unwritten);
    }
    if (!rc && !interrupted)
        rc = elcl_sys_commit(&r->output, err);
    elcl_sys_abandon(&r->output, &kept);
    if (interrupted)
        elcl_tool_error(ELCL_EXIT_FAILURE, "interrupted after %llu sample%s",
                        (unsigned long long)r->n_written, r->n_written == 1 ? "" : "s");
    else if (rc)
        elcl_tool_error(ELCL_EXIT_FAILURE, "%s", err->msg);
    if (kept)
        elcl_tool_warn("the samples written so far are in %s", kept);
    if (r->n_cut)
        elcl_tool_warn("cut %llu source%s to %zu tokens, the first one on line %llu",
                       (unsigned long long)r->n_cut, r->n_cut == 1 ? "" : "s", r->cut_to,
                       (unsigned long long)r->first_cut);
    free(kept);
    return rc;
}

static int exit_code(const struct run *r, int rc)
{
    if (elcl_sys_interrupted())
        return ELCL_EXIT_SIGNAL + elcl_sys_interrupted();
    if (rc == ELCL_E_ARG)
        return ELCL_EXIT_USAGE;
    return rc || r->n_failed ? ELCL_EXIT_FAILURE : ELCL_EXIT_OK;
}

static void close_run(struct run *r)
{
    elcl_engines_close(&r->engines);
    elcl_input_close(&r->input);
    elcl_queue_finish(&r->queue);
    free(r->window);
    elcl_option_lists_finish(&r->opt->lists);
}

static int run_generate(struct elcl_generate_options *options)
{
    struct run r = {.opt = options, .input = {.fd = -1}, .output = {.fd = -1}};
    elcl_error err = {0};
    double began = elcl_sys_seconds();
    int rc = start(&r, &err);
    double ready = elcl_sys_seconds();
    if (!rc) {
        r.shares_terminal = elcl_sys_is_terminal(r.output.fd);
        if (r.input.interactive && !options->run.quiet)
            fputs("elcl: reading samples from the terminal, one a line; Ctrl-D ends\n", stderr);
        elcl_progress_start(&r.progress,
                            !options->run.quiet && !r.input.interactive && !options->stream);
        rc = generate(&r, &err);
    }
    rc = end_output(&r, rc, &err);
    int code = exit_code(&r, rc);
    if (!rc && !elcl_sys_interrupted() && !options->run.quiet) {
        struct elcl_summary summary = {.samples = r.n_written,
                                       .failed = r.n_failed,
                                       .start_seconds = ready - began,
                                       .generate_seconds = elcl_sys_seconds() - ready};
        elcl_engine_stats stats;
        elcl_engines_stats(&r.engines, &stats);
        add_stats(&stats, &r.past);
        elcl_summary_print(&summary, &r.info, &stats);
    }
    close_run(&r);
    return code;
}

int elcl_cmd_generate(int argc, char **argv)
{
    struct elcl_generate_options options;
    elcl_error err = {0};
    if (elcl_generate_parse(&options, argc, argv, &err))
        return elcl_tool_error(ELCL_EXIT_USAGE, "%s", err.msg);
    if (options.help) {
        elcl_generate_print_help();
        return ELCL_EXIT_OK;
    }
    return run_generate(&options);
}
