#define _POSIX_C_SOURCE 200809L

#include "base/os.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/util.h"

/* ---- reading --------------------------------------------------------------------------------- */

static int not_regular(const char *path, mode_t mode, elcl_error *err)
{
    const char *kind = S_ISDIR(mode)    ? "a directory"
                       : S_ISFIFO(mode) ? "a FIFO"
                       : S_ISSOCK(mode) ? "a socket"
                                        : "a device";
    return elcl_fail(err, ELCL_E_IO, "%s: is %s, not a regular file", path, kind);
}

/* Fails with the reason `why` (an errno) for which a name cannot be used. */
static int refuse_name(const char *path, int why, elcl_error *err)
{
    struct stat st;
    char target[256] = "";
    if (why == ENOENT && !lstat(path, &st) && S_ISLNK(st.st_mode)) {
        const ssize_t n = readlink(path, target, sizeof(target) - 1);
        target[n > 0 ? n : 0] = '\0';
        return elcl_fail(err, ELCL_E_IO,
                         "%s: is a symbolic link to %s, which does not exist; is the download "
                         "complete?",
                         path, target);
    }
    if (why == ENXIO && !stat(path, &st) && !S_ISREG(st.st_mode)) /* how a socket is refused */
        return not_regular(path, st.st_mode, err);
    return elcl_fail(err, ELCL_E_IO, "%s: cannot open: %s", path, strerror(why));
}

int elcl_file_exists(const char *path, bool *there, elcl_error *err)
{
    struct stat st;
    *there = !stat(path, &st);
    if (*there)
        return S_ISREG(st.st_mode) ? ELCL_OK : not_regular(path, st.st_mode, err);
    const int why = errno;
    if (why == ENOENT && lstat(path, &st) && errno == ENOENT)
        return ELCL_OK;
    return refuse_name(path, why, err);
}

int elcl_file_open(const char *path, struct elcl_file *file, elcl_error *err)
{
    struct stat st;
    /* Opening a FIFO would wait for a writer, and a terminal would become the controlling one. */
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st)) {
        const int why = errno;
        if (fd >= 0)
            close(fd);
        return refuse_name(path, why, err);
    }
    if (!S_ISREG(st.st_mode)) {
        close(fd);
        return not_regular(path, st.st_mode, err);
    }
    *file = (struct elcl_file){.path = path, .fd = fd, .bytes = (size_t)st.st_size, .open = true};
    return ELCL_OK;
}

struct elcl_file elcl_file_of(const void *data, size_t bytes, const char *path)
{
    return (struct elcl_file){.path = path, .data = data, .bytes = bytes};
}

void elcl_file_close(struct elcl_file *file)
{
    if (file->open)
        close(file->fd);
    *file = (struct elcl_file){0};
}

