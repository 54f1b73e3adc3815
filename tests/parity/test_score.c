/* Scores of given targets: against stored results of transformers, against greedy search's scores
 * of its own output, singly and in company, and in the memory that the plan has for them. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "engine/score.h"
#include "parity/common.h"

#define TOLERANCE 1e-4 /* of a token's log-probability */
#define F16_TOLERANCE 0.04
#define BF16_TOLERANCE (8 * F16_TOLERANCE) /* three bits less */
#define NARROW_TOLERANCE 0.2
#define MAX_REQUESTS 160

struct scores {
    int n;
    struct tokens sources[MAX_REQUESTS], targets[MAX_REQUESTS];
    float got[MAX_REQUESTS][MAX_TOKENS];
    elcl_score_request requests[MAX_REQUESTS];
};

static void add_request(struct scores *s, const struct tokens *source, const struct tokens *target)
{
    const int i = s->n++;
    s->sources[i] = *source;
    s->targets[i] = *target;
    s->requests[i] = (elcl_score_request){.source = s->sources[i].ids,
                                          .n_source = (size_t)source->n,
                                          .target = s->targets[i].ids,
                                          .n_target = (size_t)target->n,
                                          .decoder_start_token_id = -1,
                                          .log_probs = s->got[i]};
}

/* Reads the stored requests of a model; the caller frees them. */
static struct scores *load(const char *name, cJSON **root)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/tests/golden/score/%s.json", check_root(), name);
    struct scores *s = elcl_calloc(1, sizeof(*s));
    *root = read_json(path);
    if (!s || !*root)
        return NULL;
    const cJSON *entry;
    cJSON_ArrayForEach(entry, cJSON_GetObjectItem(*root, "requests"))
    {
        struct tokens source, target;
        golden_tokens(cJSON_GetObjectItem(entry, "source"), &source);
        golden_tokens(cJSON_GetObjectItem(entry, "target"), &target);
        add_request(s, &source, &target);
    }
    return CHECK(s->n >= 8, "%d requests", s->n) ? s : NULL;
}

/* Makes one call on a new scorer; returns false after a failed check. */
static bool score(elcl_model *model, const elcl_score_request *requests, size_t n, int batch_tokens,
                  elcl_engine_stats *stats)
{
    elcl_error err = {0};
    elcl_scorer *scorer = NULL;
    elcl_scorer_params params = elcl_scorer_params_default();
    params.batch_tokens = batch_tokens;
    bool ok = CHECK(!elcl_scorer_create(model, &params, &scorer, &err), "%s", err.msg) &&
              CHECK(!elcl_scorer_run(scorer, requests, n, &err), "%s", err.msg);
    if (ok && stats)
        elcl_scorer_get_stats(scorer, stats);
    elcl_scorer_destroy(&scorer);
    return ok;
}

static void compare_stored(const struct scores *s, const cJSON *root, double tolerance)
{
    const cJSON *entry;
    int i = 0;
    cJSON_ArrayForEach(entry, cJSON_GetObjectItem(root, "requests"))
    {
        const cJSON *want = cJSON_GetObjectItem(entry, "log_probs"), *number;
        int t = 0;
        CHECK(cJSON_GetArraySize(want) == s->targets[i].n, "%d stored", cJSON_GetArraySize(want));
        cJSON_ArrayForEach(number, want)
        {
            CHECK(fabs((double)s->got[i][t] - number->valuedouble) <= tolerance,
                  "request %d, token %d: %.9g, stored %.9g", i, t, (double)s->got[i][t],
                  number->valuedouble);
            t++;
        }
        i++;
    }
}

