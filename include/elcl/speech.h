/*
 * elcl/speech.h: speech to text. Include elcl/elcl.h for what is said there about errors, ownership
 * and threads.
 *
 * This header follows the order of work: read a sound, compute what the model's encoder reads.
 */
#ifndef ELCL_SPEECH_H
#define ELCL_SPEECH_H

#include "elcl/elcl.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- sounds -------------------------------------------------------------------------------- */

/* Samples of a second in every elcl_sound. */
#define ELCL_SOUND_RATE 16000

typedef struct elcl_sound_params {
    double max_seconds; /* a longer sound is refused while it is read; 0 (default): no limit */
    int allow_partial;  /* 1: of a file that breaks off, take what can be decoded, see
                         * elcl_sound_info.partial; 0 (default): refuse the file */
    unsigned reserved[4];
} elcl_sound_params;

ELCL_API elcl_sound_params elcl_sound_params_default(void);

/* A sound in memory: one channel (the mean of all), ELCL_SOUND_RATE, finite floats; 230 MB for an
 * hour. It never changes.
 *
 * Thread-safety: Safe, except the destructor. */
typedef struct elcl_sound elcl_sound;

/* Reads a sound file: WAV, FLAC, OGG (Vorbis, Opus), MP3, AIFF, AU, CAF, W64 or RF64 at any rate
 * and with any number of channels.
 *
 * params: may be NULL.
 *
 * ELCL_E_ARG:         the sound is longer than params->max_seconds.
 * ELCL_E_IO:          the file cannot be opened or read.
 * ELCL_E_FORMAT:      it is empty, is no sound, is damaged, has no samples, or has samples that are
 *                     not finite.
 * ELCL_E_UNSUPPORTED: it has a format that elcl does not read, or elcl was built without
 *                     libsndfile and libsamplerate. */
ELCL_API int elcl_sound_read(const char *path, const elcl_sound_params *params, elcl_sound **sound,
                             elcl_error *err);

/* The same for a file in memory.
 *
 * data: [bytes] Only needs to live until the call returns.
 * name: stands for the path in messages.
 *
 * Returns the codes of elcl_sound_read(), except ELCL_E_IO. */
ELCL_API int elcl_sound_read_memory(const void *data, size_t bytes, const char *name,
                                    const elcl_sound_params *params, elcl_sound **sound,
                                    elcl_error *err);

/* Types of raw samples. */
enum elcl_pcm {
    ELCL_PCM_S16, /* int16_t, -32768 .. 32767 */
    ELCL_PCM_F32, /* float, -1 .. 1 */
};

/* Makes a sound of samples without a file around them.
 *
 * samples:  [n, channels] int16_t or float, as `type` says; only needs to live until the call
 *           returns.
 * rate:     samples of a second and channel, 1000 .. 768000
 * channels: 1 .. 1024
 * name:     as in elcl_sound_read_memory().
 *
 * ELCL_E_ARG:         rate or channels is outside its range, or the sound is longer than
 *                     params->max_seconds.
 * ELCL_E_FORMAT:      there are no samples, or one is not finite.
 * ELCL_E_UNSUPPORTED: rate is not ELCL_SOUND_RATE, and elcl was built without libsamplerate. */
ELCL_API int elcl_sound_from_pcm(const void *samples, size_t n, enum elcl_pcm type, int rate,
                                 int channels, const char *name, const elcl_sound_params *params,
                                 elcl_sound **sound, elcl_error *err);
ELCL_API void elcl_sound_destroy(elcl_sound **sound);

typedef struct elcl_sound_info {
    const float *samples; /* [n_samples] at ELCL_SOUND_RATE; the sound owns them */
    size_t n_samples;     /* at least 1 */
    double seconds;
    const char *format;  /* of the file: "WAV", "FLAC" ...; "PCM" for raw samples */
    int rate;            /* of the file */
    int channels;        /* of the file */
    const char *partial; /* NULL, or one sentence: why the file has more than could be decoded */
} elcl_sound_info;

/* Describes a sound, which owns samples and strings. */
ELCL_API void elcl_sound_get_info(const elcl_sound *sound, elcl_sound_info *info);

/* ---- features ------------------------------------------------------------------------------ */

/* Samples from one frame of features to the next: 10 ms. */
#define ELCL_FEATURE_HOP 160

/* Computes log-mel features as Whisper's feature extractors do: a Fourier transform over 400
 * samples around every 160th one (the sound is mirrored at both ends), power, mel filters of
 * Slaney's scale, log10 of at least 1e-10, cut at 8 below the maximum of all frames, and then
 * (x + 4) / 4. Uses all processors for long sounds.
 *
 * samples:  [n] at ELCL_SOUND_RATE
 * padding:  zeros that follow the sound
 * mels:     filters, 1 .. 256; Whisper has 80 or 128
 * features: receives [n_frames, mels]; free it with elcl_free()
 * n_frames: receives (n + padding) / ELCL_FEATURE_HOP, rounded down
 *
 * ELCL_E_ARG: mels is outside its range. */
ELCL_API int elcl_features(const float *samples, size_t n, size_t padding, int mels,
                           float **features, size_t *n_frames, elcl_error *err);

#ifdef __cplusplus
}
#endif

#endif /* ELCL_SPEECH_H */
