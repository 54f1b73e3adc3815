/* Calls of the system on files that fail on demand: with a full disk, an input/output error, an
 * interrupting signal, or a part only of what was to be written. */
#define _GNU_SOURCE /* RTLD_NEXT */

#include "faults.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHORT_WRITE (-1) /* in place of an errno */

static int decide(const char *name, const void *caller, const int *codes, int n)
{
    if (!fault_counts_caller(FAULT_FILES, caller))
        return 0;
    return fault_decide(FAULT_FILES, name, codes, n).code;
}

#define CODES(...) (const int[]){__VA_ARGS__}, (int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int))

/* Sets errno and returns true if this call is to fail. */
#define FAILS(name, ...) fails(decide(name, __builtin_return_address(0), CODES(__VA_ARGS__)))

static bool fails(int code)
{
    if (code)
        errno = code;
    return code != 0;
}

ssize_t write(int fd, const void *bytes, size_t n)
{
    ssize_t (*next)(int, const void *, size_t) = NULL;
    NEXT(write, next);
    const int code = decide("write", __builtin_return_address(0),
                            CODES(ENOSPC, EINTR, EIO, SHORT_WRITE, EAGAIN));
    if (code == SHORT_WRITE)
        return next(fd, bytes, n > 1 ? n / 2 : n);
    return fails(code) ? -1 : next(fd, bytes, n);
}

int open(const char *path, int flags, ...)
{
    int (*next)(const char *, int, ...) = NULL;
    va_list args;
    va_start(args, flags);
    const mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    NEXT(open, next);
    return FAILS("open", ENOSPC, EACCES, EMFILE, EIO) ? -1 : next(path, flags, mode);
}

int mkstemp(char *name)
{
    int (*next)(char *) = NULL;
    NEXT(mkstemp, next);
    return FAILS("mkstemp", ENOSPC, EACCES) ? -1 : next(name);
}

int fsync(int fd)
{
    int (*next)(int) = NULL;
    NEXT(fsync, next);
    return FAILS("fsync", ENOSPC, EIO) ? -1 : next(fd);
}

int ftruncate(int fd, off_t n)
{
    int (*next)(int, off_t) = NULL;
    NEXT(ftruncate, next);
    return FAILS("ftruncate", EIO, ENOSPC) ? -1 : next(fd, n);
}

/* The descriptor is closed, whatever the code says. */
int close(int fd)
{
    int (*next)(int) = NULL;
    const bool failed = FAILS("close", EIO, ENOSPC);
    NEXT(close, next);
    const int rc = next(fd);
    return failed && !rc ? (errno = EIO, -1) : rc;
}

int rename(const char *from, const char *to)
{
    int (*next)(const char *, const char *) = NULL;
    NEXT(rename, next);
    return FAILS("rename", EIO, EXDEV, ENOSPC) ? -1 : next(from, to);
}

int mkdir(const char *path, mode_t mode)
{
    int (*next)(const char *, mode_t) = NULL;
    NEXT(mkdir, next);
    return FAILS("mkdir", EACCES, ENOSPC) ? -1 : next(path, mode);
}
