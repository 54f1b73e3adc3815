#include "serve/openai_text.h"

#include <stdlib.h>
#include <string.h>

size_t cli_count_characters(const char *text, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

static size_t longest_stop(const struct cli_openai_text *t)
{
    size_t longest = 0;
    for (int i = 0; i < t->n_stops; i++) {
        const size_t n = strlen(t->stops[i]);
        longest = n > longest ? n : longest;
    }
    return longest;
}

void cli_openai_text_begin(struct cli_openai_text *t, const char *const *stops, int n_stops,
                           const char *before, size_t n_before, size_t characters)
{
    *t = (struct cli_openai_text){.stops = stops, .n_stops = n_stops, .characters = characters};
    const size_t longest = longest_stop(t);
    t->context = !longest ? 0 : n_before < longest - 1 ? n_before : longest - 1;
    elcl_str_append(&t->text, before + (n_before - t->context), t->context);
}

/* Looks for the first stop string that ends in the text from `fresh` on. */
static void find_stop(struct cli_openai_text *t, size_t fresh)
{
    size_t first = SIZE_MAX;
    for (int i = 0; i < t->n_stops && t->text.data; i++) {
        const size_t n = strlen(t->stops[i]);
        const char *from = t->text.data + (fresh >= n ? fresh - n + 1 : 0);
        const char *found = strstr(from, t->stops[i]);
        while (found && (size_t)(found - t->text.data) + n <= t->context)
            found = strstr(found + 1, t->stops[i]);
        if (found && (size_t)(found - t->text.data) < first)
            first = (size_t)(found - t->text.data);
    }
    t->stopped = first != SIZE_MAX;
    t->end = !t->stopped ? t->text.n - t->context : first > t->context ? first - t->context : 0;
}

/* Returns how many bytes at the end of the text may be the beginning of a stop string. */
static size_t held(const struct cli_openai_text *t)
{
    size_t most = 0;
    for (int i = 0; i < t->n_stops; i++) {
        const size_t n = strlen(t->stops[i]);
        for (size_t k = n - 1 < t->text.n ? n - 1 : t->text.n; k > most; k--)
            if (!memcmp(t->text.data + t->text.n - k, t->stops[i], k))
                most = k;
    }
    return most;
}

static void add_text(struct cli_openai_text *t, const char *text, size_t n)
{
    const size_t fresh = t->text.n;
    elcl_str_append(&t->text, text, n);
    t->characters += cli_count_characters(text, n);
    if (n && !t->stopped)
        find_stop(t, fresh);
}

void cli_openai_text_add(struct cli_openai_text *t, int32_t id, float log_prob, const char *text,
                         size_t n)
{
    void *tokens = t->tokens;
    if (!elcl_grow(&tokens, &t->token_capacity, t->n_tokens + 1, sizeof(*t->tokens))) {
        t->text.failed = true;
        return;
    }
    t->tokens = tokens;
    t->tokens[t->n_tokens++] = (struct cli_openai_token){
        .id = id,
        .log_prob = log_prob,
        .at = t->text.n - t->context,
        .n = n,
        .characters = t->characters,
    };
    add_text(t, text, n);
}

void cli_openai_text_more(struct cli_openai_text *t, const char *text, size_t n)
{
    if (t->n_tokens)
        t->tokens[t->n_tokens - 1].n += n;
    add_text(t, text, n);
}

struct cli_openai_piece cli_openai_text_take(struct cli_openai_text *t, bool ended)
{
    const size_t wait = ended || t->stopped ? 0 : held(t), from = t->sent;
    const size_t first = t->sent_tokens;
    size_t end = t->end > wait ? t->end - wait : 0;
    if (end < from || t->text.failed)
        end = from;
    while (t->sent_tokens < t->n_tokens) {
        const struct cli_openai_token *token = &t->tokens[t->sent_tokens];
        const bool counts = t->stopped ? token->at < end : token->at + token->n <= end;
        if (!counts && !(ended && !t->stopped))
            break;
        t->sent_tokens++;
    }
    t->sent = end;
    return (struct cli_openai_piece){
        .text = t->text.data ? t->text.data + t->context + from : "",
        .n = end - from,
        .tokens = t->tokens ? t->tokens + first : NULL,
        .n_tokens = t->sent_tokens - first,
        .output = t->text.data ? t->text.data + t->context : "",
    };
}

bool cli_openai_text_failed(const struct cli_openai_text *t)
{
    return t->text.failed;
}

void cli_openai_text_finish(struct cli_openai_text *t)
{
    elcl_str_finish(&t->text);
    free(t->tokens);
    *t = (struct cli_openai_text){0};
}
