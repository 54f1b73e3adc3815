/*
 * model.bin of CTranslate2: u32 version, the name of a specification, u32 revision, then variables
 * {name, u8 rank, u32 dimensions, u8 type, u32 bytes, data} and aliases {name, name of a variable}.
 * A name is u16 length with the NUL, then the characters. Versions before 4 have the size of an
 * element instead of its type, and u32 elements; version 2 has no aliases. All is little-endian.
 */
#ifndef ELCL_FORMAT_CTRANSLATE2_H
#define ELCL_FORMAT_CTRANSLATE2_H

#include <stdbool.h>

#include "base/os.h"
#include "base/strmap.h"
#include "format/tensors.h"

#define ELCL_CT2_FILE "model.bin"

/* In the order of the numbers in files. */
enum elcl_ct2_type {
    ELCL_CT2_F32,
    ELCL_CT2_I8,
    ELCL_CT2_I16,
    ELCL_CT2_I32,
    ELCL_CT2_F16,
    ELCL_CT2_BF16,
    ELCL_CT2_N_TYPES
};

struct elcl_ct2_variable {
    char *name;
    enum elcl_ct2_type type;
    int n_dims; /* 0: a number */
    int64_t shape[ELCL_MAX_DIMS];
    size_t n;      /* elements */
    size_t at;     /* in the file */
    float first;   /* element, integers without their factor */
    int32_t scale; /* the variable with the factors of integers, or -1 */
};

struct elcl_ct2 {
    char *path;
    struct elcl_file file;
    uint32_t version, revision;
    char *spec;
    struct elcl_ct2_variable *variables; /* [n_variables] */
    size_t n_variables, max_variables;
    struct elcl_strmap names; /* -> variable, aliases too */
};

/* Opens a file, which stays open. The caller calls elcl_ct2_finish(), after a failure too. */
int elcl_ct2_open(const char *path, struct elcl_ct2 *ct2, elcl_error *err);
/* Reads a file in memory, which must outlive ct2; messages name `path`. */
int elcl_ct2_parse(const void *data, size_t bytes, const char *path, struct elcl_ct2 *ct2,
                   elcl_error *err);
void elcl_ct2_finish(struct elcl_ct2 *ct2); /* {0} is fine */

/* Returns the index of a variable or of what an alias stands for, or -1. */
int32_t elcl_ct2_find(const struct elcl_ct2 *ct2, const char *name);
/* Returns element i of stored ones as a float, integers without their factor. */
float elcl_ct2_element(enum elcl_ct2_type type, const char *stored, size_t i);
size_t elcl_ct2_type_bytes(enum elcl_ct2_type type);

/* Finds whether a directory holds a model of CTranslate2 and no other. */
int elcl_ct2_detect(const char *directory, bool *is, elcl_error *err);

/* ---- ctranslate2_tensors.c ----------------------------------------------------------------- */

/* Opens the file as a source of tensors with the names of BART: encoder.layers.0.self_attn.q_proj
 * .weight ..., or of Whisper: model.encoder.conv1.weight ... Matrices that the file has side by
 * side are cut; absent biases are zeros; integers become f32 when loaded. Refuses a variable whose
 * meaning it does not know. */
int elcl_ct2_tensors_open(const char *path, struct elcl_tensors **tensors, elcl_error *err);
int elcl_ct2_tensors_open_memory(const void *data, size_t bytes, const char *path,
                                 struct elcl_tensors **tensors, elcl_error *err);
/* Returns the name of the i-th tensor, for tests; NULL after the last. */
const char *elcl_ct2_tensors_name(const struct elcl_tensors *tensors, size_t i);

/* The added row of a vocabulary that starts from zeros is never chosen. */
#define ELCL_CT2_NEVER (-1e30f)

/* ---- ctranslate2_vocabulary.c ---------------------------------------------------------------- */

struct elcl_ct2_vocabulary {
    char *path;
    struct elcl_str text; /* all tokens, each with a NUL */
    size_t *offsets;      /* [n], in text */
    size_t n, max_tokens;
    struct elcl_strmap ids; /* -> the first id of a token */
};

enum elcl_ct2_side { ELCL_CT2_SOURCE, ELCL_CT2_TARGET };

struct elcl_ct2_tokens;

/* Reads {shared, source or target, none}_vocabulary.{json, txt} of a directory. Adds the unknown
 * token if it is not there and the model has a row for it. The caller calls
 * elcl_ct2_vocabulary_finish(), after a failure too. */
int elcl_ct2_vocabulary_read(const char *directory, enum elcl_ct2_side side,
                             const struct elcl_ct2_tokens *tokens,
                             struct elcl_ct2_vocabulary *vocabulary, elcl_error *err);
/* Reads the text of a file in memory. */
int elcl_ct2_vocabulary_parse(const char *text, size_t n, bool json, const char *path,
                              struct elcl_ct2_vocabulary *vocabulary, elcl_error *err);
void elcl_ct2_vocabulary_finish(struct elcl_ct2_vocabulary *vocabulary); /* {0} is fine */

static inline const char *elcl_ct2_token(const struct elcl_ct2_vocabulary *vocabulary, size_t id)
{
    return vocabulary->text.data + vocabulary->offsets[id];
}
int32_t elcl_ct2_token_id(const struct elcl_ct2_vocabulary *vocabulary, const char *token);

/* ---- ctranslate2_config.c -------------------------------------------------------------------- */

struct cJSON;

/* The special tokens of config.json. */
struct elcl_ct2_tokens {
    char unk[64], bos[64], eos[64], start[64]; /* start "": the caller gives it */
    char prefix[64];                           /* begins every output; "": none */
    bool source_bos, source_eos;               /* around a source */
    size_t rows[2];                            /* of the model's tables, by enum elcl_ct2_side */
    bool from_zero;                            /* the decoder starts from a zero embedding */
    bool speech;                               /* Whisper: the vocabulary is GPT-2's kind */
};

/* Makes what config.json of another family holds: the sizes from model.bin, the ids of special
 * tokens from config.json and the vocabularies, and CTranslate2's own generation options.
 * model_type is ctranslate2, or whisper with what generation_config.json holds in *generation, else
 * NULL. Both are freed with cJSON_Delete(). */
int elcl_ct2_config(const char *directory, struct cJSON **config, struct cJSON **generation,
                    elcl_error *err);
/* Reads the special tokens. */
int elcl_ct2_tokens_read(const char *directory, struct elcl_ct2_tokens *tokens, elcl_error *err);

/* ---- ctranslate2_speech.c -------------------------------------------------------------------- */

#define ELCL_CT2_SPEECH "WhisperSpec"
#define ELCL_CT2_SPEECH_START "<|startoftranscript|>"
#define ELCL_CT2_SPEECH_END "<|endoftext|>"

/* Adds the keys of config.json to an object, but not the sizes of the stacks. */
int elcl_ct2_speech_config(const struct elcl_ct2 *ct2, struct cJSON *to, elcl_error *err);
/* Adds those of generation_config.json; `stored` is the directory's config.json, or NULL. */
int elcl_ct2_speech_generation(const struct elcl_ct2 *ct2,
                               const struct elcl_ct2_vocabulary *vocabulary,
                               const struct cJSON *stored, struct cJSON *to, elcl_error *err);

#endif
