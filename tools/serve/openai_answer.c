#include "serve/openai_answer.h"

#include <inttypes.h>

#include "common/json_write.h"

static void add_comma(struct elcl_str *out, size_t i)
{
    if (i)
        elcl_str_text(out, ", ");
}

/* Lists of the same length: tokens, their log-probabilities, and where they begin in the text, in
 * characters. */
static void add_logprobs(struct elcl_str *out, const struct cli_openai_choice *c)
{
    const struct cli_openai_piece *p = &c->piece;
    if (!c->token_texts) {
        elcl_str_text(out, "null");
        return;
    }
    elcl_str_text(out, "{\"tokens\": [");
    for (size_t i = 0; i < p->n_tokens; i++) {
        add_comma(out, i);
        cli_json_text(out, c->token_texts[i]);
    }
    elcl_str_text(out, "], \"token_logprobs\": [");
    for (size_t i = 0; i < p->n_tokens; i++) {
        add_comma(out, i);
        cli_json_float(out, p->tokens[i].log_prob);
    }
    elcl_str_text(out, c->top ? "], \"top_logprobs\": [" : "], \"top_logprobs\": null");
    for (size_t i = 0; i < p->n_tokens && c->top; i++) {
        add_comma(out, i);
        elcl_str_text(out, "{");
        cli_json_text(out, c->token_texts[i]);
        elcl_str_text(out, ": ");
        cli_json_float(out, p->tokens[i].log_prob);
        elcl_str_text(out, "}");
    }
    elcl_str_text(out, c->top ? "], \"text_offset\": [" : ", \"text_offset\": [");
    for (size_t i = 0; i < p->n_tokens; i++)
        elcl_str_printf(out, i ? ", %zu" : "%zu", p->tokens[i].characters);
    elcl_str_text(out, "]}");
}

void cli_openai_add_choice(struct elcl_str *out, const struct cli_openai_choice *c)
{
    elcl_str_text(out, "{\"text\": ");
    if (c->n_before) {
        struct elcl_str whole = {0};
        elcl_str_append(&whole, c->before, c->n_before);
        elcl_str_append(&whole, c->piece.text, c->piece.n);
        cli_json_string(out, whole.data, whole.n);
        out->failed = out->failed || whole.failed;
        elcl_str_finish(&whole);
    } else {
        cli_json_string(out, c->piece.text, c->piece.n);
    }
    elcl_str_printf(out, ", \"index\": %d, \"logprobs\": ", c->index);
    add_logprobs(out, c);
    elcl_str_text(out, ", \"finish_reason\": ");
    cli_json_text(out, c->finish_reason);
    if (c->finish_reason) {
        elcl_str_text(out, ", \"score\": ");
        cli_json_float(out, c->score);
    }
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
                           const struct elcl_str *choices, const struct cli_openai_usage *usage)
{
    add_head(out, head);
    elcl_str_append(out, choices->data, choices->n);
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
    if (!choice) {
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
