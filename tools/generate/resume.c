#include "generate/resume.h"

#include <stdio.h>
#include <string.h>

#include "base/os.h"
#include "common/sys.h"
#include "generate/generation.h"

/* Parts among which an earlier run's is looked for. */
#define MAX_KEPT 16

/* ---- before the model ------------------------------------------------------------------------ */

/* Sets *part to the part that an earlier run has left with its journal, or to NULL. */
static int find_kept(const char *path, char **part, elcl_error *err)
{
    *part = NULL;
    for (int n = 0; n < MAX_KEPT; n++) {
        char *name = cli_output_part(path, n);
        if (!name)
            return elcl_fail_nomem(err);
        if (elcl_is_file(name) && cli_journal_exists(name)) {
            *part = name;
            return ELCL_OK;
        }
        elcl_free(name);
    }
    return ELCL_OK;
}

/* There is a part with a journal: goes on with it, or refuses to lose it. */
static int take_kept(struct cli_generation *r, const char *path, const char *part, elcl_error *err)
{
    const int rc = cli_output_reopen(path, part, &r->output, err);
    if (rc)
        return rc;
    r->resume.resumed = true;
    if (r->opt->resume)
        return ELCL_OK;
    cli_output_abandon(&r->output, NULL);
    return elcl_fail(err, ELCL_E_IO,
                     "%s has the samples of an interrupted run: --resume goes on with it; remove "
                     "it to start over",
                     part);
}

int cli_resume_open(struct cli_generation *r, elcl_error *err)
{
    const char *path = r->opt->common.output ? r->opt->common.output : "-";
    char *kept = NULL;
    r->resume.journal.file.fd = -1;
    if (r->opt->resume && !cli_generate_has_files(r))
        return elcl_fail(err, ELCL_E_ARG, "--resume needs files as --input and --output");
    int rc = cli_output_has_part(path) ? find_kept(path, &kept, err) : ELCL_OK;
    if (!rc && kept)
        rc = take_kept(r, path, kept, err);
    else if (!rc && r->opt->resume && cli_sys_exists(path))
        r->resume.complete = true;
    else if (!rc && !cli_output_has_part(path))
        rc = cli_output_open(path, &r->output, err);
    elcl_free(kept);
    return rc;
}

/* ---- before the first sample ----------------------------------------------------------------- */

/* Refuses a file that the record beside it says is of another run. */
static int check_record(const struct cli_generation *r, const char *file,
                        const struct cli_run_record *found, elcl_error *err)
{
    const struct cli_run_record *own = &r->record;
    elcl_error why = {0};
    int rc = cli_run_record_compare(file, found, NULL, own, &why);
    if (!rc && (found->shard != own->shard || found->shards != own->shards ||
                found->first_sample != own->first_sample))
        rc = elcl_fail(&why, ELCL_E_ARG,
                       "%.150s is of another run: shard %llu of %llu from sample "
                       "%llu",
                       file, (unsigned long long)found->shard, (unsigned long long)found->shards,
                       (unsigned long long)found->first_sample);
    return rc ? elcl_fail(err, rc, "%.400s: remove it to start over", why.msg) : ELCL_OK;
}

/* There is an output and no part: it is the whole result, unless its record says that the run was
 * not complete. */
static int check_complete(struct cli_generation *r, elcl_error *err)
{
    const char *path = r->opt->common.output;
    struct cli_run_record found = {0};
    struct cli_digest digest;
    int rc = ELCL_OK;
    if (cli_run_record_exists(path)) {
        ELCL_TRY(cli_run_record_read(path, &found, err));
        r->resume.complete = found.complete;
        if (!found.complete)
            goto fail;
        ELCL_TRY(check_record(r, path, &found, err));
        ELCL_TRY(cli_digest_file(path, &digest, err));
        if (memcmp(&digest, &found.output, sizeof(digest)) != 0)
            ELCL_TRY(elcl_fail(err, ELCL_E_FORMAT,
                               "%.200s has changed since it was written: remove it to start over",
                               path));
    }
    if (!r->opt->common.quiet)
        fprintf(stderr, "elcl: %s is complete\n", path);
fail:
    cli_run_record_finish(&found);
    return rc;
}

/* The current state as the journal has it. */
static void put_state(const struct cli_generation *r, struct elcl_str *out)
{
    const struct cli_sample *first = cli_queue_first(&r->queue);
    const uint64_t whole = first ? first->index - r->first_sample : r->n_samples;
    cli_journal_written(out, whole, r->whole_bytes, r->n_failed);
    for (size_t i = 0; i < r->queue.n; i++) {
        const struct cli_sample *s = r->queue.items[r->queue.head + i];
        if (s->state == CLI_SAMPLE_WRITTEN)
            cli_journal_unordered(out, s->index - r->first_sample, r->whole_bytes, r->n_failed);
        else if (s->state == CLI_SAMPLE_DONE)
            cli_journal_ahead(out, s->index - r->first_sample, &s->out);
    }
}

static void put_done(const struct cli_progress_made *made, struct elcl_str *out)
{
    cli_journal_written(out, made->samples, made->bytes, made->failed);
    for (size_t i = 0; i < made->n_done; i++) {
        const struct cli_done *d = &made->done[i];
        const struct elcl_str lines = {.data = d->lines, .n = d->n_lines};
        if (d->lines)
            cli_journal_ahead(out, d->sample, &lines);
        else
            cli_journal_unordered(out, d->sample, made->bytes, made->failed);
    }
}

