/* Records of runs, and the digests in them: what is written is read again, hostile records are
 * refused, and a comparison names what differs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/os.h"
#include "check.h"
#include "common/run_record.h"
#include "files.h"

static const char run[] = "{\"elcl\":\"0.2.0\",\"device\":\"a GPU\",\"input\":\"9 bytes, 00\","
                          "\"model\":{\"config.json\":\"3 bytes, 01\",\"m.bin\":\"5 bytes, 02\"},"
                          "\"options\":{\"num-beams\":\"4\",\"seed\":\"0\"}}";

static struct cli_run_record make_record(const char *of)
{
    return (struct cli_run_record){.of = cJSON_Parse(of),
                                   .shard = 2,
                                   .shards = 4,
                                   .first_sample = UINT64_C(999999999999999),
                                   .samples = 7,
                                   .output = {30, 7, UINT64_C(0xfedcba9876543210)},
                                   .complete = true};
}

static void test_round_trip(void)
{
    struct cli_run_record found = {0};
    elcl_error err = {0};
    if (!check_case("a record is read as it was written"))
        return;
    struct cli_run_record record = make_record(run);
    CHECK(!cli_run_record_exists(temporary_path("out")), "there is one already");
    CHECK(!cli_run_record_write(temporary_path("out"), &record, &err), "%s", err.msg);
    CHECK(cli_run_record_exists(temporary_path("out")), "there is none");
    CHECK(!cli_run_record_read(temporary_path("out"), &found, &err), "%s", err.msg);
    CHECK(found.shard == 2 && found.shards == 4 && found.complete && found.samples == 7 &&
              found.first_sample == record.first_sample,
          "other numbers");
    CHECK(!memcmp(&found.output, &record.output, sizeof(found.output)), "another output");
    CHECK(cJSON_Compare(found.of, record.of, true), "another run");
    CHECK(!strcmp(cli_run_record_device(&found), "a GPU"), "another device");
    cli_run_record_remove(temporary_path("out"));
    CHECK(!cli_run_record_exists(temporary_path("out")), "it is still there");
    cli_run_record_finish(&found);
    cli_run_record_finish(&record);
}

/* ---- hostile records ------------------------------------------------------------------------- */

/* Writes `text` as a record and checks that it is refused in one sentence with `message`. */
static void check_refused(const char *text, size_t n, const char *message)
{
    struct cli_run_record found = {0};
    elcl_error err = {0};
    write_file("bad" CLI_RECORD_SUFFIX, text, n);
    const int rc = cli_run_record_read(temporary_path("bad"), &found, &err);
    CHECK(rc == ELCL_E_FORMAT, "code %d: %s", rc, err.msg);
    CHECK(strstr(err.msg, message) && strstr(err.msg, "bad" CLI_RECORD_SUFFIX), "%s", err.msg);
    CHECK(!found.of, "a record was set");
    cli_run_record_finish(&found);
}

