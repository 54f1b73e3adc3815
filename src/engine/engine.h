/* Inside engine/: requests in flight and the step loop's state. */
#ifndef ELCL_ENGINE_ENGINE_H
#define ELCL_ENGINE_ENGINE_H

#include <pthread.h>

#include "elcl/measure.h"
#include "engine/plan.h"
#include "engine/restore.h"
#include "engine/source.h"
#include "model/cross_tap.h"
#include "model/model.h"
#include "search/search.h"

/* A request, from submission to its result. */
struct elcl_sentence {
    uint64_t id;
    void *user;
    elcl_gen_options options;                          /* lengths without the n_prompt tokens */
    void *lists;                                       /* what the options point to */
    uint64_t sample;                                   /* selects its random numbers */
    uint64_t submitted_ns, started_ns, first_token_ns; /* by elcl_clock_ns(); 0: not yet */
    struct elcl_search *search;
    int slot;                   /* its place in the engine while in flight */
    int first_row;              /* of the current step */
    bool admitted;              /* encoded in an earlier step */
    bool cancelled;             /* the engine's mutex protects it */
    struct elcl_sentence *next; /* in the waiting queue */
    float no_speech_prob;       /* NAN before the step that gives it */
    struct elcl_source source;  /* what it points to follows the sentence */
    struct elcl_stored stored;  /* its place in the encoder cache */
    int n_source;               /* source.n */
    const int32_t *prompt;      /* [n_prompt] tokens before the one that the first step takes: of a
                                 * decoder-only model's source, or start token and prefix */
    int n_prompt;
    int n_prepared; /* of a prefix: tokens whose states are in the caches */
    float *rows;    /* [n_source, D] what the encoder made, after the sentence; NULL: not wanted */
    int encoded;    /* its first row in the present encoding; -1: it has no part there */
};

struct elcl_engine {
    struct elcl_model *model;
    elcl_engine_params params;
    int sharers; /* engines that share the memory limit with this one, itself included */
    struct elcl_capacity capacity; /* the largest the state may get; encode_rows is not set */
    struct elcl_state state;       /* {0} until waiting work gives the size of an automatic batch */
    struct elcl_plan plan;         /* of the state */
    /* Requests may come and be cancelled while a step runs. The mutex protects the members down to
     * `published`. What only the step's thread writes (slots, n_live), it reads without. */
    pthread_mutex_t mutex;
    pthread_cond_t news;
    struct elcl_sentence *waiting, **waiting_end;
    size_t n_waiting;
    struct elcl_sentence **slots; /* [state.capacity.sentences], NULL: free */
    int n_live;
    int held_steps; /* for which waiting sentences were kept from free slots */
    uint64_t next_id;
    bool has_cancelled; /* a request was marked since the last step */
    bool woken;
    elcl_engine_stats published;       /* for other threads, after the last step */
    struct elcl_records step, encode;  /* on the host */
    struct elcl_numbers numbers;       /* of the encoding */
    struct elcl_candidate *candidates; /* [R, width], of elcl_ops_host_memory() */
    struct elcl_cross_tap tap;         /* what gives alignments */
    bool sampled;                      /* elcl_state_sample() has measured rows */
    elcl_engine_stats stats;
};

/* elcl_engine_create() for one of `sharers` engines on the model: an automatic batch takes its
 * share of the memory that is left. */
int elcl_engine_create_shared(elcl_model *model, const elcl_engine_params *params, int sharers,
                              elcl_engine **engine, elcl_error *err);

/* engine.c: creates the state if there is none, and a larger one if an automatic batch has more
 * requests waiting than fit and nothing is in flight. */
int elcl_engine_fit(struct elcl_engine *engine, size_t n_waiting, elcl_error *err);
/* engine.c: makes the statistics of the steps so far visible to other threads. */
void elcl_engine_publish(struct elcl_engine *engine);

/* step.c: what the result of a cancelled request says. */
extern const elcl_error elcl_cancelled;
/* step.c: returns a result without hypotheses, with the total time until now. */
elcl_result elcl_result_begin(uint64_t id, void *user, size_t n_source, uint64_t submitted_ns);

/* request.c */

/* Refuses what elcl_engine_submit() would refuse. Reads nothing that a step changes. Fills the
 * source, which points to what the request has. */
int elcl_engine_check(const struct elcl_engine *engine, const elcl_request *request,
                      struct elcl_source *source, elcl_error *err);
/* elcl_engine_submit() of a request of a pool, which keeps its number and the time when it came. */
int elcl_engine_submit_as(struct elcl_engine *engine, const elcl_request *request, uint64_t id,
                          uint64_t submitted_ns, elcl_error *err);
/* Removes the cancelled requests from queue and batch, and returns the list of them. */
struct elcl_sentence *elcl_engine_take_cancelled(struct elcl_engine *engine);
/* Returns the number of unfinished requests; n_waiting may be NULL. */
size_t elcl_engine_pending(struct elcl_engine *engine, size_t *n_waiting);

/* The sentence may be NULL. */
void elcl_sentence_destroy(struct elcl_sentence *sentence);

/* stop_strings.c: ends outputs that have come to a stop string in the last step. */
int elcl_engine_stop(struct elcl_engine *engine, struct elcl_sentence *sentence, elcl_error *err);
/* Returns the bytes that the plan of a state may take, without the weights. */
uint64_t elcl_engine_memory_limit(const struct elcl_device *device);

/* batch.c: the sentences in flight */

/* Moves waiting sentences into free slots if enough are free to make an encoding worth it, or if
 * some were kept from a free slot for a few steps. */
void elcl_batch_admit(struct elcl_engine *engine);
/* Writes the records of the next step for all sentences in flight, in slot order. */
void elcl_batch_step_records(struct elcl_engine *engine);
/* Writes the records for encoding new sentences of one kind of source, as many as fit one encoding.
 * Returns false if no new sentence is left, or after a failure. */
bool elcl_batch_encode_records(struct elcl_engine *engine, int *rc, elcl_error *err);
/* prefix.c: takes the tokens from start token and prefix that run at once before the first step,
 * and returns their number. The last token before the next one becomes the start token of the
 * options. */
int elcl_prefix_take(const struct elcl_engine *engine, elcl_gen_options *options);
/* Returns whether states of such tokens are still to come. */
bool elcl_prefix_left(const struct elcl_engine *engine);
/* Writes the records of the next pass over them. */
void elcl_prefix_records(struct elcl_engine *engine);
/* Returns the cache row of the first of them. The rows of later steps come after them, because
 * there are as many for each token as a sentence has beams. */
static inline int elcl_prefix_at(const struct elcl_capacity *c, int slot)
{
    return slot * c->max_target * c->beams;
}

/* Returns whether a sentence is new: an encoding is still to come. */
bool elcl_batch_has_new(const struct elcl_engine *engine);

/* Writes entry i of a section of row records or of row groups. */
void elcl_records_row(struct elcl_records *records, size_t at, int i,
                      const int32_t record[ELCL_ROW_INTS]);
void elcl_records_group(struct elcl_records *records, size_t at, int i,
                        struct elcl_row_group group);
#endif
