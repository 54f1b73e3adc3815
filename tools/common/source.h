/* A source on its way to an engine: encoded, checked, and cut to what the model and the options
 * leave room for. */
#ifndef CLI_SOURCE_H
#define CLI_SOURCE_H

#include "common/decoding.h"
#include "common/input.h"

struct cli_source {
    int32_t *ids; /* [n_ids] free() */
    size_t n_ids;
    size_t n_cut;       /* tokens that were cut off */
    int max_new_tokens; /* decoder-only: what the model's positions leave after the prompt; 0: the
                         * options' own */
};

/* What holds for all sources of a model. */
struct cli_source_rules {
    const elcl_model *model;
    elcl_model_info info;
    int max_source;         /* 0: the model's limit */
    const int32_t *opening; /* [n_opening] decoder-only: the special tokens before a prompt */
    size_t n_opening;
    const char *refuse;              /* the remedy for too long sources; NULL: they are cut */
    const char *src_lang, *tgt_lang; /* NULL: not given */
};

/* Encodes a text, or copies token ids. */
int cli_source_take(const struct cli_source_rules *rules, const struct cli_side *side,
                    struct cli_source *source, elcl_error *err);

/* Counts the tokens of texts for cli_sentences_create(), and keeps those of the last text. */
struct cli_source_counter {
    const struct cli_source_rules *rules;
    struct cli_source last; /* free() its ids at the end */
};

/* A cli_count_tokens; `user` is the counter. */
int cli_source_count(void *user, const char *text, size_t n, size_t *n_tokens, elcl_error *err);
/* Hands over the tokens of the text that was counted last. */
struct cli_source cli_source_counted(struct cli_source_counter *counter);

/* Checks the tokens and cuts what is too long: of a prompt the end stays, of other sources the
 * beginning and the special tokens at the end. Lowers max_new_tokens to the positions that are
 * left. Fails with ELCL_E_FORMAT. */
int cli_source_fit(const struct cli_source_rules *rules, const struct cli_resolved *resolved,
                   struct cli_source *source, elcl_error *err);

#endif
