/*
 * The attention variants against each other and against the whole model in double precision. In f32
 * all three are the same function. With 16-bit state each rounds something else, so each must match
 * a reference that sees the same rounded caches; how often their tokens agree is printed.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/state_row.h"
#include "base/util.h"
#include "parity/common.h"
#include "parity/reference_model.h"
#include "ref/ref.h"

#define N_STEPS 10
#define VARIANT_TOLERANCE 1e-4 /* of a row's largest logit */

/* ---- f32: the variants are one function ---------------------------------------------------- */

/* Tokens to force: the golden's greedy results, then anything. */
static struct tokens *forced_tokens(const struct golden *golden)
{
    struct tokens *forced = elcl_calloc((size_t)golden->n_inputs, sizeof(*forced));
    const cJSON *greedy = cJSON_GetArrayItem(cJSON_GetObjectItem(golden->root, "cases"), 1);
    for (int i = 0; i < golden->n_inputs; i++) {
        const cJSON *output = cJSON_GetArrayItem(cJSON_GetObjectItem(greedy, "outputs"), i);
        golden_tokens(cJSON_GetObjectItem(cJSON_GetArrayItem(output, 0), "ids"), &forced[i]);
        for (int t = forced[i].n; t < N_STEPS; t++)
            forced[i].ids[t] = 4 + (5 * t + i) % 40;
        forced[i].n = N_STEPS;
    }
    return forced;
}

/* The results of one variant for a golden's inputs. */
struct outcome {
    float *logits; /* [N_STEPS, 2 inputs, V] */
    struct job *jobs;
    int n_jobs;
};

static void outcome_finish(struct outcome *outcome)
{
    elcl_free(outcome->logits);
    elcl_free(outcome->jobs);
}

static bool run_variant(const struct golden *golden, const struct setup *setup,
                        struct outcome *outcome, const struct check_options *options)
{
    elcl_model *model = setup_open(golden->directory, setup, options);
    struct tokens *forced = forced_tokens(golden);
    struct driver driver = {0};
    bool ok = model && driver_create(&driver, model, golden->inputs, golden->n_inputs, 2, N_STEPS);
    const size_t v = ok ? (size_t)model->arch.vocabulary : 0;
    const size_t step = 2 * (size_t)golden->n_inputs * v;
    *outcome = (struct outcome){.logits = elcl_calloc(N_STEPS * step, sizeof(float))};
    for (int t = 0; ok && t < N_STEPS; t++) {
        struct driver_row rows[64];
        ok = driver_step(&driver, rows, forced_rows(&driver, forced, t, rows));
        memcpy(outcome->logits + (size_t)t * step, driver.logits,
               (size_t)driver.n_rows * v * sizeof(float));
    }
    driver_finish(&driver);
    elcl_engine_params params = elcl_engine_params_default();
    params.batch_size = 32;
    params.max_beams = 8;
    outcome->jobs =
        golden_jobs(golden, setup->gemm == ELCL_GEMM_CLBLAST ? 6 : 2, &outcome->n_jobs, NULL);
    ok = ok && jobs_run(model, &params, outcome->jobs, outcome->n_jobs, NULL);
    elcl_free(forced);
    setup_close(&model);
    return ok;
}

static bool same_tokens(const struct job *a, const struct job *b)
{
    bool same = a->n == b->n;
    for (int k = 0; same && k < a->n; k++) {
        const struct tokens *x = &a->hypotheses[k].tokens, *y = &b->hypotheses[k].tokens;
        same = x->n == y->n && !memcmp(x->ids, y->ids, (size_t)x->n * sizeof(*x->ids));
    }
    return same;
}

