/* Triangular filters on Slaney's mel scale, for the powers of a spectrum of 201 bins up to 8 kHz.
 */
#ifndef ELCL_SPEECH_MEL_H
#define ELCL_SPEECH_MEL_H

#include "speech/fft.h"

#define ELCL_MAX_MELS 256

struct elcl_mel_filter {
    int first, n; /* bins that are not 0 */
    int at;       /* of the first one's weight */
};

struct elcl_mel {
    int n_filters;
    struct elcl_mel_filter filters[ELCL_MAX_MELS];
    double weights[2 * ELCL_FFT_BINS]; /* a bin has weight in two filters at most */
};

/* n: 1 .. ELCL_MAX_MELS. */
void elcl_mel_init(struct elcl_mel *mel, int n);

#endif