int elcl_file_read(const struct elcl_file *file, size_t at, void *to, size_t n, elcl_error *err)
{
    char *p = to;
    if (at > file->bytes || n > file->bytes - at)
        return elcl_fail(err, ELCL_E_INTERNAL, "%s: %zu bytes at %zu are not in the file",
                         file->path, n, at);
    if (!file->open && n)
        memcpy(p, file->data + at, n);
    while (file->open && n) {
        const ssize_t got = pread(file->fd, p, n, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return elcl_fail(err, ELCL_E_IO, "%s: cannot read: %s", file->path, strerror(errno));
        if (!got)
            return elcl_fail(err, ELCL_E_IO,
                             "%s: ends at byte %zu, and had %zu bytes when it was opened: another "
                             "program changes it",
                             file->path, at, file->bytes);
        p += got;
        at += (size_t)got;
        n -= (size_t)got;
    }
    return ELCL_OK;
}

int elcl_file_copy(const struct elcl_file *file, size_t at, size_t n, char **data, elcl_error *err)
{
    char *copy = n < SIZE_MAX ? malloc(n + 1) : NULL;
    const int rc = copy ? elcl_file_read(file, at, copy, n, err) : elcl_fail_nomem(err);
    if (rc) {
        free(copy);
        return rc;
    }
    copy[n] = '\0';
    *data = copy;
    return ELCL_OK;
}

int elcl_read_file(const char *path, size_t max_bytes, char **data, size_t *bytes, elcl_error *err)
{
    struct elcl_file file;
    int rc = elcl_file_open(path, &file, err);
    if (rc)
        return rc;
    const size_t found = file.bytes;
    rc = found > max_bytes
             ? elcl_fail(err, ELCL_E_FORMAT, "%s: %zu bytes, at most %zu are expected", path, found,
                         max_bytes)
             : elcl_file_copy(&file, 0, found, data, err);
    elcl_file_close(&file);
    if (!rc)
        *bytes = found;
    return rc;
}

int elcl_read_optional_file(const char *path, size_t max_bytes, char **data, size_t *bytes,
                            elcl_error *err)
{
    bool there;
    const int rc = elcl_file_exists(path, &there, err);
    *data = NULL;
    return rc || !there ? rc : elcl_read_file(path, max_bytes, data, bytes, err);
}

/* ---- writing --------------------------------------------------------------------------------- */

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

int elcl_check_directory(const char *path, elcl_error *err)
{
    struct stat st;
    if (!stat(path, &st))
        return S_ISDIR(st.st_mode) ? ELCL_OK
                                   : elcl_fail(err, ELCL_E_IO, "%s: is not a directory", path);
    const int why = errno;
    return why == ENOENT && lstat(path, &st)
               ? elcl_fail(err, ELCL_E_IO, "%s: no such directory", path)
               : refuse_name(path, why, err);
}

int elcl_make_directories(const char *path, unsigned mode, elcl_error *err)
{
    char *copy = elcl_strndup(path, strlen(path));
    if (!copy)
        return elcl_fail_nomem(err);
    for (char *p = *copy ? copy + 1 : copy; *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        (void)mkdir(copy, mode); /* the last mkdir below shows whether all worked */
        *p = '/';
    }
    const int why = mkdir(copy, mode) ? errno : 0;
    const bool ok = !why || elcl_is_directory(copy);
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

/* A name that leads nowhere is no directory; it is listed if not only plain files are wanted. */
static bool add_file(struct elcl_file_info **files, size_t *n, size_t *capacity, bool plain_only,
                     const char *directory, const char *name)
{
    char *path = elcl_path_join(directory, name);
    struct stat st = {0};
    const bool known = path && !stat(path, &st);
    const bool wanted = plain_only ? known && S_ISREG(st.st_mode) : !S_ISDIR(st.st_mode);
    const bool no_memory = !path;
    free(path);
    if (!wanted || no_memory)
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

static bool list(const char *directory, bool plain_only, struct elcl_file_info **files, size_t *n,
                 int *why)
{
    struct elcl_file_info *found = NULL;
    size_t n_found = 0;
    size_t capacity = 0;
    bool ok = true;
    DIR *dir = opendir(directory);
    *why = dir ? 0 : errno;
    for (const struct dirent *entry; ok && dir && (entry = readdir(dir));)
        ok = add_file(&found, &n_found, &capacity, plain_only, directory, entry->d_name);
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

bool elcl_list_files(const char *directory, struct elcl_file_info **files, size_t *n)
{
    int why;
    return list(directory, true, files, n, &why);
}

int elcl_list_names(const char *directory, struct elcl_file_info **files, size_t *n,
                    elcl_error *err)
{
    int why;
    if (!list(directory, false, files, n, &why))
        return elcl_fail_nomem(err);
    return why ? elcl_fail(err, ELCL_E_IO, "%s: cannot list the directory: %s", directory,
                           strerror(why))
               : ELCL_OK;
}

static int newest_first(const void *a, const void *b)
{
    const struct elcl_file_info *x = a;
    const struct elcl_file_info *y = b;
    return (x->modified_ns < y->modified_ns) - (x->modified_ns > y->modified_ns);
}

void elcl_sort_files(struct elcl_file_info *files, size_t n)
{
    if (n) /* else files may be NULL */
        qsort(files, n, sizeof(*files), newest_first);
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

int elcl_has_file(const char *directory, const char *name, bool *there, elcl_error *err)
{
    char *path = elcl_path_join(directory, name);
    const int rc = path ? elcl_file_exists(path, there, err) : elcl_fail_nomem(err);
    elcl_free(path);
    return rc;
}

char *elcl_cache_directory(void)
{
    const char *own = getenv("ELCL_CACHE_DIR");
    if (own && *own)
        return elcl_strndup(own, strlen(own));
    const char *xdg = getenv("XDG_CACHE_HOME");
    if (xdg && *xdg == '/') /* its specification: others are to be ignored */
        return elcl_path_join(xdg, "elcl");
    const char *home = getenv("HOME");
    return home && *home ? elcl_path_join(home, ".cache/elcl") : NULL;
}

int elcl_check_pocl_cache(elcl_error *err)
{
    const char *directory = getenv("POCL_CACHE_DIR");
    elcl_error why = {0};
    if (!directory || !*directory)
        return ELCL_OK;
    if (!elcl_make_directories(directory, 0777, &why) && access(directory, W_OK | X_OK))
        elcl_fail(&why, ELCL_E_IO, "%s: %s", directory, strerror(errno));
    return why.code ? elcl_fail(err, ELCL_E_DEVICE,
                                "no OpenCL device found: PoCL has none while it cannot write to "
                                "POCL_CACHE_DIR: %s",
                                why.msg)
                    : ELCL_OK;
}

uint64_t elcl_clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

uint64_t elcl_clock_after(double seconds)
{
    const double century = 100 * 366 * 86400.0;
    return seconds >= 0 && seconds < century ? elcl_clock_ns() + (uint64_t)(1e9 * seconds)
                                             : UINT64_MAX;
}

void elcl_condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

bool elcl_condition_wait(pthread_cond_t *condition, pthread_mutex_t *mutex, uint64_t end_ns)
{
    const struct timespec end = {.tv_sec = (time_t)(end_ns / UINT64_C(1000000000)),
                                 .tv_nsec = (long)(end_ns % UINT64_C(1000000000))};
    if (end_ns == UINT64_MAX)
        return !pthread_cond_wait(condition, mutex);
    return !pthread_cond_timedwait(condition, mutex, &end);
}
