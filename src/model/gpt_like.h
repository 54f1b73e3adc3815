/* What decoder-only families share: the sizes in config.json, and the tables of tokens. Each family
 * names its keys and tensors in family_*.c. */
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

/* Loads the embedding `tokens` and the output's table `head`, one table if they are tied, and
 * allocates the layers. */
int elcl_gpt_like_begin(struct elcl_loader *loader, const struct elcl_arch *arch,
                        const char *tokens, const char *head, struct elcl_weights *weights);

#endif