/* In passes of few tokens, and from the last request to the first: the same bits. */
static void check_company(elcl_model *model, struct scores *s)
{
    float(*first)[MAX_TOKENS] = elcl_calloc(1, sizeof(s->got));
    elcl_score_request reversed[MAX_REQUESTS];
    elcl_engine_stats all = {0}, single = {0}, few = {0};
    if (!CHECK(first != NULL, "no memory"))
        return;
    if (!score(model, s->requests, (size_t)s->n, 0, &all))
        goto end;
    memcpy(first, s->got, sizeof(s->got));
    memset(s->got, 0, sizeof(s->got));
    for (int i = 0; i < s->n; i++)
        if (!score(model, &s->requests[i], 1, 0, &single))
            goto end;
    CHECK(!memcmp(first, s->got, sizeof(s->got)), "one by one: other numbers");
    memset(s->got, 0, sizeof(s->got));
    for (int i = 0; i < s->n; i++)
        reversed[i] = s->requests[s->n - 1 - i];
    if (!score(model, reversed, (size_t)s->n, 1, &few))
        goto end;
    CHECK(!memcmp(first, s->got, sizeof(s->got)), "in small passes: other numbers");
    CHECK(all.steps == 1 && single.steps == 1 && few.steps > 3, "%d, %d and %d passes",
          (int)all.steps, (int)single.steps, (int)few.steps);
    CHECK(all.output_tokens == few.output_tokens && all.samples == (uint64_t)s->n,
          "%d and %d tokens", (int)all.output_tokens, (int)few.output_tokens);
end:
    elcl_free(first);
}

/* ---- alignments ---------------------------------------------------------------------------- */

#define MAX_ALIGNED 256 /* [n_target, n_source] of a request that has stored alignments */

/* Compares one request's alignments with stored millionths. */
static void compare_aligned(const float *got, const cJSON *want, double tolerance, const char *what)
{
    const cJSON *row, *number;
    cJSON_ArrayForEach(row, want)
    {
        double sum = 0;
        cJSON_ArrayForEach(number, row)
        {
            sum += (double)*got;
            CHECK(fabs((double)*got - 1e-6 * number->valuedouble) <= tolerance,
                  "%s: %.6f, stored %.6f", what, (double)*got, 1e-6 * number->valuedouble);
            got++;
        }
        CHECK(fabs(sum - 1) < 1e-5, "%s: a row sums to %.9g", what, sum);
    }
}

/* In one pass with requests that want none, and each by itself: the same bits. */
static void check_layer(elcl_model *model, const struct scores *s, const cJSON *root, bool last,
                        double tolerance)
{
    float(*got)[MAX_ALIGNED] = elcl_calloc(2 * (size_t)s->n, sizeof(*got));
    elcl_score_request requests[MAX_REQUESTS];
    elcl_scorer_params params = elcl_scorer_params_default();
    elcl_scorer *scorer = NULL;
    elcl_error err = {0};
    const cJSON *entry;
    int i = 0, aligned = 0;
    if (!last)
        params.alignment_layer = 0;
    if (!CHECK(got != NULL, "no memory") ||
        !CHECK(!elcl_scorer_create(model, &params, &scorer, &err), "%s", err.msg))
        goto end;
    memcpy(requests, s->requests, sizeof(requests));
    cJSON_ArrayForEach(entry, cJSON_GetObjectItem(root, "requests"))
    {
        elcl_score_request *q = &requests[i];
        if (cJSON_GetObjectItem(entry, "alignments") && q->n_source * q->n_target <= MAX_ALIGNED)
            q->alignments = got[s->n + i];
        if (q->alignments)
            CHECK(!elcl_scorer_run(scorer, q, 1, &err), "%s", err.msg);
        if (q->alignments)
            q->alignments = got[i];
        i++;
    }
    CHECK(!elcl_scorer_run(scorer, requests, (size_t)s->n, &err), "%s", err.msg);
    for (i = 0; i < s->n; i++) {
        entry = cJSON_GetArrayItem(cJSON_GetObjectItem(root, "requests"), i);
        const cJSON *want = cJSON_GetArrayItem(cJSON_GetObjectItem(entry, "alignments"), last);
        compare_aligned(got[i], want, tolerance, last ? "the last layer" : "the first layer");
        aligned += want != NULL;
    }
    CHECK(!memcmp(got, got + s->n, (size_t)s->n * sizeof(*got)), "one by one: other numbers");
    CHECK(aligned >= 3, "%d requests with alignments", aligned);
end:
    elcl_scorer_destroy(&scorer);
    elcl_free(got);
}

