/* Alignments of generated outputs: against stored ones of transformers and CTranslate2, and against
 * the scorer's for the same tokens, for every search. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/state_row.h"
#include "parity/common.h"

#define TOLERANCE 5e-5 /* of a probability */
#define F16_TOLERANCE 0.01
#define BF16_TOLERANCE (8 * F16_TOLERANCE) /* three bits less */
#define NARROW_TOLERANCE 0.01 /* another rounding of an element moves its integer by one */
#define OUTPUTS 4

/* What one request delivered. */
struct seen {
    int deliveries, n, error;
    size_t n_source;
    struct tokens tokens[OUTPUTS];
    float *alignments[OUTPUTS]; /* [n - 1, n_source] or NULL */
};

static void on_result(void *user, const elcl_result *result)
{
    struct seen *seen = result->user;
    (void)user;
    seen->deliveries++;
    seen->error = result->error ? result->error->code : 0;
    seen->n_source = result->n_source;
    seen->n = elcl_min_int(result->n_hypotheses, OUTPUTS);
    for (int i = 0; i < seen->n; i++) {
        const elcl_hypothesis *h = &result->hypotheses[i];
        const size_t n = (h->n_ids - 1) * result->n_source;
        seen->tokens[i].n = (int)h->n_ids;
        memcpy(seen->tokens[i].ids, h->ids, h->n_ids * sizeof(*h->ids));
        seen->alignments[i] = h->alignments ? elcl_calloc(n, sizeof(float)) : NULL;
        if (seen->alignments[i])
            memcpy(seen->alignments[i], h->alignments, n * sizeof(float));
    }
}

static void forget(struct seen *seen, int n)
{
    for (int i = 0; i < n * OUTPUTS; i++)
        elcl_free(seen[i / OUTPUTS].alignments[i % OUTPUTS]);
    elcl_free(seen);
}

/* Creates a pool of n engines; NULL after a failed check. */
static elcl_pool *open_pool(elcl_model *model, int n, int head)
{
    elcl_model *const models[] = {model, model};
    elcl_engine_params params = elcl_engine_params_default();
    elcl_pool *pool = NULL;
    elcl_error err = {0};
    params.batch_size = 5; /* requests come and go between steps */
    params.on_result = on_result;
    params.alignment_head = head;
    CHECK(!elcl_pool_create(models, n, &params, &pool, &err), "%s", err.msg);
    return pool;
}

static double tolerance_of(const struct setup *setup)
{
    return elcl_state_is_narrow(setup->state)    ? NARROW_TOLERANCE
           : setup->compute == ELCL_COMPUTE_F16  ? F16_TOLERANCE
           : setup->compute == ELCL_COMPUTE_BF16 ? BF16_TOLERANCE
                                                 : TOLERANCE;
}

/* ---- stored -------------------------------------------------------------------------------- */

static void compare_rows(const float *got, const cJSON *rows, size_t n_source)
{
    const cJSON *row, *number;
    cJSON_ArrayForEach(row, rows)
    {
        CHECK(cJSON_GetArraySize(row) == (int)n_source, "%zu source tokens", n_source);
        cJSON_ArrayForEach(number, row)
        {
            CHECK(fabs((double)*got - 1e-6 * number->valuedouble) <= TOLERANCE, "%.6f, stored %.6f",
                  (double)*got, 1e-6 * number->valuedouble);
            got++;
        }
    }
}

static void compare_stored(const struct seen *seen, const cJSON *want)
{
    const cJSON *hypothesis;
    int i = 0;
    CHECK(seen->n == cJSON_GetArraySize(want), "%d hypotheses", seen->n);
    cJSON_ArrayForEach(hypothesis, want)
    {
        const cJSON *rows = cJSON_GetObjectItem(hypothesis, "alignments");
        struct tokens ids;
        golden_tokens(cJSON_GetObjectItem(hypothesis, "ids"), &ids);
        const bool same = i < seen->n && ids.n == seen->tokens[i].n &&
                          !memcmp(ids.ids, seen->tokens[i].ids, (size_t)ids.n * sizeof(*ids.ids));
        if (CHECK(same, "hypothesis %d has other tokens", i) &&
            CHECK(seen->alignments[i] && cJSON_GetArraySize(rows) == ids.n - 1,
                  "hypothesis %d: %d "
                  "rows",
                  i, ids.n - 1))
            compare_rows(seen->alignments[i], rows, seen->n_source);
        i++;
    }
}

