#include "speech/compress.h"

#include <zlib.h>

int elcl_compression_ratio(const void *data, size_t n, float *ratio, elcl_error *err)
{
    uLongf bytes = compressBound((uLong)n);
    Bytef *out = elcl_calloc(bytes, 1);
    const int rc = out ? compress(out, &bytes, n ? data : "", (uLong)n) : Z_MEM_ERROR;
    elcl_free(out);
    if (rc != Z_OK)
        return elcl_fail_nomem(err);
    *ratio = (float)((double)n / (double)bytes);
    return ELCL_OK;
}
