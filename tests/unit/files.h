/* What the tests of files share: reading, writing, and failed calls. */
#ifndef ELCL_TESTS_FILES_H
#define ELCL_TESTS_FILES_H

#include <stddef.h>

#include "base/error.h"

struct cJSON;

/* Checks that the call `what` failed with this code and a message that contains `part`. */
void check_failure(const char *what, int rc, const elcl_error *err, int code, const char *part);

/* Reads a file by its path in the repository, freed with elcl_free(); NULL after a failed check. */
char *read_golden_file(const char *name, size_t *n);
/* Returns the texts of golden/tokenizer/strings.jsonl as an array of strings. */
struct cJSON *read_golden_texts(void);

/* Returns the path of a name in the temporary directory, valid until the next call. */
const char *temporary_path(const char *name);
/* Creates a directory in the temporary directory; returns its path, valid until the next call. */
const char *directory(const char *name);
/* Write a file by its path in the temporary directory. */
void write_file(const char *name, const void *data, size_t n);
void write_text(const char *name, const char *text);

#endif
