/* elcl generate: keeps the engines' batches full, and writes the lines of each sample in input
 * order as soon as they are ready. */
#include "generate/generation.h"
#include "common/summary.h"
#include "common/sys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* After a signal the samples in flight may end, for a moment. */
static bool must_stop(const struct cli_generation *r)
{
    return cli_sys_interrupted() &&
           (cli_sys_pipe_closed() || !r->in_flight || cli_sys_grace_seconds() <= 0);
}

static int run_steps(struct cli_generation *r, elcl_error *err)
{
    int rc = ELCL_OK;
    r->running = true;
    cli_sys_stop_in_time(true);
    while (!rc && !must_stop(r)) {
        if (!cli_sys_interrupted() && r->in_flight < r->most_in_flight)
            rc = cli_generate_read(r, err);
        if (!rc)
            rc = cli_generate_step(r, err);
        if (!r->in_flight && !r->n_window && r->input_done)
            break;
    }
    return rc;
}

/* ---- start and end ------------------------------------------------------------------------- */

/* Threads of the engines call it, too. */
static void log_line(void *user, enum elcl_log_level level, const char *line)
{
    struct cli_generation *r = user;
    if (!strncmp(line, "compiling kernels", strlen("compiling kernels")))
        cli_progress_say(&r->progress, "compiling kernels (once per device)");
    if (!cli_logs(&r->opt->common, level))
        return;
    cli_progress_clear(&r->progress);
    cli_log(level, line);
}

/* What holds for all sources. */
static int begin_rules(struct cli_generation *r, elcl_error *err)
{
    const struct cli_generate_options *o = r->opt;
    const bool refuse = o->long_source == CLI_LONG_REFUSE;
    size_t n_opening = 0;
    int rc = ELCL_OK;
    if (r->info.decoder_only && r->info.has_tokenizer)
        rc = elcl_encode(r->model, "", 0, &r->opening, &n_opening, err);
    r->rules =
        (struct cli_source_rules){.model = r->model,
                                  .info = r->info,
                                  .max_source = o->max_source,
                                  .opening = r->opening,
                                  .n_opening = n_opening,
                                  .refuse = refuse ? "--long-source truncate cuts them" : NULL,
                                  .src_lang = o->samples.src_lang,
                                  .tgt_lang = o->samples.tgt_lang};
    return rc;
}

/* Does everything up to the first step. */
static int start(struct cli_generation *r, elcl_error *err)
{
    const struct cli_generate_options *o = r->opt;
    int rc;
    ELCL_TRY(cli_generate_open_input(r, err));
    ELCL_TRY(cli_resume_open(r, err));
    cli_progress_start(&r->progress, !o->common.quiet && !r->input.interactive && !o->stream);
    ELCL_TRY(cli_engines_open(&r->engines, &o->model, o->n_engines, o->samples.model, log_line, r,
                              &r->info, err));
    r->model = r->engines.models[0];
    ELCL_TRY(cli_check_reads_text(&r->info, o->samples.model, err));
    ELCL_TRY(begin_rules(r, err));
    ELCL_TRY(cli_generate_resolve(r->opt, r->model, &r->resolved, err));
    r->max_target = r->resolved.max_target;
    cli_generate_warn_sampling(r, r->resolved.ignored);
    cli_generate_size_engines(r, &r->resolved.gen);
    ELCL_TRY(cli_generate_begin_split(r, err));
    ELCL_TRY(cli_generate_make_record(r, err));
    ELCL_TRY(cli_resume_begin(r, err));
    if (r->resume.complete)
        return ELCL_OK;
    ELCL_TRY(cli_generate_begin_record(r, err));
    ELCL_TRY(cli_generate_start_engines(r, err));
fail:
    return rc;
}

/* How to get longer outputs. */
static const char *length_advice(const struct cli_generation *r)
{
    if (r->limited.tokens + 1 >= (size_t)r->info.max_target)
        return "the model has no more positions";
    return r->resolved.gen.search_style == ELCL_STYLE_FAIRSEQ ? "--max-len-b raises it"
                                                              : "--max-new-tokens raises it";
}

