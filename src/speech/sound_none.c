/* Without libsndfile and libsamplerate: raw samples at 16 kHz work, files do not. */
#include <stdio.h>

#include "speech/sound.h"

static int refuse(const char *name, const char *what, elcl_error *err)
{
    return elcl_fail(err, ELCL_E_UNSUPPORTED,
                     "%s: this elcl was built without libsndfile and libsamplerate and takes only "
                     "raw samples at %d Hz, not %s; install both and build it again",
                     name, ELCL_SOUND_RATE, what);
}

int elcl_resampler_create(const char *name, int rate, struct elcl_resampler **resampler,
                          elcl_error *err)
{
    char what[32];
    snprintf(what, sizeof(what), "%d Hz", rate);
    *resampler = NULL;
    return refuse(name, what, err);
}

void elcl_resampler_destroy(struct elcl_resampler **resampler)
{
    *resampler = NULL;
}

int elcl_resampler_run(struct elcl_resampler *resampler, const float *samples, size_t *n, bool end,
                       float *out, size_t *n_out, elcl_error *err)
{
    (void)resampler;
    (void)samples;
    (void)n;
    (void)end;
    (void)out;
    (void)n_out;
    return elcl_fail(err, ELCL_E_INTERNAL, "there is no resampler");
}

int elcl_sound_decode(const struct elcl_file *file, const struct elcl_sound_head *head,
                      const elcl_sound_params *params, struct elcl_intake *intake,
                      const char **format, char **partial, elcl_error *err)
{
    (void)head;
    (void)params;
    (void)intake;
    (void)format;
    (void)partial;
    return refuse(file->path, "sound files", err);
}
