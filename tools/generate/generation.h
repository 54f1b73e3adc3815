/* What the parts of `elcl generate` share while it runs: generate_read.c takes lines to submitted
 * samples, generate_engines.c has the engines, generate_write.c takes results to written lines, and
 * cmd_generate.c has the loop around them. */
#ifndef CLI_GENERATION_H
#define CLI_GENERATION_H

#include "common/engines.h"
#include "common/output.h"
#include "common/progress.h"
#include "common/run_record.h"
#include "generate/generate_options.h"
#include "generate/sample.h"

/* Engines take samples in the order of submission; within a window the longest go first. */
#define CLI_WINDOW_SAMPLES ((size_t)4096)

/* Samples to which something happened that one warning reports at the end. */
struct cli_tally {
    uint64_t n, first_line;
    size_t tokens; /* the largest limit that one met */
};

struct cli_generation {
    struct cli_generate_options *opt;
    struct cli_engines engines;
    elcl_model *model; /* of the first engine */
    elcl_model_info info;
    struct cli_resolved resolved;
    int max_beams, max_target; /* of the engines */
    int max_source;            /* likewise; 0: the library's choice */
    int max_lists;             /* likewise; 0: the library's choice */
    elcl_engine_stats past;    /* of engines that a sample outgrew */
    struct elcl_str trace;     /* with --trace: theirs, until cli_generate_save_trace() */
    size_t n_traced;           /* engines in it */
    struct cli_input input;
    struct cli_output output;
    struct cli_progress progress;
    struct cli_queue queue;
    struct cli_sample **window; /* [CLI_WINDOW_SAMPLES] read and not yet submitted */
    size_t in_flight;           /* submitted and not finished */
    size_t refill;              /* more samples are read when this few are in flight */
    bool input_done;
    bool shares_terminal;           /* the bar and the results meet on one screen */
    uint64_t first_sample;          /* number of the first one */
    struct cli_digest input_digest; /* with --shard */
    uint64_t shard_samples;         /* likewise */
    struct cli_run_record record;   /* likewise, of the output file */
    uint64_t n_samples, n_submitted, n_written, n_failed;
    struct cli_tally cut; /* sources that were truncated */
    int32_t *opening;     /* [n_opening] decoder-only: the special tokens before a prompt */
    size_t n_opening;
    struct cli_tally limited; /* outputs that ended at a length limit */
    bool warned_sampling;
    uint64_t input_bytes;      /* of the samples written */
    elcl_error callback_error; /* a failure inside on_result */
};

/* The options of the sample, its own or those of the command line. */
static inline const struct cli_resolved *cli_generate_options_of(const struct cli_generation *r,
                                                                 const struct cli_sample *sample)
{
    return sample->own ? sample->own : &r->resolved;
}

/* ---- shards (generate_shard.c) -------------------------------------------------------------- */

/* Opens the samples, of a shard only its own, and numbers the first one. */
int cli_generate_open_input(struct cli_generation *r, elcl_error *err);
/* Notes beside the output file of a shard what the run is. */
int cli_generate_begin_record(struct cli_generation *r, elcl_error *err);
/* Gives the whole output its name, and completes its record. */
int cli_generate_end_output(struct cli_generation *r, elcl_error *err);

/* ---- from a line to a submitted sample (generate_read.c) ------------------------------------ */

/* Reads the lines that are there, up to a window, and submits them before the step that sizes the
 * engines' batches. Waits for a line only if the engines have nothing to do. */
int cli_generate_read(struct cli_generation *r, elcl_error *err);
/* Warns once that an option of sampling is ignored. */
void cli_generate_warn_sampling(struct cli_generation *r, const char *ignored);

/* ---- engines (generate_engines.c) ----------------------------------------------------------- */

/* Sets max_beams, max_source and max_lists for these options. */
void cli_generate_size_engines(struct cli_generation *r, const elcl_gen_options *gen);
int cli_generate_start_engines(struct cli_generation *r, elcl_error *err);
/* Replaces engines that are too small for the sample, after they have finished what they have. Sets
 * *why, and keeps engines of the size before, if the sample is too long for the device's memory. */
int cli_generate_make_room(struct cli_generation *r, const struct cli_sample *sample,
                           elcl_error *why, elcl_error *err);
/* The statistics of all engines so far. */
void cli_generate_stats(const struct cli_generation *r, elcl_engine_stats *stats);
/* Writes the file of --trace once nothing is pending; does nothing without the option. */
int cli_generate_save_trace(struct cli_generation *r, elcl_error *err);

/* ---- from a result to written lines (generate_write.c) -------------------------------------- */

/* Callbacks of the engines; `user` is the generation. */
void cli_generate_on_result(void *user, const elcl_result *result);
void cli_generate_on_token(void *user, const elcl_token *token);
/* Writes the finished samples at the head of the queue. A failed sample ends the generation, or is
 * reported. */
int cli_generate_write_finished(struct cli_generation *r, elcl_error *err);
/* Streaming: writes what is new of the first sample in the queue; the samples after it wait. */
int cli_generate_write_stream(struct cli_generation *r, elcl_error *err);
/* Marks a line that is partly written and will not be completed. */
int cli_generate_mark_incomplete(struct cli_generation *r, const struct cli_sample *sample,
                                 elcl_error *err);

#endif
