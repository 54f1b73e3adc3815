#define _POSIX_C_SOURCE 200809L

#include "base/own_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os.h"
#include "base/util.h"

#define OTHERS_WRITE (S_IWGRP | S_IWOTH)

/* ---- directories --------------------------------------------------------------------------- */

static int check_directory(const char *path, const struct stat *st, elcl_error *err)
{
    if (st->st_uid != geteuid())
        return elcl_fail(err, ELCL_E_IO,
                         "%s: belongs to user %lu, expected user %lu: use a directory of your "
                         "own (ELCL_CACHE_DIR, --encoder-cache)",
                         path, (unsigned long)st->st_uid, (unsigned long)geteuid());
    if (st->st_mode & OTHERS_WRITE)
        return elcl_fail(err, ELCL_E_IO,
                         "%s: other users may write to it (mode %03o): remove what is in it and "
                         "run chmod 700 on it",
                         path, (unsigned)st->st_mode & 0777);
    return ELCL_OK;
}

/* The root's links are trusted, as the root is. */
static bool is_foreign_link(const char *path)
{
    struct stat st;
    return !lstat(path, &st) && S_ISLNK(st.st_mode) && st.st_uid != geteuid() && st.st_uid != 0;
}

/* *fd is -1 if the directory does not exist. */
static int open_directory(const char *path, int *fd, elcl_error *err)
{
    struct stat st;
    *fd = -1;
    if (is_foreign_link(path))
        return elcl_fail(err, ELCL_E_IO, "%s: is a link that another user made", path);
    const int opened = open(path, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);
    if (opened < 0 && errno == ENOENT)
        return ELCL_OK;
    if (opened < 0 || fstat(opened, &st)) {
        const int why = errno;
        if (opened >= 0)
            close(opened);
        return elcl_fail(err, ELCL_E_IO, "%s: cannot open: %s", path, strerror(why));
    }
    const int rc = check_directory(path, &st, err);
    if (rc)
        close(opened);
    else
        *fd = opened;
    return rc;
}

static int open_or_make(const char *path, int *fd, elcl_error *err)
{
    int rc = open_directory(path, fd, err);
    if (rc || *fd >= 0)
        return rc;
    rc = elcl_make_directories(path, 0700, err);
    if (!rc)
        rc = open_directory(path, fd, err);
    if (!rc && *fd < 0)
        rc = elcl_fail(err, ELCL_E_IO, "%s: cannot make directory", path);
    return rc;
}

int elcl_own_directory(const char *directory, elcl_error *err)
{
    int fd;
    const int rc = open_or_make(directory, &fd, err);
    if (!rc)
        close(fd);
    return rc;
}

/* ---- files --------------------------------------------------------------------------------- */

static int check_file(const char *directory, const char *name, const struct stat *st,
                      size_t max_bytes, elcl_error *err)
{
    if (!S_ISREG(st->st_mode))
        return elcl_fail(err, ELCL_E_IO, "%s/%s: not a regular file", directory, name);
    if (st->st_uid != geteuid() || (st->st_mode & OTHERS_WRITE))
        return elcl_fail(err, ELCL_E_IO, "%s/%s: other users may write to it", directory, name);
    if ((uintmax_t)st->st_size > max_bytes)
        return elcl_fail(err, ELCL_E_FORMAT, "%s/%s: %ju bytes, at most %zu are expected",
                         directory, name, (uintmax_t)st->st_size, max_bytes);
    return ELCL_OK;
}

/* Reads st_size bytes; a file that shrinks or grows meanwhile is refused. Closes fd. */
static int read_all(int fd, const char *directory, const char *name, size_t bytes, char **data,
                    elcl_error *err)
{
    FILE *file = fdopen(fd, "rb");
    char *copy = elcl_calloc(bytes + 1, 1);
    int rc = ELCL_OK;
    if (!copy || !file)
        rc = elcl_fail_nomem(err);
    else if (fread(copy, 1, bytes, file) != bytes || getc(file) != EOF || ferror(file))
        rc = elcl_fail(err, ELCL_E_IO, "%s/%s: cannot read it as a whole", directory, name);
    if (file)
        (void)fclose(file);
    else
        close(fd);
    if (rc)
        elcl_free(copy);
    else
        *data = copy;
    return rc;
}

