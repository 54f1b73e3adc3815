/* Tokens to words. A character may need several tokens, so tokens first make pieces of whole
 * characters, and pieces make words. */
#include <string.h>

#include "base/utf8.h"
#include "base/util.h"
#include "speech/words.h"

#define BROKEN "\xef\xbf\xbd" /* U+FFFD: what decoding writes for a part of a character */
#define PUNCTUATION "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"

void elcl_timed_words_finish(struct elcl_timed_words *words)
{
    for (size_t i = 0; i < words->n; i++)
        elcl_free(words->words[i].text);
    elcl_free(words->words);
    *words = (struct elcl_timed_words){0};
}

bool elcl_words_are_characters(const char *language)
{
    return language && elcl_has_word("zh ja th lo my yue", language);
}

bool elcl_word_is_signs(const char *text, const char *signs)
{
    size_t n;
    const char *start = elcl_strip(text, &n);
    for (; n && *signs; signs++)
        if (!strncmp(signs, start, n))
            return true;
    return !n;
}

/* Adds a piece: to the last word, or as a word of its own. Takes `text`. */
static int add_piece(struct elcl_timed_words *words, size_t first, bool characters, char *text,
                     int n_tokens, elcl_error *err)
{
    void *all = words->words;
    if (!characters && words->n > first && text[0] != ' ' &&
        !elcl_word_is_signs(text, PUNCTUATION)) {
        struct elcl_timed_word *last = &words->words[words->n - 1];
        struct elcl_str joined = {0};
        elcl_str_text(&joined, last->text);
        elcl_str_text(&joined, text);
        elcl_free(text);
        if (joined.failed)
            return elcl_fail_nomem(err);
        elcl_free(last->text);
        last->text = joined.data;
        last->n_tokens += n_tokens;
        return ELCL_OK;
    }
    if (!elcl_grow(&all, &words->capacity, words->n + 1, sizeof(*words->words))) {
        elcl_free(text);
        return elcl_fail_nomem(err);
    }
    words->words = all;
    words->words[words->n++] = (struct elcl_timed_word){.text = text, .n_tokens = n_tokens};
    return ELCL_OK;
}

/* Returns whether the text has no part of a character that the next tokens complete: what is broken
 * in it, if anything, is broken in all of the text as well. */
static bool is_whole(const char *text, const char *all, size_t at)
{
    const char *broken = strstr(text, BROKEN);
    if (!broken)
        return true;
    at += (size_t)(broken - text);
    return at < strlen(all) && !strncmp(all + at, BROKEN, strlen(BROKEN));
}

int elcl_word_split(elcl_word_decode_fn decode, const void *user, bool characters,
                    const int32_t *tokens, size_t n, struct elcl_timed_words *words,
                    elcl_error *err)
{
    const size_t first = words->n;
    char *all = NULL, *text = NULL;
    size_t from = 0, at = 0;
    int rc;
    ELCL_TRY(decode(user, tokens, n, &all, err));
    for (size_t i = 0; i < n; i++) {
        ELCL_TRY(decode(user, tokens + from, i + 1 - from, &text, err));
        if (is_whole(text, all, at)) {
            at += strlen(text);
            rc = add_piece(words, first, characters, text, (int)(i + 1 - from), err);
            text = NULL;
            ELCL_TRY(rc);
            from = i + 1;
        }
        elcl_free(text);
        text = NULL;
    }
fail:
    elcl_free(text);
    elcl_free(all);
    return rc;
}
