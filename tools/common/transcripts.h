/* Transcripts as files: the formats of OpenAI's whisper, and lyrics. */
#ifndef CLI_TRANSCRIPTS_H
#define CLI_TRANSCRIPTS_H

#include "common/subtitles.h"

enum cli_transcript_format {
    CLI_TRANSCRIPT_TXT, /* a line for each segment */
    CLI_TRANSCRIPT_SRT,
    CLI_TRANSCRIPT_VTT,
    CLI_TRANSCRIPT_TSV, /* start and end in milliseconds, text */
    CLI_TRANSCRIPT_LRC, /* [mm:ss.cc]text */
    CLI_TRANSCRIPT_JSON,
    CLI_TRANSCRIPT_FORMATS /* how many there are */
};

/* Returns the name, which is the end of the file's name too. */
const char *cli_transcript_name(enum cli_transcript_format format);

/* Appends a transcript. `options` matters to SRT and VTT of words. Memory shows in out->failed. */
void cli_transcript_write(enum cli_transcript_format format, const elcl_transcript *transcript,
                          const struct cli_subtitle_options *options, struct elcl_str *out);

/* Appends one segment as a line of TXT. */
void cli_transcript_line(const elcl_segment *segment, struct elcl_str *out);

/* Append parts of JSON: the segments as an array, the members "start" and "end" after other members
 * of an object, a number of seconds in its shortest form. */
void cli_transcript_segments(const elcl_transcript *transcript, struct elcl_str *out);
void cli_transcript_span(double start, double end, struct elcl_str *out);
void cli_transcript_seconds(double seconds, struct elcl_str *out);

#endif