static void compare_outcomes(const struct outcome *a, const struct outcome *b, int n_rows, int v)
{
    double worst = 0;
    for (int r = 0; r < n_rows; r++) {
        const float *x = a->logits + (size_t)r * (size_t)v, *y = b->logits + (size_t)r * (size_t)v;
        double largest = 0, difference = 0;
        for (int i = 0; i < v; i++) {
            largest = fmax(largest, fabs((double)x[i]));
            difference = fmax(difference, fabs((double)x[i] - (double)y[i]));
        }
        if (largest > 0 || difference > 0)
            worst = fmax(worst, difference / largest);
    }
    CHECK(worst <= VARIANT_TOLERANCE, "logits differ by %g of the largest", worst);
    for (int i = 0; i < a->n_jobs; i++)
        CHECK(same_tokens(&a->jobs[i], &b->jobs[i]), "job %d: other tokens", i);
}

static void test_equal(const char *name, enum elcl_kernels kernels, enum elcl_gemm gemm,
                       const struct check_options *options)
{
    struct golden golden;
    if (!check_case("variants, equal in f32, %s, %s kernels, %s", name, kernels_name(kernels),
                    gemm_name(gemm)) ||
        !golden_load(name, &golden))
        return;
    struct outcome outcome[3] = {{0}};
    bool ok = true;
    for (int a = 0; a < 3; a++) {
        const struct setup setup = {.attention = all_variants[a], .kernels = kernels, .gemm = gemm};
        ok = run_variant(&golden, &setup, &outcome[a], options) && ok;
    }
    const cJSON *forced = cJSON_GetObjectItem(golden.root, "teacher_forced");
    const cJSON *logits = cJSON_GetObjectItem(cJSON_GetArrayItem(forced, 0), "logits");
    const int v = cJSON_GetArraySize(cJSON_GetArrayItem(logits, 0));
    for (int a = 1; ok && a < 3; a++)
        compare_outcomes(&outcome[0], &outcome[a], N_STEPS * 2 * golden.n_inputs, v);
    for (int a = 0; a < 3; a++)
        outcome_finish(&outcome[a]);
    golden_finish(&golden);
}

/* ---- against the reference ----------------------------------------------------------------- */

/* The state of one comparison. */
struct comparison {
    struct driver driver;
    const struct reference *reference;
    enum elcl_attention attention;
    enum elcl_storage state;
    int width, part, layers; /* of a cache row */
    float **source, **self;  /* [layers] cache rows, as numbers */
    double unit;             /* tolerance, of a row's largest value */
    double worst;            /* error in units of the tolerance, without the rounding of storage */
};

/* Reads the cache rows of a buffer. */
static bool read_pool(struct comparison *c, int buffer, float **values)
{
    const struct elcl_buffer *b = &c->driver.state.buffers[buffer];
    const size_t width = (size_t)c->width, part = (size_t)c->part;
    const size_t rows = b->bytes / elcl_state_row_bytes(c->state, width, part);
    elcl_error err = {0};
    void *bits = elcl_calloc(b->bytes, 1);
    const int rc = elcl_ops_download(c->driver.state.ops, b, bits, b->bytes, &err);
    elcl_free(*values);
    *values = elcl_calloc(rows * width, sizeof(**values));
    if (!rc)
        elcl_ref_load_state(c->state, bits, *values, rows, width, part);
    elcl_free(bits);
    return CHECK(!rc, "%s", err.msg);
}

static bool read_pools(struct comparison *c)
{
    const bool el = c->attention == ELCL_ATTN_EL;
    bool ok = true;
    for (int l = 0; ok && l < c->layers; l++)
        ok = read_pool(c, el ? (int)ELCL_B_SOURCE : elcl_b_cross(l), &c->source[l]) &&
             read_pool(c, elcl_b_self(l), &c->self[l]);
    return ok;
}

static const float *source_row(const struct comparison *c, int layer, int r, int s)
{
    const int of = c->driver.state.variant->cache_by_row ? r : c->driver.sentence[r];
    const size_t row = (size_t)of * (size_t)c->driver.state.capacity.max_source + (size_t)s;
    return c->source[layer] + row * (size_t)c->width;
}

