/* Synthetic models: configurations and tensor names of real models, with random weights. */
#ifndef ELCL_MODEL_SYNTHETIC_H
#define ELCL_MODEL_SYNTHETIC_H

#include "format/config.h"
#include "format/synthetic.h"
#include "model/arch.h"

/* Returns the name of model i, or NULL after the last one. */
const char *elcl_synthetic_model_name(int i);

/* Builds the config.json of a model. ELCL_E_ARG lists the known names. */
int elcl_synthetic_config(const char *name, struct elcl_config *config, elcl_error *err);
/* Builds the same as text, to be written next to the weights. */
const char *elcl_synthetic_config_text(const char *name);

/* Lists the tensors of a model of elcl_synthetic_config(), as its family names them. */
int elcl_synthetic_model(const struct elcl_config *config, const struct elcl_arch *arch,
                         uint64_t seed, struct elcl_synthetic *tensors, elcl_error *err);

#endif
