/* elcl against stored results of transformers: encoder output, logits of every step, and all
 * decoded hypotheses. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/os.h"
#include "base/util.h"
#include "parity/common.h"

/* The stored rows are double precision; in f32, layer norms leave values of a few units, and sums
 * are at most 45 long. */
#define ENCODER_TOLERANCE 1e-5
#define LOGITS_TOLERANCE 4e-5
#define SCORE_TOLERANCE 1e-4
#define NARROW_TOLERANCE 0.02

static long n_compared, n_logits;

/* Runs the driver over the goldens' teacher-forced inputs, or (with no forced tokens) over one
 * step, which is enough for the encoder. */
static void compare_encoder(const struct golden *golden, elcl_model *model)
{
    const cJSON *stored = cJSON_GetObjectItem(golden->root, "encoder"), *entry;
    struct tokens sources[16];
    struct driver_row rows[16];
    int n = 0, i = 0;
    cJSON_ArrayForEach(entry, stored)
    {
        sources[n] = golden->inputs[(int)cJSON_GetObjectItem(entry, "input")->valuedouble];
        rows[n] = (struct driver_row){n, model->defaults.decoder_start_token_id, 0};
        n++;
    }
    struct driver driver;
    if (driver_create(&driver, model, sources, n, 1, 2) && driver_step(&driver, rows, n))
        cJSON_ArrayForEach(entry, stored)
        {
            int r, d;
            double *want = golden_rows(cJSON_GetObjectItem(entry, "rows"), &r, &d);
            CHECK(r == sources[i].n && d == model->arch.d, "%d x %d stored", r, d);
            check_close("encoder output",
                        driver.encoded + (size_t)driver_source_row(&driver, i) * (size_t)d, want,
                        (size_t)r * (size_t)d, ENCODER_TOLERANCE, ENCODER_TOLERANCE);
            elcl_free(want);
            i++;
        }
    driver_finish(&driver);
    CHECK(i > 0, "no encoder output was compared");
}

/* Logits of the forced rows at every step, while a second row beside each changes places with
 * it. */
static void compare_logits(const struct golden *golden, elcl_model *model)
{
    const cJSON *stored = cJSON_GetObjectItem(golden->root, "teacher_forced"), *entry;
    struct tokens sources[8], forced[8];
    double *want[8];
    int n = 0, n_steps = 0, v = 0;
    cJSON_ArrayForEach(entry, stored)
    {
        sources[n] = golden->inputs[(int)cJSON_GetObjectItem(entry, "input")->valuedouble];
        golden_tokens(cJSON_GetObjectItem(entry, "decoder_ids"), &forced[n]);
        want[n] = golden_rows(cJSON_GetObjectItem(entry, "logits"), &n_steps, &v);
        n++;
    }
    CHECK(n && n_steps >= 8 && v == model->arch.vocabulary, "%d steps, %d logits", n_steps, v);
    struct driver driver;
    bool ok = driver_create(&driver, model, sources, n, 2, n_steps);
    for (int t = 0; ok && t < n_steps; t++) {
        struct driver_row rows[16];
        ok = driver_step(&driver, rows, forced_rows(&driver, forced, t, rows));
        for (int i = 0; ok && i < n; i++, n_logits++)
            ok = check_close("logits", driver.logits + (size_t)forced_row(t, i) * (size_t)v,
                             want[i] + (size_t)t * (size_t)v, (size_t)v, LOGITS_TOLERANCE,
                             LOGITS_TOLERANCE);
        CHECK(ok, "step %d of %d", t, n_steps);
    }
    driver_finish(&driver);
    for (int i = 0; i < n; i++)
        elcl_free(want[i]);
}

/* Beam search of 4.47.1 writes the first EOS at the end, whichever EOS it was. */
static void mend_eos(const elcl_gen_options *o, const struct tokens *got, struct tokens *ids)
{
    const int last = ids->n - 1;
    if (o->num_beams == 1 || got->n != ids->n || ids->ids[last] != o->eos_token_ids[0])
        return;
    for (int i = 1; i < o->n_eos; i++)
        if (got->ids[last] == o->eos_token_ids[i])
            ids->ids[last] = got->ids[last];
}

