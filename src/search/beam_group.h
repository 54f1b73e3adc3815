/*
 * A group of beams: what beam search, diverse beam search and fairseq's searches share. Each beam
 * has a sorted list of candidates; merging the lists of a group gives its best picks. Finished
 * hypotheses are kept as transformers 4.47.1 does (BeamHypotheses).
 *
 * Sums of log-probabilities are float, as torch has them; the scores of finished hypotheses are
 * double, as Python has them, so that comparisons fall alike.
 */
#ifndef ELCL_SEARCH_BEAM_GROUP_H
#define ELCL_SEARCH_BEAM_GROUP_H

#include "search/search_impl.h"

struct elcl_beam {
    float score; /* sum of log-probabilities; -inf: a beam that nothing follows */
    int row;     /* beams with the same history share a row */
};

/* A candidate of all beams of a group together. */
struct elcl_pick {
    float score; /* sum with the beam's */
    int beam;
    int32_t token;
};

struct elcl_finished {
    double score; /* length penalty applied */
    int node;     /* last token before EOS */
    int length;   /* tokens up to node */
    bool eos;
    float eos_score; /* its log-probability */
};

struct elcl_beam_group {
    int size;                /* beams of the group when all are alive */
    struct elcl_beam *beams; /* [size], the first n_beams are alive */
    int n_beams;
    struct elcl_beam *next;              /* [size] */
    const struct elcl_candidate **lists; /* [size], each [width] by falling score */
    int *cursor;                         /* [size], candidates of each list already merged */
    struct elcl_pick *picks;             /* [pick_limit], best first */
    int pick_limit;
    struct elcl_finished *finished; /* [finished_limit + 1], in order of arrival */
    int finished_limit, n_finished;
    double worst; /* of finished[]; counts once they are finished_limit */
    bool done;
};

/* Beams start with row 0 and scores 0, first_other, first_other ... All others start with the same
 * row, and only the first one's candidates are to count. */
int elcl_beam_group_init(struct elcl_beam_group *group, int size, int pick_limit,
                         int finished_limit, float first_other, elcl_error *err);
void elcl_beam_group_finish(struct elcl_beam_group *group); /* {0} is fine */

/* The lists of a step's candidates [rows, stride] as they are. */
void elcl_beam_group_read(struct elcl_beam_group *group, const struct elcl_candidate *candidates,
                          int stride);
/* Merges the lists, of `width` each, into picks[]; gives back how many there are. A candidate of
 * -inf is none. Of equal sums the lower beam comes first, then the better candidate of the list. */
int elcl_beam_group_merge(struct elcl_beam_group *group, int width);

/* sum / generated^length_penalty */
double elcl_beam_penalized(const struct elcl_search *s, float sum, int generated);
/* Keeps the best finished_limit hypotheses. The order of arrival decides between equals: the older
 * one leaves first. */
void elcl_beam_group_add(struct elcl_beam_group *group, struct elcl_finished hypothesis);
/* Takes the beams, whose rows are nodes first_node + row, as hypotheses of `length` tokens. */
void elcl_beam_group_add_open(struct elcl_beam_group *group, const struct elcl_search *s,
                              int first_node, int length);

/* One step of Hugging Face's search on lists that are set, after elcl_search_step(). */
void elcl_beam_group_advance(struct elcl_beam_group *group, struct elcl_search *s);

/* The same with picks[0 .. n) in the place of the lists. */
void elcl_beam_group_take(struct elcl_beam_group *group, struct elcl_search *s, int n);

/* The hypotheses of all groups together: best first, of equals the one that came later. Whichever
 * EOS was met, the first one of the options ends the ids, as in Hugging Face. */
void elcl_beam_group_results(struct elcl_beam_group *groups, int n_groups, struct elcl_search *s);

/* ---- diversity (diverse.c) ----------------------------------------------------------------- */

/* What a group loses for each token that earlier groups took in the same step. */
struct elcl_diversity {
    struct elcl_candidate *counts; /* [max] distinct tokens; score: how often */
    int n, max;
    struct elcl_candidate *lists; /* [beams of a group, width] */
};

int elcl_diversity_init(struct elcl_diversity *d, int max_tokens, int size, int width,
                        elcl_error *err);
void elcl_diversity_finish(struct elcl_diversity *d); /* {0} is fine */
void elcl_diversity_count(struct elcl_diversity *d, int32_t token, int times);
/* Lists of the candidates [rows, stride] less `penalty` for each count, sorted again; a row's own
 * tokens lose `repetition` times as much (see diverse.c). After elcl_search_step(). */
void elcl_diversity_read(struct elcl_diversity *d, struct elcl_beam_group *group,
                         const struct elcl_search *s, float penalty, float repetition,
                         const struct elcl_candidate *candidates, int stride);

#endif
