#include "format/pytorch_legacy.h"

#include <string.h>

#include "base/util.h"
#include "format/pickle_impl.h"

#define VERSION 1001

/* A pickle of the integer 0x1950a86a20f9469cfc6c. */
static const unsigned char magic[ELCL_LEGACY_START] = {
    0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, '.'};

bool elcl_legacy_is(const void *data, size_t bytes)
{
    return bytes >= sizeof(magic) && !memcmp(data, magic, sizeof(magic));
}

/* ---- pickles ---- */

static int check_version(struct elcl_pickle *m)
{
    struct elcl_pickle_value version = {0};
    const int rc = elcl_pickle_run(m, &version);
    if (rc || (version.kind == ELCL_VALUE_INTEGER && version.i == VERSION))
        return rc;
    return elcl_pickle_unexpected(m, "version", "1001", version.kind);
}

/* Only the byte order matters; the sizes of C's types do not. */
static int check_machine(struct elcl_pickle *m)
{
    static const char order[] = "little_endian";
    struct elcl_pickle_value facts = {0};
    const int rc = elcl_pickle_run(m, &facts);
    if (rc)
        return rc;
    if (facts.kind != ELCL_VALUE_DICTIONARY)
        return elcl_pickle_unexpected(m, "facts about the machine", "a dictionary", facts.kind);
    for (size_t i = 0; i < m->n_pairs; i++) {
        const struct elcl_pickle_pair *pair = &m->pairs[i];
        if (pair->key.kind == ELCL_VALUE_TEXT && pair->key.n == sizeof(order) - 1 &&
            !memcmp(elcl_pickle_text(m, pair->key), order, sizeof(order) - 1) &&
            pair->value.kind == ELCL_VALUE_BOOLEAN && !pair->value.i)
            return elcl_fail(m->err, ELCL_E_UNSUPPORTED,
                             "%s: byte order: expected little_endian true; save the file again on "
                             "another machine, or as safetensors",
                             m->file);
    }
    return ELCL_OK;
}

/* Reads the keys in the order of the storages. */
static int read_keys(struct elcl_pickle *m)
{
    struct elcl_pickle_value list = {0};
    m->keys_wanted = true;
    const int rc = elcl_pickle_run(m, &list);
    if (rc || list.kind == ELCL_VALUE_LIST)
        return rc;
    return elcl_pickle_unexpected(m, "keys of storages", "a list", list.kind);
}

/* ---- storages ---- */

static int bad_storage(const struct elcl_pickle *m, struct elcl_pickle_value key, const char *what)
{
    return elcl_fail(m->err, ELCL_E_FORMAT, "%s: storage %.*s: %s", m->file,
                     key.n < 100 ? (int)key.n : 100, elcl_pickle_text(m, key), what);
}

/* Lists the storages that the dictionary names; tensors may share one. */
static int list_storages(const struct elcl_pickle *m, struct elcl_legacy *legacy)
{
    legacy->storages = elcl_calloc(m->n_storages, sizeof(*legacy->storages));
    if (!legacy->storages)
        return elcl_fail_nomem(m->err);
    for (size_t i = 0; i < m->n_storages; i++) {
        const struct elcl_pickle_storage *s = &m->storages[i];
        int32_t at = (int32_t)legacy->n_storages;
        const int rc =
            elcl_strmap_add(&legacy->keys, elcl_pickle_text(m, s->key), s->key.n, at, &at, m->err);
        if (rc)
            return rc;
        struct elcl_legacy_storage *storage = &legacy->storages[at];
        if ((size_t)at == legacy->n_storages) {
            *storage = (struct elcl_legacy_storage){.type = s->type, .n = s->n};
            legacy->n_storages++;
        } else if (storage->type != s->type || storage->n != s->n) {
            return bad_storage(m, s->key, "has two types or two sizes");
        }
    }
    return ELCL_OK;
}

/* Reads a storage at *at: the number of elements, then the elements. */
static int place_storage(const struct elcl_pickle *m, const struct elcl_file *file,
                         struct elcl_legacy *legacy, struct elcl_pickle_value key, size_t *at)
{
    if (key.kind != ELCL_VALUE_TEXT)
        return elcl_pickle_unexpected(m, "keys of storages", "strings", key.kind);
    const int32_t i = elcl_strmap_get(&legacy->keys, elcl_pickle_text(m, key), key.n);
    if (i < 0)
        return bad_storage(m, key, "no tensor uses it, so its type is unknown");
    struct elcl_legacy_storage *storage = &legacy->storages[i];
    if (storage->at)
        return bad_storage(m, key, "is listed twice");
    char size[8];
    size_t bytes;
    if (file->bytes - *at < sizeof(size))
        return bad_storage(m, key, "the file ends before it");
    const int rc = elcl_file_read(file, *at, size, sizeof(size), m->err);
    if (rc)
        return rc;
    const uint64_t n = elcl_read_le(size, sizeof(size));
    if (n != (uint64_t)storage->n)
        return bad_storage(m, key, "has another size than the dictionary says");
    *at += sizeof(size);
    if (!elcl_mul_size((size_t)n, storage->type->bytes, &bytes) || bytes > file->bytes - *at)
        return bad_storage(m, key, "the file ends within it");
    storage->at = *at;
    *at += bytes;
    return ELCL_OK;
}

/* ---- the file ---- */

int elcl_legacy_open(const struct elcl_file *file, struct elcl_legacy *legacy, elcl_error *err)
{
    struct elcl_legacy l = {0};
    struct elcl_pickle m = {.n = file->bytes < ELCL_PICKLE_MAX_BYTES ? file->bytes
                                                                     : ELCL_PICKLE_MAX_BYTES,
                            .at = sizeof(magic),
                            .file = file->path,
                            .err = err};
    struct elcl_pickle_value dictionary = {0};
    int rc;
    ELCL_TRY(elcl_file_copy(file, 0, m.n, &l.pickles, err));
    m.p = (const unsigned char *)l.pickles;
    ELCL_TRY(check_version(&m));
    ELCL_TRY(check_machine(&m));
    ELCL_TRY(elcl_pickle_run(&m, &dictionary));
    ELCL_TRY(elcl_pickle_collect(&m, dictionary, &l.tensors, &l.n_tensors));
    ELCL_TRY(list_storages(&m, &l));
    ELCL_TRY(read_keys(&m));
    size_t at = m.at;
    for (size_t i = 0; i < m.keys.n; i++)
        ELCL_TRY(place_storage(&m, file, &l, m.keys.v[i], &at));
    *legacy = l;
    l = (struct elcl_legacy){0};
fail:
    elcl_legacy_finish(&l);
    elcl_pickle_finish(&m);
    return rc;
}

bool elcl_legacy_find(const struct elcl_legacy *legacy, const char *key, size_t n, size_t *at,
                      size_t *bytes)
{
    const int32_t i = elcl_strmap_get(&legacy->keys, key, n);
    if (i < 0 || !legacy->storages[i].at)
        return false;
    *bytes = (size_t)legacy->storages[i].n * legacy->storages[i].type->bytes;
    *at = legacy->storages[i].at;
    return true;
}

void elcl_legacy_finish(struct elcl_legacy *legacy)
{
    elcl_free(legacy->tensors);
    elcl_free(legacy->storages);
    elcl_strmap_finish(&legacy->keys);
    elcl_free(legacy->pickles);
    *legacy = (struct elcl_legacy){0};
}
