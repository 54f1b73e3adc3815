/* What decoder-only families share: the sizes in config.json, and loading. Each family names its
 * keys and tensors in family_*.c. */
#ifndef ELCL_MODEL_GPT_LIKE_H
#define ELCL_MODEL_GPT_LIKE_H

#include "model/family.h"

/* Keys of config.json. */
struct elcl_gpt_keys {
    const char *width, *layers, *heads;
    const char *inner;     /* F; NULL or absent: 4 D */
    const char *positions; /* NULL: the family sets max_positions */
    int max_positions;     /* if config.json lacks the key */
    const char *activation, *default_activation;
    const char *norm_eps; /* NULL: 1e-5 */
};

/* Reads these, vocab_size and tie_word_embeddings into a pre-norm decoder without scaled
 * embeddings; the family changes what it has otherwise. Refuses add_cross_attention. */
int elcl_gpt_like_arch(const struct elcl_config *config, const struct elcl_gpt_keys *keys,
                       struct elcl_arch *arch, elcl_error *err);
/* Multiplies embeddings by sqrt(D) if scale_embedding says so or is absent. */
int elcl_gpt_like_scale(const struct elcl_config *config, struct elcl_arch *arch, elcl_error *err);

/* Loads layer i of a decoder. */
typedef int (*elcl_load_layer_fn)(struct elcl_loader *loader, const struct elcl_arch *arch, int i,
                                  struct elcl_layer_weights *layer);

/* Names of tensors, and how a layer is loaded. */
struct elcl_gpt_tensors {
    const char *base;           /* of elcl_loader */
    const char *tokens, *head;  /* the embedding and the output's table, one table if tied */
    const char *positions;      /* NULL: not stored */
    const char *embedding_norm; /* NULL: none */
    const char *final_norm;     /* NULL: none */
    elcl_load_layer_fn load_layer;
};

/* Loads a decoder. The family loads what the table does not name, before or after. */
int elcl_gpt_like_load(const struct elcl_gpt_tensors *tensors, struct elcl_loader *loader,
                       const struct elcl_arch *arch, struct elcl_weights *weights);

/* elcl_gpt_like_arch() with the keys of GPT-2, and scale_attn_weights. */
int elcl_gpt2_arch(const struct elcl_config *config, const char *default_activation,
                   struct elcl_arch *arch, elcl_error *err);
/* elcl_gpt_like_load() with the tensor names of GPT-2 outside the layers. */
int elcl_gpt2_load(elcl_load_layer_fn load_layer, struct elcl_loader *loader,
                   const struct elcl_arch *arch, struct elcl_weights *weights);

#endif
