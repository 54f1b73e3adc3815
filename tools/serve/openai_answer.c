#include "serve/openai_answer.h"

#include <inttypes.h>
#include <math.h>

#include "common/json_write.h"

/* Appends a token's share of the text; a token that has none, such as the end of the text, as the
 * vocabulary spells it. */
static void add_token(struct elcl_str *out, const struct cli_openai_choice *c,
                      const struct cli_openai_piece *p, const struct cli_openai_token *token)
{
    size_t n = token->n;
    const char *text = p->output + token->at;
    if (!n && c->codec)
        text = elcl_codec_token(c->codec, token->id, c->as_target, &n);
    cli_json_string(out, text, text ? n : 0);
}

/* Appends a list with what `add` appends for each token. */
static void add_tokens(struct elcl_str *out, const struct cli_openai_choice *c,
                       void (*add)(struct elcl_str *out, const struct cli_openai_choice *c,
                                   const struct cli_openai_piece *p,
                                   const struct cli_openai_token *token))
{
    const struct cli_openai_piece *const pieces[] = {&c->before, &c->piece};
    size_t n = 0;
    elcl_str_text(out, "[");
    for (size_t i = 0; i < ELCL_COUNT(pieces); i++)
        for (size_t k = 0; k < pieces[i]->n_tokens; k++) {
            elcl_str_text(out, n++ ? ", " : "");
            add(out, c, pieces[i], &pieces[i]->tokens[k]);
        }
    elcl_str_text(out, "]");
}

static void add_log_prob(struct elcl_str *out, const struct cli_openai_choice *c,
                         const struct cli_openai_piece *p, const struct cli_openai_token *token)
{
    (void)c;
    (void)p;
    cli_json_float(out, token->log_prob);
}

static void add_top(struct elcl_str *out, const struct cli_openai_choice *c,
                    const struct cli_openai_piece *p, const struct cli_openai_token *token)
{
    if (isnan(token->log_prob)) {
        elcl_str_text(out, "null");
        return;
    }
    elcl_str_text(out, "{");
    add_token(out, c, p, token);
    elcl_str_text(out, ": ");
    cli_json_float(out, token->log_prob);
    elcl_str_text(out, "}");
}

static void add_offset(struct elcl_str *out, const struct cli_openai_choice *c,
                       const struct cli_openai_piece *p, const struct cli_openai_token *token)
{
    (void)c;
    (void)p;
    elcl_str_printf(out, "%zu", token->characters);
}

static void add_id(struct elcl_str *out, const struct cli_openai_choice *c,
                   const struct cli_openai_piece *p, const struct cli_openai_token *token)
{
    (void)c;
    (void)p;
    elcl_str_printf(out, "%d", (int)token->id);
}

/* Lists of the same length: tokens, their log-probabilities, and where they begin in the text, in
 * characters. */
static void add_logprobs(struct elcl_str *out, const struct cli_openai_choice *c)
{
    elcl_str_text(out, "{\"tokens\": ");
    add_tokens(out, c, add_token);
    elcl_str_text(out, ", \"token_logprobs\": ");
    add_tokens(out, c, add_log_prob);
    elcl_str_text(out, ", \"top_logprobs\": ");
    if (c->top)
        add_tokens(out, c, add_top);
    else
        elcl_str_text(out, "null");
    elcl_str_text(out, ", \"text_offset\": ");
    add_tokens(out, c, add_offset);
    elcl_str_text(out, "}");
}

/* Appends the tokens of the source and what each token of the output attends to. */
static void add_alignments(struct elcl_str *out, const struct cli_openai_choice *c)
{
    const char *quote = c->how == CLI_ALIGNMENTS_HARD ? "\"" : "";
    elcl_str_text(out, ", \"source_ids\": [");
    for (size_t i = 0; i < c->n_source; i++)
        elcl_str_printf(out, i ? ", %d" : "%d", (int)c->source[i]);
    elcl_str_printf(out, "], \"alignments\": %s", quote);
    cli_alignments_append(c->how, c->alignments, c->n_rows, c->n_source, out);
    elcl_str_text(out, quote);
}

static void add_text(struct elcl_str *out, const struct cli_openai_choice *c)
{
    struct elcl_str whole = {0};
    if (!c->before.n) {
        cli_json_string(out, c->piece.text, c->piece.n);
        return;
    }
    elcl_str_append(&whole, c->before.text, c->before.n);
    elcl_str_append(&whole, c->piece.text, c->piece.n);
    cli_json_string(out, whole.data, whole.n);
    out->failed = out->failed || whole.failed;
    elcl_str_finish(&whole);
}

