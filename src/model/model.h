/* A model on a device: what elcl_model_open() makes of a directory. */
#ifndef ELCL_MODEL_MODEL_H
#define ELCL_MODEL_MODEL_H

#include "format/config.h"
#include "format/tokenizer.h"
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
    struct elcl_device *device;
    struct elcl_ops *ops; /* uploads and programs; engines clone it */
    struct elcl_weights weights;
    uint64_t weight_bytes;
};

#endif
