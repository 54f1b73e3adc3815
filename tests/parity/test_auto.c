/* The choice of AUTO attention: with given rates, in given memory, from good and bad files. */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/os.h"
#include "base/util.h"
#include "device/device.h"
#include "elcl/plan.h"
#include "engine/tune_file.h"
#include "parity/common.h"

/* Rates at both extremes. */
static const elcl_device_rates much_arithmetic = {.type = ELCL_DEVICE_GPU,
                                                  .memory_gbs = 100,
                                                  .f32_gflops = 50000,
                                                  .half_gflops = 50000,
                                                  .launch_us = 1,
                                                  .wait_us = 1};
static const elcl_device_rates little_arithmetic = {.type = ELCL_DEVICE_CPU,
                                                    .memory_gbs = 100,
                                                    .f32_gflops = 200,
                                                    .half_gflops = 200,
                                                    .launch_us = 1,
                                                    .wait_us = 1};

/* Between them, like two cores. */
static const elcl_device_rates two_cores = {.type = ELCL_DEVICE_CPU,
                                            .memory_gbs = 35,
                                            .f32_gflops = 190,
                                            .half_gflops = 190,
                                            .launch_us = 5,
                                            .wait_us = 50};

/* ---- plans, without a device --------------------------------------------------------------- */

static elcl_memory_plan make_plan(const char *name, const elcl_plan_params *p)
{
    elcl_blueprint *blueprint = NULL;
    elcl_memory_plan plan = {0};
    elcl_error err = {0};
    if (CHECK(!elcl_blueprint_open_synthetic(name, &blueprint, &err), "%s", err.msg))
        CHECK(!elcl_plan_memory(blueprint, p, &plan, &err), "%s: %s", name, err.msg);
    elcl_blueprint_close(&blueprint);
    return plan;
}

static elcl_plan_params make_params(enum elcl_device_type type, const elcl_device_rates *rates,
                                    int beams, uint64_t limit)
{
    elcl_plan_params p = elcl_plan_params_default();
    p.device_type = type;
    p.rates = rates;
    p.num_beams = beams;
    p.max_source = 256;
    p.max_target = 64;
    p.memory_limit_bytes = limit;
    return p;
}

static void expect(const elcl_memory_plan *plan, enum elcl_attention want, const char *part)
{
    CHECK(plan->attention == want, "takes %s: %s", attention_name(plan->attention), plan->reason);
    CHECK(strstr(plan->reason, part), "\"%s\" does not say \"%s\"", plan->reason, part);
}

/* Without rates and with enough memory: by the type of device, for any model. */
static void test_by_type(void)
{
    for (int i = 0; elcl_synthetic_name(i); i++) {
        const char *name = elcl_synthetic_name(i);
        if (!check_case("auto, by type, %s", name))
            continue;
        for (int beams = 1; beams <= 4; beams += 3) {
            elcl_plan_params p = make_params(ELCL_DEVICE_CPU, NULL, beams, UINT64_C(1) << 40);
            elcl_memory_plan plan = make_plan(name, &p);
            expect(&plan, ELCL_ATTN_MHA, "a CPU has little arithmetic");
            p.device_type = ELCL_DEVICE_GPU;
            plan = make_plan(name, &p);
            expect(&plan, ELCL_ATTN_EL, "a GPU has arithmetic to spare");
        }
    }
}

static void test_by_rates(void)
{
    if (!check_case("auto, by rates"))
        return;
    /* The rates overrule the type. */
    elcl_plan_params p = make_params(ELCL_DEVICE_CPU, &much_arithmetic, 4, UINT64_C(1) << 40);
    elcl_memory_plan plan = make_plan("bart-large", &p);
    expect(&plan, ELCL_ATTN_EL, "the device's rates (100 GB/s, 5e+04 GFLOP/s)");
    p = make_params(ELCL_DEVICE_GPU, &little_arithmetic, 4, UINT64_C(1) << 40);
    plan = make_plan("bart-large", &p);
    expect(&plan, ELCL_ATTN_MHA, "the device's rates (100 GB/s, 200 GFLOP/s)");
    /* An explicit variant needs no reason. */
    p.attention = ELCL_ATTN_MHA_BEAM;
    plan = make_plan("bart-large", &p);
    CHECK(plan.attention == ELCL_ATTN_MHA_BEAM && !*plan.reason, "%s", plan.reason);
}

