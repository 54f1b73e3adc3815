/* elcl generate: reads samples in a bounded window, keeps the engines' batches full, and writes
 * every sample's lines in input order as soon as they are ready. */
#include "generate/generate_run.h"
#include "common/summary.h"

#include <stdio.h>
#include <stdlib.h>

/* Finished samples may wait for an earlier one, but not without bound. */
#define MAX_QUEUE (4 * CLI_WINDOW_SAMPLES)

static void show_progress(struct cli_generate_run *r)
{
    double fraction = -1;
    if (r->input.words)
        fraction = (double)r->n_written / (double)r->input.n_words;
    else if (r->input.total_bytes)
        fraction = (double)r->input_bytes / (double)r->input.total_bytes;
    cli_progress_update(&r->progress, r->n_written, fraction > 1 ? 1 : fraction);
}

static int generate(struct cli_generate_run *r, elcl_error *err)
{
    int rc = ELCL_OK;
    while (!rc && !cli_sys_interrupted()) {
        if (!r->input_done && r->in_flight <= r->refill && r->queue.n < MAX_QUEUE)
            rc = cli_generate_read(r, err);
        if (!rc && r->in_flight && !cli_sys_interrupted()) {
            size_t pending = 0;
            rc = elcl_pool_step(r->engines.pool, &pending, err);
        }
        if (!rc && r->callback_error.code)
            rc = elcl_fail(err, r->callback_error.code, "%s", r->callback_error.msg);
        if (!rc)
            rc = cli_generate_write_finished(r, err);
        if (!rc)
            rc = cli_generate_write_stream(r, err);
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
    struct cli_generate_run *r = user;
    if (!cli_run_logs(&r->opt->common, level))
        return;
    cli_progress_clear(&r->progress);
    cli_run_log(level, line);
}

static int open_streams(struct cli_generate_run *r, elcl_error *err)
{
    const struct cli_generate_options *o = r->opt;
    enum cli_line_format format = (enum cli_line_format)o->input_format;
    int rc = ELCL_OK;
    if (o->texts)
        cli_input_words(&r->input, o->texts, o->n_texts, format);
    else
        rc = cli_input_open(&r->input, o->input ? o->input : "-", format, err);
    if (!rc)
        rc = cli_sys_create(o->common.output ? o->common.output : "-", &r->output, err);
    return rc;
}

/* Everything up to the first step. */
static int start(struct cli_generate_run *r, elcl_error *err)
{
    int rc = open_streams(r, err);
    if (!rc)
        rc = cli_engines_open(&r->engines, &r->opt->run, r->opt->n_engines, r->opt->model, log_line,
                              r, &r->info, err);
    r->model = r->engines.models[0];
    if (!rc)
        rc = cli_generate_resolve(r->opt, r->model, &r->gen, &r->max_target, err);
    cli_generate_size_engines(r, &r->gen);
    if (!rc)
        rc = cli_generate_start_engines(r, err);
    r->window = calloc(CLI_WINDOW_SAMPLES, sizeof(struct cli_sample *));
    return rc || r->window ? rc : elcl_fail_nomem(err);
}

/* The whole output gets its name; part of one says where it stays. */
static int end_output(struct cli_generate_run *r, int rc, elcl_error *err)
{
    char *kept = NULL;
    bool interrupted = cli_sys_interrupted() != 0;
    cli_progress_clear(&r->progress);
    if (rc || interrupted) {
        elcl_error unwritten = {0}; /* the first cause counts */
        (void)cli_generate_mark_incomplete(r, cli_queue_first(&r->queue), &unwritten);
    }
    if (!rc && !interrupted)
        rc = cli_sys_commit(&r->output, err);
    if (!rc && !interrupted)
        rc = cli_generate_save_trace(r, err);
    cli_sys_abandon(&r->output, &kept);
    if (interrupted)
        cli_error(CLI_EXIT_FAILURE, "interrupted after %llu sample%s",
                  (unsigned long long)r->n_written, r->n_written == 1 ? "" : "s");
    else if (rc)
        cli_error(CLI_EXIT_FAILURE, "%s", err->msg);
    if (kept)
        cli_warn("the samples written so far are in %s", kept);
    if (r->n_cut)
        cli_warn("cut %llu source%s to %zu tokens, the first one on line %llu",
                 (unsigned long long)r->n_cut, r->n_cut == 1 ? "" : "s", r->cut_to,
                 (unsigned long long)r->first_cut);
    free(kept);
    return rc;
}

static int exit_code(const struct cli_generate_run *r, int rc)
{
    if (cli_sys_interrupted())
        return CLI_EXIT_SIGNAL + cli_sys_interrupted();
    if (rc == ELCL_E_ARG)
        return CLI_EXIT_USAGE;
    return rc || r->n_failed ? CLI_EXIT_FAILURE : CLI_EXIT_OK;
}

static void close_run(struct cli_generate_run *r)
{
    cli_engines_close(&r->engines);
    cli_input_close(&r->input);
    cli_queue_finish(&r->queue);
    free(r->window);
    elcl_str_finish(&r->trace);
    cli_option_lists_finish(&r->opt->lists);
}

static int run_generate(struct cli_generate_options *options)
{
    struct cli_generate_run r = {.opt = options, .input = {.fd = -1}, .output = {.fd = -1}};
    elcl_error err = {0};
    double began = cli_sys_seconds();
    int rc = start(&r, &err);
    double ready = cli_sys_seconds();
    if (!rc) {
        r.shares_terminal = cli_sys_is_terminal(r.output.fd);
        if (r.input.interactive && !options->common.quiet)
            fputs("elcl: reading samples from the terminal, one a line; Ctrl-D ends\n", stderr);
        cli_progress_start(&r.progress,
                           !options->common.quiet && !r.input.interactive && !options->stream);
        rc = generate(&r, &err);
    }
    rc = end_output(&r, rc, &err);
    int code = exit_code(&r, rc);
    if (!rc && !cli_sys_interrupted() && !options->common.quiet) {
        struct cli_summary summary = {.samples = r.n_written,
                                      .failed = r.n_failed,
                                      .start_seconds = ready - began,
                                      .generate_seconds = cli_sys_seconds() - ready};
        elcl_engine_stats stats;
        cli_generate_stats(&r, &stats);
        cli_summary_print(&summary, &r.info, &stats);
    }
    close_run(&r);
    return code;
}

int cli_cmd_generate(int argc, char **argv)
{
    struct cli_generate_options options;
    int exit_code;
    return cli_generate_parse(&options, argc, argv, &exit_code) ? run_generate(&options)
                                                                : exit_code;
}
