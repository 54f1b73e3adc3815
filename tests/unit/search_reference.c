#include "search_reference.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "ref/ref.h"

static void *allocate(size_t n, size_t size)
{
    void *p = calloc(n ? n : 1, size);
    if (!p)
        exit(1);
    return p;
}

/* ---- the model ----------------------------------------------------------------------------- */

static uint64_t mix(uint64_t x)
{
    x ^= x >> 33;
    x *= UINT64_C(0xff51afd7ed558ccd);
    x ^= x >> 33;
    x *= UINT64_C(0xc4ceb9fe1a85ec53);
    return x ^ (x >> 33);
}

static double uniform(uint64_t x) /* (0, 1) */
{
    return ((double)(mix(x) >> 11) + 0.5) * 0x1p-53;
}

static float random_logit(const struct table_model *m, uint64_t key)
{
    if (uniform(key ^ 1) < m->banned)
        return -INFINITY;
    if (m->levels)
        return (float)floor(uniform(key ^ 2) * m->levels);
    const double radius = sqrt(-2 * log(uniform(key ^ 2)));
    return (float)(m->spread * radius * cos(6.283185307179586 * uniform(key ^ 3)));
}

void table_logits(const struct table_model *model, const int32_t *history, int length,
                  float *logits)
{
    const size_t V = (size_t)model->vocabulary;
    if (model->period) {
        const size_t period = (size_t)model->period;
        const size_t row = (size_t)history[length - 1] * period + (size_t)(length - 1) % period;
        memcpy(logits, model->table + row * V, V * sizeof(*logits));
        return;
    }
    uint64_t key = mix(model->seed);
    for (int i = 0; i < length; i++)
        key = mix(key * 31 + (uint64_t)history[i]);
    for (size_t v = 0; v < V; v++)
        logits[v] = model->dead_from && length >= model->dead_from
                        ? -INFINITY
                        : random_logit(model, mix(key + v) & ~UINT64_C(3));
}

/* ---- the device ---------------------------------------------------------------------------- */

/* Computes the candidates of one row like a device, from double-precision rules. */
static void choose(const struct elcl_row_rules *rules, const int32_t *history, int length,
                   const float *logits, int vocabulary, struct elcl_candidate *candidates,
                   int width)
{
    const size_t V = (size_t)vocabulary;
    const struct elcl_ref_rules ref = {
        .log_probs = rules->log_probs,
        .forced_token = rules->forced_token,
        .ban_eos = rules->ban_eos,
        .ngram = rules->ngram,
        .repetition_penalty = (double)rules->repetition_penalty,
        .eos = rules->eos,
        .n_eos = rules->n_eos,
        .only_token = rules->only_token,
        .pad_token = rules->pad_token,
        .unk_token = rules->unk_token,
        .unk_penalty = (double)rules->unk_penalty,
        .renormalize = rules->renormalize,
        .history = history,
        .length = length,
    };
    double *scores = allocate(V, sizeof(*scores));
    struct elcl_ref_candidate *best = allocate((size_t)width, sizeof(*best));
    elcl_ref_scores(scores, logits, &ref, vocabulary);
    elcl_ref_top(best, scores, vocabulary, width);
    if (!rules->log_probs) /* chosen on raw logits, scored by log-probability */
        elcl_ref_log_softmax(scores, logits, vocabulary);
    for (int i = 0; i < width; i++) {
        const int32_t token = best[i].token;
        candidates[i].token = token;
        candidates[i].score = token < 0 ? -INFINITY : (float)scores[token];
    }
    free(scores);
    free(best);
}

/* ---- results ------------------------------------------------------------------------------- */

static void outcome_init(struct outcome *outcome, const elcl_gen_options *options)
{
    const size_t n = (size_t)options->num_return_sequences;
    memset(outcome, 0, sizeof(*outcome));
    outcome->max_length = elcl_options_max_length(options);
    outcome->ids = allocate(n * (size_t)outcome->max_length, sizeof(*outcome->ids));
    outcome->n_ids = allocate(n, sizeof(*outcome->n_ids));
    outcome->scores = allocate(n, sizeof(*outcome->scores));
    outcome->finish = allocate(n, sizeof(*outcome->finish));
}

void outcome_free(struct outcome *outcome)
{
    free(outcome->ids);
    free(outcome->n_ids);
    free(outcome->scores);
    free(outcome->finish);
    memset(outcome, 0, sizeof(*outcome));
}

static void outcome_add(struct outcome *outcome, const elcl_hypothesis *h)
{
    const int i = outcome->n++;
    memcpy(outcome->ids + (size_t)i * (size_t)outcome->max_length, h->ids,
           h->n_ids * sizeof(*h->ids));
    outcome->n_ids[i] = (int)h->n_ids;
    outcome->scores[i] = h->score;
    outcome->finish[i] = h->finish;
}

/* ---- elcl's search ------------------------------------------------------------------------- */

/* The histories of the live rows, kept like on a device: by (parent, token). */
struct histories {
    int32_t *now, *next; /* [num_beams, max_length] */
    size_t stride;
};

