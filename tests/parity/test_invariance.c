/* The result of a request must not depend on its company: order, batch size and the options of its
 * neighbors change no bit of ids or scores (native GEMM, f32). */
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "parity/common.h"

static const int batch_sizes[] = {1, 3, 7, 64};

static long n_compared;

static void shuffle(int *order, int n)
{
    for (int i = 0; i < n; i++)
        order[i] = i;
    for (int i = n - 1; i > 0; i--) {
        const int j = check_int(0, i), keep = order[i];
        order[i] = order[j];
        order[j] = keep;
    }
}

/* GPU kernels on a CPU take as long for one sentence as for many: a few batches are enough. */
static int enough(const elcl_model *model, int n, int batch_size)
{
    return model->ops->kernels == ELCL_KERNELS_CPU ? n : elcl_min_int(n, 4 * batch_size);
}

/* Runs the jobs again in another order and grouping. */
static void regroup(elcl_model *model, const struct job *jobs, int n, int batch_size, int beams,
                    bool shuffled)
{
    int *order = elcl_calloc((size_t)n, sizeof(*order));
    struct job *again = elcl_calloc((size_t)n, sizeof(*again));
    elcl_engine_params params = elcl_engine_params_default();
    params.batch_size = batch_size;
    params.max_beams = beams;
    if (shuffled)
        shuffle(order, n);
    for (int i = 0; i < n; i++) {
        order[i] = shuffled ? order[i] : i;
        again[i] = jobs[order[i]];
        memset(again[i].hypotheses, 0, sizeof(again[i].hypotheses));
    }
    const int n_again = enough(model, n, batch_size);
    if (jobs_run(model, &params, again, n_again, NULL))
        for (int i = 0; i < n_again; i++, n_compared++)
            CHECK(job_same(&again[i], &jobs[order[i]]),
                  "batch %d, %s: job %d differs: score %.9g, all together %.9g", batch_size,
                  shuffled ? "shuffled" : "in order", order[i],
                  (double)again[i].hypotheses[0].score, (double)jobs[order[i]].hypotheses[0].score);
    elcl_free(again);
    elcl_free(order);
}

/* Runs the jobs again in a pool of engines on the model. */
static void share(elcl_model *model, const struct job *jobs, int n, int n_engines, int batch_size,
                  int beams)
{
    struct job *again = elcl_calloc((size_t)n, sizeof(*again));
    elcl_engine_params params = elcl_engine_params_default();
    params.batch_size = batch_size;
    params.max_beams = beams;
    for (int i = 0; i < n; i++) {
        again[i] = jobs[i];
        memset(again[i].hypotheses, 0, sizeof(again[i].hypotheses));
    }
    const int n_again = enough(model, n, 3);
    if (jobs_run_pool(model, n_engines, &params, again, n_again))
        for (int i = 0; i < n_again; i++, n_compared++)
            CHECK(job_same(&again[i], &jobs[i]), "%d engines, batch %d: job %d differs", n_engines,
                  batch_size, i);
    elcl_free(again);
}

static void test_groupings(elcl_model *model, struct job *jobs, int n, int beams)
{
    elcl_engine_params params = elcl_engine_params_default();
    params.batch_size = n;
    params.max_beams = beams;
    if (!jobs_run(model, &params, jobs, n, NULL))
        return;
    for (size_t i = 0; i < ELCL_COUNT(batch_sizes); i++)
        regroup(model, jobs, n, batch_sizes[i], beams, true);
    share(model, jobs, n, 1, 3, beams);
    share(model, jobs, n, 2, 3, beams);
    share(model, jobs, n, 3, 0, beams);           /* automatic */
    regroup(model, jobs, n, 5, beams + 3, false); /* other capacities, other strides */
}

static void test_tiny(const char *name, const struct golden *golden, const struct setup *setup,
                      const struct check_options *options)
{
    if (!setup_case("invariance", name, setup))
        return;
    elcl_model *model = setup_open(golden->directory, setup, options);
    int n;
    struct job *jobs = golden_jobs(golden, 5, &n, NULL);
    if (model)
        test_groupings(model, jobs, n, 8);
    elcl_free(jobs);
    setup_close(&model);
}

/* Beam search, greedy search and rules side by side. */
static void mix_options(struct job *job, int i)
{
    elcl_gen_options *o = &job->options;
    if (i % 3 == 1)
        o->num_beams = 1;
    if (i % 3 == 2) {
        o->num_beams = 5;
        o->num_return_sequences = 3;
        o->no_repeat_ngram_size = 2;
        o->repetition_penalty = 1.2f;
        o->length_penalty = 0.5f;
        o->early_stopping = ELCL_EARLY_FALSE;
    }
}

