#include <math.h>
#include <string.h>

#include "speech/sound.h"

#define OUT_FRAMES 65536 /* room for results of the resampler in one call */

int elcl_intake_init(struct elcl_intake *intake, const char *name, double max_seconds, int rate,
                     int channels, elcl_error *err)
{
    *intake = (struct elcl_intake){
        .name = name, .max_seconds = max_seconds, .rate = rate, .channels = channels};
    if (rate < ELCL_SOUND_MIN_RATE || rate > ELCL_SOUND_MAX_RATE)
        return elcl_fail(err, ELCL_E_FORMAT, "%s: has %d samples per second, expected %d to %d",
                         name, rate, ELCL_SOUND_MIN_RATE, ELCL_SOUND_MAX_RATE);
    if (channels < 1 || channels > ELCL_SOUND_MAX_CHANNELS)
        return elcl_fail(err, ELCL_E_FORMAT, "%s: has %d channels, expected 1 to %d", name,
                         channels, ELCL_SOUND_MAX_CHANNELS);
    intake->mono = elcl_calloc(ELCL_INTAKE_FRAMES, sizeof(float));
    if (!intake->mono)
        return elcl_fail_nomem(err);
    return rate == ELCL_SOUND_RATE ? ELCL_OK
                                   : elcl_resampler_create(name, rate, &intake->resampler, err);
}

void elcl_intake_finish(struct elcl_intake *intake)
{
    elcl_resampler_destroy(&intake->resampler);
    elcl_free(intake->mono);
    elcl_free(intake->samples);
    *intake = (struct elcl_intake){0};
}

static int reserve(struct elcl_intake *intake, size_t more, elcl_error *err)
{
    void *samples = intake->samples;
    size_t need;
    if (!elcl_add_size(intake->n, more, &need) ||
        !elcl_grow(&samples, &intake->capacity, need, sizeof(float)))
        return elcl_fail_nomem(err);
    intake->samples = samples;
    return ELCL_OK;
}

/* Converts n samples; with n = 0, what the resampler still holds. */
static int resample(struct elcl_intake *intake, const float *samples, size_t n, elcl_error *err)
{
    const bool end = !n;
    size_t taken, given;
    do {
        int rc = reserve(intake, OUT_FRAMES, err);
        taken = n;
        given = OUT_FRAMES;
        if (!rc)
            rc = elcl_resampler_run(intake->resampler, samples, &taken, end,
                                    intake->samples + intake->n, &given, err);
        if (rc)
            return rc;
        intake->n += given;
        samples += taken;
        n -= taken;
    } while (n || (end && given));
    return ELCL_OK;
}

static int append(struct elcl_intake *intake, const float *samples, size_t n, elcl_error *err)
{
    const int rc = reserve(intake, n, err);
    if (rc)
        return rc;
    memcpy(intake->samples + intake->n, samples, n * sizeof(float));
    intake->n += n;
    return ELCL_OK;
}

/* Averages the channels of n frames. */
static int mix(struct elcl_intake *intake, const float *frames, size_t n, elcl_error *err)
{
    const int channels = intake->channels;
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        for (int c = 0; c < channels; c++) {
            const float sample = frames[i * (size_t)channels + (size_t)c];
            if (!isfinite(sample))
                return elcl_fail(err, ELCL_E_FORMAT,
                                 "%s: the sample at %.3f s of channel %d is %s, expected a finite "
                                 "number",
                                 intake->name,
                                 (double)(intake->n_frames + i) / (double)intake->rate, c + 1,
                                 isnan(sample) ? "not a number" : "infinite");
            sum += (double)sample;
        }
        intake->mono[i] = (float)(sum / channels);
    }
    return ELCL_OK;
}

int elcl_intake_add(struct elcl_intake *intake, const float *frames, size_t n, elcl_error *err)
{
    const int rc = mix(intake, frames, n, err);
    if (rc)
        return rc;
    intake->n_frames += n;
    if (intake->max_seconds > 0 &&
        (double)intake->n_frames > intake->max_seconds * (double)intake->rate)
        return elcl_fail(err, ELCL_E_ARG, "%s: is longer than %g s, the limit", intake->name,
                         intake->max_seconds);
    if (!n)
        return ELCL_OK;
    return intake->resampler ? resample(intake, intake->mono, n, err)
                             : append(intake, intake->mono, n, err);
}

int elcl_intake_end(struct elcl_intake *intake, elcl_error *err)
{
    const int rc = intake->resampler ? resample(intake, intake->mono, 0, err) : ELCL_OK;
    if (!rc && !intake->n)
        return elcl_fail(err, ELCL_E_FORMAT, "%s: has no samples", intake->name);
    return rc;
}
