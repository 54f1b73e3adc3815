/* The operating system. Only sys.c, output.c and the sockets and threads of tools/serve use
 * POSIX. */
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
/* Returns the signal that asked to stop, or 0. It is SIGPIPE when the reader of standard output has
 * gone. */
int cli_sys_interrupted(void);
/* After a signal: the seconds in which the run may finish what it has begun. */
double cli_sys_grace_seconds(void);
/* While it is on, a signal ends the process in time even if a step of the device takes longer. Only
 * for a run that loses nothing else by that. */
void cli_sys_stop_in_time(bool on);

/* The reader of standard output has gone. */
void cli_sys_note_closed_pipe(void);
bool cli_sys_pipe_closed(void);
/* Ends the process as a filter ends whose reader has gone. */
void cli_sys_die_of_closed_pipe(void);
/* Whether a pipe still has a reader; anything else has one. */
bool cli_sys_has_reader(int fd);

/* Returns the seconds of a clock that never goes back. */
double cli_sys_seconds(void);
/* A signal may end it early. */
void cli_sys_sleep(double seconds);
bool cli_sys_is_terminal(int fd);
/* Whether the terminal can redraw a progress bar. */
bool cli_sys_can_redraw(int fd);

/* Opens for reading, without waiting for the writer of a FIFO. */
int cli_sys_open(const char *path, int *fd, elcl_error *err);
/* Returns the rest of a regular file in bytes, 0 for anything else. */
uint64_t cli_sys_bytes_left(int fd);
void cli_sys_close(int *fd);

enum cli_read { CLI_READ_DATA, CLI_READ_NOTHING, CLI_READ_END, CLI_READ_FAILED };

/* Reads the bytes that are available, at most `capacity`. Waits up to timeout_ms (-1: forever) for
 * the first one, and returns NOTHING after the wait or a signal. FAILED: the reason is in *why. */
enum cli_read cli_sys_read(int fd, int timeout_ms, void *bytes, size_t capacity, size_t *n,
                           const char **why);

/* Whether the name is there, even if it leads nowhere or is hidden by permissions. */
bool cli_sys_exists(const char *path);
/* Whether the directory can be listed and its files opened. */
bool cli_sys_can_read(const char *path);
/* Returns the name of the newest directory inside `path`, or NULL. free() it. */
char *cli_sys_newest_directory(const char *path);
/* Makes a directory unless there is one. */
int cli_sys_make_directory(const char *path, elcl_error *err);
/* Appends a whole file to *bytes; fails if it is larger than max_bytes, and soon if it is a FIFO
 * that nobody writes to. */
int cli_sys_load(const char *path, size_t max_bytes, struct elcl_str *bytes, elcl_error *err);
/* Appends what standard input has until its end. */
int cli_sys_load_stdin(struct elcl_str *bytes, elcl_error *err);

#endif