/* At the same rates: mha if its batch fits, el if memory leaves mha little. */
static void test_by_memory(const elcl_device_rates *rates)
{
    if (!check_case("auto, by memory, %s rates", rates ? "given" : "no"))
        return;
    elcl_plan_params p = make_params(ELCL_DEVICE_CPU, rates, 4, UINT64_C(1) << 40);
    elcl_memory_plan plan = make_plan("bart-large", &p);
    expect(&plan, ELCL_ATTN_MHA, "");
    p.attention = ELCL_ATTN_MHA;
    p.batch_size = 1;
    const uint64_t one = make_plan("bart-large", &p).total_bytes;
    p.attention = ELCL_ATTN_AUTO;
    p.batch_size = 0;
    p.memory_limit_bytes = one;
    plan = make_plan("bart-large", &p);
    expect(&plan, ELCL_ATTN_EL, " at batch 1,"); /* mha's */
    CHECK(plan.largest_batch > 1, "el's batch is %d", plan.largest_batch);
    p.memory_limit_bytes = one - 1; /* el fits when mha no longer does */
    plan = make_plan("bart-large", &p);
    expect(&plan, ELCL_ATTN_EL, "mha no batch that fits");
    CHECK(plan.fits && plan.largest_batch >= 1, "el does not fit");
    p.memory_limit_bytes = 1000; /* nothing fits: the choice by type, and the plan says so */
    plan = make_plan("bart-large", &p);
    expect(&plan, ELCL_ATTN_MHA, "el no batch that fits");
    CHECK(!plan.fits, "a plan in 1000 bytes");
}

/* A requested batch fits as a whole or not at all. */
static void test_given_batch(void)
{
    if (!check_case("auto, a given batch"))
        return;
    elcl_plan_params p = make_params(ELCL_DEVICE_CPU, NULL, 4, 0);
    p.attention = ELCL_ATTN_MHA;
    p.batch_size = 8;
    const uint64_t eight = make_plan("bart-base", &p).total_bytes;
    p.attention = ELCL_ATTN_AUTO;
    p.memory_limit_bytes = eight;
    elcl_memory_plan plan = make_plan("bart-base", &p);
    expect(&plan, ELCL_ATTN_MHA, "a CPU");
    p.memory_limit_bytes = eight - 1;
    plan = make_plan("bart-base", &p);
    expect(&plan, ELCL_ATTN_EL, "mha no batch that fits");
    CHECK(plan.fits && plan.batch_size == 8, "batch %d", plan.batch_size);
}

/* ---- stored files -------------------------------------------------------------------------- */

struct log {
    char reason[512], unused[1024];
};

/* Cut to the available room; `to` is zeros after it. */
static void keep_line(char *to, size_t room, const char *line)
{
    const size_t n = strlen(line);
    memset(to, 0, room);
    memcpy(to, line, n < room ? n : room - 1);
}

static void keep_lines(void *user, enum elcl_log_level level, const char *line)
{
    struct log *log = user;
    if (level == ELCL_LOG_INFO && strstr(line, "auto attention"))
        keep_line(log->reason, sizeof(log->reason), line);
    if (level == ELCL_LOG_INFO && strstr(line, "not used"))
        keep_line(log->unused, sizeof(log->unused), line);
    CHECK(level != ELCL_LOG_WARNING, "%s", line);
}

/* Writes the head of a file of the device, with one value replaced; then the rates. */
static void write_tuned(const elcl_device_desc *d, const char *version, const char *rates)
{
    char text[4096], *directory = elcl_cache_directory();
    char *path = elcl_tune_file_path(directory, d);
    elcl_error err = {0};
    char processor[17] = "";
    if (d->type == ELCL_DEVICE_CPU)
        snprintf(processor, sizeof(processor), "%016llx", (unsigned long long)elcl_cpu_hash());
    const int n = snprintf(
        text, sizeof(text),
        "{\"schema\": \"elcl-tune-2\", \"elcl\": \"%s\", \"device\": \"%s\", \"platform\": "
        "\"%s\", \"driver\": \"%s\", \"version\": \"%s\", \"processor\": \"%s\", %s",
        version, d->name, d->platform, d->driver, d->version, processor, rates);
    snprintf(text + n, sizeof(text) - (size_t)n, ",\n\t\"check\":\t\"%016llx\"\n}",
             (unsigned long long)elcl_hash(ELCL_HASH_INIT, text, (size_t)n));
    CHECK(path && !elcl_make_directories(directory, 0777, &err) &&
              !elcl_write_file_atomic(path, text, strlen(text), &err),
          "%s", err.msg);
    elcl_free(path);
    elcl_free(directory);
}

