/* Reads a file from its first byte to its last one, a window at a time. */
#ifndef ELCL_FORMAT_BYTE_READER_H
#define ELCL_FORMAT_BYTE_READER_H

#include <stddef.h>

#include "base/os.h"

#define ELCL_BYTE_WINDOW ((size_t)65536)

struct elcl_byte_reader {
    const struct elcl_file *file;
    size_t at;    /* the next byte of the file */
    char *window; /* [ELCL_BYTE_WINDOW] bytes of the file from window_at on */
    size_t window_at, n_window;
};

/* The file must outlive the reader. */
int elcl_byte_reader_init(struct elcl_byte_reader *r, const struct elcl_file *file,
                          elcl_error *err);
void elcl_byte_reader_finish(struct elcl_byte_reader *r); /* {0} is fine */

static inline size_t elcl_bytes_left(const struct elcl_byte_reader *r)
{
    return r->file->bytes - r->at;
}

/* Points *p to the next n <= ELCL_BYTE_WINDOW bytes, valid until the next call, and skips them. */
int elcl_byte_reader_take(struct elcl_byte_reader *r, size_t n, const char **p, elcl_error *err);
/* Skips n bytes; `what` says in messages what the file lacks: "ends inside a tensor". */
int elcl_byte_reader_skip(struct elcl_byte_reader *r, size_t n, const char *what, elcl_error *err);
/* Fails: the content is not what it should be. */
int elcl_byte_reader_damaged(const struct elcl_byte_reader *r, const char *what, elcl_error *err);

#endif
