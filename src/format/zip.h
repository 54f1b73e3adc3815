/* Reads zip archives: stored, uncompressed entries, as torch.save writes them, and on request
 * deflated ones. The central directory, including zip64, and the entries' own headers are checked
 * against the file and against each other; checksums are not. */
#ifndef ELCL_FORMAT_ZIP_H
#define ELCL_FORMAT_ZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/os.h"
#include "base/strmap.h"

struct elcl_zip_entry {
    const char *name; /* [n_name], not terminated */
    size_t n_name;
    size_t at, bytes; /* in the file */
    bool deflated;
    uint32_t checksum; /* CRC-32 of the content, as stored */
    size_t size;       /* of the content: bytes, unless the entry is deflated */
};

/* {0} is a valid empty archive. */
struct elcl_zip {
    struct elcl_zip_entry *entries; /* [n] */
    size_t n;
    struct elcl_strmap names; /* -> entry */
    char *directory;          /* as it stands in the file; has the entries' names */
};

/* Reads the directory of an archive, whose file may be closed afterwards. */
int elcl_zip_open(const struct elcl_file *file, struct elcl_zip *zip, elcl_error *err);
/* The same for archives that may have deflated entries. */
int elcl_zip_open_deflated(const struct elcl_file *file, struct elcl_zip *zip, elcl_error *err);
void elcl_zip_finish(struct elcl_zip *zip);

/* Returns NULL if there is no such entry. */
const struct elcl_zip_entry *elcl_zip_find(const struct elcl_zip *zip, const char *name, size_t n);

#endif