static void test_g2p(const struct setup *setup, int n, const struct check_options *options)
{
    if (!setup_case("invariance", "g2p-en", setup))
        return;
    elcl_model *model = setup_open(g2p_directory(), setup, options);
    struct tokens *words = model ? g2p_words(model, n) : NULL;
    struct job *jobs = elcl_calloc((size_t)n, sizeof(*jobs));
    for (int i = 0; words && i < n; i++) {
        jobs[i].source = &words[i];
        elcl_model_gen_defaults(model, &jobs[i].options);
        jobs[i].options.max_length = n < 100 ? 10 : 40; /* words are short */
        mix_options(&jobs[i], i);
    }
    if (words)
        test_groupings(model, jobs, n, 5);
    elcl_free(jobs);
    elcl_free(words);
    setup_close(&model);
}

int main(int argc, char **argv)
{
    const struct check_options *options = check_begin(argc, argv);
    struct golden golden, gpt2, t5, rules;
    check_case("invariance, stored sources");
    const bool bart_there = golden_load("tiny-bart", &golden);
    const bool gpt2_there = golden_load("tiny-gpt2", &gpt2);
    if (golden_load("tiny-flan-t5", &t5) && bart_there && gpt2_there)
        for (size_t k = 0; k < ELCL_COUNT(all_shapes); k++)
            for (size_t a = 0; a < ELCL_COUNT(all_variants); a++) {
                const struct setup setup = {.attention = all_variants[a],
                                            .kernels = all_shapes[k],
                                            .gemm = ELCL_GEMM_NATIVE};
                test_tiny("tiny-bart", &golden, &setup, options);
                test_tiny("tiny-gpt2", &gpt2, &setup, options);
                test_tiny("tiny-flan-t5", &t5, &setup, options);
                test_g2p(&setup, all_shapes[k] == ELCL_KERNELS_CPU ? 100 : 6, options);
            }
    for (int i = 0; i < 3; i++) {
        const struct setup rounded = {.attention = ELCL_ATTN_EL,
                                      .kernels = ELCL_KERNELS_CPU,
                                      .gemm = ELCL_GEMM_NATIVE,
                                      .weights = i == 2 ? ELCL_INT4
                                                 : i    ? ELCL_BF16
                                                        : ELCL_INT8,
                                      .compute = i == 1 ? ELCL_COMPUTE_BF16 : ELCL_COMPUTE_INT8};
        test_g2p(&rounded, 30, options);
    }
    for (size_t a = 0; a < 2; a++) {
        const struct setup narrow = {.attention = all_variants[a],
                                     .kernels = ELCL_KERNELS_GPU,
                                     .gemm = ELCL_GEMM_NATIVE,
                                     .weights = a ? ELCL_F16 : ELCL_BF16,
                                     .state = a ? ELCL_F16 : ELCL_BF16,
                                     .compute = a ? ELCL_COMPUTE_F16 : ELCL_COMPUTE_BF16};
        test_tiny("tiny-bart", &golden, &narrow, options);
        test_tiny("tiny-gpt2", &gpt2, &narrow, options);
        test_tiny("tiny-flan-t5", &t5, &narrow, options);
        test_g2p(&narrow, 6, options);
    }
    for (int i = 0; i < 4; i++) { /* int8 state in both variants, int4 in el, on both kernels */
        const struct setup whole = {.attention = i == 1 ? ELCL_ATTN_MHA : ELCL_ATTN_EL,
                                    .kernels = i < 3 ? ELCL_KERNELS_CPU : ELCL_KERNELS_GPU,
                                    .gemm = ELCL_GEMM_NATIVE,
                                    .state = i < 2 ? ELCL_INT8 : ELCL_INT4};
        test_tiny("tiny-bart", &golden, &whole, options);
        test_tiny("tiny-gpt2", &gpt2, &whole, options);
        test_g2p(&whole, 6, options);
    }
    const struct setup narrow_mma = {.attention = ELCL_ATTN_EL,
                                     .kernels = ELCL_KERNELS_GPU,
                                     .gemm = ELCL_GEMM_NATIVE,
                                     .weights = ELCL_BF16,
                                     .state = ELCL_BF16,
                                     .compute = ELCL_COMPUTE_BF16,
                                     .mma = ELCL_MMA_EMULATED_32};
    test_g2p(&narrow_mma, 6, options);
    const struct setup mma = {.attention = ELCL_ATTN_EL,
                              .kernels = ELCL_KERNELS_GPU,
                              .gemm = ELCL_GEMM_NATIVE,
                              .weights = ELCL_F16,
                              .state = ELCL_BF16,
                              .mma = ELCL_MMA_EMULATED_32};
    test_g2p(&mma, 6, options);
    if (golden_load_file("tiny-bart", "rules.json", &rules))
        for (size_t k = 0; k < ELCL_COUNT(all_shapes); k++)
            test_tiny("tiny-bart, rules", &rules,
                      &(struct setup){.attention = all_variants[k],
                                      .kernels = all_shapes[k],
                                      .gemm = ELCL_GEMM_NATIVE},
                      options);
    golden_finish(&rules);
    golden_finish(&golden);
    golden_finish(&gpt2);
    golden_finish(&t5);
    printf("compared %ld results with those of another batch\n", n_compared);
    return check_end();
}
