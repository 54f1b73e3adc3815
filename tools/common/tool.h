/* What all verbs of the command share: exit codes and messages. */
#ifndef CLI_TOOL_H
#define CLI_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/util.h"
#include "elcl/elcl.h"

enum cli_exit {
    CLI_EXIT_OK = 0,
    CLI_EXIT_FAILURE = 1,
    CLI_EXIT_USAGE = 2,
    CLI_EXIT_SLOWER = 3,   /* bench: a regression against --baseline */
    CLI_EXIT_SIGNAL = 128, /* plus the signal's number, as a shell says it */
    CLI_EXIT_PIPE = 141    /* the reader of standard output has gone: SIGPIPE */
};

/* One verb: argv[0] is the verb's own name. Gives an exit code and has printed its message. */
int cli_cmd_generate(int argc, char **argv);
int cli_cmd_score(int argc, char **argv);
int cli_cmd_encode(int argc, char **argv);
int cli_cmd_decode(int argc, char **argv);
int cli_cmd_languages(int argc, char **argv);
int cli_cmd_devices(int argc, char **argv);
int cli_cmd_plan(int argc, char **argv);
int cli_cmd_bench(int argc, char **argv);
int cli_cmd_selftest(int argc, char **argv);
int cli_cmd_tune(int argc, char **argv);
int cli_cmd_compare(int argc, char **argv);
int cli_cmd_merge(int argc, char **argv);
int cli_cmd_serve(int argc, char **argv);
int cli_cmd_transcribe(int argc, char **argv);

/* "elcl: error: <message>" on stderr; gives back `exit_code`, so that it can be returned. */
int cli_error(int exit_code, const char *fmt, ...) ELCL_PRINTF(2, 3);
void cli_warn(const char *fmt, ...) ELCL_PRINTF(1, 2);

#endif
