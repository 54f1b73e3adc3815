/* What a run of elcl generate was: a JSON file beside its output, so that a later run can continue
 * it, and elcl merge can check that shards belong together. */
#ifndef CLI_RUN_RECORD_H
#define CLI_RUN_RECORD_H

#include "common/digest.h"

#define CLI_RECORD_SUFFIX ".run.json"

/* {0} is an empty one. Counts are below 10^15. */
struct cli_run_record {
    /* Everything that decides the text, as strings, and the device, which is only reported:
     * {"elcl": VERSION, "device": NAME, "input": DIGEST, "model": {FILE: DIGEST}, "options": {}} */
    struct cJSON *of;
    uint64_t shard, shards; /* 1 of 1: the whole input */
    uint64_t first_sample;  /* its number, from 0 */
    uint64_t samples;
    struct cli_digest output; /* zeros until it is complete */
    bool complete;
};

/* Appends the record's JSON to *text. */
int cli_run_record_print(const struct cli_run_record *record, struct elcl_str *text,
                         elcl_error *err);
/* Checks the JSON, from the file that messages name. Sets *record only on success. */
int cli_run_record_parse(const char *path, const char *text, size_t n,
                         struct cli_run_record *record, elcl_error *err);
/* Writes the record of the output file atomically, readable like any other file. */
int cli_run_record_write(const char *output, const struct cli_run_record *record, elcl_error *err);
/* Whether there is a file of the record's name. */
bool cli_run_record_exists(const char *output);
/* Reads and checks the record of the output file. Sets *record only on success. */
int cli_run_record_read(const char *output, struct cli_run_record *record, elcl_error *err);
void cli_run_record_remove(const char *output);
/* Keeps only the numbers: the record can no longer be compared or written. */
void cli_run_record_forget(struct cli_run_record *record);
void cli_run_record_finish(struct cli_run_record *record);

/* Fails with ELCL_E_ARG and names the first difference unless both are of one run, whatever their
 * shards. `output` is the file of `found`; `other` is that of `record`, or NULL for this run. */
int cli_run_record_compare(const char *output, const struct cli_run_record *found,
                           const char *other, const struct cli_run_record *record, elcl_error *err);
/* The device that the run was on. */
const char *cli_run_record_device(const struct cli_run_record *record);

#endif
