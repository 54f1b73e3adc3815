#include "format/config.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "base/util.h"
#include "format/ctranslate2.h"
#include "format/foreign.h"
#include "format/ggml.h"
#include "format/gguf.h"
#include "format/json.h"
#include "format/model_file.h"

#define MAX_CONFIG_BYTES ((size_t)16 << 20)

/* ---- loading ------------------------------------------------------------------------------- */

static int parse_object(const char *text, size_t n, const char *name, cJSON **root, elcl_error *err)
{
    cJSON *object = NULL;
    int rc = elcl_json_parse(text, n, name, &object, err);
    if (!rc)
        rc = elcl_json_unique_keys(object, name, err);
    if (rc)
        cJSON_Delete(object);
    else
        *root = object;
    return rc;
}

static int read_model_type(struct elcl_config *config, const char *directory, elcl_error *err)
{
    const cJSON *type = elcl_json_get(config->model, "model_type");
    const int rc = directory && !type ? elcl_foreign_directory(directory, err) : ELCL_OK;
    if (rc)
        return rc;
    if (!cJSON_IsString(type) || !*type->valuestring)
        return elcl_json_mismatch(config->path, "model_type", "a string", type, err);
    if (strlen(type->valuestring) >= sizeof(config->model_type))
        return elcl_fail(err, ELCL_E_UNSUPPORTED, "%s: model_type %.100s is not known",
                         config->path, type->valuestring);
    snprintf(config->model_type, sizeof(config->model_type), "%s", type->valuestring);
    return ELCL_OK;
}

/* The model type and the rest of a CTranslate2 directory, or of a model that is a file. */
static int load_made(const char *model, enum elcl_model_file file, struct elcl_config *config,
                     elcl_error *err)
{
    struct elcl_config c = {
        .directory = file ? NULL : elcl_strdup(model),
        .path = file ? elcl_strdup(model) : elcl_path_join(model, ELCL_CT2_FILE),
        .generation_path = file ? elcl_strdup(model) : elcl_path_join(model, "config.json")};
    const bool ok = (c.directory || file) && c.path && c.generation_path;
    int rc = ok ? ELCL_OK : elcl_fail_nomem(err);
    if (!rc)
        rc = file == ELCL_GGUF_FILE ? elcl_gguf_config(model, &c.model, err)
             : file                 ? elcl_ggml_config(model, &c.model, &c.generation, err)
                                    : elcl_ct2_config(model, &c.model, &c.generation, err);
    if (!rc)
        rc = read_model_type(&c, NULL, err);
    if (rc)
        elcl_config_finish(&c);
    else
        *config = c;
    return rc;
}

/* Takes ownership of both paths; `directory` is NULL for texts in memory. */
static int parse(char *path, char *generation_path, const char *directory, const char *model,
                 size_t n_model, const char *generation, size_t n_generation,
                 struct elcl_config *config, elcl_error *err)
{
    struct elcl_config c = {.directory = directory ? elcl_strdup(directory) : NULL,
                            .path = path,
                            .generation_path = generation_path};
    int rc;
    if (!path || !generation_path || (directory && !c.directory)) {
        rc = elcl_fail_nomem(err);
        goto fail;
    }
    ELCL_TRY(parse_object(model, n_model, path, &c.model, err));
    ELCL_TRY(read_model_type(&c, directory, err));
    if (generation)
        ELCL_TRY(parse_object(generation, n_generation, generation_path, &c.generation, err));
    *config = c;
    return ELCL_OK;
fail:
    elcl_config_finish(&c);
    return rc;
}

int elcl_config_parse(const char *model, size_t n_model, const char *generation,
                      size_t n_generation, struct elcl_config *config, elcl_error *err)
{
    static const char path[] = "config.json", generation_path[] = "generation_config.json";
    return parse(elcl_strndup(path, strlen(path)),
                 elcl_strndup(generation_path, strlen(generation_path)), NULL, model, n_model,
                 generation, n_generation, config, err);
}

int elcl_config_load(const char *directory, struct elcl_config *config, elcl_error *err)
{
    bool ctranslate2 = false;
    enum elcl_model_file file = ELCL_NO_MODEL_FILE;
    int rc = elcl_model_file_detect(directory, &file, err);
    if (!rc && !file)
        rc = elcl_check_directory(directory, err);
    if (!rc && !file)
        rc = elcl_ct2_detect(directory, &ctranslate2, err);
    if (rc || file || ctranslate2)
        return rc ? rc : load_made(directory, file, config, err);
    char *path = elcl_path_join(directory, "config.json");
    char *generation_path = elcl_path_join(directory, "generation_config.json");
    char *model = NULL, *generation = NULL;
    size_t n_model = 0, n_generation = 0;
    if (!path || !generation_path) {
        rc = elcl_fail_nomem(err);
        goto fail;
    }
    ELCL_TRY(elcl_read_optional_file(path, MAX_CONFIG_BYTES, &model, &n_model, err));
    if (!model) {
        ELCL_TRY(elcl_foreign_directory(directory, err));
        ELCL_TRY(elcl_read_file(path, MAX_CONFIG_BYTES, &model, &n_model, err)); /* says why */
    }
    ELCL_TRY(elcl_read_optional_file(generation_path, MAX_CONFIG_BYTES, &generation, &n_generation,
                                     err));
    rc = parse(path, generation_path, directory, model, n_model, generation, n_generation, config,
               err);
    path = generation_path = NULL;
fail:
    free(path);
    free(generation_path);
    free(model);
    free(generation);
    return rc;
}

