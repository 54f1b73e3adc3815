/* Prefixes whose states are computed at once give what steps for each of their tokens give, in
 * every search, and the same bits in any batch. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "parity/common.h"

enum kind { GREEDY, BEAM, SAMPLE, NGRAM, KINDS };
enum { PREFIXES = 4, JOBS = KINDS * PREFIXES, LONGEST = 17 };

static const int lengths[PREFIXES] = {1, 2, 9, LONGEST};

/* A request of each kind after each prefix. */
struct work {
    int32_t prefix[LONGEST];
    struct job jobs[JOBS];
};

static void make(const struct golden *golden, const elcl_model *model, struct work *work)
{
    for (int i = 0; i < LONGEST; i++)
        work->prefix[i] = 10 + i * 7 % (model->arch.vocabulary - 10);
    for (int i = 0; i < JOBS; i++) {
        struct job *job = &work->jobs[i];
        elcl_gen_options *o = &job->options;
        *job = (struct job){.source = &golden->inputs[i % golden->n_inputs]};
        elcl_model_gen_defaults(model, o);
        o->prefix = (elcl_tokens){work->prefix, lengths[i % PREFIXES]};
        o->num_beams = i / PREFIXES == BEAM ? 4 : 1;
        o->num_return_sequences = o->num_beams;
        o->max_length = lengths[i % PREFIXES] + 9;
        o->max_new_tokens = 0;
        o->min_length = lengths[i % PREFIXES] + 4;
        o->do_sample = i / PREFIXES == SAMPLE;
        o->temperature = 1;
        o->top_k = 0;
        o->seed = 5;
        o->no_repeat_ngram_size = i / PREFIXES == NGRAM ? 1 : 0;
    }
}

/* Runs all; `steps`: one for each token, because the requests ask for something of each. */
static bool run(elcl_model *model, struct work *work, int batch_size, bool steps,
                elcl_engine_stats *stats)
{
    elcl_engine_params params = elcl_engine_params_default();
    params.batch_size = batch_size;
    for (int i = 0; i < JOBS; i++) {
        work->jobs[i].options.token_logprobs = steps && i / PREFIXES != BEAM;
        work->jobs[i].options.alignments = steps && i / PREFIXES == BEAM;
    }
    return jobs_run(model, &params, work->jobs, JOBS, stats);
}

static void compare(const struct work *got, const struct work *want)
{
    for (int i = 0; i < JOBS; i++) {
        const struct job *a = &got->jobs[i], *b = &want->jobs[i];
        CHECK(a->n == b->n && a->n, "request %d: %d outputs, expected %d", i, a->n, b->n);
        for (int k = 0; k < a->n; k++) {
            const struct hypothesis *x = &a->hypotheses[k], *y = &b->hypotheses[k];
            CHECK(x->tokens.n == y->tokens.n && x->finish == y->finish &&
                      !memcmp(x->tokens.ids, y->tokens.ids, (size_t)x->tokens.n * sizeof(int32_t)),
                  "request %d: output %d has other tokens", i, k);
            CHECK(fabsf(x->score - y->score) <= 1e-4f * (1 + fabsf(y->score)),
                  "request %d: score %.9g, expected %.9g", i, (double)x->score, (double)y->score);
        }
    }
}

/* ---- log-probabilities ----------------------------------------------------------------------- */

static void check_log_probs(void *user, const elcl_result *result)
{
    const elcl_hypothesis *h = result->hypotheses;
    ++*(int *)user;
    if (!CHECK(result->n_hypotheses && h->token_logprobs && h->n_ids > LONGEST, "no output"))
        return;
    CHECK(isnan(h->token_logprobs[0]), "the start token has a score");
    for (int i = 1; i <= LONGEST; i++)
        CHECK(h->token_logprobs[i] == 0, "token %d of a prefix adds %g", i,
              (double)h->token_logprobs[i]);
    CHECK(h->token_logprobs[LONGEST + 1] < 0 && h->n_generated == h->n_ids - 1 - LONGEST,
          "%zu generated", h->n_generated);
}

static void run_log_probs(elcl_model *model, struct work *work)
{
    elcl_engine_params params = elcl_engine_params_default();
    elcl_engine *engine = NULL;
    elcl_error err = {0};
    int calls = 0;
    params.on_result = check_log_probs;
    params.user = &calls;
    elcl_request request = job_begin(&work->jobs[BEAM * PREFIXES + PREFIXES - 1]);
    request.options.token_logprobs = 1;
    request.options.alignments = 0;
    CHECK(!elcl_engine_create(model, &params, &engine, &err) &&
              !elcl_engine_submit(engine, &request, NULL, &err) && !elcl_engine_run(engine, &err),
          "%s", err.msg);
    CHECK(calls == 1, "%d results", calls);
    elcl_engine_destroy(&engine);
}

/* ---------------------------------------------------------------------------------------------- */

static void test_prefix(const char *name, const struct setup *setup,
                        const struct check_options *options)
{
    struct golden golden;
    if (!setup_case("prefix", name, setup) || !golden_load(name, &golden))
        return;
    elcl_model *model = setup_open(golden.directory, setup, options);
    struct work *want = elcl_calloc(1, sizeof(*want)), *got = elcl_calloc(1, sizeof(*got)),
                *one = elcl_calloc(1, sizeof(*one));
    elcl_engine_stats by_steps = {0}, at_once = {0};
    if (model) {
        make(&golden, model, want);
        make(&golden, model, got);
        make(&golden, model, one);
        if (run(model, want, 3, true, &by_steps) && run(model, got, 3, false, &at_once))
            compare(got, want);
        CHECK(at_once.steps + 20 < by_steps.steps, "%d steps instead of %d", (int)at_once.steps,
              (int)by_steps.steps);
        if (run(model, one, 1, false, NULL))
            for (int i = 0; i < JOBS; i++)
                CHECK(job_same(&one->jobs[i], &got->jobs[i]), "request %d by itself: other bits",
                      i);
        run_log_probs(model, want);
    }
    elcl_free(want);
    elcl_free(got);
    elcl_free(one);
    setup_close(&model);
    golden_finish(&golden);
}

int main(int argc, char **argv)
{
    const struct check_options *options = check_begin(argc, argv);
    for (size_t a = 0; a < ELCL_COUNT(all_variants); a++) {
        struct setup setup = {
            .attention = all_variants[a], .kernels = ELCL_KERNELS_CPU, .gemm = ELCL_GEMM_NATIVE};
        test_prefix("tiny-bart", &setup, options);
        test_prefix("tiny-t5", &setup, options);
        setup.kernels = ELCL_KERNELS_GPU;
        test_prefix("tiny-mbart", &setup, options);
    }
    return check_end();
}
