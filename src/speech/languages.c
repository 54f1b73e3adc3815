/* The languages of Whisper, and the names by which they are called. */
#include <string.h>

#include "base/util.h"
#include "speech/tokens.h"

struct language {
    const char *code, *name;
};

/* clang-format off */
static const struct language languages[] = {
    {"af", "afrikaans"}, {"am", "amharic"}, {"ar", "arabic"}, {"as", "assamese"},
    {"az", "azerbaijani"}, {"ba", "bashkir"}, {"be", "belarusian"}, {"bg", "bulgarian"},
    {"bn", "bengali"}, {"bo", "tibetan"}, {"br", "breton"}, {"bs", "bosnian"}, {"ca", "catalan"},
    {"cs", "czech"}, {"cy", "welsh"}, {"da", "danish"}, {"de", "german"}, {"el", "greek"},
    {"en", "english"}, {"es", "spanish"}, {"et", "estonian"}, {"eu", "basque"}, {"fa", "persian"},
    {"fi", "finnish"}, {"fo", "faroese"}, {"fr", "french"}, {"gl", "galician"}, {"gu", "gujarati"},
    {"ha", "hausa"}, {"haw", "hawaiian"}, {"he", "hebrew"}, {"hi", "hindi"}, {"hr", "croatian"},
    {"ht", "haitian creole"}, {"hu", "hungarian"}, {"hy", "armenian"}, {"id", "indonesian"},
    {"is", "icelandic"}, {"it", "italian"}, {"ja", "japanese"}, {"jw", "javanese"},
    {"ka", "georgian"}, {"kk", "kazakh"}, {"km", "khmer"}, {"kn", "kannada"}, {"ko", "korean"},
    {"la", "latin"}, {"lb", "luxembourgish"}, {"ln", "lingala"}, {"lo", "lao"},
    {"lt", "lithuanian"}, {"lv", "latvian"}, {"mg", "malagasy"}, {"mi", "maori"},
    {"mk", "macedonian"}, {"ml", "malayalam"}, {"mn", "mongolian"}, {"mr", "marathi"},
    {"ms", "malay"}, {"mt", "maltese"}, {"my", "myanmar"}, {"ne", "nepali"}, {"nl", "dutch"},
    {"nn", "nynorsk"}, {"no", "norwegian"}, {"oc", "occitan"}, {"pa", "punjabi"}, {"pl", "polish"},
    {"ps", "pashto"}, {"pt", "portuguese"}, {"ro", "romanian"}, {"ru", "russian"},
    {"sa", "sanskrit"}, {"sd", "sindhi"}, {"si", "sinhala"}, {"sk", "slovak"}, {"sl", "slovenian"},
    {"sn", "shona"}, {"so", "somali"}, {"sq", "albanian"}, {"sr", "serbian"}, {"su", "sundanese"},
    {"sv", "swedish"}, {"sw", "swahili"}, {"ta", "tamil"}, {"te", "telugu"}, {"tg", "tajik"},
    {"th", "thai"}, {"tk", "turkmen"}, {"tl", "tagalog"}, {"tr", "turkish"}, {"tt", "tatar"},
    {"uk", "ukrainian"}, {"ur", "urdu"}, {"uz", "uzbek"}, {"vi", "vietnamese"}, {"yi", "yiddish"},
    {"yo", "yoruba"}, {"yue", "cantonese"}, {"zh", "chinese"},
};
static const struct language others[] = {
    {"ca", "valencian"}, {"es", "castilian"}, {"ht", "haitian"}, {"lb", "letzeburgesch"},
    {"my", "burmese"}, {"nl", "flemish"}, {"pa", "panjabi"}, {"ps", "pushto"}, {"ro", "moldavian"},
    {"ro", "moldovan"}, {"si", "sinhalese"}, {"zh", "mandarin"},
};
/* clang-format on */

static bool equal_letters(const char *a, const char *b)
{
    while (*a && (*a >= 'A' && *a <= 'Z' ? *a - 'A' + 'a' : *a) == *b) {
        a++;
        b++;
    }
    return !*a && !*b;
}

const char *elcl_speech_language_name(const char *code)
{
    for (size_t i = 0; i < ELCL_COUNT(languages); i++)
        if (!strcmp(code, languages[i].code))
            return languages[i].name;
    return NULL;
}

const char *elcl_speech_language_code(const char *name)
{
    for (size_t i = 0; i < ELCL_COUNT(languages); i++)
        if (equal_letters(name, languages[i].name))
            return languages[i].code;
    for (size_t i = 0; i < ELCL_COUNT(others); i++)
        if (equal_letters(name, others[i].name))
            return others[i].code;
    return NULL;
}

const struct elcl_speech_language *
elcl_speech_language_find(const struct elcl_speech_tokens *tokens, const char *language)
{
    const char *code = elcl_speech_language_code(language);
    for (size_t i = 0; i < tokens->n_languages; i++)
        if (equal_letters(code ? code : language, tokens->languages[i].code))
            return &tokens->languages[i];
    return NULL;
}
