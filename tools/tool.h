/* What all verbs of the command share: exit codes, messages, growing bytes. */
#ifndef ELCL_TOOLS_TOOL_H
#define ELCL_TOOLS_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "elcl/elcl.h"

#if defined(__GNUC__)
#define ELCL_TOOL_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define ELCL_TOOL_PRINTF(fmt, args)
#endif

#define ELCL_TOOL_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What two measurements of the same may differ by, whatever their spread. */
#define ELCL_LEAST_NOISE 0.05

enum elcl_exit {
    ELCL_EXIT_OK = 0,
    ELCL_EXIT_FAILURE = 1,
    ELCL_EXIT_USAGE = 2,
    ELCL_EXIT_SLOWER = 3,  /* bench: a regression against --baseline */
    ELCL_EXIT_SIGNAL = 128 /* plus the signal's number, as a shell says it */
};

/* One verb: argv[0] is the verb's own name. Gives an exit code and has printed its message. */
int elcl_cmd_generate(int argc, char **argv);
int elcl_cmd_score(int argc, char **argv);
int elcl_cmd_devices(int argc, char **argv);
int elcl_cmd_plan(int argc, char **argv);
int elcl_cmd_bench(int argc, char **argv);
int elcl_cmd_selftest(int argc, char **argv);
int elcl_cmd_tune(int argc, char **argv);
int elcl_cmd_compare(int argc, char **argv);

/* "elcl: error: <message>" on stderr; gives back `exit_code`, so that it can be returned. */
int elcl_tool_error(int exit_code, const char *fmt, ...) ELCL_TOOL_PRINTF(2, 3);
void elcl_tool_warn(const char *fmt, ...) ELCL_TOOL_PRINTF(1, 2);

/* Writes code and message into err and returns code. */
int elcl_tool_fail(elcl_error *err, int code, const char *fmt, ...) ELCL_TOOL_PRINTF(3, 4);
int elcl_tool_nomem(elcl_error *err);

/* Growing bytes; {0} is empty. A failed append sets `failed` and further ones do nothing, so that
 * one check at the end is enough. */
struct elcl_bytes {
    char *data;
    size_t n;
    size_t capacity;
    bool failed;
};
void elcl_bytes_append(struct elcl_bytes *b, const void *bytes, size_t n);
void elcl_bytes_text(struct elcl_bytes *b, const char *text);
void elcl_bytes_printf(struct elcl_bytes *b, const char *fmt, ...) ELCL_TOOL_PRINTF(2, 3);
/* A field of a line of CSV: in quotes where it needs them. */
void elcl_csv_field(struct elcl_bytes *b, const char *text);
void elcl_bytes_finish(struct elcl_bytes *b);

/* Room for `need` elements in an array of *capacity; false leaves the array as it is. */
bool elcl_tool_grow(void **array, size_t *capacity, size_t need, size_t size);

/* A copy to free(); NULL when memory is short. */
char *elcl_tool_copy(const char *text);

#endif
