/* Samples on their way through the engines, and their output lines in input order. */
#ifndef CLI_SAMPLE_H
#define CLI_SAMPLE_H

#include "generate/generate_options.h"
#include "generate/parts.h"

enum cli_sample_state {
    CLI_SAMPLE_WAITING,
    CLI_SAMPLE_DONE,
    CLI_SAMPLE_FAILED,
    CLI_SAMPLE_WRITTEN
};

struct cli_sample {
    uint64_t index;                          /* among the samples, from 0 */
    uint64_t line;                           /* its place in the input, from 1 */
    uint64_t n_bytes;                        /* of the input that are its own */
    char *text;                              /* --split: what the parts are pieces of; else NULL */
    struct cli_part *first_part, *last_part; /* those that are not joined yet */
    uint64_t n_parts;                        /* so far */
    size_t n_held, n_open;                   /* not joined, and not ended */
    uint64_t n_joined, n_counted;            /* bytes of the text; those in ended_bytes */
    bool whole;                              /* no further part will come */
    struct cli_sequence *sequences;          /* [n_sequences] */
    int n_sequences;
    int32_t *source; /* [n_source] with alignments: the source's tokens, else NULL */
    size_t n_source;
    size_t n_cut;             /* source tokens that were cut off */
    bool limited;             /* an output ended at a length limit */
    int max_new_tokens;       /* what the model's positions leave after the prompt; 0: enough */
    char *id;                 /* JSON text of the sample's own name, or NULL */
    struct cli_resolved *own; /* the sample's own options, or NULL */
    /* What own's lists point into, until the sample has ended. */
    struct cli_generate_options *given;
    size_t n_taken,
        n_streamed; /* streaming: bytes of the text, and of its line, that are written */
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

/* Appends the lines of a finished sample to its `out`, one for each sequence. */
int cli_format_sample(enum cli_format format, bool scores, bool has_text, struct cli_sample *sample,
                      elcl_error *err);
/* Appends the lines that take the place of a failed sample's. */
void cli_format_failure(enum cli_format format, const struct cli_sample *sample, int n_lines,
                        const char *message, struct elcl_str *out);

/* Streaming: appends what is new of the line. */
void cli_format_stream(struct cli_sample *sample, struct elcl_str *out);

#endif
