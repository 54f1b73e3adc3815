/*
 * Fuzz targets: each file fuzz_*.c has one LLVMFuzzerTestOneInput(). run.sh builds them with
 * libFuzzer and runs them. In the test suite fuzz_main.c runs the seeds and some thousand fixed
 * mutations of them.
 */
#ifndef ELCL_TESTS_FUZZ_H
#define ELCL_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Aborts and names the condition if it does not hold. */
#define FUZZ_REQUIRE(cond) fuzz_require((cond), __FILE__, __LINE__, #cond)
void fuzz_require(int ok, const char *file, int line, const char *cond);

/* Requires success without a message, or an error code with a message. */
void fuzz_check_error(int rc, const elcl_error *err);

/* Returns a copy in its own allocation, so that sanitizers see reads past its end; freed with
 * free(). */
char *fuzz_copy(const uint8_t *data, size_t n);

/* Writes a file for a reader that takes a path, in a temporary directory that ends with the
 * program. Returns its path, valid until the next call. */
const char *fuzz_file(const char *name, const void *data, size_t n);
/* The directory of these files. */
const char *fuzz_directory(void);

/* Requires of a tensor: elements as its shape says, which fit into `most` bytes and can be loaded.
 */
struct elcl_tensors;
void fuzz_check_tensor(struct elcl_tensors *tensors, const char *name, size_t most);

/* Take what a reader has returned: require an error and nothing, or a source all of whose tensors
 * fuzz_check_tensor() accepts, or a tokenizer that encodes the text. Both are closed. */
void fuzz_take_tensors(int rc, const elcl_error *err, struct elcl_tensors *tensors, size_t most);
struct elcl_tokenizer;
void fuzz_take_tokenizer(int rc, const elcl_error *err, struct elcl_tokenizer *t, const char *text,
                         size_t n);

/* Encodes a text. Requires an error, or success with ids of the vocabulary; the caller frees *ids
 * with elcl_free(). */
int fuzz_encode(const struct elcl_tokenizer *t, const char *text, size_t n, int32_t **ids,
                size_t *n_ids);

/* Takes the first byte, which chooses what to read; 0 if there is none. */
uint8_t fuzz_choice(const uint8_t **data, size_t *n);

/* Takes the next of several texts between bytes 0xff, as fuzz_copy(); NULL after the last. */
char *fuzz_next(const uint8_t **data, size_t *n, size_t *length);

#endif
