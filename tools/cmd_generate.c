/* elcl generate: reads samples in a bounded window, keeps the engine's batch full, and writes
 * every sample's lines in input order as soon as they are ready. */
#include "generate_options.h"
#include "output.h"
#include "progress.h"
#include "summary.h"
#include "sys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The engine admits samples in the order of submission; inside a window the longest go first. */
#define WINDOW_SAMPLES ((size_t)4096)
#define WINDOW_TOKENS ((size_t)1 << 19)
/* Finished samples may wait for an earlier one, but not without bound. */
#define MAX_QUEUE (4 * WINDOW_SAMPLES)
/* How long the first line of an idle stream waits for company. */
#define GRACE_MS 2

struct run {
    const struct elcl_generate_options *opt;
    elcl_model *model;
    elcl_engine *engine;
    elcl_model_info info;
    elcl_gen_options gen;
    struct elcl_input input;
    struct elcl_sys_file output;
    struct elcl_progress progress;
    struct elcl_queue queue;
    struct elcl_sample **window; /* [WINDOW_SAMPLES] read and not yet submitted */
    size_t in_flight;            /* submitted and not finished */
    size_t refill;               /* reads on when so few are in flight */
    size_t max_source;
    bool input_done;
    bool shares_terminal; /* the bar and the results meet on one screen */
    uint64_t n_samples, n_written, n_failed;
    uint64_t n_cut, first_cut; /* sources made shorter, and the first one's line */
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
        rc = elcl_encode(r->model, source->text, source->n_text, &encoded, &n, err);
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

static int check_ids(const struct run *r, const struct elcl_sample *sample, elcl_error *err)
{
    if (!sample->n_ids)
        return elcl_tool_fail(err, ELCL_E_FORMAT, "the tokenizer made no token of it");
    for (size_t i = 0; i < sample->n_ids; i++) {
        int32_t id = sample->ids[i];
        if (id < 0 || id >= r->info.vocabulary)
            return elcl_tool_fail(err, ELCL_E_FORMAT, "expected token ids below %d, found %d",
                                  r->info.vocabulary, (int)id);
    }
    if (sample->n_ids > r->max_source && r->opt->long_source == ELCL_LONG_REFUSE)
        return elcl_tool_fail(err, ELCL_E_FORMAT,
                              "expected at most %zu source tokens, found %zu (--long-source "
                              "truncate cuts them)",
                              r->max_source, sample->n_ids);
    return ELCL_OK;
}

/* Keeps the last token: it is the end-of-sequence token that the encoder was trained with. Of a
 * prompt the end is kept, which is what the continuation follows. */
static void cut_source(struct run *r, struct elcl_sample *sample)
{
    if (sample->n_ids <= r->max_source)
        return;
    if (r->info.decoder_only)
        memmove(sample->ids, sample->ids + sample->n_ids - r->max_source,
                r->max_source * sizeof(*sample->ids));
    else
        sample->ids[r->max_source - 1] = sample->ids[sample->n_ids - 1];
    sample->n_ids = r->max_source;
    if (!r->n_cut++)
        r->first_cut = sample->line;
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

static int submit_window(struct run *r, size_t n, elcl_error *err)
{
    qsort(r->window, n, sizeof(struct elcl_sample *), longest_first);
    for (size_t i = 0; i < n; i++) {
        struct elcl_sample *sample = r->window[i];
        elcl_request request = {.source = sample->ids,
                                .n_source = sample->n_ids,
                                .options = r->gen,
                                .user = sample,
                                .sample = sample->index};
        int rc = elcl_engine_submit(r->engine, &request, NULL, err);
        if (rc)
            return rc;
        free(sample->ids);
        sample->ids = NULL;
        r->in_flight++;
    }
    return ELCL_OK;
}

/* Reads what is there, up to a window, and submits it. Waits for a line only when the engine has
 * nothing to do. */
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
                                r->opt->scores != 0, sample->index, result, &sample->out, &err);
    sample->state = ELCL_SAMPLE_DONE;
    if (rc == ELCL_E_NOMEM) {
        r->callback_error = err;
    } else if (rc) {
        elcl_bytes_finish(&sample->out);
        fail_sample(sample, place, err.msg);
    }
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
    elcl_format_failure((enum elcl_line_format)r->opt->format, sample->index,
                        r->gen.num_return_sequences, message, &lines);
    int rc =
        lines.failed ? elcl_tool_nomem(err) : elcl_sys_write(&r->output, lines.data, lines.n, err);
    elcl_bytes_finish(&lines);
    r->n_failed++;
    return rc;
}

/* Writes the finished samples at the head of the queue. */
static int write_ready(struct run *r, elcl_error *err)
{
    struct elcl_bytes lines = {0};
    struct elcl_sample *sample = elcl_queue_first(&r->queue);
    int rc = ELCL_OK;
    for (; sample && sample->state == ELCL_SAMPLE_DONE; sample = elcl_queue_first(&r->queue)) {
        elcl_bytes_append(&lines, sample->out.data, sample->out.n);
        r->input_bytes = sample->input_bytes;
        r->n_written++;
        elcl_queue_pop(&r->queue);
    }
    if (lines.n && r->shares_terminal)
        elcl_progress_clear(&r->progress);
    if (lines.failed)
        rc = elcl_tool_nomem(err);
    else if (lines.n)
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
            rc = elcl_engine_step(r->engine, &pending, err);
        }
        if (!rc && r->callback_error.code)
            rc = elcl_tool_fail(err, r->callback_error.code, "%s", r->callback_error.msg);
        if (!rc)
            rc = write_finished(r, err);
        show_progress(r);
        if (!r->in_flight && r->input_done)
            break;
    }
    return rc;
}