static const float *self_row(const struct comparison *c, int layer, int r, int t)
{
    const bool by_row = c->driver.state.variant->cache_by_row;
    const int row =
        by_row ? r * c->driver.state.capacity.max_target + t : c->driver.cache_rows[r].ids[t];
    return c->self[layer] + (size_t)row * (size_t)c->width;
}

/* Returns half a step of the integers of x's group in a part; factor and offset are f16, rounded
 * outwards. */
static double half_integer(enum elcl_storage storage, const double *part, int n, int i)
{
    const int group = (int)elcl_state_group(storage), first = i / group * group;
    double low = part[first], high = low;
    for (int j = first; j < elcl_min_int(first + group, n); j++) {
        low = fmin(low, part[j]);
        high = fmax(high, part[j]);
    }
    const double range = high - low + 0x1p-10 * fabs(low) + 0x1p-24;
    return 0.5 * range / (storage == ELCL_INT8 ? 255 : 15) * (1 + 0x1p-9) + 0x1p-24;
}

/* Returns half the distance of neighbors of that storage around element i of a row. */
static double half_step(enum elcl_storage storage, const double *row, int part, int i)
{
    if (storage == ELCL_F16)
        return fmax(fabs(row[i]) * 0x1p-11, 0x1p-25);
    if (elcl_state_is_narrow(storage))
        return half_integer(storage, row + i / part * part, part, i % part);
    return storage == ELCL_BF16 ? fabs(row[i]) * 0x1p-8 : 0;
}

/* Compares got [n] with want [n] after f32 arithmetic and one rounding to storage. */
static bool compare_row(struct comparison *c, const char *what, const float *got,
                        const double *want, int n, enum elcl_storage storage)
{
    double largest = 0, worst = 0;
    int at = 0;
    for (int i = 0; i < n; i++)
        largest = fmax(largest, fabs(want[i]));
    for (int i = 0; i < n; i++) {
        const double error =
            (fabs((double)got[i] - want[i]) - half_step(storage, want, c->part, i)) /
            (c->unit * largest);
        if (!(error <= worst)) { /* a NaN is the worst */
            worst = error;
            at = i;
            if (isnan(error))
                break;
        }
    }
    c->worst = fmax(c->worst, worst);
    return CHECK(worst <= 1, "%s[%d]: got %.9g, want %.9g, %g of the tolerance", what, at,
                 (double)got[at], want[at], worst);
}

/* Compares the encoder's output, and what the variant keeps of it. */
static bool compare_sources(struct comparison *c)
{
    const int d = c->driver.model->arch.d;
    double *row = elcl_calloc((size_t)c->width, sizeof(*row));
    bool ok = true;
    for (int i = 0; ok && i < c->driver.n_sources; i++) {
        const struct tokens *source = &c->driver.sources[i];
        const float *encoded =
            c->driver.encoded + (size_t)driver_source_row(&c->driver, i) * (size_t)d;
        double *y = elcl_calloc((size_t)source->n * (size_t)d, sizeof(*y));
        reference_encode(c->reference, source->ids, source->n, y);
        for (int s = 0; ok && s < source->n; s++) {
            ok = compare_row(c, "encoder output", encoded + s * d, y + s * d, d, ELCL_F32);
            for (int l = 0; ok && l < c->layers; l++) {
                reference_source_row(c->reference, c->attention, l, y + s * d, row);
                ok = compare_row(c, "encoder-derived state", source_row(c, l, i, s), row, c->width,
                                 c->state);
            }
        }
        elcl_free(y);
    }
    elcl_free(row);
    return ok;
}

