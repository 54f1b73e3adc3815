#include "speech/vad.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STEP 320       /* samples of a stretch: 20 ms */
#define STEP_FRAMES 2  /* the same in frames */
#define MIN_PAUSE 15   /* stretches: 0.3 s */
#define PADDING 10     /* stretches: 0.2 s */
#define SILENCE_DB -65 /* below full scale; a sound that is never louder has no speech */
#define MIN_RANGE_DB 9 /* a sound of less range has no pauses */
#define THRESHOLD 0.3  /* of the range from quiet to loud */

/* [first, end) in stretches. */
struct stretch {
    size_t first, end;
};

struct detector {
    float *db; /* [n] power of each stretch */
    size_t n;
    struct stretch *speech; /* [n_speech] */
    size_t n_speech, speech_capacity;
    struct elcl_span *spans; /* [n_spans] */
    size_t n_spans, spans_capacity;
};

static int compare_floats(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void measure(const float *samples, size_t n, struct detector *d)
{
    for (size_t i = 0; i < d->n; i++) {
        const size_t end = (i + 1) * STEP < n ? (i + 1) * STEP : n;
        double sum = 0;
        for (size_t j = i * STEP; j < end; j++)
            sum += (double)samples[j] * samples[j];
        d->db[i] = (float)(10 * log10(sum / STEP + 1e-12));
    }
}

/* Returns the power above which a stretch is loud. -INFINITY: all of them are; INFINITY: none. */
static int find_threshold(const struct detector *d, float *threshold, elcl_error *err)
{
    float *sorted = elcl_calloc(d->n, sizeof(*sorted));
    if (!sorted)
        return elcl_fail_nomem(err);
    memcpy(sorted, d->db, d->n * sizeof(*sorted));
    qsort(sorted, d->n, sizeof(*sorted), compare_floats);
    const float quiet = fmaxf(sorted[d->n / 10], SILENCE_DB);
    const float loud = sorted[d->n - 1 - d->n / 20];
    elcl_free(sorted);
    *threshold = loud <= SILENCE_DB             ? INFINITY
                 : loud - quiet <= MIN_RANGE_DB ? (quiet > SILENCE_DB ? -INFINITY : SILENCE_DB)
                                                : quiet + (float)THRESHOLD * (loud - quiet);
    return ELCL_OK;
}

/* Collects loud stretches; those with a short pause between them become one. */
static int find_speech(struct detector *d, float threshold, elcl_error *err)
{
    for (size_t i = 0; i < d->n; i++) {
        if (!(d->db[i] > threshold))
            continue;
        struct stretch *last = d->n_speech ? &d->speech[d->n_speech - 1] : NULL;
        if (last && i - last->end < MIN_PAUSE) {
            last->end = i + 1;
            continue;
        }
        void *speech = d->speech;
        if (!elcl_grow(&speech, &d->speech_capacity, d->n_speech + 1, sizeof(*d->speech)))
            return elcl_fail_nomem(err);
        d->speech = speech;
        d->speech[d->n_speech++] = (struct stretch){i, i + 1};
    }
    for (size_t i = 0; i < d->n_speech; i++) {
        struct stretch *s = &d->speech[i];
        s->first -= s->first < PADDING ? s->first : PADDING;
        s->end = s->end + PADDING < d->n ? s->end + PADDING : d->n;
        if (i && s->first < s[-1].end) /* the pause is shorter than the padding on both sides */
            s->first = s[-1].end = (s->first + s[-1].end) / 2;
    }
    return ELCL_OK;
}

static int add_span(struct detector *d, size_t first, size_t end, elcl_error *err)
{
    void *spans = d->spans;
    if (!elcl_grow(&spans, &d->spans_capacity, d->n_spans + 1, sizeof(*d->spans)))
        return elcl_fail_nomem(err);
    d->spans = spans;
    d->spans[d->n_spans++] =
        (struct elcl_span){.begin = first * STEP_FRAMES, .n = (end - first) * STEP_FRAMES};
    return ELCL_OK;
}

/* Returns the quietest stretch in the last third of a window. */
static size_t quietest(const struct detector *d, size_t first, size_t max)
{
    size_t best = first + max - 1;
    for (size_t i = best; i > first + max - max / 3; i--)
        if (d->db[i] < d->db[best])
            best = i;
    return best;
}

/* Joins speech to windows of at most `max` stretches. */
static int join_windows(struct detector *d, size_t max, elcl_error *err)
{
    int rc = ELCL_OK;
    for (size_t i = 0; i < d->n_speech && !rc;) {
        size_t first = d->speech[i].first, end = d->speech[i].end;
        while (end - first > max && !rc) {
            const size_t cut = quietest(d, first, max);
            rc = add_span(d, first, cut, err);
            first = cut;
        }
        for (i++; i < d->n_speech && d->speech[i].end - first <= max; i++)
            end = d->speech[i].end;
        if (!rc)
            rc = add_span(d, first, end, err);
    }
    return rc;
}

int elcl_vad_windows(const float *samples, size_t n, size_t max_frames, struct elcl_span **spans,
                     size_t *n_spans, elcl_error *err)
{
    struct detector d = {.n = elcl_div_up(n, STEP)};
    float threshold = 0;
    int rc = ELCL_OK;
    if (!(d.db = elcl_calloc(d.n, sizeof(*d.db)))) {
        rc = elcl_fail_nomem(err);
        goto fail;
    }
    measure(samples, n, &d);
    ELCL_TRY(find_threshold(&d, &threshold, err));
    ELCL_TRY(find_speech(&d, threshold, err));
    ELCL_TRY(join_windows(&d, max_frames / STEP_FRAMES, err));
    *spans = d.spans;
    *n_spans = d.n_spans;
    d.spans = NULL;
fail:
    elcl_free(d.db);
    elcl_free(d.speech);
    elcl_free(d.spans);
    return rc;
}