/* Reports the sources and outputs that a limit has cut. */
static void warn_limits(const struct cli_generation *r)
{
    if (r->cut.n)
        cli_warn("cut %llu source%s to %zu tokens, the first one on line %llu",
                 (unsigned long long)r->cut.n, r->cut.n == 1 ? "" : "s", r->cut.tokens,
                 (unsigned long long)r->cut.first_line);
    if (r->limited.n && r->n_written == 1)
        cli_warn("the output stopped at the limit of %zu tokens: %s", r->limited.tokens,
                 length_advice(r));
    else if (r->limited.n)
        cli_warn("%llu of %llu outputs stopped at the limit of %zu tokens, the first one on line "
                 "%llu: %s",
                 (unsigned long long)r->limited.n, (unsigned long long)r->n_written,
                 r->limited.tokens, (unsigned long long)r->limited.first_line, length_advice(r));
}

/* Gives a whole output its name; reports a failure, and where the part of an output stays. */
static int end_output(struct cli_generation *r, int rc, elcl_error *err)
{
    char *kept = NULL;
    const bool interrupted = cli_sys_interrupted() != 0;
    cli_progress_clear(&r->progress);
    if (rc || interrupted) {
        elcl_error unwritten = {0}; /* the first cause counts */
        (void)cli_generate_mark_incomplete(r, cli_queue_first(&r->queue), &unwritten);
    }
    if (!rc && !interrupted)
        rc = cli_generate_end_output(r, err);
    if (!rc && !interrupted)
        rc = cli_generate_save_trace(r, err);
    cli_output_abandon(&r->output, &kept);
    if (rc || interrupted)
        cli_report_end(err, r->n_written, r->running ? kept : NULL, r->resume.part != NULL);
    else if (!r->opt->common.quiet)
        warn_limits(r);
    cli_resume_end(r, kept != NULL);
    free(kept);
    return rc;
}

static int exit_code(const struct cli_generation *r, int rc)
{
    if (cli_sys_interrupted())
        return CLI_EXIT_SIGNAL + cli_sys_interrupted();
    if (rc == ELCL_E_ARG)
        return CLI_EXIT_USAGE;
    return rc || r->n_failed ? CLI_EXIT_FAILURE : CLI_EXIT_OK;
}

static void finish(struct cli_generation *r)
{
    cli_engines_close(&r->engines);
    cli_input_close(&r->input);
    cli_queue_finish(&r->queue);
    cli_sentences_destroy(&r->sentences);
    free(r->counter.last.ids);
    free(r->window);
    free(r->fresh);
    elcl_free(r->opening);
    elcl_str_finish(&r->trace);
    cli_run_record_finish(&r->record);
    cli_option_lists_finish(&r->opt->lists);
}

static void print_summary(const struct cli_generation *r, double began, double ready)
{
    struct cli_summary summary = {.samples = r->n_written - r->n_resumed,
                                  .failed = r->n_failed,
                                  .start_seconds = ready - began,
                                  .generate_seconds = cli_sys_seconds() - ready};
    elcl_engine_stats stats;
    if (!cli_summary_wanted(&r->opt->common, summary.generate_seconds))
        return;
    cli_generate_stats(r, &stats);
    stats.seconds -= r->warmup_seconds;
    stats.compile_seconds += r->warmup_seconds;
    cli_summary_print(&summary, &r->info, &stats);
}

static int generate(struct cli_generate_options *options)
{
    struct cli_generation r = {.opt = options, .input = {.fd = -1}, .output = {.fd = -1}};
    elcl_error err = {0};
    const double began = cli_sys_seconds();
    int rc = start(&r, &err);
    const double ready = cli_sys_seconds();
    if (!rc && r.resume.complete) {
        finish(&r);
        return CLI_EXIT_OK;
    }
    if (!rc) {
        r.shares_terminal = cli_sys_is_terminal(r.output.fd);
        if (r.input.interactive && !options->common.quiet)
            fputs("elcl: reading samples from the terminal, one per line; Ctrl-D ends\n", stderr);
        rc = run_steps(&r, &err);
    }
    cli_args_name_option(&options->args, &err);
    rc = end_output(&r, rc, &err);
    const int code = exit_code(&r, rc);
    if (!rc && !cli_sys_interrupted()) {
        if (!options->common.quiet && !options->shard.index)
            cli_samples_warn(&options->samples, r.n_samples);
        print_summary(&r, began, r.work_began > 0 ? r.work_began : ready);
    }
    finish(&r);
    return code;
}

int cli_cmd_generate(int argc, char **argv)
{
    struct cli_generate_options options;
    int exit_code;
    return cli_generate_parse(&options, argc, argv, &exit_code) ? generate(&options) : exit_code;
}
