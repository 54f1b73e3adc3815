/* Answers in the form of OpenAI's API: completions, events of a stream, errors. */
#ifndef CLI_SERVE_OPENAI_ANSWER_H
#define CLI_SERVE_OPENAI_ANSWER_H

#include "common/alignments.h"
#include "serve/openai_text.h"

/* What the parts of an answer share. */
struct cli_openai_head {
    char id[32];
    int64_t created; /* Unix seconds */
    const char *model;
    int64_t seed; /* of the samples; below 0: there are none */
};

/* One output, or the next piece of one. */
struct cli_openai_choice {
    int index;
    struct cli_openai_piece before; /* the prompt, if it is repeated */
    struct cli_openai_piece piece;
    bool logprobs;             /* give the tokens' log-probabilities */
    bool top;                  /* give the chosen tokens as the top ones too */
    bool ids;                  /* give the tokens' ids: the model has no text */
    const elcl_codec *codec;   /* for tokens that are no text; NULL: none */
    bool as_target;            /* the outputs' vocabulary of the codec */
    const char *finish_reason; /* NULL: it has not ended */
    float score;               /* once it has ended */
    size_t source_cut;         /* tokens of the prompt that did not fit */
    enum cli_alignments how;
    const float *alignments; /* [n_rows, n_source] NULL: none */
    size_t n_rows, n_source;
    const int32_t *source; /* [n_source] */
};

struct cli_openai_usage {
    uint64_t prompt_tokens, completion_tokens;
    double queued_seconds, first_token_seconds, total_seconds; /* the longest of all prompts */
};

void cli_openai_add_choice(struct elcl_str *out, const struct cli_openai_choice *choice);

/* Appends a whole answer. Takes the texts choices [n], which may be large: they are empty
 * afterwards. Each holds choices with commas between them, or none. */
void cli_openai_add_answer(struct elcl_str *out, const struct cli_openai_head *head,
                           struct elcl_str *choices, size_t n,
                           const struct cli_openai_usage *usage);

/* Appends an event of a stream. choice, usage: NULL: it has none. usage_follows: a later event has
 * the usage. */
void cli_openai_add_event(struct elcl_str *out, const struct cli_openai_head *head,
                          const struct cli_openai_choice *choice,
                          const struct cli_openai_usage *usage, bool usage_follows);
/* Appends the event that ends every stream. */
void cli_openai_add_done(struct elcl_str *out);

/* Appends an error. param, code: NULL or "": none. */
void cli_openai_add_error(struct elcl_str *out, int status, const char *param, const char *code,
                          const char *message);

#endif
