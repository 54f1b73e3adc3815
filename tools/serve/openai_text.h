/* The text of one output and its tokens, cut where a stop string begins. While the output arrives,
 * text that may be the beginning of a stop string waits. Lengths and offsets are bytes of
 * UTF-8, unless a name says characters. */
#ifndef CLI_SERVE_OPENAI_TEXT_H
#define CLI_SERVE_OPENAI_TEXT_H

#include "base/util.h"

struct cli_openai_token {
    int32_t id;
    float log_prob;    /* NAN: not known */
    size_t at, n;      /* its share of the text */
    size_t characters; /* before it */
};

/* Starts with {0} and cli_openai_text_begin(). */
struct cli_openai_text {
    const char *const *stops; /* [n_stops] none is empty */
    int n_stops;
    struct elcl_str text; /* [context] before the output, then the output so far */
    size_t context;
    struct cli_openai_token *tokens; /* [n_tokens] `at` counts from the start of the output */
    size_t n_tokens, token_capacity;
    size_t characters; /* before the output and in it */
    size_t end;        /* of what counts: before a stop string */
    bool stopped;      /* there is one */
    size_t sent, sent_tokens;
};

/* What has become certain. */
struct cli_openai_piece {
    const char *text; /* [n] valid until more is added */
    size_t n;
    const struct cli_openai_token *tokens; /* [n_tokens] */
    size_t n_tokens;
    const char *output; /* the whole output, which the tokens are shares of */
};

/* Begins an output. A stop string may begin in the text before it [n_before], but not end there.
 *
 * stops:      [n_stops] must stay valid
 * characters: before the output, for the offsets of tokens */
void cli_openai_text_begin(struct cli_openai_text *t, const char *const *stops, int n_stops,
                           const char *before, size_t n_before, size_t characters);
/* Adds a token with the text [n] that it completes. */
void cli_openai_text_add(struct cli_openai_text *t, int32_t id, float log_prob, const char *text,
                         size_t n);
/* Adds text to the last token, or before the first one. */
void cli_openai_text_more(struct cli_openai_text *t, const char *text, size_t n);
/* Takes what is certain and was not taken yet; all that counts if the output has ended. */
struct cli_openai_piece cli_openai_text_take(struct cli_openai_text *t, bool ended);
/* Whether memory was short. */
bool cli_openai_text_failed(const struct cli_openai_text *t);
void cli_openai_text_finish(struct cli_openai_text *t);

/* Returns the characters of a text [n]. */
size_t cli_count_characters(const char *text, size_t n);

#endif