static void test_stored(const char *name, const struct setup *setup,
                        const struct check_options *options)
{
    struct golden golden;
    if (!setup_case("alignments, stored", name, setup) ||
        !golden_load_file(name, "alignments.json", &golden))
        return;
    int n = 0;
    const cJSON **want = NULL;
    struct job *jobs = golden_jobs(&golden, 1, &n, &want);
    struct seen *seen = elcl_calloc((size_t)n, sizeof(*seen));
    const cJSON *first = cJSON_GetArrayItem(cJSON_GetObjectItem(golden.root, "cases"), 0);
    elcl_model *model = setup_open(golden.directory, setup, options);
    elcl_error err = {0};
    elcl_pool *pool = model ? open_pool(model, setup->attention == ELCL_ATTN_EL ? 2 : 1,
                                        cJSON_GetObjectItem(first, "head")->valueint)
                            : NULL;
    for (int i = 0; pool && i < n; i++) {
        elcl_request request = job_begin(&jobs[i]);
        request.options.alignments = 1;
        request.user = &seen[i];
        CHECK(!elcl_pool_submit(pool, &request, NULL, &err), "%s", err.msg);
    }
    CHECK(pool && n >= 6 && !elcl_pool_run(pool, &err), "%d jobs: %s", n, err.msg);
    for (int i = 0; pool && i < n; i++)
        compare_stored(&seen[i], want[i]);
    elcl_pool_destroy(&pool);
    setup_close(&model);
    forget(seen, n);
    elcl_free(jobs);
    elcl_free(want);
    golden_finish(&golden);
}

/* ---- every search -------------------------------------------------------------------------- */

enum kind { GREEDY, BEAM, DIVERSE, SAMPLE, SAMPLE_BEAMS, FAIRSEQ, PREFIX, NONE, CANCELLED, KINDS };
#define INPUTS 3

/* Sets the options of a kind; the plain ones are those of BEAM without alignments. */
static void set_options(const elcl_model *model, enum kind kind, elcl_gen_options *o)
{
    static const int32_t prefix[] = {7, 5};
    elcl_model_gen_defaults(model, o);
    o->max_length = 14;
    o->max_new_tokens = 0;
    o->num_beams = kind == GREEDY || kind == SAMPLE || kind == PREFIX ? 1 : 4;
    o->num_return_sequences = kind == GREEDY || kind == PREFIX ? 1 : 3;
    o->num_beam_groups = kind == DIVERSE ? 2 : 0;
    o->diversity_penalty = kind == DIVERSE ? 0.5f : 0;
    o->do_sample = kind == SAMPLE || kind == SAMPLE_BEAMS;
    o->no_repeat_ngram_size = 0;
    if (kind == FAIRSEQ)
        elcl_gen_options_fairseq(o);
    if (kind == FAIRSEQ)
        o->max_len_b = 12;
    if (kind == PREFIX)
        o->prefix = (elcl_tokens){prefix, ELCL_COUNT(prefix)};
    o->alignments = kind != NONE;
}

