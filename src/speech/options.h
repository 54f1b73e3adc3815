/* The options of a file, checked, with copies of what they point to. */
#ifndef ELCL_SPEECH_OPTIONS_H
#define ELCL_SPEECH_OPTIONS_H

#include "speech/file.h"

struct elcl_speech_options {
    elcl_transcribe_options options; /* language and texts are NULL: the next members have them */
    const struct elcl_speech_language *language; /* NULL: detect it, or there are none */
    elcl_tokens initial_prompt, hotwords, prefix;
    elcl_tokens *forced; /* [n_forced] the first window's first tokens, one by one: its first
                          * timestamp and the prefix */
    int n_forced;
    float *temperatures;
    int32_t *ids[3]; /* of the three texts */
};

int elcl_speech_options_read(const struct elcl_speech_model *model,
                             const elcl_transcribe_options *options,
                             struct elcl_speech_options *own, elcl_error *err);
void elcl_speech_options_finish(struct elcl_speech_options *own); /* {0} is fine */

#endif
