/*
 * GGUF files, versions 2 and 3: "GGUF", u32 version, u64 number of tensors, u64 number of values;
 * values {name, u32 type, content}; tensors {name, u32 dimensions, u64 extents from the innermost
 * on, u32 type of elements, u64 offset}; then, from the next multiple of the alignment on, the
 * elements. A string or name is u64 bytes, then UTF-8; an array is u32 type, u64 elements, then
 * these. All is little-endian.
 */
#ifndef ELCL_FORMAT_GGUF_H
#define ELCL_FORMAT_GGUF_H

#include <stdbool.h>

#include "base/os.h"
#include "base/strmap.h"
#include "format/tensors.h"

#define ELCL_GGUF_MAGIC 0x46554747

/* In the order of the numbers in files. */
enum elcl_gguf_kind {
    ELCL_GGUF_U8,
    ELCL_GGUF_I8,
    ELCL_GGUF_U16,
    ELCL_GGUF_I16,
    ELCL_GGUF_U32,
    ELCL_GGUF_I32,
    ELCL_GGUF_F32,
    ELCL_GGUF_BOOL,
    ELCL_GGUF_STRING,
    ELCL_GGUF_ARRAY,
    ELCL_GGUF_U64,
    ELCL_GGUF_I64,
    ELCL_GGUF_F64,
    ELCL_GGUF_N_KINDS
};

struct elcl_gguf_value {
    enum elcl_gguf_kind kind; /* of its elements, never ARRAY */
    bool array;
    size_t n;         /* elements, 1 unless it is an array */
    size_t at, bytes; /* in the file */
};

struct elcl_gguf_tensor {
    char *name;
    uint32_t number;                   /* of its type */
    const struct elcl_ggml_type *type; /* NULL: elcl does not read it */
    int n_dims;
    int64_t shape[ELCL_MAX_DIMS]; /* outermost first */
    size_t n;                     /* elements */
    size_t at, bytes;             /* in the file, unless type is NULL */
};

struct elcl_gguf {
    char *path;
    struct elcl_file file;
    struct elcl_gguf_value *values; /* [n_values] */
    size_t n_values;
    struct elcl_strmap keys;          /* -> value */
    struct elcl_gguf_tensor *tensors; /* [n_tensors] */
    size_t n_tensors;
    struct elcl_strmap names; /* -> tensor */
    char architecture[64];    /* general.architecture; "": the file does not say */
};

/* Opens a file, which stays open, or reads one in memory, which must outlive gguf; messages name
 * `path`. The caller calls elcl_gguf_finish(), after a failure too. */
int elcl_gguf_open(const char *path, struct elcl_gguf *gguf, elcl_error *err);
int elcl_gguf_parse(const void *data, size_t bytes, const char *path, struct elcl_gguf *gguf,
                    elcl_error *err);
void elcl_gguf_finish(struct elcl_gguf *gguf); /* {0} is fine */

/* Returns NULL if there is no such tensor. */
const struct elcl_gguf_tensor *elcl_gguf_tensor(const struct elcl_gguf *gguf, const char *name);

/* ---- gguf_values.c --------------------------------------------------------------------------- */

/* Whether the file has the key. "%s" in a key of this and the other functions stands for the
 * architecture. */
bool elcl_gguf_has(const struct elcl_gguf *gguf, const char *key);

/* Read a value. The plain form requires the key; the _or form uses `fallback` if it is absent. The
 * error for another type, or a value outside min .. max, names the file and the key. */
int elcl_gguf_int(const struct elcl_gguf *gguf, const char *key, int min, int max, int *out,
                  elcl_error *err);
int elcl_gguf_int_or(const struct elcl_gguf *gguf, const char *key, int min, int max, int fallback,
                     int *out, elcl_error *err);
int elcl_gguf_float(const struct elcl_gguf *gguf, const char *key, double *out, elcl_error *err);
int elcl_gguf_bool_or(const struct elcl_gguf *gguf, const char *key, bool fallback, bool *out,
                      elcl_error *err);
/* Copies a string that fits with its NUL. */
int elcl_gguf_text_or(const struct elcl_gguf *gguf, const char *key, const char *fallback,
                      char *out, size_t size, elcl_error *err);

/* Read an array of n elements, or of any number into *n; freed with elcl_free(). */
int elcl_gguf_floats(const struct elcl_gguf *gguf, const char *key, size_t n, float **out,
                     elcl_error *err);
int elcl_gguf_ints(const struct elcl_gguf *gguf, const char *key, size_t n, int32_t **out,
                   elcl_error *err);
int elcl_gguf_bytes(const struct elcl_gguf *gguf, const char *key, char **out, size_t *n,
                    elcl_error *err);

struct elcl_gguf_strings {
    struct elcl_str text; /* all of them, one after another */
    size_t *ends;         /* [n], in text */
    size_t n;
};
int elcl_gguf_strings(const struct elcl_gguf *gguf, const char *key,
                      struct elcl_gguf_strings *strings, elcl_error *err);
void elcl_gguf_strings_finish(struct elcl_gguf_strings *strings); /* {0} is fine */
/* Returns the string i and its *n bytes. */
const char *elcl_gguf_string(const struct elcl_gguf_strings *strings, size_t i, size_t *n);

/* ---- gguf_names.c ---------------------------------------------------------------------------- */

/* Writes Hugging Face's name of a tensor, or the name itself if the architecture has no such one.
 * *transposed: Hugging Face stores the matrix as [in, out]. */
void elcl_gguf_name(const struct elcl_gguf *gguf, const char *name, char *to, size_t size,
                    bool *transposed);

/* ---- gguf_config.c --------------------------------------------------------------------------- */

struct cJSON;

/* Makes what config.json of the origin holds, freed with cJSON_Delete(). Refuses architectures by
 * name. */
int elcl_gguf_config(const char *path, struct cJSON **config, elcl_error *err);

/* ---- gguf_tensors.c -------------------------------------------------------------------------- */

/* Opens a file as a source of tensors with Hugging Face's names. */
int elcl_gguf_tensors_open(const char *path, struct elcl_tensors **tensors, elcl_error *err);
int elcl_gguf_tensors_open_memory(const void *data, size_t bytes, const char *path,
                                  struct elcl_tensors **tensors, elcl_error *err);

#endif
