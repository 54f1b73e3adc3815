/* The memory of an engine's state, by arithmetic only. */
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

/* Returns false if a size overflows. */
bool elcl_plan_make(const struct elcl_arch *arch, enum elcl_attention attention,
                    enum elcl_storage state, const struct elcl_capacity *capacity,
                    uint64_t weight_bytes, struct elcl_plan *plan);

/* Returns the largest number of sentences up to `max` for which the plan stays within limit_bytes
 * and each buffer within max_buffer_bytes, or 0 if not even one fits. Reduces capacity->encode_most
 * to the least if more sentences fit then. Does not read capacity->sentences. */
int elcl_plan_sentences(const struct elcl_arch *arch, enum elcl_attention attention,
                        enum elcl_storage state, struct elcl_capacity *capacity,
                        uint64_t weight_bytes, uint64_t limit_bytes, uint64_t max_buffer_bytes,
                        int max);

/* Returns how many rows are worth having in one step of a model. */
int elcl_plan_useful_rows(enum elcl_kernels kernels, enum elcl_storage weights,
                          uint64_t weight_bytes);

/* Fills the public form of a plan, without limits: largest_batch is -1 and fits is 1. */
void elcl_plan_publish(const struct elcl_plan *plan, enum elcl_attention attention, int batch_size,
                       elcl_memory_plan *out);

/* Returns the candidates per row that an engine has room for. */
int elcl_plan_width(const struct elcl_arch *arch, int beams);

/* Returns the default room for the lists of requests, in tokens: enough for a model's own lists.
 * `defaults` may be NULL. */
int elcl_plan_lists(const elcl_gen_options *defaults);

/* Returns how many source tokens are worth encoding at once, with `compute_units` of a GPU, or 0 if
 * they are not known or the kernels are those for CPUs. */
int elcl_plan_encode_most(const struct elcl_arch *arch, enum elcl_attention attention,
                          uint32_t compute_units);

/* Returns how many source tokens an engine encodes at once: those of so many sentences, and at most
 * encode_most unless one source has more. */
int elcl_plan_encode_rows(int sentences, int max_source, int encode_most);

#endif
