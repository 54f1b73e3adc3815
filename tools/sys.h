/* The operating system, as the command needs it. POSIX is used in sys.c only. */
#ifndef ELCL_TOOLS_SYS_H
#define ELCL_TOOLS_SYS_H

#include "tool.h"

#define ELCL_STDIN 0
#define ELCL_STDOUT 1
#define ELCL_STDERR 2

/* Once, before anything is opened: a closed standard stream is filled with one that fails when
 * used, a closed pipe becomes a write error, and SIGINT and SIGTERM are noted (the second one
 * ends the process). */
void elcl_sys_start(void);
/* The signal that asked to stop, or 0. */
int elcl_sys_interrupted(void);

/* Seconds of a clock that never goes back. */
double elcl_sys_seconds(void);
bool elcl_sys_is_terminal(int fd);
/* The terminal can move its cursor back over a progress bar. */
bool elcl_sys_can_redraw(int fd);

/* Opens for reading. *bytes_left is what a regular file holds from here on, 0 where unknown. */
int elcl_sys_open(const char *path, int *fd, elcl_error *err);
uint64_t elcl_sys_bytes_left(int fd);
void elcl_sys_close(int *fd);

enum elcl_read { ELCL_READ_DATA, ELCL_READ_NOTHING, ELCL_READ_END, ELCL_READ_FAILED };

/* Reads what is there, at most `capacity` bytes, waiting up to timeout_ms (-1: for ever) for the
 * first one. NOTHING after the wait or a signal. FAILED leaves the reason in *why. */
enum elcl_read elcl_sys_read(int fd, int timeout_ms, void *bytes, size_t capacity, size_t *n,
                             const char **why);

/* A file that appears under its name only when it is whole: the bytes go to "<path>.part". A path
 * that exists and is no regular file (a device, a pipe) is written directly, and "-" is standard
 * output. */
struct elcl_sys_file {
    int fd;
    char *path;   /* as messages name it */
    char *target; /* what the part is renamed to; NULL: written directly */
    char *part;
    uint64_t bytes; /* written */
};
int elcl_sys_create(const char *path, struct elcl_sys_file *file, elcl_error *err);
int elcl_sys_write(struct elcl_sys_file *file, const void *bytes, size_t n, elcl_error *err);
/* The file is whole: gives it its name. */
int elcl_sys_commit(struct elcl_sys_file *file, elcl_error *err);
/* The file stays a part: *kept, to be freed, names what is left of it, NULL when nothing is. Does
 * nothing after a commit. `kept` may be NULL. */
void elcl_sys_abandon(struct elcl_sys_file *file, char **kept);
/* Makes a directory unless there is one. */
int elcl_sys_make_directory(const char *path, elcl_error *err);
/* All of these for bytes that are there. */
int elcl_sys_save(const char *path, const struct elcl_bytes *bytes, elcl_error *err);

#endif
