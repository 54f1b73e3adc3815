/* Codes of languages as clients write them, and the languages' English names. With ICU (build
 * option icu) codes are those of ISO 639-1 where it has the language. Without it, codes stay as
 * they are, but for the region after two letters. */
#ifndef CLI_LANGUAGE_CODES_H
#define CLI_LANGUAGE_CODES_H

#include <stdbool.h>

#define CLI_CODE_BYTES 24          /* of a code, with its NUL */
#define CLI_LANGUAGE_NAME_BYTES 64 /* of a name in UTF-8, with its NUL */

/* Writes the code that clients use for a language in any spelling: "en_XX" and "eng_Latn" are "en".
 * The script stays if it is not the one that the language is mostly written in: "zho_Hant" is
 * "zh-Hant". Longer spellings are cut. */
void cli_language_code(const char *spelling, char code[CLI_CODE_BYTES]);

/* Writes the English name of such a code; the code itself if it has none. */
void cli_language_name(const char *code, char name[CLI_LANGUAGE_NAME_BYTES]);

/* Whether n letters are the code of a language, of two or three lower-case letters. */
bool cli_is_language(const char *letters, int n);

#endif
