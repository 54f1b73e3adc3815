/* Long texts: a text is cut into pieces that a model takes one at a time, and the outputs are
 * joined again with what stood between the pieces.
 *
 * A piece is a sentence of one line. Line ends always end one, so that paragraphs and blank lines
 * stay where they are. Sentence ends are found by ICU if elcl was built with it (-Dicu), else by a
 * plain rule (sentences_rule.c). Neither ends a sentence after an abbreviation, a single letter or
 * a short number, or before a lower-case letter (sentences_find.h). A sentence of more tokens than
 * the model takes is cut again: at clause marks, else at blanks, else between characters. */
#ifndef CLI_SENTENCES_H
#define CLI_SENTENCES_H

#include "base/util.h"

/* The bytes of the text that are one piece, and those after it up to the next piece or the text's
 * end. All pieces, each with what is after it, after the blanks before the first one, are the text
 * byte for byte. */
struct cli_piece {
    const char *text; /* [n] in the text: never empty, no blank at its ends */
    size_t n;
    size_t n_after; /* blanks and line ends at text + n */
};

/* Random numbers of piece `piece`, from 0, of sample `sample` are those of a sample of this number:
 * they depend on no batch, and a text of one piece has those that it has whole. */
static inline uint64_t cli_piece_sample(uint64_t sample, uint64_t piece)
{
    return sample + (piece << 40);
}

/* ---- cutting -------------------------------------------------------------------------------- */

/* Writes how many tokens the model makes of n bytes, special tokens included. */
typedef int (*cli_count_tokens)(void *user, const char *text, size_t n, size_t *n_tokens,
                                elcl_error *err);

struct cli_sentences_params {
    const char *language; /* of the text, as models spell it ("el", "ell_Grek"); NULL: unknown */
    size_t max_tokens;    /* of a piece; 0: sentences stay whole */
    /* Called for every piece before it is handed out, for nothing else between, and for parts of
     * sentences that are too long. The work grows with the length of the text only. */
    cli_count_tokens count; /* NULL if max_tokens is 0 */
    void *user;
    bool rule; /* use the plain rule even where ICU is there */
};

/* Cuts one text after another.
 *
 * Thread-safety: Unsafe. */
struct cli_sentences;

int cli_sentences_create(const struct cli_sentences_params *params, struct cli_sentences **s,
                         elcl_error *err);
void cli_sentences_destroy(struct cli_sentences **s);
/* Starts with a text, which must stay until its pieces are joined. Returns the bytes of blanks and
 * line ends before the first piece: all of it if there is no piece. Bytes that are not UTF-8 are
 * taken as letters. */
size_t cli_sentences_begin(struct cli_sentences *s, const char *text, size_t n);
/* Hands out the next piece; *more is false at the end. The last text that was counted is the piece,
 * which has too many tokens only if it is a single character. */
int cli_sentences_next(struct cli_sentences *s, struct cli_piece *piece, bool *more,
                       elcl_error *err);
/* What finds the sentence ends: "ICU 72" or "rule". Another version may find others. */
const char *cli_sentences_finder(void);

/* ---- joining -------------------------------------------------------------------------------- */

/* Joins the outputs of a text's pieces. Between two of them stands what stood between the pieces,
 * with two exceptions, since Chinese and Japanese need no blank between sentences:
 *     blanks are left out if they are between two characters of these scripts now and were not
 *         before;
 *     a blank comes in where there was nothing because of these scripts, and another one is now.
 * Line ends always stay. So outputs that equal their pieces give the text byte for byte. */
struct cli_joiner {
    struct cli_piece piece; /* the present one; {0}: none yet */
    bool begun;             /* its output has begun */
    const char *due;        /* [n_due] what comes before its output */
    size_t n_due;
    uint32_t source_last, output_last; /* characters before that; 0: none */
};

/* Starts a text with the blanks before its first piece. */
void cli_join_begin(struct cli_joiner *j, const char *text, size_t n_before, struct elcl_str *out);
/* Starts the output of the next piece, which may stay empty. */
void cli_join_piece(struct cli_joiner *j, const struct cli_piece *piece, struct elcl_str *out);
/* Appends the output of the piece, or what is new of it. Blanks at its beginning are left out. */
void cli_join_text(struct cli_joiner *j, const char *text, size_t n, struct elcl_str *out);
/* Ends the text after the last piece. */
void cli_join_end(struct cli_joiner *j, struct elcl_str *out);

#endif
