/* The encoder's outputs on disk (base/disk_cache.h): what tells one model's from another's. */
#ifndef ELCL_MODEL_ENCODER_CACHE_H
#define ELCL_MODEL_ENCODER_CACHE_H

#include "base/disk_cache.h"
#include "model/model.h"
#include "model/state.h"

/* ELCL_E_ARG: the size is too small. */
int elcl_encoder_cache_check(const elcl_model_params *params, elcl_error *err);

/* Sets model->encoder_cache if the parameters ask for it. What keeps it from being used goes to the
 * log. ops: those of model->ops; weights: a hash of their content. */
void elcl_encoder_cache_open(struct elcl_model *model, const elcl_model_params *params,
                             const struct elcl_ops_params *ops, uint64_t weights);
/* Says how much was found, and closes it. */
void elcl_encoder_cache_close(struct elcl_model *model);

/* Computes the key of a source: tokens, or inputs. Nobody can find another source with the key of a
 * given one, so that the users of a server cannot disturb each other. */
struct elcl_pack_key elcl_encoder_cache_key(enum elcl_source_kind kind, const void *source,
                                            size_t bytes);

#endif
