/* Log-mel features, in double precision: what a float's rounding adds would show 80 dB below the
 * loudest bin. */
#include "elcl/speech.h"

#include <math.h>
#include <string.h>

#include "base/parallel.h"
#include "base/util.h"
#include "speech/fft.h"
#include "speech/mel.h"

#define FRAMES ELCL_FFT_SIGNALS /* frames of one transform */
#define TASK_FRAMES 256         /* frames of one task: enough that a thread pays */

struct worker {
    struct elcl_fft signals, work;
    double powers[ELCL_FFT_BINS][FRAMES];
    double max; /* of the logarithms so far */
};

struct extraction {
    const float *samples; /* [n] */
    size_t n, padding;
    struct elcl_fft_table table;
    struct elcl_mel mel;
    double window[ELCL_FFT_POINTS];
    float *features; /* [n_frames, n_filters] */
    size_t n_frames;
    struct worker *workers;
};

static double sample_at(const struct extraction *x, size_t at)
{
    return at < x->n ? (double)x->samples[at] : 0;
}

/* The sound with its padding is mirrored at both ends without repeating the last sample, again and
 * again if it is short. */
static double mirrored(const struct extraction *x, int64_t at)
{
    const int64_t last = (int64_t)(x->n + x->padding) - 1;
    if (last < 1)
        return sample_at(x, 0);
    at = (at < 0 ? -at : at) % (2 * last);
    return sample_at(x, (size_t)(at > last ? 2 * last - at : at));
}

/* Frame f reads 400 samples around sample 160 f. */
static void load_frame(const struct extraction *x, size_t f, double *to, int stride)
{
    const int64_t start = (int64_t)(f * ELCL_FEATURE_HOP) - ELCL_FFT_POINTS / 2;
    const bool inside = start >= 0 && (uint64_t)start + ELCL_FFT_POINTS <= x->n;
    for (int i = 0; i < ELCL_FFT_POINTS; i++)
        to[i * stride] =
            x->window[i] * (inside ? (double)x->samples[start + i] : mirrored(x, start + i));
}

/* Logarithms of the powers of `count` frames from `first` on. */
static void put_logarithms(const struct extraction *x, struct worker *w, size_t first, int count)
{
    for (int i = 0; i < x->mel.n_filters; i++) {
        const struct elcl_mel_filter filter = x->mel.filters[i];
        double sums[FRAMES] = {0};
        for (int b = 0; b < filter.n; b++)
            for (int f = 0; f < FRAMES; f++)
                sums[f] += x->mel.weights[filter.at + b] * w->powers[filter.first + b][f];
        for (int f = 0; f < count; f++) {
            const double value = log10(fmax(sums[f], 1e-10));
            w->max = fmax(w->max, value);
            x->features[(first + (size_t)f) * (size_t)x->mel.n_filters + (size_t)i] = (float)value;
        }
    }
}

static void run_task(void *user, int task, int worker)
{
    struct extraction *x = user;
    struct worker *w = &x->workers[worker];
    const size_t start = (size_t)task * TASK_FRAMES;
    for (size_t first = start; first < start + TASK_FRAMES && first < x->n_frames;
         first += FRAMES) {
        const size_t left = x->n_frames - first;
        const int count = left < FRAMES ? (int)left : FRAMES;
        memset(&w->signals, 0, sizeof(w->signals));
        for (int f = 0; f < count; f++)
            load_frame(x, first + (size_t)f,
                       f % 2 ? &w->signals.im[0][f / 2] : &w->signals.re[0][f / 2], ELCL_FFT_LANES);
        elcl_fft_run(&x->table, &w->signals, &w->work);
        elcl_fft_powers(&w->signals, w->powers);
        put_logarithms(x, w, first, count);
    }
}

static void init(struct extraction *x, int mels)
{
    elcl_fft_init(&x->table);
    elcl_mel_init(&x->mel, mels);
    for (int i = 0; i < ELCL_FFT_POINTS; i++)
        x->window[i] = (1 - x->table.cosine[i]) / 2; /* Hann, periodic */
    for (int i = 0; i < ELCL_MAX_WORKERS; i++)
        x->workers[i].max = -10;
}

static void finish_logarithms(const struct extraction *x)
{
    double max = -10;
    for (int i = 0; i < ELCL_MAX_WORKERS; i++)
        max = fmax(max, x->workers[i].max);
    const float least = (float)(max - 8);
    for (size_t i = 0; i < x->n_frames * (size_t)x->mel.n_filters; i++)
        x->features[i] = (fmaxf(x->features[i], least) + 4) / 4;
}

int elcl_features(const float *samples, size_t n, size_t padding, int mels, float **features,
                  size_t *n_frames, elcl_error *err)
{
    if ((n && !samples) || !features || !n_frames)
        return elcl_fail(err, ELCL_E_ARG, "elcl_features: arguments must not be NULL");
    int rc = elcl_check_int("mels", mels, 1, ELCL_MAX_MELS, err);
    if (rc)
        return rc;
    size_t total, n_floats;
    if (!elcl_add_size(n, padding, &total) || total > INT64_MAX / 4 ||
        !elcl_mul_size(total / ELCL_FEATURE_HOP, (size_t)mels, &n_floats))
        return elcl_fail_nomem(err);
    struct extraction *x = elcl_calloc(1, sizeof(*x));
    if (x)
        *x = (struct extraction){.samples = samples,
                                 .n = n,
                                 .padding = padding,
                                 .features = elcl_calloc(n_floats, sizeof(float)),
                                 .n_frames = total / ELCL_FEATURE_HOP,
                                 .workers = elcl_calloc(ELCL_MAX_WORKERS, sizeof(*x->workers))};
    rc = x && x->features && x->workers ? ELCL_OK : elcl_fail_nomem(err);
    if (!rc) {
        init(x, mels);
        elcl_parallel((int)elcl_div_up(x->n_frames, TASK_FRAMES), run_task, x);
        finish_logarithms(x);
        *features = x->features;
        *n_frames = x->n_frames;
        x->features = NULL;
    }
    if (x) {
        elcl_free(x->features);
        elcl_free(x->workers);
    }
    elcl_free(x);
    return rc;
}
