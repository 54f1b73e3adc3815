/* Whisper against stored results of transformers: the encoder's output from log-mel frames, logits
 * of every step, and all hypotheses, with timestamps and after prompts. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "parity/common.h"

#define TOLERANCE 4e-5
#define SCORE_TOLERANCE 1e-4
#define MOST_INPUTS 8

static long n_compared, n_logits;

/* ---- windows ------------------------------------------------------------------------------- */

static uint32_t mixed(uint32_t a, uint32_t b, uint32_t seed)
{
    uint32_t x = a * 0x9E3779B1u + b * 0x85EBCA77u + seed * 0xC2B2AE3Du;
    x = (x ^ x >> 15) * 0x2C1B3C6Du;
    x = (x ^ x >> 12) * 0x297A2D39u;
    return x ^ x >> 15;
}

/* features() of make_whisper.py: [frames, mels]. */
static float *make_window(uint32_t seed, int frames, int mels)
{
    float *values = elcl_calloc((size_t)frames * (size_t)mels, sizeof(*values)), *to = values;
    for (uint32_t t = 0; t < (uint32_t)frames; t++)
        for (uint32_t c = 0; c < (uint32_t)mels; c++)
            *to++ = ((float)(mixed(t / 8, c / 8, seed) % 128 + mixed(t, c, seed) % 32) - 64) / 64;
    return values;
}

struct windows {
    int n, frames;
    float *values[MOST_INPUTS]; /* [frames, mels] */
    float *rows[MOST_INPUTS];   /* [frames / 2, D] what the encoder made of it */
};

static struct windows make_windows(const struct golden *golden, const struct elcl_arch *arch)
{
    struct windows w = {.n = golden->n_inputs, .frames = 2 * arch->max_positions};
    CHECK(w.n <= MOST_INPUTS, "%d inputs", w.n);
    for (int i = 0; i < w.n; i++) {
        const size_t rows = (size_t)w.frames / 2;
        w.values[i] = make_window((uint32_t)golden->inputs[i].ids[0], w.frames, arch->input_width);
        w.rows[i] = elcl_calloc(rows * (size_t)arch->d, sizeof(float));
    }
    return w;
}

static void finish_windows(struct windows *w)
{
    for (int i = 0; i < w->n; i++) {
        elcl_free(w->values[i]);
        elcl_free(w->rows[i]);
    }
}

/* ---- results ------------------------------------------------------------------------------- */

/* A job of one window, and where its encoder output goes. */
struct heard {
    struct job job;
    float *rows;  /* [n_source, D], or NULL */
    size_t bytes; /* of rows */
    double no_speech_prob;
};

static void take(void *user, const elcl_result *result)
{
    struct heard *heard = result->user;
    (void)user;
    job_take(&heard->job, result);
    heard->no_speech_prob = (double)result->no_speech_prob;
    if (heard->rows && CHECK(result->source_rows, "no encoder output"))
        memcpy(heard->rows, result->source_rows, heard->bytes);
}

static bool run(elcl_model *model, int batch_size, struct heard *heard, int n)
{
    elcl_engine_params params = elcl_engine_params_default();
    elcl_engine *engine = NULL;
    elcl_error err = {0};
    params.batch_size = batch_size;
    params.max_beams = 8;
    params.on_result = take;
    bool ok = CHECK(!elcl_engine_create(model, &params, &engine, &err), "%s", err.msg);
    for (int i = 0; ok && i < n; i++) {
        elcl_request request = job_begin(&heard[i].job);
        request.user = &heard[i];
        request.want_source_rows = heard[i].rows != NULL;
        ok = CHECK(!elcl_engine_submit(engine, &request, NULL, &err), "%s", err.msg);
    }
    ok = ok && CHECK(!elcl_engine_run(engine, &err), "%s", err.msg);
    for (int i = 0; ok && i < n; i++)
        ok = CHECK(heard[i].job.deliveries == 1, "job %d: %d deliveries", i,
                   heard[i].job.deliveries);
    elcl_engine_destroy(&engine);
    return ok;
}

static void compare_hypothesis(int job, const struct hypothesis *got, const cJSON *want)
{
    struct tokens ids;
    golden_tokens(cJSON_GetObjectItem(want, "ids"), &ids);
    const double score = cJSON_GetObjectItem(want, "score")->valuedouble;
    const size_t bytes = (size_t)ids.n * sizeof(*ids.ids);
    CHECK(got->tokens.n == ids.n && !memcmp(got->tokens.ids, ids.ids, bytes),
          "job %d: other tokens than stored (%d, stored %d)", job, got->tokens.n, ids.n);
    CHECK(fabs((double)got->score - score) <= SCORE_TOLERANCE * (1 + fabs(score)),
          "job %d: score %.9g, stored %.9g", job, (double)got->score, score);
    n_compared++;
}

