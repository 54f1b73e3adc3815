#include "common/tool.h"
#include "common/sys.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void say(const char *kind, const char *fmt, va_list args)
{
    char line[1024];
    if (cli_sys_pipe_closed())
        return; /* as a filter ends */
    (void)vsnprintf(line, sizeof(line), fmt, args);
    for (char *c = line; *c; c++)
        if (*c == '\n' || *c == '\r')
            *c = ' '; /* from a file's name or a value: a message stays one line */
    fprintf(stderr, "elcl: %s: %s\n", kind, line);
}

int cli_error(int exit_code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    say("error", fmt, args);
    va_end(args);
    return exit_code;
}

void cli_warn(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    say("warning", fmt, args);
    va_end(args);
}
