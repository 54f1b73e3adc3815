/* Inside a request for completions: openai_job.c begins and ends it, openai_completion.c makes its
 * choices of what the engines give. */
#ifndef CLI_SERVE_OPENAI_COMPLETION_H
#define CLI_SERVE_OPENAI_COMPLETION_H

#include "serve/exchange.h"
#include "serve/openai_answer.h"
#include "serve/openai_output.h"
#include "serve/openai_plan.h"

/* Output j of a part, until all parts of its prompt are there. */
struct cli_part_output {
    struct elcl_str text;
    enum elcl_finish_reason finish;
    float score;
};

struct cli_completion {
    struct cli_job job;
    struct cli_exchange *x;
    const struct cli_served *served;
    struct cli_openai_request request;
    struct cli_openai_plan plan;
    struct cli_openai_head head;
    struct cli_openai_usage usage;
    struct cli_openai_output *outputs;    /* streams: [n_prompts, n] */
    struct cli_part_output *part_outputs; /* split prompts: [n_parts, n] */
    size_t *waits;                        /* [n_prompts] parts without a result */
    struct elcl_str *choices; /* [n_prompts] whole answers: JSON of the prompt's outputs */
    struct elcl_str echo;     /* text of the prompt that was read last */
    size_t n_read;            /* 1 + its number; 0: none was */
    size_t n_results;
    size_t n_blank; /* split prompts without a part that are not answered yet */
    int last;       /* the output j that ends the answer, if the present prompt does; else -1 */
    bool begun;     /* the stream */
    elcl_error failed;
};

/* Callbacks of the job. on_token() is for streams of whole prompts. */
void cli_completion_on_token(struct cli_job *job, size_t i, const elcl_token *token);
void cli_completion_on_result(struct cli_job *job, size_t i, const elcl_result *result);
/* Gives out the outputs of prompts that have only blanks: the same blanks. */
void cli_completion_join_blanks(struct cli_completion *c);
/* Sends events of a stream, which begins with the first ones. *events is empty afterwards. */
void cli_completion_send(struct cli_completion *c, struct elcl_str *events);

#endif
