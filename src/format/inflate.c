/* zlib's part: raw deflated data, without its header. */
#include "format/inflate.h"

#include <limits.h>
#include <stdbool.h>
#include <zlib.h>

/* zlib counts bytes in unsigned int: gives it the next part of both. */
static void refill(z_stream *z, const char *in_end, const char *out_end)
{
    if (!z->avail_in)
        z->avail_in =
            (uInt)(in_end - (const char *)z->next_in > INT_MAX ? INT_MAX
                                                               : in_end - (const char *)z->next_in);
    if (!z->avail_out)
        z->avail_out =
            (uInt)(out_end - (char *)z->next_out > INT_MAX ? INT_MAX
                                                           : out_end - (char *)z->next_out);
}

int elcl_inflate(const void *data, size_t bytes, const char *name, void *out, size_t size,
                 elcl_error *err)
{
    const char *const in_end = (const char *)data + bytes;
    char *const out_end = (char *)out + size;
    z_stream z = {.next_in = (z_const Bytef *)data, .next_out = out};
    if (inflateInit2(&z, -MAX_WBITS) != Z_OK)
        return elcl_fail_nomem(err);
    int code;
    do {
        refill(&z, in_end, out_end);
        code = inflate(&z, Z_NO_FLUSH);
    } while (code == Z_OK);
    const bool whole = code == Z_STREAM_END && (char *)z.next_out == out_end;
    (void)inflateEnd(&z);
    if (code == Z_MEM_ERROR)
        return elcl_fail_nomem(err);
    return whole ? ELCL_OK
                 : elcl_fail(err, ELCL_E_FORMAT, "%s: its compressed data is damaged", name);
}