/* Runs every case x window in one engine; the first jobs, of all windows, fill w->rows. */
static bool compare_results(const struct golden *golden, elcl_model *model, struct windows *w)
{
    const cJSON **want;
    int n;
    struct job *jobs = golden_jobs(golden, 1, &n, &want);
    struct heard *heard = elcl_calloc((size_t)n, sizeof(*heard));
    const size_t bytes = (size_t)w->frames / 2 * (size_t)model->arch.d * sizeof(float);
    for (int i = 0; i < n; i++) {
        const int input = (int)(jobs[i].source - golden->inputs);
        jobs[i].inputs = w->values[input];
        jobs[i].n_inputs = (size_t)w->frames;
        heard[i] = (struct heard){.job = jobs[i], .bytes = bytes};
        heard[i].rows = i < w->n ? w->rows[input] : NULL;
    }
    const bool ok = run(model, 7, heard, n);
    for (int i = 0; ok && i < n; i++) {
        const int stored = cJSON_GetArraySize(want[i]);
        CHECK(heard[i].job.n == stored, "job %d: %d results, stored %d", i, heard[i].job.n, stored);
        for (int k = 0; k < elcl_min_int(heard[i].job.n, stored); k++)
            compare_hypothesis(i, &heard[i].job.hypotheses[k], cJSON_GetArrayItem(want[i], k));
    }
    elcl_free(heard);
    elcl_free(jobs);
    elcl_free(want);
    return ok;
}

/* The stored rows are at some positions only. */
static void compare_encoder(const struct golden *golden, const struct windows *w, int d)
{
    const cJSON *stored = cJSON_GetObjectItem(golden->root, "encoder"), *entry;
    int n = 0;
    cJSON_ArrayForEach(entry, stored)
    {
        const float *got = w->rows[(int)cJSON_GetObjectItem(entry, "input")->valuedouble];
        struct tokens positions;
        int r, columns;
        golden_tokens(cJSON_GetObjectItem(entry, "positions"), &positions);
        double *want = golden_rows(cJSON_GetObjectItem(entry, "rows"), &r, &columns);
        CHECK(r == positions.n && columns == d, "%d x %d stored", r, columns);
        for (int i = 0; i < r; i++, n++)
            check_close("encoder output", got + (size_t)positions.ids[i] * (size_t)d,
                        want + (size_t)i * (size_t)d, (size_t)d, TOLERANCE, TOLERANCE);
        elcl_free(want);
    }
    CHECK(n > 8, "%d rows of the encoder were compared", n);
}

/* Teacher-forced logits on the rows that the encoder made, at some columns. */
static void compare_logits(const struct golden *golden, elcl_model *model, const struct windows *w)
{
    const cJSON *stored = cJSON_GetObjectItem(golden->root, "teacher_forced"), *entry;
    const size_t v = (size_t)model->arch.vocabulary;
    struct tokens sources[MOST_INPUTS], forced[MOST_INPUTS], columns[MOST_INPUTS];
    const float *given[MOST_INPUTS];
    double *want[MOST_INPUTS];
    int n = 0, n_steps = 0, n_columns;
    cJSON_ArrayForEach(entry, stored)
    {
        sources[n].n = w->frames / 2;
        given[n] = w->rows[(int)cJSON_GetObjectItem(entry, "input")->valuedouble];
        golden_tokens(cJSON_GetObjectItem(entry, "decoder_ids"), &forced[n]);
        golden_tokens(cJSON_GetObjectItem(entry, "columns"), &columns[n]);
        want[n++] = golden_rows(cJSON_GetObjectItem(entry, "logits"), &n_steps, &n_columns);
    }
    CHECK(n == 2 && n_steps >= 12, "%d windows, %d steps", n, n_steps);
    struct driver driver;
    bool ok = driver_create(&driver, model, sources, n, 2, n_steps);
    driver.given = given;
    for (int t = 0; ok && t < n_steps; t++) {
        struct driver_row rows[2 * MOST_INPUTS];
        ok = driver_step(&driver, rows, forced_rows(&driver, forced, t, rows));
        for (int i = 0; ok && i < n; i++, n_logits++) {
            float got[MAX_TOKENS];
            for (int c = 0; c < columns[i].n; c++)
                got[c] = driver.logits[(size_t)forced_row(t, i) * v + (size_t)columns[i].ids[c]];
            const size_t row = (size_t)t * (size_t)columns[i].n;
            ok = check_close("logits", got, want[i] + row, (size_t)columns[i].n, TOLERANCE,
                             TOLERANCE);
        }
        CHECK(ok, "step %d of %d", t, n_steps);
    }
    driver_finish(&driver);
    for (int i = 0; i < n; i++)
        elcl_free(want[i]);
}

