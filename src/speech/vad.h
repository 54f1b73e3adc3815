/* Where sound is loud enough to be speech. */
#ifndef ELCL_SPEECH_VAD_H
#define ELCL_SPEECH_VAD_H

#include "base/util.h"
#include "speech/segments.h"

/*
 * Cuts a sound at silence into windows of at most max_frames, so that each can be transcribed by
 * itself. A stretch of 20 ms is loud if its power is above a threshold between the quiet tenth and
 * the loud twentieth of the file. Loud stretches less than 0.3 s apart belong together and get
 * 0.2 s around them; as many of these as fit, with the silence between them, make a window. Speech
 * without such a pause is cut where it is quietest in the last third of the window. Music and
 * noise count as speech.
 *
 * spans: receives [n_spans]; free it with elcl_free(). None if all is silence.
 */
int elcl_vad_windows(const float *samples, size_t n, size_t max_frames, struct elcl_span **spans,
                     size_t *n_spans, elcl_error *err);

#endif
