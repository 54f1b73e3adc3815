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

/* Names of tensors, and how a layer is loaded. */
struct elcl_gpt_tensors {
    const char *base;           /* of elcl_loader */
    const char *tokens, *head;  /* the embedding and the output's table, one table if tied */
    const char *positions;      /* NULL: not stored */
    const char *embedding_norm; /* NULL: none */
    const char *final_norm;     /* NULL: none */
    int (*load_layer)(struct elcl_loader *loader, const struct elcl_arch *arch, int i,
                      struct elcl_layer_weights *layer);
};

/* Loads a decoder. What the table does not name the family loads before or after. */
int elcl_gpt_like_load(const struct elcl_gpt_tensors *tensors, struct elcl_loader *loader,
                       const struct elcl_arch *arch, struct elcl_weights *weights);

#endif
