/* Transcripts as OpenAI's API answers with them. */
#ifndef CLI_SERVE_AUDIO_ANSWER_H
#define CLI_SERVE_AUDIO_ANSWER_H

#include "serve/audio_request.h"

/* Appends the answer. Memory shows in out->failed. */
void cli_audio_write(const struct cli_audio_wants *wants, const elcl_transcript *transcript,
                     struct elcl_str *out);
/* Its media type, a constant. */
const char *cli_audio_type(const struct cli_audio_wants *wants);

#endif