/* ---- start and end ------------------------------------------------------------------------- */

static void log_line(void *user, enum elcl_log_level level, const char *line)
{
    static const char *const kinds[] = {"warning", "info", "debug"};
    struct run *r = user;
    if (level == ELCL_LOG_WARNING ? r->opt->quiet : !r->opt->verbose)
        return;
    elcl_progress_clear(&r->progress);
    fprintf(stderr, "elcl: %s: %s\n", kinds[level], line);
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

static int open_model(struct run *r, elcl_error *err)
{
    const struct elcl_generate_options *o = r->opt;
    elcl_model_params params = elcl_model_params_default();
    params.device = o->device;
    params.attention = (enum elcl_attention)o->attention;
    params.gemm = (enum elcl_gemm)o->gemm;
    params.kernels = (enum elcl_kernels)o->kernels;
    params.weights = (enum elcl_storage)o->weights;
    params.state = (enum elcl_storage)o->state;
    params.memory_limit_bytes = o->memory_limit_bytes;
    params.no_cache = o->no_cache;
    params.log = log_line;
    params.log_user = r;
    int rc = elcl_model_open(o->model, &params, &r->model, err);
    if (!rc)
        elcl_model_get_info(r->model, &r->info);
    return rc;
}

/* The longest source. A prompt must leave room for what follows it. */
static int longest_source(const struct run *r)
{
    const int given = r->opt->max_source ? r->opt->max_source : r->info.max_source;
    if (!r->info.decoder_only)
        return given;
    int room = r->gen.max_new_tokens > 0 ? r->info.max_target - r->gen.max_new_tokens
                                         : r->gen.max_length - 1;
    room = room > 1 ? room : 1;
    return given < room ? given : room;
}

static int create_engine(struct run *r, int max_target, elcl_error *err)
{
    elcl_engine_params params = elcl_engine_params_default();
    elcl_engine_stats stats;
    params.batch_size = r->opt->batch_size;
    params.max_beams = r->gen.do_sample ? r->gen.num_return_sequences : r->gen.num_beams;
    params.max_source = r->opt->max_source;
    params.max_target = max_target;
    params.on_result = on_result;
    params.user = r;
    int rc = elcl_engine_create(r->model, &params, &r->engine, err);
    if (rc)
        return rc;
    elcl_engine_get_stats(r->engine, &stats);
    r->refill = stats.batch_size > 0 ? 2 * (size_t)stats.batch_size : 1;
    r->max_source = (size_t)longest_source(r);
    r->window = calloc(WINDOW_SAMPLES, sizeof(struct elcl_sample *));
    return r->window ? ELCL_OK : elcl_tool_nomem(err);
}

/* Everything up to the first step. */
static int start(struct run *r, elcl_error *err)
{
    int max_target = 0;
    int rc = open_streams(r, err);
    if (!rc)
        rc = open_model(r, err);
    if (!rc)
        rc = elcl_generate_resolve(r->opt, r->model, &r->gen, &max_target, err);
    if (!rc)
        rc = create_engine(r, max_target, err);
    return rc;
}

/* The whole output gets its name; part of one says where it stays. */
static int end_output(struct run *r, int rc, elcl_error *err)
{
    char *kept = NULL;
    bool interrupted = elcl_sys_interrupted() != 0;
    elcl_progress_clear(&r->progress);
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
                       (unsigned long long)r->n_cut, r->n_cut == 1 ? "" : "s", r->max_source,
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
    elcl_engine_destroy(&r->engine);
    elcl_model_close(&r->model);
    elcl_input_close(&r->input);
    elcl_queue_finish(&r->queue);
    free(r->window);
}

static int run_generate(const struct elcl_generate_options *options)
{
    struct run r = {.opt = options, .input = {.fd = -1}, .output = {.fd = -1}};
    elcl_error err = {0};
    double began = elcl_sys_seconds();
    int rc = start(&r, &err);
    double ready = elcl_sys_seconds();
    if (!rc) {
        r.shares_terminal = elcl_sys_is_terminal(r.output.fd);
        if (r.input.interactive && !options->quiet)
            fputs("elcl: reading samples from the terminal, one a line; Ctrl-D ends\n", stderr);
        elcl_progress_start(&r.progress, !options->quiet && !r.input.interactive);
        rc = generate(&r, &err);
    }
    rc = end_output(&r, rc, &err);
    int code = exit_code(&r, rc);
    if (!rc && !elcl_sys_interrupted() && !options->quiet) {
        struct elcl_summary summary = {.samples = r.n_written,
                                       .failed = r.n_failed,
                                       .start_seconds = ready - began,
                                       .generate_seconds = elcl_sys_seconds() - ready};
        elcl_engine_stats stats;
        elcl_engine_get_stats(r.engine, &stats);
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
