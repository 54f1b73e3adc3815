/* Journals of runs that survive (tools/generate/journal.h): what is written is read again, and
 * which entries end what is believed. */
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/os.h"
#include "base/util.h"
#include "check.h"
#include "files.h"
#include "generate/journal.h"

#define RECORD                                                                                     \
    "{\"schema\":\"elcl-run-1\",\"complete\":false,\"shard\":1,\"shards\":1,\"first_sample\":0,"   \
    "\"samples\":0,\"lines\":0,\"bytes\":0,\"hash\":\"0000000000000000\",\"run\":{\"elcl\":\"1\"," \
    "\"device\":\"d\",\"input\":\"9 bytes, 00\",\"model\":{},\"options\":{}}}"

/* Reads a journal of these entries beside a part of 50 bytes. */
static void check_entries(const char *what, const char *entries, uint64_t samples, size_t n_done)
{
    struct cli_progress_made made;
    struct elcl_str text = {0};
    elcl_error err = {0};
    if (!check_case("journal: %s", what))
        return;
    elcl_str_printf(&text, "record 0 %zu 0\n%s\n%s", strlen(RECORD), RECORD, entries);
    write_file("part" CLI_JOURNAL_SUFFIX, text.data, text.n);
    if (CHECK(!cli_journal_read(temporary_path("part"), 50, &made, &err), "%s", err.msg))
        CHECK(made.samples == samples && made.n_done == n_done, "%llu samples, %zu done",
              (unsigned long long)made.samples, made.n_done);
    cli_progress_made_finish(&made);
    elcl_str_finish(&text);
}

static const char run[] = "{\"elcl\":\"0.2.0\",\"device\":\"d\",\"input\":\"9 bytes, 00\","
                          "\"model\":{\"config.json\":\"3 bytes, 01\"},"
                          "\"options\":{\"num-beams\":\"4\"}}";

#define PART "out.part"

/* Two samples are written, the third is missing, the fourth and fifth wait for it. */
static void put_entries(struct elcl_str *out)
{
    char four[] = "four\n", five[] = "written 9 9 9\n";
    const struct elcl_str lines[] = {{.data = four, .n = strlen(four)},
                                     {.data = five, .n = strlen(five)}};
    cli_journal_written(out, 1, 4, 0);
    cli_journal_ahead(out, 4, &lines[1]);
    cli_journal_ahead(out, 3, &lines[0]);
    cli_journal_written(out, 2, 8, 1);
}

static void write_journal(struct elcl_str *bytes)
{
    struct cli_journal journal = {.file = {.fd = -1}};
    struct cli_run_record record = {.of = cJSON_Parse(run), .shard = 1, .shards = 1, .samples = 5};
    struct elcl_str first = {0}, entries = {0};
    elcl_error err = {0};
    char *data;
    size_t n;
    cli_journal_written(&first, 0, 0, 0);
    put_entries(&entries);
    CHECK(!cli_journal_begin(&journal, temporary_path(PART), &record, &first, &err), "%s", err.msg);
    CHECK(!cli_journal_append(&journal, &entries, &err), "%s", err.msg);
    CHECK(!cli_journal_is_long(&journal), "it is short");
    cli_journal_close(&journal);
    const char *path = temporary_path(PART CLI_JOURNAL_SUFFIX);
    CHECK(!elcl_read_file(path, SIZE_MAX / 2, &data, &n, &err), "%s", err.msg);
    elcl_str_append(bytes, data, n);
    elcl_free(data);
    elcl_str_finish(&first);
    elcl_str_finish(&entries);
    cli_run_record_finish(&record);
}

/* Reads a journal of these bytes, beside a part of 8. */
static int read_journal(const void *bytes, size_t n, struct cli_progress_made *made)
{
    elcl_error err = {0};
    write_file(PART CLI_JOURNAL_SUFFIX, bytes, n);
    return cli_journal_read(temporary_path(PART), 8, made, &err);
}

static void test_round_trip(const struct elcl_str *bytes)
{
    struct cli_progress_made made;
    if (!check_case("a journal is read as it was written"))
        return;
    CHECK(!read_journal(bytes->data, bytes->n, &made), "it is refused");
    CHECK(made.samples == 2 && made.bytes == 8 && made.failed == 1, "other counts");
    CHECK(made.record.samples == 5, "another record");
    CHECK(!cli_done_take(&made, 2), "the third sample is not done");
    const struct cli_done *done = cli_done_take(&made, 3);
    CHECK(done && done->n_lines == 5 && !memcmp(done->lines, "four\n", 5), "another fourth sample");
    done = cli_done_take(&made, 4);
    CHECK(done && done->n_lines == 14 && !memcmp(done->lines, "written 9 9 9\n", 14),
          "another fifth sample");
    CHECK(!cli_done_take(&made, 5), "there are only five");
    cli_progress_made_finish(&made);
}

static void test_damage(const struct elcl_str *bytes)
{
    struct cli_progress_made made;
    int refused = 0;
    if (!check_case("a journal that is cut or changed"))
        return;
    for (size_t n = 0; n < bytes->n; n++) {
        if (read_journal(bytes->data, n, &made)) {
            refused++;
            continue;
        }
        CHECK(made.samples <= 2 && made.bytes == made.samples * 4, "%zu bytes: %d samples", n,
              (int)made.samples);
        cli_progress_made_finish(&made);
    }
    CHECK(refused > 0 && (size_t)refused < bytes->n, "%d refused", refused);
    char *copy = malloc(bytes->n);
    for (size_t i = 0; copy && i < bytes->n; i++) {
        memcpy(copy, bytes->data, bytes->n);
        copy[i] = (char)(copy[i] + 1 + (int)i % 7);
        if (!read_journal(copy, bytes->n, &made)) {
            CHECK(made.bytes <= 8, "byte %zu: more bytes than the part has", i);
            cli_progress_made_finish(&made);
        }
    }
    free(copy);
}

int main(int argc, char **argv)
{
    struct elcl_str bytes = {0};
    check_begin(argc, argv);
    write_journal(&bytes);
    test_round_trip(&bytes);
    test_damage(&bytes);
    elcl_str_finish(&bytes);
    check_entries("whole", "written 1 20 0\nahead 3 2 0\nHi\nunordered 4 50 0\n", 1, 2);
    check_entries("torn in a line", "written 1 20 0\nwritten 2 3", 1, 0);
    check_entries("torn in a text", "written 1 20 0\nahead 3 20 0\nHi\n", 1, 0);
    check_entries("more bytes than the part", "written 1 20 0\nwritten 2 51 0\nwritten 3 40 0\n", 1,
                  0);
    check_entries("a word of another version", "written 1 20 0\nskipped 2 30 0\nwritten 3 40 0\n",
                  1, 0);
    return check_end();
}
