/* Sound files by their first bytes. What is not listed here never reaches a decoder. */
#include <string.h>

#include "speech/sound.h"

#define MAX_CHUNKS 1000
#define HEAD_BYTES 16
/* Programs that write into a pipe name a size of about this, or of 2^32 - 1: they do not know it.
 */
#define FROM_PIPE 0x7ffff000u

static uint32_t big(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t number(const unsigned char *p, bool little)
{
    return little ? (uint32_t)elcl_read_le(p, 4) : big(p);
}

static void claim(const struct elcl_file *file, uint64_t at, uint64_t bytes,
                  struct elcl_sound_head *head)
{
    head->claimed_bytes = bytes;
    head->present_bytes = file->bytes - at < bytes ? file->bytes - at : bytes;
}

/* Finds the samples of a RIFF or FORM file: a name and a size stand before the content of each
 * chunk. A chunk ds64 has the sizes of files above 4 GiB. */
static int find_samples(const struct elcl_file *file, const char *name, bool little,
                        struct elcl_sound_head *head, elcl_error *err)
{
    uint64_t large = 0;
    size_t at = 12;
    for (int i = 0; i < MAX_CHUNKS && at <= file->bytes && file->bytes - at >= 8; i++) {
        unsigned char chunk[24] = {0};
        const size_t there = file->bytes - at;
        const int rc =
            elcl_file_read(file, at, chunk, there < sizeof(chunk) ? there : sizeof(chunk), err);
        if (rc)
            return rc;
        const uint32_t bytes = number(chunk + 4, little);
        if (!memcmp(chunk, "ds64", 4))
            large = elcl_read_le(chunk + 16, 8);
        at += 8;
        if (!memcmp(chunk, name, 4)) {
            if (bytes == UINT32_MAX && large)
                claim(file, at, large, head);
            else if (bytes && bytes < FROM_PIPE)
                claim(file, at, bytes, head);
            return ELCL_OK;
        }
        at += (size_t)bytes + bytes % 2;
    }
    return ELCL_OK;
}

/* A frame of MPEG audio: 11 bits set, a layer, and a bit rate and a sample rate that exist. */
static bool is_mpeg_frame(const unsigned char *p)
{
    return p[0] == 0xff && (p[1] & 0xe0) == 0xe0 && (p[1] & 0x18) != 0x08 && (p[1] & 0x06) &&
           (p[2] & 0xf0) != 0xf0 && (p[2] & 0x0c) != 0x0c;
}

/* Looks for the header that encoders put into the first frame after the tag. */
static int find_mp3_length(const struct elcl_file *file, const unsigned char *first,
                           struct elcl_sound_head *head, elcl_error *err)
{
    size_t at = 0;
    if (!memcmp(first, "ID3", 3)) /* seven bits of each byte count */
        at = 10 +
             ((size_t)first[6] << 21 | (size_t)first[7] << 14 | (size_t)first[8] << 7 | first[9]);
    char frame[256] = {0};
    const size_t there = at < file->bytes ? file->bytes - at : 0;
    const int rc = elcl_file_read(file, at < file->bytes ? at : 0, frame,
                                  there < sizeof(frame) ? there : sizeof(frame), err);
    if (rc)
        return rc;
    head->is_mp3 = true;
    for (size_t i = 0; i + 4 <= sizeof(frame); i++)
        if (!memcmp(frame + i, "Xing", 4) || !memcmp(frame + i, "Info", 4) ||
            !memcmp(frame + i, "VBRI", 4))
            head->has_length = true;
    return ELCL_OK;
}

static int refuse(const struct elcl_file *file, const unsigned char *p, elcl_error *err)
{
    const char *kind = !memcmp(p + 4, "ftyp", 4)           ? "an MP4 file"
                       : !memcmp(p, "\x1a\x45\xdf\xa3", 4) ? "a Matroska or WebM file"
                       : !memcmp(p, "\x30\x26\xb2\x75", 4) ? "a Windows Media file"
                       : !memcmp(p, "#!AMR", 5)            ? "an AMR file"
                       : !memcmp(p, "RIFF", 4)             ? "a RIFF file without sound"
                                                           : NULL;
    if (kind)
        return elcl_fail(err, ELCL_E_UNSUPPORTED,
                         "%s: is %s, which elcl does not read; convert it with ffmpeg -i FILE "
                         "sound.wav",
                         file->path, kind);
    return elcl_fail(err, ELCL_E_FORMAT,
                     "%s: is not a sound file (WAV, FLAC, OGG, MP3, AIFF, AU, CAF); convert other "
                     "formats with ffmpeg -i FILE sound.wav",
                     file->path);
}

int elcl_sound_identify(const struct elcl_file *file, struct elcl_sound_head *head, elcl_error *err)
{
    unsigned char p[HEAD_BYTES] = {0};
    *head = (struct elcl_sound_head){.has_length = true};
    if (!file->bytes)
        return elcl_fail(err, ELCL_E_FORMAT, "%s: is empty", file->path);
    const int rc =
        elcl_file_read(file, 0, p, file->bytes < HEAD_BYTES ? file->bytes : HEAD_BYTES, err);
    if (rc)
        return rc;
    if ((!memcmp(p, "RIFF", 4) || !memcmp(p, "RIFX", 4) || !memcmp(p, "RF64", 4)) &&
        !memcmp(p + 8, "WAVE", 4))
        return find_samples(file, "data", p[3] != 'X', head, err);
    if (!memcmp(p, "FORM", 4) && (!memcmp(p + 8, "AIFF", 4) || !memcmp(p + 8, "AIFC", 4)))
        return find_samples(file, "SSND", false, head, err);
    if (!memcmp(p, ".snd", 4)) {
        const uint32_t at = big(p + 4), bytes = big(p + 8);
        if (at <= file->bytes && bytes && bytes < FROM_PIPE)
            claim(file, at, bytes, head);
        return ELCL_OK;
    }
    if (!memcmp(p, "OggS", 4))
        return elcl_ogg_check(file, head->fault, err);
    if (!memcmp(p, "fLaC", 4) || !memcmp(p, "caff", 4))
        return ELCL_OK;
    if (!memcmp(p, "ID3", 3) || is_mpeg_frame(p))
        return find_mp3_length(file, p, head, err);
    return refuse(file, p, err);
}
