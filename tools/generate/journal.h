/* What a part cannot say: of which run it is, which samples are whole, and the lines of those that
 * finished before an earlier one. A file beside the part has it, so that a killed run can go on
 * where it was. */
#ifndef CLI_JOURNAL_H
#define CLI_JOURNAL_H

#include "common/output.h"
#include "common/run_record.h"

#define CLI_JOURNAL_SUFFIX ".journal"

/* {.file = {.fd = -1}} is none. */
struct cli_journal {
    struct cli_output file;
    uint64_t least_bytes; /* what it had when it was last rewritten */
};

/* Appends an entry to `out`: the part has the lines of the first `samples` samples, of which
 * `failed` failed, in its first `bytes` bytes. */
void cli_journal_written(struct elcl_str *out, uint64_t samples, uint64_t bytes, uint64_t failed);
/* A finished sample, whose lines are not in the part yet. */
void cli_journal_ahead(struct elcl_str *out, uint64_t sample, const struct elcl_str *lines);
/* A sample whose lines are in the part, in any order: it has `bytes` bytes now. */
void cli_journal_unordered(struct elcl_str *out, uint64_t sample, uint64_t bytes, uint64_t failed);

/* Writes the part's journal again, with the record and these entries; appends to it. */
int cli_journal_begin(struct cli_journal *journal, const char *part,
                      const struct cli_run_record *record, const struct elcl_str *entries,
                      elcl_error *err);
int cli_journal_append(struct cli_journal *journal, const struct elcl_str *entries,
                       elcl_error *err);
/* Whether most of it is out of date. */
bool cli_journal_is_long(const struct cli_journal *journal);
void cli_journal_close(struct cli_journal *journal);
bool cli_journal_exists(const char *part);
void cli_journal_remove(const char *part);

/* A sample that an earlier run finished out of order. */
struct cli_done {
    uint64_t sample;
    char *lines; /* [n_lines] bytes; NULL: they are in the part */
    size_t n_lines;
};

/* What an earlier run has done. */
struct cli_progress_made {
    struct cli_run_record record;
    uint64_t samples, bytes, failed; /* as in cli_journal_written() */
    struct cli_done *done;           /* [n_done] after these samples, in order */
    size_t n_done;
    size_t next; /* the first one that cli_done_take() has not passed */
    char *text;  /* of the journal */
};

/* Reads the journal of a part of so many bytes. An entry that is torn, or that counts bytes that
 * the part lacks, ends it. Fails if the file does not begin with a record. */
int cli_journal_read(const char *part, uint64_t part_bytes, struct cli_progress_made *made,
                     elcl_error *err);
/* Returns the sample if it is done; NULL if not. Samples must be asked for in order. */
const struct cli_done *cli_done_take(struct cli_progress_made *made, uint64_t sample);
void cli_progress_made_finish(struct cli_progress_made *made);

#endif
