/* A model on a device. elcl_model_open() builds it in two steps; engine/ chooses the attention
 * variant between them because that needs plans. */
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
    struct elcl_tuned_ways ways;   /* likewise */
    struct elcl_device *device;
    struct elcl_features features; /* of the device */
    struct elcl_ops *ops;          /* uploads and programs; engines clone it */
    struct elcl_weights weights;
    uint64_t weight_bytes;
    struct elcl_disk_cache *encoder_cache; /* NULL: none */
};

/* Reads what texts need of a directory: the tokenizer if there is one, and the special tokens of
 * config.json where the tokenizer leaves them to it. */
int elcl_model_read_texts(struct elcl_model *model, const char *directory, elcl_error *err);

/* Returns how many tokens follow the ids of every encoded source. */
int elcl_model_source_end(const elcl_model *model);

struct elcl_synthetic;

/* Does everything except kernels and weights: opens the device; the caller sets `attention` and
 * `clblast_rows` and `ways`. directory NULL: the synthetic model of that name and seed, and the
 * tensors to load it from. */
int elcl_model_begin(const char *directory, const char *synthetic, uint64_t seed,
                     const elcl_model_params *params, struct elcl_synthetic *tensors,
                     struct elcl_model **model, elcl_error *err);
/* Builds the kernels and uploads the weights. */
int elcl_model_load(struct elcl_model *model, const elcl_model_params *params,
                    struct elcl_tensors *tensors, elcl_error *err);

#endif
