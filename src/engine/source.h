/* What a request's output comes from: tokens, inputs of an encoder, or its finished outputs. */
#ifndef ELCL_ENGINE_SOURCE_H
#define ELCL_ENGINE_SOURCE_H

#include "model/model.h"
#include "model/state.h"

struct elcl_source {
    enum elcl_source_kind kind;
    const int32_t *tokens; /* [n] */
    const float *numbers;  /* inputs [n_inputs, C], or rows [n, D] */
    size_t n_inputs;
    size_t n; /* tokens, or outputs of the encoder */
};

/* Reads the one of source, inputs and source_rows that a request has. Refuses what the model cannot
 * read, and more than `max` tokens or outputs of the encoder. */
int elcl_source_read(const struct elcl_model *model, const elcl_request *request, size_t max,
                     struct elcl_source *source, elcl_error *err);
/* Returns the bytes of a copy. The kind is not STORED. */
size_t elcl_source_bytes(const struct elcl_arch *arch, const struct elcl_source *source);
/* Copies tokens or numbers to `memory` and points the source there. */
void elcl_source_copy(const struct elcl_arch *arch, struct elcl_source *source, void *memory);

/* Numbers of one encoding on the host; {0} until one needs them. */
struct elcl_numbers {
    float *rows;  /* [encode_rows, D] given, or what the encoder made */
    char *stored; /* [encode_rows] of elcl_stored_row_bytes(), from or for the encoder cache */
    struct elcl_front_frames frames;
};

/* Makes room for all that one encoding of the state may have of a kind. */
int elcl_numbers_reserve(struct elcl_numbers *numbers, const struct elcl_state *state,
                         enum elcl_source_kind kind, elcl_error *err);
/* Returns whether an encoding with these records can take the source, too. */
bool elcl_numbers_fit(const struct elcl_numbers *numbers, const struct elcl_state *state,
                      const struct elcl_records *records, const struct elcl_source *source);
/* Appends the rows of a source, whose states go to the cache rows from `cache_row` on. */
void elcl_numbers_add(struct elcl_numbers *numbers, const struct elcl_state *state,
                      struct elcl_records *records, const struct elcl_source *source,
                      int cache_row);

#endif
