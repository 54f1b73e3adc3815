/*
 * Model files of whisper.cpp: i32 magic, eleven i32 sizes, the filters of the features, the
 * vocabulary {i32 length, bytes}, then tensors {i32 dimensions, i32 length of the name, i32 type,
 * i32 extents from the innermost on, name, data} up to the end. All is little-endian.
 */
#ifndef ELCL_FORMAT_GGML_H
#define ELCL_FORMAT_GGML_H

#include <stdbool.h>

#include "base/os.h"
#include "base/strmap.h"
#include "format/tensors.h"

enum elcl_ggml_size {
    ELCL_GGML_VOCABULARY,
    ELCL_GGML_AUDIO_POSITIONS,
    ELCL_GGML_AUDIO_WIDTH,
    ELCL_GGML_AUDIO_HEADS,
    ELCL_GGML_AUDIO_LAYERS,
    ELCL_GGML_TEXT_POSITIONS,
    ELCL_GGML_TEXT_WIDTH,
    ELCL_GGML_TEXT_HEADS,
    ELCL_GGML_TEXT_LAYERS,
    ELCL_GGML_MELS,
    ELCL_GGML_TYPE,
    ELCL_GGML_N_SIZES
};

#define ELCL_GGML_MAGIC 0x67676d6c
#define ELCL_GGML_END "<|endoftext|>"

struct elcl_ggml_token {
    size_t at, n; /* in `text` */
};

struct elcl_ggml_entry {
    struct elcl_tensor t; /* name: Hugging Face's, owned; the shape is outermost first */
    const struct elcl_ggml_type *type;
    size_t at; /* in the file */
};

struct elcl_ggml {
    char *path;
    struct elcl_file file;
    int sizes[ELCL_GGML_N_SIZES];
    struct elcl_str text;           /* all tokens */
    struct elcl_ggml_token *tokens; /* [n_tokens], fewer than the model has: special ones follow */
    size_t n_tokens;
    int32_t end; /* the id of ELCL_GGML_END, or of what follows the vocabulary */
    struct elcl_ggml_entry *entries; /* [n_entries] */
    size_t n_entries, max_entries;
    struct elcl_strmap names; /* -> entry */
};

/* Opens a file, which stays open, or reads one in memory, which must outlive ggml; messages name
 * `path`. with_tensors: reads their table too. The caller calls elcl_ggml_finish(), after a failure
 * too. */
int elcl_ggml_open(const char *path, bool with_tensors, struct elcl_ggml *ggml, elcl_error *err);
int elcl_ggml_parse(const void *data, size_t bytes, const char *path, struct elcl_ggml *ggml,
                    elcl_error *err);
void elcl_ggml_finish(struct elcl_ggml *ggml); /* {0} is fine */

/* ---- ggml_special.c: the special tokens that a file leaves out ------------------------------- */

/* Checks that they fit between vocabulary and times. */
int elcl_ggml_check_special(const struct elcl_ggml *ggml, elcl_error *err);
/* Returns the id of <|0.00|>. There are as many times as positions of the encoder, and the end of
 * a window. */
int32_t elcl_ggml_first_time(const struct elcl_ggml *ggml);
/* Writes the name of an id from `end` on: end, start, languages, tasks and so on in
 * OpenAI's order. */
void elcl_ggml_special(const struct elcl_ggml *ggml, int32_t id, char name[32]);

/* ---- ggml_tensors.c -------------------------------------------------------------------------- */

/* Opens a file as a source of tensors with Hugging Face's names. */
int elcl_ggml_tensors_open(const char *path, struct elcl_tensors **tensors, elcl_error *err);
int elcl_ggml_tensors_open_memory(const void *data, size_t bytes, const char *path,
                                  struct elcl_tensors **tensors, elcl_error *err);

/* ---- ggml_names.c ---------------------------------------------------------------------------- */

/* Writes Hugging Face's name of a tensor; returns false for an unknown one. */
bool elcl_ggml_name(const char *name, char *to, size_t size);

/* ---- ggml_blocks.c --------------------------------------------------------------------------- */

/* A type of elements, here and in GGUF files: plain ones, or blocks of integers with a common
 * factor, which become f32. */
struct elcl_ggml_type {
    uint32_t number; /* in files */
    const char *name;
    size_t block;                               /* elements; 1: plain ones */
    size_t bytes;                               /* of a block */
    enum elcl_storage dtype;                    /* after reading */
    void (*expand)(const char *block, float *); /* NULL: plain elements */
};
#define ELCL_GGML_TYPES "f32, f16, bf16, q4_0, q4_1, q5_0, q5_1, q6_K and q8_0"

/* Returns NULL for a type that elcl does not read. */
const struct elcl_ggml_type *elcl_ggml_type_find(uint32_t number);
/* Returns the name of any type, for messages. */
const char *elcl_ggml_type_name(uint32_t number);
/* Computes the bytes in the file of a tensor of n elements, whose rows have `row` elements.
 * ELCL_E_FORMAT: a row is not whole blocks, or they are too many; the message names the tensor. */
int elcl_ggml_bytes(const struct elcl_file *file, const char *name,
                    const struct elcl_ggml_type *type, size_t row, size_t n, size_t *bytes,
                    elcl_error *err);
/* Writes n elements from `first` on as type->dtype. The tensor begins at byte `at` of the file. Of
 * a type with blocks the elements must be whole blocks. */
int elcl_ggml_read(const struct elcl_file *file, size_t at, const struct elcl_ggml_type *type,
                   size_t first, size_t n, void *to, elcl_error *err);

/* ---- ggml_config.c --------------------------------------------------------------------------- */

struct cJSON;

/* Makes what config.json and generation_config.json of the origin hold, freed with
 * cJSON_Delete(). */
int elcl_ggml_config(const char *path, struct cJSON **config, struct cJSON **generation,
                     elcl_error *err);

/* ---- ggml_heads.c ---------------------------------------------------------------------------- */

/* Adds alignment_heads to an object if the sizes are those of a model of OpenAI. */
int elcl_ggml_put_heads(const struct elcl_ggml *ggml, struct cJSON *to, elcl_error *err);

#endif
