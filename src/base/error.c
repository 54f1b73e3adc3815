#include "base/error.h"

#include <limits.h>
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

int elcl_check_int(const char *name, int value, int low, int high, elcl_error *err)
{
    if (value >= low && value <= high)
        return ELCL_OK;
    if (high == INT_MAX)
        return elcl_fail(err, ELCL_E_ARG, "%s is %d, must be %d or more", name, value, low);
    return elcl_fail(err, ELCL_E_ARG, "%s is %d, must be %d .. %d", name, value, low, high);
}
