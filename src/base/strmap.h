/* A hash table from byte strings to numbers >= 0: vocabularies, tensor names. */
#ifndef ELCL_BASE_STRMAP_H
#define ELCL_BASE_STRMAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/util.h"

struct elcl_strmap {
    struct elcl_strmap_slot *slots; /* [n_slots], open addressing */
    size_t n_slots;                 /* a power of two, or 0 */
    size_t n;                       /* strings */
    struct elcl_str bytes;          /* all strings, one after another */
};

/* {0} is a valid empty map. */
void elcl_strmap_finish(struct elcl_strmap *map);

/* Returns the string's number, or -1. */
int32_t elcl_strmap_get(const struct elcl_strmap *map, const char *s, size_t n);

/* Stores value >= 0 unless the map has the string; *found is the number that it has then. Fails
 * with ELCL_E_NOMEM. */
int elcl_strmap_add(struct elcl_strmap *map, const char *s, size_t n, int32_t value, int32_t *found,
                    elcl_error *err);

#endif
