/* Rows of logits with rules, and draws of them: select_best and both samplings on the fixture. */
#ifndef ELCL_SELFTEST_LOGITS_H
#define ELCL_SELFTEST_LOGITS_H

#include "search/rules.h"
#include "selftest/fixture.h"

enum elcl_logits {
    ELCL_LOGITS_NORMAL,
    ELCL_LOGITS_TIES,
    ELCL_LOGITS_EQUAL,
    ELCL_LOGITS_NANS,
    ELCL_LOGITS_INFINITIES,
    ELCL_LOGITS_HUGE,
    ELCL_LOGITS_WIDE, /* what exp() has in double precision at every temperature and penalty */
    ELCL_LOGITS_NOTHING,
    ELCL_N_LOGITS
};
extern const char *const elcl_logit_names[ELCL_N_LOGITS];

#define ELCL_ROWS_MAX 5
#define ELCL_ROWS_LENGTH 24
#define ELCL_ROWS_LIST 16 /* tokens of one list; a row has four */
enum { ELCL_LIST_SOURCE, ELCL_LIST_BANS, ELCL_LIST_SUPPRESSED, ELCL_LIST_ALLOWED, ELCL_N_LISTS };

struct elcl_candidate {
    int32_t token;
    float score;
};

/* The host's side of one call. */
struct elcl_rows {
    int r, v, width;
    float *logits;    /* [R, V] */
    int32_t *history; /* [R, ELCL_ROWS_LENGTH] */
    int length[ELCL_ROWS_MAX];
    struct elcl_row_rules rules[ELCL_ROWS_MAX];
    int32_t lists[ELCL_ROWS_MAX][ELCL_N_LISTS][ELCL_ROWS_LIST];
    int32_t banned[ELCL_ROWS_MAX][2 * ELCL_ROWS_LIST]; /* for the reference: two of the lists */
    struct elcl_row_draw *draws;                       /* [n_draws] */
    int n_draws;
};

/* Rows of zeros without rules, of one token each, and zeroed draws. */
struct elcl_rows elcl_rows(struct elcl_fixture *fx, int r, int v, int width, int n_draws);
void elcl_rows_fill(struct elcl_fixture *fx, float *logits, int v, enum elcl_logits kind);
/* The reference's view of a row's rules. */
struct elcl_ref_rules elcl_rows_reference(struct elcl_rows *rows, int row);
/* Logits [R, V] as rows of ELCL_LOGITS_LD(V), with what would be the best tokens after them. */
const struct elcl_buffer *elcl_rows_logits(struct elcl_fixture *fx, const float *logits, int r,
                                           int v);
/* Candidates [R, width] after elcl_op_select(), and unless `draw` is NULL after that. */
typedef int (*elcl_rows_draw)(struct elcl_ops *ops, const struct elcl_select_args *args,
                              size_t draws_at, int n_draws, elcl_error *err);
struct elcl_rows_result {
    const struct elcl_candidate *selected, *drawn; /* NULL after a failure */
};
struct elcl_rows_result elcl_rows_run(struct elcl_fixture *fx, const struct elcl_rows *rows,
                                      elcl_rows_draw draw);
/* Returns ELCL_TOKEN_NONE, or ELCL_TOKEN_NO_LOGIT for a row without a finite logit. */
int32_t elcl_rows_none(const float *logits, int v);
/* Checks that a candidate is missing, as where all tokens are banned. */
void elcl_rows_check_none(struct elcl_fixture *fx, const struct elcl_candidate *got, int rank,
                          int32_t none);

/* ---- select.c ------------------------------------------------------------------------------ */

/* Logits of a kind, random histories, and rules that differ by row so that each is used. */
struct elcl_rows elcl_rows_random(struct elcl_fixture *fx, int r, int v, int width,
                                  enum elcl_logits kind, bool greedy);
void elcl_check_select(struct elcl_fixture *fx, int r, int v, int width, enum elcl_logits kind,
                       bool greedy);

/* ---- sample.c ------------------------------------------------------------------------------ */

/* Two equal rows; all draws are of row 1, with spread uniform numbers. */
struct elcl_rows elcl_sample_rows(struct elcl_fixture *fx, int v, const float *logits, int n_draws,
                                  const struct elcl_row_draw *cuts);
/* All cut-offs at once. */
extern const struct elcl_row_draw elcl_sample_cuts;
/* The draws, [n_draws], after a check that row 0 has not changed; NULL after a failure. */
const struct elcl_candidate *elcl_sample_run(struct elcl_fixture *fx, const struct elcl_rows *rows);
struct elcl_ref_sampling elcl_sample_reference(const struct elcl_row_draw *draw);
/* What masses of p [V] err by in f32. */
double elcl_sample_error(int v);
/* One row, with or without rules; cuts NULL: random cut-offs. Returns false and runs nothing when a
 * mass is too near to a cut-off for f32 to decide: try again. */
bool elcl_check_sample(struct elcl_fixture *fx, int v, int n_draws, enum elcl_logits kind,
                       bool rules, const struct elcl_row_draw *cuts);

/* ---- sample_beams.c ------------------------------------------------------------------------ */

/* Makes logits, rules and the draw of a row; draws[r] is of row r. */
void elcl_beams_fill(struct elcl_fixture *fx, struct elcl_rows *rows, int row,
                     enum elcl_logits kind);
/* Five rows, of which all but the first are drawn. */
void elcl_check_sample_beams(struct elcl_fixture *fx, int v, int width, enum elcl_logits kind);

#endif
