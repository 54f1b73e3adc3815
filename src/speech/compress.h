/* How well a text compresses: a text that repeats itself does so too well. */
#ifndef ELCL_SPEECH_COMPRESS_H
#define ELCL_SPEECH_COMPRESS_H

#include "base/util.h"

/* *ratio receives n bytes divided by what zlib makes of them at its default level; NAN if elcl was
 * built without zlib. */
int elcl_compression_ratio(const void *data, size_t n, float *ratio, elcl_error *err);

#endif
