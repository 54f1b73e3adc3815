#include "base/pack.h"

#include <string.h>

#include "base/hash.h"

#define MAGIC "elclpack"

struct trailer {
    char magic[8];
    uint64_t n;
    uint64_t hash;
};

_Static_assert(sizeof(struct elcl_pack_entry) == 40 && sizeof(struct trailer) == 24,
               "a structure of the file has padding");

/* ---- writing ------------------------------------------------------------------------------- */

bool elcl_pack_add(struct elcl_new_pack *pack, const struct elcl_pack_key *key, const void *data,
                   size_t bytes)
{
    void *entries = pack->entries;
    if (!elcl_grow(&entries, &pack->capacity, pack->n + 1, sizeof(*pack->entries)))
        return false;
    pack->entries = entries;
    const struct elcl_pack_entry entry = {.key = *key,
                                          .at = pack->data.n,
                                          .bytes = bytes,
                                          .hash = elcl_hash_large(ELCL_HASH_INIT, data, bytes)};
    elcl_str_append(&pack->data, data, bytes);
    if (pack->data.failed)
        return false;
    pack->entries[pack->n++] = entry;
    return true;
}

uint64_t elcl_pack_bytes(const struct elcl_new_pack *pack)
{
    return pack->data.n + pack->n * sizeof(*pack->entries) + sizeof(struct trailer);
}

uint64_t elcl_pack_seal(struct elcl_new_pack *pack)
{
    const size_t bytes = pack->n * sizeof(*pack->entries);
    const struct trailer trailer = {
        .magic = MAGIC, .n = pack->n, .hash = elcl_hash_large(pack->n, pack->entries, bytes)};
    elcl_str_append(&pack->data, pack->entries, bytes);
    elcl_str_append(&pack->data, &trailer, sizeof(trailer));
    return trailer.hash;
}

void elcl_pack_finish(struct elcl_new_pack *pack)
{
    elcl_str_finish(&pack->data);
    elcl_free(pack->entries);
    *pack = (struct elcl_new_pack){0};
}

/* ---- reading ------------------------------------------------------------------------------- */

static int damaged(const struct elcl_file *file, elcl_error *err)
{
    return elcl_fail(err, ELCL_E_FORMAT, "%s: damaged, or not a pack", file->path);
}

/* Returns whether every entry lies before the index. */
static bool fits(const struct elcl_pack_entry *entries, size_t n, uint64_t end)
{
    for (size_t i = 0; i < n; i++)
        if (entries[i].at > end || entries[i].bytes > end - entries[i].at)
            return false;
    return true;
}

int elcl_pack_index(const struct elcl_file *file, struct elcl_pack_entry **entries, size_t *n,
                    elcl_error *err)
{
    struct trailer trailer;
    char *index = NULL;
    if (file->bytes < sizeof(trailer))
        return damaged(file, err);
    size_t end = file->bytes - sizeof(trailer);
    int rc;
    ELCL_TRY(elcl_file_read(file, end, &trailer, sizeof(trailer), err));
    if (memcmp(trailer.magic, MAGIC, sizeof(trailer.magic)) || trailer.n > end / sizeof(**entries))
        return damaged(file, err);
    const size_t bytes = (size_t)trailer.n * sizeof(**entries);
    end -= bytes;
    ELCL_TRY(elcl_file_copy(file, end, bytes, &index, err));
    if (elcl_hash_large(trailer.n, index, bytes) != trailer.hash ||
        !fits((const struct elcl_pack_entry *)index, (size_t)trailer.n, end))
        ELCL_TRY(damaged(file, err));
    *entries = (struct elcl_pack_entry *)index;
    *n = (size_t)trailer.n;
    return ELCL_OK;
fail:
    elcl_free(index);
    return rc;
}

int elcl_pack_read(const struct elcl_file *file, const struct elcl_pack_entry *entry, void *to,
                   elcl_error *err)
{
    const size_t bytes = (size_t)entry->bytes;
    const int rc = elcl_file_read(file, (size_t)entry->at, to, bytes, err);
    if (rc)
        return rc;
    return elcl_hash_large(ELCL_HASH_INIT, to, bytes) == entry->hash ? ELCL_OK : damaged(file, err);
}