static bool compare_hypothesis(const char *name, const elcl_gen_options *o,
                               const struct hypothesis *got, const cJSON *want)
{
    struct tokens ids;
    golden_tokens(cJSON_GetObjectItem(want, "ids"), &ids);
    mend_eos(o, &got->tokens, &ids);
    const double score = cJSON_GetObjectItem(want, "score")->valuedouble;
    const bool same = got->tokens.n == ids.n &&
                      !memcmp(got->tokens.ids, ids.ids, (size_t)ids.n * sizeof(*ids.ids));
    n_compared++;
    return CHECK(same, "%s: other tokens than stored (%d, stored %d)", name, got->tokens.n,
                 ids.n) &&
           CHECK(fabs((double)got->score - score) <= SCORE_TOLERANCE * (1 + fabs(score)),
                 "%s: score %.9g, stored %.9g", name, (double)got->score, score);
}

static void compare_no_speech(const char *name, float got, const cJSON *want)
{
    const cJSON *stored = cJSON_GetObjectItem(want, "no_speech_prob");
    if (stored)
        CHECK(fabs((double)got - stored->valuedouble) <= 1e-5, "%s: no speech %.9g, stored %.9g",
              name, (double)got, stored->valuedouble);
    else
        CHECK(isnan(got), "%s: no speech %g", name, (double)got);
}

/* Runs every case x input in one engine, so that sentences of all kinds share steps. */
static void compare_results(const struct golden *golden, elcl_model *model, int case_step,
                            int batch_size)
{
    const cJSON **want;
    int n;
    struct job *jobs = golden_jobs(golden, case_step, &n, &want);
    elcl_engine_params params = elcl_engine_params_default();
    params.batch_size = batch_size;
    params.max_beams = 8;
    if (jobs_run(model, &params, jobs, n, NULL))
        for (int i = 0; i < n; i++) {
            char name[64];
            const int stored = cJSON_GetArraySize(want[i]);
            snprintf(name, sizeof(name), "job %d, source of %d tokens", i, jobs[i].source->n);
            compare_no_speech(name, jobs[i].no_speech_prob, cJSON_GetArrayItem(want[i], 0));
            CHECK(jobs[i].n == stored, "%s: %d results, stored %d", name, jobs[i].n, stored);
            for (int k = 0; k < elcl_min_int(jobs[i].n, stored); k++)
                compare_hypothesis(name, &jobs[i].options, &jobs[i].hypotheses[k],
                                   cJSON_GetArrayItem(want[i], k));
        }
    elcl_free(jobs);
    elcl_free(want);
}

/* The model's own generation_config.json gives the options of the first case. */
static void compare_defaults(const struct golden *golden, const elcl_model *model)
{
    elcl_gen_options want, got;
    golden_options(
        cJSON_GetObjectItem(cJSON_GetArrayItem(cJSON_GetObjectItem(golden->root, "cases"), 0),
                            "options"),
        &want);
    elcl_model_gen_defaults(model, &got);
    CHECK(got.num_beams == want.num_beams && got.max_length == want.max_length &&
              got.min_length == want.min_length &&
              got.no_repeat_ngram_size == want.no_repeat_ngram_size,
          "beams %d, lengths %d .. %d, n-gram %d", got.num_beams, got.min_length, got.max_length,
          got.no_repeat_ngram_size);
    CHECK(fabsf(got.length_penalty - want.length_penalty) < 1e-6f, "%g",
          (double)got.length_penalty);
    CHECK(got.early_stopping == want.early_stopping, "%d", (int)got.early_stopping);
    CHECK(got.n_eos == want.n_eos && got.eos_token_ids[0] == want.eos_token_ids[0], "EOS differs");
    if (!model->arch.decoder_only)
        CHECK(got.decoder_start_token_id == want.decoder_start_token_id, "%d",
              (int)got.decoder_start_token_id);
    CHECK(got.forced_bos_token_id == want.forced_bos_token_id &&
              got.forced_eos_token_id == want.forced_eos_token_id,
          "forced %d, %d", (int)got.forced_bos_token_id, (int)got.forced_eos_token_id);
    CHECK(got.pad_token_id == want.pad_token_id && got.ban_pad == want.ban_pad, "pad %d",
          (int)got.pad_token_id);
    CHECK(got.renormalize_logits == want.renormalize_logits, "%d", got.renormalize_logits);
}