static enum elcl_attention opened(const struct check_options *options, elcl_model_params params,
                                  struct log *log)
{
    char directory[512];
    elcl_model *model = NULL;
    elcl_model_info info = {0};
    elcl_error err = {0};
    *log = (struct log){.reason = ""};
    params.device = options->device;
    params.log = keep_lines;
    params.log_user = log;
    snprintf(directory, sizeof(directory), "%s/tests/golden/tiny-bart", check_root());
    if (CHECK(!elcl_model_open(directory, &params, &model, &err), "%s", err.msg)) {
        elcl_model_get_info(model, &info);
        CHECK(strstr(log->reason, info.attention_reason), "reported %s, logged %s",
              info.attention_reason, log->reason);
    }
    elcl_model_close(&model);
    return info.attention;
}

#define RATES(memory, f32)                                                                         \
    "\"rates\": {\"memory_gbs\": " memory ", \"cache_gbs\": " memory ", \"f32_gflops\": " f32      \
    ", \"half_gflops\": " f32 ", \"launch_us\": 0, \"wait_us\": 0, \"spread\": 0}"

/* For the tiny model, at one extreme only traffic counts, at the other only arithmetic. */
static const char *const for_el = RATES("0.001", "1000000");
static const char *const for_mha = RATES("1000000", "0.001");

static void test_stored(const struct check_options *options, const elcl_device_desc *d)
{
    if (!check_case("auto, stored rates"))
        return;
    const elcl_model_params params = elcl_model_params_default();
    struct log log;
    elcl_device_rates rates = {.memory_gbs = -1};
    CHECK(!elcl_stored_rates(d, &rates) && rates.memory_gbs < 0, "rates of nothing");
    write_tuned(d, elcl_version(), for_el);
    CHECK(elcl_stored_rates(d, &rates) && rates.f32_gflops == 1e6 && rates.type == d->type,
          "no rates");
    CHECK(opened(options, params, &log) == ELCL_ATTN_EL, "%s", log.reason);
    CHECK(strstr(log.reason, "the device's rates (0.001 GB/s, 1e+06 GFLOP/s)"), "%s", log.reason);
    write_tuned(d, elcl_version(), for_mha);
    CHECK(opened(options, params, &log) == ELCL_ATTN_MHA, "%s", log.reason);
    CHECK(!*log.unused, "%s", log.unused);
    elcl_model_params fresh = params;
    fresh.no_cache = 1; /* then the type decides */
    write_tuned(d, elcl_version(), d->type == ELCL_DEVICE_CPU ? for_el : for_mha);
    CHECK(opened(options, fresh, &log) ==
              (d->type == ELCL_DEVICE_CPU ? ELCL_ATTN_MHA : ELCL_ATTN_EL),
          "no_cache: %s", log.reason);
    fresh.attention = ELCL_ATTN_MHA_BEAM;
    CHECK(opened(options, fresh, &log) == ELCL_ATTN_MHA_BEAM && !*log.reason, "%s", log.reason);
}

/* Returns the memory for this many sentences of tiny-bart with mha, at rates that favor mha. */
static uint64_t bytes_of_mha(int sentences)
{
    char directory[512];
    elcl_plan_params p = elcl_plan_params_default();
    elcl_blueprint *blueprint = NULL;
    elcl_memory_plan plan = {0};
    elcl_error err = {0};
    snprintf(directory, sizeof(directory), "%s/tests/golden/tiny-bart", check_root());
    p.attention = ELCL_ATTN_MHA;
    p.vector_width = 16; /* the widest padding */
    p.num_beams = 4;
    p.batch_size = sentences;
    CHECK(!elcl_blueprint_open(directory, &blueprint, &err) &&
              !elcl_plan_memory(blueprint, &p, &plan, &err),
          "%s", err.msg);
    elcl_blueprint_close(&blueprint);
    return plan.total_bytes;
}

