/*
 * The bytes of a cache row of state. Its n elements come in parts of `part`: one part of D for
 * EL-attention; the keys and then the values of all heads, Dh each, for multi-head attention.
 *
 * f32, f16 and bf16 are n elements. int8 and int4 (cl/storage.cl reads them, cl/state_put.cl writes
 * them):
 *     values   part after part. int8: `part` bytes, an element each. int4: 16 bytes for every 32
 *              elements, of which byte i holds element i in its low half and 16 + i in its high
 *              half
 *     groups   from a multiple of 4 on, part after part: for every elcl_state_group() elements, of
 *              which the last may have fewer, the factor and the offset, two f16
 *     nothing  up to a multiple of 16, where the next row begins
 */
#ifndef ELCL_BASE_STATE_ROW_H
#define ELCL_BASE_STATE_ROW_H

#include "base/util.h"

/* Whether elements share a factor and an offset. */
static inline bool elcl_state_is_narrow(enum elcl_storage storage)
{
    return storage == ELCL_INT8 || storage == ELCL_INT4;
}

/* How many elements share a factor; cl/records.h has the same. */
enum { ELCL_GROUP_OF_INT8 = 256, ELCL_GROUP_OF_INT4 = 64 };
static inline size_t elcl_state_group(enum elcl_storage storage)
{
    return storage == ELCL_INT8 ? ELCL_GROUP_OF_INT8 : ELCL_GROUP_OF_INT4;
}

/* Returns the bytes of the values of a part of narrow state. */
static inline size_t elcl_state_part_bytes(enum elcl_storage storage, size_t part)
{
    return storage == ELCL_INT8 ? part : elcl_div_up(part, 32) * 16;
}

/* Returns where the groups of a row begin. */
static inline size_t elcl_state_groups_at(enum elcl_storage storage, size_t n, size_t part)
{
    return elcl_round_up(n / part * elcl_state_part_bytes(storage, part), 4);
}

/* Returns the bytes from one row to the next. */
static inline size_t elcl_state_row_bytes(enum elcl_storage storage, size_t n, size_t part)
{
    if (!elcl_state_is_narrow(storage))
        return n * elcl_storage_bytes(storage);
    const size_t groups = n / part * elcl_div_up(part, elcl_state_group(storage));
    return elcl_round_up(elcl_state_groups_at(storage, n, part) + groups * sizeof(uint32_t), 16);
}

#endif
