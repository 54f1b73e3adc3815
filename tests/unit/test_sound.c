/* Sounds: raw samples, rates, channels, and files that are whole, damaged or no sound. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAS_SPEECH
#include <sndfile.h>
#endif

#include "base/os.h"
#include "base/util.h"
#include "check.h"
#include "elcl/speech.h"
#include "files.h"

#define PI 3.14159265358979323846

/* Channel c of a test sound: a tone of 300 Hz, louder in each channel. */
static double tone(double seconds, int c)
{
    return 0.2 * (c + 1) * sin(2 * PI * 300 * seconds);
}

/* Compares a sound with the mean of the tone's channels, without its first and last 50 ms, where
 * converters of rates ring. */
static void check_tone(const elcl_sound *sound, double seconds, int channels, double tolerance)
{
    elcl_sound_info info;
    elcl_sound_get_info(sound, &info);
    double worst = 0;
    CHECK(fabs(info.seconds - seconds) < 0.002, "%g s, expected %g", info.seconds, seconds);
    CHECK(info.seconds == (double)info.n_samples / ELCL_SOUND_RATE, "%zu samples", info.n_samples);
    for (size_t i = 800; i + 800 < info.n_samples; i++) {
        double want = 0;
        for (int c = 0; c < channels; c++)
            want += tone((double)i / ELCL_SOUND_RATE, c) / channels;
        worst = fmax(worst, fabs((double)info.samples[i] - want));
    }
    CHECK(worst < tolerance, "a sample differs by %g", worst);
}

/* Returns [n, channels], freed with elcl_free(). */
static float *make_tone(size_t n, int rate, int channels)
{
    float *samples = elcl_calloc(n * (size_t)channels, sizeof(float));
    for (size_t i = 0; i < n * (size_t)channels; i++)
        samples[i] =
            (float)tone((double)(i / (size_t)channels) / rate, (int)(i % (size_t)channels));
    return samples;
}

/* ---- raw samples --------------------------------------------------------------------------- */

static void test_pcm(void)
{
    enum { N = 40000 };
    if (!check_case("sound: raw floats"))
        return;
    float *samples = make_tone(N, ELCL_SOUND_RATE, 3);
    elcl_sound *sound = NULL;
    elcl_sound_info info;
    elcl_error err = {0};
    if (CHECK(!elcl_sound_from_pcm(samples, N, ELCL_PCM_F32, ELCL_SOUND_RATE, 3, "x", NULL, &sound,
                                   &err),
              "%s", err.msg)) {
        check_tone(sound, 2.5, 3, 1e-6);
        elcl_sound_get_info(sound, &info);
        CHECK(!strcmp(info.format, "PCM") && info.channels == 3 && !info.partial, "%s",
              info.format);
    }
    elcl_sound_destroy(&sound);
    CHECK(!sound, "not NULL");
    elcl_sound_destroy(&sound);
    elcl_free(samples);
}

static void test_pcm_16(void)
{
    if (!check_case("sound: raw integers"))
        return;
    const int16_t samples[] = {0, 1, -1, 32767, -32768, 16384};
    elcl_sound *sound = NULL;
    elcl_sound_info info;
    elcl_error err = {0};
    if (!CHECK(!elcl_sound_from_pcm(samples, 6, ELCL_PCM_S16, ELCL_SOUND_RATE, 1, "x", NULL, &sound,
                                    &err),
               "%s", err.msg))
        return;
    elcl_sound_get_info(sound, &info);
    CHECK(info.n_samples == 6, "%zu samples", info.n_samples);
    for (size_t i = 0; i < 6; i++)
        CHECK(info.samples[i] == (float)samples[i] / 32768, "sample %zu is %g", i,
              (double)info.samples[i]);
    elcl_sound_destroy(&sound);
}

static void refuse_pcm(const char *what, const float *samples, size_t n, int rate, int channels,
                       const elcl_sound_params *params, int code, const char *part)
{
    elcl_sound *sound = NULL;
    elcl_error err = {0};
    const int rc =
        elcl_sound_from_pcm(samples, n, ELCL_PCM_F32, rate, channels, "x", params, &sound, &err);
    check_failure(what, rc, &err, code, part);
    CHECK(!sound, "%s: a sound", what);
}

