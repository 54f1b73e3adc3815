/* The trace of tokens that all strategies write. */
#include <math.h>
#include <string.h>

#include "base/util.h"
#include "search/options.h"
#include "search/search_impl.h"

bool elcl_search_is_eos(const struct elcl_search *s, int32_t token)
{
    for (int i = 0; i < s->options.n_eos; i++) {
        if (s->options.eos_token_ids[i] == token)
            return true;
    }
    return false;
}

float elcl_search_score(const struct elcl_search *s, int row, int32_t token)
{
    const struct elcl_candidate *list = s->candidates + (size_t)row * (size_t)s->stride;
    for (int i = 0; i < s->width; i++) {
        if (list[i].token == token)
            return list[i].score;
    }
    return NAN;
}

void elcl_search_step(struct elcl_search *s)
{
    s->previous_node = s->first_node;
    s->first_node = s->n_nodes;
    s->n_rows = 0;
    s->length++;
}

int elcl_search_push(struct elcl_search *s, int parent, int32_t token)
{
    for (int r = 0; r < s->n_rows; r++) {
        if (s->rows[r].parent == parent && s->rows[r].token == token)
            return r;
    }
    s->nodes[s->n_nodes++] = (struct elcl_trace_node){token, s->previous_node + parent,
                                                      elcl_search_score(s, parent, token)};
    s->rows[s->n_rows] = (struct elcl_search_row){token, parent};
    return s->n_rows++;
}

void elcl_search_result(struct elcl_search *s, int node, int length, struct elcl_candidate last,
                        double score, enum elcl_finish_reason finish)
{
    if (s->n_results == s->options.num_return_sequences)
        return;
    const size_t at = (size_t)s->n_results * (size_t)s->max_length;
    s->result_nodes[s->n_results] = last.token >= 0 ? node : s->nodes[node].parent;
    int32_t *ids = s->result_ids + at;
    float *log_probs = s->result_log_probs ? s->result_log_probs + at : NULL;
    const int n_ids = length + (last.token >= 0);
    for (int i = n_ids - 1; i >= 0; i--) {
        const struct elcl_trace_node *n = &s->nodes[node];
        ids[i] = i == length ? last.token : n->token;
        if (log_probs)
            log_probs[i] = i == length ? last.score : n->score;
        if (i < length)
            node = n->parent;
    }
    s->results[s->n_results++] = (elcl_hypothesis){
        .ids = ids,
        .n_ids = (size_t)n_ids,
        .n_generated = (size_t)(n_ids - elcl_options_prompt(&s->options)),
        .score = (float)score,
        .finish = finish,
        .token_logprobs = log_probs,
    };
}

int elcl_search_keep(struct elcl_search *s, const float *attended, size_t ld, size_t n_source,
                     elcl_error *err)
{
    void *all = s->attended;
    if (!elcl_grow(&all, &s->attended_room, (size_t)s->n_nodes, n_source * sizeof(*attended)))
        return elcl_fail_nomem(err);
    s->attended = all;
    s->n_source = n_source;
    for (int r = 0; r < s->n_rows; r++)
        memcpy(s->attended + (size_t)(s->first_node + r) * n_source, attended + (size_t)r * ld,
               n_source * sizeof(*attended));
    return ELCL_OK;
}

void elcl_search_alignments(const struct elcl_search *s, int i, float *alignments)
{
    const elcl_hypothesis *h = &s->results[i];
    const size_t n = s->n_source;
    int node = s->result_nodes[i]; /* the row of a token is that of the token before it */
    for (size_t t = h->n_ids - 1; t-- > 0; node = s->nodes[node].parent)
        memcpy(alignments + t * n, s->attended + (size_t)node * n, n * sizeof(*alignments));
}
