/* Where the entries of many packs are: a hash table from their keys, which are hashes already. */
#ifndef ELCL_BASE_PACK_TABLE_H
#define ELCL_BASE_PACK_TABLE_H

#include "base/pack.h"

struct elcl_pack_place {
    struct elcl_pack_entry entry;
    size_t pack; /* its number */
    bool used;   /* false: this slot is free */
};

struct elcl_pack_table {
    struct elcl_pack_place *slots; /* [n_slots] open addressing */
    size_t n_slots;                /* a power of two, or 0 */
    size_t n;                      /* used, also those of packs that are gone */
    bool *gone;                    /* [n_packs] a pack's entries count as missing */
    size_t n_packs, max_packs;
};

/* {0} is a valid empty table. */
void elcl_pack_table_finish(struct elcl_pack_table *table);
/* Adds a pack and sets *pack to its number, from 0 on. Returns false if memory is short. */
bool elcl_pack_table_add(struct elcl_pack_table *table, size_t *pack);
/* Returns the place of a key, or NULL. Valid until the next elcl_pack_table_put(). */
struct elcl_pack_place *elcl_pack_table_find(const struct elcl_pack_table *table,
                                             const struct elcl_pack_key *key);
/* Adds an entry, or gives that of the same key another place. Returns false if memory is short. */
bool elcl_pack_table_put(struct elcl_pack_table *table, const struct elcl_pack_entry *entry,
                         size_t pack);

#endif