static void test_pcm_refused(void)
{
    if (!check_case("sound: refused raw samples"))
        return;
    float samples[40000] = {0};
    const int rate = ELCL_SOUND_RATE;
    refuse_pcm("none", samples, 0, rate, 1, NULL, ELCL_E_FORMAT, "x: has no samples");
    refuse_pcm("NULL", NULL, 1, rate, 1, NULL, ELCL_E_ARG, "NULL");
    refuse_pcm("rate", samples, 1, 999, 1, NULL, ELCL_E_ARG, "rate is 999");
    refuse_pcm("channels", samples, 1, rate, 0, NULL, ELCL_E_ARG, "channels is 0");
    const elcl_sound_params one = {.max_seconds = 1}, negative = {.max_seconds = -1};
    refuse_pcm("long", samples, 16001, rate, 1, &one, ELCL_E_ARG, "x: is longer than 1 s");
    refuse_pcm("limit", samples, 1, rate, 1, &negative, ELCL_E_ARG, "max_seconds is -1");
    samples[20001] = NAN;
    refuse_pcm("NaN", samples, 20000, rate, 2, NULL, ELCL_E_FORMAT,
               "x: the sample at 0.625 s of channel 2 is not a number");
    samples[20001] = -INFINITY;
    refuse_pcm("infinite", samples, 40000, rate, 1, NULL, ELCL_E_FORMAT,
               "x: the sample at 1.250 s of channel 1 is infinite");
}

static void test_rates(void)
{
    static const int rates[] = {8000, 11025, 22050, 44100, 48000, 96000};
    for (size_t i = 0; i < ELCL_COUNT(rates); i++) {
        if (!check_case("sound: raw samples at %d Hz", rates[i]))
            continue;
        const size_t n = (size_t)rates[i] * 3 / 2;
        float *samples = make_tone(n, rates[i], 2);
        elcl_sound *sound = NULL;
        elcl_error err = {0};
        const int rc =
            elcl_sound_from_pcm(samples, n, ELCL_PCM_F32, rates[i], 2, "x", NULL, &sound, &err);
#ifdef HAS_SPEECH
        if (CHECK(!rc, "%s", err.msg))
            check_tone(sound, 1.5, 2, 1e-4);
#else
        check_failure("rate", rc, &err, ELCL_E_UNSUPPORTED, "built without libsndfile");
#endif
        elcl_sound_destroy(&sound);
        elcl_free(samples);
    }
}

/* ---- files that are no sound --------------------------------------------------------------- */

static void refuse_bytes(const char *data, size_t n, int code, const char *part)
{
    elcl_sound *sound = NULL;
    elcl_error err = {0};
    char *copy = malloc(n ? n : 1); /* so that sanitizers see reads past its end */
    memcpy(copy, data, n);
    check_failure(part, elcl_sound_read_memory(copy, n, "talk.wav", NULL, &sound, &err), &err, code,
                  part);
    CHECK(!sound, "a sound");
    free(copy);
}

static void test_no_sound(void)
{
    if (!check_case("sound: files that are no sound"))
        return;
    elcl_sound *sound = NULL;
    elcl_error err = {0}, empty = {0};
    check_failure("missing", elcl_sound_read("/no/such.wav", NULL, &sound, &err), &err, ELCL_E_IO,
                  "/no/such.wav: cannot open");
    write_text("empty.wav", "");
    check_failure("empty", elcl_sound_read(temporary_path("empty.wav"), NULL, &sound, &empty),
                  &empty, ELCL_E_FORMAT, "empty.wav: is empty");
    static const char text[] = "Four score and seven years ago";
    static const char mp4[] = "\0\0\0\x20"
                              "ftypM4A \0\0\0\0";
    static const char avi[] = "RIFF\0\0\0\0AVI LIST";
    refuse_bytes(text, sizeof(text), ELCL_E_FORMAT, "talk.wav: is not a sound file (WAV, FLAC");
    refuse_bytes("R", 1, ELCL_E_FORMAT, "is not a sound file");
    refuse_bytes(mp4, sizeof(mp4), ELCL_E_UNSUPPORTED, "is an MP4 file");
    refuse_bytes("\x1a\x45\xdf\xa3", 4, ELCL_E_UNSUPPORTED, "is a Matroska or WebM file");
    refuse_bytes(avi, sizeof(avi) - 1, ELCL_E_UNSUPPORTED, "is a RIFF file without sound");
}

/* ---- files --------------------------------------------------------------------------------- */

#ifdef HAS_SPEECH

struct kind {
    const char *name, *format; /* of the file, and in elcl_sound_info */
    int sndfile, rate, channels, seconds;
    double tolerance;
    const char *cut; /* what is said about half of the file */
};

