#include "common/digest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"

#define READ_BYTES ((size_t)1 << 20)
#define BLOCK_BYTES ((size_t)4096)
#define N_BLOCKS ((size_t)1024)

static void add(struct cli_digest *digest, const char *bytes, size_t n)
{
    const char *at = bytes;
    digest->bytes += n;
    digest->hash = elcl_hash(digest->hash, bytes, n);
    while ((at = memchr(at, '\n', n - (size_t)(at - bytes)))) {
        digest->lines++;
        at++;
    }
}

static int fail_read(const char *path, elcl_error *err)
{
    return elcl_fail(err, ELCL_E_IO, "%.200s: cannot read: %s", path,
                     errno ? strerror(errno) : "it became shorter");
}

/* Opens a regular file: a pipe would block, and its bytes would be gone. */
static int open_regular(const char *path, FILE **file, elcl_error *err)
{
    errno = 0;
    *file = elcl_is_file(path) ? fopen(path, "rb") : NULL;
    if (*file)
        return ELCL_OK;
    return elcl_fail(err, ELCL_E_IO, "%.200s: cannot open: %s", path,
                     errno ? strerror(errno) : "it is not a regular file");
}

static int read_whole(FILE *file, const char *path, struct cli_digest *digest, elcl_error *err)
{
    char *bytes = malloc(READ_BYTES);
    char last = '\n';
    if (!bytes)
        return elcl_fail_nomem(err);
    for (size_t n; (n = fread(bytes, 1, READ_BYTES, file));) {
        add(digest, bytes, n);
        last = bytes[n - 1];
    }
    digest->lines += last != '\n';
    free(bytes);
    return ferror(file) ? fail_read(path, err) : ELCL_OK;
}

static int read_blocks(FILE *file, uint64_t n_bytes, const char *path, struct cli_digest *digest,
                       elcl_error *err)
{
    char block[BLOCK_BYTES];
    for (size_t i = 0; i < N_BLOCKS; i++) {
        const uint64_t at = (n_bytes - BLOCK_BYTES) / (N_BLOCKS - 1) * i;
        const uint64_t place = i + 1 < N_BLOCKS ? at : n_bytes - BLOCK_BYTES;
        errno = 0;
        if (fseek(file, (long)place, SEEK_SET) || fread(block, 1, BLOCK_BYTES, file) != BLOCK_BYTES)
            return fail_read(path, err);
        digest->hash = elcl_hash(digest->hash, block, BLOCK_BYTES);
    }
    digest->bytes = n_bytes;
    return ELCL_OK;
}

/* Reads a large file in blocks and a small one whole. */
static int read_sample(FILE *file, const char *path, struct cli_digest *digest, elcl_error *err)
{
    errno = 0;
    const long n = fseek(file, 0, SEEK_END) ? -1 : ftell(file);
    if (n < 0)
        return fail_read(path, err);
    if ((uint64_t)n > N_BLOCKS * BLOCK_BYTES)
        return read_blocks(file, (uint64_t)n, path, digest, err);
    rewind(file);
    return read_whole(file, path, digest, err);
}

typedef int (*read_fn)(FILE *file, const char *path, struct cli_digest *digest, elcl_error *err);

static int digest_by(read_fn read, const char *path, struct cli_digest *digest, elcl_error *err)
{
    struct cli_digest found = {.hash = ELCL_HASH_INIT};
    FILE *file;
    int rc = open_regular(path, &file, err);
    if (rc)
        return rc;
    rc = read(file, path, &found, err);
    (void)fclose(file);
    if (!rc)
        *digest = found;
    return rc;
}

int cli_digest_file(const char *path, struct cli_digest *digest, elcl_error *err)
{
    return digest_by(read_whole, path, digest, err);
}

int cli_digest_sample(const char *path, struct cli_digest *digest, elcl_error *err)
{
    return digest_by(read_sample, path, digest, err);
}
