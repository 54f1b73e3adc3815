/* elcl generate: the shard that a run does, and the record beside its output. */
#include "base/os.h"
#include "generate/fingerprint.h"
#include "generate/generation.h"

#include <stdio.h>
#include <string.h>

static void announce(const struct cli_generate_options *o, uint64_t first, uint64_t n,
                     uint64_t n_lines)
{
    const char *path = o->samples.input;
    if (o->common.quiet)
        return;
    if (n)
        fprintf(stderr, "elcl: shard %llu of %llu: lines %llu to %llu of %.200s\n",
                (unsigned long long)o->shard.index, (unsigned long long)o->shard.count,
                (unsigned long long)first + 1, (unsigned long long)(first + n), path);
    else
        fprintf(stderr, "elcl: shard %llu of %llu: none of the %llu lines of %.200s\n",
                (unsigned long long)o->shard.index, (unsigned long long)o->shard.count,
                (unsigned long long)n_lines, path);
}

/* Leaves only the shard's lines of the open input. */
static int take_shard(struct cli_generation *r, elcl_error *err)
{
    const struct cli_generate_options *o = r->opt;
    const uint64_t n_lines = r->input_digest.lines;
    const uint64_t first = cli_shard_first(&o->shard, n_lines);
    const uint64_t n = cli_shard_lines(&o->shard, n_lines);
    const int rc = cli_input_keep(&r->input, first, n, n_lines, err);
    if (rc)
        return rc;
    r->first_sample += first;
    announce(o, first, n, n_lines);
    return ELCL_OK;
}

bool cli_generate_has_files(const struct cli_generation *r)
{
    const char *input = r->opt->samples.input, *output = r->opt->common.output;
    return input && strcmp(input, "-") != 0 && elcl_is_file(input) && output &&
           cli_output_has_part(output);
}

int cli_generate_open_input(struct cli_generation *r, elcl_error *err)
{
    const struct cli_generate_options *o = r->opt;
    int rc = ELCL_OK;
    r->first_sample = (uint64_t)o->first_sample;
    if (o->shard.index || cli_generate_has_files(r))
        rc = cli_digest_file(o->samples.input, &r->input_digest, err);
    if (!rc)
        rc = cli_samples_open(&o->samples, &r->input, err);
    return rc || !o->shard.index ? rc : take_shard(r, err);
}

/* Whether a record stays beside the output. A standard stream or a device has no place for it. */
static bool has_record(const struct cli_generation *r)
{
    return (r->opt->shard.index || r->opt->resume) && r->record.of;
}

/* Refuses to replace the output of another shard of this run. */
static int check_owner(const struct cli_generation *r, elcl_error *err)
{
    struct cli_run_record found = {0};
    const char *path = r->opt->common.output;
    if (!cli_run_record_exists(path))
        return ELCL_OK;
    const int unknown = cli_run_record_read(path, &found, err);
    if (unknown)
        return unknown;
    const bool other = !cli_run_record_compare(path, &found, NULL, &r->record, NULL) &&
                       found.shard != r->record.shard;
    const int rc =
        other ? elcl_fail(err, ELCL_E_ARG,
                          "%.200s is the output of shard %llu of %llu of this run: give "
                          "each shard an --output of its own",
                          path, (unsigned long long)found.shard, (unsigned long long)found.shards)
              : ELCL_OK;
    cli_run_record_finish(&found);
    return rc;
}

int cli_generate_make_record(struct cli_generation *r, elcl_error *err)
{
    const struct cli_generate_options *o = r->opt;
    if (!cli_generate_has_files(r))
        return ELCL_OK;
    int rc = cli_fingerprint(o, &r->info, &r->resolved, &r->input_digest, &r->record, err);
    if (rc)
        return rc;
    r->record.first_sample = r->first_sample;
    if (o->shard.index) {
        r->record.shard = o->shard.index;
        r->record.shards = o->shard.count;
        r->record.samples = cli_shard_lines(&o->shard, r->input_digest.lines);
    }
    return has_record(r) ? check_owner(r, err) : ELCL_OK;
}

int cli_generate_begin_record(struct cli_generation *r, elcl_error *err)
{
    return has_record(r) ? cli_run_record_write(r->opt->common.output, &r->record, err) : ELCL_OK;
}

/* A record beside an output that was replaced says what is no longer there. */
static void forget_record(const char *path)
{
    struct cli_run_record old = {0};
    if (cli_run_record_exists(path) && !cli_run_record_read(path, &old, NULL))
        cli_run_record_remove(path);
    cli_run_record_finish(&old);
}

int cli_generate_end_output(struct cli_generation *r, elcl_error *err)
{
    const bool recorded = has_record(r);
    const char *path = r->opt->common.output;
    /* A shard that began at the same time may have taken the name since. */
    int rc = recorded ? check_owner(r, err) : ELCL_OK;
    if (!rc)
        rc = cli_output_commit(&r->output, err);
    if (!rc && !recorded && r->record.of)
        forget_record(path);
    if (rc || !recorded)
        return rc;
    rc = cli_digest_file(path, &r->record.output, err);
    r->record.complete = true;
    return rc ? rc : cli_run_record_write(path, &r->record, err);
}
