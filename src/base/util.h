/* Small helpers for every layer: checked arithmetic, arrays, strings, hashing. */
#ifndef ELCL_BASE_UTIL_H
#define ELCL_BASE_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define ELCL_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Calls and checks for an error; the function needs `int rc` and a `fail:` label. */
#define ELCL_TRY(call)                                                                             \
    do {                                                                                           \
        rc = (call);                                                                               \
        if (rc)                                                                                    \
            goto fail;                                                                             \
    } while (0)

static inline int elcl_min_int(int a, int b)
{
    return a < b ? a : b;
}

static inline int elcl_max_int(int a, int b)
{
    return a > b ? a : b;
}

static inline size_t elcl_div_up(size_t a, size_t b)
{
    return (a + b - 1) / b;
}

static inline size_t elcl_round_up(size_t a, size_t b)
{
    return elcl_div_up(a, b) * b;
}

/* Return false and leave *out unchanged if the result does not fit. */
static inline bool elcl_mul_size(size_t a, size_t b, size_t *out)
{
    if (b && a > SIZE_MAX / b)
        return false;
    *out = a * b;
    return true;
}

static inline bool elcl_add_size(size_t a, size_t b, size_t *out)
{
    if (a > SIZE_MAX - b)
        return false;
    *out = a + b;
    return true;
}

/* Returns the bytes of an element. */
static inline size_t elcl_storage_bytes(enum elcl_storage s)
{
    return s == ELCL_F32 ? 4 : s == ELCL_INT8 ? 1 : 2;
}

/* Reads a little-endian number of n <= 8 bytes. */
static inline uint64_t elcl_read_le(const void *bytes, int n)
{
    const unsigned char *p = bytes;
    uint64_t value = 0;
    while (n--)
        value = value << 8 | p[n];
    return value;
}

/* Whether the n bytes at s end with the string `end`. */
bool elcl_ends_with(const char *s, size_t n, const char *end);

/* Allocates n zeroed elements, at least one. Returns NULL if memory is short or n * size
 * overflows. */
void *elcl_calloc(size_t n, size_t size);

/* Doubles *capacity until *array has room for `need` elements. Returns false if memory is short;
 * the array stays valid. */
bool elcl_grow(void **array, size_t *capacity, size_t need, size_t size);

/* Copies n bytes and adds a NUL. Returns NULL if memory is short. */
char *elcl_strndup(const char *s, size_t n);
char *elcl_strdup(const char *s);

/* Returns whether a list of words with blanks between them has `word`. */
bool elcl_has_word(const char *words, const char *word);

/* 64-bit FNV-1a; start with ELCL_HASH_INIT, then chain calls. */
#define ELCL_HASH_INIT UINT64_C(0xcbf29ce484222325)
uint64_t elcl_hash(uint64_t hash, const void *bytes, size_t n);
/* Hashes the NUL too, so that "ab", "c" and "a", "bc" differ. NULL counts as "". */
uint64_t elcl_hash_string(uint64_t hash, const char *s);

/* A growing NUL-terminated string; {0} is a valid empty one. A failed append sets `failed`, and
 * later appends do nothing, so one check at the end is enough. */
struct elcl_str {
    char *data; /* NULL while empty; freed with elcl_free() */
    size_t n;   /* bytes without the NUL */
    size_t capacity;
    bool failed;
};
void elcl_str_append(struct elcl_str *s, const void *bytes, size_t n);
void elcl_str_text(struct elcl_str *s, const char *text);
void elcl_str_printf(struct elcl_str *s, const char *fmt, ...) ELCL_PRINTF(2, 3);
void elcl_str_finish(struct elcl_str *s);
/* Frees an array [n] of elcl_calloc(), or NULL, and its strings. */
void elcl_strs_free(struct elcl_str *strings, size_t n);

#endif
