/* Inside engine/: requests in flight and the step loop's state. */
#ifndef ELCL_ENGINE_ENGINE_H
#define ELCL_ENGINE_ENGINE_H

#include "elcl/measure.h"
#include "engine/plan.h"
#include "model/model.h"
#include "search/search.h"

/* A request, from submission to its result. */
struct elcl_sentence {
    uint64_t id;
    void *user;
    elcl_gen_options options; /* decoder-only: lengths without those of the prompt's n_prompt */
    void *lists;              /* what those point to */
    uint64_t sample;          /* of its random numbers */
    struct elcl_search *search;
    int slot;                   /* its place in the pools while in flight */
    int first_row;              /* of its rows in the current step */
    bool admitted;              /* encoded in an earlier step */
    struct elcl_sentence *next; /* in the waiting queue */
    int n_source;
    int n_prompt;     /* decoder-only: source tokens before the one that takes part in steps */
    int32_t source[]; /* [n_source] */
};

struct elcl_engine {
    struct elcl_model *model;
    elcl_engine_params params;
    int sharers; /* engines that share the memory limit with this one, itself included */
    struct elcl_capacity capacity; /* what the run may have room for, encode_rows left open */
    struct elcl_state state;       /* {0} until there is work to size an automatic batch by */
    struct elcl_plan plan;         /* of the run */
    struct elcl_sentence *waiting, **waiting_end;
    size_t n_waiting;
    struct elcl_sentence **slots; /* [capacity.sentences], NULL: free */
    int n_live;
    uint64_t next_id;
    struct elcl_records step, encode;  /* host side, data owned */
    struct elcl_candidate *candidates; /* [R, width] */
    elcl_engine_stats stats;
};

/* elcl_engine_create() for one of `sharers` engines on the model: an automatic batch takes this
 * part of the memory that is left. */
int elcl_engine_create_shared(elcl_model *model, const elcl_engine_params *params, int sharers,
                              elcl_engine **engine, elcl_error *err);

/* engine.c: makes the run when there is none, and a larger one when an automatic batch has more
 * waiting than fits and nothing is in flight. */
int elcl_engine_fit(struct elcl_engine *engine, elcl_error *err);

/* engine.c: what elcl_engine_submit() would refuse. Reads nothing that a step changes. */
int elcl_engine_check(const struct elcl_engine *engine, const elcl_request *request,
                      elcl_error *err);

/* The sentence may be NULL. */
void elcl_sentence_destroy(struct elcl_sentence *sentence);

/* stop.c: ends what the last step has brought to a stop string. */
int elcl_engine_stop(struct elcl_engine *engine, struct elcl_sentence *sentence, elcl_error *err);
/* Bytes that the plan of a run may take, without the weights. */
uint64_t elcl_engine_memory_limit(const struct elcl_device *device);

/* batch.c: who is in flight */

/* Moves waiting sentences into free slots, when enough are free to make an encoding worth it. */
void elcl_batch_admit(struct elcl_engine *engine);
/* The records of the next step over all sentences in flight, in slot order. */
void elcl_batch_step_records(struct elcl_engine *engine);
/* The records for encoding new sentences from slot *slot on, as many as fit one encoding; *slot
 * moves behind the last one. false: no new sentence is left. */
bool elcl_batch_encode_records(struct elcl_engine *engine, int *slot);

/* Entry i of a section of row records or of groups. */
void elcl_records_row(struct elcl_records *records, size_t at, int i,
                      const int32_t record[ELCL_ROW_INTS]);
void elcl_records_group(struct elcl_records *records, size_t at, int i,
                        struct elcl_row_group group);
/* The encoder's next n rows: source tokens whose states go to cache rows from `pool` on. */
void elcl_records_source(struct elcl_records *records, const int32_t *tokens, int n, int pool);

#endif