static void test_hostile(void)
{
    static const struct {
        const char *what, *from, *to, *message;
    } cases[] = {
        {"no complete", "\"complete\":true,", "", "\"complete\""},
        {"complete is a number", "\"complete\":true", "\"complete\":1", "\"complete\""},
        {"no shards", "\"shards\":4,", "", "\"shards\""},
        {"no shards at all", "\"shards\":4", "\"shards\":0", "\"shards\""},
        {"shard 0", "\"shard\":2", "\"shard\":0", "\"shard\""},
        {"a shard above the last", "\"shard\":2", "\"shard\":5", "\"shard\""},
        {"half a shard", "\"shard\":2", "\"shard\":1.5", "\"shard\""},
        {"a negative count", "\"samples\":7", "\"samples\":-7", "\"samples\""},
        {"a huge count", "\"lines\":7", "\"lines\":1e300", "\"lines\""},
        {"an infinite count", "\"bytes\":30", "\"bytes\":1e999", "\"bytes\""},
        {"a count as text", "\"first_sample\":0", "\"first_sample\":\"0\"", "\"first_sample\""},
        {"a short hash", "fedcba9876543210", "fedc", "\"hash\""},
        {"a hash that is none", "fedcba9876543210", "fedcba987654321g", "\"hash\""},
        {"the run is a list", "{\"elcl\"", "[],\"x\":{\"elcl\"", "\"run\""},
        {"no input", "\"input\"", "\"inptu\"", "\"run\""},
        {"the model is no object", "{\"config.json\":\"3 bytes, 01\",\"m.bin\":\"5 bytes, 02\"}",
         "3", "\"run\""},
        {"an option is no text", "\"4\"", "[4]", "\"run\""},
        {"another schema", "elcl-run-1", "elcl-run-2", "not a record"},
        {"the schema is a number", "\"elcl-run-1\"", "1", "not a record"},
        {"more after it", "\"seed\":\"0\"}}}", "\"seed\":\"0\"}}}}", "not a record"},
        {"torn", "\"seed\":\"0\"}}}", "\"seed\":\"0\"", "not a record"},
    };
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        char good[1024], bad[2048];
        if (!check_case("hostile: %s", cases[i].what))
            continue;
        (void)snprintf(good, sizeof(good),
                       "{\"schema\":\"elcl-run-1\",\"complete\":true,\"shard\":2,\"shards\":4,"
                       "\"first_sample\":0,\"samples\":7,\"lines\":7,\"bytes\":30,"
                       "\"hash\":\"fedcba9876543210\",\"run\":%s}",
                       run);
        const char *at = strstr(good, cases[i].from);
        if (!CHECK(at, "the case does not fit the record"))
            continue;
        (void)snprintf(bad, sizeof(bad), "%.*s%s%s", (int)(at - good), good, cases[i].to,
                       at + strlen(cases[i].from));
        check_refused(bad, strlen(bad), cases[i].message);
    }
}

static void test_hostile_files(void)
{
    struct cli_run_record found = {0};
    elcl_error err = {0};
    if (check_case("hostile: empty"))
        check_refused("", 0, "not a record");
    if (check_case("hostile: other bytes"))
        check_refused("\0\xff{", 3, "not a record");
    if (check_case("hostile: a list"))
        check_refused("[1]", 3, "not a record");
    if (check_case("hostile: large")) {
        const size_t n = (size_t)5 << 20;
        char *bytes = malloc(n);
        if (CHECK(bytes, "out of memory")) {
            memset(bytes, ' ', n);
            check_refused(bytes, n, "at most");
        }
        free(bytes);
    }
    if (check_case("hostile: deep")) {
        char deep[5000];
        memset(deep, '[', sizeof(deep));
        check_refused(deep, sizeof(deep), "not a record");
    }
    if (check_case("hostile: a directory")) {
        directory("dir" CLI_RECORD_SUFFIX);
        CHECK(cli_run_record_read(temporary_path("dir"), &found, &err) == ELCL_E_IO, "it was read");
    }
    if (check_case("no record")) {
        err = (elcl_error){0};
        CHECK(cli_run_record_read(temporary_path("none"), &found, &err) == ELCL_E_IO,
              "it was read");
        CHECK(strstr(err.msg, "none" CLI_RECORD_SUFFIX ": cannot open"), "%s", err.msg);
    }
}

/* ---- comparing ------------------------------------------------------------------------------- */

