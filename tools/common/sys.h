/* The operating system, as the command needs it. POSIX is used in sys.c only. */
#ifndef CLI_SYS_H
#define CLI_SYS_H

#include "common/tool.h"

#define CLI_STDIN 0
#define CLI_STDOUT 1
#define CLI_STDERR 2

/* Once, before anything is opened: a closed standard stream is filled with one that fails when
 * used, a closed pipe becomes a write error, and SIGINT and SIGTERM are noted (the second one
 * ends the process). */
void cli_sys_start(void);
/* The signal that asked to stop, or 0. */
int cli_sys_interrupted(void);

/* Seconds of a clock that never goes back. */
double cli_sys_seconds(void);
bool cli_sys_is_terminal(int fd);
/* The terminal can move its cursor back over a progress bar. */
bool cli_sys_can_redraw(int fd);

/* Opens for reading. *bytes_left is what a regular file holds from here on, 0 where unknown. */
int cli_sys_open(const char *path, int *fd, elcl_error *err);
uint64_t cli_sys_bytes_left(int fd);
void cli_sys_close(int *fd);

enum cli_read { CLI_READ_DATA, CLI_READ_NOTHING, CLI_READ_END, CLI_READ_FAILED };

/* Reads what is there, at most `capacity` bytes, waiting up to timeout_ms (-1: for ever) for the
 * first one. NOTHING after the wait or a signal. FAILED leaves the reason in *why. */
enum cli_read cli_sys_read(int fd, int timeout_ms, void *bytes, size_t capacity, size_t *n,
                           const char **why);

/* A file that appears under its name only when it is whole: the bytes go to "<path>.part". A path
 * that exists and is no regular file (a device, a pipe) is written directly, and "-" is standard
 * output. */
struct cli_sys_file {
    int fd;
    char *path;   /* as messages name it */
    char *target; /* what the part is renamed to; NULL: written directly */
    char *part;
    uint64_t bytes; /* written */
};
int cli_sys_create(const char *path, struct cli_sys_file *file, elcl_error *err);
int cli_sys_write(struct cli_sys_file *file, const void *bytes, size_t n, elcl_error *err);
/* The file is whole: gives it its name. */
int cli_sys_commit(struct cli_sys_file *file, elcl_error *err);
/* The file stays a part: *kept, to be freed, names what is left of it, NULL when nothing is. Does
 * nothing after a commit. `kept` may be NULL. */
void cli_sys_abandon(struct cli_sys_file *file, char **kept);
bool cli_sys_exists(const char *path);
/* Whether the directory can be listed and its files opened. */
bool cli_sys_can_read(const char *path);
/* Returns the name of the newest directory inside `path`, or NULL. free() it. */
char *cli_sys_newest_directory(const char *path);
/* Makes a directory unless there is one. */
int cli_sys_make_directory(const char *path, elcl_error *err);
/* Writes a verb's result, whole or not at all; NULL and "-" are standard output. */
int cli_sys_save(const char *path, const struct elcl_str *bytes, elcl_error *err);
/* If the result goes to standard output, prints the part that is ready, and empties it. */
void cli_sys_flush(const char *path, struct elcl_str *part);
/* Appends a whole file to *bytes; fails if it is larger than max_bytes. */
int cli_sys_load(const char *path, size_t max_bytes, struct elcl_str *bytes, elcl_error *err);

#endif
