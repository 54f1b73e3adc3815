/* What BART-like models share: names of keys and tensors, and how a stack is wired. Each family
 * describes itself in family_*.c as elcl_family.bart_like. */
#ifndef ELCL_MODEL_BART_LIKE_H
#define ELCL_MODEL_BART_LIKE_H

#include "model/family.h"

enum elcl_positions {
    ELCL_POSITIONS_LEARNED, /* a stored table */
    /* Stored, or computed: sin in the first half of a row and cos in the second, of the angles
     * position / 10000^(2 i / D). */
    ELCL_POSITIONS_SINUSOIDAL,
    /* Always computed: exponents i / (D/2 - 1) instead; row 0 is position pad_token_id + 1. */
    ELCL_POSITIONS_AFTER_PADDING,
};

struct elcl_bart_like {
    bool pre_norm;              /* and a norm after each stack: layer_norm */
    bool embedding_norm;        /* layernorm_embedding */
    bool norm_before_positions; /* the decoder adds positions after it */
    enum elcl_positions positions;
    int position_offset; /* rows of the table before position 0 */
    bool logits_bias;    /* final_logits_bias may be stored */
    bool vocabularies;   /* encoder and decoder may have separate vocabularies */
    /* Has the keys of fairseq's Transformer: src_vocab_size and tgt_vocab_size, one table for all
     * uses if tie_word_embeddings, a table for the output if share_decoder_input_output_embed is
     * false. */
    bool fairseq_keys;
    const char *head; /* tensor name of the output's table; NULL: lm_head.weight */
    const char *base; /* prefix of stored names; NULL: "model." */
    const char *const *encoder_attention; /* names in the encoder's self attention, or NULL */
    /* NULL: max_position_embeddings for both */
    const char *encoder_positions_key, *decoder_positions_key;
    /* Defaults for keys that config.json lacks. */
    int max_positions, target_positions;
    bool scale_embedding;
    const char *activation;
};

/* Loads the layer `prefix` of an encoder or a decoder; one of a decoder-only model has no cross
 * attention. `self` are the names in its self attention, as of elcl_load_attention_named(); NULL:
 * BART's. */
int elcl_bart_like_layer(struct elcl_loader *loader, const struct elcl_arch *arch,
                         const char *prefix, const char *const *self, bool decoder,
                         struct elcl_layer_weights *layer);
/* The same for layers.`i` of a decoder-only model. */
int elcl_bart_like_decoder_layer(struct elcl_loader *loader, const struct elcl_arch *arch, int i,
                                 struct elcl_layer_weights *layer);
/* Writes row `position` of the table of ELCL_POSITIONS_AFTER_PADDING. */
void elcl_after_padding_row(float *row, int position, int d);

int elcl_bart_like_arch(const struct elcl_family *family, const struct elcl_config *config,
                        struct elcl_arch *arch, elcl_error *err);
/* Loads both stacks with their positions, but no token tables. */
int elcl_bart_like_stacks(const struct elcl_family *family, struct elcl_loader *loader,
                          const struct elcl_arch *arch, struct elcl_weights *weights);
int elcl_bart_like_load(const struct elcl_family *family, struct elcl_loader *loader,
                        const struct elcl_arch *arch, struct elcl_weights *weights);

#endif