static void test_compare(void)
{
    static const struct {
        const char *from, *to, *message;
    } cases[] = {
        {"0.2.0", "0.3.0", "out is of another run: elcl is 0.2.0 there and 0.3.0 in this one"},
        {"\"4\"", "\"1\"", "num-beams is 4 there and 1 in this one"},
        {",\"seed\":\"0\"", "", "seed is 0 there and missing in this one"},
        {"\"seed\"", "\"top-k\":\"9\",\"seed\"", "top-k is missing there and 9 in this one"},
        {"5 bytes", "6 bytes", "m.bin has one content there and another one in this one"},
        {"bytes, 02", "bytes, 03", "m.bin has one content there and another one in this one"},
        {",\"m.bin\":\"5 bytes, 02\"", "", "m.bin is there and is missing in this one"},
        {"\"m.bin\"", "\"a.bin\":\"\",\"m.bin\"", "a.bin is missing there and is in this one"},
        {"9 bytes", "8 bytes", "the input has one content there and another one in this one"},
    };
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        char other[1024];
        elcl_error err = {0};
        const char *at = strstr(run, cases[i].from);
        if (!check_case("compare: %s", cases[i].message) || !CHECK(at, "no such part"))
            continue;
        (void)snprintf(other, sizeof(other), "%.*s%s%s", (int)(at - run), run, cases[i].to,
                       at + strlen(cases[i].from));
        struct cli_run_record a = make_record(run), b = make_record(other);
        CHECK(cli_run_record_compare("out", &a, NULL, &b, &err) == ELCL_E_ARG, "they are the same");
        CHECK(strstr(err.msg, cases[i].message), "%s", err.msg);
        cli_run_record_finish(&a);
        cli_run_record_finish(&b);
    }
    if (check_case("compare: another device and shard")) {
        elcl_error err = {0};
        struct cli_run_record a = make_record(run), b = make_record(run);
        cJSON_ReplaceItemInObject(b.of, "device", cJSON_CreateString("a CPU"));
        b.shard = 3;
        CHECK(!cli_run_record_compare("out", &a, "out2", &b, &err), "%s", err.msg);
        cli_run_record_finish(&a);
        cli_run_record_finish(&b);
    }
}

/* ---- digests --------------------------------------------------------------------------------- */

static void test_lines(void)
{
    static const struct {
        const char *text;
        uint64_t lines;
    } cases[] = {{"", 0}, {"a", 1}, {"a\n", 1}, {"\n", 1}, {"\n\na", 3}, {"a\r\nb\n", 2}};
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        struct cli_digest digest;
        elcl_error err = {0};
        if (!check_case("digest: lines %zu", i))
            continue;
        write_text("lines", cases[i].text);
        if (CHECK(!cli_digest_file(temporary_path("lines"), &digest, &err), "%s", err.msg))
            CHECK(digest.lines == cases[i].lines && digest.bytes == strlen(cases[i].text),
                  "%d lines", (int)digest.lines);
    }
    if (check_case("digest: no regular file")) {
        struct cli_digest digest;
        elcl_error err = {0};
        CHECK(cli_digest_file("/dev/null", &digest, &err) == ELCL_E_IO, "it was read");
        CHECK(strstr(err.msg, "/dev/null: cannot open: it is not a regular file"), "%s", err.msg);
        err = (elcl_error){0};
        CHECK(cli_digest_sample(temporary_path("absent"), &digest, &err) == ELCL_E_IO,
              "it was read");
        CHECK(strstr(err.msg, "No such file"), "%s", err.msg);
    }
}

static uint64_t sample_hash(const char *bytes, size_t n)
{
    struct cli_digest digest = {0};
    elcl_error err = {0};
    write_file("large", bytes, n);
    CHECK(!cli_digest_sample(temporary_path("large"), &digest, &err), "%s", err.msg);
    CHECK(digest.bytes == n, "%d bytes", (int)digest.bytes);
    return digest.hash;
}

static void test_sample(void)
{
    const size_t n = ((size_t)4 << 20) + 4097;
    if (!check_case("digest: the blocks of a large file"))
        return;
    char *bytes = calloc(n, 1);
    if (!CHECK(bytes, "out of memory"))
        return;
    const uint64_t hash = sample_hash(bytes, n);
    const size_t places[] = {0, 4095, n / 2, n - 4096, n - 1};
    for (size_t i = 0; i < ELCL_COUNT(places); i++) {
        bytes[places[i]] = 1;
        CHECK(sample_hash(bytes, n) != hash, "byte %zu does not count", places[i]);
        bytes[places[i]] = 0;
    }
    CHECK(sample_hash(bytes, n) == hash, "another hash of the same bytes");
    free(bytes);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_round_trip();
    test_hostile();
    test_hostile_files();
    test_compare();
    test_lines();
    test_sample();
    return check_end();
}