static void follow(struct histories *h, const struct elcl_search_row *rows, int n, int length)
{
    for (int r = 0; r < n; r++) {
        int32_t *to = h->next + (size_t)r * h->stride;
        memcpy(to, h->now + (size_t)rows[r].parent * h->stride, (size_t)(length - 1) * sizeof(*to));
        to[length - 1] = rows[r].token;
    }
    int32_t *swap = h->now;
    h->now = h->next;
    h->next = swap;
}

static void run_steps(struct elcl_search *s, const elcl_gen_options *options,
                      const struct table_model *model, struct outcome *outcome, int *rc,
                      elcl_error *err)
{
    const int V = model->vocabulary, width = elcl_search_width(s);
    const size_t K = (size_t)options->num_beams, stride = (size_t)outcome->max_length;
    struct histories h = {allocate(K * stride, sizeof(int32_t)),
                          allocate(K * stride, sizeof(int32_t)), stride};
    float *logits = allocate((size_t)V, sizeof(*logits));
    struct elcl_candidate *candidates = allocate(K * (size_t)width, sizeof(*candidates));
    while (!*rc && !elcl_search_done(s)) {
        int n;
        const int length = elcl_search_length(s);
        const struct elcl_search_row *rows = elcl_search_rows(s, &n);
        follow(&h, rows, n, length);
        struct elcl_row_rules rules;
        elcl_rules_at(options, length, &rules);
        for (int r = 0; r < n; r++) {
            const int32_t *history = h.now + (size_t)r * stride;
            table_logits(model, history, length, logits);
            choose(&rules, history, length, logits, V, candidates + (size_t)r * (size_t)width,
                   width);
        }
        outcome->steps++;
        outcome->rows += n;
        outcome->max_rows = n > outcome->max_rows ? n : outcome->max_rows;
        *rc = elcl_search_advance(s, candidates, width, err);
    }
    free(h.now);
    free(h.next);
    free(logits);
    free(candidates);
}

int run_search(const elcl_gen_options *options, const struct table_model *model,
               struct outcome *outcome, elcl_error *err)
{
    struct elcl_search *s = NULL;
    outcome_init(outcome, options);
    int rc = elcl_search_create(options, model->vocabulary, &s, err);
    if (rc)
        return rc;
    run_steps(s, options, model, outcome, &rc, err);
    const elcl_hypothesis *hypotheses;
    int n = 0;
    elcl_search_results(s, &hypotheses, &n);
    for (int i = 0; !rc && i < n; i++)
        outcome_add(outcome, &hypotheses[i]);
    elcl_search_destroy(&s);
    return rc;
}

/* ---- plain beam search --------------------------------------------------------------------- */

struct plain_beam {
    float score;
    int32_t *ids; /* [max_length] */
};

struct plain_candidate {
    float sum;
    int beam, rank; /* rank among the beam's tokens */
    int32_t token;
};

struct plain_hypothesis {
    double score;
    int n_ids, order;
    int32_t eos; /* the token that ends it, or -1 */
    int32_t *ids;
};

struct plain_search {
    const elcl_gen_options *o;
    const struct table_model *model;
    int K, V, max_length, length, n_beams, n_finished, arrivals;
    struct plain_beam beams[ELCL_MAX_BEAMS];
    struct plain_hypothesis finished[ELCL_MAX_BEAMS + 1];
};

static bool plain_is_eos(const elcl_gen_options *o, int32_t token)
{
    for (int i = 0; i < o->n_eos; i++) {
        if (o->eos_token_ids[i] == token)
            return true;
    }
    return false;
}

static int by_sum(const void *a, const void *b)
{
    const struct plain_candidate *x = a, *y = b;
    if (x->sum != y->sum)
        return x->sum > y->sum ? -1 : 1;
    if (x->beam != y->beam)
        return x->beam - y->beam;
    return x->rank - y->rank;
}

/* Lists all candidates above -inf of all beams, best first. */
static int plain_candidates(const struct plain_search *p, struct plain_candidate *all)
{
    struct elcl_row_rules rules;
    elcl_rules_at(p->o, p->length, &rules);
    float *logits = allocate((size_t)p->V, sizeof(*logits));
    struct elcl_candidate *row = allocate((size_t)p->V, sizeof(*row));
    int n = 0;
    for (int k = 0; k < p->n_beams; k++) {
        table_logits(p->model, p->beams[k].ids, p->length, logits);
        choose(&rules, p->beams[k].ids, p->length, logits, p->V, row, p->V);
        for (int v = 0; v < p->V; v++) {
            const float sum = p->beams[k].score + row[v].score;
            if (sum > -INFINITY)
                all[n++] = (struct plain_candidate){sum, k, v, row[v].token};
        }
    }
    qsort(all, (size_t)n, sizeof(*all), by_sum);
    free(logits);
    free(row);
    return n;
}

static int worst_first(const void *a, const void *b)
{
    const struct plain_hypothesis *x = a, *y = b;
    if (x->score != y->score)
        return x->score < y->score ? -1 : 1;
    return x->order - y->order;
}

