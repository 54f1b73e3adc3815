#include "common/transcripts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "common/json_write.h"

const char *cli_transcript_name(enum cli_transcript_format format)
{
    static const char *const names[] = {"txt", "srt", "vtt", "tsv", "lrc", "json"};
    return names[format];
}

static long long milliseconds(double seconds)
{
    return llrint(seconds * 1000);
}

/* Appends [hh:]mm:ss and the milliseconds after `point`. */
static void append_time(double seconds, bool hours_always, char point, struct elcl_str *out)
{
    const long long ms = milliseconds(seconds), hours = ms / 3600000;
    if (hours_always || hours > 0)
        elcl_str_printf(out, "%02lld:", hours);
    elcl_str_printf(out, "%02lld:%02lld%c%03lld", ms / 60000 % 60, ms / 1000 % 60, point,
                    ms % 1000);
}

/* ---- lines ----------------------------------------------------------------------------------- */

void cli_transcript_line(const elcl_segment *segment, struct elcl_str *out)
{
    size_t n;
    const char *text = elcl_strip(segment->text, &n);
    elcl_str_append(out, text, n);
    elcl_str_text(out, "\n");
}

static void append_tsv(const elcl_segment *segment, struct elcl_str *out)
{
    size_t n;
    const char *text = elcl_strip(segment->text, &n);
    elcl_str_printf(out, "%lld\t%lld\t", milliseconds(segment->start), milliseconds(segment->end));
    for (size_t i = 0; i < n; i++)
        elcl_str_append(out, text[i] == '\t' ? " " : text + i, 1);
    elcl_str_text(out, "\n");
}

static void append_lrc(const elcl_segment *segment, struct elcl_str *out)
{
    const long long hundredths = llrint(segment->start * 100);
    elcl_str_printf(out, "[%02lld:%02lld.%02lld]", hundredths / 6000, hundredths / 100 % 60,
                    hundredths % 100);
    cli_transcript_line(segment, out);
}

/* ---- subtitles ------------------------------------------------------------------------------- */

struct subtitles {
    bool srt;
    int n;
    struct elcl_str *out;
};

static void append_subtitle(void *user, double start, double end, const char *text)
{
    struct subtitles *s = user;
    const char point = s->srt ? ',' : '.';
    if (s->srt)
        elcl_str_printf(s->out, "%d\n", ++s->n);
    append_time(start, s->srt, point, s->out);
    elcl_str_text(s->out, " --> ");
    append_time(end, s->srt, point, s->out);
    elcl_str_text(s->out, "\n");
    elcl_str_text(s->out, text);
    elcl_str_text(s->out, "\n\n");
}

static void append_subtitles(const elcl_transcript *transcript,
                             const struct cli_subtitle_options *options, bool srt,
                             struct elcl_str *out)
{
    struct subtitles subtitles = {.srt = srt, .out = out};
    elcl_str_text(out, srt ? "" : "WEBVTT\n\n");
    if (!cli_subtitles(transcript, options, append_subtitle, &subtitles))
        out->failed = true;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

void cli_transcript_seconds(double seconds, struct elcl_str *out)
{
    char text[32];
    int digits = 15;
    do
        (void)snprintf(text, sizeof(text), "%.*g", digits, seconds);
    while (digits++ < 17 && strtod(text, NULL) != seconds);
    elcl_str_text(out, text);
}

static void append_number(const char *key, float value, struct elcl_str *out)
{
    elcl_str_printf(out, ", \"%s\": ", key);
    cli_json_float(out, value);
}

void cli_transcript_span(double start, double end, struct elcl_str *out)
{
    elcl_str_text(out, ", \"start\": ");
    cli_transcript_seconds(start, out);
    elcl_str_text(out, ", \"end\": ");
    cli_transcript_seconds(end, out);
}

static void append_words(const elcl_segment *segment, struct elcl_str *out)
{
    elcl_str_text(out, "[");
    for (size_t i = 0; i < segment->n_words; i++) {
        const elcl_word *word = &segment->words[i];
        elcl_str_text(out, i ? ", {\"word\": " : "{\"word\": ");
        cli_json_text(out, word->text);
        cli_transcript_span(word->start, word->end, out);
        append_number("probability", word->probability, out);
        elcl_str_text(out, "}");
    }
    elcl_str_text(out, "]");
}

static void append_segment(const elcl_segment *s, bool words, struct elcl_str *out)
{
    elcl_str_printf(out, "{\"id\": %d, \"seek\": %d", s->id, s->seek);
    cli_transcript_span(s->start, s->end, out);
    elcl_str_text(out, ", \"text\": ");
    cli_json_text(out, s->text);
    elcl_str_text(out, ", \"tokens\": [");
    for (size_t i = 0; i < s->n_tokens; i++)
        elcl_str_printf(out, i ? ", %d" : "%d", (int)s->tokens[i]);
    elcl_str_text(out, "]");
    append_number("temperature", s->temperature, out);
    append_number("avg_logprob", s->avg_logprob, out);
    append_number("compression_ratio", s->compression_ratio, out);
    append_number("no_speech_prob", s->no_speech_prob, out);
    if (words) {
        elcl_str_text(out, ", \"words\": ");
        append_words(s, out);
    }
    elcl_str_text(out, "}");
}

void cli_transcript_segments(const elcl_transcript *transcript, struct elcl_str *out)
{
    const bool words = cli_has_words(transcript);
    elcl_str_text(out, "[");
    for (size_t i = 0; i < transcript->n_segments; i++) {
        elcl_str_text(out, i ? ", " : "");
        append_segment(&transcript->segments[i], words, out);
    }
    elcl_str_text(out, "]");
}

static void append_json(const elcl_transcript *transcript, struct elcl_str *out)
{
    elcl_str_text(out, "{\"text\": ");
    cli_json_text(out, transcript->text);
    elcl_str_text(out, ", \"segments\": ");
    cli_transcript_segments(transcript, out);
    elcl_str_text(out, ", \"language\": ");
    cli_json_text(out, transcript->language);
    elcl_str_text(out, "}\n");
}

void cli_transcript_write(enum cli_transcript_format format, const elcl_transcript *transcript,
                          const struct cli_subtitle_options *options, struct elcl_str *out)
{
    if (format == CLI_TRANSCRIPT_JSON) {
        append_json(transcript, out);
        return;
    }
    if (format == CLI_TRANSCRIPT_SRT || format == CLI_TRANSCRIPT_VTT) {
        append_subtitles(transcript, options, format == CLI_TRANSCRIPT_SRT, out);
        return;
    }
    elcl_str_text(out, format == CLI_TRANSCRIPT_TSV ? "start\tend\ttext\n" : "");
    for (size_t i = 0; i < transcript->n_segments; i++) {
        const elcl_segment *segment = &transcript->segments[i];
        if (format == CLI_TRANSCRIPT_TSV)
            append_tsv(segment, out);
        else if (format == CLI_TRANSCRIPT_LRC)
            append_lrc(segment, out);
        else
            cli_transcript_line(segment, out);
    }
}
