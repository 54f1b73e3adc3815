#include "speech/sound.h"

#include <stdlib.h>

struct elcl_sound {
    elcl_sound_info info;
    float *samples; /* [info.n_samples] */
    char *partial;
};

elcl_sound_params elcl_sound_params_default(void)
{
    return (elcl_sound_params){.max_seconds = 0};
}

void elcl_sound_destroy(elcl_sound **sound)
{
    if (!sound || !*sound)
        return;
    elcl_free((*sound)->samples);
    elcl_free((*sound)->partial);
    elcl_free(*sound);
    *sound = NULL;
}

void elcl_sound_get_info(const elcl_sound *sound, elcl_sound_info *info)
{
    *info = sound->info;
}

static int check_params(const elcl_sound_params *params, elcl_error *err)
{
    if (!(params->max_seconds >= 0))
        return elcl_fail(err, ELCL_E_ARG, "max_seconds is %g, expected 0 or more",
                         params->max_seconds);
    return ELCL_OK;
}

/* Makes a sound of a finished intake; takes its samples, and `partial` on success. */
static int create(struct elcl_intake *intake, const char *format, char *partial, elcl_sound **out,
                  elcl_error *err)
{
    elcl_sound *sound = elcl_calloc(1, sizeof(*sound));
    if (!sound)
        return elcl_fail_nomem(err);
    /* Gives the room for more samples back. */
    float *samples = realloc(intake->samples, intake->n * sizeof(float));
    sound->samples = samples ? samples : intake->samples;
    intake->samples = NULL;
    sound->partial = partial;
    sound->info = (elcl_sound_info){.samples = sound->samples,
                                    .n_samples = intake->n,
                                    .seconds = (double)intake->n / ELCL_SOUND_RATE,
                                    .format = format,
                                    .rate = intake->rate,
                                    .channels = intake->channels,
                                    .partial = partial};
    *out = sound;
    return ELCL_OK;
}

static int read_file(const struct elcl_file *file, const elcl_sound_params *given,
                     elcl_sound **sound, elcl_error *err)
{
    const elcl_sound_params params = given ? *given : elcl_sound_params_default();
    struct elcl_sound_head head;
    struct elcl_intake intake = {0};
    const char *format = NULL;
    char *partial = NULL;
    int rc;
    ELCL_TRY(check_params(&params, err));
    ELCL_TRY(elcl_sound_identify(file, &head, err));
    ELCL_TRY(elcl_sound_decode(file, &head, &params, &intake, &format, &partial, err));
    if (partial && !params.allow_partial)
        ELCL_TRY(elcl_fail(err, ELCL_E_FORMAT, "%s; allow_partial takes that part", partial));
    ELCL_TRY(create(&intake, format, partial, sound, err));
    partial = NULL;
fail:
    elcl_free(partial);
    elcl_intake_finish(&intake);
    return rc;
}

int elcl_sound_read(const char *path, const elcl_sound_params *params, elcl_sound **sound,
                    elcl_error *err)
{
    struct elcl_file file = {0};
    if (!path || !sound)
        return elcl_fail(err, ELCL_E_ARG, "elcl_sound_read: arguments must not be NULL");
    int rc = elcl_file_open(path, &file, err);
    if (!rc)
        rc = read_file(&file, params, sound, err);
    elcl_file_close(&file);
    return rc;
}

int elcl_sound_read_memory(const void *data, size_t bytes, const char *name,
                           const elcl_sound_params *params, elcl_sound **sound, elcl_error *err)
{
    if ((bytes && !data) || !name || !sound)
        return elcl_fail(err, ELCL_E_ARG, "elcl_sound_read_memory: arguments must not be NULL");
    const struct elcl_file file = elcl_file_of(data, bytes, name);
    return read_file(&file, params, sound, err);
}

static int add_pcm(struct elcl_intake *intake, const void *samples, size_t n, enum elcl_pcm type,
                   elcl_error *err)
{
    const size_t channels = (size_t)intake->channels;
    const size_t step = ELCL_INTAKE_FRAMES / channels;
    float *block = elcl_calloc(ELCL_INTAKE_FRAMES, sizeof(float));
    int rc = block ? ELCL_OK : elcl_fail_nomem(err);
    for (size_t at = 0, count; !rc && at < n; at += count) {
        count = n - at < step ? n - at : step;
        const float *frames = (const float *)samples + (type == ELCL_PCM_F32 ? at * channels : 0);
        if (type == ELCL_PCM_S16) {
            const int16_t *from = (const int16_t *)samples + at * channels;
            for (size_t i = 0; i < count * channels; i++)
                block[i] = (float)from[i] / 32768;
            frames = block;
        }
        rc = elcl_intake_add(intake, frames, count, err);
    }
    elcl_free(block);
    return rc;
}

int elcl_sound_from_pcm(const void *samples, size_t n, enum elcl_pcm type, int rate, int channels,
                        const char *name, const elcl_sound_params *given, elcl_sound **sound,
                        elcl_error *err)
{
    const elcl_sound_params params = given ? *given : elcl_sound_params_default();
    struct elcl_intake intake = {0};
    int rc;
    if ((n && !samples) || !name || !sound)
        return elcl_fail(err, ELCL_E_ARG, "elcl_sound_from_pcm: arguments must not be NULL");
    ELCL_TRY(check_params(&params, err));
    ELCL_TRY(elcl_check_int("type", (int)type, ELCL_PCM_S16, ELCL_PCM_F32, err));
    ELCL_TRY(elcl_check_int("rate", rate, ELCL_SOUND_MIN_RATE, ELCL_SOUND_MAX_RATE, err));
    ELCL_TRY(elcl_check_int("channels", channels, 1, ELCL_SOUND_MAX_CHANNELS, err));
    ELCL_TRY(elcl_intake_init(&intake, name, params.max_seconds, rate, channels, err));
    ELCL_TRY(add_pcm(&intake, samples, n, type, err));
    ELCL_TRY(elcl_intake_end(&intake, err));
    ELCL_TRY(create(&intake, "PCM", NULL, sound, err));
fail:
    elcl_intake_finish(&intake);
    return rc;
}
