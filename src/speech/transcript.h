/* The segments of a file, with the memory that they need. */
#ifndef ELCL_SPEECH_TRANSCRIPT_H
#define ELCL_SPEECH_TRANSCRIPT_H

#include "base/util.h"
#include "elcl/transcribe.h"

struct elcl_segments {
    elcl_segment *segments; /* [n] each owns its text, tokens and words */
    size_t n, capacity;
    struct elcl_str text; /* of all */
};

void elcl_segments_finish(struct elcl_segments *segments); /* {0} is fine */

/* Frees n words of elcl_calloc() and their texts. */
void elcl_words_free(elcl_word *words, size_t n);

/* Adds a segment: copies its tokens, takes over its text (of elcl_decode()) and its words, and
 * numbers it. After a failure the caller still owns them. */
int elcl_segments_add(struct elcl_segments *segments, const elcl_segment *segment, elcl_error *err);

/* Whether the text is nothing but white space. */
bool elcl_is_blank(const char *text);

#endif
