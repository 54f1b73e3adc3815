/* Input: a byte that chooses a kind of small file, then its content: a device model, what a run of
 * generate was, measurements of a device, a program of the cache, or the journal of a run. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/run_record.h"
#include "device/program_cache.h"
#include "engine/tune_file.h"
#include "fuzz.h"
#include "generate/journal.h"
#include "plan/device_model.h"

static void read_device_model(const uint8_t *data, size_t n)
{
    struct cli_device_model model;
    elcl_error err = {0};
    const int rc = cli_device_model_find(fuzz_file("model.json", data, n), &model, &err);
    fuzz_check_error(rc, &err);
    FUZZ_REQUIRE(rc || (model.rates.memory_gbs > 0 && isfinite(model.rates.memory_gbs)));
    FUZZ_REQUIRE(rc || memchr(model.name, '\0', sizeof(model.name)));
}

static void read_record(const uint8_t *data, size_t n)
{
    struct cli_run_record record = {0};
    char output[128];
    elcl_error err = {0}, differ = {0};
    snprintf(output, sizeof(output), "%s/out", fuzz_directory());
    fuzz_file("out" CLI_RECORD_SUFFIX, data, n);
    const int rc = cli_run_record_read(output, &record, &err);
    fuzz_check_error(rc, &err);
    if (!rc) {
        FUZZ_REQUIRE(record.of && record.shard >= 1 && record.shard <= record.shards);
        FUZZ_REQUIRE(cli_run_record_device(&record) != NULL);
        FUZZ_REQUIRE(!cli_run_record_compare(output, &record, NULL, &record, &differ));
    }
    cli_run_record_finish(&record);
}

/* The head names this version of elcl: the input is the rest. */
static void read_tuning(const uint8_t *data, size_t n)
{
    struct elcl_str text = {0};
    static const elcl_device_desc device = {
        .name = "d", .platform = "p", .driver = "r", .version = "v"};
    struct elcl_tune_file file;
    elcl_error err = {0};
    char *path = elcl_tune_file_path(fuzz_directory(), &device);
    FUZZ_REQUIRE(path != NULL);
    elcl_str_printf(&text,
                    "{\"schema\":\"elcl-tune-1\",\"elcl\":\"%s\",\"device\":\"d\","
                    "\"platform\":\"p\",\"driver\":\"r\",\"version\":\"v\"",
                    elcl_version());
    elcl_str_append(&text, data, n);
    fuzz_file(strrchr(path, '/') + 1, text.data, text.n);
    elcl_str_finish(&text);
    const int rc = elcl_tune_file_read(fuzz_directory(), &device, &file, &err);
    fuzz_check_error(rc, &err);
    if (!rc) {
        FUZZ_REQUIRE(file.n_trials >= 0 && file.n_trials <= ELCL_TUNE_MAX_TRIALS);
        FUZZ_REQUIRE(file.spread >= 0 && file.spread <= 1);
    }
    elcl_free(path);
}

static void read_program(const uint8_t *data, size_t n)
{
    void *program = NULL;
    size_t bytes = 0;
    fuzz_file("0000000000000007.bin", data, n);
    if (elcl_cache_load(fuzz_directory(), 7, &program, &bytes))
        FUZZ_REQUIRE(program && bytes < n);
    elcl_free(program);
}

static void check_journal(struct cli_progress_made *made, size_t n)
{
    for (size_t i = 0; i < made->n_done; i++) {
        const struct cli_done *done = &made->done[i];
        const size_t at = done->lines ? (size_t)(done->lines - made->text) : 0;
        FUZZ_REQUIRE(done->sample >= made->samples);
        FUZZ_REQUIRE(!i || done->sample >= done[-1].sample);
        FUZZ_REQUIRE(at <= n && done->n_lines <= n - at);
    }
    for (uint64_t sample = made->samples; sample < made->samples + 4; sample++) {
        const struct cli_done *done = cli_done_take(made, sample);
        FUZZ_REQUIRE(!done || done->sample == sample);
    }
}

static void read_journal(const uint8_t *data, size_t n)
{
    enum { PART_BYTES = 100 };
    struct cli_progress_made made = {0};
    char part[128];
    elcl_error err = {0};
    fuzz_file("part" CLI_JOURNAL_SUFFIX, data, n);
    snprintf(part, sizeof(part), "%s/part", fuzz_directory());
    const int rc = cli_journal_read(part, PART_BYTES, &made, &err);
    fuzz_check_error(rc, &err);
    if (!rc) {
        FUZZ_REQUIRE(made.record.of && made.bytes <= PART_BYTES);
        check_journal(&made, n);
    }
    cli_progress_made_finish(&made);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static void (*const readers[])(const uint8_t *, size_t) = {
        read_device_model, read_record, read_tuning, read_program, read_journal};
    const uint8_t choice = fuzz_choice(&data, &n);
    readers[choice % ELCL_COUNT(readers)](data, n);
    return 0;
}
