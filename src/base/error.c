#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int elcl_fail(elcl_error *err, int code, const char *fmt, ...)
{
    if (!err || err->code)
        return code;
    err->code = code;
    va_list args;
    va_start(args, fmt);
    vsnprintf(err->msg, sizeof(err->msg), fmt, args);
    va_end(args);
    return code;
}

int elcl_fail_prefix(elcl_error *err, int code, const char *prefix)
{
    if (!err)
        return code;
    const size_t last = sizeof(err->msg) - 1, n_msg = strlen(err->msg), n_prefix = strlen(prefix);
    const size_t at = n_prefix + 2 < last ? n_prefix + 2 : last;
    const size_t kept = n_msg < last - at ? n_msg : last - at;
    memmove(err->msg + at, err->msg, kept);
    err->msg[at + kept] = '\0';
    if (at == n_prefix + 2) {
        memcpy(err->msg, prefix, n_prefix);
        memcpy(err->msg + n_prefix, ": ", 2);
    } else {
        memcpy(err->msg, prefix, last);
    }
    return code;
}

int elcl_fail_nomem(elcl_error *err)
{
    return elcl_fail(err, ELCL_E_NOMEM, "out of host memory");
}