/* Asks the scorer about every output. */
static void compare_scorer(elcl_model *model, const struct golden *golden, const struct seen *seen,
                           double tolerance)
{
    float log_probs[MAX_TOKENS], *want = elcl_calloc(MAX_TOKENS * MAX_TOKENS, sizeof(*want));
    elcl_scorer *scorer = NULL;
    elcl_error err = {0};
    int compared = 0;
    if (!CHECK(want && !elcl_scorer_create(model, NULL, &scorer, &err), "%s", err.msg))
        return;
    for (int i = 0; i < KINDS * INPUTS * OUTPUTS; i++) {
        const struct seen *one = &seen[i / OUTPUTS];
        const struct tokens *ids = &one->tokens[i % OUTPUTS];
        const float *got = one->alignments[i % OUTPUTS];
        const size_t n = (size_t)(ids->n - 1) * one->n_source;
        if (!got)
            continue;
        const elcl_score_request q = {.source = golden->inputs[i / OUTPUTS % INPUTS].ids,
                                      .n_source = one->n_source,
                                      .target = ids->ids + 1,
                                      .n_target = (size_t)ids->n - 1,
                                      .decoder_start_token_id = ids->ids[0],
                                      .log_probs = log_probs,
                                      .alignments = want};
        double worst = 0;
        CHECK(!elcl_scorer_run(scorer, &q, 1, &err), "%s", err.msg);
        for (size_t k = 0; k < n; k++)
            worst = fmax(worst, fabs((double)got[k] - (double)want[k]));
        CHECK(worst <= tolerance, "kind %d, output %d: differs from the scorer by %g",
              i / OUTPUTS / INPUTS, i % OUTPUTS, worst);
        compared++;
    }
    CHECK(compared >= 3 * INPUTS + 3 * INPUTS * 4, "%d outputs", compared);
    elcl_scorer_destroy(&scorer);
    elcl_free(want);
}

static void check_seen(const struct seen *seen)
{
    for (int i = 0; i < KINDS * INPUTS; i++) {
        const int kind = i / INPUTS;
        CHECK(seen[i].deliveries == 1, "kind %d: %d deliveries", kind, seen[i].deliveries);
        CHECK((seen[i].error == ELCL_E_INTERRUPTED) == (kind == CANCELLED), "kind %d: error %d",
              kind, seen[i].error);
        CHECK((seen[i].n == 0) == (kind == CANCELLED), "kind %d: %d outputs", kind, seen[i].n);
        for (int k = 0; k < seen[i].n; k++)
            CHECK(!seen[i].alignments[k] == (kind == NONE), "kind %d, output %d", kind, k);
    }
    for (int i = 0; i < INPUTS; i++)
        CHECK(!memcmp(seen[BEAM * INPUTS + i].tokens, seen[NONE * INPUTS + i].tokens,
                      sizeof(seen->tokens)),
              "input %d: alignments change tokens", i);
}

static void test_searches(const char *name, const struct setup *setup,
                          const struct check_options *options)
{
    struct golden golden;
    if (!setup_case("alignments, searches", name, setup) || !golden_load(name, &golden))
        return;
    struct seen *seen = elcl_calloc((size_t)KINDS * INPUTS, sizeof(*seen));
    elcl_model *model = setup_open(golden.directory, setup, options);
    elcl_pool *pool = model ? open_pool(model, 1, -1) : NULL;
    elcl_error err = {0};
    for (int i = 0; pool && i < KINDS * INPUTS; i++) {
        uint64_t id = 0;
        elcl_request request = {.source = golden.inputs[i % INPUTS].ids,
                                .n_source = (size_t)golden.inputs[i % INPUTS].n,
                                .user = &seen[i],
                                .sample = (uint64_t)i};
        set_options(model, (enum kind)(i / INPUTS), &request.options);
        CHECK(!elcl_pool_submit(pool, &request, &id, &err), "%s", err.msg);
        if (i / INPUTS != CANCELLED)
            continue;
        CHECK(!elcl_pool_step(pool, NULL, &err), "%s", err.msg);
        elcl_pool_cancel(pool, id);
    }
    if (CHECK(pool && !elcl_pool_run(pool, &err), "%s", err.msg)) {
        check_seen(seen);
        compare_scorer(model, &golden, seen, tolerance_of(setup));
    }
    elcl_pool_destroy(&pool);
    setup_close(&model);
    forget(seen, KINDS * INPUTS);
    golden_finish(&golden);
}

