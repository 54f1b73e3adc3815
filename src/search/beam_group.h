/*
 * A group of beams: the common part of beam search, diverse beam search and fairseq's searches.
 * Each beam has a sorted list of candidates; merging the lists of a group gives its best picks.
 * Finished hypotheses are kept as in transformers 4.47.1 (BeamHypotheses).
 *
 * Sums of log-probabilities are float, as in torch; scores of finished hypotheses are double, as in
 * Python, so that comparisons give the same results.
 */
#ifndef ELCL_SEARCH_BEAM_GROUP_H
#define ELCL_SEARCH_BEAM_GROUP_H

#include "search/search_impl.h"

struct elcl_beam {
    float score; /* sum of log-probabilities; -inf: a beam without a continuation */
    int row;     /* beams with the same history share a row */
};

/* A candidate among those of all beams of a group. */
struct elcl_pick {
    float score; /* sum with the beam's */
    int beam;
    int32_t token;
};

struct elcl_finished {
    double score;              /* length penalty applied */
    int node;                  /* last token before EOS */
    int length;                /* tokens up to node */
    struct elcl_candidate eos; /* the one that ends it, of any of several; its token is -1 if the
                                * length ends it */
};

struct elcl_beam_group {
    int size;                /* beams of the group while all are alive */
    struct elcl_beam *beams; /* [size], the first n_beams are alive */
    int n_beams;
    struct elcl_beam *next;              /* [size] */
    const struct elcl_candidate **lists; /* [size], each [width] by falling score */
    int *cursor;                         /* [size], candidates of each list already merged */
    struct elcl_pick *picks;             /* [pick_limit], best first */
    int pick_limit;
    struct elcl_finished *finished; /* [finished_limit + 1], in order of arrival */
    int finished_limit, n_finished;
    double worst; /* of finished[]; used when they are finished_limit */
    bool done;
};

/* Beams start with row 0 and scores 0, first_other, first_other ... They all start with the same
 * row, so only the candidates of the first one may count. */
int elcl_beam_group_init(struct elcl_beam_group *group, int size, int pick_limit,
                         int finished_limit, float first_other, elcl_error *err);
void elcl_beam_group_finish(struct elcl_beam_group *group); /* {0} is fine */

/* Sets the lists to the candidates [rows, stride] of a step. */
void elcl_beam_group_read(struct elcl_beam_group *group, const struct elcl_candidate *candidates,
                          int stride);
/* Merges the lists, `width` long each, into picks[]; returns how many there are. A candidate of
 * -inf does not count. Of equal sums the lower beam comes first, then the better candidate of the
 * list. */
int elcl_beam_group_merge(struct elcl_beam_group *group, int width);

/* Returns sum / generated^length_penalty. */
double elcl_beam_penalized(const struct elcl_search *s, float sum, int generated);
/* Keeps the best finished_limit hypotheses. Of equal ones the older one leaves first. */
void elcl_beam_group_add(struct elcl_beam_group *group, struct elcl_finished hypothesis);
/* Adds the beams, whose rows are nodes first_node + row, as hypotheses of `length` tokens. */
void elcl_beam_group_add_open(struct elcl_beam_group *group, const struct elcl_search *s,
                              int first_node, int length);

/* Does one step of Hugging Face's search on the lists. Call it after elcl_search_step(). */
void elcl_beam_group_advance(struct elcl_beam_group *group, struct elcl_search *s);

/* The same with picks[0 .. n) instead of the lists. */
void elcl_beam_group_take(struct elcl_beam_group *group, struct elcl_search *s, int n);

/* Writes the hypotheses of all groups as results: best first, of equal ones the later one. The
 * first EOS of the options ends the ids, whichever EOS was met, as in Hugging Face. */
void elcl_beam_group_results(struct elcl_beam_group *groups, int n_groups, struct elcl_search *s);

/* ---- diversity (diverse.c) ----------------------------------------------------------------- */

/* The penalty of a group for tokens that earlier groups took in the same step. */
struct elcl_diversity {
    struct elcl_candidate *counts; /* [max] distinct tokens; score: how often */
    int n, max;
    struct elcl_candidate *lists; /* [beams of a group, width] */
};

int elcl_diversity_init(struct elcl_diversity *d, int max_tokens, int size, int width,
                        elcl_error *err);
void elcl_diversity_finish(struct elcl_diversity *d); /* {0} is fine */
void elcl_diversity_count(struct elcl_diversity *d, int32_t token, int times);
/* Sets the lists to the candidates [rows, stride] less `penalty` for each count, sorted again;
 * tokens of the row lose `repetition` times as much (see diverse.c). Call it after
 * elcl_search_step(). */
void elcl_diversity_read(struct elcl_diversity *d, struct elcl_beam_group *group,
                         const struct elcl_search *s, float penalty, float repetition,
                         const struct elcl_candidate *candidates, int stride);

#endif
