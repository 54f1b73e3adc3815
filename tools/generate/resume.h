/* Outputs that survive: a run whose output and input are files keeps a journal beside the
 * part, and --resume goes on from there. */
#ifndef CLI_RESUME_H
#define CLI_RESUME_H

#include "generate/journal.h"

struct cli_generation;

/* {0} is an output that cannot be resumed. */
struct cli_resume {
    char *part; /* NULL: there is no journal */
    struct cli_journal journal;
    struct cli_progress_made made; /* by the run that is resumed */
    bool begun;                    /* the journal is this run's */
    bool resumed;                  /* there is such a run */
    bool complete;                 /* the output is there already: nothing is to be done */
};

/* Opens the output, before the model. Refuses the part of an earlier run without --resume. */
int cli_resume_open(struct cli_generation *r, elcl_error *err);
/* Opens a file as the output, or goes on with the part that is there, and passes over its samples.
 * Begins the journal. */
int cli_resume_begin(struct cli_generation *r, elcl_error *err);
/* Notes what has been finished and written since the last call. */
int cli_resume_note(struct cli_generation *r, elcl_error *err);
/* Ends the journal, which stays beside a part that is kept. */
void cli_resume_end(struct cli_generation *r, bool kept);

#endif
