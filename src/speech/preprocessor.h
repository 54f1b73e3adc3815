/* What a model's files say about its features: preprocessor_config.json, or the same object in
 * processor_config.json of transformers 5. */
#ifndef ELCL_SPEECH_PREPROCESSOR_H
#define ELCL_SPEECH_PREPROCESSOR_H

#include "base/error.h"

struct elcl_preprocessor {
    int mels;          /* 80 if the file does not say it */
    int window_frames; /* of one run of the encoder; 3000 if the file does not say it */
};

/* Refuses a model whose file, if there is one, says what elcl_features() does not do (another rate,
 * another step, another transform, dither), or other sizes than those of the encoder.
 *
 * ELCL_E_UNSUPPORTED, ELCL_E_FORMAT, ELCL_E_IO: as the message says, with file and key. */
int elcl_preprocessor_check(const char *directory, const struct elcl_preprocessor *encoder,
                            elcl_error *err);
/* Parses the text of preprocessor_config.json. */
int elcl_preprocessor_parse(const char *text, size_t n, const char *path,
                            struct elcl_preprocessor *preprocessor, elcl_error *err);

#endif
