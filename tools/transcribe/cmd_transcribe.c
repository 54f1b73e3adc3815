/* elcl transcribe: reads sounds while others are decoded, and writes each transcript when it is
 * finished. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/output.h"
#include "common/progress.h"
#include "common/summary.h"
#include "common/sys.h"
#include "transcribe/transcribe_files.h"

#define MAX_OPEN 8 /* sounds in work; an hour of one takes 115 MB or more */

struct transcription {
    struct cli_transcribe_options *opt;
    elcl_model *model;
    elcl_model_info info;
    elcl_transcriber *transcriber;
    struct cli_transcribe_file *files; /* [n_files] */
    int n_files, next, n_open;
    int n_done, n_failed;
    double seconds;        /* of all sounds that are done */
    struct cli_output out; /* standard output */
    struct cli_progress progress;
    int rc; /* of a callback: ends the run */
    elcl_error err;
};

/* ---- results --------------------------------------------------------------------------------- */

/* A transcript as text on standard output appears while it grows. */
static bool streams(const struct transcription *t, const struct cli_transcribe_file *file)
{
    return t->opt->formats.values[0] == CLI_TRANSCRIPT_TXT && !file->paths[CLI_TRANSCRIPT_TXT];
}

static int print(struct transcription *t, const struct elcl_str *text, elcl_error *err)
{
    if (text->failed)
        return elcl_fail_nomem(err);
    cli_progress_clear(&t->progress);
    return cli_output_write(&t->out, text->data, text->n, err);
}

static void on_segment(void *user, const elcl_transcript *transcript, const elcl_segment *segment)
{
    struct transcription *t = user;
    struct elcl_str line = {0};
    if (t->rc || !streams(t, transcript->user))
        return;
    cli_transcript_line(segment, &line);
    t->rc = print(t, &line, &t->err);
    elcl_str_finish(&line);
}

static void show_progress(struct transcription *t)
{
    double seconds = t->seconds, share = 0;
    for (int i = 0; i < t->next; i++) {
        const struct cli_transcribe_file *f = &t->files[i];
        seconds += f->ended ? 0 : f->done;
        share += f->ended ? 1 : f->seconds > 0 ? f->done / f->seconds : 0;
    }
    cli_progress_update(&t->progress, (uint64_t)seconds, share / t->n_files);
}

static void on_progress(void *user, const elcl_transcript *transcript)
{
    struct cli_transcribe_file *file = transcript->user;
    file->done = transcript->done;
    show_progress(user);
}

static int write_transcript(struct transcription *t, const struct cli_transcribe_file *file,
                            const elcl_transcript *transcript, elcl_error *err)
{
    const struct cli_opt_list *formats = &t->opt->formats;
    int rc = ELCL_OK;
    for (int i = 0; !rc && i < formats->n; i++) {
        const enum cli_transcript_format format = (enum cli_transcript_format)formats->values[i];
        struct elcl_str text = {0};
        if (streams(t, file))
            continue;
        cli_transcript_write(format, transcript, &t->opt->subtitles, &text);
        rc = file->paths[format] ? cli_output_save(file->paths[format], &text, err)
                                 : print(t, &text, err);
        elcl_str_finish(&text);
    }
    return rc;
}

static void on_file(void *user, const elcl_transcript *transcript)
{
    struct transcription *t = user;
    struct cli_transcribe_file *file = transcript->user;
    t->n_open--;
    file->ended = true;
    if (t->rc)
        return;
    if (transcript->error) {
        cli_progress_clear(&t->progress);
        cli_error(CLI_EXIT_FAILURE, "%s: %s", file->title, transcript->error->msg);
        t->n_failed++;
        return;
    }
    if (t->opt->common.verbose && transcript->language) {
        cli_progress_clear(&t->progress);
        fprintf(stderr, "elcl: info: %s: %.2f s, language %s (probability %.2f)\n", file->title,
                transcript->duration, transcript->language,
                (double)transcript->language_probability);
    }
    t->rc = write_transcript(t, file, transcript, &t->err);
    t->n_done++;
    t->seconds += transcript->duration;
    show_progress(t);
}

/* ---- the run --------------------------------------------------------------------------------- */

/* Reads the next sound and adds it. A sound that cannot be read is reported and left out. */
static int open_next(struct transcription *t, elcl_error *err)
{
    struct cli_transcribe_file *file = &t->files[t->next++];
    elcl_sound *sound = NULL;
    elcl_sound_info info;
    elcl_error bad = {0};
    int rc = cli_transcribe_read(t->opt, file, &sound, &bad);
    if (rc == ELCL_E_INTERRUPTED || rc == ELCL_E_NOMEM)
        return elcl_fail(err, rc, "%s", bad.msg);
    if (rc) {
        cli_progress_clear(&t->progress);
        elcl_error spelled = {0};
        (void)cli_args_fail_spelled(&t->opt->args, &bad, &spelled);
        cli_error(CLI_EXIT_FAILURE, "%s", spelled.msg);
        file->ended = true;
        t->n_failed++;
        return ELCL_OK;
    }
    elcl_sound_get_info(sound, &info);
    file->seconds = info.seconds;
    if (info.partial) {
        cli_progress_clear(&t->progress);
        cli_warn("%s", info.partial);
    }
    t->n_open++;
    rc = elcl_transcriber_add(t->transcriber, sound, &t->opt->decode, file, NULL, &bad);
    elcl_sound_destroy(&sound);
    return rc ? cli_args_fail_spelled(&t->opt->args, &bad, err) : ELCL_OK;
}

