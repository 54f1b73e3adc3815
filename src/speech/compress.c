#include "speech/compress.h"

#include <math.h>
#include <zlib.h>

#include "base/util.h"

float elcl_compression_ratio(const void *data, size_t n)
{
    uLongf bytes = compressBound((uLong)n);
    Bytef *out = elcl_calloc(bytes, 1);
    const int rc = out ? compress(out, &bytes, n ? data : "", (uLong)n) : Z_MEM_ERROR;
    elcl_free(out);
    return rc == Z_OK ? (float)((double)n / (double)bytes) : NAN;
}
