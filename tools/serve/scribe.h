/* The transcriber of one speech model and the thread that steps it. Windows of all clients' sounds
 * share its batches. */
#ifndef CLI_SCRIBE_H
#define CLI_SCRIBE_H

#include "elcl/transcribe.h"
#include "serve/worker.h"

/* Thread-safety: Safe, but for cli_scribe_destroy(). */
struct cli_scribe;

struct cli_scribe_params {
    int batch_size, max_beams; /* of each engine */
    int queue;                 /* sounds that may wait for a place in a batch */
    /* As in struct cli_worker_params. */
    void (*on_lost)(void *user, const elcl_error *why);
    void *user;
};

/* A sound to be written down. The caller owns the memory, zeroed at first, and keeps it until
 * on_end has returned. */
struct cli_dictation {
    struct cli_scribe *scribe; /* set it before cli_dictation_cancel() may be called */
    double deadline;           /* by cli_sys_seconds(); 0: none */
    /* The last call, on the scribe's thread, perhaps before cli_scribe_submit() has returned. It
     * must not wait. `why`: NULL, or why there is no transcript: as of cli_job. */
    void (*on_end)(struct cli_dictation *job, const elcl_transcript *transcript,
                   const elcl_error *why);
    /* The scribe's own. */
    struct cli_scribe_entry *entry;
    bool cancelled;
};

/* Fails as elcl_transcriber_create(). The engines must be open, and outlive the scribe. */
int cli_scribe_create(const struct cli_engines *engines, const elcl_model_info *info,
                      const struct cli_scribe_params *params, struct cli_scribe **scribe,
                      elcl_error *err);
/* Ends the jobs that are left with CLI_WORKER_STOPPING, then the thread. */
void cli_scribe_destroy(struct cli_scribe **scribe);

/* Submits a sound, which may go when the call returns, as may the options; after an error on_end is
 * not called.
 *
 * CLI_WORKER_BUSY, CLI_WORKER_STOPPING: as cli_worker_submit().
 * Else the codes of elcl_transcriber_add(). */
int cli_scribe_submit(struct cli_scribe *scribe, struct cli_dictation *job, const elcl_sound *sound,
                      const elcl_transcribe_options *options, elcl_error *err);
/* Ends a job soon. Any thread may call this until on_end has returned. */
void cli_dictation_cancel(struct cli_dictation *job);

/* These are as the worker's. */
int cli_scribe_retry_seconds(struct cli_scribe *scribe);
void cli_scribe_figures(struct cli_scribe *scribe, struct cli_figures *figures);
void cli_scribe_drain(struct cli_scribe *scribe);
void cli_scribe_wait(struct cli_scribe *scribe);
void cli_scribe_abort(struct cli_scribe *scribe);

#endif
