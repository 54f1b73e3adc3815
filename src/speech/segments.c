#include "speech/segments.h"

/* Returns the seconds of a timestamp from the window's begin; 0 for text: a window whose text the
 * caller began has no first timestamp. */
static double token_seconds(int32_t token, int32_t timestamp_begin)
{
    return token < timestamp_begin ? 0 : (token - timestamp_begin) * ELCL_SECONDS_PER_TIMESTAMP;
}

/* The end of the only segment: its last timestamp if that is not the first of all, or the end of
 * the sound. */
static double only_end(const int32_t *tokens, size_t n, int32_t timestamp_begin,
                       struct elcl_span span, enum elcl_speech_style style)
{
    for (size_t i = n; i-- > 0;)
        if (tokens[i] >= timestamp_begin) {
            if (tokens[i] > timestamp_begin)
                return token_seconds(tokens[i], timestamp_begin);
            break;
        }
    if (style == ELCL_SPEECH_STYLE_HF) /* whole timestamps only */
        return (double)(span.n / ELCL_FRAMES_PER_TIMESTAMP) * ELCL_SECONDS_PER_TIMESTAMP;
    return elcl_frame_seconds(span.n);
}

/* Whether a segment begins at token i because i - 1 ends one. */
static bool begins_segment(const int32_t *tokens, size_t i, int32_t timestamp_begin)
{
    return i > 0 && tokens[i] >= timestamp_begin && tokens[i - 1] >= timestamp_begin;
}

static void add_cut(struct elcl_cuts *cuts, const int32_t *tokens, size_t first, size_t end,
                    int32_t timestamp_begin, double offset)
{
    cuts->cuts[cuts->n++] =
        (struct elcl_cut){.start = offset + token_seconds(tokens[first], timestamp_begin),
                          .end = offset + token_seconds(tokens[end - 1], timestamp_begin),
                          .first = first,
                          .n = end - first};
}

int elcl_cut_segments(const int32_t *tokens, size_t n, int32_t timestamp_begin,
                      struct elcl_span span, enum elcl_speech_style style, struct elcl_cuts *cuts,
                      elcl_error *err)
{
    const double offset = elcl_frame_seconds(span.begin);
    struct elcl_cuts found = {.cuts = elcl_calloc(n + 1, sizeof(*found.cuts)),
                              .advance = span.n,
                              .single_timestamp = n >= 2 && tokens[n - 1] >= timestamp_begin &&
                                                  tokens[n - 2] < timestamp_begin};
    if (!found.cuts)
        return elcl_fail_nomem(err);
    size_t last = 0;
    for (size_t i = 1; i < n; i++)
        if (begins_segment(tokens, i, timestamp_begin)) {
            add_cut(&found, tokens, last, i, timestamp_begin, offset);
            last = i;
        }
    if (!found.n) {
        found.cuts[found.n++] =
            (struct elcl_cut){.start = offset,
                              .end = offset + only_end(tokens, n, timestamp_begin, span, style),
                              .n = n};
    } else if (found.single_timestamp) {
        add_cut(&found, tokens, last, n, timestamp_begin, offset);
    } else { /* what follows the last pair is decoded again in the next window */
        found.advance = (size_t)(tokens[last - 1] - timestamp_begin) * ELCL_FRAMES_PER_TIMESTAMP;
        if (style == ELCL_SPEECH_STYLE_HF)
            found.cuts[found.n - 1].n++;
    }
    *cuts = found;
    return ELCL_OK;
}
