/* Words of a transcript cut into subtitles, as OpenAI's whisper cuts them. */
#ifndef CLI_SUBTITLES_H
#define CLI_SUBTITLES_H

#include "common/tool.h"
#include "elcl/transcribe.h"

struct cli_subtitle_options {
    int max_line_width;     /* characters of a line; 0: no limit */
    int max_line_count;     /* lines of a subtitle; 0: no limit */
    int max_words_per_line; /* 0: no limit; no effect with max_line_width */
    int highlight_words;    /* 1: a subtitle for each word, which is underlined */
};

/* Takes one subtitle. */
typedef void (*cli_subtitle_fn)(void *user, double start, double end, const char *text);

/* Whether a segment has words; others may have none. */
bool cli_has_words(const elcl_transcript *transcript);

/* Calls fn() for each subtitle: of words if there are any, else of segments. Returns false if
 * memory is short. */
bool cli_subtitles(const elcl_transcript *transcript, const struct cli_subtitle_options *options,
                   cli_subtitle_fn fn, void *user);

#endif
