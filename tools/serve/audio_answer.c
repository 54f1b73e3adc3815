#include "serve/audio_answer.h"

#include <math.h>

#include "base/utf8.h"
#include "common/json_write.h"
#include "common/transcripts.h"

/* Appends a text without the blank before its first word. */
static void add_text(const char *text, struct elcl_str *out)
{
    size_t n;
    text = elcl_strip(text, &n);
    cli_json_string(out, text, n);
}

/* The words of all segments in one list. */
static void add_words(const elcl_transcript *transcript, struct elcl_str *out)
{
    const char *comma = "";
    elcl_str_text(out, ", \"words\": [");
    for (size_t i = 0; i < transcript->n_segments; i++)
        for (size_t k = 0; k < transcript->segments[i].n_words; k++) {
            const elcl_word *word = &transcript->segments[i].words[k];
            elcl_str_printf(out, "%s{\"word\": ", comma);
            add_text(word->text, out);
            cli_transcript_span(word->start, word->end, out);
            elcl_str_text(out, "}");
            comma = ", ";
        }
    elcl_str_text(out, "]");
}

static void add_verbose(const struct cli_audio_wants *wants, const elcl_transcript *transcript,
                        struct elcl_str *out)
{
    elcl_str_printf(
        out, "{\"task\": \"%s\", \"language\": ", wants->translate ? "translate" : "transcribe");
    cli_json_text(out, transcript->language ? transcript->language : "");
    elcl_str_text(out, ", \"duration\": ");
    cli_transcript_seconds(transcript->duration, out);
    elcl_str_text(out, ", \"text\": ");
    add_text(transcript->text, out);
    if (wants->segments) {
        elcl_str_text(out, ", \"segments\": ");
        cli_transcript_segments(transcript, out);
    }
    if (wants->words)
        add_words(transcript, out);
}

void cli_audio_write(const struct cli_audio_wants *wants, const elcl_transcript *transcript,
                     struct elcl_str *out)
{
    const struct cli_subtitle_options subtitles = {0};
    size_t n;
    const char *text = elcl_strip(transcript->text, &n);
    switch (wants->format) {
    case CLI_AUDIO_TEXT:
        elcl_str_append(out, text, n);
        elcl_str_text(out, "\n");
        return;
    case CLI_AUDIO_SRT:
        cli_transcript_write(CLI_TRANSCRIPT_SRT, transcript, &subtitles, out);
        return;
    case CLI_AUDIO_VTT:
        cli_transcript_write(CLI_TRANSCRIPT_VTT, transcript, &subtitles, out);
        return;
    case CLI_AUDIO_JSON:
        elcl_str_text(out, "{\"text\": ");
        add_text(transcript->text, out);
        break;
    case CLI_AUDIO_VERBOSE_JSON:
        add_verbose(wants, transcript, out);
        break;
    }
    elcl_str_printf(out, ", \"usage\": {\"type\": \"duration\", \"seconds\": %.0f}}\n",
                    ceil(transcript->duration));
}

const char *cli_audio_type(const struct cli_audio_wants *wants)
{
    return wants->format == CLI_AUDIO_JSON || wants->format == CLI_AUDIO_VERBOSE_JSON
               ? "application/json"
               : "text/plain; charset=utf-8";
}
