/* Samples on their way through the engine, and their lines in input order. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include "common/input.h"

enum cli_sample_state { CLI_SAMPLE_WAITING, CLI_SAMPLE_DONE, CLI_SAMPLE_FAILED };

struct cli_sample {
    uint64_t index;       /* of the sample, from 0 */
    uint64_t line;        /* where it stands in the input, from 1 */
    uint64_t input_bytes; /* of the input up to its end */
    int32_t *ids;         /* [n_ids] source, until it is submitted */
    size_t n_ids;
    char *id;              /* JSON text of the sample's own name, or NULL */
    elcl_gen_options *own; /* options of this sample alone, or NULL */
    int max_target;        /* of own */
    /* What own's lists point into, until it is submitted. */
    struct cli_generate_options *given;
    int32_t *told; /* streaming: [n_emitted] the output so far, the prompt before it */
    size_t n_emitted, emitted_capacity;
    struct elcl_str streamed; /* what of its line is written already */
    enum cli_sample_state state;
    bool fatal;          /* FAILED, and nothing can follow it */
    struct elcl_str out; /* DONE: its lines; FAILED: one sentence */
};

/* The samples that are not written yet, in input order; {0} is empty. */
struct cli_queue {
    struct cli_sample **items; /* [head, head + n) */
    size_t head, n, capacity;
};
/* A new sample at the end, owned by the queue; NULL when memory is short. */
struct cli_sample *cli_queue_push(struct cli_queue *q);
/* The first one, NULL when empty. */
struct cli_sample *cli_queue_first(const struct cli_queue *q);
void cli_queue_pop(struct cli_queue *q);
void cli_queue_finish(struct cli_queue *q);

/* Appends the lines of the sample's finished result to its `out`: one for each hypothesis. */
int cli_format_result(const elcl_model *model, enum cli_line_format format, bool scores,
                      const elcl_result *result, struct cli_sample *sample, elcl_error *err);
/* What stands for the lines of a failed sample. */
void cli_format_failure(enum cli_line_format format, const struct cli_sample *sample, int n_lines,
                        const char *message, struct elcl_str *out);

/* Streaming: appends the part of the line that `told` fixes and that is not streamed yet, to
 * `streamed` and to `out`. A character of which bytes are missing waits for them. */
int cli_format_stream(const elcl_model *model, struct cli_sample *sample, struct elcl_str *out,
                      elcl_error *err);
/* What of a finished line is left to write: bytes of `out` from here on, or SIZE_MAX where it does
 * not begin with what is streamed. */
size_t cli_streamed_bytes(const struct cli_sample *sample);

#endif
