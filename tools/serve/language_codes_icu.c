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

/* Takes a part of a code, "" if there is none that fits. ICU leaves out the NUL of one that fills
 * its room. */
static void take_part(int32_t (*get)(const char *code, char *part, int32_t room,
                                     UErrorCode *status),
                      const char *code, char *part, int32_t room)
{
    UErrorCode status = U_ZERO_ERROR;
    (void)get(code, part, room, &status);
    if (U_FAILURE(status) || status == U_STRING_NOT_TERMINATED_WARNING)
        *part = '\0';
}

void cli_language_code(const char *spelling, char code[CLI_CODE_BYTES])
{
    char language[ULOC_LANG_CAPACITY], script[ULOC_SCRIPT_CAPACITY], likely[ULOC_SCRIPT_CAPACITY];
    char full[ULOC_FULLNAME_CAPACITY];
    take_part(uloc_getLanguage, spelling, language, sizeof(language));
    for (size_t i = 0; i < sizeof(aliases) / sizeof(*aliases); i++) {
        if (strcmp(language, aliases[i].part) != 0)
            continue;
        if (strchr(aliases[i].whole, '_'))
            spelling = aliases[i].whole;
        take_part(uloc_getLanguage, aliases[i].whole, language, sizeof(language));
    }
    if (!*language) {
        (void)snprintf(code, CLI_CODE_BYTES, "%s", spelling);
        return;
    }
    take_part(uloc_getScript, spelling, script, sizeof(script));
    take_part(uloc_addLikelySubtags, language, full, sizeof(full));
    take_part(uloc_getScript, full, likely, sizeof(likely));
    const bool other = *script && *likely && strcmp(script, likely) != 0;
    (void)snprintf(code, CLI_CODE_BYTES, "%s%s%s", language, other ? "-" : "", other ? script : "");
}

/* Writes the name, or "" and returns false. */
static bool find_name(const char *code, char *name, int32_t room)
{
    UChar wide[CLI_LANGUAGE_NAME_BYTES];
    UErrorCode status = U_ZERO_ERROR;
    *name = '\0';
    (void)uloc_getDisplayLanguage(code, "en", wide, CLI_LANGUAGE_NAME_BYTES, &status);
    if (U_FAILURE(status) || status == U_USING_DEFAULT_WARNING)
        return false; /* ICU has no name */
    status = U_ZERO_ERROR;
    const int32_t n = uloc_getDisplayName(code, "en", wide, CLI_LANGUAGE_NAME_BYTES, &status);
    if (!U_FAILURE(status))
        (void)u_strToUTF8(name, room, NULL, wide, n, &status);
    if (!U_FAILURE(status) && status != U_STRING_NOT_TERMINATED_WARNING)
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