bool elcl_config_hash(const struct elcl_config *config, uint64_t *hash)
{
    char *text = cJSON_PrintUnformatted(config->model);
    if (text)
        *hash = elcl_hash_string(*hash, text);
    cJSON_free(text);
    return text != NULL;
}

void elcl_config_finish(struct elcl_config *config)
{
    free(config->directory);
    free(config->path);
    free(config->generation_path);
    cJSON_Delete(config->model);
    cJSON_Delete(config->generation);
    for (size_t i = 0; i < ELCL_COUNT(config->lists); i++)
        elcl_free(config->lists[i]);
    *config = (struct elcl_config){0};
}

/* ---- values of config.json ----------------------------------------------------------------- */

static const cJSON *lookup(const struct elcl_config *config, const char *key)
{
    const cJSON *value = elcl_json_get(config->model, key);
    return cJSON_IsNull(value) ? NULL : value;
}

bool elcl_config_has(const struct elcl_config *config, const char *key)
{
    return lookup(config, key) != NULL;
}

bool elcl_config_is_set(const struct elcl_config *config, const char *key)
{
    const cJSON *value = lookup(config, key);
    const bool empty = (cJSON_IsObject(value) || cJSON_IsArray(value)) && !value->child;
    return value && !cJSON_IsFalse(value) && !empty;
}

int elcl_config_int(const struct elcl_config *config, const char *key, int min, int max, int *out,
                    elcl_error *err)
{
    const cJSON *value = elcl_json_get(config->model, key);
    int64_t i;
    if (!elcl_json_int(value, min, max, &i)) {
        char what[64];
        snprintf(what, sizeof(what), "an integer in %d .. %d", min, max);
        return elcl_json_mismatch(config->path, key, what, value, err);
    }
    *out = (int)i;
    return ELCL_OK;
}

int elcl_config_int_or(const struct elcl_config *config, const char *key, int min, int max,
                       int fallback, int *out, elcl_error *err)
{
    if (elcl_config_has(config, key))
        return elcl_config_int(config, key, min, max, out, err);
    *out = fallback;
    return ELCL_OK;
}

int elcl_config_float_or(const struct elcl_config *config, const char *key, double min, double max,
                         double fallback, float *out, elcl_error *err)
{
    const cJSON *value = lookup(config, key);
    const double x = cJSON_IsNumber(value) ? value->valuedouble : value ? NAN : fallback;
    if (value && !(x >= min && x <= max)) {
        char what[64];
        snprintf(what, sizeof(what), "a number in %g .. %g", min, max);
        return elcl_json_mismatch(config->path, key, what, value, err);
    }
    *out = (float)x;
    return ELCL_OK;
}

int elcl_config_bool_or(const struct elcl_config *config, const char *key, bool fallback, bool *out,
                        elcl_error *err)
{
    bool value = fallback;
    const int rc = elcl_json_bool(config->model, key, config->path, &value, err);
    if (!rc)
        *out = value;
    return rc;
}

int elcl_config_string_or(const struct elcl_config *config, const char *key, const char *fallback,
                          const char **out, elcl_error *err)
{
    const cJSON *value = lookup(config, key);
    if (value && !cJSON_IsString(value))
        return elcl_json_mismatch(config->path, key, "a string", value, err);
    *out = value ? value->valuestring : fallback;
    return ELCL_OK;
}

int elcl_config_alias(struct elcl_config *config, const char *other, const char *key,
                      bool key_counts, elcl_error *err)
{
    const cJSON *there = lookup(config, other), *own = lookup(config, key);
    if (!there || (own && key_counts))
        return ELCL_OK;
    if (own)
        return cJSON_Compare(own, there, true)
                   ? ELCL_OK
                   : elcl_fail(err, ELCL_E_FORMAT,
                               "%s: %s is %s and %s is %s, which are two names of one number; "
                               "remove the wrong one",
                               config->path, key, elcl_json_describe(own).s, other,
                               elcl_json_describe(there).s);
    cJSON *copy = cJSON_Duplicate(there, true);
    cJSON_DeleteItemFromObjectCaseSensitive(config->model, key); /* a null */
    if (copy && cJSON_AddItemToObject(config->model, key, copy))
        return ELCL_OK;
    cJSON_Delete(copy);
    return elcl_fail_nomem(err);
}
