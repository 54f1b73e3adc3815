/* Buckets of distance against the reference's, and sources longer than the default for positions
 * without a limit. */
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "model/position_bias.h"
#include "parity/common.h"

static int number(const cJSON *object, const char *key)
{
    return (int)cJSON_GetObjectItem(object, key)->valuedouble;
}

static int runs_value(const cJSON *runs, int i, int field)
{
    return (int)cJSON_GetArrayItem(cJSON_GetArrayItem(runs, i), field)->valuedouble;
}

/* Lists runs of distances that share a bucket, from -last to last. */
static void test_entry(const cJSON *entry)
{
    const struct elcl_position_buckets buckets = {number(entry, "buckets"),
                                                  number(entry, "max_distance"),
                                                  cJSON_IsTrue(cJSON_GetObjectItem(entry, "both"))};
    const cJSON *runs = cJSON_GetObjectItem(entry, "runs");
    const int last = number(entry, "last"), n = cJSON_GetArraySize(runs);
    if (!check_case("buckets %d, distance %d, %s", buckets.n, buckets.max_distance,
                    buckets.both ? "both sides" : "one side"))
        return;
    CHECK(elcl_position_buckets_valid(&buckets), "refused");
    CHECK(n > 2 && runs_value(runs, 0, 0) == -last, "%d runs", n);
    for (int i = 0; i < n; i++) {
        const int end = i + 1 < n ? runs_value(runs, i + 1, 0) : last + 1;
        for (int d = runs_value(runs, i, 0); d < end; d++) {
            const int got = elcl_position_bucket(&buckets, d), want = runs_value(runs, i, 1);
            CHECK(got == want, "distance %d: bucket %d, expected %d", d, got, want);
        }
    }
    for (int side = -1; side < 2; side += 2)
        CHECK(elcl_position_bucket(&buckets, side * buckets.max_distance) ==
                  elcl_position_bucket(&buckets, side * 60000),
              "the bucket changes beyond max_distance");
}

static int submit(elcl_model *model, int max_source, const struct tokens *source, elcl_error *err)
{
    elcl_engine_params params = elcl_engine_params_default();
    params.batch_size = 1;
    params.max_beams = 1;
    params.max_source = max_source;
    elcl_engine *engine = NULL;
    elcl_request request = {.source = source->ids, .n_source = (size_t)source->n};
    elcl_model_gen_defaults(model, &request.options);
    request.options.num_beams = 1;
    int rc = elcl_engine_create(model, &params, &engine, err);
    if (!rc)
        rc = elcl_engine_submit(engine, &request, NULL, err);
    if (!rc)
        rc = elcl_engine_run(engine, err);
    elcl_engine_destroy(&engine);
    return rc;
}

/* tiny-t5 has n_positions 60. */
static void test_long_source(const struct check_options *options)
{
    if (!check_case("distances, a source longer than the default"))
        return;
    char directory[512];
    const struct setup setup = {.attention = ELCL_ATTN_EL, .kernels = ELCL_KERNELS_CPU};
    snprintf(directory, sizeof(directory), "%s/tests/golden/tiny-t5", check_root());
    elcl_model *model = setup_open(directory, &setup, options);
    if (!model)
        return;
    struct tokens source = {.n = 100};
    for (int i = 0; i < source.n; i++)
        source.ids[i] = 4 + i % 40;
    elcl_model_info info;
    elcl_model_get_info(model, &info);
    CHECK(info.default_length == 60 && info.max_source > 10000, "%d, %d", info.default_length,
          info.max_source);
    elcl_error err = {0};
    CHECK(submit(model, 0, &source, &err) == ELCL_E_ARG && strstr(err.msg, "60"), "%s", err.msg);
    err = (elcl_error){0};
    CHECK(!submit(model, source.n, &source, &err), "%s", err.msg);
    CHECK(submit(model, info.max_source + 1, &source, &err) == ELCL_E_ARG, "no limit");
    setup_close(&model);
}

int main(int argc, char **argv)
{
    const struct check_options *options = check_begin(argc, argv);
    static const struct elcl_position_buckets bad[] = {
        {3, 128, true}, {1, 128, false}, {32, 16, false}, {32, 8, true}};
    char path[512];
    snprintf(path, sizeof(path), "%s/tests/golden/position-buckets.json", check_root());
    check_case("buckets, stored ones");
    cJSON *root = read_json(path);
    const cJSON *entries = cJSON_GetObjectItem(root, "entries"), *entry;
    CHECK(cJSON_GetArraySize(entries) > 20, "%s: nothing in it", path);
    cJSON_ArrayForEach(entry, entries) test_entry(entry);
    if (check_case("buckets, no room for them"))
        for (size_t i = 0; i < ELCL_COUNT(bad); i++)
            CHECK(!elcl_position_buckets_valid(&bad[i]), "%d buckets, distance %d", bad[i].n,
                  bad[i].max_distance);
    cJSON_Delete(root);
    test_long_source(options);
    return check_end();
}
