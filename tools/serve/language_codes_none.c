#include "serve/language_codes.h"

#include <stdio.h>
#include <string.h>

static size_t count_letters(const char *s)
{
    size_t n = 0;
    while (s[n] >= 'a' && s[n] <= 'z')
        n++;
    return n;
}

void cli_language_code(const char *spelling, char code[CLI_CODE_BYTES])
{
    const size_t n = count_letters(spelling);
    const bool region = n == 2 && (spelling[2] == '_' || spelling[2] == '-') &&
                        strlen(spelling + 3) < 4; /* a script has four letters */
    (void)snprintf(code, CLI_CODE_BYTES, "%.*s", region ? 2 : CLI_CODE_BYTES - 1, spelling);
}

void cli_language_name(const char *code, char name[CLI_LANGUAGE_NAME_BYTES])
{
    (void)snprintf(name, CLI_LANGUAGE_NAME_BYTES, "%s", code);
}

bool cli_is_language(const char *letters, int n)
{
    return n >= 2 && n <= 3 && count_letters(letters) >= (size_t)n;
}
