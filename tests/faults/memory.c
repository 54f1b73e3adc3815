/* malloc, calloc and realloc that fail on demand. Where a sanitizer owns them, the linker's --wrap
 * puts these before the calls of the program's own objects. */
#include "faults.h"

#include <errno.h>
#include <stdlib.h>

#ifdef FAULTS_WRAP
#define NAME(f) __wrap_##f
#define REAL(f) __real_##f
#else
#define NAME(f) f
#define REAL(f) __libc_##f
#endif

void *REAL(malloc)(size_t n);
void *REAL(calloc)(size_t n, size_t size);
void *REAL(realloc)(void *p, size_t n);
void *NAME(malloc)(size_t n);
void *NAME(calloc)(size_t n, size_t size);
void *NAME(realloc)(void *p, size_t n);

static bool refuses(const char *name, const void *caller)
{
    static const int codes[] = {ENOMEM};
    const enum fault_kind kind =
        fault_counts_caller(FAULT_REGEX, caller) ? FAULT_REGEX : FAULT_MEMORY;
    if (!fault_counts_caller(kind, caller) || !fault_decide(kind, name, codes, 1).fails)
        return false;
    errno = ENOMEM;
    return true;
}

void *NAME(malloc)(size_t n)
{
    return refuses("malloc", __builtin_return_address(0)) ? NULL : REAL(malloc)(n);
}

void *NAME(calloc)(size_t n, size_t size)
{
    return refuses("calloc", __builtin_return_address(0)) ? NULL : REAL(calloc)(n, size);
}

void *NAME(realloc)(void *p, size_t n)
{
    return refuses("realloc", __builtin_return_address(0)) ? NULL : REAL(realloc)(p, n);
}
