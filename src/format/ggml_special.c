/* The special tokens that a whisper.cpp file leaves out. */
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "format/ggml.h"

/* In the order of their ids. */
/* clang-format off */
static const char *const languages[] = {
    "en", "zh", "de", "es", "ru", "ko", "fr", "ja", "pt", "tr", "pl", "ca", "nl", "ar", "sv", "it",
    "id", "hi", "fi", "vi", "he", "uk", "el", "ms", "cs", "ro", "da", "hu", "ta", "no", "th", "ur",
    "hr", "bg", "lt", "la", "mi", "ml", "cy", "sk", "te", "fa", "lv", "bn", "sr", "az", "sl", "kn",
    "et", "mk", "br", "eu", "is", "hy", "ne", "mn", "bs", "kk", "sq", "sw", "gl", "mr", "pa", "si",
    "km", "sn", "yo", "so", "af", "oc", "ka", "be", "tg", "sd", "gu", "am", "yi", "lo", "uz", "fo",
    "ht", "ps", "tk", "nn", "mt", "sa", "lb", "my", "bo", "tl", "mg", "as", "tt", "haw", "ln",
    "ha", "ba", "jw", "su", "yue",
};
/* clang-format on */
static const char *const after_languages[] = {"translate",   "transcribe", "startoflm",
                                              "startofprev", "nospeech",   "notimestamps"};

int32_t elcl_ggml_first_time(const struct elcl_ggml *ggml)
{
    return ggml->sizes[ELCL_GGML_VOCABULARY] - ggml->sizes[ELCL_GGML_AUDIO_POSITIONS] - 1;
}

void elcl_ggml_special(const struct elcl_ggml *ggml, int32_t id, char name[32])
{
    const int32_t end = ggml->end, time = elcl_ggml_first_time(ggml);
    const int32_t after = time - (int32_t)ELCL_COUNT(after_languages);
    if (id >= time)
        snprintf(name, 32, "<|%.2f|>", (id - time) * 0.02);
    else if (id >= after && id > end + 1)
        snprintf(name, 32, "<|%s|>", after_languages[id - after]);
    else if (id <= end + 1)
        snprintf(name, 32, "%s", id <= end ? ELCL_GGML_END : "<|startoftranscript|>");
    else
        snprintf(name, 32, "<|%s|>", languages[id - end - 2]);
}

int elcl_ggml_check_special(const struct elcl_ggml *ggml, elcl_error *err)
{
    const int64_t end = ggml->end, n_after = ELCL_COUNT(after_languages);
    const int64_t n = elcl_ggml_first_time(ggml) - n_after - (end + 2),
                  most = ELCL_COUNT(languages);
    if (n >= 0 && n <= most)
        return ELCL_OK;
    return elcl_fail(err, ELCL_E_FORMAT,
                     "%s: expected 0 .. %d languages, found %lld: n_vocab is %d, of which %lld are "
                     "for text and %d for times",
                     ggml->path, (int)most, (long long)n, ggml->sizes[ELCL_GGML_VOCABULARY],
                     (long long)end, ggml->sizes[ELCL_GGML_AUDIO_POSITIONS] + 1);
}
