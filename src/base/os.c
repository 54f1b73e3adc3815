#define _DEFAULT_SOURCE /* madvise(): glibc's posix_madvise() drops nothing */
#define _POSIX_C_SOURCE 200809L

#include "base/os.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/util.h"

static int open_regular(const char *path, int *fd, size_t *bytes, elcl_error *err)
{
    struct stat st;
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*fd < 0 || fstat(*fd, &st)) {
        const int why = errno;
        if (*fd >= 0)
            close(*fd);
        return elcl_fail(err, ELCL_E_IO, "%s: cannot open: %s", path, strerror(why));
    }
    if (!S_ISREG(st.st_mode)) {
        close(*fd);
        return elcl_fail(err, ELCL_E_IO, "%s: not a regular file", path);
    }
    *bytes = (size_t)st.st_size;
    return ELCL_OK;
}

int elcl_map_file(const char *path, struct elcl_mapping *mapping, elcl_error *err)
{
    int fd;
    size_t bytes = 0;
    const int rc = open_regular(path, &fd, &bytes, err);
    if (rc)
        return rc;
    void *data = NULL;
    if (bytes) {
        data = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED) {
            const int why = errno;
            close(fd);
            return elcl_fail(err, ELCL_E_IO, "%s: cannot map: %s", path, strerror(why));
        }
    }
    close(fd);
    *mapping = (struct elcl_mapping){data, bytes};
    return ELCL_OK;
}

void elcl_unmap_file(struct elcl_mapping *mapping)
{
    if (mapping->data)
        munmap((void *)(uintptr_t)mapping->data, mapping->bytes);
    *mapping = (struct elcl_mapping){0};
}

void elcl_drop_pages(const struct elcl_mapping *mapping)
{
    if (mapping->data)
        (void)madvise((void *)(uintptr_t)mapping->data, mapping->bytes, MADV_DONTNEED);
}

int elcl_read_file(const char *path, size_t max_bytes, char **data, size_t *bytes, elcl_error *err)
{
    struct elcl_mapping mapping;
    const int rc = elcl_map_file(path, &mapping, err);
    if (rc)
        return rc;
    if (mapping.bytes > max_bytes) {
        const size_t found = mapping.bytes;
        elcl_unmap_file(&mapping);
        return elcl_fail(err, ELCL_E_FORMAT, "%s: %zu bytes, at most %zu are expected", path, found,
                         max_bytes);
    }
    char *copy = elcl_strndup(mapping.data ? mapping.data : "", mapping.bytes);
    if (copy) {
        *data = copy;
        *bytes = mapping.bytes;
    }
    elcl_unmap_file(&mapping);
    return copy ? ELCL_OK : elcl_fail_nomem(err);
}

