/* Whether what a window became at one temperature is good enough. */
#ifndef ELCL_SPEECH_FALLBACK_H
#define ELCL_SPEECH_FALLBACK_H

#include <stdbool.h>

#include "elcl/transcribe.h"

/* What the decoder found for a window at one temperature. */
struct elcl_attempt {
    int32_t *ids; /* [n] without prompt and EOS; freed with elcl_free() */
    size_t n;
    float temperature;
    float avg_logprob; /* by the rules of the style, see elcl_attempt_mean() */
    float compression_ratio;
    float no_speech_prob;
};

void elcl_attempt_finish(struct elcl_attempt *attempt); /* {0} is fine */

/* Returns the mean log-probability of n tokens, an end token not counted, whose log-probabilities
 * with that of the end token sum to `sum`. WHISPER counts an end token that is missing too. */
float elcl_attempt_mean(enum elcl_speech_style style, double sum, size_t n, bool ended);

/* Whether the next temperature should be tried. */
bool elcl_attempt_failed(const struct elcl_attempt *attempt,
                         const elcl_transcribe_options *options);

/* Whether `a` is the better choice when all temperatures have failed: text that does not repeat
 * itself comes first, then the log-probability. */
bool elcl_attempt_better(const struct elcl_attempt *a, const struct elcl_attempt *b,
                         const elcl_transcribe_options *options);

/* Whether the window has no speech. */
bool elcl_attempt_silent(const struct elcl_attempt *attempt,
                         const elcl_transcribe_options *options);

#endif
