/* Unpacks deflated data (RFC 1951), as zip archives hold it. zlib does it. */
#ifndef ELCL_FORMAT_INFLATE_H
#define ELCL_FORMAT_INFLATE_H

#include <stddef.h>

#include "base/error.h"

/* Writes exactly `size` bytes; data that gives more or fewer is an error too. Messages begin with
 * `name`. Returns ELCL_E_UNSUPPORTED if elcl was built without zlib. */
int elcl_inflate(const void *data, size_t bytes, const char *name, void *out, size_t size,
                 elcl_error *err);

#endif