static bool write_all(int fd, const char *data, size_t bytes)
{
    while (bytes) {
        const ssize_t n = write(fd, data, bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        data += n;
        bytes -= (size_t)n;
    }
    return true;
}

/* Writes all parts. Returns false with errno; *rc is set if a part itself failed. */
static bool write_parts(int fd, size_t n, elcl_part_fn part, void *user, int *rc, elcl_error *err)
{
    for (size_t i = 0; i < n; i++) {
        const void *data = NULL;
        size_t bytes = 0;
        *rc = part(user, i, &data, &bytes, err);
        if (*rc || !write_all(fd, data, bytes))
            return false;
    }
    return true;
}

int elcl_write_parts_atomic(const char *path, size_t n, elcl_part_fn part, void *user,
                            elcl_error *err)
{
    struct elcl_str temporary = {0};
    elcl_str_printf(&temporary, "%s.XXXXXX", path);
    if (temporary.failed)
        return elcl_fail_nomem(err);
    int rc = ELCL_OK;
    const int fd = mkstemp(temporary.data);
    if (fd < 0) {
        rc = elcl_fail(err, ELCL_E_IO, "%s: cannot write: %s", path, strerror(errno));
    } else {
        bool ok = write_parts(fd, n, part, user, &rc, err);
        ok = !close(fd) && ok;
        ok = ok && !rename(temporary.data, path);
        if (!ok) {
            if (!rc)
                rc = elcl_fail(err, ELCL_E_IO, "%s: cannot write: %s", path, strerror(errno));
            unlink(temporary.data);
        }
    }
    elcl_str_finish(&temporary);
    return rc;
}

struct one_part {
    const void *data;
    size_t bytes;
};

static int the_part(void *user, size_t i, const void **data, size_t *bytes, elcl_error *err)
{
    const struct one_part *one = user;
    (void)i;
    (void)err;
    *data = one->data;
    *bytes = one->bytes;
    return ELCL_OK;
}

int elcl_write_file_atomic(const char *path, const void *data, size_t bytes, elcl_error *err)
{
    struct one_part one = {data, bytes};
    return elcl_write_parts_atomic(path, 1, the_part, &one, err);
}

bool elcl_is_file(const char *path)
{
    struct stat st;
    return !stat(path, &st) && S_ISREG(st.st_mode);
}

bool elcl_is_directory(const char *path)
{
    struct stat st;
    return !stat(path, &st) && S_ISDIR(st.st_mode);
}

int elcl_make_directories(const char *path, elcl_error *err)
{
    char *copy = elcl_strndup(path, strlen(path));
    if (!copy)
        return elcl_fail_nomem(err);
    for (char *p = copy + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        mkdir(copy, 0777); /* the last mkdir below shows whether all worked */
        *p = '/';
    }
    const bool ok = !mkdir(copy, 0777) || elcl_is_directory(copy);
    const int why = errno;
    free(copy);
    return ok ? ELCL_OK
              : elcl_fail(err, ELCL_E_IO, "%s: cannot make directory: %s", path, strerror(why));
}

void elcl_free_files(struct elcl_file_info *files, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(files[i].name);
    free(files);
}

static bool add_file(struct elcl_file_info **files, size_t *n, size_t *capacity,
                     const char *directory, const char *name)
{
    char *path = elcl_path_join(directory, name);
    struct stat st;
    const bool plain = path && !stat(path, &st) && S_ISREG(st.st_mode);
    const bool no_memory = !path;
    free(path);
    if (!plain)
        return !no_memory;
    void *grown = *files;
    if (!elcl_grow(&grown, capacity, *n + 1, sizeof(**files)))
        return false;
    *files = grown;
    char *copy = elcl_strndup(name, strlen(name));
    if (!copy)
        return false;
    (*files)[(*n)++] = (struct elcl_file_info){
        .name = copy,
        .bytes = (uint64_t)st.st_size,
        .modified_ns =
            (uint64_t)st.st_mtim.tv_sec * UINT64_C(1000000000) + (uint64_t)st.st_mtim.tv_nsec,
    };
    return true;
}

bool elcl_list_files(const char *directory, struct elcl_file_info **files, size_t *n)
{
    struct elcl_file_info *found = NULL;
    size_t n_found = 0;
    size_t capacity = 0;
    bool ok = true;
    DIR *dir = opendir(directory);
    for (const struct dirent *entry; ok && dir && (entry = readdir(dir));)
        ok = add_file(&found, &n_found, &capacity, directory, entry->d_name);
    if (dir)
        closedir(dir);
    if (!ok) {
        elcl_free_files(found, n_found);
        return false;
    }
    *files = found;
    *n = n_found;
    return true;
}

void elcl_touch_file(const char *path)
{
    utimensat(AT_FDCWD, path, NULL, 0);
}

void elcl_remove_file(const char *path)
{
    unlink(path);
}

char *elcl_path_join(const char *directory, const char *name)
{
    struct elcl_str path = {0};
    elcl_str_printf(&path, "%s/%s", directory, name);
    if (path.failed)
        elcl_str_finish(&path);
    return path.data;
}

bool elcl_has_file(const char *directory, const char *name)
{
    char *path = elcl_path_join(directory, name);
    const bool has = path && elcl_is_file(path);
    elcl_free(path);
    return has;
}

char *elcl_cache_directory(void)
{
    const char *own = getenv("ELCL_CACHE_DIR");
    if (own && *own)
        return elcl_strndup(own, strlen(own));
    const char *xdg = getenv("XDG_CACHE_HOME");
    if (xdg && *xdg)
        return elcl_path_join(xdg, "elcl");
    const char *home = getenv("HOME");
    return home && *home ? elcl_path_join(home, ".cache/elcl") : NULL;
}

bool elcl_cpu_has(enum elcl_cpu_feature feature)
{
#if defined(__x86_64__)
    return feature == ELCL_CPU_AVX2          ? __builtin_cpu_supports("avx2")
           : feature == ELCL_CPU_AVX512BW    ? __builtin_cpu_supports("avx512bw")
           : feature == ELCL_CPU_AVX512_VNNI ? __builtin_cpu_supports("avx512vnni")
                                             : __builtin_cpu_supports("avx512bf16");
#else
    (void)feature;
    return false;
#endif
}

uint64_t elcl_clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}
