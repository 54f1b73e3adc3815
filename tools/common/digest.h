/* Digests that tell files apart. They find accidents, not forgeries: the hash is FNV-1a. */
#ifndef CLI_DIGEST_H
#define CLI_DIGEST_H

#include "common/tool.h"

struct cli_digest {
    uint64_t bytes;
    uint64_t lines; /* a last line without an end counts */
    uint64_t hash;
};

/* Reads all of a regular file. Fails for anything else. */
int cli_digest_file(const char *path, struct cli_digest *digest, elcl_error *err);
/* The same for a small file. Of a large one, such as weights, the hash covers 1,024 blocks of 4 KiB
 * that are spread evenly over it, the first and the last one among them; `lines` is 0. */
int cli_digest_sample(const char *path, struct cli_digest *digest, elcl_error *err);

#endif
