/* Samples on their way through the engines, and their output lines in input order. */
#ifndef CLI_SAMPLE_H
#define CLI_SAMPLE_H

#include "generate/generate_options.h"

enum cli_sample_state {
    CLI_SAMPLE_WAITING,
    CLI_SAMPLE_DONE,
    CLI_SAMPLE_FAILED,
    CLI_SAMPLE_WRITTEN
};

struct cli_sample {
    uint64_t index;   /* among the samples, from 0 */
    uint64_t line;    /* its place in the input, from 1 */
    uint64_t n_bytes; /* of the input that are its own */
    int32_t *ids;     /* [n_ids] source, until it is submitted */
    size_t n_ids;
    size_t n_cut;             /* source tokens that were cut off */
    int max_new_tokens;       /* what the model's positions leave after the prompt; 0: enough */
    char *id;                 /* JSON text of the sample's own name, or NULL */
    struct cli_resolved *own; /* the sample's own options, or NULL */
    /* What own's lists point into, until the sample is submitted. */
    struct cli_generate_options *given;
    int32_t *emitted; /* streaming: [n_emitted] of the output (after the prompt if there is one),
                       * not yet in `stream` */
    size_t n_emitted, emitted_capacity;
    elcl_text_stream *stream;
    bool began;               /* text came from it */
    struct elcl_str streamed; /* the part of its line that is written */
    enum cli_sample_state state;
    bool fatal;          /* FAILED, and nothing can follow it */
    struct elcl_str out; /* DONE: its lines; FAILED: one sentence */
};

/* The sample has failed: "place: message", or only the message if place is "". */
void cli_sample_fail(struct cli_sample *sample, const char *place, const char *message);

/* The samples that are not written yet, in input order; {0} is empty. */
struct cli_queue {
    struct cli_sample **items; /* [head, head + n) */
    size_t head, n, capacity;
};
/* Adds a sample at the end, owned by the queue; NULL when memory is short. */
struct cli_sample *cli_queue_push(struct cli_queue *q);
/* The sample of this index, if it is in the queue, else NULL. */
struct cli_sample *cli_queue_at(const struct cli_queue *q, uint64_t index);
/* The first sample, or NULL. */
struct cli_sample *cli_queue_first(const struct cli_queue *q);
void cli_queue_pop(struct cli_queue *q);
void cli_queue_finish(struct cli_queue *q);

/* Appends the lines of a finished result to the sample's `out`, one for each hypothesis. */
int cli_format_result(const elcl_model *model, enum cli_format format, bool scores,
                      const elcl_result *result, struct cli_sample *sample, elcl_error *err);
/* Appends the lines that take the place of a failed sample's. */
void cli_format_failure(enum cli_format format, const struct cli_sample *sample, int n_lines,
                        const char *message, struct elcl_str *out);

/* Streaming: takes `emitted` and appends the part of the line that it fixes to `streamed` and to
 * `out`. */
int cli_format_stream(const elcl_model *model, struct cli_sample *sample, struct elcl_str *out,
                      elcl_error *err);
/* How many bytes of `out` are streamed already; SIZE_MAX if `out` does not begin with them. */
size_t cli_streamed_bytes(const struct cli_sample *sample);

#endif
