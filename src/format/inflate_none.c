/* inflate.h without zlib. */
#include "format/inflate.h"

int elcl_inflate(const void *data, size_t bytes, const char *name, void *out, size_t size,
                 elcl_error *err)
{
    (void)data;
    (void)bytes;
    (void)out;
    (void)size;
    return elcl_fail(err, ELCL_E_UNSUPPORTED,
                     "%s: this elcl was built without zlib: unpack the archive and open its "
                     "directory, or install zlib1g-dev and build elcl with -Dzlib=enabled",
                     name);
}
