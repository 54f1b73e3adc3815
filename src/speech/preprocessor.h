/* What a model's files say about its features: preprocessor_config.json, or the same object in
 * processor_config.json of transformers 5. */
#ifndef ELCL_SPEECH_PREPROCESSOR_H
#define ELCL_SPEECH_PREPROCESSOR_H

#include "base/error.h"

struct elcl_preprocessor {
    int mels;          /* 80 if no file says it */
    int window_frames; /* of one run of the encoder; 3000 if no file says it */
};

/* Reads the files of a model; without them, the sizes of the model's encoder count. Refuses what
 * elcl_features() does not do: another rate, another step, another transform, dither. */
int elcl_preprocessor_read(const char *directory, struct elcl_preprocessor *preprocessor,
                           elcl_error *err);
/* Parses the text of preprocessor_config.json. */
int elcl_preprocessor_parse(const char *text, size_t n, const char *path,
                            struct elcl_preprocessor *preprocessor, elcl_error *err);

#endif
