/* The operating system. Only sys.c uses POSIX. */
#ifndef CLI_SYS_H
#define CLI_SYS_H

#include "common/tool.h"

#define CLI_STDIN 0
#define CLI_STDOUT 1
#define CLI_STDERR 2

/* Call once, before anything is opened. Replaces a closed standard stream by one that fails when it
 * is used, turns a closed pipe into a write error, and notes SIGINT and SIGTERM (a second signal
 * ends the process). */
void cli_sys_start(void);
/* Returns the signal that asked to stop, or 0. */
int cli_sys_interrupted(void);

/* Returns the seconds of a clock that never goes back. */
double cli_sys_seconds(void);
bool cli_sys_is_terminal(int fd);
/* Whether the terminal can redraw a progress bar. */
bool cli_sys_can_redraw(int fd);

/* Opens for reading. */
int cli_sys_open(const char *path, int *fd, elcl_error *err);
/* Returns the rest of a regular file in bytes, 0 for anything else. */
uint64_t cli_sys_bytes_left(int fd);
void cli_sys_close(int *fd);

enum cli_read { CLI_READ_DATA, CLI_READ_NOTHING, CLI_READ_END, CLI_READ_FAILED };

/* Reads the bytes that are available, at most `capacity`. Waits up to timeout_ms (-1: forever) for
 * the first one, and returns NOTHING after the wait or a signal. FAILED: the reason is in *why. */
enum cli_read cli_sys_read(int fd, int timeout_ms, void *bytes, size_t capacity, size_t *n,
                           const char **why);

/* A file that appears under its name only when it is complete: the bytes go to "<path>.part". A
 * device or a pipe is written directly, and "-" is standard output. */
struct cli_sys_file {
    int fd;
    char *path;   /* for messages */
    char *target; /* the final name of the part; NULL: written directly */
    char *part;
    uint64_t bytes; /* written */
};
int cli_sys_create(const char *path, struct cli_sys_file *file, elcl_error *err);
int cli_sys_write(struct cli_sys_file *file, const void *bytes, size_t n, elcl_error *err);
/* Gives the complete file its name. */
int cli_sys_commit(struct cli_sys_file *file, elcl_error *err);
/* Gives up the file, unless it is committed. *kept, which is to be freed, names the part that
 * stays; NULL if nothing was written. `kept` may be NULL. */
void cli_sys_abandon(struct cli_sys_file *file, char **kept);
bool cli_sys_exists(const char *path);
/* Whether the directory can be listed and its files opened. */
bool cli_sys_can_read(const char *path);
/* Returns the name of the newest directory inside `path`, or NULL. free() it. */
char *cli_sys_newest_directory(const char *path);
/* Makes a directory unless there is one. */
int cli_sys_make_directory(const char *path, elcl_error *err);
/* Writes a verb's result completely or not at all; NULL and "-" are standard output. */
int cli_sys_save(const char *path, const struct elcl_str *bytes, elcl_error *err);
/* If the result goes to standard output, prints the part that is ready, and empties it. */
void cli_sys_flush(const char *path, struct elcl_str *part);
/* Appends a whole file to *bytes; fails if it is larger than max_bytes. */
int cli_sys_load(const char *path, size_t max_bytes, struct elcl_str *bytes, elcl_error *err);

#endif
