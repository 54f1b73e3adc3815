/* A progress bar on stderr. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdatomic.h>

#include "common/tool.h"

struct cli_progress {
    bool on;
    atomic_bool shown; /* the bar stands on the terminal's line */
    double start, last;
};

/* Nothing is ever shown when stderr is no terminal that can redraw a line. */
void cli_progress_start(struct cli_progress *p, bool wanted);
/* `fraction` of all work, negative where the total is unknown. Redraws ten times a second. */
void cli_progress_update(struct cli_progress *p, uint64_t samples, double fraction);
/* Wipes the bar, before anything else is printed on the terminal; by any thread. */
void cli_progress_clear(struct cli_progress *p);

#endif
