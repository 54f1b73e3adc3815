/* elcl merge: joins the outputs of all shards of a run, after it has checked that they are all
 * there, whole and of one run. */
#include "common/args.h"
#include "common/output.h"
#include "common/run_record.h"
#include "common/sys.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COPY_BYTES ((size_t)1 << 20)
#define MAX_NAMED 5
#define FIELD(name) offsetof(struct merge_options, name)

struct merge_options {
    struct cli_args args;
    struct cli_common_options common;
};

static const struct cli_opt options_table[] = {
    CLI_OUTPUT_OPTION(FIELD(common)),
    CLI_COMMON_OPTIONS(FIELD(common)),
};

struct shard {
    char *path;
    struct cli_run_record record;
};

struct merge {
    const struct merge_options *opt;
    struct shard *shards; /* [n] */
    size_t n;
    bool mixed; /* they ran on different devices */
};

/* ---- which shards -------------------------------------------------------------------------- */

/* Returns the output that a word names: itself, or the one whose record it is, so that a pattern
 * may match both. */
static char *output_of(const char *word)
{
    const size_t n = strlen(word), n_suffix = strlen(CLI_RECORD_SUFFIX);
    const bool is_record = n > n_suffix && elcl_ends_with(word, n, CLI_RECORD_SUFFIX);
    return elcl_strndup(word, is_record ? n - n_suffix : n);
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct shard *)a)->path, ((const struct shard *)b)->path);
}

static int by_number(const void *a, const void *b)
{
    const uint64_t x = ((const struct shard *)a)->record.shard;
    const uint64_t y = ((const struct shard *)b)->record.shard;
    return x != y ? (x < y ? -1 : 1) : by_path(a, b);
}

/* Takes each output once. */
static int take_words(struct merge *m, elcl_error *err)
{
    const struct cli_args *args = &m->opt->args;
    m->shards = elcl_calloc((size_t)args->n_words, sizeof(*m->shards));
    if (!m->shards)
        return elcl_fail_nomem(err);
    for (int i = 0; i < args->n_words; i++, m->n++) {
        m->shards[m->n].path = output_of(args->words[i]);
        if (!m->shards[m->n].path)
            return elcl_fail_nomem(err);
    }
    qsort(m->shards, m->n, sizeof(*m->shards), by_path);
    size_t kept = 1;
    for (size_t i = 1; i < m->n; i++) {
        if (!strcmp(m->shards[kept - 1].path, m->shards[i].path))
            free(m->shards[i].path);
        else
            m->shards[kept++] = m->shards[i];
    }
    m->n = kept;
    return ELCL_OK;
}

/* ---- checks -------------------------------------------------------------------------------- */

static int read_record(struct shard *shard, elcl_error *err)
{
    elcl_error why = {0};
    const int rc = cli_run_record_read(shard->path, &shard->record, &why);
    if (rc == ELCL_E_IO && !cli_run_record_exists(shard->path))
        return elcl_fail(err, rc,
                         "%.200s has no record beside it (" CLI_RECORD_SUFFIX
                         "), which elcl generate --shard --output writes",
                         shard->path);
    return rc ? elcl_fail(err, rc, "%s", why.msg) : ELCL_OK;
}

/* Reads all records; they must be of one run. */
static int read_records(struct merge *m, elcl_error *err)
{
    const struct shard *first = &m->shards[0];
    int rc = ELCL_OK;
    for (size_t i = 0; !rc && i < m->n; i++) {
        struct shard *shard = &m->shards[i];
        rc = read_record(shard, err);
        if (!rc && shard->record.shards != first->record.shards)
            rc = elcl_fail(err, ELCL_E_ARG, "%.150s is one of %llu shards and %.150s one of %llu",
                           first->path, (unsigned long long)first->record.shards, shard->path,
                           (unsigned long long)shard->record.shards);
        if (rc || !i)
            continue;
        rc = cli_run_record_compare(shard->path, &shard->record, first->path, &first->record, err);
        m->mixed = m->mixed || strcmp(cli_run_record_device(&shard->record),
                                      cli_run_record_device(&first->record)) != 0;
        cli_run_record_forget(&shard->record);
    }
    return rc;
}

/* Names the first missing shards, and how many more there are. */
static int fail_missing(const struct merge *m, uint64_t n_missing, elcl_error *err)
{
    struct elcl_str list = {0};
    uint64_t number = 1, named = 0;
    for (size_t i = 0; named < n_missing && named < MAX_NAMED; number++) {
        if (i < m->n && m->shards[i].record.shard == number)
            i++;
        else
            elcl_str_printf(&list, "%s%llu", named++ ? ", " : "", (unsigned long long)number);
    }
    if (named < n_missing)
        elcl_str_printf(&list, " and %llu more", (unsigned long long)(n_missing - named));
    const int rc = list.failed ? elcl_fail_nomem(err)
                               : elcl_fail(err, ELCL_E_ARG, "shard%s %s of %llu %s missing",
                                           n_missing == 1 ? "" : "s", list.data,
                                           (unsigned long long)m->shards[0].record.shards,
                                           n_missing == 1 ? "is" : "are");
    elcl_str_finish(&list);
    return rc;
}

