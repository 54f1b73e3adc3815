/* What became of the trial of a fast path. */
#ifndef ELCL_PROBE_OUTCOME_H
#define ELCL_PROBE_OUTCOME_H

#include "base/error.h"

/* UNKNOWN: nothing was compared, because memory was short or an OpenCL call failed. That says
 * nothing about the next process, so it must not be stored. */
enum elcl_outcome { ELCL_RIGHT, ELCL_WRONG, ELCL_UNKNOWN };

/* The outcome of a build that gave `rc`: only a compiler that says what it refuses has refused. */
static inline enum elcl_outcome elcl_outcome_of_build(int rc)
{
    return rc == ELCL_OK ? ELCL_RIGHT : rc == ELCL_E_BUILD ? ELCL_WRONG : ELCL_UNKNOWN;
}

/* "gave a wrong result", and so on. */
static inline const char *elcl_outcome_text(enum elcl_outcome outcome)
{
    return outcome == ELCL_RIGHT   ? "works"
           : outcome == ELCL_WRONG ? "gave a wrong result or does not compile"
                                   : "could not be probed and is tried again next time";
}

#endif
