/* Models of true shape with random weights: configurations and tensor names. */
#ifndef ELCL_MODEL_SYNTHETIC_H
#define ELCL_MODEL_SYNTHETIC_H

#include "format/config.h"
#include "format/synthetic.h"
#include "model/arch.h"

/* The name of model i, NULL past the last one. */
const char *elcl_synthetic_model_name(int i);

/* config.json of the model of that name. ELCL_E_ARG lists the names there are. */
int elcl_synthetic_config(const char *name, struct elcl_config *config, elcl_error *err);
/* The same as text, to be written beside the weights. */
const char *elcl_synthetic_config_text(const char *name);

/* Lists the tensors of a model of elcl_synthetic_config(), as its family names them. */
int elcl_synthetic_model(const struct elcl_config *config, const struct elcl_arch *arch,
                         uint64_t seed, struct elcl_synthetic *tensors, elcl_error *err);

#endif
