#include "device/program_cache.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/os.h"
#include "base/own_files.h"
#include "base/util.h"
#include "elcl/measure.h"

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

struct file_name {
    char s[32];
};

static struct file_name name_file(uint64_t key)
{
    struct file_name name;
    (void)snprintf(name.s, sizeof(name.s), "%016" PRIx64 SUFFIX, key);
    return name;
}

bool elcl_cache_load(const char *directory, uint64_t key, void **data, size_t *bytes)
{
    const struct file_name name = name_file(key);
    char *file = NULL;
    size_t file_bytes = 0;
    if (!directory ||
        elcl_own_read(directory, name.s, ELCL_CACHE_MAX_BYTES, &file, &file_bytes, NULL))
        return false;
    struct header found;
    bool ok = file && file_bytes >= sizeof(found);
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
            elcl_own_touch(directory, name.s); /* its last use, for elcl_cache_trim() */
        }
    }
    elcl_free(file);
    return ok;
}

void elcl_cache_store(const char *directory, uint64_t key, const void *data, size_t bytes)
{
    struct elcl_str file = {0};
    const struct header header = make_header(key, data, bytes);
    elcl_str_append(&file, &header, sizeof(header));
    elcl_str_append(&file, data, bytes);
    if (directory && !file.failed && file.n <= ELCL_CACHE_MAX_BYTES &&
        !elcl_own_write(directory, name_file(key).s, file.data, file.n, NULL))
        elcl_cache_trim(directory, ELCL_CACHE_MAX_BYTES);
    elcl_str_finish(&file);
}

void elcl_cache_remove(const char *directory, uint64_t key)
{
    if (directory)
        elcl_own_remove(directory, name_file(key).s);
}

/* Accepts 16 hexadecimal digits and the suffix, and the temporary name of such a file, which stays
 * if its writer was stopped. */
static bool is_cache_file(const char *name)
{
    return strspn(name, "0123456789abcdef") == 16 && !strncmp(name + 16, SUFFIX, strlen(SUFFIX));
}

void elcl_cache_trim(const char *directory, uint64_t max_bytes)
{
    struct elcl_file_info *files;
    size_t n;
    if (!directory || !elcl_list_files(directory, &files, &n))
        return;
    elcl_sort_files(files, n);
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        if (!is_cache_file(files[i].name))
            continue;
        sum += files[i].bytes;
        if (sum > max_bytes)
            elcl_own_remove(directory, files[i].name);
    }
    elcl_free_files(files, n);
}

int elcl_check_cache(char **directory, elcl_error *err)
{
    if (!directory)
        return elcl_fail(err, ELCL_E_ARG, "elcl_check_cache: directory must not be NULL");
    *directory = elcl_cache_directory();
    return *directory ? elcl_own_directory(*directory, err) : ELCL_OK;
}
