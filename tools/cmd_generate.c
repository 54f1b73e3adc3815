/* elcl generate: reads samples in a bounded window, keeps the engines' batches full, and writes
 * every sample's lines in input order as soon as they are ready. */
#include "generate_run.h"
#include "summary.h"

#include <stdio.h>
#include <stdlib.h>

/* Finished samples may wait for an earlier one, but not without bound. */
#define MAX_QUEUE (4 * ELCL_WINDOW_SAMPLES)

static void show_progress(struct elcl_generate_run *r)
{
    double fraction = -1;
    if (r->input.words)
        fraction = (double)r->n_written / (double)r->input.n_words;
    else if (r->input.total_bytes)
        fraction = (double)r->input_bytes / (double)r->input.total_bytes;
    elcl_progress_update(&r->progress, r->n_written, fraction > 1 ? 1 : fraction);
}

static int generate(struct elcl_generate_run *r, elcl_error *err)
{
    int rc = ELCL_OK;
    while (!rc && !elcl_sys_interrupted()) {
        if (!r->input_done && r->in_flight <= r->refill && r->queue.n < MAX_QUEUE)
            rc = elcl_generate_read(r, err);
        if (!rc && r->in_flight && !elcl_sys_interrupted()) {
            size_t pending = 0;
            rc = elcl_pool_step(r->engines.pool, &pending, err);
        }
        if (!rc && r->callback_error.code)
            rc = elcl_tool_fail(err, r->callback_error.code, "%s", r->callback_error.msg);
        if (!rc)
            rc = elcl_generate_write_finished(r, err);
        if (!rc)
            rc = elcl_generate_write_stream(r, err);
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
    struct elcl_generate_run *r = user;
    if (!elcl_run_logs(&r->opt->run, level))
        return;
    elcl_progress_clear(&r->progress);
    elcl_run_log(level, line);
}

static int open_streams(struct elcl_generate_run *r, elcl_error *err)
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

/* Everything up to the first step. */
static int start(struct elcl_generate_run *r, elcl_error *err)
{
    int rc = open_streams(r, err);
    if (!rc)
        rc = elcl_engines_open(&r->engines, &r->opt->run, r->opt->lanes, r->opt->model, log_line, r,
                               &r->info, err);
    r->model = r->engines.models[0];
    if (!rc)
        rc = elcl_generate_resolve(r->opt, r->model, &r->gen, &r->max_target, err);
    elcl_generate_size_engines(r, &r->gen);
    if (!rc)
        rc = elcl_generate_start_engines(r, err);
    r->window = calloc(ELCL_WINDOW_SAMPLES, sizeof(struct elcl_sample *));
    return rc || r->window ? rc : elcl_tool_nomem(err);
}

/* The whole output gets its name; part of one says where it stays. */
static int end_output(struct elcl_generate_run *r, int rc, elcl_error *err)
{
    char *kept = NULL;
    bool interrupted = elcl_sys_interrupted() != 0;
    elcl_progress_clear(&r->progress);
    if (rc || interrupted) {
        elcl_error unwritten = {0}; /* the first cause counts */
        (void)elcl_generate_mark_incomplete(r, elcl_queue_first(&r->queue), &unwritten);
    }
    if (!rc && !interrupted)
        rc = elcl_sys_commit(&r->output, err);
    if (!rc && !interrupted)
        rc = elcl_generate_save_profile(r, err);
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

static int exit_code(const struct elcl_generate_run *r, int rc)
{
    if (elcl_sys_interrupted())
        return ELCL_EXIT_SIGNAL + elcl_sys_interrupted();
    if (rc == ELCL_E_ARG)
        return ELCL_EXIT_USAGE;
    return rc || r->n_failed ? ELCL_EXIT_FAILURE : ELCL_EXIT_OK;
}

static void close_run(struct elcl_generate_run *r)
{
    elcl_engines_close(&r->engines);
    elcl_input_close(&r->input);
    elcl_queue_finish(&r->queue);
    free(r->window);
    elcl_bytes_finish(&r->trace);
    elcl_option_lists_finish(&r->opt->lists);
}

static int run_generate(struct elcl_generate_options *options)
{
    struct elcl_generate_run r = {.opt = options, .input = {.fd = -1}, .output = {.fd = -1}};
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
        elcl_generate_stats(&r, &stats);
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