/* The mean over single heads is that of all heads. */
static void check_heads(elcl_model *model, const elcl_score_request *request)
{
    const int heads = model->arch.decoder_heads;
    const size_t n = request->n_source * request->n_target;
    float all[MAX_ALIGNED], one[MAX_ALIGNED];
    double sums[MAX_ALIGNED] = {0};
    bool differ = false;
    for (int head = -1; n <= MAX_ALIGNED && head < heads; head++) {
        elcl_scorer_params params = elcl_scorer_params_default();
        elcl_score_request q = *request;
        elcl_scorer *scorer = NULL;
        elcl_error err = {0};
        params.alignment_head = head;
        q.alignments = head < 0 ? all : one;
        if (CHECK(!elcl_scorer_create(model, &params, &scorer, &err), "%s", err.msg))
            CHECK(!elcl_scorer_run(scorer, &q, 1, &err), "%s", err.msg);
        elcl_scorer_destroy(&scorer);
        for (size_t i = 0; head >= 0 && i < n; i++) {
            sums[i] += (double)one[i] / heads;
            differ = differ || fabsf(one[i] - all[i]) > 1e-3f;
        }
    }
    for (size_t i = 0; i < n; i++)
        CHECK(fabs(sums[i] - (double)all[i]) < 1e-6, "mean of heads %g, %g", sums[i],
              (double)all[i]);
    CHECK(differ, "all heads are the same");
}

/* A list of heads gives each one's alignments, in its order, in passes of several requests. */
static void check_list(elcl_model *model, const elcl_score_request *requests)
{
    const int last = model->arch.decoder_layers - 1;
    const elcl_cross_head heads[] = {{last, 1}, {0, -1}, {-1, -1}, {0, 0}, {-1, 1}};
    float(*got)[2][ELCL_COUNT(heads) * MAX_ALIGNED] = elcl_calloc(2, sizeof(*got));
    for (int list = 1; list >= 0 && CHECK(got != NULL, "no memory"); list--)
        for (size_t h = 0; h < (list ? 1 : ELCL_COUNT(heads)); h++) {
            elcl_scorer_params params = elcl_scorer_params_default();
            elcl_score_request q[] = {requests[1], requests[2]};
            elcl_scorer *scorer = NULL;
            elcl_error err = {0};
            params.alignment_layer = heads[h].layer;
            params.alignment_head = heads[h].head;
            params.heads = heads;
            params.n_heads = list ? ELCL_COUNT(heads) : 0;
            for (int i = 0; i < 2; i++)
                q[i].alignments = got[list][i] + h * q[i].n_target * q[i].n_source;
            if (CHECK(!elcl_scorer_create(model, &params, &scorer, &err), "%s", err.msg))
                CHECK(!elcl_scorer_run(scorer, q, 2, &err), "%s", err.msg);
            elcl_scorer_destroy(&scorer);
        }
    CHECK(got && !memcmp(got[0], got[1], sizeof(*got)), "a list of heads: other numbers");
    elcl_free(got);
}