static void test_setup(const struct golden *golden, const char *name, const struct setup *setup,
                       const struct check_options *options)
{
    /* CLBlast compiles a routine per shape class: some cases are enough to prove the path. */
    const bool clblast = setup->gemm == ELCL_GEMM_CLBLAST;
    if (!setup_case("golden", name, setup))
        return;
    elcl_model *model = setup_open(golden->directory, setup, options);
    if (model) {
        if (elcl_is_directory(golden->directory)) /* a GGUF file has no options */
            compare_defaults(golden, model);
        if (!model->arch.decoder_only)
            compare_encoder(golden, model);
        compare_logits(golden, model);
        compare_results(golden, model, clblast ? 6 : 1, clblast ? 24 : 64);
    }
    setup_close(&model);
}

/* Searches and rules with their own file; each attention variant with one kind of kernels. */
static void test_searches(const char *name, const char *file, const struct check_options *options)
{
    struct golden golden;
    check_case("golden, %s, stored %s", name, file);
    if (!golden_load_file(name, file, &golden))
        return;
    for (size_t k = 0; k < ELCL_COUNT(all_variants); k++) {
        const struct setup setup = {
            .attention = all_variants[k], .kernels = all_shapes[k % 2], .gemm = ELCL_GEMM_NATIVE};
        if (!setup_case(file, name, &setup))
            continue;
        elcl_model *model = setup_open(golden.directory, &setup, options);
        if (model)
            compare_results(&golden, model, 1, 16);
        setup_close(&model);
    }
    golden_finish(&golden);
}

/* The integers of the file, and inputs rounded to integers, as CTranslate2 computes in int8. MHA
 * keeps all matrices as they are stored. */
static void test_int8(const struct check_options *options)
{
    struct golden golden;
    const struct setup setup = {.attention = ELCL_ATTN_MHA,
                                .kernels = ELCL_KERNELS_CPU,
                                .gemm = ELCL_GEMM_NATIVE,
                                .weights = ELCL_INT8,
                                .compute = ELCL_COMPUTE_INT8};
    if (!setup_case("int8.json", "ct2-marian", &setup) ||
        !golden_load_file("ct2-marian", "int8.json", &golden))
        return;
    elcl_model *model = setup_open(golden.directory, &setup, options);
    if (model)
        compare_results(&golden, model, 1, 16);
    setup_close(&model);
    golden_finish(&golden);
}

/* Stop strings need a tokenizer: the model that ships. */
static void test_stop(const struct check_options *options)
{
    struct golden golden;
    const struct setup setup = {
        .attention = ELCL_ATTN_MHA, .kernels = ELCL_KERNELS_CPU, .gemm = ELCL_GEMM_NATIVE};
    if (!setup_case("stop.json", "kjv-gpt2", &setup) ||
        !golden_load_file("kjv", "stop.json", &golden))
        return;
    char directory[512];
    snprintf(directory, sizeof(directory), "%s/models/kjv-gpt2", check_root());
    elcl_model *model = setup_open(directory, &setup, options);
    if (model)
        compare_results(&golden, model, 1, 16);
    setup_close(&model);
    golden_finish(&golden);
}

