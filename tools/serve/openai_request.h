/* A request for completions in the form of OpenAI's API, before it meets a model. */
#ifndef CLI_SERVE_OPENAI_REQUEST_H
#define CLI_SERVE_OPENAI_REQUEST_H

#include "common/alignments.h"
#include "common/input.h"
#include "common/option_lists.h"

#define CLI_OPENAI_MAX_PROMPTS 2048
/* A parsed value takes a hundred bytes, and may have two in the body. */
#define CLI_OPENAI_MAX_VALUES (1 << 20)
/* Every step looks for every stop string, so long ones would hold up all clients. */
#define CLI_OPENAI_MAX_STOP 1024 /* bytes */

struct cli_openai_request {
    char *model;              /* NULL: the only one */
    struct cli_side *prompts; /* [n_prompts] all of them texts, or all of them token ids */
    size_t n_prompts;
    bool is_ids;
    struct cli_settings given;
    struct cli_option_lists lists; /* keeps the texts of the settings; .prefix is one of them */
    char *src_lang, *tgt_lang;     /* NULL: not given */
    int n, best_of;                /* 0: not given */
    enum cli_alignments alignments;
    int logprobs;        /* how many top tokens, 0 or 1; -1: none are wanted */
    bool has_max_tokens; /* the setting max_new_tokens came under this name */
    bool beams_from_n;   /* likewise num_beams */
    bool echo, stream, include_usage, split;
};

/* Parses and checks what needs no model. On failure `param` has the name of the field that is at
 * fault, or "", and *request is empty.
 *
 * body: [n] with a NUL after it
 *
 * ELCL_E_FORMAT, ELCL_E_ARG, ELCL_E_UNSUPPORTED: the request is wrong; the message says why. */
int cli_openai_parse(const char *body, size_t n, struct cli_openai_request *request, char param[64],
                     elcl_error *err);
void cli_openai_request_finish(struct cli_openai_request *request);

/* Renames the option that the message `why` begins with to the field that the request has, and
 * writes the field to `param`; "" if the message begins with none. */
int cli_openai_fail(const struct cli_openai_request *request, const elcl_error *why, char param[64],
                    elcl_error *err);

/* ---- settings (openai_settings.c) ------------------------------------------------------------ */

/* Keeps a copy of a text until the request is finished; NULL on failure. */
char *cli_openai_keep(struct cli_openai_request *request, const char *text, elcl_error *err);
/* Add a setting, in the place of one with the same name, but strings of stop beside each other.
 * Copy the value. */
int cli_openai_add(struct cli_openai_request *request, const elcl_gen_option *option,
                   const char *value, elcl_error *err);
int cli_openai_set(struct cli_openai_request *request, const char *name, const char *value,
                   elcl_error *err);
int cli_openai_set_int(struct cli_openai_request *request, const char *name, int value,
                       elcl_error *err);

#endif
