/*
 * How far smaller types take the logits from those of f32, on the shipped models: teacher
 * forcing along the greedy results of f32. test_variants checks that the kernels multiply the
 * rounded weights correctly; this measures the cost of the rounding itself.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "parity/common.h"

enum { N_INPUTS = 20, N_STEPS = 12 };

struct subject {
    const char *directory;
    struct tokens inputs[N_INPUTS];
    int vocabulary;
    int32_t tokens[N_STEPS][N_INPUTS]; /* input of each step: the best token of f32 before it */
    float *exact;                      /* [N_STEPS, N_INPUTS, V] */
};

/* Returns logits [N_STEPS, N_INPUTS, V], NULL after a failed check; the f32 pass chooses the
 * tokens. */
static float *run(struct subject *s, enum elcl_kernels kernels, enum elcl_storage weights,
                  enum elcl_storage state, enum elcl_compute compute,
                  const struct check_options *options)
{
    const struct setup setup = {.attention = ELCL_ATTN_EL,
                                .kernels = kernels,
                                .gemm = ELCL_GEMM_NATIVE,
                                .weights = weights,
                                .state = state,
                                .compute = compute};
    const size_t v = (size_t)s->vocabulary;
    float *logits = elcl_calloc(N_STEPS * N_INPUTS * v, sizeof(*logits));
    elcl_model *model = setup_open(s->directory, &setup, options);
    struct driver driver = {0};
    bool ok = model && driver_create(&driver, model, s->inputs, N_INPUTS, 1, N_STEPS);
    for (int t = 0; ok && t < N_STEPS; t++) {
        struct driver_row rows[N_INPUTS];
        for (int i = 0; i < N_INPUTS; i++)
            rows[i] = (struct driver_row){.sentence = i, .token = s->tokens[t][i], .parent = i};
        ok = driver_step(&driver, rows, N_INPUTS);
        memcpy(logits + (size_t)t * N_INPUTS * v, driver.logits, N_INPUTS * v * sizeof(*logits));
        for (int i = 0; !s->exact && t + 1 < N_STEPS && i < N_INPUTS; i++) {
            const float *row = driver.logits + (size_t)i * v;
            int best = 0;
            for (int j = 1; j < s->vocabulary; j++)
                best = row[j] > row[best] ? j : best;
            s->tokens[t + 1][i] = best;
        }
    }
    driver_finish(&driver);
    setup_close(&model);
    if (!ok) {
        elcl_free(logits);
        return NULL;
    }
    return logits;
}

/* Compares rows as softmax sees them: less their mean. */
static void compare(const char *name, const struct subject *s, const char *weights,
                    const float *logits, double most)
{
    const size_t v = (size_t)s->vocabulary, rows = N_STEPS * N_INPUTS;
    double error = 0, spread = 0, worst = 0;
    int same = 0;
    for (size_t r = 0; r < rows; r++) {
        const float *got = logits + r * v, *want = s->exact + r * v;
        double got_mean = 0, want_mean = 0;
        size_t got_best = 0, want_best = 0;
        for (size_t i = 0; i < v; i++) {
            got_mean += (double)got[i] / (double)v;
            want_mean += (double)want[i] / (double)v;
            got_best = got[i] > got[got_best] ? i : got_best;
            want_best = want[i] > want[want_best] ? i : want_best;
        }
        same += got_best == want_best;
        for (size_t i = 0; i < v; i++) {
            const double x = (double)want[i] - want_mean, e = (double)got[i] - got_mean - x;
            error += e * e;
            spread += x * x;
            worst = fmax(worst, fabs(e));
        }
    }
    const double share = sqrt(error / spread), count = (double)rows * (double)v;
    printf(
        "%s, weights %s: logits of standard deviation %.3g are off by %.3g (%.3f %%), at most by "
        "%.3g; %d of %zu best tokens are the same\n",
        name, weights, sqrt(spread / count), sqrt(error / count), 100 * share, worst, same, rows);
    CHECK(most > 0 ? share > 1e-7 && share < most : share == 0,
          "off by %g of their spread, expected at most %g", share, most);
    CHECK(same >= (int)rows * 9 / 10, "%d of %zu best tokens are the same", same, rows);
}

