/* fairseq style against results of a reference that was written only from a description. */
#include <math.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "../check.h"
#include "base/os.h"
#include "base/util.h"
#include "search_reference.h"

static const cJSON *get(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

static int read_int(const cJSON *object, const char *key) /* null: -1 */
{
    const cJSON *item = get(object, key);
    return cJSON_IsNumber(item) ? (int)item->valuedouble : -1;
}

static float read_float(const cJSON *object, const char *key)
{
    return (float)cJSON_GetNumberValue(get(object, key));
}

static elcl_gen_options read_options(const cJSON *json)
{
    elcl_gen_options o = plain_options();
    o.num_beams = read_int(json, "num_beams");
    o.num_beam_groups = read_int(json, "num_beam_groups");
    elcl_gen_options_fairseq(&o);
    o.num_return_sequences = read_int(json, "num_return_sequences");
    o.diversity_penalty = read_float(json, "diversity_penalty");
    o.length_penalty = read_float(json, "length_penalty");
    o.min_len = read_int(json, "min_len");
    o.max_len_a = read_float(json, "max_len_a");
    o.max_len_b = read_int(json, "max_len_b");
    o.unk_penalty = read_float(json, "unk_penalty");
    o.unk_token_id = read_int(json, "unk_token_id");
    o.no_repeat_ngram_size = read_int(json, "no_repeat_ngram_size");
    o.decoder_start_token_id = read_int(json, "decoder_start_token_id");
    o.forced_bos_token_id = read_int(json, "forced_bos_token_id");
    o.pad_token_id = read_int(json, "pad_token_id");
    o.eos_token_ids[0] = read_int(json, "eos_token_id");
    return o;
}

/* [V, period, V]; null is NaN. */
static float *read_table(const cJSON *json, struct table_model *model)
{
    const int V = cJSON_GetArraySize(json), period = cJSON_GetArraySize(json->child);
    float *table = elcl_calloc((size_t)V * (size_t)period * (size_t)V, sizeof(*table)), *p = table;
    const cJSON *token, *position, *logit;
    cJSON_ArrayForEach(token, json){cJSON_ArrayForEach(position, token){
        if (!table ||
            !CHECK(cJSON_GetArraySize(position) == V, "a row of another length")) continue;
    cJSON_ArrayForEach(logit, position) *p++ =
        cJSON_IsNumber(logit) ? (float)logit->valuedouble : NAN;
}
}
*model = (struct table_model){.vocabulary = V, .period = period, .table = table};
return table;
}

static void check_result(const struct outcome *got, int i, const cJSON *want)
{
    const cJSON *ids = get(want, "ids");
    const int n = cJSON_GetArraySize(ids);
    const int32_t *got_ids = got->ids + (size_t)i * (size_t)got->max_length;
    if (!CHECK(got->n_ids[i] == n, "hypothesis %d: got %d ids, want %d", i, got->n_ids[i], n))
        return;
    for (int j = 0; j < n; j++) {
        const int id = (int)cJSON_GetArrayItem(ids, j)->valuedouble;
        CHECK(got_ids[j] == id, "hypothesis %d, id %d: got %d, want %d", i, j, (int)got_ids[j], id);
    }
    const double score = cJSON_GetNumberValue(get(want, "score"));
    CHECK(fabs((double)got->scores[i] - score) <= 1e-5 * (1 + fabs(score)),
          "hypothesis %d: got score %.9g, want %.9g", i, (double)got->scores[i], score);
    CHECK(got->finish[i] == ELCL_FINISH_EOS, "hypothesis %d is not finished", i);
}

static void check_golden(const cJSON *json, const cJSON *tables)
{
    const elcl_gen_options o = read_options(get(json, "options"));
    elcl_gen_options bound;
    struct table_model model;
    struct outcome got = {0};
    elcl_error err = {0};
    const cJSON *results = get(json, "results");
    const int n = cJSON_GetArraySize(results), positions = read_int(json, "positions");
    float *table = read_table(cJSON_GetArrayItem(tables, read_int(json, "table")), &model);
    const bool ok =
        CHECK(!elcl_options_check(&o, model.vocabulary, positions, &err), "%s", err.msg) &&
        CHECK(!elcl_options_bind(&o, read_int(json, "source_length"), positions, positions, &bound,
                                 &err),
              "%s", err.msg) &&
        CHECK(!run_search(&bound, &model, &got, &err), "%s", err.msg);
    /* If the reference has no result, the open beams are the result. */
    for (int i = 0; ok && !n && i < got.n; i++)
        CHECK(got.finish[i] == ELCL_FINISH_LENGTH, "hypothesis %d is finished", i);
    if (ok && CHECK(n ? got.n == n : got.n > 0, "got %d hypotheses, want %d", got.n, n))
        for (int i = 0; i < n; i++)
            check_result(&got, i, cJSON_GetArrayItem(results, i));
    outcome_free(&got);
    elcl_free(table);
}

static void test_goldens(void)
{
    char *path = elcl_path_join(check_root(), "tests/golden/fairseq/cases.json");
    char *text = NULL;
    size_t bytes = 0;
    elcl_error err = {0};
    cJSON *file = NULL;
    if (!elcl_read_file(path, 64 << 20, &text, &bytes, &err))
        file = cJSON_ParseWithLength(text, bytes);
    const cJSON *cases = get(file, "cases"), *json;
    if (check_case("golden file"))
        CHECK(cJSON_GetArraySize(cases) >= 200, "%s: %d cases: %s", path, cJSON_GetArraySize(cases),
              err.msg);
    int i = 0;
    cJSON_ArrayForEach(json, cases)
    {
        const cJSON *o = get(json, "options");
        if (check_case("golden %d K=%d G=%d", i++, read_int(o, "num_beams"),
                       read_int(o, "num_beam_groups")))
            check_golden(json, get(file, "tables"));
    }
    cJSON_Delete(file);
    elcl_free(text);
    elcl_free(path);
}

/* ---- options ------------------------------------------------------------------------------- */

static elcl_gen_options fairseq_options(void)
{
    elcl_gen_options o = plain_options();
    o.num_beams = 4;
    elcl_gen_options_fairseq(&o);
    return o;
}

static void refused(const elcl_gen_options *o, const char *message)
{
    elcl_error err = {0};
    elcl_gen_options bound;
    int rc = elcl_options_check(o, 100, 64, &err);
    if (!rc)
        rc = elcl_options_bind(o, 10, 64, 32, &bound, &err);
    CHECK(rc == ELCL_E_ARG && strstr(err.msg, message), "rc %d: %s", rc, err.msg);
}

static void test_refused(void)
{
    if (!check_case("what a style lacks is refused"))
        return;
    elcl_gen_options o;
    const char *in_fairseq = "has no meaning in search_style fairseq";
    const char *in_hf = "has no meaning in search_style hf";
#define REFUSE(options, field, value, message) (o = options, o.field = value, refused(&o, message))
    REFUSE(fairseq_options(), max_length, 20, in_fairseq);
    REFUSE(fairseq_options(), max_new_tokens, 20, in_fairseq);
    REFUSE(fairseq_options(), min_length, 2, in_fairseq);
    REFUSE(fairseq_options(), min_new_tokens, 2, in_fairseq);
    REFUSE(fairseq_options(), early_stopping, ELCL_EARLY_TRUE, in_fairseq);
    REFUSE(fairseq_options(), repetition_penalty, 1.5f, in_fairseq);
    REFUSE(fairseq_options(), forced_eos_token_id, 1, in_fairseq);
    REFUSE(fairseq_options(), ban_pad, 1, in_fairseq);
    REFUSE(fairseq_options(), renormalize_logits, 1, in_fairseq);
    REFUSE(fairseq_options(), do_sample, (o.temperature = o.top_p = o.typical_p = 1, 1),
           in_fairseq);
    REFUSE(fairseq_options(), n_bad_words, 1, "bad_words has 1 lists at NULL");
    static const int32_t list[] = {3, 1}; /* 1 is EOS */
    static const elcl_tokens one[] = {{list, 1}};
    static const char *const text[] = {"a"};
    const elcl_tokens tokens = {list, 1}, with_eos = {list, 2};
    REFUSE(fairseq_options(), n_bad_words, (o.bad_words = one, 1), in_fairseq);
    REFUSE(fairseq_options(), n_alternatives, (o.alternatives = one, 1), in_fairseq);
    REFUSE(fairseq_options(), suppress_tokens, tokens, in_fairseq);
    REFUSE(fairseq_options(), begin_suppress_tokens, tokens, in_fairseq);
    REFUSE(fairseq_options(), encoder_no_repeat_ngram_size, 2, in_fairseq);
    REFUSE(fairseq_options(), encoder_repetition_penalty, 2, in_fairseq);
    REFUSE(fairseq_options(), presence_penalty, 1, in_fairseq);
    REFUSE(fairseq_options(), frequency_penalty, 1, in_fairseq);
    REFUSE(fairseq_options(), n_stop_strings, (o.stop_strings = text, 1), in_fairseq);
    REFUSE(fairseq_options(), prefix, with_eos, "prefix has the EOS 1");
    REFUSE(fairseq_options(), forced_bos_token_id, (o.prefix = tokens, 4), "are the same");
    REFUSE(fairseq_options(), max_len_b, (o.prefix = tokens, o.min_len = 0),
           "prefix has 1 tokens, must have at most 0 with a source of 10 tokens");
    REFUSE(plain_options(), min_len, 1, in_hf);
    REFUSE(plain_options(), max_len_a, 1, in_hf);
    REFUSE(plain_options(), max_len_b, 1, in_hf);
    REFUSE(plain_options(), unk_penalty, 1, in_hf);
    REFUSE(fairseq_options(), n_eos, 0, "there are 0 eos_token_ids");
    REFUSE(fairseq_options(), min_len, -1, "min_len is -1, must be 0 or more");
    REFUSE(fairseq_options(), max_len_b, -1, "max_len_b is -1, must be 0 or more");
    REFUSE(fairseq_options(), max_len_a, 65, "max_len_a is 65, must be 0 .. 64");
    REFUSE(fairseq_options(), max_len_a, NAN, "max_len_a is ");
    REFUSE(fairseq_options(), unk_penalty, INFINITY, "unk_penalty is inf, must be a number");
    REFUSE(fairseq_options(), max_len_b, 32, "allow 32 tokens with a source of 10, the engine's");
    o = fairseq_options();
    o.max_len_b = 20;
    o.length_penalty = 300;
    refused(&o, "length_penalty is 300");
    o = fairseq_options();
    o.max_len_b = 5;
    o.min_len = 6;
    refused(&o, "min_len is 6, must be at most 5 with a source of 10 tokens");
    o.min_len = 1;
    o.unk_penalty = 1;
    o.unk_token_id = -1;
    refused(&o, "unk_token_id is -1, must be 0 .. 99");
    REFUSE(plain_options(), search_style, (enum elcl_search_style)2, "search_style is 2");
#undef REFUSE
}

static void test_lengths(void)
{
    static const struct {
        float a;
        int b, source, positions, max_len;
    } cases[] = {{0, 200, 3, 64, 63},  {0, 20, 3, 64, 20},    {1, 5, 7, 64, 12},
                 {0.7f, 0, 10, 64, 7}, {1.2f, 0, 10, 64, 12}, {0.29f, 0, 100, 64, 28}};
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        if (!check_case("max_len of %g * %d + %d", (double)cases[i].a, cases[i].source, cases[i].b))
            continue;
        elcl_gen_options o = fairseq_options(), bound = {0};
        elcl_error err = {0};
        o.max_len_a = cases[i].a;
        o.max_len_b = cases[i].b;
        CHECK(!elcl_options_bind(&o, cases[i].source, cases[i].positions, cases[i].positions,
                                 &bound, &err),
              "%s", err.msg);
        CHECK(bound.max_length == cases[i].max_len + 2, "max_length %d, want %d", bound.max_length,
              cases[i].max_len + 2);
    }
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_goldens();
    test_refused();
    test_lengths();
    return check_end();
}
