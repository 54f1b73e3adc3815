/*
 * Searches over one sentence: host code that turns (token, score) candidates of each live row
 * into the rows of the next step, and in the end into hypotheses. No OpenCL here.
 *
 *     struct elcl_search *s;
 *     elcl_search_create(&options, vocabulary, &s, err);
 *     while (!elcl_search_done(s)) {
 *         rows = elcl_search_rows(s, &n);            feed rows[i].token, state from rows[i].parent
 *         ... device: top elcl_search_width(s) candidates of each row ...
 *         elcl_search_advance(s, candidates, err);
 *     }
 *     elcl_search_results(s, &hypotheses, &n);
 *
 * Beams with the same history share one row, so a search asks for fewer rows than beams at the
 * start. A further search is one file with a vtable (search.c lists them).
 */
#ifndef ELCL_SEARCH_SEARCH_H
#define ELCL_SEARCH_SEARCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct elcl_candidate {
    int32_t token; /* -1: none (fewer tokens than the width are allowed) */
    float score;   /* log-probability after the rules */
};

struct elcl_search_row {
    int32_t token;  /* the row's last token: the decoder's next input */
    int32_t parent; /* index among the rows of the step before; 0 at the first step */
};

/* One token to be drawn from a row, or with beams all of its candidates: sampling alone has them.
 */
struct elcl_search_draw {
    int32_t row;    /* among the rows of this step */
    int32_t slot;   /* the token becomes the row's candidate 1 + slot */
    int32_t stream; /* the sequence, 0 .. num_return_sequences - 1: numbers its random numbers */
};

/* A token that an output has for good. */
struct elcl_search_token {
    int32_t stream; /* the sequence; 0 in greedy search */
    int32_t token;
    float score; /* its log-probability */
};

struct elcl_search;

/* `options` is copied and must come from elcl_options_bind(). Chooses by search_style; there
 * sampling with do_sample (of beams where there are several), greedy search for one beam, diverse
 * beam search for several groups, and beam search otherwise. */
int elcl_search_create(const elcl_gen_options *options, int vocabulary, struct elcl_search **search,
                       elcl_error *err);
void elcl_search_destroy(struct elcl_search **search); /* NULL is fine */

/* The request's own number, for random numbers; 0 until then. */
void elcl_search_number(struct elcl_search *search, uint64_t sample);

bool elcl_search_done(const struct elcl_search *search);
/* Tokens of every live row so far, the start token included. */
int elcl_search_length(const struct elcl_search *search);
/* The rows to run now, [*n], 1 <= *n <= num_beams, or without beams num_return_sequences with
 * do_sample; owned by the search, valid until advance. */
const struct elcl_search_row *elcl_search_rows(const struct elcl_search *search, int *n);
/* Writes the tokens of a row [elcl_search_length()], the start token first. */
void elcl_search_history(const struct elcl_search *search, int row, int32_t *tokens);
/* Writes to tokens [n_bad_words] those that would complete a bad word behind the `n_prompt` tokens
 * of `prompt` and the row's own; gives their number. As in transformers 4.47.1 a word counts only
 * where so many tokens as it has stand there, and a word that is an EOS alone never does. */
int elcl_search_banned(const struct elcl_search *search, int row, const int32_t *prompt,
                       int n_prompt, int32_t *tokens);
/* The draws to make from them, [*n]; none unless do_sample. Owned by the search. */
const struct elcl_search_draw *elcl_search_draws(const struct elcl_search *search, int *n);
/* Candidates wanted per row: greedy 1, beam num_beams * max(2, 1 + n_eos), diverse beam no more
 * than that, fairseq style 2 num_beams; at most the vocabulary. Sampling 1 + num_return_sequences:
 * the best token and the draws. */
int elcl_search_width(const struct elcl_search *search);
/* candidates [rows, stride], each row sorted by falling score (ties: lower token first); the first
 * elcl_search_width() of each row are read. */
int elcl_search_advance(struct elcl_search *search, const struct elcl_candidate *candidates,
                        int stride, elcl_error *err);
/* Ends what continues from a row of the step to come, of searches without beams; the last token of
 * its history is the last one of its outputs. */
void elcl_search_stop(struct elcl_search *search, int row);
/* The tokens that the last advance added for good, [*n]: of greedy search and sampling, other
 * searches have none. Owned by the search, valid until the next advance. */
const struct elcl_search_token *elcl_search_added(const struct elcl_search *search, int *n);
/* After done: num_return_sequences hypotheses (fewer when fewer were found), best first, or in the
 * order of the streams. Owned by the search. */
void elcl_search_results(const struct elcl_search *search, const elcl_hypothesis **hypotheses,
                         int *n);

#endif
