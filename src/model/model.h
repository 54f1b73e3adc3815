/* A model on a device: what elcl_model_open() makes of a directory, in two steps with the choice of
 * the attention variant between them, which needs the plans of engine/. */
#ifndef ELCL_MODEL_MODEL_H
#define ELCL_MODEL_MODEL_H

#include "format/config.h"
#include "text/tokenizer.h"
#include "format/tensors.h"
#include "model/family.h"

struct elcl_model {
    const struct elcl_family *family;
    struct elcl_arch arch;
    struct elcl_config config;
    struct elcl_tokenizer *tokenizer; /* NULL: the directory has none */
    elcl_gen_options defaults;
    int32_t bos, eos;              /* around an encoded text; -1: none */
    int32_t empty;                 /* what an empty text becomes; -1: nothing */
    enum elcl_attention attention; /* resolved */
    char attention_reason[256];    /* of AUTO's choice, or "" */
    int clblast_rows;              /* as in elcl_ops_params; 0: not measured */
    struct elcl_device *device;
    struct elcl_features features; /* of the device */
    struct elcl_ops *ops;          /* uploads and programs; engines clone it */
    struct elcl_weights weights;
    uint64_t weight_bytes;
};

/* Tokens that stand after the ids of every encoded source. */
int elcl_model_source_end(const elcl_model *model);

struct elcl_synthetic;

/* Everything but kernels and weights: the device is open, `attention` and `clblast_rows` are left
 * to be set. */
int elcl_model_begin(const char *directory, const elcl_model_params *params,
                     struct elcl_model **model, elcl_error *err);
/* The same of a synthetic model, with the tensors to load it from. */
int elcl_model_begin_synthetic(const char *name, uint64_t seed, const elcl_model_params *params,
                               struct elcl_synthetic *tensors, struct elcl_model **model,
                               elcl_error *err);
/* Builds the kernels and uploads the weights. */
int elcl_model_load(struct elcl_model *model, const elcl_model_params *params,
                    struct elcl_tensors *tensors, elcl_error *err);

#endif
