/* Other names of keys that several families have. */
#include "model/family.h"

const struct elcl_key_alias elcl_gpt2_aliases[] = {
    {"hidden_size", "n_embd"},
    {"max_position_embeddings", "n_positions"},
    {"num_attention_heads", "n_head"},
    {"num_hidden_layers", "n_layer"},
    {NULL, NULL},
};
