/* The languages that a model of one direction translates between, as its files name them. */
#include <stdio.h>
#include <string.h>

#include "base/os.h"
#include "base/util.h"
#include "format/json.h"
#include "format/model_file.h"
#include "format/package.h"

#define MAX_BYTES ((size_t)16 << 20)

/* Where files of a model say it, the surest first. */
static const struct place {
    const char *file, *source, *target; /* keys; both NULL: items of "langs" */
    const char *source_name, *target_name;
} places[] = {
    {"../metadata.json", "from_code", "to_code", "from_name", "to_name"}, /* argostranslate */
    {"config.json", NULL, NULL, NULL, NULL},                              /* FSMT */
    {"tokenizer_config.json", "source_lang", "target_lang", NULL, NULL},  /* Marian */
};

/* Copies a string into out [room]; leaves it empty if there is none. */
static int copy(const cJSON *value, const char *file, const char *key, char *out, size_t room,
                elcl_error *err)
{
    if (!value || cJSON_IsNull(value))
        return ELCL_OK;
    if (!cJSON_IsString(value) || strlen(value->valuestring) >= room)
        return elcl_json_mismatch(file, key, "a short string", value, err);
    memcpy(out, value->valuestring, strlen(value->valuestring) + 1);
    return ELCL_OK;
}

static int copy_names(const cJSON *root, const struct place *place, const char *file,
                      elcl_direction *d, elcl_error *err)
{
    const cJSON *langs = elcl_json_get(root, "langs");
    const cJSON *source = cJSON_GetArrayItem(langs, 0), *target = cJSON_GetArrayItem(langs, 1);
    int rc = ELCL_OK;
    if (place->source) {
        source = elcl_json_get(root, place->source);
        target = elcl_json_get(root, place->target);
    } else if (cJSON_GetArraySize(langs) != 2) {
        return ELCL_OK;
    }
    rc = copy(source, file, place->source ? place->source : "langs", d->source, sizeof(d->source),
              err);
    if (!rc)
        rc = copy(target, file, place->target ? place->target : "langs", d->target,
                  sizeof(d->target), err);
    if (rc || !place->source_name)
        return rc;
    rc = copy(elcl_json_get(root, place->source_name), file, place->source_name, d->source_name,
              sizeof(d->source_name), err);
    return rc ? rc
              : copy(elcl_json_get(root, place->target_name), file, place->target_name,
                     d->target_name, sizeof(d->target_name), err);
}

static int read_place(const char *directory, const struct place *place, elcl_direction *d,
                      elcl_error *err)
{
    const size_t n = strlen(directory);
    const bool package = elcl_ends_with(directory, n, "/model");
    char *path = NULL, *text = NULL;
    cJSON *root = NULL;
    size_t n_text = 0;
    int rc = ELCL_OK;
    if (*place->file == '.' && !package)
        return ELCL_OK;
    path = elcl_path_join(directory, place->file);
    if (!path)
        return elcl_fail_nomem(err);
    ELCL_TRY(elcl_read_optional_file(path, MAX_BYTES, &text, &n_text, err));
    if (text)
        ELCL_TRY(elcl_json_parse(text, n_text, path, &root, err));
    if (root)
        ELCL_TRY(copy_names(root, place, path, d, err));
fail:
    elcl_free(path);
    elcl_free(text);
    cJSON_Delete(root);
    return rc;
}

int elcl_direction_read(const char *directory, elcl_direction *direction, elcl_error *err)
{
    elcl_direction d = {0};
    char *inner = NULL; /* of a package */
    if (!directory || !direction)
        return elcl_fail(err, ELCL_E_ARG, "elcl_direction_read: NULL argument");
    enum elcl_model_file file = ELCL_NO_MODEL_FILE;
    int rc = elcl_package_open(directory, &inner, err);
    if (!rc)
        rc = elcl_model_file_detect(inner, &file, err);
    for (size_t i = 0; i < ELCL_COUNT(places) && !rc && !file && (!*d.source || !*d.target); i++) {
        d = (elcl_direction){0};
        rc = read_place(inner, &places[i], &d, err);
    }
    elcl_free(inner);
    if (rc)
        return rc;
    *direction = *d.source && *d.target ? d : (elcl_direction){0};
    return ELCL_OK;
}
