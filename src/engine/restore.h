/* Sources whose encoder output is on disk (model/encoder_cache.h), in encodings. */
#ifndef ELCL_ENGINE_RESTORE_H
#define ELCL_ENGINE_RESTORE_H

#include "base/pack.h"
#include "engine/source.h"

/* A source in the encoder cache. */
struct elcl_stored {
    struct elcl_pack_key key;
    bool asked; /* the key is set */
    bool there; /* the cache has its output */
};

/* Asks the cache of the model, if it has one, once for each source. f32: only rows of that type
 * count as there. */
void elcl_stored_ask(const struct elcl_model *model, const struct elcl_source *source, bool f32,
                     struct elcl_stored *stored);
/* Reads the output of a source that is there to row `first` of the numbers. Returns false if it
 * turns out not to be there. */
bool elcl_stored_read(const struct elcl_model *model, const struct elcl_source *source,
                      struct elcl_stored *stored, const struct elcl_numbers *numbers, int first);
/* Returns whether the outputs of an encoding are to be downloaded for elcl_stored_put(). */
bool elcl_stored_wants(const struct elcl_model *model, enum elcl_source_kind kind);
/* Puts the output of a source, which was downloaded to row `first` of the numbers, into the cache
 * unless it came from there. */
void elcl_stored_put(const struct elcl_model *model, const struct elcl_source *source,
                     const struct elcl_stored *stored, const struct elcl_numbers *numbers,
                     int first);

#endif