static void test_model(const char *name, const struct check_options *options)
{
    struct golden golden;
    check_case("golden, %s, stored results", name);
    if (!golden_load(name, &golden))
        return;
    for (size_t a = 0; a < ELCL_COUNT(all_variants); a++)
        for (size_t k = 0; k < ELCL_COUNT(all_shapes); k++)
            test_setup(&golden, name,
                       &(struct setup){.attention = all_variants[a],
                                       .kernels = all_shapes[k],
                                       .gemm = ELCL_GEMM_NATIVE},
                       options);
    for (int a = 0; a < 2; a++)
        test_setup(&golden, name,
                   &(struct setup){.attention = all_variants[a],
                                   .kernels = all_shapes[a],
                                   .gemm = ELCL_GEMM_CLBLAST},
                   options);
    golden_finish(&golden);
}

/* The weights of one model in files of another kind give its results. */
static void test_files(const char *name, const char *stored, const struct check_options *options)
{
    struct golden golden;
    check_case("golden, %s, stored results", name);
    if (!golden_load(stored, &golden))
        return;
    snprintf(golden.directory, sizeof(golden.directory), "%s/tests/golden/%s", check_root(), name);
    for (size_t i = 0; i < ELCL_COUNT(all_shapes); i++)
        test_setup(&golden, name,
                   &(struct setup){.attention = all_variants[i],
                                   .kernels = all_shapes[i],
                                   .gemm = ELCL_GEMM_NATIVE},
                   options);
    golden_finish(&golden);
}

/* A GGUF file gives what transformers makes of its weights. Each file has one way to compute. */
static void test_gguf(const char *name, const char *stored, const char *file,
                      enum elcl_attention attention, enum elcl_kernels kernels,
                      const struct check_options *options)
{
    struct golden golden;
    check_case("golden, %s, stored results", name);
    if (!golden_load_file(stored, file, &golden))
        return;
    snprintf(golden.directory, sizeof(golden.directory), "%s/tests/golden/gguf/%s", check_root(),
             name);
    test_setup(
        &golden, name,
        &(struct setup){.attention = attention, .kernels = kernels, .gemm = ELCL_GEMM_NATIVE},
        options);
    golden_finish(&golden);
}

/* Narrow state rounds, and what tiny random models say may change: of the outputs most are the
 * stored ones, and those have nearly their scores. A wrong row or scale leaves few. */
static void count_equal(elcl_model *model, const struct golden *golden, int *equal, int *all)
{
    const cJSON **want;
    int n, here = 0;
    struct job *jobs = golden_jobs(golden, 1, &n, &want);
    elcl_engine_params params = elcl_engine_params_default();
    params.batch_size = 64;
    params.max_beams = 8;
    if (jobs_run(model, &params, jobs, n, NULL))
        for (int i = 0; i < n; i++) {
            const cJSON *first = cJSON_GetArrayItem(want[i], 0);
            const double score = cJSON_GetObjectItem(first, "score")->valuedouble;
            const struct hypothesis *got = &jobs[i].hypotheses[0];
            struct tokens ids;
            golden_tokens(cJSON_GetObjectItem(first, "ids"), &ids);
            mend_eos(&jobs[i].options, &got->tokens, &ids);
            if (got->tokens.n != ids.n ||
                memcmp(got->tokens.ids, ids.ids, (size_t)ids.n * sizeof(*ids.ids)) != 0)
                continue;
            here++;
            CHECK(fabs((double)got->score - score) <= NARROW_TOLERANCE * (1 + fabs(score)),
                  "job %d: score %.9g, stored %.9g", i, (double)got->score, score);
        }
    CHECK(here * 2 >= n, "%d of %d outputs are those of f32", here, n);
    *equal += here;
    *all += n;
    elcl_free(jobs);
    elcl_free(want);
}