static const int32_t languages[] = {297, 298, 299, 300, 301}; /* of tiny-whisper-128 */
static const elcl_tokens first_tokens = {languages, ELCL_COUNT(languages)};

/* One step; of a multilingual model with a beam for each language, and scores over these only. */
static elcl_gen_options first_options(const elcl_model *model, bool multilingual)
{
    elcl_gen_options o;
    elcl_model_gen_defaults(model, &o);
    o.max_new_tokens = 1;
    o.no_speech_length = 1;
    o.no_speech_token_id = o.no_timestamps_token_id - 1;
    if (!multilingual)
        return o;
    o.num_beams = o.num_return_sequences = first_tokens.n;
    o.alternatives = &first_tokens;
    o.n_alternatives = o.renormalize_logits = 1;
    o.suppress_tokens.n = o.begin_suppress_tokens.n = 0;
    return o;
}

static void compare_first(const cJSON *want, int window, const struct heard *heard)
{
    const cJSON *probabilities = cJSON_GetObjectItem(want, "languages");
    const double no_speech = cJSON_GetObjectItem(want, "no_speech_prob")->valuedouble;
    const struct job *job = &heard->job;
    CHECK(fabs(heard->no_speech_prob - no_speech) < 1e-4 * no_speech,
          "window %d: no speech %.9g, stored %.9g", window, heard->no_speech_prob, no_speech);
    if (!probabilities)
        return;
    CHECK(job->n == first_tokens.n && job->hypotheses[0].tokens.ids[1] ==
                                          (int)cJSON_GetObjectItem(want, "language")->valuedouble,
          "window %d: another language", window);
    for (int k = 0; k < job->n; k++) {
        const int language = (int)job->hypotheses[k].tokens.ids[1] - languages[0];
        const double p = exp((double)job->hypotheses[k].score);
        const cJSON *stored = cJSON_GetArrayItem(probabilities, language);
        CHECK(stored && fabs(p - stored->valuedouble) < 1e-5 + 1e-4 * p,
              "window %d, language %d: probability %g", window, language, p);
    }
}

/* Probabilities right after the start token: that nobody speaks, and those of languages. */
static void compare_beginnings(const struct golden *golden, elcl_model *model,
                               const struct windows *w)
{
    const cJSON *first = cJSON_GetObjectItem(golden->root, "first"), *entry;
    struct heard heard[MOST_INPUTS] = {{.rows = NULL}};
    int n = 0, i = 0;
    cJSON_ArrayForEach(entry, first)
    {
        struct job *job = &heard[n].job;
        job->options = first_options(model, cJSON_GetObjectItem(entry, "languages") != NULL);
        job->inputs = w->values[n++];
        job->n_inputs = (size_t)w->frames;
    }
    if (CHECK(n == w->n, "%d windows stored", n) && run(model, 3, heard, n))
        cJSON_ArrayForEach(entry, first)
        {
            compare_first(entry, i, &heard[i]);
            i++;
        }
}

/* The scorer on frames gives the bits that it gives on the encoder's output, and for the tokens of
 * greedy search their score. */
static void test_scores(const struct golden *golden, elcl_model *model, const struct windows *w)
{
    static float log_probs[2 * MOST_INPUTS][MAX_TOKENS];
    elcl_score_request requests[2 * MOST_INPUTS];
    struct tokens ids[MOST_INPUTS];
    const cJSON *greedy = cJSON_GetArrayItem(cJSON_GetObjectItem(golden->root, "cases"), 0);
    const cJSON *outputs = cJSON_GetObjectItem(greedy, "outputs");
    const int prefix =
        cJSON_GetArraySize(cJSON_GetObjectItem(cJSON_GetObjectItem(greedy, "options"), "prefix"));
    elcl_scorer *scorer = NULL;
    elcl_error err = {0};
    for (int i = 0; i < w->n; i++) {
        const cJSON *best = cJSON_GetArrayItem(cJSON_GetArrayItem(outputs, i), 0);
        golden_tokens(cJSON_GetObjectItem(best, "ids"), &ids[i]);
        const elcl_score_request both = {.target = ids[i].ids + 1,
                                         .n_target = (size_t)ids[i].n - 1,
                                         .decoder_start_token_id = ids[i].ids[0]};
        requests[2 * i] = requests[2 * i + 1] = both;
        requests[2 * i].inputs = w->values[i];
        requests[2 * i].n_inputs = (size_t)w->frames;
        requests[2 * i + 1].source_rows = w->rows[i];
        requests[2 * i + 1].n_source = (size_t)w->frames / 2;
        requests[2 * i].log_probs = log_probs[2 * i];
        requests[2 * i + 1].log_probs = log_probs[2 * i + 1];
    }
    bool ok = CHECK(!elcl_scorer_create(model, NULL, &scorer, &err) &&
                        !elcl_scorer_run(scorer, requests, 2 * (size_t)w->n, &err),
                    "%s", err.msg);
    for (int i = 0; ok && i < w->n; i++) {
        const cJSON *best = cJSON_GetArrayItem(cJSON_GetArrayItem(outputs, i), 0);
        const double want = cJSON_GetObjectItem(best, "score")->valuedouble;
        double sum = 0;
        for (int t = prefix; t < ids[i].n - 1; t++)
            sum += (double)log_probs[2 * i][t];
        CHECK(!memcmp(log_probs[2 * i], log_probs[2 * i + 1], sizeof(log_probs[0])),
              "window %d: other scores on the encoder's output", i);
        CHECK(fabs(sum - want) < SCORE_TOLERANCE * (1 + fabs(want)), "window %d: %.9g, stored %.9g",
              i, sum, want);
    }
    elcl_scorer_destroy(&scorer);
}