/* ---- refusals ------------------------------------------------------------------------------ */

static void test_refusals(const struct setup *setup, const struct check_options *options)
{
    static const int32_t source[] = {5};
    struct golden golden;
    elcl_engine *engine = NULL;
    elcl_error err = {0};
    if (!setup_case("alignments, refused", "tiny-gpt2", setup) ||
        !golden_load("tiny-gpt2", &golden))
        return;
    elcl_model *model = setup_open(golden.directory, setup, options);
    elcl_engine_params params = elcl_engine_params_default();
    elcl_request request = {.source = source, .n_source = 1};
    if (model) {
        params.alignment_layer = model->arch.decoder_layers;
        CHECK(elcl_engine_create(model, &params, &engine, &err) == ELCL_E_ARG &&
                  strstr(err.msg, "alignment_layer is "),
              "%s", err.msg);
        err = (elcl_error){0};
        CHECK(!elcl_engine_create(model, NULL, &engine, &err), "%s", err.msg);
        elcl_model_gen_defaults(model, &request.options);
        request.options.alignments = 1;
        CHECK(elcl_engine_submit(engine, &request, NULL, &err) == ELCL_E_ARG &&
                  strstr(err.msg, "alignments are for models with an encoder"),
              "%s", err.msg);
    }
    elcl_engine_destroy(&engine);
    setup_close(&model);
    golden_finish(&golden);
}

int main(int argc, char **argv)
{
    static const char *const models[] = {"tiny-bart", "tiny-marian", "tiny-mbart", "tiny-t5",
                                         "ct2-marian"};
    const struct check_options *options = check_begin(argc, argv);
    for (size_t a = 0; a < ELCL_COUNT(all_variants); a++)
        for (size_t k = 0; k < ELCL_COUNT(all_shapes); k++) {
            const struct setup setup = {
                .attention = all_variants[a], .kernels = all_shapes[k], .gemm = ELCL_GEMM_NATIVE};
            /* The kernel knows no families, and GPU kernels take long to build. */
            const bool many = all_shapes[k] == ELCL_KERNELS_CPU || options->all;
            for (size_t i = 0; i < (many ? ELCL_COUNT(models) : 1); i++)
                test_stored(models[i], &setup, options);
            test_searches("tiny-bart", &setup, options);
        }
    for (int el = 0; el < 2; el++) { /* queries in one plane of 16 bits, and in two */
        const struct setup setup = {.attention = el ? ELCL_ATTN_EL : ELCL_ATTN_MHA,
                                    .kernels = ELCL_KERNELS_GPU,
                                    .gemm = ELCL_GEMM_NATIVE,
                                    .weights = el ? ELCL_F16 : ELCL_BF16,
                                    .state = el ? ELCL_F16 : ELCL_BF16,
                                    .compute = el ? ELCL_COMPUTE_F16 : ELCL_COMPUTE_BF16};
        test_searches("tiny-bart", &setup, options);
    }
    static const struct {
        enum elcl_attention attention;
        enum elcl_storage state;
    } narrow[] = {
        {ELCL_ATTN_MHA, ELCL_INT8}, {ELCL_ATTN_MHA_BEAM, ELCL_INT8}, {ELCL_ATTN_EL, ELCL_INT4}};
    for (size_t i = 0; i < ELCL_COUNT(narrow); i++)
        test_searches("tiny-bart",
                      &(struct setup){.attention = narrow[i].attention,
                                      .kernels = ELCL_KERNELS_CPU,
                                      .gemm = ELCL_GEMM_NATIVE,
                                      .state = narrow[i].state},
                      options);
    test_refusals(&(struct setup){.attention = ELCL_ATTN_EL,
                                  .kernels = ELCL_KERNELS_CPU,
                                  .gemm = ELCL_GEMM_NATIVE},
                  options);
    return check_end();
}
