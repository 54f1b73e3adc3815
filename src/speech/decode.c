/* Sound files, with libsndfile. It reads through our own functions: from the file that is open, or
 * from memory. */
#include <sndfile.h>
#include <stdio.h>

#include "speech/sound.h"

/* Tags may follow the last sample of a compressed file. */
#define TAG_BYTES 16384
/* Decoders and headers of MP3 may count the frames at both ends in different ways. */
#define MP3_SLACK 2304

struct stream {
    const struct elcl_file *file;
    size_t at;
    elcl_error err; /* of a read that failed */
};

static sf_count_t stream_bytes(void *user)
{
    return (sf_count_t)((struct stream *)user)->file->bytes;
}

static sf_count_t stream_seek(sf_count_t offset, int whence, void *user)
{
    struct stream *s = user;
    const sf_count_t bytes = (sf_count_t)s->file->bytes;
    const sf_count_t from = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? (sf_count_t)s->at : bytes;
    if (offset < -from || offset > bytes - from)
        return -1;
    s->at = (size_t)(from + offset);
    return (sf_count_t)s->at;
}

static sf_count_t stream_read(void *to, sf_count_t n, void *user)
{
    struct stream *s = user;
    const size_t left = s->file->bytes - s->at;
    const size_t count = n < 0 ? 0 : (uint64_t)n < left ? (size_t)n : left;
    if (s->err.code || elcl_file_read(s->file, s->at, to, count, &s->err))
        return 0;
    s->at += count;
    return (sf_count_t)count;
}

static sf_count_t stream_tell(void *user)
{
    return (sf_count_t)((struct stream *)user)->at;
}

static const char *format_name(int format)
{
    switch (format & SF_FORMAT_TYPEMASK) {
    case SF_FORMAT_WAV:
    case SF_FORMAT_WAVEX:
        return "WAV";
    case SF_FORMAT_RF64:
        return "RF64";
    case SF_FORMAT_FLAC:
        return "FLAC";
    case SF_FORMAT_OGG:
        return "OGG";
    case SF_FORMAT_MPEG:
        return "MP3";
    case SF_FORMAT_AIFF:
        return "AIFF";
    case SF_FORMAT_AU:
        return "AU";
    case SF_FORMAT_CAF:
        return "CAF";
    default:
        return NULL;
    }
}

/* Decodes until the end, or until the decoder cannot go on: then *stopped says why. */
static int read_frames(SNDFILE *sound, struct stream *stream, struct elcl_intake *intake,
                       const char **stopped, elcl_error *err)
{
    const sf_count_t step = ELCL_INTAKE_FRAMES / intake->channels;
    float *frames = elcl_calloc(ELCL_INTAKE_FRAMES, sizeof(float));
    int rc = frames ? ELCL_OK : elcl_fail_nomem(err);
    for (sf_count_t n = 1; !rc && n > 0;) {
        n = sf_readf_float(sound, frames, step);
        if (stream->err.code)
            rc = elcl_fail(err, stream->err.code, "%s", stream->err.msg);
        else if (n > 0)
            rc = elcl_intake_add(intake, frames, (size_t)n, err);
    }
    *stopped = sf_error(sound) ? sf_strerror(sound) : NULL;
    elcl_free(frames);
    return rc;
}

/* Returns the frames that the file says it has, as far as that can be known, or 0. */
static double claimed_frames(const struct elcl_sound_head *head, const SF_INFO *info,
                             const struct elcl_intake *intake)
{
    const double found = (double)intake->n_frames;
    if (head->claimed_bytes > head->present_bytes && head->present_bytes)
        return found * (double)head->claimed_bytes / (double)head->present_bytes;
    if (!head->has_length || info->frames <= 0 || info->frames >= SF_COUNT_MAX)
        return 0;
    return (double)info->frames - (head->is_mp3 ? MP3_SLACK : 0);
}

/* Says why the file has more than was decoded; leaves `why` empty if nothing is missing.
 * stopped: the decoder's reason, or NULL. */
static void find_rest(const struct elcl_sound_head *head, const struct stream *stream,
                      const SF_INFO *info, const struct elcl_intake *intake, const char *stopped,
                      struct elcl_str *why)
{
    const int type = info->format & SF_FORMAT_TYPEMASK;
    const bool tagged = type == SF_FORMAT_MPEG || type == SF_FORMAT_FLAC;
    const double found = (double)intake->n_frames, claimed = claimed_frames(head, info, intake);
    const double seconds = found / intake->rate;
    if (claimed > found)
        elcl_str_printf(why, "%s: is damaged or breaks off: %.2f s of its %.2f s can be decoded",
                        intake->name, seconds, claimed / intake->rate);
    else if (stopped)
        elcl_str_printf(why, "%s: cannot be decoded after %.2f s: %s", intake->name, seconds,
                        stopped);
    else if (head->fault[0])
        elcl_str_printf(why, "%s: %.2f s can be decoded, but %s", intake->name, seconds,
                        head->fault);
    else if (tagged && stream->file->bytes - stream->at > TAG_BYTES)
        elcl_str_printf(why,
                        "%s: is damaged, or several files in one: decoding ends after %.2f s at "
                        "byte %zu of %zu",
                        intake->name, seconds, stream->at, stream->file->bytes);
}

static int decode(SNDFILE *sound, const SF_INFO *info, struct stream *stream,
                  const struct elcl_sound_head *head, const elcl_sound_params *params,
                  struct elcl_intake *intake, char **partial, elcl_error *err)
{
    struct elcl_str why = {0};
    const char *stopped = NULL;
    int rc = elcl_intake_init(intake, stream->file->path, params->max_seconds, info->samplerate,
                              info->channels, err);
    if (!rc)
        rc = read_frames(sound, stream, intake, &stopped, err);
    if (!rc && stopped && !intake->n_frames)
        rc = elcl_fail(err, ELCL_E_FORMAT, "%s: cannot be decoded: %s", intake->name, stopped);
    if (!rc)
        rc = elcl_intake_end(intake, err);
    if (rc)
        return rc;
    find_rest(head, stream, info, intake, stopped, &why);
    if (why.failed) {
        elcl_str_finish(&why);
        return elcl_fail_nomem(err);
    }
    *partial = why.data;
    return ELCL_OK;
}

int elcl_sound_decode(const struct elcl_file *file, const struct elcl_sound_head *head,
                      const elcl_sound_params *params, struct elcl_intake *intake,
                      const char **format, char **partial, elcl_error *err)
{
    SF_VIRTUAL_IO io = {
        .get_filelen = stream_bytes, .seek = stream_seek, .read = stream_read, .tell = stream_tell};
    struct stream stream = {.file = file};
    SF_INFO info = {0};
    SNDFILE *sound = sf_open_virtual(&io, SFM_READ, &info, &stream);
    int rc;
    *partial = NULL;
    if (stream.err.code)
        rc = elcl_fail(err, stream.err.code, "%s", stream.err.msg);
    else if (!sound)
        rc = elcl_fail(err, ELCL_E_FORMAT, "%s: cannot be decoded: %s", file->path,
                       head->fault[0] ? head->fault : sf_strerror(NULL));
    else if (!(*format = format_name(info.format)))
        rc = elcl_fail(err, ELCL_E_UNSUPPORTED, "%s: has a sound format that elcl does not read",
                       file->path);
    else
        rc = decode(sound, &info, &stream, head, params, intake, partial, err);
    if (sound)
        sf_close(sound);
    return rc;
}
