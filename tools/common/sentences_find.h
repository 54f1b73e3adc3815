/* What the parts of sentences.h share: characters, and what finds sentence ends in a line. */
#ifndef CLI_SENTENCES_FIND_H
#define CLI_SENTENCES_FIND_H

#include "base/util.h"

/* ---- characters (sentences_characters.c) ---------------------------------------------------- */

/* Reads the character at `at`, below n, and returns its length. A byte that is not UTF-8 is U+FFFD.
 */
size_t cli_char_at(const char *text, size_t n, size_t at, uint32_t *code);
/* Reads the character that ends before `at`, above 0, and returns its length. */
size_t cli_char_before(const char *text, size_t at, uint32_t *code);
/* Returns the start of the character that byte `at`, up to n, is in. */
size_t cli_char_start(const char *text, size_t n, size_t at);
/* LF, VT, FF, CR, NEL, and Unicode's separators of lines and paragraphs. */
bool cli_is_line_end(uint32_t code);
/* Spaces of any width and tabs; no line ends. */
bool cli_is_blank(uint32_t code);
/* Ends a sentence where a blank follows. */
bool cli_is_sentence_mark(uint32_t code);
/* Ends a sentence without a blank: a mark of a script that has none between sentences. */
bool cli_is_wide_mark(uint32_t code);
/* Ends a clause: a comma, a colon or the like. */
bool cli_is_clause_mark(uint32_t code);
/* Closing brackets and quotes, and the quotes that look alike at both ends. */
bool cli_is_closer(uint32_t code);
/* Opening brackets and quotes; some languages close with these quotes, or open with the others. */
bool cli_is_opener(uint32_t code);
bool cli_is_punctuation(uint32_t code);
bool cli_is_lower(uint32_t code);
bool cli_is_letter(uint32_t code);
/* Upper and lower case. */
bool cli_is_cased(uint32_t code);
/* Chinese and Japanese, without blanks between words. */
bool cli_is_wide(uint32_t code);
/* Whether Chinese and Japanese have no blank between the two characters. */
bool cli_needs_no_blank(uint32_t before, uint32_t after);

/* ---- sentence ends -------------------------------------------------------------------------- */

/* Returns the end of the sentence that starts at `from`, below n, perhaps with the blanks after it
 * (sentences_rule.c). `line` has no line end. */
size_t cli_rule_next(const char *line, size_t n, size_t from, bool greek);
/* Returns the end of the sentence from..end, followed by blanks up to `next`, below n, with the
 * closing brackets after these blanks, or without the opening ones that belong to the next sentence
 * (sentences_rule.c). */
size_t cli_move_end(const char *line, size_t n, size_t from, size_t end, size_t next);
/* Whether the sentence from..end, followed by blanks up to `next`, below n, only seems to end
 * there: after an abbreviation, an initial or a number, before a lower-case letter, or inside an
 * address (sentences_rule.c). Looks at a few characters only. */
bool cli_is_no_end(const char *line, size_t n, size_t from, size_t end, size_t next);

/* ICU's break iterator (sentences_icu.c, or sentences_icu_none.c without ICU). */
struct cli_icu;
/* Sets *icu to NULL if elcl was built without ICU. */
int cli_icu_create(const char *language, struct cli_icu **icu, elcl_error *err);
void cli_icu_destroy(struct cli_icu **icu);
/* Starts with a line. */
int cli_icu_begin(struct cli_icu *icu, const char *line, size_t n, elcl_error *err);
/* Returns the next sentence end in the line, perhaps with the blanks after it; n at the end. */
size_t cli_icu_next(struct cli_icu *icu);
/* "ICU 72", or NULL. */
const char *cli_icu_name(void);

/* ---- long sentences (sentences_cut.c) ------------------------------------------------------- */

/* Returns where to cut the text: above 0, at most `most`, near `aim`. */
size_t cli_find_cut(const char *text, size_t n, size_t aim, size_t most);

#endif
