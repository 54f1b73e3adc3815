/* Input: a byte that chooses the most tokens, the finder and the language, then a text to be cut
 * into pieces. */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "common/sentences.h"
#include "fuzz.h"

/* A token for each byte that begins a character. */
struct counter {
    const char *last;
    size_t n_last, n_bytes;
};

static int count_tokens(void *user, const char *text, size_t n, size_t *n_tokens, elcl_error *err)
{
    struct counter *c = user;
    (void)err;
    *n_tokens = 0;
    for (size_t i = 0; i < n; i++)
        *n_tokens += ((unsigned char)text[i] & 0xc0) != 0x80;
    c->last = text;
    c->n_last = n;
    c->n_bytes += n;
    return ELCL_OK;
}

/* Cuts the text, and joins its pieces. */
static void cut(struct cli_sentences *s, const struct counter *counter, const char *text, size_t n,
                struct elcl_str *joined)
{
    struct cli_joiner joiner;
    struct cli_piece piece;
    elcl_error err = {0};
    bool more = true;
    size_t at = cli_sentences_begin(s, text, n);
    cli_join_begin(&joiner, text, at, joined);
    while (more) {
        FUZZ_REQUIRE(!cli_sentences_next(s, &piece, &more, &err));
        if (!more)
            break;
        FUZZ_REQUIRE(piece.text == text + at && piece.n);
        FUZZ_REQUIRE(!counter || (counter->last == piece.text && counter->n_last == piece.n));
        cli_join_piece(&joiner, &piece, joined);
        cli_join_text(&joiner, piece.text, piece.n, joined);
        at += piece.n + piece.n_after;
    }
    cli_join_end(&joiner, joined);
    FUZZ_REQUIRE(at == n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const size_t limits[] = {0, 1, 2, 7, 40};
    const uint8_t choice = fuzz_choice(&data, &n);
    const size_t most = limits[choice % ELCL_COUNT(limits)];
    struct counter counter = {0};
    const struct cli_sentences_params params = {.language = choice & 64 ? "el" : NULL,
                                                .max_tokens = most,
                                                .count = count_tokens,
                                                .user = &counter,
                                                .rule = (choice & 128) != 0};
    struct cli_sentences *s = NULL;
    struct elcl_str joined = {0};
    elcl_error err = {0};
    char *text = fuzz_copy(data, n);
    FUZZ_REQUIRE(!cli_sentences_create(&params, &s, &err));
    cut(s, most ? &counter : NULL, text, n, &joined);
    FUZZ_REQUIRE(joined.n == n && (!n || !memcmp(joined.data, text, n)));
    FUZZ_REQUIRE(counter.n_bytes <= 16 * n + 1000);
    elcl_str_finish(&joined);
    cli_sentences_destroy(&s);
    free(text);
    return 0;
}
