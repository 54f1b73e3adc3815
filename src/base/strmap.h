/* A hash table from byte strings to numbers >= 0: vocabularies, tensor names. */
#ifndef ELCL_FORMAT_STRMAP_H
#define ELCL_FORMAT_STRMAP_H

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

/* The string's number, or -1. */
int32_t elcl_strmap_get(const struct elcl_strmap *map, const char *s, size_t n);

/* Stores value >= 0 unless the string is there already; *found is the number it then has.
 * ELCL_E_NOMEM when memory is short. */
int elcl_strmap_add(struct elcl_strmap *map, const char *s, size_t n, int32_t value, int32_t *found,
                    elcl_error *err);

#endif
