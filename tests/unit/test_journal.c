/* Journals of runs that survive (tools/generate/journal.h): entries that end what is believed. */
#include <stdio.h>
#include <string.h>

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
    char part[512];
    elcl_error err = {0};
    if (!check_case("journal: %s", what))
        return;
    elcl_str_printf(&text, "record 0 %zu 0\n%s\n%s", strlen(RECORD), RECORD, entries);
    write_file("part" CLI_JOURNAL_SUFFIX, text.data, text.n);
    (void)snprintf(part, sizeof(part), "%s/part", check_temporary_directory());
    if (CHECK(!cli_journal_read(part, 50, &made, &err), "%s", err.msg))
        CHECK(made.samples == samples && made.n_done == n_done, "%llu samples, %zu done",
              (unsigned long long)made.samples, made.n_done);
    cli_progress_made_finish(&made);
    elcl_str_finish(&text);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_entries("whole", "written 1 20 0\nahead 3 2 0\nHi\nunordered 4 50 0\n", 1, 2);
    check_entries("torn in a line", "written 1 20 0\nwritten 2 3", 1, 0);
    check_entries("torn in a text", "written 1 20 0\nahead 3 20 0\nHi\n", 1, 0);
    check_entries("more bytes than the part", "written 1 20 0\nwritten 2 51 0\nwritten 3 40 0\n", 1,
                  0);
    check_entries("a word of another version", "written 1 20 0\nskipped 2 30 0\nwritten 3 40 0\n",
                  1, 0);
    return check_end();
}