/* Writes a file with the tone to the temporary directory; returns its path. */
static const char *write_tone(const struct kind *kind)
{
    const char *path = temporary_path(kind->name);
    const int n = kind->seconds * kind->rate;
    SF_INFO info = {.samplerate = kind->rate, .channels = kind->channels, .format = kind->sndfile};
    SNDFILE *file = sf_open(path, SFM_WRITE, &info);
    if (!CHECK(file, "%s: %s", kind->name, sf_strerror(NULL)))
        return NULL;
    float *samples = make_tone((size_t)n, kind->rate, kind->channels);
    for (int i = 0; kind->tolerance >= 0.05 && i < n * kind->channels; i++)
        samples[i] += (float)check_uniform(-0.05, 0.05); /* so that the file is not tiny */
    CHECK(sf_writef_float(file, samples, n) == n, "%s", sf_strerror(file));
    CHECK(!sf_close(file), "%s: not closed", kind->name);
    elcl_free(samples);
    return path;
}

static const struct kind kinds[] = {
    {"a.wav", "WAV", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000, 1, 1, 1e-4, "of its 1.00 s can be"},
    {"mulaw.wav", "WAV", SF_FORMAT_WAV | SF_FORMAT_ULAW, 8000, 1, 1, 0.01, "of its 1.00 s can be"},
    {"96.wav", "WAV", SF_FORMAT_WAV | SF_FORMAT_PCM_24, 96000, 2, 1, 1e-4, "of its 1.00 s can be"},
    {"float.wav", "WAV", SF_FORMAT_WAVEX | SF_FORMAT_FLOAT, 44100, 5, 1, 1e-4,
     "of its 1.00 s can be"},
    {"big.wav", "WAV", SF_FORMAT_WAV | SF_FORMAT_PCM_16 | SF_ENDIAN_BIG, 16000, 1, 1, 1e-4,
     "of its 1.00 s can be"},
    {"a.rf64", "RF64", SF_FORMAT_RF64 | SF_FORMAT_PCM_16, 16000, 1, 1, 1e-4,
     "of its 1.00 s can be"},
    {"a.aiff", "AIFF", SF_FORMAT_AIFF | SF_FORMAT_PCM_16, 22050, 1, 1, 1e-4,
     "of its 1.00 s can be"},
    {"a.au", "AU", SF_FORMAT_AU | SF_FORMAT_PCM_16, 16000, 2, 1, 1e-4, "of its 1.00 s can be"},
    {"a.caf", "CAF", SF_FORMAT_CAF | SF_FORMAT_PCM_16, 16000, 1, 1, 1e-4, "cannot be decoded"},
    {"a.flac", "FLAC", SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 48000, 2, 1, 1e-4,
     "of its 1.00 s can be"},
    {"a.ogg", "OGG", SF_FORMAT_OGG | SF_FORMAT_VORBIS, 44100, 1, 2, 0.1, "it is damaged at byte"},
    {"a.opus", "OGG", SF_FORMAT_OGG | SF_FORMAT_OPUS, 48000, 1, 4, 0.1, "it is damaged at byte"},
    {"a.mp3", "MP3", SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III, 44100, 1, 2, 0.1,
     "of its 1.95 s can be"},
};

static void test_kind(const struct kind *kind)
{
    if (!check_case("sound: %s with %d channels at %d Hz", kind->name, kind->channels, kind->rate))
        return;
    const char *path = write_tone(kind);
    elcl_sound *sound = NULL;
    elcl_sound_info info;
    elcl_error err = {0}, cut = {0};
    if (!path || !CHECK(!elcl_sound_read(path, NULL, &sound, &err), "%s", err.msg))
        return;
    check_tone(sound, kind->seconds, kind->channels, kind->tolerance);
    elcl_sound_get_info(sound, &info);
    CHECK(!strcmp(info.format, kind->format) && info.rate == kind->rate &&
              info.channels == kind->channels && !info.partial,
          "%s, %d Hz, %d channels", info.format, info.rate, info.channels);
    elcl_sound_destroy(&sound);
    /* Half of it: refused, unless the caller wants what is there. */
    char *data = NULL;
    size_t n = 0;
    if (!CHECK(!elcl_read_file(path, 1 << 20, &data, &n, &err), "%s", err.msg))
        return;
    const elcl_sound_params partial = {.allow_partial = 1};
    check_failure(kind->name, elcl_sound_read_memory(data, n / 2, "cut", NULL, &sound, &cut), &cut,
                  ELCL_E_FORMAT, kind->cut);
    elcl_error whole = {0};
    if (strcmp(kind->name, "a.caf") &&
        CHECK(!elcl_sound_read_memory(data, n / 2, "cut", &partial, &sound, &whole), "%s",
              whole.msg)) {
        elcl_sound_get_info(sound, &info);
        CHECK(info.partial && strstr(info.partial, kind->cut) &&
                  info.seconds < 0.9 * kind->seconds && info.seconds > 0.1 * kind->seconds,
              "%g s: %s", info.seconds, info.partial ? info.partial : "whole");
    }
    elcl_sound_destroy(&sound);
    elcl_free(data);
}

