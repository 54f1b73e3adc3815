/* What a request for completions asks of a model: its options over the model's defaults, and the
 * requests to the engines. */
#ifndef CLI_SERVE_OPENAI_PLAN_H
#define CLI_SERVE_OPENAI_PLAN_H

#include "common/sentences.h"
#include "common/source.h"
#include "serve/models.h"
#include "serve/openai_request.h"

#define CLI_OPENAI_MAX_PARTS 65536

/* A request to the engines: a prompt, or a sentence of one. */
struct cli_openai_part {
    size_t prompt;
    struct cli_source source;
    struct cli_piece piece; /* of the prompt's text, if that is split */
};

/* A prompt with its parts, which are in order. */
struct cli_openai_prompt {
    size_t first, n_parts;
    size_t n_blanks; /* bytes of the text before the first part */
};

struct cli_openai_plan {
    struct cli_resolved resolved;      /* its lists are the request's */
    int n;                             /* outputs of each prompt in the answer, at most */
    int64_t seed;                      /* that was chosen here; below 0: none was */
    struct cli_openai_prompt *prompts; /* [request->n_prompts] */
    struct cli_openai_part *parts;     /* [n_parts] */
    size_t n_parts, capacity;
    elcl_request *requests; /* [n_parts] */
};

/* Adds what the answer needs to the request's settings, and resolves them. On failure `param` is
 * the field at fault, or "", and *plan is empty. The request must outlive the plan. */
int cli_openai_plan_make(struct cli_openai_request *request, const struct cli_served *served,
                         struct cli_openai_plan *plan, char param[64], elcl_error *err);
void cli_openai_plan_finish(struct cli_openai_plan *plan);

#endif
