/* How well a text compresses: a text that repeats itself does so too well. */
#ifndef ELCL_SPEECH_COMPRESS_H
#define ELCL_SPEECH_COMPRESS_H

#include <stddef.h>

/* Returns n bytes divided by what zlib makes of them at its default level; NAN if elcl was built
 * without zlib, or if memory is short. */
float elcl_compression_ratio(const void *data, size_t n);

#endif
