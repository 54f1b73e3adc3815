/* The text of an output while its tokens arrive; elcl_text_stream_create() of elcl/elcl.h says what
 * it promises. */
#ifndef ELCL_TEXT_TEXT_STREAM_H
#define ELCL_TEXT_TEXT_STREAM_H

#include "text/tokenizer.h"

/* A stream of the texts that elcl_tokenizer_decode() gives without special tokens. The tokenizer
 * must outlive it. */
int elcl_text_stream_of(const struct elcl_tokenizer *tokenizer, elcl_text_stream **stream,
                        elcl_error *err);

#endif
