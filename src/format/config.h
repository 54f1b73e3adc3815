/* Checked values from config.json and generation_config.json of a model directory. */
#ifndef ELCL_FORMAT_CONFIG_H
#define ELCL_FORMAT_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct cJSON;

/* Whisper: the smallest vocabulary with languages and tasks, in a file that does not say whether it
 * has them. */
#define ELCL_MULTILINGUAL_VOCABULARY 51865

struct elcl_config {
    char *directory;          /* NULL: a model that is a file, or texts in memory */
    char *path;               /* of config.json, for messages */
    char *generation_path;    /* of generation_config.json */
    struct cJSON *model;      /* config.json */
    struct cJSON *generation; /* generation_config.json, or NULL without that file */
    char model_type[32];
    void *lists[4]; /* the lists of the generation options point here */
};

/* Reads both files of a directory. config.json must exist and name a model_type. CTranslate2,
 * files of whisper.cpp and GGUF files have the values elsewhere. */
int elcl_config_load(const char *directory, struct elcl_config *config, elcl_error *err);
/* Parses both texts (for fuzzing); generation may be NULL. */
int elcl_config_parse(const char *model, size_t n_model, const char *generation,
                      size_t n_generation, struct elcl_config *config, elcl_error *err);
void elcl_config_finish(struct elcl_config *config); /* {0} is fine */
/* Hashes all of config.json. Returns false if memory is short. */
bool elcl_config_hash(const struct elcl_config *config, uint64_t *hash);

/* Read a value of config.json. The plain form requires the key; the _or form uses `fallback` if the
 * key is absent or null. The error for a wrong type or a value outside min .. max names the file,
 * the key, what was expected and what was found. */
int elcl_config_int(const struct elcl_config *config, const char *key, int min, int max, int *out,
                    elcl_error *err);
int elcl_config_int_or(const struct elcl_config *config, const char *key, int min, int max,
                       int fallback, int *out, elcl_error *err);
int elcl_config_float_or(const struct elcl_config *config, const char *key, double min, double max,
                         double fallback, float *out, elcl_error *err);
int elcl_config_bool_or(const struct elcl_config *config, const char *key, bool fallback, bool *out,
                        elcl_error *err);
/* The string lives as long as the config. */
int elcl_config_string_or(const struct elcl_config *config, const char *key, const char *fallback,
                          const char **out, elcl_error *err);
/* Whether config.json has the key with a value other than null. */
bool elcl_config_has(const struct elcl_config *config, const char *key);
/* Whether it has the key with a value other than null, false, {} and []. */
bool elcl_config_is_set(const struct elcl_config *config, const char *key);

/* The integer to use if config.json lacks the key. */
struct elcl_config_default {
    const char *key; /* NULL ends a list */
    int value;
};

/* One number may have two names: adds `key` with the value of `other` if config.json has only that.
 * Unless `key` counts in any case, refuses two different values. */
int elcl_config_alias(struct elcl_config *config, const char *other, const char *key,
                      bool key_counts, elcl_error *err);

/* Decides which file has the generation options: generation_config.json if there is one. It does
 * not count if it says that it is a copy ("_from_model_config": true) and config.json has values
 * other than the class's. Without it, adds the keys that config.json does not have; null counts as
 * having it. */
int elcl_config_add_defaults(struct elcl_config *config, const struct elcl_config_default *defaults,
                             elcl_error *err);

/* Reads the generation options from the file that counts, over Hugging Face's defaults (num_beams
 * 1, max_length 20, length_penalty 1, early_stopping false, ...). Names and refuses options that
 * would change the result and that elcl does not have (sequence_bias, ...). decoder_start_token_id
 * falls back to bos_token_id. EOS, padding and suppressed tokens outside the vocabulary are left
 * out: they never occur. Lists live as long as the config, or until the next call. */
int elcl_config_gen_options(struct elcl_config *config, int vocabulary, elcl_gen_options *options,
                            elcl_error *err);
/* Whether max_length is Hugging Face's own default, which does not count the prompt. */
bool elcl_config_default_length(const struct elcl_config *config);

#endif
