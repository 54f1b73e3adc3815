/* A progress bar on stderr. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdatomic.h>

#include "common/tool.h"

struct cli_progress {
    bool on;
    atomic_bool shown; /* the bar is on the terminal */
    double last;
    const char *unit; /* of the work; NULL: samples */
    /* Of the work, once it has begun: */
    bool begun;
    double start;
    uint64_t samples; /* that were done before */
    double fraction;
};

/* Shows a bar only on a terminal that can redraw a line. */
void cli_progress_start(struct cli_progress *p, bool wanted);
/* Says what is done before the work begins. */
void cli_progress_say(struct cli_progress *p, const char *what);
/* The work began at `start`, on the clock of cli_sys_seconds(), with so much done already. */
void cli_progress_begin(struct cli_progress *p, double start, uint64_t samples, double fraction);
/* Redraws the bar ten times a second. `fraction` is the part of the work that is done; negative:
 * the total is unknown. */
void cli_progress_update(struct cli_progress *p, uint64_t samples, double fraction);
/* Removes the bar before something else is printed on the terminal. Any thread may call it. */
void cli_progress_clear(struct cli_progress *p);

#endif