static void test_silence(void)
{
    if (!check_case("sound: silence, and a file without samples"))
        return;
    static const unsigned char wav[] = "RIFF\x30\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x80\x3e\0\0\0\x7d"
                                       "\0\0\2\0\x10\0data\x0c\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    unsigned char none[44];
    elcl_sound *sound = NULL;
    elcl_sound_info info;
    elcl_error err = {0};
    if (CHECK(!elcl_sound_read_memory(wav, sizeof(wav), "x", NULL, &sound, &err), "%s", err.msg)) {
        elcl_sound_get_info(sound, &info);
        CHECK(info.n_samples == 6 && info.samples[0] == 0 && info.samples[5] == 0, "%zu samples",
              info.n_samples);
    }
    elcl_sound_destroy(&sound);
    memcpy(none, wav, sizeof(none));
    none[40] = 0;
    refuse_bytes((const char *)none, sizeof(none), ELCL_E_FORMAT, "has no samples");
    /* A program that wrote into a pipe knew no size. */
    unsigned char pipe[sizeof(wav)];
    memcpy(pipe, wav, sizeof(pipe));
    memset(pipe + 40, 0xff, 4);
    CHECK(!elcl_sound_read_memory(pipe, sizeof(pipe), "x", NULL, &sound, &err), "%s", err.msg);
    elcl_sound_destroy(&sound);
}

/* Bytes that an encoder did not write, in the middle of a file. */
static void test_damaged(const struct kind *kind)
{
    if (!check_case("sound: %s with damage", kind->name))
        return;
    const char *path = write_tone(kind);
    char *data = NULL;
    size_t n = 0;
    elcl_sound *sound = NULL;
    elcl_error err = {0};
    if (!path || !CHECK(!elcl_read_file(path, 1 << 20, &data, &n, &err), "%s", err.msg))
        return;
    memset(data + n / 2, 0x55, n / 4);
    check_failure(kind->name, elcl_sound_read_memory(data, n, "x", NULL, &sound, &err), &err,
                  ELCL_E_FORMAT, "damaged");
    elcl_free(data);
}

/* Whole pages in the wrong number: decoders say nothing about these. */
static void test_pages(void)
{
    if (!check_case("sound: pages of Ogg that are missing or follow"))
        return;
    static const struct kind kind = {.name = "b.ogg",
                                     .sndfile = SF_FORMAT_OGG | SF_FORMAT_VORBIS,
                                     .rate = 8000,
                                     .channels = 1,
                                     .seconds = 4,
                                     .tolerance = 0.1};
    char *data = NULL, *twice;
    size_t n = 0, last = 0;
    elcl_sound *sound = NULL;
    elcl_error err = {0}, cut = {0}, more = {0};
    const char *path = write_tone(&kind);
    if (!path || !CHECK(!elcl_read_file(path, 1 << 20, &data, &n, &err), "%s", err.msg))
        return;
    for (size_t i = 1; i + 4 <= n; i++)
        last = memcmp(data + i, "OggS", 4) ? last : i;
    check_failure("cut", elcl_sound_read_memory(data, last, "x", NULL, &sound, &cut), &cut,
                  ELCL_E_FORMAT, "the end of the stream is missing");
    twice = malloc(2 * n);
    memcpy(twice, data, n);
    memcpy(twice + n, data, n);
    check_failure("twice", elcl_sound_read_memory(twice, 2 * n, "x", NULL, &sound, &more), &more,
                  ELCL_E_FORMAT, "4.00 s can be decoded, but another sound begins");
    free(twice);
    elcl_free(data);
}

static void test_files(void)
{
    for (size_t i = 0; i < ELCL_COUNT(kinds); i++)
        test_kind(&kinds[i]);
    for (size_t i = 0; i < ELCL_COUNT(kinds); i++)
        if (!strcmp(kinds[i].format, "FLAC") || !strcmp(kinds[i].format, "OGG"))
            test_damaged(&kinds[i]);
    test_pages();
    test_silence();
}

#else

static void test_files(void)
{
    if (check_case("sound: files without libsndfile"))
        refuse_bytes("RIFF\0\0\0\0WAVE", 12, ELCL_E_UNSUPPORTED, "built without libsndfile");
}

#endif

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_pcm();
    test_pcm_16();
    test_pcm_refused();
    test_rates();
    test_no_sound();
    test_files();
    return check_end();
}