/* Each model has one variant, in turn. */
static void test_narrow(const char *const *names, size_t n, const struct check_options *options)
{
    int equal = 0, all = 0;
    for (size_t i = 0; i < n; i++) {
        const struct setup setup = {.attention = all_variants[i % 3],
                                    .kernels = ELCL_KERNELS_CPU,
                                    .gemm = ELCL_GEMM_NATIVE,
                                    .state = ELCL_INT8};
        struct golden golden;
        if (!setup_case("golden", names[i], &setup) || !golden_load(names[i], &golden))
            continue;
        elcl_model *model = setup_open(golden.directory, &setup, options);
        if (model)
            count_equal(model, &golden, &equal, &all);
        setup_close(&model);
        golden_finish(&golden);
    }
    printf("state int8: %d of %d outputs are those of f32\n", equal, all);
}

/* Goldens of transformers 5, in files as it saves them. Each model has every variant, and one kind
 * of kernels, in turn: building programs takes most of the time. */
static void test_family(const char *name, int turn, const struct check_options *options)
{
    struct golden golden;
    check_case("golden, %s, stored results", name);
    if (!golden_load(name, &golden))
        return;
    for (size_t i = 0; i < ELCL_COUNT(all_variants); i++)
        test_setup(&golden, name,
                   &(struct setup){.attention = all_variants[i],
                                   .kernels = all_shapes[turn % 2],
                                   .gemm = ELCL_GEMM_NATIVE},
                   options);
    golden_finish(&golden);
}

int main(int argc, char **argv)
{
    static const char *const families[] = {
        "tiny-xglm",        "tiny-biogpt",
        "tiny-openai-gpt",  "tiny-gpt_neo",
        "tiny-gpt_bigcode", "tiny-gpt_bigcode-heads",
        "tiny-bloom",       "tiny-mpt",
        "tiny-plbart",      "tiny-blenderbot-small",
        "tiny-led",
    };
    static const char *const models[] = {
        "tiny-bart",    "tiny-bart-untied", "tiny-marian",     "tiny-marian-separate",
        "tiny-mbart",   "tiny-pegasus",     "tiny-blenderbot", "tiny-m2m_100",
        "tiny-fsmt",    "tiny-fsmt-shared", "tiny-gpt2",       "tiny-gpt2-by-layer",
        "tiny-opt",     "tiny-opt-post",    "tiny-opt-plain",  "tiny-t5",
        "tiny-flan-t5", "tiny-mt5",         "tiny-umt5",
    };
    /* what CTranslate2 answers */
    static const char *const converted[] = {"ct2-opennmt", "ct2-marian", "ct2-mbart", "ct2-gpt2",
                                            "ct2-opt-post"};
    const struct check_options *options = check_begin(argc, argv);
    for (size_t i = 0; i < ELCL_COUNT(models); i++)
        test_model(models[i], options);
    for (size_t i = 0; i < ELCL_COUNT(families); i++)
        test_family(families[i], (int)i, options);
    test_narrow(models, ELCL_COUNT(models), options);
    test_narrow(families, ELCL_COUNT(families), options);
    test_gguf("t5.gguf", "gguf", "t5.json", ELCL_ATTN_EL, ELCL_KERNELS_CPU, options);
    test_gguf("flan.gguf", "gguf", "flan.json", ELCL_ATTN_MHA, ELCL_KERNELS_GPU, options);
    test_gguf("gpt2.gguf", "tiny-gpt2", "golden.json", ELCL_ATTN_EL, ELCL_KERNELS_CPU, options);
    test_searches("tiny-bart", "searches.json", options);
    test_searches("tiny-bart", "rules.json", options);
    test_searches("tiny-bart", "timestamps.json", options);
    test_searches("tiny-bart", "sample_beams.json", options);
    test_searches("tiny-blenderbot", "rules.json", options);
    test_searches("tiny-gpt2", "rules.json", options);
    for (size_t i = 0; i < ELCL_COUNT(converted); i++)
        test_searches(converted[i], "golden.json", options);
    test_int8(options);
    test_stop(options);
    test_files("tiny-bart-shards", "tiny-bart", options);
    printf("compared %ld hypotheses and %ld rows of logits with stored ones\n", n_compared,
           n_logits);
    return check_end();
}
