/* From the tokens of a window to segments: cuts at pairs of timestamps. */
#ifndef ELCL_SPEECH_SEGMENTS_H
#define ELCL_SPEECH_SEGMENTS_H

#include "base/util.h"
#include "elcl/transcribe.h"

#define ELCL_FRAMES_PER_SECOND 100
#define ELCL_FRAMES_PER_TIMESTAMP 2
#define ELCL_SECONDS_PER_TIMESTAMP 0.02

/* A window of a file, in frames of 10 ms. */
struct elcl_span {
    size_t begin; /* in the file */
    size_t n;     /* with sound; the rest of a window is padding */
};

/* A segment as positions in a window's tokens. */
struct elcl_cut {
    double start, end; /* seconds from the start of the file */
    size_t first, n;   /* its tokens */
};

struct elcl_cuts {
    struct elcl_cut *cuts; /* [n] freed with elcl_free() */
    size_t n;
    size_t advance;        /* frames from the window's begin to the next one's */
    bool single_timestamp; /* the tokens end with one timestamp: no speech follows it */
};

/* Cuts the tokens of a window. Two timestamps side by side end a segment and begin another. After
 * the last pair the next window begins, unless the tokens end with a single timestamp. Without a
 * pair all tokens are one segment, and the next window follows this one.
 *
 * style: ELCL_SPEECH_STYLE_HF leaves a last pair whole, and lets a segment without timestamps end
 *        at a multiple of 20 ms. */
int elcl_cut_segments(const int32_t *tokens, size_t n, int32_t timestamp_begin,
                      struct elcl_span span, enum elcl_speech_style style, struct elcl_cuts *cuts,
                      elcl_error *err);

/* Returns the time of a frame in seconds. */
static inline double elcl_frame_seconds(size_t frame)
{
    return (double)frame / ELCL_FRAMES_PER_SECOND;
}

#endif
