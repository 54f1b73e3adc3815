/* The stack machine of pickle.c and its parts. */
#ifndef ELCL_FORMAT_PICKLE_IMPL_H
#define ELCL_FORMAT_PICKLE_IMPL_H

#include <stdbool.h>

#include "format/pickle.h"
#include "format/pickle_names.h"

enum elcl_pickle_kind {
    ELCL_VALUE_NONE,
    ELCL_VALUE_BOOLEAN,
    ELCL_VALUE_INTEGER,
    ELCL_VALUE_REAL,
    ELCL_VALUE_TEXT,
    ELCL_VALUE_GLOBAL,
    ELCL_VALUE_TUPLE,
    ELCL_VALUE_DICTIONARY,
    ELCL_VALUE_LIST,
    ELCL_VALUE_STORAGE,
    ELCL_VALUE_TENSOR,
};

struct elcl_pickle_value {
    enum elcl_pickle_kind kind;
    uint32_t n; /* TEXT: bytes; TUPLE: items */
    int64_t i;  /* INTEGER; otherwise an index: TEXT into the pickle, TUPLE into items, ... */
};

struct elcl_pickle_pair {
    size_t dictionary;
    struct elcl_pickle_value key, value;
};

struct elcl_pickle_storage {
    const struct elcl_pickle_type *type;
    struct elcl_pickle_value key;
    int64_t n;
    int64_t first; /* element of the storage that offsets count from */
};

struct elcl_pickle_values {
    struct elcl_pickle_value *v;
    size_t n, max;
};

struct elcl_pickle {
    const unsigned char *p;
    size_t n, at;
    size_t opcode_at; /* for messages */
    const char *file;
    struct elcl_pickle_values stack, items, memo;
    size_t *marks; /* heights of the stack */
    size_t n_marks, max_marks;
    size_t n_dictionaries;
    struct elcl_pickle_pair *pairs;
    size_t n_pairs, max_pairs;
    struct elcl_pickle_storage *storages;
    size_t n_storages, max_storages;
    struct elcl_pickle_tensor *tensors; /* unnamed */
    size_t n_tensors, max_tensors;
    bool keys_wanted; /* one list of strings is allowed, and becomes `keys` */
    size_t n_lists;
    struct elcl_pickle_values keys;
    elcl_error *err;
};

/* Fail with a message that names the file and the offset of the opcode. */
int elcl_pickle_bad(const struct elcl_pickle *m, const char *what);
int elcl_pickle_unexpected(const struct elcl_pickle *m, const char *place, const char *want,
                           enum elcl_pickle_kind found);

bool elcl_pickle_append(struct elcl_pickle_values *values, struct elcl_pickle_value value);
int elcl_pickle_push(struct elcl_pickle *m, struct elcl_pickle_value value);
int elcl_pickle_push_kind(struct elcl_pickle *m, enum elcl_pickle_kind kind, int64_t i);
int elcl_pickle_push_dictionary(struct elcl_pickle *m); /* an empty dictionary */
int elcl_pickle_pop(struct elcl_pickle *m, struct elcl_pickle_value *value);
/* Returns the number of values above the last mark: opcodes cannot reach those below. */
size_t elcl_pickle_reachable(const struct elcl_pickle *m);
/* Returns the string of a TEXT value. */
const char *elcl_pickle_text(const struct elcl_pickle *m, struct elcl_pickle_value value);

/* Runs one pickle from m->at on, up to its STOP; one value must be left. */
int elcl_pickle_run(struct elcl_pickle *m, struct elcl_pickle_value *result);
/* Returns the tensors of a dictionary; freed with elcl_free(). */
int elcl_pickle_collect(const struct elcl_pickle *m, struct elcl_pickle_value dictionary,
                        struct elcl_pickle_tensor **tensors, size_t *n_tensors);
void elcl_pickle_finish(struct elcl_pickle *m);

/* Run BINPERSID, REDUCE and BUILD. */
int elcl_pickle_push_storage(struct elcl_pickle *m);
int elcl_pickle_reduce(struct elcl_pickle *m);
int elcl_pickle_build(struct elcl_pickle *m);

#endif
