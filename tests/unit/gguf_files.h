/* GGUF files that tests make, value by value. */
#ifndef ELCL_TESTS_GGUF_FILES_H
#define ELCL_TESTS_GGUF_FILES_H

#include "base/util.h"
#include "format/gguf.h"

/* Relative to the repository's root: a file with each kind of value and type of element, which
 * make_gguf.py writes. */
#define SMALL_GGUF "tests/fuzz/seeds/gguf/small.gguf"

/* Returns the path of a file of tests/golden/gguf, valid until the next call. */
const char *golden_gguf(const char *name);

/* A file that grows; {0} is an empty one. The caller frees `bytes`. */
struct gguf_made {
    struct elcl_str bytes;
    uint64_t n_values, n_tensors;
};

/* Append to the file: an integer of so many bytes, a string with its length, a key, which the
 * caller follows with its content, a key with an integer or a text, a tensor without its elements.
 */
void gguf_put_number(struct gguf_made *m, uint64_t value, int bytes);
void gguf_put_string(struct gguf_made *m, const char *s);
void gguf_put_key(struct gguf_made *m, const char *key, enum elcl_gguf_kind kind);
void gguf_put_int(struct gguf_made *m, const char *key, uint32_t value);
void gguf_put_text(struct gguf_made *m, const char *key, const char *text);
void gguf_put_tensor(struct gguf_made *m, const char *name, int n_dims, const uint64_t *extents,
                     uint32_t type, uint64_t offset);
/* Puts the head before what was made, and `elements` zeros after it. */
void gguf_put_head(struct gguf_made *m, uint32_t version, size_t elements);

/* Makes a T5 with sizes of 1 and the given tensors, up to NULL, of one f32, the last one of another
 * type. */
void gguf_make_t5(struct gguf_made *m, const char *const *tensors, uint32_t last_type);

#endif
