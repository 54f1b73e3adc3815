#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

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

int elcl_fail_nomem(elcl_error *err)
{
    return elcl_fail(err, ELCL_E_NOMEM, "out of host memory");
}
