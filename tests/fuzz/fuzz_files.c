/* Input: a byte that chooses a kind of small file, then its content: a device model, what a run of
 * generate was, measurements of a device, a program of the cache, the journal of a run, or the
 * cached verdicts of probes, without what the cache puts before them. */
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
#include "probe/probe_impl.h"

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
        /* A record with a key twice, of two values, is not even of its own run. */
        fuzz_check_error(cli_run_record_compare(output, &record, NULL, &record, &differ), &differ);
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

/* A file of the right length has the input as its first bytes. The first of them chooses a CPU or a
 * GPU, which no driver knows. */
static void read_verdicts(const uint8_t *data, size_t n)
{
    enum { KEY = 9 };
    static struct elcl_device device;
    struct elcl_features features = {0};
    void *stored = NULL;
    size_t bytes = 0;
    const bool gpu = fuzz_choice(&data, &n) & 1;
    device.cache_directory = (char *)(uintptr_t)fuzz_directory();
    device.kernels = gpu ? ELCL_KERNELS_GPU : ELCL_KERNELS_CPU;
    device.desc = (elcl_device_desc){.name = "d",
                                     .vendor = "v",
                                     .platform = "p",
                                     .driver = "r",
                                     .version = "v",
                                     .extensions = "",
                                     .type = gpu ? ELCL_DEVICE_GPU : ELCL_DEVICE_CPU,
                                     .vector_width = 8};
    elcl_verdicts_store(&device, KEY, &features);
    FUZZ_REQUIRE(elcl_cache_load(fuzz_directory(), KEY, &stored, &bytes));
    memcpy(stored, data, n < bytes ? n : bytes);
    elcl_cache_store(fuzz_directory(), KEY, stored, bytes);
    elcl_free(stored);
    if (!elcl_verdicts_load(&device, KEY, &features))
        return;
    FUZZ_REQUIRE(features.mac <= ELCL_MAC_PLAIN && features.mma == ELCL_MMA_NONE);
    FUZZ_REQUIRE(features.int8_dot.kind <= ELCL_DOT_LAST && !features.int8_mma);
    FUZZ_REQUIRE(features.bf16_dot.kind <= ELCL_DOT_LAST);
    FUZZ_REQUIRE(!elcl_dot_is_instruction(features.int8_dot.kind)); /* inline assembly is off */
    FUZZ_REQUIRE(!elcl_dot_is_instruction(features.bf16_dot.kind));
    FUZZ_REQUIRE(features.int4_dot.kind <= ELCL_DOT_LAST);
    FUZZ_REQUIRE(!elcl_dot_is_instruction(features.int4_dot.kind));
    FUZZ_REQUIRE(features.state_dot.kind == ELCL_DOT_NONE ||
                 features.state_dot.kind == ELCL_DOT_PLAIN_INT8);
    for (int i = 0; i < ELCL_N_PROBES; i++)
        FUZZ_REQUIRE(
            memchr(features.verdicts[i].reason, '\0', sizeof(features.verdicts[i].reason)) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static void (*const readers[])(const uint8_t *, size_t) = {
        read_device_model, read_record, read_tuning, read_program, read_journal, read_verdicts};
    const uint8_t choice = fuzz_choice(&data, &n);
    readers[choice % ELCL_COUNT(readers)](data, n);
    return 0;
}
