/* Builds tokenizers from texts in memory, for the tests. */
#ifndef ELCL_TESTS_TOKENIZER_TEXTS_H
#define ELCL_TESTS_TOKENIZER_TEXTS_H

#include "check.h"
#include "text/tokenizer_load.h"

/* The files of a case; NULL: no such file. */
struct texts {
    const char *json, *config, *vocab, *merges, *special_map, *added_tokens, *model;
};

int build(const struct texts *texts, struct elcl_tokenizer **t, elcl_error *err);
/* Returns NULL after a failed check. */
struct elcl_tokenizer *must_build(const struct texts *texts);
/* Checks that building fails with this code and a message that contains `message`. */
void check_refused(const struct texts *texts, int code, const char *message);

/* Check the ids, given as text: "1 2 3". Do nothing if t is NULL. */
void check_encode(const struct elcl_tokenizer *t, const char *text, const char *want);
void check_encode_n(const struct elcl_tokenizer *t, const char *text, size_t n, const char *want);
void check_texts(const struct texts *texts, const char *text, const char *want);
void check_decode(const struct elcl_tokenizer *t, const int32_t *ids, size_t n, bool skip,
                  const char *want);

/* Streams random ids: the texts together are those of decoding all ids at once, each has whole
 * characters, and most text comes before the end. Also with clean-up the other way. Does nothing if
 * t is NULL. */
void check_stream(struct elcl_tokenizer *t);

/* A small BART: vocab.json and merges.txt. */
#define SPACE "\304\240" /* the spelling of the byte of a space */
#define BART_VOCAB                                                                                 \
    "{\"<s>\":0,\"<pad>\":1,\"</s>\":2,\"<unk>\":3,\"a\":4,\"b\":5,\"" SPACE "\":6,\"" SPACE       \
    "a\":7,\"ab\":8,\"<mask>\":9,\"<|endoftext|>\":10,\"\304\212\":11,\"<\":12,\">\":13,\"s\":14," \
    "\"\304\263\":15}"
#define BART_MERGES "#version: 0.2\na b\n" SPACE " a\n"

/* Pieces of a tokenizer.json. */
#define JSON_HEAD                                                                                  \
    "{\"version\":\"1.0\",\"normalizer\":null,\"added_tokens\":[{\"id\":2,\"content\":\"<s>\","    \
    "\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false,\"special\":"    \
    "true},{\"id\":9,\"content\":\"<x>\",\"lstrip\":true,\"rstrip\":true}],"
#define JSON_BYTES "\"decoder\":{\"type\":\"ByteLevel\"},"
#define JSON_PRE "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},"
#define JSON_VOCAB "\"vocab\":{\"a\":0,\"b\":1,\"<s>\":2,\"ab\":3,\"" SPACE "\":4,\"abab\":5}"
#define JSON_MODEL "\"model\":{\"type\":\"BPE\",\"unk_token\":\"<s>\"," JSON_VOCAB ","

#endif
