#include "speech/preprocessor.h"

#include <string.h>

#include "base/os.h"
#include "base/util.h"
#include "elcl/speech.h"
#include "format/json.h"
#include "speech/fft.h"
#include "speech/mel.h"
#include "speech/segments.h"

/* Old files hold the filters, which are computed: 80 lists of 201 numbers. */
#define MAX_FILE_BYTES ((size_t)16 << 20)
#define MAX_WINDOW_SECONDS 3600

/* Fails unless the key is absent or has the one value that elcl computes with. */
static int require(const cJSON *object, const char *path, const char *key, int wanted,
                   elcl_error *err)
{
    const cJSON *value = elcl_json_get(object, key);
    if (!value || cJSON_IsNull(value) || (cJSON_IsNumber(value) && value->valuedouble == wanted))
        return ELCL_OK;
    return elcl_fail(err, ELCL_E_UNSUPPORTED,
                     "%s: %s: elcl computes features only with %d, found %s", path, key, wanted,
                     elcl_json_describe(value).s);
}

static int read_int(const cJSON *object, const char *path, const char *key, int max, int *out,
                    elcl_error *err)
{
    const cJSON *value = elcl_json_get(object, key);
    int64_t number;
    if (!value || cJSON_IsNull(value))
        return ELCL_OK;
    if (!elcl_json_int(value, 1, max, &number))
        return elcl_json_mismatch(path, key, "a number from 1 on that is not too large", value,
                                  err);
    *out = (int)number;
    return ELCL_OK;
}

static int read_type(const cJSON *object, const char *path, elcl_error *err)
{
    static const char key[] = "feature_extractor_type";
    const cJSON *value = elcl_json_get(object, key);
    if (!value || (cJSON_IsString(value) && !strcmp(value->valuestring, "WhisperFeatureExtractor")))
        return ELCL_OK;
    return elcl_fail(err, ELCL_E_UNSUPPORTED,
                     "%s: %s: elcl computes features only as \"WhisperFeatureExtractor\", found %s",
                     path, key, elcl_json_describe(value).s);
}

static int read_object(const cJSON *object, const char *path,
                       struct elcl_preprocessor *preprocessor, elcl_error *err)
{
    int mels = 80, seconds = 30, rc;
    ELCL_TRY(read_type(object, path, err));
    ELCL_TRY(require(object, path, "sampling_rate", ELCL_SOUND_RATE, err));
    ELCL_TRY(require(object, path, "hop_length", ELCL_FEATURE_HOP, err));
    ELCL_TRY(require(object, path, "n_fft", ELCL_FFT_POINTS, err));
    ELCL_TRY(require(object, path, "padding_value", 0, err));
    ELCL_TRY(require(object, path, "dither", 0, err));
    ELCL_TRY(read_int(object, path, "feature_size", ELCL_MAX_MELS, &mels, err));
    ELCL_TRY(read_int(object, path, "chunk_length", MAX_WINDOW_SECONDS, &seconds, err));
    *preprocessor =
        (struct elcl_preprocessor){.mels = mels, .window_frames = seconds * ELCL_FRAMES_PER_SECOND};
fail:
    return rc;
}

int elcl_preprocessor_parse(const char *text, size_t n, const char *path,
                            struct elcl_preprocessor *preprocessor, elcl_error *err)
{
    cJSON *root = NULL;
    int rc = elcl_json_parse(text, n, path, &root, err);
    if (!rc) {
        const cJSON *inner = elcl_json_get(root, "feature_extractor");
        rc = read_object(cJSON_IsObject(inner) ? inner : root, path, preprocessor, err);
    }
    cJSON_Delete(root);
    return rc;
}

/* *found: whether there is such a file. */
static int check_file(const char *directory, const char *name,
                      const struct elcl_preprocessor *encoder, bool *found, elcl_error *err)
{
    char *path = elcl_path_join(directory, name), *text = NULL;
    size_t n = 0;
    int rc =
        path ? elcl_read_optional_file(path, MAX_FILE_BYTES, &text, &n, err) : elcl_fail_nomem(err);
    *found = text != NULL;
    if (text) {
        struct elcl_preprocessor p;
        rc = elcl_preprocessor_parse(text, n, path, &p, err);
        if (!rc && p.mels != encoder->mels)
            rc = elcl_fail(err, ELCL_E_FORMAT,
                           "%s: feature_size: the encoder reads %d mels, found %d", path,
                           encoder->mels, p.mels);
        else if (!rc && p.window_frames != encoder->window_frames)
            rc = elcl_fail(err, ELCL_E_FORMAT, "%s: chunk_length: the encoder reads %g s, found %g",
                           path, elcl_frame_seconds((size_t)encoder->window_frames),
                           elcl_frame_seconds((size_t)p.window_frames));
    }
    elcl_free(text);
    elcl_free(path);
    return rc;
}

int elcl_preprocessor_check(const char *directory, const struct elcl_preprocessor *encoder,
                            elcl_error *err)
{
    bool found;
    const int rc = check_file(directory, "preprocessor_config.json", encoder, &found, err);
    return rc || found ? rc : check_file(directory, "processor_config.json", encoder, &found, err);
}
