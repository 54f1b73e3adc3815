/* Rates of sounds, with libsamplerate. */
#include <samplerate.h>

#include "speech/sound.h"

struct elcl_resampler {
    SRC_STATE *state;
    const char *name;
    double ratio;
};

int elcl_resampler_create(const char *name, int rate, struct elcl_resampler **out, elcl_error *err)
{
    struct elcl_resampler *resampler = elcl_calloc(1, sizeof(*resampler));
    int failed = 0;
    if (!resampler)
        return elcl_fail_nomem(err);
    resampler->name = name;
    resampler->ratio = (double)ELCL_SOUND_RATE / rate;
    resampler->state = src_new(SRC_SINC_MEDIUM_QUALITY, 1, &failed);
    if (!resampler->state) { /* for want of memory: all else is constant */
        elcl_free(resampler);
        return elcl_fail_nomem(err);
    }
    *out = resampler;
    return ELCL_OK;
}

void elcl_resampler_destroy(struct elcl_resampler **resampler)
{
    if (*resampler)
        src_delete((*resampler)->state);
    elcl_free(*resampler);
    *resampler = NULL;
}

int elcl_resampler_run(struct elcl_resampler *resampler, const float *samples, size_t *n, bool end,
                       float *out, size_t *n_out, elcl_error *err)
{
    SRC_DATA data = {.data_in = samples,
                     .data_out = out,
                     .input_frames = (long)*n,
                     .output_frames = (long)*n_out,
                     .end_of_input = end,
                     .src_ratio = resampler->ratio};
    const int failed = src_process(resampler->state, &data);
    if (failed)
        return elcl_fail(err, ELCL_E_INTERNAL, "%s: libsamplerate: %s", resampler->name,
                         src_strerror(failed));
    *n = (size_t)data.input_frames_used;
    *n_out = (size_t)data.output_frames_gen;
    return ELCL_OK;
}
