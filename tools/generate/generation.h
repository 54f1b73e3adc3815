/* What the files of `elcl generate` share while it runs: generate_read.c takes lines to submitted
 * parts, generate_split.c long texts to pieces, generate_engines.c has the engines, generate_step.c
 * runs them, generate_write.c takes results to written lines, and cmd_generate.c has the loop
 * around them. */
#ifndef CLI_GENERATION_H
#define CLI_GENERATION_H

#include "common/engines.h"
#include "common/output.h"
#include "common/progress.h"
#include "common/run_record.h"
#include "generate/generate_options.h"
#include "generate/resume.h"
#include "generate/sample.h"

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
    struct cli_resume resume;
    uint64_t whole_samples, whole_bytes; /* in the output */
    uint64_t noted_samples;              /* of them, in the journal */
    struct cli_progress progress;
    double work_began;           /* seconds; 0: not yet */
    bool stepped, work_is_timed; /* one step has ended; work_began is final */
    double warmup_seconds;       /* of steps before the work began */
    struct cli_queue queue;
    struct cli_part **window; /* [n_window] read and not yet submitted */
    size_t n_window, window_capacity, window_tokens;
    struct cli_sentences *sentences; /* --split */
    struct cli_sample *splitting;    /* the last sample, if it has more pieces; or NULL */
    struct cli_source_counter counter;
    size_t n_held;         /* parts that are not joined yet */
    size_t in_flight;      /* submitted and not finished */
    size_t most_in_flight; /* what the engines can take: a kill loses no more */
    bool input_done;
    bool shares_terminal;           /* the bar and the results meet on one screen */
    uint64_t first_sample;          /* number of the first one */
    struct cli_digest input_digest; /* with --shard, or if the run has files */
    struct cli_run_record record;   /* of the output file, if input and output are files */
    uint64_t n_samples, n_submitted, n_written, n_failed;
    uint64_t n_resumed;            /* of them by the run that is resumed */
    uint64_t n_ended, ended_bytes; /* finished or failed; bytes of the input that are done */
    uint64_t *fresh;               /* [n_fresh] samples that have ended since the last step */
    size_t n_fresh, fresh_capacity;
    bool running;         /* the first sample has been read */
    struct cli_tally cut; /* sources that were truncated */
    struct cli_source_rules rules;
    int32_t *opening;         /* the rules' */
    struct cli_tally limited; /* outputs that ended at a length limit */
    bool warned_sampling;
    elcl_error callback_error; /* a failure inside on_result */
};

/* The options of the sample, its own or those of the command line. */
static inline const struct cli_resolved *cli_generate_options_of(const struct cli_generation *r,
                                                                 const struct cli_sample *sample)
{
    return sample->own ? sample->own : &r->resolved;
}

/* ---- shards (generate_shard.c) -------------------------------------------------------------- */

/* Whether --input and --output are files, so that the run can be resumed: it then has record.of
 * once cli_generate_make_record() has made it. */
bool cli_generate_has_files(const struct cli_generation *r);

/* Opens the samples, of a shard only its own, and numbers the first one. */
int cli_generate_open_input(struct cli_generation *r, elcl_error *err);
/* Makes the record of a run that keeps one. */
int cli_generate_make_record(struct cli_generation *r, elcl_error *err);
/* Notes beside the output file of a shard, or of a run with --resume, what the run is. */
int cli_generate_begin_record(struct cli_generation *r, elcl_error *err);
/* Gives the whole output its name, and completes its record. */
int cli_generate_end_output(struct cli_generation *r, elcl_error *err);

/* ---- from a line to submitted parts (generate_read.c) ---------------------------------------- */

/* Reads the lines that are there, up to twice what the engines can take, and submits what they can
 * before the step that sizes their batches. Waits for a line only if they have nothing to do. */
int cli_generate_read(struct cli_generation *r, elcl_error *err);
/* Warns once that an option of sampling is ignored. */
void cli_generate_warn_sampling(struct cli_generation *r, const char *ignored);

/* ---- long texts (generate_split.c) ---------------------------------------------------------- */

/* Gets ready for --split, if it is given. */
int cli_generate_begin_split(struct cli_generation *r, elcl_error *err);
/* Starts to split a text, which the sample owns from now on. */
int cli_generate_split(struct cli_generation *r, struct cli_sample *sample, char *text, size_t n,
                       elcl_error *err);
/* Takes the next piece of the sample that is split. */
int cli_generate_read_piece(struct cli_generation *r, elcl_error *err);

/* ---- what is read and not submitted (generate_window.c) -------------------------------------- */

/* Adds a part to the sample; NULL when memory is short. */
struct cli_part *cli_generate_add_part(struct cli_generation *r, struct cli_sample *sample);
/* Checks the source of a part, cuts it to what fits, and makes the part the last of the window.
 * Fails with ELCL_E_FORMAT if it is refused. */
int cli_generate_take_part(struct cli_generation *r, struct cli_part *part, elcl_error *err);
/* Submits what the engines can take. */
int cli_generate_submit(struct cli_generation *r, elcl_error *err);

/* ---- a step (generate_step.c) --------------------------------------------------------------- */

/* Runs one step of the engines, if they have work, and writes what has finished. */
int cli_generate_step(struct cli_generation *r, elcl_error *err);

/* ---- engines (generate_engines.c) ----------------------------------------------------------- */

/* Sets max_beams, max_source and max_lists for these options. */
void cli_generate_size_engines(struct cli_generation *r, const elcl_gen_options *gen);
int cli_generate_start_engines(struct cli_generation *r, elcl_error *err);
/* Replaces engines that are too small for the parts, after they have finished what they have.
 * Sets *why, and keeps engines of the size before, if that is too much for the device's memory. */
int cli_generate_make_room(struct cli_generation *r, struct cli_part *const *parts, size_t n,
                           elcl_error *why, elcl_error *err);
/* The statistics of all engines so far. */
void cli_generate_stats(const struct cli_generation *r, elcl_engine_stats *stats);
/* Writes the file of --trace once nothing is pending; does nothing without the option. */
int cli_generate_save_trace(struct cli_generation *r, elcl_error *err);

/* ---- from a result to written lines (generate_write.c) -------------------------------------- */

/* A sample has ended, well or not: cli_generate_write_finished() looks at it. */
int cli_generate_note_end(struct cli_generation *r, const struct cli_sample *sample,
                          elcl_error *err);
/* A part of the sample has ended, or the sample has all its parts: joins what can be joined, and
 * ends the sample with the last part. */
int cli_generate_end_part(struct cli_generation *r, struct cli_sample *sample, elcl_error *err);
/* Frees what only a sample that has not ended needs. */
void cli_generate_free_parts(struct cli_generation *r, struct cli_sample *sample);
/* Counts it for the progress bar only. */
void cli_generate_count_end(struct cli_generation *r, const struct cli_sample *sample);
/* Callbacks of the engines; `user` is the generation. */
void cli_generate_on_result(void *user, const elcl_result *result);
void cli_generate_on_token(void *user, const elcl_token *token);
/* Writes the finished samples at the head of the queue, or all with --unordered. A failed sample
 * ends the generation, or is reported. */
int cli_generate_write_finished(struct cli_generation *r, elcl_error *err);
/* Streaming: writes what is new of the first sample in the queue; the samples after it wait. */
int cli_generate_write_stream(struct cli_generation *r, elcl_error *err);
/* Marks a line that is partly written and will not be completed. */
int cli_generate_mark_incomplete(struct cli_generation *r, const struct cli_sample *sample,
                                 elcl_error *err);

#endif
