/*
 * The reference for the tests of the searches: a model that is a table of logits, a device that
 * applies the rules in double precision, and beam search in its plainest form (every beam has its
 * own row and history, every candidate is sorted).
 */
#ifndef ELCL_TESTS_SEARCH_REFERENCE_H
#define ELCL_TESTS_SEARCH_REFERENCE_H

#include "search/rules.h"
#include "search/search.h"

struct table_model {
    int vocabulary;
    int period;         /* of the table's positions; 0: random logits, drawn from the history */
    const float *table; /* [vocabulary (last token), period, vocabulary] */
    uint64_t seed;      /* of the random logits */
    double spread;      /* their standard deviation */
    int levels;         /* n: logits are whole numbers below n, many of them equal; 0: any number */
    double banned;      /* fraction of them that are -inf */
    int dead_from;      /* histories of this length and longer: all logits are -inf; 0: none */
};

/* Computes the logits after the `length` tokens of `history` [vocabulary]. */
void table_logits(const struct table_model *model, const int32_t *history, int length,
                  float *logits);

struct outcome {
    int n;           /* hypotheses, best first */
    int max_rows;    /* of one step */
    int rows, steps; /* in total */
    int max_length;  /* stride of ids */
    int32_t *ids;    /* [num_return_sequences, max_length] */
    int *n_ids;      /* [num_return_sequences] */
    float *scores;   /* likewise */
    enum elcl_finish_reason *finish;
};
void outcome_free(struct outcome *outcome);

/* Runs elcl's search on the model. */
int run_search(const elcl_gen_options *options, const struct table_model *model,
               struct outcome *outcome, elcl_error *err);
/* Runs plain beam search, num_beams > 1. */
void run_plain_beams(const elcl_gen_options *options, const struct table_model *model,
                     struct outcome *outcome);

/* Returns options with every rule off: token 0 starts, token 1 is EOS, max_length 12. */
elcl_gen_options plain_options(void);

#endif
