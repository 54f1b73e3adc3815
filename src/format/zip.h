/*
 * Zip archives in memory whose entries are stored, not compressed, as torch.save writes them. The
 * central directory, zip64 included, and the entries' own headers are checked against the file and
 * against each other; checksums are not.
 */
#ifndef ELCL_FORMAT_ZIP_H
#define ELCL_FORMAT_ZIP_H

#include <stddef.h>

#include "base/error.h"
#include "base/strmap.h"

struct elcl_zip_entry {
    const char *name; /* [n_name], not terminated */
    size_t n_name;
    const char *data; /* [bytes] */
    size_t bytes;
};

/* {0} is a valid empty archive. */
struct elcl_zip {
    struct elcl_zip_entry *entries; /* [n] */
    size_t n;
    struct elcl_strmap names; /* -> entry */
};

/* `data` must outlive the archive; `file` stands in messages. */
int elcl_zip_open(const void *data, size_t bytes, const char *file, struct elcl_zip *zip,
                  elcl_error *err);
void elcl_zip_finish(struct elcl_zip *zip);

/* NULL when there is none. */
const struct elcl_zip_entry *elcl_zip_find(const struct elcl_zip *zip, const char *name, size_t n);

#endif
