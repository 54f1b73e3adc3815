#include "device/program_cache.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "base/util.h"

#define MAGIC "elclbin"
#define VERSION 1
#define SUFFIX ".bin"

/* Precedes the payload, in the machine's byte order: a machine of another order refuses the file.
 */
struct header {
    char magic[8];
    uint64_t version;
    uint64_t key;
    uint64_t bytes;
    uint64_t hash;
};

static struct header make_header(uint64_t key, const void *data, size_t bytes)
{
    return (struct header){
        .magic = MAGIC,
        .version = VERSION,
        .key = key,
        .bytes = bytes,
        .hash = elcl_hash(ELCL_HASH_INIT, data, bytes),
    };
}

/* Returns NULL without a directory or memory; freed with elcl_free(). */
static char *file_path(const char *directory, uint64_t key)
{
    struct elcl_str path = {0};
    if (directory)
        elcl_str_printf(&path, "%s/%016" PRIx64 SUFFIX, directory, key);
    if (path.failed)
        elcl_str_finish(&path);
    return path.data;
}

bool elcl_cache_load(const char *directory, uint64_t key, void **data, size_t *bytes)
{
    char *path = file_path(directory, key);
    char *file = NULL;
    size_t file_bytes = 0;
    if (!path || elcl_read_file(path, ELCL_CACHE_MAX_BYTES, &file, &file_bytes, NULL)) {
        elcl_free(path);
        return false;
    }
    struct header found;
    bool ok = file_bytes >= sizeof(found);
    if (ok) {
        memcpy(&found, file, sizeof(found));
        const size_t n = file_bytes - sizeof(found);
        const struct header expected = make_header(key, file + sizeof(found), n);
        ok = !memcmp(&found, &expected, sizeof(found));
        if (ok) {
            memmove(file, file + sizeof(found), n);
            *data = file;
            *bytes = n;
            file = NULL;
            elcl_touch_file(path); /* its last use, for elcl_cache_trim() */
        }
    }
    elcl_free(file);
    elcl_free(path);
    return ok;
}

void elcl_cache_store(const char *directory, uint64_t key, const void *data, size_t bytes)
{
    char *path = file_path(directory, key);
    struct elcl_str file = {0};
    const struct header header = make_header(key, data, bytes);
    elcl_str_append(&file, &header, sizeof(header));
    elcl_str_append(&file, data, bytes);
    if (path && !file.failed && file.n <= ELCL_CACHE_MAX_BYTES &&
        !elcl_make_directories(directory, NULL) &&
        !elcl_write_file_atomic(path, file.data, file.n, NULL))
        elcl_cache_trim(directory, ELCL_CACHE_MAX_BYTES);
    elcl_str_finish(&file);
    elcl_free(path);
}

void elcl_cache_remove(const char *directory, uint64_t key)
{
    char *path = file_path(directory, key);
    if (path)
        elcl_remove_file(path);
    elcl_free(path);
}

/* Accepts 16 hexadecimal digits and the suffix, and the temporary name of such a file, which stays
 * if its writer was stopped. */
static bool is_cache_file(const char *name)
{
    return strspn(name, "0123456789abcdef") == 16 && !strncmp(name + 16, SUFFIX, strlen(SUFFIX));
}

static int newest_first(const void *a, const void *b)
{
    const struct elcl_file_info *x = a;
    const struct elcl_file_info *y = b;
    return (x->modified_ns < y->modified_ns) - (x->modified_ns > y->modified_ns);
}

void elcl_cache_trim(const char *directory, uint64_t max_bytes)
{
    struct elcl_file_info *files;
    size_t n;
    if (!directory || !elcl_list_files(directory, &files, &n))
        return;
    if (n)
        qsort(files, n, sizeof(*files), newest_first);
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        if (!is_cache_file(files[i].name))
            continue;
        sum += files[i].bytes;
        char *path = sum > max_bytes ? elcl_path_join(directory, files[i].name) : NULL;
        if (path)
            elcl_remove_file(path);
        elcl_free(path);
    }
    elcl_free_files(files, n);
}