static void plain_add(struct plain_search *p, const int32_t *ids, int length, float sum,
                      int generated, int32_t eos)
{
    const double n = generated > 0 ? generated : 1;
    struct plain_hypothesis *h = &p->finished[p->n_finished];
    *h = (struct plain_hypothesis){
        .score = (double)sum / pow(n, (double)p->o->length_penalty),
        .n_ids = length + (eos >= 0),
        .order = p->arrivals++,
        .eos = eos,
        .ids = allocate((size_t)p->max_length, sizeof(*ids)),
    };
    memcpy(h->ids, ids, (size_t)length * sizeof(*ids));
    if (eos >= 0)
        h->ids[length] = eos;
    if (p->n_finished < p->K) {
        p->n_finished++;
    } else if (h->score > p->finished[0].score) {
        free(p->finished[0].ids);
        p->finished[0] = *h;
    } else {
        free(h->ids);
    }
    qsort(p->finished, (size_t)p->n_finished, sizeof(*p->finished), worst_first);
}

static void plain_take(struct plain_search *p, const struct plain_candidate *all, int n)
{
    const int limit = p->K * (p->o->n_eos > 1 ? 1 + p->o->n_eos : 2);
    struct plain_beam next[ELCL_MAX_BEAMS];
    int n_next = 0;
    for (int i = 0; i < n && i < limit && n_next < p->K; i++) {
        const int32_t *ids = p->beams[all[i].beam].ids;
        if (plain_is_eos(p->o, all[i].token)) {
            if (i < p->K)
                plain_add(p, ids, p->length, all[i].sum, p->length, all[i].token);
            continue;
        }
        struct plain_beam *beam = &next[n_next++];
        beam->score = all[i].sum;
        beam->ids = allocate((size_t)p->max_length, sizeof(*ids));
        memcpy(beam->ids, ids, (size_t)p->length * sizeof(*ids));
        beam->ids[p->length] = all[i].token;
    }
    for (int k = 0; k < p->n_beams; k++)
        free(p->beams[k].ids);
    memcpy(p->beams, next, (size_t)n_next * sizeof(*next));
    p->n_beams = n_next;
}

static bool plain_done(const struct plain_search *p, float best)
{
    if (p->n_finished < p->K)
        return false;
    if (p->o->early_stopping == ELCL_EARLY_TRUE)
        return true;
    const bool bound = p->o->early_stopping == ELCL_EARLY_NEVER && p->o->length_penalty > 0;
    const double n = bound ? p->max_length - 1 : p->length - 1;
    return p->finished[0].score >= (double)best / pow(n, (double)p->o->length_penalty);
}

void run_plain_beams(const elcl_gen_options *options, const struct table_model *model,
                     struct outcome *outcome)
{
    struct plain_search p = {.o = options,
                             .model = model,
                             .K = options->num_beams,
                             .V = model->vocabulary,
                             .max_length = elcl_options_max_length(options),
                             .length = 1,
                             .n_beams = options->num_beams};
    outcome_init(outcome, options);
    for (int k = 0; k < p.K; k++) {
        p.beams[k].score = k ? -1e9f : 0;
        p.beams[k].ids = allocate((size_t)p.max_length, sizeof(*p.beams[k].ids));
        p.beams[k].ids[0] = options->decoder_start_token_id;
    }
    struct plain_candidate *all = allocate((size_t)(p.K * p.V), sizeof(*all));
    bool done = false;
    while (!done && p.length < p.max_length) {
        const int n = plain_candidates(&p, all);
        outcome->steps++;
        if (!n)
            break;
        plain_take(&p, all, n);
        p.length++;
        done = plain_done(&p, all[0].sum) || !p.n_beams;
    }
    const bool open = !done && (p.length == p.max_length || !p.n_finished);
    for (int k = 0; open && k < p.n_beams; k++)
        plain_add(&p, p.beams[k].ids, p.length, p.beams[k].score, p.length - 1, -1);
    for (int i = p.n_finished - 1; i >= 0 && outcome->n < options->num_return_sequences; i--) {
        const struct plain_hypothesis *h = &p.finished[i];
        outcome_add(outcome, &(elcl_hypothesis){.ids = h->ids,
                                                .n_ids = (size_t)h->n_ids,
                                                .score = (float)h->score,
                                                .finish = h->eos >= 0 ? ELCL_FINISH_EOS
                                                                      : ELCL_FINISH_LENGTH});
    }
    for (int k = 0; k < p.n_beams; k++)
        free(p.beams[k].ids);
    for (int i = 0; i < p.n_finished; i++)
        free(p.finished[i].ids);
    free(all);
}

elcl_gen_options plain_options(void)
{
    return (elcl_gen_options){
        .num_beams = 1,
        .num_return_sequences = 1,
        .length_penalty = 1,
        .early_stopping = ELCL_EARLY_FALSE,
        .max_length = 12,
        .repetition_penalty = 1,
        .decoder_start_token_id = 0,
        .forced_bos_token_id = -1,
        .forced_eos_token_id = -1,
        .pad_token_id = -1,
        .n_eos = 1,
        .eos_token_ids = {1},
    };
}