static int skip_samples(struct cli_generation *r, elcl_error *err)
{
    for (uint64_t i = 0; i < r->resume.made.samples; i++) {
        const char *line;
        size_t n;
        elcl_error why = {0};
        const enum cli_next next = cli_input_next(&r->input, -1, &line, &n, &why);
        if (next != CLI_NEXT_LINE)
            return next == CLI_NEXT_FAILED
                       ? elcl_fail(err, ELCL_E_IO, "%s", why.msg)
                       : elcl_fail(err, ELCL_E_FORMAT,
                                   "%s: more samples than the input has: remove it to start over",
                                   r->resume.part);
    }
    return ELCL_OK;
}

/* Goes on after the samples that the part has. */
static int continue_part(struct cli_generation *r, elcl_error *err)
{
    struct cli_progress_made *made = &r->resume.made;
    int rc;
    ELCL_TRY(cli_journal_read(r->resume.part, r->output.bytes, made, err));
    ELCL_TRY(check_record(r, r->resume.part, &made->record, err));
    ELCL_TRY(cli_output_cut(&r->output, made->bytes, err));
    ELCL_TRY(skip_samples(r, err));
    r->n_samples = made->samples;
    r->n_failed = made->failed;
    r->n_written = made->samples + (r->opt->unordered ? made->n_done : 0);
    r->n_resumed = made->samples + made->n_done;
    r->whole_samples = r->noted_samples = r->n_written;
    r->whole_bytes = made->bytes;
    r->n_ended = made->samples;
    r->ended_bytes = r->input.taken_bytes;
    if (!r->opt->common.quiet)
        fprintf(stderr, "elcl: %s has %llu samples of %llu: going on after them\n", r->resume.part,
                (unsigned long long)(made->samples + made->n_done),
                (unsigned long long)r->record.samples);
fail:
    return rc;
}

/* What has the name of the journal must be one, of a part that is no more. */
static int check_name(const char *part, elcl_error *err)
{
    struct cli_progress_made old = {0};
    const int rc = cli_journal_exists(part) ? cli_journal_read(part, 0, &old, err) : ELCL_OK;
    cli_progress_made_finish(&old);
    return rc;
}

int cli_resume_begin(struct cli_generation *r, elcl_error *err)
{
    struct cli_resume *resume = &r->resume;
    struct elcl_str entries = {0};
    int rc = ELCL_OK;
    if (resume->complete)
        ELCL_TRY(check_complete(r, err));
    if (resume->complete)
        return rc;
    if (r->output.fd < 0)
        ELCL_TRY(cli_output_open(r->opt->common.output, &r->output, err));
    if (!r->record.of)
        return rc;
    resume->part = elcl_strdup(r->output.part);
    if (!resume->part)
        ELCL_TRY(elcl_fail_nomem(err));
    ELCL_TRY(resume->resumed ? continue_part(r, err) : check_name(resume->part, err));
    put_done(&resume->made, &entries);
    ELCL_TRY(cli_journal_begin(&resume->journal, resume->part, &r->record, &entries, err));
    resume->begun = true;
fail:
    elcl_str_finish(&entries);
    return rc;
}

/* ---- during the run -------------------------------------------------------------------------- */

int cli_resume_note(struct cli_generation *r, elcl_error *err)
{
    struct cli_journal *journal = &r->resume.journal;
    struct elcl_str entries = {0};
    if (journal->file.fd < 0 || r->whole_samples != r->n_written)
        return ELCL_OK; /* without a journal, or a write has failed */
    if (cli_journal_is_long(journal)) {
        put_state(r, &entries);
        r->noted_samples = r->n_written;
        const int rc = cli_journal_begin(journal, r->resume.part, &r->record, &entries, err);
        elcl_str_finish(&entries);
        return rc;
    }
    for (size_t i = 0; i < r->n_fresh; i++) {
        const struct cli_sample *s = cli_queue_at(&r->queue, r->fresh[i]);
        if (s && s->state == CLI_SAMPLE_DONE)
            cli_journal_ahead(&entries, s->index - r->first_sample, &s->out);
        else if (r->opt->unordered && (!s || s->state == CLI_SAMPLE_WRITTEN))
            cli_journal_unordered(&entries, r->fresh[i] - r->first_sample, r->whole_bytes,
                                  r->n_failed);
    }
    if (!r->opt->unordered && r->n_written != r->noted_samples)
        cli_journal_written(&entries, r->n_written, r->whole_bytes, r->n_failed);
    r->noted_samples = r->n_written;
    r->output.keep = r->output.keep || entries.n;
    const int rc = entries.n ? cli_journal_append(journal, &entries, err) : ELCL_OK;
    elcl_str_finish(&entries);
    return rc;
}

/* ---- the end --------------------------------------------------------------------------------- */

void cli_resume_end(struct cli_generation *r, bool kept)
{
    struct cli_resume *resume = &r->resume;
    cli_journal_close(&resume->journal);
    if (resume->begun && !kept)
        cli_journal_remove(resume->part);
    cli_progress_made_finish(&resume->made);
    elcl_free(resume->part);
    resume->part = NULL;
}
