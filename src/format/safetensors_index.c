/* A model's directory: one safetensors file, or an index that names several. */
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "base/util.h"
#include "format/json.h"
#include "format/safetensors_impl.h"

#define ONE_FILE "model.safetensors"
#define INDEX_FILE "model.safetensors.index.json"
#define MAX_INDEX_BYTES ((size_t)64 << 20)

/* A shard lies in the index's directory or below: a downloaded index must not open other files. */
static bool stays_inside(const char *file)
{
    if (!*file || *file == '/' || strchr(file, '\\'))
        return false;
    for (const char *part = file; part; part = strchr(part, '/')) {
        part += *part == '/';
        const size_t n = strcspn(part, "/");
        if (!n || (n == 1 && !memcmp(part, ".", 1)) || (n == 2 && !memcmp(part, "..", 2)))
            return false;
    }
    return true;
}

static int check_entry(const char *index, const cJSON *entry, elcl_error *err)
{
    if (!cJSON_IsString(entry))
        return elcl_fail(err, ELCL_E_FORMAT,
                         "%s: weight_map: %.200s: expected a file name, found %s", index,
                         entry->string, elcl_json_describe(entry).s);
    if (!stays_inside(entry->valuestring))
        return elcl_fail(err, ELCL_E_FORMAT,
                         "%s: weight_map: %.100s: file name \"%.200s\" leaves the directory", index,
                         entry->string, entry->valuestring);
    return ELCL_OK;
}

/* Maps a shard when it is met first. `shards` numbers the file names. */
static int open_shard(struct elcl_safetensors *st, const char *directory, const char *file,
                      struct elcl_strmap *shards, elcl_error *err)
{
    if (elcl_strmap_get(shards, file, strlen(file)) >= 0)
        return ELCL_OK;
    int32_t number = (int32_t)st->n_files;
    char *path = elcl_path_join(directory, file);
    if (!path)
        return elcl_fail_nomem(err);
    int rc = elcl_safetensors_map(st, path, err);
    if (!rc)
        rc = elcl_strmap_add(shards, file, strlen(file), number, &number, err);
    free(path);
    return rc;
}

/* The index says which file a tensor is in: it must be there. */
static int check_place(const struct elcl_safetensors *st, const cJSON *entry,
                       const struct elcl_strmap *shards, elcl_error *err)
{
    const char *file = entry->valuestring;
    const char *path = st->files[elcl_strmap_get(shards, file, strlen(file))].path;
    const struct elcl_tensor *t = elcl_safetensors_find(st, entry->string);
    if (t ? t->file == path : elcl_safetensors_refusal(st, entry->string) != NULL)
        return ELCL_OK;
    return elcl_fail(err, ELCL_E_FORMAT,
                     "%s: weight_map places tensor %.200s in %.200s, which does not have it",
                     st->path, entry->string, file);
}

static int read_weight_map(struct elcl_safetensors *st, const char *directory, const cJSON *map,
                           elcl_error *err)
{
    struct elcl_strmap shards = {0};
    int rc;
    ELCL_TRY(elcl_json_unique_keys(map, st->path, err));
    for (const cJSON *entry = map->child; entry; entry = entry->next) {
        ELCL_TRY(check_entry(st->path, entry, err));
        ELCL_TRY(open_shard(st, directory, entry->valuestring, &shards, err));
    }
    for (const cJSON *entry = map->child; entry; entry = entry->next)
        ELCL_TRY(check_place(st, entry, &shards, err));
    rc = ELCL_OK;
fail:
    elcl_strmap_finish(&shards);
    return rc;
}

static int open_index(const char *directory, const char *path, struct elcl_safetensors **st,
                      elcl_error *err)
{
    struct elcl_safetensors *s = NULL;
    char *text = NULL;
    size_t n = 0;
    cJSON *root = NULL;
    int rc;
    ELCL_TRY(elcl_read_file(path, MAX_INDEX_BYTES, &text, &n, err));
    ELCL_TRY(elcl_json_parse(text, n, path, &root, err));
    const cJSON *map = elcl_json_get(root, "weight_map");
    if (!cJSON_IsObject(map) || !map->child) {
        rc = elcl_json_mismatch(path, "weight_map", "an object of tensor and file names", map, err);
        goto fail;
    }
    ELCL_TRY(elcl_safetensors_create(path, &s, err));
    ELCL_TRY(read_weight_map(s, directory, map, err));
    *st = s;
    s = NULL;
fail:
    elcl_safetensors_close(&s);
    cJSON_Delete(root);
    free(text);
    return rc;
}

int elcl_safetensors_open(const char *directory, struct elcl_safetensors **st, elcl_error *err)
{
    char *one = elcl_path_join(directory, ONE_FILE);
    char *index = elcl_path_join(directory, INDEX_FILE);
    int rc;
    if (!one || !index)
        rc = elcl_fail_nomem(err);
    else if (elcl_is_file(one))
        rc = elcl_safetensors_open_file(one, st, err);
    else if (elcl_is_file(index))
        rc = open_index(directory, index, st, err);
    else
        rc = elcl_fail(err, ELCL_E_IO, "%s: has neither " ONE_FILE " nor " INDEX_FILE, directory);
    free(one);
    free(index);
    return rc;
}
