/* OpenAI's API for speech: /v1/audio/transcriptions and /v1/audio/translations. */
#ifndef CLI_SERVE_AUDIO_H
#define CLI_SERVE_AUDIO_H

#include "serve/server.h"

void cli_audio_transcriptions(struct cli_server *server, struct cli_exchange *x);
void cli_audio_translations(struct cli_server *server, struct cli_exchange *x);

#endif
