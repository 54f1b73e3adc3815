/* A progress bar on stderr. */
#ifndef ELCL_TOOLS_PROGRESS_H
#define ELCL_TOOLS_PROGRESS_H

#include <stdatomic.h>

#include "tool.h"

struct elcl_progress {
    bool on;
    atomic_bool shown; /* the bar stands on the terminal's line */
    double start, last;
};

/* Nothing is ever shown when stderr is no terminal that can redraw a line. */
void elcl_progress_start(struct elcl_progress *p, bool wanted);
/* `fraction` of all work, negative where the total is unknown. Redraws ten times a second. */
void elcl_progress_update(struct elcl_progress *p, uint64_t samples, double fraction);
/* Wipes the bar, before anything else is printed on the terminal; by any thread. */
void elcl_progress_clear(struct elcl_progress *p);

#endif
