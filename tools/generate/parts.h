/* What a sample asks of the engines, one request for all of it or, with --split, one for each piece
 * of its text; and what comes out, joined again. */
#ifndef CLI_PARTS_H
#define CLI_PARTS_H

#include "common/alignments.h"
#include "common/sentences.h"
#include "common/source.h"

struct cli_sample;

/* A copy of a hypothesis. */
struct cli_part_output {
    int32_t *ids;     /* [n_ids] */
    float *log_probs; /* [n_ids], or NULL */
    size_t n_ids;
    struct elcl_str alignments; /* their text, or empty */
    float score;
    enum elcl_finish_reason finish;
};

/* A request of a sample. */
struct cli_part {
    struct cli_part *next; /* of the sample */
    struct cli_sample *sample;
    uint64_t index;           /* among the sample's parts, from 0 */
    struct cli_piece piece;   /* --split: of the sample's text */
    struct cli_source source; /* until it is submitted; with alignments longer */
    int32_t *emitted; /* streaming: [n_emitted] of the output (after the prompt if there is one),
                       * not yet in `stream` */
    size_t n_emitted, emitted_capacity;
    elcl_text_stream *stream;
    struct elcl_str streamed; /* the text that came from it, and is joined */
    bool begun;               /* it is the last piece in the joiners */
    bool ended;
    char *failure;                   /* one sentence: why it has no outputs; NULL if it has */
    struct cli_part_output *outputs; /* [n_outputs] once it has ended */
    int n_outputs;
};

/* The k-th outputs of a sample's parts, joined. */
struct cli_sequence {
    struct cli_joiner joiner;
    struct elcl_str text; /* empty if the format has none */
    int32_t *ids;         /* [n_ids] none if the format has none */
    size_t n_ids, ids_capacity;
    float *log_probs; /* [n_log_probs] as many as ids, or none */
    size_t n_log_probs, log_probs_capacity;
    size_t *n_part_ids; /* [n_parts] ids of each part */
    size_t n_parts, parts_capacity;
    struct elcl_str alignments; /* of the only part, or empty */
    bool found;                 /* a part has such an output */
    double score;               /* the sum */
    enum elcl_finish_reason finish;
};

/* Adds a part at the sample's end, owned by the sample; NULL when memory is short. */
struct cli_part *cli_part_add(struct cli_sample *sample);
/* Copies the outputs, or the sentence that says why there are none. Alignments become text. */
int cli_part_end(struct cli_part *part, const elcl_result *result, enum cli_alignments how,
                 elcl_error *err);
int cli_part_fail(struct cli_part *part, const char *message, elcl_error *err);

/* Makes room for the sample's outputs, n of them. Text of the sample up to its first piece comes
 * first. */
int cli_parts_begin(struct cli_sample *sample, int n, size_t n_before, elcl_error *err);
/* Joins and frees the first parts, those that have ended, up to one that failed: their texts with
 * all formats but ids, if there is a tokenizer, and their ids with all but text. */
int cli_parts_join(struct cli_sample *sample, const elcl_model *model, enum cli_format format,
                   bool has_text, elcl_error *err);
/* Joins what is new in the text of the first part. */
int cli_parts_join_stream(struct cli_sample *sample, const elcl_model *model, elcl_error *err);
/* Whether all parts have ended. */
bool cli_parts_have_ended(const struct cli_sample *sample);
/* Returns why the first part failed, or NULL. */
const char *cli_parts_failure(const struct cli_sample *sample);
/* Joins what is after the last part, once all are joined. */
void cli_parts_end(struct cli_sample *sample);
void cli_parts_free(struct cli_sample *sample);

#endif
