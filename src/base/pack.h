/*
 * A pack: a file of many small entries, which is written as a whole and never changed. It has the
 * entries' bytes one after another, then their index, then a trailer with the number of entries and
 * a hash of the index, in which each entry has a hash of its own. In the machine's byte order: a
 * machine of another order finds a trailer that does not fit.
 */
#ifndef ELCL_BASE_PACK_H
#define ELCL_BASE_PACK_H

#include "base/os.h"
#include "base/util.h"

#define ELCL_PACK_KEY_BYTES 16

struct elcl_pack_key {
    unsigned char bytes[ELCL_PACK_KEY_BYTES];
};

/* An entry of the index, as it is in the file. */
struct elcl_pack_entry {
    struct elcl_pack_key key;
    uint64_t at, bytes; /* in the file */
    uint64_t hash;      /* elcl_hash_large() of the bytes */
};

/* A pack that is being made: {0} is empty. */
struct elcl_new_pack {
    struct elcl_str data;
    struct elcl_pack_entry *entries; /* [n] */
    size_t n, capacity;
};
/* Returns false if memory is short. */
bool elcl_pack_add(struct elcl_new_pack *pack, const struct elcl_pack_key *key, const void *data,
                   size_t bytes);
/* Returns the bytes of its file. */
uint64_t elcl_pack_bytes(const struct elcl_new_pack *pack);
/* Appends index and trailer to the data. Returns the hash of the index; data.failed if memory is
 * short. */
uint64_t elcl_pack_seal(struct elcl_new_pack *pack);
void elcl_pack_finish(struct elcl_new_pack *pack); /* leaves {0} */

/* Reads the index of a file; the caller frees *entries. Fails if it is damaged. */
int elcl_pack_index(const struct elcl_file *file, struct elcl_pack_entry **entries, size_t *n,
                    elcl_error *err);
/* Reads the bytes of an entry. Fails if they are damaged. */
int elcl_pack_read(const struct elcl_file *file, const struct elcl_pack_entry *entry, void *to,
                   elcl_error *err);

#endif