static int transcribe_all(struct transcription *t, elcl_error *err)
{
    const int most =
        t->opt->batch_size && t->opt->batch_size < MAX_OPEN ? t->opt->batch_size : MAX_OPEN;
    int rc = ELCL_OK;
    while (!rc && !cli_sys_interrupted()) {
        const bool more = t->next < t->n_files;
        if (!more && !t->n_open)
            break;
        if (more && t->n_open < most) /* one before each step, so that the first starts soon */
            rc = open_next(t, err);
        if (rc || !t->n_open || cli_sys_interrupted())
            continue;
        rc = elcl_transcriber_step(t->transcriber, NULL, err);
        if (!rc && t->rc)
            rc = elcl_fail(err, t->rc, "%s", t->err.msg);
    }
    cli_progress_clear(&t->progress);
    return rc;
}

static void log_line(void *user, enum elcl_log_level level, const char *line)
{
    struct transcription *t = user;
    if (!cli_logs(&t->opt->common, level))
        return;
    cli_progress_clear(&t->progress);
    cli_log(level, line);
}

static int start(struct transcription *t, elcl_error *err)
{
    struct cli_transcribe_options *o = t->opt;
    elcl_transcriber_params params = elcl_transcriber_params_default();
    int rc;
    ELCL_TRY(cli_transcribe_files_create(o, &t->files, &t->n_files, err));
    ELCL_TRY(cli_output_open("-", &t->out, err));
    cli_progress_start(&t->progress, !o->common.quiet && !streams(t, &t->files[0]));
    t->progress.unit = "s of sound";
    cli_progress_say(&t->progress, "opening the model");
    ELCL_TRY(cli_model_open(&o->model, o->args.words[0], log_line, t, &t->model, &t->info, err));
    params.batch_size = o->batch_size;
    params.max_beams =
        o->decode.num_beams > o->decode.best_of ? o->decode.num_beams : o->decode.best_of;
    params.on_segment = on_segment;
    params.on_progress = on_progress;
    params.on_file = on_file;
    params.user = t;
    ELCL_TRY(elcl_transcriber_create(&t->model, 1, &params, &t->transcriber, err));
fail:
    return rc;
}

static void print_summary(const struct transcription *t, double seconds)
{
    fprintf(stderr,
            "elcl: %d sound%s, %.1f s, in %.1f s: %.1f times as fast as speech, real-time factor "
            "%.3f\n",
            t->n_done, t->n_done == 1 ? "" : "s", t->seconds, seconds,
            seconds > 0 ? t->seconds / seconds : 0, t->seconds > 0 ? seconds / t->seconds : 0);
}

static void finish(struct transcription *t)
{
    elcl_transcriber_destroy(&t->transcriber);
    elcl_model_close(&t->model);
    cli_output_abandon(&t->out, NULL);
    cli_transcribe_files_destroy(t->files, t->n_files);
}

/* Reports how the run ended; returns the exit code. */
static int report(struct transcription *t, int rc, double seconds, elcl_error *err)
{
    cli_progress_clear(&t->progress);
    cli_args_name_option(&t->opt->args, err);
    if (cli_sys_interrupted()) {
        cli_error(CLI_EXIT_FAILURE, "interrupted after %d of %d sounds", t->n_done, t->n_files);
        return CLI_EXIT_SIGNAL + cli_sys_interrupted();
    }
    if (rc)
        return cli_error(rc == ELCL_E_ARG ? CLI_EXIT_USAGE : CLI_EXIT_FAILURE, "%s", err->msg);
    if (t->n_done && cli_summary_wanted(&t->opt->common, seconds))
        print_summary(t, seconds);
    return t->n_failed ? CLI_EXIT_FAILURE : CLI_EXIT_OK;
}

int cli_cmd_transcribe(int argc, char **argv)
{
    struct cli_transcribe_options options;
    int exit_code;
    if (!cli_transcribe_parse(&options, argc, argv, &exit_code))
        return exit_code;
    struct transcription t = {.opt = &options, .out = {.fd = -1}};
    elcl_error err = {0};
    int rc = start(&t, &err);
    const double began = cli_sys_seconds();
    cli_progress_begin(&t.progress, began, 0, 0);
    if (!rc)
        rc = transcribe_all(&t, &err);
    exit_code = report(&t, rc, cli_sys_seconds() - began, &err);
    finish(&t);
    return exit_code;
}