/* Compares one row of a step: logits, and the row that the step put into every layer's cache. */
static bool compare_step(struct comparison *c, int r)
{
    const struct driver *d = &c->driver;
    const int v = d->model->arch.vocabulary, n = d->length, s = d->sources[d->sentence[r]].n;
    const size_t w = (size_t)c->width, layers = (size_t)c->layers;
    float *source = elcl_calloc(layers * (size_t)(s + n) * w, sizeof(*source));
    float *self = source + layers * (size_t)s * w;
    double *logits = elcl_calloc((size_t)v + layers * w, sizeof(*logits)), *cached = logits + v;
    for (int l = 0; l < c->layers; l++) {
        for (int j = 0; j < s; j++)
            memcpy(source + (size_t)(l * s + j) * w, source_row(c, l, r, j), w * sizeof(float));
        for (int t = 0; t < n; t++)
            memcpy(self + (size_t)(l * n + t) * w, self_row(c, l, r, t), w * sizeof(float));
    }
    reference_decode(c->reference, &(struct reference_step){.attention = c->attention,
                                                            .token = d->history[r].ids[n - 1],
                                                            .position = n - 1,
                                                            .n_source = s,
                                                            .source = source,
                                                            .self = self,
                                                            .cached = cached,
                                                            .logits = logits});
    bool ok = compare_row(c, "logits", d->logits + (size_t)r * (size_t)v, logits, v, ELCL_F32);
    for (int l = 0; ok && l < c->layers; l++)
        ok = compare_row(c, "self state", self_row(c, l, r, n - 1), cached + (size_t)l * w,
                         c->width, c->state);
    elcl_free(logits);
    elcl_free(source);
    return ok;
}

static int longest_sum(const struct elcl_arch *a)
{
    return elcl_max_int(a->d, elcl_max_int(a->encoder_ffn, a->decoder_ffn));
}

/* A sum of n products in f32 is off by at most n 2^-24 of the sum of its terms' magnitudes; layers
 * pass errors on, and norms keep them in proportion to the values. */
static double rounding_unit(const struct elcl_arch *a)
{
    const int layers = elcl_max_int(a->encoder_layers, a->decoder_layers);
    return 0x1p-24 * longest_sum(a) * 2 * layers;
}

static void compare_model(elcl_model *model, const struct setup *setup,
                          const struct reference *reference, const struct tokens *sources,
                          const struct tokens *forced, int n)
{
    const int layers = model->arch.decoder_layers;
    struct comparison c = {.reference = reference,
                           .attention = setup->attention,
                           .state = setup->state,
                           .layers = layers,
                           .width = reference_width(reference, setup->attention),
                           .part = setup->attention == ELCL_ATTN_EL
                                       ? model->arch.d
                                       : elcl_arch_dh(&model->arch, model->arch.decoder_heads),
                           .source = elcl_calloc((size_t)layers, sizeof(float *)),
                           .self = elcl_calloc((size_t)layers, sizeof(float *)),
                           .unit = rounding_unit(&model->arch)};
    bool ok = driver_create(&c.driver, model, sources, n, 2, N_STEPS);
    for (int t = 0; ok && t < N_STEPS; t++) {
        struct driver_row rows[64];
        ok = driver_step(&c.driver, rows, forced_rows(&c.driver, forced, t, rows)) &&
             read_pools(&c) && (t || compare_sources(&c));
        for (int r = 0; ok && r < c.driver.n_rows; r++)
            ok = compare_step(&c, r);
        CHECK(ok, "step %d of %d", t, N_STEPS);
    }
    printf("%-8s %s kernels, weights %-4s state %-4s: largest error %.2f of the tolerance\n",
           attention_name(setup->attention), kernels_name(setup->kernels),
           storage_name(setup->weights), storage_name(setup->state), c.worst);
    for (int l = 0; l < layers; l++) {
        elcl_free(c.source[l]);
        elcl_free(c.self[l]);
    }
    elcl_free(c.source);
    elcl_free(c.self);
    driver_finish(&c.driver);
}

