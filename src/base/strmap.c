#include "base/strmap.h"

#include <stdlib.h>
#include <string.h>

struct elcl_strmap_slot {
    uint32_t hash;
    uint32_t length;
    size_t offset; /* in bytes */
    int32_t value;
    int32_t used;
};

void elcl_strmap_finish(struct elcl_strmap *map)
{
    free(map->slots);
    elcl_str_finish(&map->bytes);
    *map = (struct elcl_strmap){0};
}

static uint32_t hash_of(const char *s, size_t n)
{
    const uint64_t hash = elcl_hash(ELCL_HASH_INIT, s, n);
    return (uint32_t)(hash ^ hash >> 32);
}

/* Returns the slot that holds the string, or the empty slot where it belongs. */
static struct elcl_strmap_slot *slot_of(const struct elcl_strmap *map, const char *s, size_t n,
                                        uint32_t hash)
{
    size_t i = hash & (map->n_slots - 1);
    for (;; i = (i + 1) & (map->n_slots - 1)) {
        struct elcl_strmap_slot *slot = &map->slots[i];
        if (!slot->used)
            return slot;
        if (slot->hash == hash && slot->length == n &&
            (!n || !memcmp(map->bytes.data + slot->offset, s, n)))
            return slot;
    }
}

static int make_room(struct elcl_strmap *map, elcl_error *err)
{
    if (map->n < map->n_slots / 2)
        return ELCL_OK;
    struct elcl_strmap larger = *map;
    if (!map->n_slots)
        larger.n_slots = 64;
    else if (!elcl_mul_size(map->n_slots, 2, &larger.n_slots))
        return elcl_fail_nomem(err);
    larger.slots = elcl_calloc(larger.n_slots, sizeof(*larger.slots));
    if (!larger.slots)
        return elcl_fail_nomem(err);
    for (size_t i = 0; i < map->n_slots; i++) {
        const struct elcl_strmap_slot *old = &map->slots[i];
        if (old->used)
            *slot_of(&larger, map->bytes.data + old->offset, old->length, old->hash) = *old;
    }
    free(map->slots);
    *map = larger;
    return ELCL_OK;
}

int32_t elcl_strmap_get(const struct elcl_strmap *map, const char *s, size_t n)
{
    if (!map->n_slots)
        return -1;
    const struct elcl_strmap_slot *slot = slot_of(map, s, n, hash_of(s, n));
    return slot->used ? slot->value : -1;
}

int elcl_strmap_add(struct elcl_strmap *map, const char *s, size_t n, int32_t value, int32_t *found,
                    elcl_error *err)
{
    const int rc = make_room(map, err);
    if (rc)
        return rc;
    const uint32_t hash = hash_of(s, n);
    struct elcl_strmap_slot *slot = slot_of(map, s, n, hash);
    if (!slot->used) {
        const size_t offset = map->bytes.n;
        if (n < UINT32_MAX)
            elcl_str_append(&map->bytes, s, n);
        if (n >= UINT32_MAX || map->bytes.failed)
            return elcl_fail_nomem(err);
        *slot = (struct elcl_strmap_slot){hash, (uint32_t)n, offset, value, 1};
        map->n++;
    }
    *found = slot->value;
    return ELCL_OK;
}
