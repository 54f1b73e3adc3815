#include "generate/journal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "common/sys.h"

/* A journal is rewritten when it is this long and four times as long as it need be. */
#define LONG_BYTES ((uint64_t)1 << 20)

/* ---- writing --------------------------------------------------------------------------------- */

void cli_journal_written(struct elcl_str *out, uint64_t samples, uint64_t bytes, uint64_t failed)
{
    elcl_str_printf(out, "written %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", samples, bytes, failed);
}

/* Appends an entry of `text`, whose length its line has. */
static void put_text(struct elcl_str *out, const char *word, uint64_t number,
                     const struct elcl_str *text)
{
    elcl_str_printf(out, "%s %" PRIu64 " %zu 0\n", word, number, text->n);
    elcl_str_append(out, text->data, text->n);
    elcl_str_text(out, "\n");
}

void cli_journal_ahead(struct elcl_str *out, uint64_t sample, const struct elcl_str *lines)
{
    put_text(out, "ahead", sample, lines);
}

void cli_journal_unordered(struct elcl_str *out, uint64_t sample, uint64_t bytes, uint64_t failed)
{
    elcl_str_printf(out, "unordered %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", sample, bytes, failed);
}

int cli_journal_begin(struct cli_journal *journal, const char *part,
                      const struct cli_run_record *record, const struct elcl_str *entries,
                      elcl_error *err)
{
    char *path = cli_output_beside(part, CLI_JOURNAL_SUFFIX);
    struct elcl_str text = {0}, all = {0};
    cli_journal_close(journal);
    int rc = path ? cli_run_record_print(record, &text, err) : elcl_fail_nomem(err);
    if (rc)
        goto fail;
    put_text(&all, "record", 0, &text);
    elcl_str_append(&all, entries->data, entries->n);
    all.failed = all.failed || entries->failed;
    ELCL_TRY(cli_output_save_unsynced(path, &all, err));
    ELCL_TRY(cli_output_append(path, &journal->file, err));
    journal->least_bytes = journal->file.bytes;
fail:
    elcl_str_finish(&text);
    elcl_str_finish(&all);
    elcl_free(path);
    return rc;
}

int cli_journal_append(struct cli_journal *journal, const struct elcl_str *entries, elcl_error *err)
{
    return entries->failed ? elcl_fail_nomem(err)
                           : cli_output_write(&journal->file, entries->data, entries->n, err);
}

bool cli_journal_is_long(const struct cli_journal *journal)
{
    return journal->file.bytes > LONG_BYTES && journal->file.bytes / 4 > journal->least_bytes;
}

void cli_journal_close(struct cli_journal *journal)
{
    cli_output_abandon(&journal->file, NULL);
}

bool cli_journal_exists(const char *part)
{
    char *path = cli_output_beside(part, CLI_JOURNAL_SUFFIX);
    const bool exists = path && cli_sys_exists(path);
    elcl_free(path);
    return exists;
}

void cli_journal_remove(const char *part)
{
    char *path = cli_output_beside(part, CLI_JOURNAL_SUFFIX);
    char *torn = path ? cli_output_part(path, 0) : NULL; /* of a kill while it was rewritten */
    if (path)
        elcl_remove_file(path);
    if (torn)
        elcl_remove_file(torn);
    elcl_free(path);
    elcl_free(torn);
}

/* ---- reading --------------------------------------------------------------------------------- */

struct entry {
    char word[16];
    uint64_t numbers[3];
    char *text; /* [numbers[1]] bytes, or NULL */
};

/* Reads an entry and passes it; false if it is not whole. */
static bool read_entry(char **at, const char *end, struct entry *e)
{
    char line[96], *line_end = memchr(*at, '\n', (size_t)(end - *at));
    if (!line_end || (size_t)(line_end - *at) >= sizeof(line))
        return false;
    memcpy(line, *at, (size_t)(line_end - *at));
    line[line_end - *at] = '\0';
    if (sscanf(line, "%15s %" SCNu64 " %" SCNu64 " %" SCNu64, e->word, &e->numbers[0],
               &e->numbers[1], &e->numbers[2]) != 4)
        return false;
    if (!elcl_has_word("record written ahead unordered", e->word))
        return false;
    char *next = line_end + 1;
    e->text = NULL;
    if (!strcmp(e->word, "record") || !strcmp(e->word, "ahead")) {
        if (e->numbers[1] >= (uint64_t)(end - next) || next[e->numbers[1]] != '\n')
            return false;
        e->text = next;
        next += e->numbers[1] + 1;
    }
    *at = next;
    return true;
}

