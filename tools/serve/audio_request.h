/* Requests for /v1/audio/transcriptions and /v1/audio/translations. */
#ifndef CLI_SERVE_AUDIO_REQUEST_H
#define CLI_SERVE_AUDIO_REQUEST_H

#include "elcl/transcribe.h"
#include "serve/multipart.h"

enum cli_audio_format {
    CLI_AUDIO_JSON,
    CLI_AUDIO_TEXT,
    CLI_AUDIO_SRT,
    CLI_AUDIO_VERBOSE_JSON,
    CLI_AUDIO_VTT
};

/* What the answer needs. */
struct cli_audio_wants {
    enum cli_audio_format format;
    bool translate;
    bool segments, words; /* of verbose_json */
};

struct cli_audio_request {
    struct cli_form form;
    const struct cli_part *file;
    char *model, *language, *prompt; /* NULL: not given */
    float temperature;               /* 0: rising as long as the text is improbable */
    bool batched;                    /* windows are cut at silence and decoded at once */
    struct cli_audio_wants wants;
};

/* Reads a form.
 *
 * translate: the request is for a translation
 * param:     receives the field that is wrong, or ""
 *
 * ELCL_E_FORMAT: a field is missing, unknown or has a wrong value. */
int cli_audio_parse(const char *body, size_t n, const char *boundary, bool translate,
                    struct cli_audio_request *request, char param[64], elcl_error *err);
void cli_audio_finish(struct cli_audio_request *request);

/* The options that the request asks for; they point into it. */
elcl_transcribe_options cli_audio_options(const struct cli_audio_request *request);

#endif
