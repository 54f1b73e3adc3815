/* One run of elcl generate: what its parts share. generate_read.c takes lines to submitted samples,
 * generate_write.c results to written lines, generate_engines.c has the engines between them, and
 * cmd_generate.c the loop around all. */
#ifndef CLI_GENERATE_RUN_H
#define CLI_GENERATE_RUN_H

#include "common/engines.h"
#include "generate/generate_options.h"
#include "generate/output.h"
#include "common/progress.h"
#include "common/sys.h"

/* Engines take samples in the order of submission; inside a window the longest go first. */
#define CLI_WINDOW_SAMPLES ((size_t)4096)

struct cli_generate_run {
    struct cli_generate_options *opt;
    struct cli_engines engines;
    elcl_model *model; /* of the first engine */
    elcl_model_info info;
    elcl_gen_options gen;
    int max_beams, max_target; /* of the engines */
    int max_lists;             /* likewise; 0: the library's choice */
    elcl_engine_stats past;    /* of engines that a sample outgrew */
    struct elcl_str trace;     /* with --trace: theirs, until cli_generate_save_trace() */
    size_t n_traced;           /* engines in it */
    struct cli_input input;
    struct cli_sys_file output;
    struct cli_progress progress;
    struct cli_queue queue;
    struct cli_sample **window; /* [CLI_WINDOW_SAMPLES] read and not yet submitted */
    size_t in_flight;           /* submitted and not finished */
    size_t refill;              /* reads on when so few are in flight */
    bool input_done;
    bool shares_terminal; /* the bar and the results meet on one screen */
    uint64_t n_samples, n_written, n_failed;
    uint64_t n_cut, first_cut; /* sources made shorter, and the first one's line */
    size_t cut_to;             /* its tokens then */
    uint64_t input_bytes;      /* of the samples written */
    elcl_error callback_error; /* a failure inside on_result */
};

/* ---- from a line to a submitted sample (generate_read.c) ------------------------------------ */

/* Reads what is there, up to a window, and submits it, before the step by which engines size their
 * batches. Waits for a line only when they have nothing to do. */
int cli_generate_read(struct cli_generate_run *r, elcl_error *err);
/* The options of the sample's own line, or those of the command line. */
const elcl_gen_options *cli_generate_options_of(const struct cli_generate_run *r,
                                                const struct cli_sample *sample);
/* The sample has failed: "place: message", or the message alone where place is "". */
void cli_generate_fail_sample(struct cli_sample *sample, const char *place, const char *message);

/* ---- engines (generate_engines.c) ----------------------------------------------------------- */

/* max_beams and max_lists of engines with these options alone. */
void cli_generate_size_engines(struct cli_generate_run *r, const elcl_gen_options *gen);
int cli_generate_start_engines(struct cli_generate_run *r, elcl_error *err);
/* Engines with room for the sample, in the place of some that are too small and first finish what
 * they have. */
int cli_generate_make_room(struct cli_generate_run *r, const struct cli_sample *sample,
                           elcl_error *err);
/* Of all engines that the run has had. */
void cli_generate_stats(const struct cli_generate_run *r, elcl_engine_stats *stats);
/* Writes the file of --trace, once nothing is pending; without the option does nothing. */
int cli_generate_save_trace(struct cli_generate_run *r, elcl_error *err);

/* ---- from a result to written lines (generate_write.c) -------------------------------------- */

/* Callbacks of the engines; `user` is the run. */
void cli_generate_on_result(void *user, const elcl_result *result);
void cli_generate_on_token(void *user, const elcl_token *token);
/* Writes the finished samples at the head of the queue; a failed one ends the run, or is reported.
 */
int cli_generate_write_finished(struct cli_generate_run *r, elcl_error *err);
/* Streaming: what the first sample that is not written has more. Those behind it wait. */
int cli_generate_write_stream(struct cli_generate_run *r, elcl_error *err);
/* A line of which a part is written and nothing more will come says so. */
int cli_generate_mark_incomplete(struct cli_generate_run *r, const struct cli_sample *sample,
                                 elcl_error *err);

#endif