static void test_reference(const char *name, const struct setup *setup,
                           const struct check_options *options)
{
    struct golden golden;
    if (!setup_case("variants, reference", name, setup) || !golden_load(name, &golden))
        return;
    elcl_model *model = setup_open(golden.directory, setup, options);
    struct reference *reference =
        model ? reference_open(golden.directory, &model->arch, setup->weights, setup->attention)
              : NULL;
    struct tokens *forced = forced_tokens(&golden);
    if (reference)
        compare_model(model, setup, reference, golden.inputs, forced, golden.n_inputs);
    reference_close(&reference);
    elcl_free(forced);
    setup_close(&model);
    golden_finish(&golden);
}

/* A model of real width; its own tokens of words are good tokens to force. */
static void test_g2p_reference(const struct setup *setup, const struct check_options *options)
{
    if (!setup_case("variants, reference", "g2p-en", setup))
        return;
    elcl_model *model = setup_open(g2p_directory(), setup, options);
    struct reference *reference =
        model ? reference_open(g2p_directory(), &model->arch, setup->weights, setup->attention)
              : NULL;
    struct tokens *words = reference ? g2p_words(model, 3) : NULL;
    struct tokens *forced = elcl_calloc(3, sizeof(*forced));
    for (int i = 0; words && i < 3; i++)
        for (int t = 0; t < N_STEPS; t++)
            forced[i].ids[t] = t ? words[i].ids[t % words[i].n] : 2;
    if (words)
        compare_model(model, setup, reference, words, forced, 3);
    elcl_free(forced);
    elcl_free(words);
    reference_close(&reference);
    setup_close(&model);
}

/* ---- how often the variants agree ---------------------------------------------------------- */

static struct job *decode_words(enum elcl_attention attention, enum elcl_storage weights,
                                enum elcl_storage state, int n, struct tokens **words,
                                const struct check_options *options)
{
    const struct setup setup = {.attention = attention,
                                .kernels = ELCL_KERNELS_CPU,
                                .gemm = ELCL_GEMM_NATIVE,
                                .weights = weights,
                                .state = state};
    elcl_engine_params params = elcl_engine_params_default();
    params.batch_size = 64;
    params.max_source = params.max_target = 64;
    struct job *jobs = elcl_calloc((size_t)n, sizeof(*jobs));
    elcl_model *model = setup_open(g2p_directory(), &setup, options);
    if (model && !*words)
        *words = g2p_words(model, n);
    for (int i = 0; *words && i < n; i++) {
        jobs[i].source = &(*words)[i];
        elcl_model_gen_defaults(model, &jobs[i].options);
        jobs[i].options.max_length = 64;
    }
    if (model && *words)
        jobs_run(model, &params, jobs, n, NULL);
    setup_close(&model);
    return jobs;
}

/* With smaller storage the variants round differently: reported, not required. */
static void report_agreement(int n, const struct check_options *options)
{
    static const enum elcl_storage types[][2] = {{ELCL_F32, ELCL_F32},   {ELCL_F16, ELCL_F16},
                                                 {ELCL_BF16, ELCL_BF16}, {ELCL_INT8, ELCL_F32},
                                                 {ELCL_F32, ELCL_INT8},  {ELCL_F32, ELCL_INT4}};
    struct tokens *words = NULL;
    if (!check_case("variants, agreement on %d words of g2p-en", n))
        return;
    struct job *exact = decode_words(ELCL_ATTN_EL, ELCL_F32, ELCL_F32, n, &words, options);
    for (size_t s = 0; s < ELCL_COUNT(types); s++) {
        const enum elcl_storage weights = types[s][0], state = types[s][1];
        const int variants = state == ELCL_INT4 ? 1 : 3;
        struct job *jobs[3] = {NULL};
        int with_el[3] = {0}, with_exact[3] = {0};
        for (int a = 0; a < variants; a++) {
            jobs[a] = decode_words(all_variants[a], weights, state, n, &words, options);
            for (int i = 0; i < n; i++) {
                with_el[a] += same_tokens(&jobs[a][i], &jobs[0][i]);
                with_exact[a] += same_tokens(&jobs[a][i], &exact[i]);
            }
        }
        printf("g2p-en, weights %s, state %s, tokens equal on %d words: mha = el %d, mha-beam = el "
               "%d; as in f32: el %d, mha %d, mha-beam %d\n",
               storage_name(weights), storage_name(state), n, with_el[1], with_el[2], with_exact[0],
               with_exact[1], with_exact[2]);
        if (weights == ELCL_F32 && state == ELCL_F32)
            CHECK(with_exact[0] == n && with_exact[1] == n && with_exact[2] == n,
                  "in f32 the variants give other tokens");
        for (int a = 0; a < 3; a++)
            elcl_free(jobs[a]);
    }
    elcl_free(exact);
    elcl_free(words);
}

