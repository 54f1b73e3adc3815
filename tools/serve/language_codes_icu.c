#include "serve/language_codes.h"

#include <stdio.h>
#include <string.h>

#include <unicode/uloc.h>
#include <unicode/ustring.h>

/* Languages that belong to one with a code of two letters, as CLDR has them, and codes of
 * LibreTranslate and OPUS-MT only. ICU's interface for C has no such table. */
static const struct {
    const char *part, *whole;
} aliases[] = {
    {"als", "sq"}, {"arb", "ar"}, {"ayr", "ay"}, {"azj", "az"}, {"cmn", "zh"},
    {"ekk", "et"}, {"fuv", "ff"}, {"gaz", "om"}, {"khk", "mn"}, {"kmr", "ku"},
    {"jap", "ja"}, {"knc", "kr"}, {"lvs", "lv"}, {"npi", "ne"}, {"ory", "or"},
    {"pb", "pt"},  {"pbt", "ps"}, {"pes", "fa"}, {"plt", "mg"}, {"quy", "qu"},
    {"swh", "sw"}, {"uzn", "uz"}, {"ydd", "yi"}, {"zsm", "ms"}, {"zt", "zh_Hant"},
};

/* Writes the script that a language is mostly written in, "" if ICU does not know it. */
static void likely_script(const char *language, char script[8])
{
    char full[CLI_CODE_BYTES] = "";
    UErrorCode status = U_ZERO_ERROR;
    uloc_addLikelySubtags(language, full, sizeof(full), &status);
    uloc_getScript(full, script, 8, &status);
    if (U_FAILURE(status) || status == U_STRING_NOT_TERMINATED_WARNING)
        *script = '\0';
}

void cli_language_code(const char *spelling, char code[CLI_CODE_BYTES])
{
    char language[12] = "", script[8] = "", likely[8] = "";
    UErrorCode status = U_ZERO_ERROR;
    uloc_getLanguage(spelling, language, sizeof(language), &status);
    for (size_t i = 0; i < sizeof(aliases) / sizeof(*aliases); i++) {
        if (strcmp(language, aliases[i].part) != 0)
            continue;
        if (strchr(aliases[i].whole, '_'))
            spelling = aliases[i].whole;
        uloc_getLanguage(aliases[i].whole, language, sizeof(language), &status);
    }
    uloc_getScript(spelling, script, sizeof(script), &status);
    if (U_FAILURE(status) || status == U_STRING_NOT_TERMINATED_WARNING || !*language) {
        (void)snprintf(code, CLI_CODE_BYTES, "%s", spelling);
        return;
    }
    likely_script(language, likely);
    const bool other = *script && *likely && strcmp(script, likely) != 0;
    (void)snprintf(code, CLI_CODE_BYTES, "%s%s%s", language, other ? "-" : "", other ? script : "");
}

/* Writes the name, or "" and returns false. */
static bool find_name(const char *code, char *name, int capacity)
{
    UChar wide[CLI_LANGUAGE_NAME_BYTES];
    UErrorCode status = U_ZERO_ERROR;
    uloc_getDisplayLanguage(code, "en", wide, CLI_LANGUAGE_NAME_BYTES, &status);
    const bool known = !U_FAILURE(status) && status != U_USING_DEFAULT_WARNING;
    status = U_ZERO_ERROR;
    if (known)
        uloc_getDisplayName(code, "en", wide, CLI_LANGUAGE_NAME_BYTES, &status);
    if (known && !U_FAILURE(status))
        u_strToUTF8(name, capacity, NULL, wide, -1, &status);
    if (known && !U_FAILURE(status) && status != U_STRING_NOT_TERMINATED_WARNING)
        return true;
    *name = '\0';
    return false;
}

void cli_language_name(const char *code, char name[CLI_LANGUAGE_NAME_BYTES])
{
    if (!find_name(code, name, CLI_LANGUAGE_NAME_BYTES))
        (void)snprintf(name, CLI_LANGUAGE_NAME_BYTES, "%s", code);
}

bool cli_is_language(const char *letters, int n)
{
    char code[4] = "", name[CLI_LANGUAGE_NAME_BYTES];
    if (n < 2 || n > 3)
        return false;
    for (int i = 0; i < n; i++) {
        if (letters[i] < 'a' || letters[i] > 'z')
            return false;
        code[i] = letters[i];
    }
    return find_name(code, name, sizeof(name));
}
