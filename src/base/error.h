/* Errors: a status code and one sentence. */
#ifndef ELCL_BASE_ERROR_H
#define ELCL_BASE_ERROR_H

#include "elcl/elcl.h"

#if defined(__GNUC__)
#define ELCL_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define ELCL_PRINTF(fmt, args)
#endif

/* Writes code and message to err, unless err is NULL or holds an earlier cause, and returns code:
 * `return elcl_fail(err, ELCL_E_IO, "%s: cannot open: %s", path, why);` */
int elcl_fail(elcl_error *err, int code, const char *fmt, ...) ELCL_PRINTF(3, 4);

int elcl_fail_nomem(elcl_error *err);

/* ELCL_E_ARG unless low <= value <= high; names the value. high may be INT_MAX: no limit. */
int elcl_check_int(const char *name, int value, int low, int high, elcl_error *err);

#endif