/* Windows of other lengths at once have the same bits as each by itself, and an odd number of
 * frames makes a row more than half. */
static void test_lengths(elcl_model *model, const struct windows *w)
{
    static const int lengths[] = {1, 2, 37, 64, 99};
    enum { N = ELCL_COUNT(lengths) };
    const size_t d = (size_t)model->arch.d;
    struct heard together[N] = {{.rows = NULL}}, single[N];
    for (int i = 0; i < N; i++) {
        struct heard *h = &together[i];
        const size_t outputs = (size_t)(lengths[i] + 1) / 2;
        elcl_model_gen_defaults(model, &h->job.options);
        h->job.options.max_new_tokens = 8;
        h->job.inputs = w->values[i % w->n];
        h->job.n_inputs = (size_t)lengths[i];
        h->bytes = outputs * d * sizeof(float);
        single[i] = *h;
        h->rows = elcl_calloc(outputs * d, sizeof(float));
        single[i].rows = elcl_calloc(outputs * d, sizeof(float));
    }
    bool ok = run(model, N, together, N);
    for (int i = 0; i < N; i++) {
        ok = ok && run(model, 1, &single[i], 1);
        CHECK(ok && job_same(&together[i].job, &single[i].job) &&
                  !memcmp(together[i].rows, single[i].rows, single[i].bytes),
              "%d frames: other results in a batch", lengths[i]);
        elcl_free(together[i].rows);
        elcl_free(single[i].rows);
    }
}

static void test_setup(const struct golden *golden, const char *name, const struct setup *setup,
                       const struct check_options *options)
{
    if (!setup_case("whisper", name, setup))
        return;
    elcl_model *model = setup_open(golden->directory, setup, options);
    if (model) {
        struct windows w = make_windows(golden, &model->arch);
        if (compare_results(golden, model, &w)) {
            compare_encoder(golden, &w, model->arch.d);
            compare_logits(golden, model, &w);
            test_scores(golden, model, &w);
        }
        compare_beginnings(golden, model, &w);
        test_lengths(model, &w);
        finish_windows(&w);
    }
    setup_close(&model);
}

/* Each model with every variant, and with both kinds of kernels in turn. */
static void test_model(const char *name, int turn, const struct check_options *options)
{
    struct golden golden;
    check_case("whisper, %s, stored results", name);
    if (!golden_load(name, &golden))
        return;
    for (int i = 0; i < (int)ELCL_COUNT(all_variants); i++)
        test_setup(&golden, name,
                   &(struct setup){.attention = all_variants[i],
                                   .kernels = all_shapes[(i + turn) % 2],
                                   .gemm = ELCL_GEMM_NATIVE},
                   options);
    golden_finish(&golden);
}

/* tiny-whisper in CTranslate2's format, against CTranslate2's own results. */
static void test_ctranslate2(const struct check_options *options)
{
    static const char name[] = "ct2-whisper";
    const struct setup setup = {.attention = ELCL_ATTN_EL, .gemm = ELCL_GEMM_NATIVE};
    struct golden golden;
    check_case("whisper, %s, stored results", name);
    if (!golden_load(name, &golden))
        return;
    elcl_model *model =
        setup_case("whisper", name, &setup) ? setup_open(golden.directory, &setup, options) : NULL;
    if (model) {
        struct windows w = make_windows(&golden, &model->arch);
        compare_results(&golden, model, &w);
        finish_windows(&w);
        setup_close(&model);
    }
    golden_finish(&golden);
}

int main(int argc, char **argv)
{
    const struct check_options *options = check_begin(argc, argv);
    test_model("tiny-whisper", 0, options);
    test_model("tiny-whisper-128", 1, options);
    test_ctranslate2(options);
    printf("compared %ld hypotheses and %ld rows of logits with stored ones\n", n_compared,
           n_logits);
    return check_end();
}