static void test_model(const char *name, struct subject *s, const struct check_options *options)
{
    static const struct {
        enum elcl_kernels kernels;
        enum elcl_storage weights, state;
        enum elcl_compute compute;
        const char *name;
        double most; /* fraction of the logits' spread; the models are stored in f16 */
    } types[] = {
        {ELCL_KERNELS_CPU, ELCL_F16, ELCL_F32, ELCL_COMPUTE_F32, "f16", 0},
        {ELCL_KERNELS_CPU, ELCL_BF16, ELCL_F32, ELCL_COMPUTE_F32, "bf16", 0.005},
        {ELCL_KERNELS_CPU, ELCL_BF16, ELCL_F32, ELCL_COMPUTE_BF16, "bf16 in bf16 compute", 0.01},
        {ELCL_KERNELS_CPU, ELCL_INT8, ELCL_F32, ELCL_COMPUTE_F32, "int8", 0.02},
        {ELCL_KERNELS_CPU, ELCL_INT8, ELCL_F32, ELCL_COMPUTE_INT8, "int8 in int8 compute", 0.04},
        {ELCL_KERNELS_CPU, ELCL_INT4, ELCL_F32, ELCL_COMPUTE_F32, "int4", 0.15},
        {ELCL_KERNELS_CPU, ELCL_INT4, ELCL_F32, ELCL_COMPUTE_INT8, "int4 in int8 compute", 0.15},
        {ELCL_KERNELS_CPU, ELCL_F32, ELCL_INT8, ELCL_COMPUTE_F32, "f32, state int8", 0.02},
        {ELCL_KERNELS_CPU, ELCL_F32, ELCL_INT4, ELCL_COMPUTE_F32, "f32, state int4", 0.2},
        /* 16 bits everywhere */
        {ELCL_KERNELS_GPU, ELCL_F16, ELCL_F16, ELCL_COMPUTE_F16, "f16, gpu f16 compute", 0.002},
        {ELCL_KERNELS_GPU, ELCL_BF16, ELCL_BF16, ELCL_COMPUTE_BF16, "bf16, gpu bf16 compute", 0.01},
        {ELCL_KERNELS_GPU, ELCL_INT8, ELCL_F32, ELCL_COMPUTE_INT8, "int8, gpu int8 compute", 0.04}};
    s->exact = run(s, ELCL_KERNELS_CPU, ELCL_F32, ELCL_F32, ELCL_COMPUTE_F32, options);
    const size_t n_types = ELCL_COUNT(types) - (options->all ? 0 : 1); /* it repeats CPU kernels */
    for (size_t i = 0; s->exact && i < n_types; i++) {
        float *logits =
            run(s, types[i].kernels, types[i].weights, types[i].state, types[i].compute, options);
        if (logits)
            compare(name, s, types[i].name, logits, types[i].most);
        elcl_free(logits);
    }
    elcl_free(s->exact);
}

static void test_g2p(const struct check_options *options)
{
    static struct subject s;
    if (!check_case("storage, logits of g2p-en"))
        return;
    s.directory = g2p_directory();
    const struct setup setup = {.kernels = ELCL_KERNELS_CPU, .gemm = ELCL_GEMM_NATIVE};
    elcl_model *model = setup_open(s.directory, &setup, options);
    if (!model)
        return;
    struct tokens *words = g2p_words(model, N_INPUTS);
    memcpy(s.inputs, words, sizeof(s.inputs));
    elcl_free(words);
    s.vocabulary = model->arch.vocabulary;
    for (int i = 0; i < N_INPUTS; i++)
        s.tokens[0][i] = model->defaults.decoder_start_token_id;
    setup_close(&model);
    test_model("g2p-en", &s, options);
}

/* The beginnings of lines of held-out text. */
static bool read_prompts(struct subject *s, const elcl_model *model, const char *path)
{
    size_t bytes = 0;
    char *text = read_text(path, &bytes);
    if (!text)
        return false;
    bool ok = true;
    for (int i = 0; ok && i < N_INPUTS; i++) {
        const char *line = strchr(text + bytes / N_INPUTS * (size_t)i, '\n') + 1;
        const char *end = line;
        for (int words = 0; words < 5 && *end && *end != '\n'; words += *++end == ' ')
            ;
        int32_t *ids = NULL;
        size_t n = 0;
        elcl_error err = {0};
        ok =
            CHECK(!elcl_encode(model, line, (size_t)(end - line), &ids, &n, &err), "%s", err.msg) &&
            CHECK(n > 0 && n <= MAX_TOKENS, "%zu tokens", n);
        if (ok) {
            s->inputs[i].n = (int)n;
            memcpy(s->inputs[i].ids, ids, n * sizeof(*ids));
            s->tokens[0][i] = ids[n - 1];
        }
        elcl_free(ids);
    }
    elcl_free(text);
    return ok;
}

static void test_kjv(const struct check_options *options)
{
    static struct subject s;
    static char directory[512];
    char path[600];
    if (!check_case("storage, logits of kjv-gpt2"))
        return;
    snprintf(directory, sizeof(directory), "%s/models/kjv-gpt2", check_root());
    snprintf(path, sizeof(path), "%s/heldout.txt", directory);
    s.directory = directory;
    const struct setup setup = {.kernels = ELCL_KERNELS_CPU, .gemm = ELCL_GEMM_NATIVE};
    elcl_model *model = setup_open(s.directory, &setup, options);
    if (!model)
        return;
    s.vocabulary = model->arch.vocabulary;
    const bool ok = read_prompts(&s, model, path);
    setup_close(&model);
    if (ok)
        test_model("kjv-gpt2", &s, options);
}

int main(int argc, char **argv)
{
    const struct check_options *options = check_begin(argc, argv);
    test_g2p(options);
    test_kjv(options);
    return check_end();
}