/* *fd is -1 if there is no such file. */
static int open_at(int directory_fd, const char *directory, const char *name, size_t max_bytes,
                   int *fd, size_t *bytes, elcl_error *err)
{
    struct stat st;
    const int opened = openat(directory_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    *fd = -1;
    if (opened < 0 && errno == ENOENT)
        return ELCL_OK;
    if (opened < 0 || fstat(opened, &st)) {
        const int why = errno;
        if (opened >= 0)
            close(opened);
        return elcl_fail(err, ELCL_E_IO, "%s/%s: cannot open: %s", directory, name, strerror(why));
    }
    const int rc = check_file(directory, name, &st, max_bytes, err);
    if (rc) {
        close(opened);
        return rc;
    }
    *bytes = (size_t)st.st_size;
    *fd = opened;
    return ELCL_OK;
}

static int read_at(int directory_fd, const char *directory, const char *name, size_t max_bytes,
                   char **data, size_t *bytes, elcl_error *err)
{
    int fd;
    const int rc = open_at(directory_fd, directory, name, max_bytes, &fd, bytes, err);
    return rc || fd < 0 ? rc : read_all(fd, directory, name, *bytes, data, err);
}

int elcl_own_open(const char *directory, const char *name, struct elcl_file *file, elcl_error *err)
{
    int directory_fd, fd = -1;
    size_t bytes = 0;
    *file = (struct elcl_file){0};
    int rc = open_directory(directory, &directory_fd, err);
    if (rc || directory_fd < 0)
        return rc;
    rc = open_at(directory_fd, directory, name, SIZE_MAX, &fd, &bytes, err);
    close(directory_fd);
    if (fd >= 0)
        *file = (struct elcl_file){.path = name, .fd = fd, .bytes = bytes, .open = true};
    return rc;
}

int elcl_own_read(const char *directory, const char *name, size_t max_bytes, char **data,
                  size_t *bytes, elcl_error *err)
{
    int fd;
    *data = NULL;
    *bytes = 0;
    int rc = open_directory(directory, &fd, err);
    if (rc || fd < 0)
        return rc;
    rc = read_at(fd, directory, name, max_bytes, data, bytes, err);
    close(fd);
    return rc;
}

/* Creates a file under a name of its own: that of a writer that was killed may still be there. */
static int open_temporary(int directory_fd, const char *name, struct elcl_str *temporary)
{
    int fd = -1;
    for (int i = 0; fd < 0 && i < 100 && (!i || errno == EEXIST); i++) {
        elcl_str_finish(temporary);
        elcl_str_printf(temporary, "%s.%ld-%d", name, (long)getpid(), i);
        if (temporary->failed)
            return -1;
        fd = openat(directory_fd, temporary->data,
                    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    }
    return fd;
}

/* Closes fd. */
static bool write_all(int fd, const void *data, size_t bytes)
{
    FILE *file = fdopen(fd, "wb");
    if (!file) {
        close(fd);
        return false;
    }
    const bool written = fwrite(data, 1, bytes, file) == bytes;
    return !fclose(file) && written;
}

static int write_at(int directory_fd, const char *directory, const char *name, const void *data,
                    size_t bytes, elcl_error *err)
{
    struct elcl_str temporary = {0};
    const int fd = open_temporary(directory_fd, name, &temporary);
    int rc = temporary.failed ? elcl_fail_nomem(err) : ELCL_OK;
    if (!rc && (fd < 0 || !write_all(fd, data, bytes) ||
                renameat(directory_fd, temporary.data, directory_fd, name)))
        rc = elcl_fail(err, ELCL_E_IO, "%s/%s: cannot write: %s", directory, name, strerror(errno));
    if (rc && fd >= 0)
        (void)unlinkat(directory_fd, temporary.data, 0);
    elcl_str_finish(&temporary);
    return rc;
}

int elcl_own_write(const char *directory, const char *name, const void *data, size_t bytes,
                   elcl_error *err)
{
    int fd;
    int rc = open_or_make(directory, &fd, err);
    if (rc)
        return rc;
    rc = write_at(fd, directory, name, data, bytes, err);
    close(fd);
    return rc;
}

void elcl_own_touch(const char *directory, const char *name)
{
    int fd;
    if (!open_directory(directory, &fd, NULL) && fd >= 0) {
        (void)utimensat(fd, name, NULL, AT_SYMLINK_NOFOLLOW);
        close(fd);
    }
}

void elcl_own_remove(const char *directory, const char *name)
{
    int fd;
    if (!open_directory(directory, &fd, NULL) && fd >= 0) {
        (void)unlinkat(fd, name, 0);
        close(fd);
    }
}
