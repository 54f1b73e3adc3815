/* Inside engine/: teacher-forced passes over given targets. */
#ifndef ELCL_ENGINE_SCORE_H
#define ELCL_ENGINE_SCORE_H

#include "elcl/measure.h"
#include "engine/plan.h"
#include "engine/restore.h"
#include "engine/source.h"
#include "model/cross_tap.h"
#include "model/model.h"

/* Rows of a pass: of the decoder, and of sources. Both are cut to the same limit. */
struct elcl_pass_rows {
    int decoder, source;
};

struct elcl_scorer {
    struct elcl_model *model;
    int batch_tokens;            /* as requested */
    int vocabulary;              /* log-probabilities are those among its tokens */
    int limit;                   /* most rows of a pass that fitted into memory */
    struct elcl_state state;     /* {0} until there is work */
    struct elcl_plan plan;       /* of the state */
    struct elcl_records step;    /* decoder rows, on the host */
    struct elcl_records encode;  /* encoder rows */
    struct elcl_numbers numbers; /* of the encoding */
    struct elcl_cross_tap tap;   /* what gives alignments */
    float *log_probs;            /* [rows] of one pass, of elcl_ops_host_memory() */
    elcl_engine_stats stats;
    elcl_cross_head heads[]; /* what the tap reads, if a list was given */
};

/* Allocates room for passes of so many rows now, not in a run. */
int elcl_scorer_reserve(struct elcl_scorer *scorer, struct elcl_pass_rows rows, elcl_error *err);

#endif