static void check_bad_heads(elcl_model *model)
{
    const elcl_cross_head heads[][2] = {{{0, 0}, {model->arch.decoder_layers, 0}},
                                        {{0, 0}, {0, model->arch.decoder_heads}}};
    static const char *const messages[] = {"heads[1].layer is ", "heads[1].head is ",
                                           "n_heads is 2: must be "};
    for (size_t i = 0; i < ELCL_COUNT(messages); i++) {
        elcl_scorer_params params = elcl_scorer_params_default();
        elcl_scorer *scorer = NULL;
        elcl_error err = {0};
        params.heads = i < 2 ? heads[i] : NULL;
        params.n_heads = 2;
        CHECK(elcl_scorer_create(model, &params, &scorer, &err) == ELCL_E_ARG &&
                  strstr(err.msg, messages[i]),
              "heads %zu: %s", i, err.msg);
        elcl_scorer_destroy(&scorer);
    }
}

/* A distribution over the first three tokens. */
static void check_vocabulary(elcl_model *model, const elcl_score_request *request)
{
    static const int32_t tokens[] = {0, 1, 2, 3};
    elcl_score_request q[ELCL_COUNT(tokens)];
    float log_probs[ELCL_COUNT(tokens)];
    elcl_scorer_params params = elcl_scorer_params_default();
    elcl_scorer *scorer = NULL;
    elcl_error err = {0};
    double sum = 0;
    params.vocabulary = 3;
    for (size_t i = 0; i < ELCL_COUNT(tokens); i++) {
        q[i] = *request;
        q[i].target = tokens + i;
        q[i].n_target = 1;
        q[i].log_probs = log_probs + i;
    }
    if (CHECK(!elcl_scorer_create(model, &params, &scorer, &err), "%s", err.msg) &&
        CHECK(!elcl_scorer_run(scorer, q, ELCL_COUNT(q), &err), "%s", err.msg)) {
        for (int i = 0; i < params.vocabulary; i++)
            sum += exp((double)log_probs[i]);
        CHECK(fabs(sum - 1) < 1e-5, "three tokens sum to %.7f", sum);
        CHECK(isinf(log_probs[3]) && log_probs[3] < 0, "outside: %g", (double)log_probs[3]);
    }
    elcl_scorer_destroy(&scorer);
    params.vocabulary = model->arch.vocabulary + 1;
    CHECK(elcl_scorer_create(model, &params, &scorer, &err) == ELCL_E_ARG &&
              strstr(err.msg, "vocabulary is "),
          "a vocabulary too large: %s", err.msg);
}

static void check_alignments(elcl_model *model, const struct scores *s, const cJSON *root,
                             double tolerance)
{
    float alignments[1];
    elcl_score_request q = s->requests[0];
    elcl_scorer *scorer = NULL;
    elcl_scorer_params params = elcl_scorer_params_default();
    elcl_error err = {0};
    if (!model->arch.decoder_only) {
        check_layer(model, s, root, false, tolerance);
        check_layer(model, s, root, true, tolerance);
        check_heads(model, &s->requests[2]);
        check_list(model, s->requests);
        check_bad_heads(model);
        params.alignment_layer = model->arch.decoder_layers;
        CHECK(elcl_scorer_create(model, &params, &scorer, &err) == ELCL_E_ARG &&
                  strstr(err.msg, "alignment_layer is "),
              "a layer too high: %s", err.msg);
        params = elcl_scorer_params_default();
        params.alignment_head = model->arch.decoder_heads;
        err = (elcl_error){0};
        CHECK(elcl_scorer_create(model, &params, &scorer, &err) == ELCL_E_ARG &&
                  strstr(err.msg, "alignment_head is "),
              "a head too high: %s", err.msg);
        return;
    }
    q.alignments = alignments;
    CHECK(!elcl_scorer_create(model, &params, &scorer, &err), "%s", err.msg);
    CHECK(elcl_scorer_run(scorer, &q, 1, &err) == ELCL_E_UNSUPPORTED &&
              strstr(err.msg, "request 0: alignments are of cross attention"),
          "decoder-only: %s", err.msg);
    elcl_scorer_destroy(&scorer);
}

