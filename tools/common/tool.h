/* What all verbs of the command share: exit codes, messages, growing bytes. */
#ifndef CLI_TOOL_H
#define CLI_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "elcl/elcl.h"

#if defined(__GNUC__)
#define CLI_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define CLI_PRINTF(fmt, args)
#endif

#define CLI_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What two measurements of the same may differ by, whatever their spread. */
#define CLI_LEAST_NOISE 0.05

enum cli_exit {
    CLI_EXIT_OK = 0,
    CLI_EXIT_FAILURE = 1,
    CLI_EXIT_USAGE = 2,
    CLI_EXIT_SLOWER = 3,  /* bench: a regression against --baseline */
    CLI_EXIT_SIGNAL = 128 /* plus the signal's number, as a shell says it */
};

/* One verb: argv[0] is the verb's own name. Gives an exit code and has printed its message. */
int cli_cmd_generate(int argc, char **argv);
int cli_cmd_score(int argc, char **argv);
int cli_cmd_devices(int argc, char **argv);
int cli_cmd_plan(int argc, char **argv);
int cli_cmd_bench(int argc, char **argv);
int cli_cmd_selftest(int argc, char **argv);
int cli_cmd_tune(int argc, char **argv);
int cli_cmd_compare(int argc, char **argv);

/* "elcl: error: <message>" on stderr; gives back `exit_code`, so that it can be returned. */
int cli_error(int exit_code, const char *fmt, ...) CLI_PRINTF(2, 3);
void cli_warn(const char *fmt, ...) CLI_PRINTF(1, 2);

/* Writes code and message into err and returns code. */
int cli_fail(elcl_error *err, int code, const char *fmt, ...) CLI_PRINTF(3, 4);
int cli_nomem(elcl_error *err);

/* Growing bytes; {0} is empty. A failed append sets `failed` and further ones do nothing, so that
 * one check at the end is enough. */
struct cli_bytes {
    char *data;
    size_t n;
    size_t capacity;
    bool failed;
};
void cli_bytes_append(struct cli_bytes *b, const void *bytes, size_t n);
void cli_bytes_text(struct cli_bytes *b, const char *text);
void cli_bytes_printf(struct cli_bytes *b, const char *fmt, ...) CLI_PRINTF(2, 3);
/* A field of a line of CSV: in quotes where it needs them. */
void cli_csv_field(struct cli_bytes *b, const char *text);
void cli_bytes_finish(struct cli_bytes *b);

/* Room for `need` elements in an array of *capacity; false leaves the array as it is. */
bool cli_grow(void **array, size_t *capacity, size_t need, size_t size);

/* A copy to free(); NULL when memory is short. */
char *cli_copy(const char *text);

#endif
