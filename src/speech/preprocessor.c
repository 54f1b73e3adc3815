#include "speech/preprocessor.h"

#include <string.h>

#include "base/os.h"
#include "base/util.h"
#include "elcl/speech.h"
#include "format/config.h"
#include "format/json.h"
#include "speech/fft.h"
#include "speech/mel.h"

/* Old files hold the filters, which are computed: 80 lists of 201 numbers. */
#define MAX_FILE_BYTES ((size_t)16 << 20)
#define MAX_WINDOW_SECONDS 3600
#define POSITIONS_PER_SECOND 50

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
    *preprocessor = (struct elcl_preprocessor){
        .mels = mels, .window_frames = seconds * (ELCL_SOUND_RATE / ELCL_FEATURE_HOP)};
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
static int read_file(const char *directory, const char *name, bool *found,
                     struct elcl_preprocessor *preprocessor, elcl_error *err)
{
    char *path = elcl_path_join(directory, name), *text = NULL;
    size_t n = 0;
    int rc =
        path ? elcl_read_optional_file(path, MAX_FILE_BYTES, &text, &n, err) : elcl_fail_nomem(err);
    *found = text != NULL;
    if (text)
        rc = elcl_preprocessor_parse(text, n, path, preprocessor, err);
    elcl_free(text);
    elcl_free(path);
    return rc;
}

/* The sizes of the model that reads the features. */
static int read_sizes(const char *model, struct elcl_preprocessor *preprocessor, elcl_error *err)
{
    struct elcl_config config = {0};
    int mels, positions, rc;
    bool there = true;
    *preprocessor = (struct elcl_preprocessor){.mels = 80, .window_frames = 3000};
    if (elcl_is_directory(model))
        ELCL_TRY(elcl_has_file(model, "config.json", &there, err));
    if (!there)
        return ELCL_OK;
    ELCL_TRY(elcl_config_load(model, &config, err));
    ELCL_TRY(elcl_config_int_or(&config, "num_mel_bins", 1, ELCL_MAX_MELS, 80, &mels, err));
    ELCL_TRY(elcl_config_int_or(&config, "max_source_positions", 1,
                                MAX_WINDOW_SECONDS * POSITIONS_PER_SECOND, 1500, &positions, err));
    *preprocessor = (struct elcl_preprocessor){.mels = mels, .window_frames = 2 * positions};
fail:
    elcl_config_finish(&config);
    return rc;
}

int elcl_preprocessor_read(const char *directory, struct elcl_preprocessor *preprocessor,
                           elcl_error *err)
{
    bool found = false;
    if (!elcl_is_directory(directory)) /* a file of whisper.cpp */
        return read_sizes(directory, preprocessor, err);
    int rc = read_file(directory, "preprocessor_config.json", &found, preprocessor, err);
    if (!rc && !found)
        rc = read_file(directory, "processor_config.json", &found, preprocessor, err);
    return rc || found ? rc : read_sizes(directory, preprocessor, err);
}
