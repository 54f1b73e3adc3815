/* Opens a model directory: one safetensors file, or an index of several. */
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "base/util.h"
#include "format/safetensors_impl.h"
#include "format/shards.h"

static int open_shard(void *user, const char *path, elcl_error *err)
{
    return elcl_safetensors_add(user, path, err);
}

static bool shard_holds(const void *user, const char *name, int i)
{
    const struct elcl_safetensors *st = user;
    const struct elcl_tensor *t = elcl_safetensors_find(st, name);
    return t ? t->file == st->files.items[i].path : elcl_safetensors_refusal(st, name) != NULL;
}

static int open_index(const char *directory, const char *path, struct elcl_safetensors **st,
                      elcl_error *err)
{
    static const struct elcl_shards_user functions = {open_shard, shard_holds};
    struct elcl_safetensors *s = NULL;
    int rc;
    ELCL_TRY(elcl_safetensors_create(path, &s, err));
    ELCL_TRY(elcl_shards_open(directory, path, &functions, s, err));
    *st = s;
    return ELCL_OK;
fail:
    elcl_safetensors_close(&s);
    return rc;
}

int elcl_safetensors_open(const char *directory, struct elcl_safetensors **st, elcl_error *err)
{
    char *one = elcl_path_join(directory, ELCL_SAFETENSORS_FILE);
    char *index = elcl_path_join(directory, ELCL_SAFETENSORS_INDEX);
    bool has_one = false, has_index = false;
    int rc = one && index ? elcl_file_exists(one, &has_one, err) : elcl_fail_nomem(err);
    if (!rc && !has_one)
        rc = elcl_file_exists(index, &has_index, err);
    if (!rc && has_one)
        rc = elcl_safetensors_open_file(one, st, err);
    else if (!rc && has_index)
        rc = open_index(directory, index, st, err);
    else if (!rc)
        rc = elcl_fail(err, ELCL_E_IO,
                       "%s: has neither " ELCL_SAFETENSORS_FILE " nor " ELCL_SAFETENSORS_INDEX,
                       directory);
    free(one);
    free(index);
    return rc;
}
