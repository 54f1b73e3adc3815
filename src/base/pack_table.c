#include "base/pack_table.h"

#include <string.h>

void elcl_pack_table_finish(struct elcl_pack_table *table)
{
    elcl_free(table->slots);
    elcl_free(table->gone);
    *table = (struct elcl_pack_table){0};
}

bool elcl_pack_table_add(struct elcl_pack_table *table, size_t *pack)
{
    void *gone = table->gone;
    if (!elcl_grow(&gone, &table->max_packs, table->n_packs + 1, sizeof(*table->gone)))
        return false;
    table->gone = gone;
    table->gone[table->n_packs] = false;
    *pack = table->n_packs++;
    return true;
}

static bool is_gone(const struct elcl_pack_table *table, const struct elcl_pack_place *place)
{
    return table->gone[place->pack];
}

/* Returns the slot of the key, or the free slot where it belongs. */
static struct elcl_pack_place *probe(struct elcl_pack_place *slots, size_t n_slots,
                                     const struct elcl_pack_key *key)
{
    uint64_t at;
    memcpy(&at, key->bytes, sizeof(at));
    for (;; at++) {
        struct elcl_pack_place *place = &slots[at & (n_slots - 1)];
        if (!place->used || !memcmp(&place->entry.key, key, sizeof(*key)))
            return place;
    }
}

struct elcl_pack_place *elcl_pack_table_find(const struct elcl_pack_table *table,
                                             const struct elcl_pack_key *key)
{
    struct elcl_pack_place *place =
        table->n_slots ? probe(table->slots, table->n_slots, key) : NULL;
    return place && place->used && !is_gone(table, place) ? place : NULL;
}

/* Makes room for one more, and forgets the entries of packs that are gone. */
static bool grow(struct elcl_pack_table *table)
{
    size_t live = 0, n_slots = 64;
    if (table->n < table->n_slots / 2)
        return true;
    for (size_t i = 0; i < table->n_slots; i++)
        live += table->slots[i].used && !is_gone(table, &table->slots[i]);
    while (n_slots < 4 * (live + 1))
        n_slots *= 2;
    struct elcl_pack_place *slots = elcl_calloc(n_slots, sizeof(*slots));
    if (!slots)
        return false;
    for (size_t i = 0; i < table->n_slots; i++) {
        const struct elcl_pack_place *from = &table->slots[i];
        if (from->used && !is_gone(table, from))
            *probe(slots, n_slots, &from->entry.key) = *from;
    }
    elcl_free(table->slots);
    table->slots = slots;
    table->n_slots = n_slots;
    table->n = live;
    return true;
}

bool elcl_pack_table_put(struct elcl_pack_table *table, const struct elcl_pack_entry *entry,
                         size_t pack)
{
    if (!grow(table))
        return false;
    struct elcl_pack_place *place = probe(table->slots, table->n_slots, &entry->key);
    table->n += !place->used;
    *place = (struct elcl_pack_place){.entry = *entry, .pack = pack, .used = true};
    return true;
}
