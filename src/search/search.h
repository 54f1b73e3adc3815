/*
 * Searches over one sentence: host code that turns the (token, score) candidates of each live row
 * into the rows of the next step, and at the end into hypotheses. No OpenCL here.
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
 * Beams with the same history share one row, so a search starts with fewer rows than beams. A new
 * search is one file with a table of functions (search.c lists them).
 */
#ifndef ELCL_SEARCH_SEARCH_H
#define ELCL_SEARCH_SEARCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "cl/records.h"

struct elcl_candidate {
    int32_t token; /* ELCL_TOKEN_NONE: none (fewer tokens than the width are allowed), or
                    * ELCL_TOKEN_NO_LOGIT */
    float score;   /* log-probability after the rules */
};

struct elcl_search_row {
    int32_t token;  /* the row's last token: the decoder's next input */
    int32_t parent; /* index among the rows of the step before; 0 at the first step */
};

/* A draw from a row: one token, or with beams all its candidates. Only sampling has draws. */
struct elcl_search_draw {
    int32_t row;    /* among the rows of this step */
    int32_t index;  /* the token becomes the row's candidate 1 + index */
    int32_t stream; /* the sequence, 0 .. num_return_sequences - 1; selects its random numbers */
};

/* A token that an output keeps. */
struct elcl_search_token {
    int32_t stream; /* the sequence; 0 in greedy search */
    int32_t token;
    float score; /* its log-probability */
};

struct elcl_search;

/* Copies `options`, which must come from elcl_options_bind(). Chooses the search by search_style;
 * in Hugging Face's style: sampling with do_sample (of beams if there are several), greedy search
 * for one beam, diverse beam search for several groups, otherwise beam search. */
int elcl_search_create(const elcl_gen_options *options, int vocabulary, struct elcl_search **search,
                       elcl_error *err);
void elcl_search_destroy(struct elcl_search **search); /* NULL is fine */

/* Sets the number of the request that selects its random numbers; 0 by default. */
void elcl_search_number(struct elcl_search *search, uint64_t sample);

bool elcl_search_done(const struct elcl_search *search);
/* Returns the tokens of every live row so far, start token included. */
int elcl_search_length(const struct elcl_search *search);
/* Returns the rows to run now, [*n]: 1 <= *n <= num_beams, or num_return_sequences with do_sample
 * and no beams. The search owns them; they are valid until advance. */
const struct elcl_search_row *elcl_search_rows(const struct elcl_search *search, int *n);
/* Writes the tokens of a row [elcl_search_length()], the start token first. */
void elcl_search_history(const struct elcl_search *search, int row, int32_t *tokens);
/* Writes to tokens [n_bad_words] those that would complete a bad word after the `n_prompt` tokens
 * of `prompt` and those of the row; returns their number. As in transformers 4.47.1 a word only
 * counts if at least as many tokens as it has precede it, and a word that is only an EOS never
 * counts. */
int elcl_search_banned(const struct elcl_search *search, int row, const int32_t *prompt,
                       int n_prompt, int32_t *tokens);
/* Adds to a row's rules which timestamps its tokens allow; nothing if its next token is forced. */
void elcl_search_timestamps(const struct elcl_search *search, int row,
                            struct elcl_row_rules *rules);
/* Returns the draws to make from the rows, [*n]; none unless do_sample. The search owns them. */
const struct elcl_search_draw *elcl_search_draws(const struct elcl_search *search, int *n);
/* Returns the candidates to compute per row: greedy 1, beam num_beams * max(2, 1 + n_eos), diverse
 * beam no more than that, fairseq style 2 num_beams; at most the vocabulary. Sampling 1 +
 * num_return_sequences: the best token and the draws. */
int elcl_search_width(const struct elcl_search *search);
/* Advances by one step. candidates [rows, stride], each row sorted by falling score (ties: lower
 * token first); the first elcl_search_width() of each row are read. */
int elcl_search_advance(struct elcl_search *search, const struct elcl_candidate *candidates,
                        int stride, elcl_error *err);
/* Keeps what the live rows attend to, [n_rows, ld], of which n_source numbers count. Call it before
 * each advance if elcl_search_alignments() is wanted. */
int elcl_search_keep(struct elcl_search *search, const float *attended, size_t ld, size_t n_source,
                     elcl_error *err);
/* Ends the outputs that continue from a row of the coming step, in searches without beams; they end
 * with the last token of its history. */
void elcl_search_stop(struct elcl_search *search, int row);
/* Returns the tokens that the last advance added to outputs, [*n]: only greedy search and sampling
 * have them. The search owns them; they are valid until the next advance. */
const struct elcl_search_token *elcl_search_added(const struct elcl_search *search, int *n);
/* Returns num_return_sequences hypotheses after the end (fewer if fewer were found), best first, or
 * in the order of the streams. The search owns them. */
void elcl_search_results(const struct elcl_search *search, const elcl_hypothesis **hypotheses,
                         int *n);
/* Writes what the rows attended to that predicted the tokens of result i after the start token:
 * [n_ids - 1, n_source]. */
void elcl_search_alignments(const struct elcl_search *search, int i, float *alignments);

#endif