int main(int argc, char **argv)
{
    const struct check_options *options = check_begin(argc, argv);
    static const struct {
        enum elcl_storage weights, state;
    } storages[] = {{ELCL_F32, ELCL_F32},  {ELCL_F16, ELCL_F16},  {ELCL_BF16, ELCL_BF16},
                    {ELCL_INT8, ELCL_F32}, {ELCL_INT4, ELCL_F32}, {ELCL_F32, ELCL_INT8},
                    {ELCL_F32, ELCL_INT4}};
    static const char *const names[] = {"tiny-bart", "tiny-bart-untied"};
    for (size_t m = 0; m < ELCL_COUNT(names); m++)
        for (size_t k = 0; k < ELCL_COUNT(all_shapes); k++)
            test_equal(names[m], all_shapes[k], ELCL_GEMM_NATIVE, options);
    static const char *const others[] = {"tiny-opt-post", "tiny-t5", "tiny-flan-t5"};
    for (size_t m = 0; m < ELCL_COUNT(others); m++)
        for (size_t k = 0; k < ELCL_COUNT(all_shapes); k++)
            test_equal(others[m], all_shapes[k], ELCL_GEMM_NATIVE, options);
    test_equal("tiny-bart", ELCL_KERNELS_CPU, ELCL_GEMM_CLBLAST, options);
    for (size_t m = 0; m < ELCL_COUNT(names); m++)
        for (size_t a = 0; a < ELCL_COUNT(all_variants); a++)
            for (size_t k = 0; k < ELCL_COUNT(all_shapes); k++)
                for (size_t s = 0; s < ELCL_COUNT(storages) - (a ? 1 : 0); s++) /* int4: el */
                    test_reference(names[m],
                                   &(struct setup){.attention = all_variants[a],
                                                   .kernels = all_shapes[k],
                                                   .gemm = ELCL_GEMM_NATIVE,
                                                   .weights = storages[s].weights,
                                                   .state = storages[s].state},
                                   options);
    for (size_t a = 0; a < ELCL_COUNT(all_variants); a++)
        test_g2p_reference(&(struct setup){.attention = all_variants[a],
                                           .kernels = ELCL_KERNELS_CPU,
                                           .gemm = ELCL_GEMM_NATIVE,
                                           .weights = ELCL_F16,
                                           .state = ELCL_F16},
                           options);
    /* EL-attention by tiles, for which the tiny models are too narrow. */
    static const struct setup tiles[] = {
        {.weights = ELCL_F32, .state = ELCL_F32},
        {.weights = ELCL_F16, .state = ELCL_F16, .mma = ELCL_MMA_EMULATED_32},
        {.weights = ELCL_BF16, .state = ELCL_BF16, .mma = ELCL_MMA_EMULATED_64}};
    for (size_t i = 0; i < ELCL_COUNT(tiles); i++) {
        struct setup setup = tiles[i];
        setup.attention = ELCL_ATTN_EL;
        setup.kernels = ELCL_KERNELS_GPU;
        setup.gemm = ELCL_GEMM_NATIVE;
        test_g2p_reference(&setup, options);
    }
    report_agreement(200, options);
    return check_end();
}