void cli_openai_add_choice(struct elcl_str *out, const struct cli_openai_choice *c)
{
    elcl_str_text(out, "{\"text\": ");
    add_text(out, c);
    elcl_str_printf(out, ", \"index\": %d, \"logprobs\": ", c->index);
    if (c->logprobs)
        add_logprobs(out, c);
    else
        elcl_str_text(out, "null");
    if (c->ids) {
        elcl_str_text(out, ", \"token_ids\": ");
        add_tokens(out, c, add_id);
    }
    elcl_str_text(out, ", \"finish_reason\": ");
    cli_json_text(out, c->finish_reason);
    if (c->finish_reason) {
        elcl_str_text(out, ", \"score\": ");
        cli_json_float(out, c->score);
    }
    if (c->alignments)
        add_alignments(out, c);
    if (c->source_cut)
        elcl_str_printf(out, ", \"source_cut\": %zu", c->source_cut);
    elcl_str_text(out, "}");
}

static void add_head(struct elcl_str *out, const struct cli_openai_head *head)
{
    elcl_str_text(out, "{\"id\": ");
    cli_json_text(out, head->id);
    elcl_str_printf(out, ", \"object\": \"text_completion\", \"created\": %" PRId64 ", \"model\": ",
                    head->created);
    cli_json_text(out, head->model);
    if (head->seed >= 0)
        elcl_str_printf(out, ", \"seed\": %" PRId64, head->seed);
    elcl_str_text(out, ", \"choices\": [");
}

static void add_usage(struct elcl_str *out, const struct cli_openai_usage *u)
{
    elcl_str_printf(out,
                    "\"usage\": {\"prompt_tokens\": %" PRIu64 ", \"completion_tokens\": %" PRIu64
                    ", \"total_tokens\": %" PRIu64 "}, \"timings\": {\"queued_seconds\": %.6f, "
                    "\"first_token_seconds\": %.6f, \"total_seconds\": %.6f}",
                    u->prompt_tokens, u->completion_tokens, u->prompt_tokens + u->completion_tokens,
                    u->queued_seconds, u->first_token_seconds, u->total_seconds);
}

void cli_openai_add_answer(struct elcl_str *out, const struct cli_openai_head *head,
                           struct elcl_str *choices, size_t n, const struct cli_openai_usage *usage)
{
    bool any = false;
    add_head(out, head);
    for (size_t i = 0; i < n; i++) {
        elcl_str_text(out, any && choices[i].n ? ", " : "");
        elcl_str_append(out, choices[i].data, choices[i].n);
        any = any || choices[i].n;
        out->failed = out->failed || choices[i].failed;
        elcl_str_finish(&choices[i]);
    }
    elcl_str_text(out, "], ");
    add_usage(out, usage);
    elcl_str_text(out, "}");
}

void cli_openai_add_event(struct elcl_str *out, const struct cli_openai_head *head,
                          const struct cli_openai_choice *choice,
                          const struct cli_openai_usage *usage, bool usage_follows)
{
    elcl_str_text(out, "data: ");
    add_head(out, head);
    if (choice)
        cli_openai_add_choice(out, choice);
    elcl_str_text(out, "]");
    if (usage) {
        elcl_str_text(out, ", ");
        add_usage(out, usage);
    } else if (usage_follows) {
        elcl_str_text(out, ", \"usage\": null");
    }
    elcl_str_text(out, "}\n\n");
}

void cli_openai_add_done(struct elcl_str *out)
{
    elcl_str_text(out, "data: [DONE]\n\n");
}

static const char *type_of(int status)
{
    switch (status) {
    case 401:
    case 403:
        return "authentication_error";
    case 404:
        return "not_found_error";
    case 429:
        return "rate_limit_error";
    default:
        return status < 500 ? "invalid_request_error" : "server_error";
    }
}

void cli_openai_add_error(struct elcl_str *out, int status, const char *param, const char *code,
                          const char *message)
{
    elcl_str_text(out, "{\"error\": {\"message\": ");
    cli_json_text(out, message);
    elcl_str_printf(out, ", \"type\": \"%s\", \"param\": ", type_of(status));
    cli_json_text(out, param && *param ? param : NULL);
    elcl_str_text(out, ", \"code\": ");
    cli_json_text(out, code && *code ? code : NULL);
    elcl_str_text(out, "}}");
}