static int add_done(struct cli_progress_made *made, size_t *capacity, uint64_t sample, char *lines,
                    size_t n, elcl_error *err)
{
    void *done = made->done;
    if (!elcl_grow(&done, capacity, made->n_done + 1, sizeof(*made->done)))
        return elcl_fail_nomem(err);
    made->done = done;
    made->done[made->n_done++] = (struct cli_done){sample, lines, n};
    return ELCL_OK;
}

static int by_sample(const void *a, const void *b)
{
    const uint64_t x = ((const struct cli_done *)a)->sample;
    const uint64_t y = ((const struct cli_done *)b)->sample;
    return x < y ? -1 : x > y;
}

/* Takes entries as long as they are whole and agree with the part. */
static int take_entries(struct cli_progress_made *made, char *at, const char *end,
                        uint64_t part_bytes, elcl_error *err)
{
    size_t capacity = 0;
    struct entry e;
    int rc = ELCL_OK;
    while (!rc && at < end && read_entry(&at, end, &e)) {
        if (e.text) {
            rc = add_done(made, &capacity, e.numbers[0], e.text, (size_t)e.numbers[1], err);
            continue;
        }
        if (e.numbers[1] > part_bytes)
            break;
        made->bytes = e.numbers[1];
        made->failed = e.numbers[2];
        if (!strcmp(e.word, "written"))
            made->samples = e.numbers[0];
        else
            rc = add_done(made, &capacity, e.numbers[0], NULL, 0, err);
    }
    return rc;
}

/* Sorts what is done after the samples that are written. */
static void sort_done(struct cli_progress_made *made)
{
    size_t passed = 0;
    qsort(made->done, made->n_done, sizeof(*made->done), by_sample);
    while (passed < made->n_done && made->done[passed].sample < made->samples)
        passed++;
    made->n_done -= passed;
    memmove(made->done, made->done + passed, made->n_done * sizeof(*made->done));
}

static int take_journal(struct cli_progress_made *made, const char *path, size_t n,
                        uint64_t part_bytes, elcl_error *err)
{
    char *at = made->text;
    const char *const end = at + n;
    struct entry first;
    if (!read_entry(&at, end, &first) || !first.text || strcmp(first.word, "record") != 0)
        return elcl_fail(err, ELCL_E_FORMAT,
                         "%.200s: not a journal that this version of elcl generate writes: rename "
                         "or remove it",
                         path);
    int rc = cli_run_record_parse(path, first.text, (size_t)first.numbers[1], &made->record, err);
    if (!rc)
        rc = take_entries(made, at, end, part_bytes, err);
    if (!rc && made->n_done)
        sort_done(made);
    return rc;
}

int cli_journal_read(const char *part, uint64_t part_bytes, struct cli_progress_made *made,
                     elcl_error *err)
{
    char *path = cli_output_beside(part, CLI_JOURNAL_SUFFIX);
    size_t n = 0;
    *made = (struct cli_progress_made){0};
    int rc = path ? elcl_read_file(path, SIZE_MAX / 2, &made->text, &n, err) : elcl_fail_nomem(err);
    if (!rc)
        rc = take_journal(made, path, n, part_bytes, err);
    elcl_free(path);
    if (rc)
        cli_progress_made_finish(made);
    return rc;
}

const struct cli_done *cli_done_take(struct cli_progress_made *made, uint64_t sample)
{
    while (made->next < made->n_done && made->done[made->next].sample < sample)
        made->next++;
    const bool found = made->next < made->n_done && made->done[made->next].sample == sample;
    return found ? &made->done[made->next] : NULL;
}

void cli_progress_made_finish(struct cli_progress_made *made)
{
    cli_run_record_finish(&made->record);
    free(made->done);
    elcl_free(made->text);
    *made = (struct cli_progress_made){0};
}
