/*
 * Times of words. The rows of cross attention say which states of the source the decoder reads for
 * each token; the cheapest path through them (DTW) says where tokens begin, and tokens make words.
 * The rules, down to their constants, are those of OpenAI's whisper and of faster-whisper.
 */
#ifndef ELCL_SPEECH_WORDS_H
#define ELCL_SPEECH_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* ---- word_path.c: where tokens begin -------------------------------------------------------- */

/* What the alignment heads attend to while a decoder reads tokens. */
struct elcl_word_rows {
    const float *rows; /* [n_heads, n_rows, ld] each row sums to 1 */
    int n_heads, n_rows, ld;
    int n_states; /* of the source, 1 .. ld, that are sound; the others are left out */
};

/*
 * Finds the states at which tokens begin: `begin` receives [n] ascending numbers for the rows
 * first .. first + n - 1, n >= 1. Rows are cut to n_states, then each state's numbers get the mean
 * 0 and the deviation 1 over all rows, a median over 7 neighbors, and the mean over heads.
 */
int elcl_word_path(const struct elcl_word_rows *rows, int first, int n, int *begin,
                   elcl_error *err);

/* ---- word_split.c: tokens to words ---------------------------------------------------------- */

/* A word of a window. */
struct elcl_timed_word {
    char *text; /* of elcl_free(), with the blank before it; "" after a neighbor has taken it */
    int n_tokens;
    double start, end; /* seconds */
    double probability;
};
struct elcl_timed_words {
    struct elcl_timed_word *words; /* [n] */
    size_t n, capacity;
};
void elcl_timed_words_finish(struct elcl_timed_words *words); /* {0} is fine */

/* Turns tokens into text, as elcl_decode() does. */
typedef int (*elcl_word_decode_fn)(const void *user, const int32_t *ids, size_t n, char **text,
                                   elcl_error *err);

/*
 * Appends the words of text tokens; only `text` and n_tokens are set. A word begins with a blank or
 * is punctuation; with `characters`, for languages without blanks, each piece of whole characters
 * is one. Tokens at the end that do not end a character are in no word.
 */
int elcl_word_split(elcl_word_decode_fn decode, const void *user, bool characters,
                    const int32_t *tokens, size_t n, struct elcl_timed_words *words,
                    elcl_error *err);

/* Returns whether the text without the white space around it is empty or a part of `signs`. */
bool elcl_word_is_signs(const char *text, const char *signs);

/* Returns whether a language, a code or NULL, is written without blanks between words. */
bool elcl_words_are_characters(const char *language);

/* ---- words.c: words to segments ------------------------------------------------------------- */

/* Sets the times, within the window, and probabilities of words: `begin` [n_text + 1] has the
 * states at which the text's tokens and what follows them begin, `log_probs` [n_text]. */
void elcl_words_time(struct elcl_timed_words *words, const int *begin, const float *log_probs);

/* A segment of a window. */
struct elcl_word_segment {
    double start, end;             /* seconds of the file: by timestamps, then by words */
    size_t n_text;                 /* its text tokens */
    struct elcl_timed_words words; /* {0}, then its words with their times in the file */
};

/*
 * Shortens words that are too long for where they stand, gives punctuation to its neighbors, and
 * moves the words to segments [n]. offset: where the window begins, seconds of the file.
 * last_speech: the end of the last segment with words so far; receives the new one.
 */
int elcl_words_place(struct elcl_timed_words *words, struct elcl_word_segment *segments, size_t n,
                     double offset, double *last_speech, elcl_error *err);

#endif