/* The shards, in their order, are all there and all whole. */
static int check_complete(const struct merge *m, elcl_error *err)
{
    for (size_t i = 0; i < m->n; i++) {
        const struct shard *shard = &m->shards[i], *before = i ? shard - 1 : NULL;
        if (before && before->record.shard == shard->record.shard)
            return elcl_fail(err, ELCL_E_ARG, "%.180s and %.180s are both shard %llu", before->path,
                             shard->path, (unsigned long long)shard->record.shard);
        if (!shard->record.complete)
            return elcl_fail(err, ELCL_E_ARG,
                             "%.200s: shard %llu of %llu has not ended: run it again", shard->path,
                             (unsigned long long)shard->record.shard,
                             (unsigned long long)shard->record.shards);
    }
    const uint64_t n_missing = m->shards[0].record.shards - m->n;
    if (n_missing)
        return fail_missing(m, n_missing, err);
    for (size_t i = 1; i < m->n; i++) {
        const struct cli_run_record *before = &m->shards[i - 1].record;
        if (m->shards[i].record.first_sample != before->first_sample + before->samples)
            return elcl_fail(err, ELCL_E_ARG, "%.150s does not begin where %.150s ends",
                             m->shards[i].path, m->shards[i - 1].path);
    }
    return ELCL_OK;
}

/* The files are as they were when their runs ended. */
static int check_files(const struct merge *m, elcl_error *err)
{
    for (size_t i = 0; i < m->n; i++) {
        const struct cli_digest *want = &m->shards[i].record.output;
        struct cli_digest found;
        const int rc = cli_digest_file(m->shards[i].path, &found, err);
        if (rc)
            return rc;
        if (found.bytes != want->bytes)
            return elcl_fail(err, ELCL_E_FORMAT,
                             "%.200s: expected the %llu bytes that its run wrote, found %llu",
                             m->shards[i].path, (unsigned long long)want->bytes,
                             (unsigned long long)found.bytes);
        if (found.hash != want->hash || found.lines != want->lines)
            return elcl_fail(err, ELCL_E_FORMAT, "%.200s was changed after its run ended",
                             m->shards[i].path);
    }
    return ELCL_OK;
}

/* ---- writing ------------------------------------------------------------------------------- */

static int copy_file(const char *path, char *bytes, struct cli_output *output, elcl_error *err)
{
    FILE *file = fopen(path, "rb");
    int rc = ELCL_OK;
    if (!file)
        return elcl_fail(err, ELCL_E_IO, "%.200s: cannot open: %s", path, strerror(errno));
    for (size_t n; !rc && (n = fread(bytes, 1, COPY_BYTES, file));)
        rc = cli_output_write(output, bytes, n, err);
    if (!rc && ferror(file))
        rc = elcl_fail(err, ELCL_E_IO, "%.200s: cannot read: %s", path, strerror(errno));
    (void)fclose(file);
    return rc;
}

static int write_merged(const struct merge *m, elcl_error *err)
{
    const char *path = m->opt->common.output;
    struct cli_output output;
    char *bytes = malloc(COPY_BYTES);
    int rc = bytes ? cli_output_open(path ? path : "-", &output, err) : elcl_fail_nomem(err);
    if (rc) {
        free(bytes);
        return rc;
    }
    for (size_t i = 0; !rc && i < m->n; i++)
        rc = copy_file(m->shards[i].path, bytes, &output, err);
    if (!rc && cli_sys_interrupted())
        rc = elcl_fail(err, ELCL_E_INTERRUPTED, "interrupted");
    if (!rc)
        rc = cli_output_commit(&output, err);
    cli_output_abandon(&output, NULL);
    free(bytes);
    return rc;
}

static int merge(struct merge *m, elcl_error *err)
{
    int rc;
    ELCL_TRY(take_words(m, err));
    ELCL_TRY(read_records(m, err));
    qsort(m->shards, m->n, sizeof(*m->shards), by_number);
    ELCL_TRY(check_complete(m, err));
    ELCL_TRY(check_files(m, err));
    if (m->mixed && !m->opt->common.quiet)
        cli_warn("the shards ran on different devices, which may round scores differently");
    ELCL_TRY(write_merged(m, err));
fail:
    return rc;
}

static int check(const struct cli_args *args, void *target, elcl_error *err)
{
    (void)target;
    return args->n_words ? ELCL_OK
                         : elcl_fail(err, ELCL_E_ARG,
                                     "expected the outputs of all shards, found none: elcl merge "
                                     "SHARD...");
}

int cli_cmd_merge(int argc, char **argv)
{
    static const char about[] =
        "Joins the outputs of elcl generate --shard I/N to what one process would have written.\n"
        "SHARD is the output of a shard; the order of the arguments does not matter.\n"
        "\n"
        "The records beside the outputs (.run.json) must show that all shards are there, whole\n"
        "and of one run: the same version, options, model and input.\n";
    static const char examples[] =
        "  elcl generate MODEL --input in.txt --shard 1/2 --output out.1\n"
        "  elcl generate MODEL --input in.txt --shard 2/2 --output out.2\n"
        "  elcl merge out.1 out.2 --output out.txt\n";
    struct merge_options options = {.args = {.verb = "merge",
                                             .use = "SHARD...",
                                             .about = about,
                                             .examples = examples,
                                             .opts = options_table,
                                             .n_opts = ELCL_COUNT(options_table),
                                             .max_words = INT_MAX,
                                             .check = check}};
    struct merge m = {.opt = &options};
    elcl_error err = {0};
    int code;
    if (!cli_args_begin(&options.args, argc, argv, &options, &code))
        return code;
    const int rc = merge(&m, &err);
    for (size_t i = 0; i < m.n; i++) {
        free(m.shards[i].path);
        cli_run_record_finish(&m.shards[i].record);
    }
    free(m.shards);
    if (rc && cli_sys_interrupted())
        return CLI_EXIT_SIGNAL + cli_sys_interrupted();
    return rc ? cli_error(CLI_EXIT_FAILURE, "%s", err.msg) : CLI_EXIT_OK;
}