static void test_stored_memory(const struct check_options *options, const elcl_device_desc *d)
{
    if (!check_case("auto, stored rates and a memory limit"))
        return;
    elcl_model_params params = elcl_model_params_default();
    struct log log;
    /* A launch that takes a millisecond makes batches pay, and mha has fewer of them. */
    write_tuned(d, elcl_version(),
                "\"rates\": {\"memory_gbs\": 100, \"cache_gbs\": 100, \"f32_gflops\": 100, "
                "\"half_gflops\": 100, "
                "\"launch_us\": 1000, \"wait_us\": 0, \"spread\": 0}");
    params.expected_beams = 4;
    params.expected_target = 1 << 20; /* cut to the model's positions */
    CHECK(opened(options, params, &log) == ELCL_ATTN_MHA, "with room: %s", log.reason);
    params.memory_limit_bytes = bytes_of_mha(8);
    CHECK(opened(options, params, &log) == ELCL_ATTN_EL, "in memory for 8: %s", log.reason);
    params.expected_batch = 1; /* mha has room for it */
    CHECK(opened(options, params, &log) == ELCL_ATTN_MHA, "one sentence: %s", log.reason);
}

static void test_bad_files(const struct check_options *options, const elcl_device_desc *d)
{
    static const char *const bad[] = {"\"rates\": 7",         "\"rates\": {}",     RATES("-1", "5"),
                                      RATES("\"fast\"", "5"), RATES("1e300", "5"), "broken",
                                      "\"driver\": \"twice\""};
    if (!check_case("auto, files that are broken or of another device"))
        return;
    const elcl_model_params params = elcl_model_params_default();
    struct log log;
    elcl_device_rates rates;
    const enum elcl_attention by_type = d->type == ELCL_DEVICE_CPU ? ELCL_ATTN_MHA : ELCL_ATTN_EL;
    for (size_t i = 0; i < ELCL_COUNT(bad); i++) {
        write_tuned(d, elcl_version(), bad[i]);
        CHECK(opened(options, params, &log) == by_type, "%s: %s", bad[i], log.reason);
        CHECK(strstr(log.unused, "tune-"), "%s: no word on the file", bad[i]);
        CHECK(!elcl_stored_rates(d, &rates), "%s: rates", bad[i]);
    }
    write_tuned(d, "0.0.9", for_el);
    CHECK(opened(options, params, &log) == by_type, "another version: %s", log.reason);
    CHECK(strstr(log.unused, "elcl: expected"), "%s", log.unused);
    elcl_device_desc other = *d; /* a file of another driver under this one's name */
    other.driver = "another driver";
    char *directory = elcl_cache_directory(), *to = elcl_tune_file_path(directory, d);
    char *from = elcl_tune_file_path(directory, &other);
    write_tuned(&other, elcl_version(), for_el);
    CHECK(from && to && strcmp(from, to) != 0, "one name for two drivers");
    CHECK(from && to && !rename(from, to), "cannot rename");
    CHECK(opened(options, params, &log) == by_type, "another driver: %s", log.reason);
    CHECK(strstr(log.unused, "driver: expected"), "%s", log.unused);
    write_tuned(d, elcl_version(), for_el);
    size_t n = 0;
    char *text = to ? read_text(to, &n) : NULL;
    if (text) {
        text[n / 2] ^= 1; /* a file that was torn or damaged */
        CHECK(!elcl_write_file_atomic(to, text, n, NULL), "write");
        CHECK(opened(options, params, &log) == by_type, "a damaged file: %s", log.reason);
        CHECK(strstr(log.unused, "run elcl tune again"), "%s", log.unused);
    }
    elcl_free(text);
    elcl_free(from);
    elcl_free(to);
    elcl_free(directory);
}

int main(int argc, char **argv)
{
    const struct check_options *options = check_begin(argc, argv);
    test_by_type();
    test_by_rates();
    test_by_memory(NULL);
    test_by_memory(&two_cores);
    test_given_batch();
    setenv("ELCL_CACHE_DIR", check_temporary_directory(), 1);
    elcl_device_list *list = NULL;
    elcl_error err = {0};
    int i = 0;
    check_case("auto, the device");
    if (CHECK(!elcl_device_list_create(&list, &err) &&
                  !elcl_device_list_find(list, options->device, &i, &err),
              "%s", err.msg)) {
        const elcl_device_desc *d = elcl_device_list_get(list, i);
        test_stored(options, d);
        test_stored_memory(options, d);
        test_bad_files(options, d);
    }
    elcl_device_list_destroy(&list);
    return check_end();
}
