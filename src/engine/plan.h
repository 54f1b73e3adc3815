/* Memory of a run, by arithmetic alone. */
#ifndef ELCL_ENGINE_PLAN_H
#define ELCL_ENGINE_PLAN_H

#include "elcl/plan.h"
#include "model/state.h"

struct elcl_plan {
    uint64_t weights;
    uint64_t category[ELCL_N_BUFFER_CATEGORIES]; /* bytes */
    uint64_t total;
    uint64_t largest_buffer;
};

/* false when a size overflows. */
bool elcl_plan_make(const struct elcl_arch *arch, enum elcl_attention attention,
                    enum elcl_storage state, const struct elcl_capacity *capacity,
                    uint64_t weight_bytes, struct elcl_plan *plan);

/* The largest number of sentences up to `most` with which the plan stays within limit_bytes and
 * each buffer within max_buffer_bytes; 0 when not even one does. capacity->sentences is not
 * read. */
int elcl_plan_sentences(const struct elcl_arch *arch, enum elcl_attention attention,
                        enum elcl_storage state, const struct elcl_capacity *capacity,
                        uint64_t weight_bytes, uint64_t limit_bytes, uint64_t max_buffer_bytes,
                        int most);

/* Rows that are worth having in one step of a model. */
int elcl_plan_useful_rows(enum elcl_kernels kernels, enum elcl_storage weights,
                          uint64_t weight_bytes);

/* As the public functions give it, without limits: largest_batch -1, fits 1. */
void elcl_plan_publish(const struct elcl_plan *plan, enum elcl_attention attention, int batch_size,
                       elcl_memory_plan *out);

/* Candidates per row that an engine has room for. */
int elcl_plan_width(const struct elcl_arch *arch, int beams);

/* Room for the lists of requests, in tokens, where nothing is said: enough for a model's own.
 * `defaults` may be NULL. */
int elcl_plan_lists(const elcl_gen_options *defaults);

/* Source tokens encoded at once by a run of so many sentences. */
int elcl_plan_encode_rows(int sentences, int max_source);

#endif
