#include "format/shards.h"

#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "base/util.h"
#include "format/json.h"
#include "base/strmap.h"

#define MAX_INDEX_BYTES ((size_t)64 << 20)

/* The state of reading an index. */
struct reader {
    const char *directory, *index;
    const struct elcl_shards_user *functions;
    void *user;
    struct elcl_strmap files; /* -> index */
};

/* Checks that a shard is inside the directory of the index: a downloaded index must not open other
 * files. */
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

static int check_entry(const struct reader *r, const cJSON *entry, elcl_error *err)
{
    if (!cJSON_IsString(entry))
        return elcl_fail(err, ELCL_E_FORMAT,
                         "%s: weight_map: %.200s: expected a file name, found %s", r->index,
                         entry->string, elcl_json_describe(entry).s);
    if (!stays_inside(entry->valuestring))
        return elcl_fail(err, ELCL_E_FORMAT,
                         "%s: weight_map: %.100s: file name \"%.200s\" leaves the directory",
                         r->index, entry->string, entry->valuestring);
    return ELCL_OK;
}

/* Opens a file the first time it is named. */
static int open_file(struct reader *r, const char *file, elcl_error *err)
{
    if (elcl_strmap_get(&r->files, file, strlen(file)) >= 0)
        return ELCL_OK;
    int32_t number = (int32_t)r->files.n;
    char *path = elcl_path_join(r->directory, file);
    if (!path)
        return elcl_fail_nomem(err);
    int rc = r->functions->open(r->user, path, err);
    if (!rc)
        rc = elcl_strmap_add(&r->files, file, strlen(file), number, &number, err);
    elcl_free(path);
    return rc;
}

/* Checks that a tensor is in the file that the index names. */
static int check_place(const struct reader *r, const cJSON *entry, elcl_error *err)
{
    const char *file = entry->valuestring;
    if (r->functions->holds(r->user, entry->string, elcl_strmap_get(&r->files, file, strlen(file))))
        return ELCL_OK;
    return elcl_fail(err, ELCL_E_FORMAT,
                     "%s: weight_map places tensor %.200s in %.200s, which does not have it",
                     r->index, entry->string, file);
}

static int read_weight_map(struct reader *r, const cJSON *map, elcl_error *err)
{
    int rc;
    ELCL_TRY(elcl_json_unique_keys(map, r->index, err));
    for (const cJSON *entry = map->child; entry; entry = entry->next) {
        ELCL_TRY(check_entry(r, entry, err));
        ELCL_TRY(open_file(r, entry->valuestring, err));
    }
    for (const cJSON *entry = map->child; entry; entry = entry->next)
        ELCL_TRY(check_place(r, entry, err));
fail:
    return rc;
}

int elcl_shards_open(const char *directory, const char *index,
                     const struct elcl_shards_user *functions, void *user, elcl_error *err)
{
    struct reader r = {
        .directory = directory, .index = index, .functions = functions, .user = user};
    cJSON *root = NULL;
    int rc;
    ELCL_TRY(elcl_json_read(index, MAX_INDEX_BYTES, &root, err));
    const cJSON *map = elcl_json_get(root, "weight_map");
    if (cJSON_IsObject(map) && map->child)
        rc = read_weight_map(&r, map, err);
    else
        rc =
            elcl_json_mismatch(index, "weight_map", "an object of tensor and file names", map, err);
fail:
    elcl_strmap_finish(&r.files);
    cJSON_Delete(root);
    return rc;
}
