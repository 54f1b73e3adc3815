/* How a sound is made: blocks of samples from a file or from memory become one channel at 16 kHz.
 */
#ifndef ELCL_SPEECH_SOUND_H
#define ELCL_SPEECH_SOUND_H

#include <stdbool.h>

#include "base/os.h"
#include "base/util.h"
#include "elcl/speech.h"
#include "speech/ogg.h"

#define ELCL_SOUND_MIN_RATE 1000
#define ELCL_SOUND_MAX_RATE 768000
#define ELCL_SOUND_MAX_CHANNELS 1024

/* ---- the converter of rates ---------------------------------------------------------------- */

struct elcl_resampler;

/* ELCL_E_UNSUPPORTED without libsamplerate. */
int elcl_resampler_create(const char *name, int rate, struct elcl_resampler **resampler,
                          elcl_error *err);
void elcl_resampler_destroy(struct elcl_resampler **resampler);
/* Converts up to *n samples into up to *n_out; both receive how many it took and gave. `end`: no
 * samples follow; call it then until it gives none. */
int elcl_resampler_run(struct elcl_resampler *resampler, const float *samples, size_t *n, bool end,
                       float *out, size_t *n_out, elcl_error *err);

/* ---- the intake ---------------------------------------------------------------------------- */

struct elcl_intake {
    const char *name;   /* of the file, for messages */
    double max_seconds; /* 0: no limit */
    int rate, channels;
    uint64_t n_frames;                /* taken so far */
    struct elcl_resampler *resampler; /* NULL: the rate is right */
    float *mono;                      /* [ELCL_INTAKE_FRAMES] */
    float *samples;                   /* [n] results */
    size_t n, capacity;
};

#define ELCL_INTAKE_FRAMES 16384

/* Checks the rate and the number of channels. */
int elcl_intake_init(struct elcl_intake *intake, const char *name, double max_seconds, int rate,
                     int channels, elcl_error *err);
void elcl_intake_finish(struct elcl_intake *intake); /* {0} is fine */
/* Adds frames [n, channels], n <= ELCL_INTAKE_FRAMES. Refuses samples that are not finite, and a
 * sound that becomes too long. */
int elcl_intake_add(struct elcl_intake *intake, const float *frames, size_t n, elcl_error *err);
/* Takes what the resampler still holds. Refuses a sound without samples. */
int elcl_intake_end(struct elcl_intake *intake, elcl_error *err);

/* ---- files --------------------------------------------------------------------------------- */

/* What a file's first bytes say about it. */
struct elcl_sound_head {
    bool is_mp3;     /* or has a tag that mostly stands before MP3 */
    bool has_length; /* MP3: a header frame counts the samples, otherwise decoders guess */
    /* Bytes of samples that the head of a WAV, AIFF or AU file names, and those that are there; 0:
     * it names none, as what a pipe has written. */
    uint64_t claimed_bytes, present_bytes;
    char fault[ELCL_FAULT_BYTES]; /* "", or what is wrong with the pages of an Ogg file */
};
/* Refuses what is not a sound. */
int elcl_sound_identify(const struct elcl_file *file, struct elcl_sound_head *head,
                        elcl_error *err);

/* Decodes a file into *intake, which it initializes. *format is a constant name, and *partial NULL
 * or a sentence if the file has more than could be decoded, freed with elcl_free().
 * ELCL_E_UNSUPPORTED without libsndfile. */
int elcl_sound_decode(const struct elcl_file *file, const struct elcl_sound_head *head,
                      const elcl_sound_params *params, struct elcl_intake *intake,
                      const char **format, char **partial, elcl_error *err);

#endif