/* Device memory equals the plan, to the byte. */
static void check_plan(elcl_model *model, const struct scores *s)
{
    elcl_error err = {0};
    elcl_scorer *scorer = NULL;
    elcl_engine_stats stats;
    if (!CHECK(!elcl_scorer_create(model, NULL, &scorer, &err), "%s", err.msg))
        return;
    if (CHECK(!elcl_scorer_run(scorer, s->requests, (size_t)s->n, &err), "%s", err.msg)) {
        elcl_scorer_get_stats(scorer, &stats);
        CHECK(stats.live_bytes == stats.planned_bytes, "planned %llu bytes, allocated %llu",
              (unsigned long long)stats.planned_bytes, (unsigned long long)stats.live_bytes);
    }
    elcl_scorer_destroy(&scorer);
}

/* Sources much longer or shorter than targets: a scorer that grows in either direction gives the
 * same bits as new ones, and its memory is the planned one. */
static void check_lopsided(elcl_model *model)
{
    static const int32_t tokens[] = {5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    static const int sizes[][2] = {{2, 3}, {12, 2}, {1, 12}, {3, 1}};
    float log_probs[2][ELCL_COUNT(sizes)][ELCL_COUNT(tokens)];
    elcl_scorer *growing = NULL;
    elcl_engine_stats stats;
    elcl_error err = {0};
    memset(log_probs, 0, sizeof(log_probs));
    CHECK(!elcl_scorer_create(model, NULL, &growing, &err), "%s", err.msg);
    for (size_t i = 0; growing && i < ELCL_COUNT(sizes); i++) {
        elcl_score_request q = {.source = tokens,
                                .n_source = (size_t)sizes[i][0],
                                .target = tokens,
                                .n_target = (size_t)sizes[i][1],
                                .decoder_start_token_id = -1};
        for (int fresh = 0; fresh < 2; fresh++) {
            elcl_scorer *scorer = growing;
            q.log_probs = log_probs[fresh][i];
            if (fresh && !CHECK(!elcl_scorer_create(model, NULL, &scorer, &err), "%s", err.msg))
                continue;
            CHECK(!elcl_scorer_run(scorer, &q, 1, &err), "%s", err.msg);
            elcl_scorer_get_stats(scorer, &stats);
            if (!fresh)
                CHECK(stats.live_bytes == stats.planned_bytes, "planned %llu bytes, allocated %llu",
                      (unsigned long long)stats.planned_bytes,
                      (unsigned long long)stats.live_bytes);
            else
                elcl_scorer_destroy(&scorer);
        }
    }
    CHECK(!memcmp(log_probs[0], log_probs[1], sizeof(log_probs[0])), "other numbers");
    elcl_scorer_destroy(&growing);
}

/* Scores of greedy search's output equal its own, also with rules that change no numbers. */
static void check_greedy(const struct golden *golden, elcl_model *model)
{
    struct job jobs[16] = {{0}};
    struct scores *s = elcl_calloc(1, sizeof(*s));
    elcl_engine_params params = elcl_engine_params_default();
    const int n = elcl_min_int(golden->n_inputs, 16);
    const bool only = model->arch.decoder_only;
    for (int i = 0; i < n; i++) {
        jobs[i].source = &golden->inputs[i];
        elcl_model_gen_defaults(model, &jobs[i].options);
        jobs[i].options.num_beams = jobs[i].options.num_return_sequences = 1;
        jobs[i].options.no_repeat_ngram_size = i % 2 ? 2 : 0;
    }
    params.max_beams = 1;
    if (!CHECK(s != NULL, "no memory") || !jobs_run(model, &params, jobs, n, NULL))
        goto end;
    for (int i = 0; i < n; i++) {
        const struct tokens *found = &jobs[i].hypotheses[0].tokens;
        struct tokens target = {.n = found->n - (only ? jobs[i].source->n : 1)};
        memcpy(target.ids, found->ids + found->n - target.n,
               (size_t)target.n * sizeof(*target.ids));
        add_request(s, jobs[i].source, &target);
    }
    if (!score(model, s->requests, (size_t)n, 0, NULL))
        goto end;
    for (int i = 0; i < n; i++) {
        double sum = 0;
        for (int t = 0; t < s->targets[i].n; t++)
            sum += (double)s->got[i][t];
        CHECK(fabs(sum - (double)jobs[i].hypotheses[0].score) <= 1e-5 * (1 + fabs(sum)),
              "source %d: %.9g, greedy search said %.9g", i, sum,
              (double)jobs[i].hypotheses[0].score);
    }
end:
    elcl_free(s);
}

/* ---- tokens as they come, and what each adds ------------------------------------------------ */

#define STREAMS 3

/* One request's output, as the callbacks delivered it. */
struct seen {
    struct tokens tokens[STREAMS]; /* by on_token */
    float log_probs[STREAMS][MAX_TOKENS];
    int n_results; /* by on_result */
    int n_emitted_late;
    struct hypothesis results[STREAMS];
    float result_log_probs[STREAMS][MAX_TOKENS];
    bool has_log_probs;
};

static void on_token(void *user, const elcl_token *token)
{
    struct seen *seen = token->user;
    struct tokens *tokens = &seen->tokens[token->stream];
    (void)user;
    seen->n_emitted_late += seen->n_results > 0;
    seen->log_probs[token->stream][tokens->n] = token->log_prob;
    tokens->ids[tokens->n++] = token->token;
}

static void on_result(void *user, const elcl_result *result)
{
    struct seen *seen = result->user;
    (void)user;
    seen->n_results = elcl_min_int(result->n_hypotheses, STREAMS);
    for (int i = 0; i < seen->n_results; i++) {
        const elcl_hypothesis *h = &result->hypotheses[i];
        struct hypothesis *copy = &seen->results[i];
        copy->score = h->score;
        copy->tokens.n = (int)h->n_ids;
        memcpy(copy->tokens.ids, h->ids, h->n_ids * sizeof(*h->ids));
        seen->has_log_probs = h->token_logprobs != NULL;
        if (h->token_logprobs)
            memcpy(seen->result_log_probs[i], h->token_logprobs, h->n_ids * sizeof(float));
    }
}

/* The sum of a hypothesis' log-probabilities gives its score; tokens before it have none. */
static void check_sum(const struct seen *seen, int i, int n_before, float length_penalty,
                      const char *what)
{
    const struct hypothesis *h = &seen->results[i];
    double sum = 0;
    for (int t = 0; t < h->tokens.n; t++) {
        CHECK(isnan(seen->result_log_probs[i][t]) == (t < n_before), "%s: token %d: %g", what, t,
              (double)seen->result_log_probs[i][t]);
        if (t >= n_before)
            sum += (double)seen->result_log_probs[i][t];
    }
    const double want = sum / pow(elcl_max_int(h->tokens.n - n_before, 1), (double)length_penalty);
    CHECK(fabs(want - (double)h->score) <= 1e-5 * (1 + fabs(want)), "%s: %.9g, score %.9g", what,
          want, (double)h->score);
}

/* Streamed tokens equal the result after its beginning. */
static void check_emitted(const struct seen *seen, int i, int n_before, const char *what)
{
    const struct tokens *got = &seen->tokens[i], *whole = &seen->results[i].tokens;
    const bool same =
        got->n == whole->n - n_before &&
        !memcmp(got->ids, whole->ids + n_before, (size_t)got->n * sizeof(*got->ids)) &&
        !memcmp(seen->log_probs[i], seen->result_log_probs[i] + n_before,
                (size_t)got->n * sizeof(float));
    CHECK(same && !seen->n_emitted_late, "%s: %d tokens delivered, the result has %d", what, got->n,
          whole->n - n_before);
}

static void check_tokens_emitted(const struct golden *golden, elcl_model *model)
{
    static const char *const kinds[] = {"greedy", "sampling", "beam", "diverse beam", "off"};
    enum { KINDS = 5, INPUTS = 5 };
    struct seen *seen = elcl_calloc((size_t)KINDS * INPUTS, sizeof(*seen));
    elcl_engine_params params = elcl_engine_params_default();
    elcl_engine *engine = NULL;
    elcl_error err = {0};
    elcl_request request = {0};
    params.max_beams = 4;
    params.on_result = on_result;
    params.on_token = on_token;
    if (!CHECK(seen != NULL, "no memory") ||
        !CHECK(!elcl_engine_create(model, &params, &engine, &err), "%s", err.msg))
        goto end;
    for (int i = 0; i < KINDS * INPUTS; i++) {
        const struct tokens *source = &golden->inputs[i % INPUTS];
        elcl_gen_options *o = &request.options;
        elcl_model_gen_defaults(model, o);
        o->token_logprobs = i / INPUTS < 4;
        o->num_beams = i / INPUTS < 2 ? 1 : 4;
        o->do_sample = i / INPUTS == 1;
        o->num_return_sequences = i / INPUTS ? STREAMS : 1;
        o->num_beam_groups = i / INPUTS == 3 ? 2 : 0;
        o->diversity_penalty = 0;
        o->renormalize_logits &= i / INPUTS < 3;
        if (i / INPUTS == 3)
            o->diversity_penalty = 0.001f;
        o->no_repeat_ngram_size = 0;
        request.source = source->ids;
        request.n_source = (size_t)source->n;
        request.sample = (uint64_t)i;
        request.user = &seen[i];
        CHECK(!elcl_engine_submit(engine, &request, NULL, &err), "%s", err.msg);
    }
    CHECK(!elcl_engine_run(engine, &err), "%s", err.msg);
    for (int i = 0; i < KINDS * INPUTS; i++) {
        const int kind = i / INPUTS;
        const int n_before = model->arch.decoder_only ? golden->inputs[i % INPUTS].n : 1;
        CHECK(seen[i].n_results == (kind ? STREAMS : 1), "%s: %d results", kinds[kind],
              seen[i].n_results);
        CHECK(seen[i].has_log_probs == (kind < 4), "%s", kinds[kind]);
        for (int k = 0; k < seen[i].n_results; k++) {
            if (kind < 2)
                check_emitted(&seen[i], k, n_before, kinds[kind]);
            else
                CHECK(seen[i].tokens[k].n == 0, "%s delivers tokens", kinds[kind]);
            if (kind < 3)
                check_sum(&seen[i], k, n_before, kind < 2 ? 0 : model->defaults.length_penalty,
                          kinds[kind]);
        }
    }
end:
    elcl_engine_destroy(&engine);
    elcl_free(seen);
}

static void check_refusals(elcl_model *model)
{
    static const int32_t many[512] = {0};
    float log_probs[512];
    const int most = model->arch.max_positions, v = model->arch.vocabulary;
    const int32_t outside[] = {v};
    elcl_score_request q = {.source = many,
                            .n_source = 1,
                            .target = many,
                            .n_target = 1,
                            .decoder_start_token_id = -1,
                            .log_probs = log_probs};
    const elcl_score_request empty = {.source = many, .n_source = 1};
    elcl_scorer *scorer = NULL;
    elcl_error err = {0};
    if (!CHECK(!elcl_scorer_create(model, NULL, &scorer, &err), "%s", err.msg))
        return;
    CHECK(!elcl_scorer_run(scorer, &empty, 1, &err), "no target: %s", err.msg);
    elcl_score_request two[] = {q, q};
    two[1].n_target = (size_t)most + 1;
    CHECK(elcl_scorer_run(scorer, two, 2, &err) == ELCL_E_ARG && strstr(err.msg, "request 1"),
          "too long: %s", err.msg);
    err = (elcl_error){0};
    q.target = outside;
    CHECK(elcl_scorer_run(scorer, &q, 1, &err) == ELCL_E_ARG && strstr(err.msg, "target token 0"),
          "outside: %s", err.msg);
    err = (elcl_error){0};
    q.n_source = 0;
    CHECK(elcl_scorer_run(scorer, &q, 1, &err) == ELCL_E_ARG, "no source");
    elcl_scorer_destroy(&scorer);
    const elcl_scorer_params negative = {.batch_tokens = -1};
    CHECK(elcl_scorer_create(model, &negative, &scorer, NULL) == ELCL_E_ARG && !scorer,
          "batch_tokens -1");
}

static void test_setup(const char *name, const struct setup *setup,
                       const struct check_options *options)
{
    struct golden golden;
    cJSON *root = NULL;
    if (!setup_case("scores", name, setup) || !golden_load(name, &golden))
        return;
    struct scores *s = load(name, &root);
    elcl_model *model = s ? setup_open(golden.directory, setup, options) : NULL;
    if (model) {
        const double tolerance = setup->compute == ELCL_COMPUTE_F16    ? F16_TOLERANCE
                                 : setup->compute == ELCL_COMPUTE_BF16 ? BF16_TOLERANCE
                                 : setup->state == ELCL_INT8           ? NARROW_TOLERANCE
                                                                       : TOLERANCE;
        if (score(model, s->requests, (size_t)s->n, 0, NULL))
            compare_stored(s, root, tolerance);
        check_alignments(model, s, root, tolerance);
        check_company(model, s);
        check_plan(model, s);
        check_lopsided(model);
        check_vocabulary(model, &s->requests[2]);
        if (setup->compute == ELCL_COMPUTE_AUTO &&
            setup->state == ELCL_F32) { /* other kernels round in other places */
            check_greedy(&golden, model);
            check_tokens_emitted(&golden, model);
            check_refusals(model);
        }
    }
    setup_close(&model);
    elcl_free(s);
    cJSON_Delete(root);
    golden_finish(&golden);
}

int main(int argc, char **argv)
{
    static const char *const models[] = {
        "tiny-gpt2",   "tiny-gpt2-by-layer", "tiny-opt", "tiny-opt-post", "tiny-bart",
        "tiny-marian", "tiny-mbart",         "tiny-t5",  "tiny-flan-t5",  "tiny-umt5"};
    const struct check_options *options = check_begin(argc, argv);
    for (size_t i = 0; i < ELCL_COUNT(models); i++) /* activations of 16 bits: every family */
        for (int el = 0; el < 2; el++)
            test_setup(models[i],
                       &(struct setup){.attention = el ? ELCL_ATTN_EL : ELCL_ATTN_MHA,
                                       .kernels = ELCL_KERNELS_GPU,
                                       .gemm = ELCL_GEMM_NATIVE,
                                       .weights = el ? ELCL_F16 : ELCL_BF16,
                                       .state = el ? ELCL_F16 : ELCL_BF16,
                                       .compute = el ? ELCL_COMPUTE_F16 : ELCL_COMPUTE_BF16},
                       options);
    for (size_t i = 0; i < ELCL_COUNT(models); i++)
        test_setup(models[i],
                   &(struct setup){.attention = all_variants[i % 3],
                                   .kernels = ELCL_KERNELS_CPU,
                                   .gemm = ELCL_GEMM_NATIVE,
                                   .state = ELCL_INT8},
                   options);
    for (size_t i = 0; i < ELCL_COUNT(models); i++)
        for (size_t a = 0; a < ELCL_COUNT(all_variants); a++)
            for (size_t k = 0; k < ELCL_COUNT(all_shapes); k++)
                test_setup(models[i],
                           &(struct setup){.attention = all_variants[a],
                                           .kernels = all_shapes[k],
                                           .gemm = ELCL_GEMM_NATIVE},
                           options);
    return check_end();
}
