/*
 * The common part of the searches: the trace of tokens, the rows of the next step, the results. A
 * strategy is one file: a struct that begins with struct elcl_search, and a const vtable.
 *
 * Every row of every step is one node of the trace and points to the node before it, so histories
 * are never copied: a hypothesis is a node and a length until the results are written.
 */
#ifndef ELCL_SEARCH_SEARCH_IMPL_H
#define ELCL_SEARCH_SEARCH_IMPL_H

#include <stddef.h>

#include "search/search.h"

struct elcl_search_strategy {
    size_t size; /* of the struct that begins with elcl_search */
    int (*width)(const elcl_gen_options
                     *options); /* candidates per row, not yet limited by the vocabulary */
    int (*init)(struct elcl_search *s,
                elcl_error *err);          /* the strategy's own arrays; may be NULL */
    void (*finish)(struct elcl_search *s); /* frees them, also after a failed init; may be NULL */
    /* Does one step on checked candidates [n_rows, stride]. Calls elcl_search_step() and
     * elcl_search_push() for each row of the next step; or elcl_search_result(), best first, and
     * done. */
    void (*advance)(struct elcl_search *s, const struct elcl_candidate *candidates, int stride);
    /* Ends the outputs that continue from a row; NULL if stop strings are refused. */
    void (*stop)(struct elcl_search *s, int row);
};

extern const struct elcl_search_strategy elcl_search_greedy, elcl_search_beam, elcl_search_diverse,
    elcl_search_fairseq, elcl_search_sample, elcl_search_sample_beams;

struct elcl_trace_node {
    int32_t token;
    int32_t parent; /* node; -1 before the start token */
    float score;    /* the token's as a candidate; NAN for the start token */
};

struct elcl_search {
    const struct elcl_search_strategy *strategy;
    elcl_gen_options options;
    int vocabulary;
    int max_length;
    int width;
    int length; /* tokens of a live row, the start token included */
    int prompt; /* tokens before the first generated one */
    bool done;
    uint64_t sample; /* selects the request's random numbers */

    struct elcl_search_row *rows; /* [n_beams], the first n_rows are live; n_beams: streams when
                                   * sampling */
    int n_rows;
    struct elcl_search_draw *draws; /* sampling: [n_beams], n_draws are live */
    int n_draws;
    struct elcl_trace_node *nodes; /* [1 + n_beams (max_length - 1)] */
    int n_nodes;
    int first_node;    /* node of rows[0]; row r is node first_node + r */
    int previous_node; /* node of rows[0] of the previous step */
    float *attended;   /* [nodes, n_source] what a node's row attended to; NULL unless kept */
    size_t attended_room, n_source;

    elcl_hypothesis *results; /* [num_return_sequences], the first n_results are written */
    int n_results;
    int *result_nodes;       /* [num_return_sequences] of their last tokens but one */
    int32_t *result_ids;     /* [num_return_sequences, max_length] */
    float *result_log_probs; /* likewise, NULL unless options.token_logprobs */

    const struct elcl_candidate *candidates; /* [n_rows, stride] of the step, during advance */
    int stride;
    struct elcl_search_token *added; /* [num_return_sequences], n_added by the last advance */
    int n_added;
};

bool elcl_search_is_eos(const struct elcl_search *s, int32_t token);

/* Starts the rows of the next step: the current ones become parents. */
void elcl_search_step(struct elcl_search *s);
/* Adds a row to the next step, unless one with the same token and parent (a row of the previous
 * step) exists. Returns its index. */
int elcl_search_push(struct elcl_search *s, int parent, int32_t token);

/* Returns the score of a row's candidate, while it advances; NAN if the token is none of them. */
float elcl_search_score(const struct elcl_search *s, int row, int32_t token);

/* Appends a hypothesis to the results: the `length` tokens that end at `node`, then `last` unless
 * its token is -1. Does nothing after num_return_sequences. */
void elcl_search_result(struct elcl_search *s, int node, int length, struct elcl_candidate last,
                        double score, enum elcl_finish_reason finish);

#endif
