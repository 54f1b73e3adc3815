#define _XOPEN_SOURCE 700

#include "common/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/sys.h"

/* Parts of one output that stay from earlier runs; more of them are a mistake. */
#define MAX_PARTS 1000

/* ---- names ----------------------------------------------------------------------------------- */

/* Returns the directory of a path, which free() frees; NULL when memory is short. */
static char *directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return elcl_strdup(".");
    return elcl_strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* The longest name that the directory takes, in bytes. */
static size_t longest_name(const char *path)
{
    char *directory = directory_of(path);
    const long most = directory ? pathconf(directory, _PC_NAME_MAX) : -1;
    free(directory);
    return most > 0 ? (size_t)most : 255;
}

char *cli_output_beside(const char *path, const char *suffix)
{
    const char *name = name_of(path);
    const size_t n = strlen(name), most = longest_name(path), n_suffix = strlen(suffix);
    struct elcl_str beside = {0};
    char hash[16] = "";
    size_t keep = n;
    if (n + n_suffix > most) {
        const int n_hash = snprintf(hash, sizeof(hash), "~%08x",
                                    (unsigned)(elcl_hash(ELCL_HASH_INIT, name, n) & UINT32_MAX));
        const size_t taken = n_suffix + (size_t)n_hash;
        keep = most > taken ? most - taken : 0;
        while (keep && ((unsigned char)name[keep] & 0xc0) == 0x80)
            keep--; /* a whole character of UTF-8 */
    }
    elcl_str_append(&beside, path, (size_t)(name - path) + keep);
    elcl_str_printf(&beside, "%s%s", hash, suffix);
    if (beside.failed)
        elcl_str_finish(&beside);
    return beside.data;
}

bool cli_output_same(const char *a, const char *b)
{
    struct stat x, y;
    const bool has_a = !stat(a, &x), has_b = !stat(b, &y);
    if (has_a != has_b)
        return false;
    if (has_a)
        return S_ISREG(x.st_mode) && x.st_ino == y.st_ino && x.st_dev == y.st_dev;
    char *in_a = directory_of(a), *in_b = directory_of(b);
    const bool same = in_a && in_b && !stat(in_a, &x) && !stat(in_b, &y) && x.st_ino == y.st_ino &&
                      x.st_dev == y.st_dev && !strcmp(name_of(a), name_of(b));
    free(in_a);
    free(in_b);
    return same;
}

/* ---- parts ----------------------------------------------------------------------------------- */

static void free_file(struct cli_output *file)
{
    free(file->path);
    free(file->target);
    free(file->part);
    *file = (struct cli_output){.fd = -1};
}

/* Whether another process is writing the file; false on a file system without locks. */
static bool is_locked(const char *path)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct stat info;
    if (lstat(path, &info) || !S_ISREG(info.st_mode))
        return false;
    const int fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return false;
    const bool locked = !fcntl(fd, F_GETLK, &lock) && lock.l_type != F_UNLCK;
    (void)close(fd);
    return locked;
}

static char *part_of(const char *target, int n)
{
    char suffix[32];
    (void)snprintf(suffix, sizeof(suffix), n ? ".part.%d" : ".part", n);
    return cli_output_beside(target, suffix);
}

/* Makes part number n. Returns false with *rc set, ELCL_OK if the name is taken. */
static bool make_part(struct cli_output *file, int n, int *rc, elcl_error *err)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char *part = part_of(file->target, n);
    if (!part) {
        *rc = elcl_fail_nomem(err);
        return false;
    }
    file->fd = open(part, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (file->fd >= 0) {
        (void)fcntl(file->fd, F_SETLK, &lock);
        file->part = part;
        return true;
    }
    *rc = errno != EEXIST
              ? elcl_fail(err, ELCL_E_IO, "%s: cannot create: %s", part, strerror(errno))
          : is_locked(part) ? elcl_fail(err, ELCL_E_IO, "%s: another process is writing it", part)
                            : ELCL_OK;
    free(part);
    return false;
}

/* Opens a new part with the mode of the file that it will replace. */
static int open_part(struct cli_output *file, const struct stat *replaced, elcl_error *err)
{
    int rc = ELCL_OK;
    if (strlen(name_of(file->target)) > longest_name(file->target))
        return elcl_fail(err, ELCL_E_IO, "%s: cannot create: %s", file->target,
                         strerror(ENAMETOOLONG));
    for (int n = 0; n < MAX_PARTS; n++) {
        if (make_part(file, n, &rc, err)) {
            if (replaced)
                (void)fchmod(file->fd, replaced->st_mode & 0777);
            return ELCL_OK;
        }
        if (rc)
            return rc;
    }
    return elcl_fail(err, ELCL_E_IO, "%s: %d parts of it from earlier runs: remove them",
                     file->target, MAX_PARTS);
}

/* Returns the file that a link names, not the link; NULL if it cannot be resolved. */
static char *resolve(const char *path)
{
    struct stat info;
    return stat(path, &info) ? elcl_strdup(path) : realpath(path, NULL);
}

static int open_output(const char *path, struct cli_output *file, elcl_error *err)
{
    struct stat info;
    file->path = elcl_strdup(strcmp(path, "-") ? path : "standard output");
    if (!file->path)
        return elcl_fail_nomem(err);
    if (!strcmp(path, "-")) {
        file->fd = CLI_STDOUT;
        return ELCL_OK;
    }
    const bool exists = !stat(path, &info);
    if (exists && S_ISDIR(info.st_mode))
        return elcl_fail(err, ELCL_E_IO, "%s: cannot write: it is a directory", path);
    if (exists && !S_ISREG(info.st_mode)) {
        file->fd = open(path, O_WRONLY | O_CLOEXEC);
        if (file->fd < 0)
            return elcl_fail(err, ELCL_E_IO, "%s: cannot open: %s", path, strerror(errno));
        return ELCL_OK;
    }
    file->target = resolve(path);
    if (!file->target)
        return elcl_fail(err, ELCL_E_IO, "%s: cannot resolve: %s", path, strerror(errno));
    return open_part(file, exists ? &info : NULL, err);
}

int cli_output_open(const char *path, struct cli_output *file, elcl_error *err)
{
    struct cli_output created = {.fd = -1};
    int rc = open_output(path, &created, err);
    if (rc) {
        cli_output_abandon(&created, NULL);
        return rc;
    }
    *file = created;
    return ELCL_OK;
}

bool cli_output_has_part(const char *path)
{
    struct stat info;
    return strcmp(path, "-") != 0 && (stat(path, &info) || S_ISREG(info.st_mode));
}

char *cli_output_part(const char *path, int n)
{
    char *target = resolve(path);
    char *part = target ? part_of(target, n) : NULL;
    free(target);
    return part;
}

static int reopen_part(const char *path, const char *part, struct cli_output *file, elcl_error *err)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct stat info;
    file->path = elcl_strdup(path);
    file->part = elcl_strdup(part);
    file->target = resolve(path);
    if (!file->path || !file->part || !file->target)
        return elcl_fail_nomem(err);
    file->fd = open(part, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file->fd < 0)
        return elcl_fail(err, ELCL_E_IO, "%s: cannot open: %s", part, strerror(errno));
    if (fcntl(file->fd, F_SETLK, &lock) == -1 && (errno == EACCES || errno == EAGAIN))
        return elcl_fail(err, ELCL_E_IO, "%s: another process is writing it", part);
    if (fstat(file->fd, &info) || !S_ISREG(info.st_mode))
        return elcl_fail(err, ELCL_E_IO, "%s: expected a regular file", part);
    file->bytes = (uint64_t)info.st_size;
    return ELCL_OK;
}

int cli_output_reopen(const char *path, const char *part, struct cli_output *file, elcl_error *err)
{
    struct cli_output opened = {.fd = -1, .keep = true};
    const int rc = reopen_part(path, part, &opened, err);
    if (rc)
        cli_output_abandon(&opened, NULL);
    else
        *file = opened;
    return rc;
}

int cli_output_cut(struct cli_output *file, uint64_t bytes, elcl_error *err)
{
    if (ftruncate(file->fd, (off_t)bytes) || lseek(file->fd, (off_t)bytes, SEEK_SET) < 0)
        return elcl_fail(err, ELCL_E_IO, "%s: cannot cut it to %llu bytes: %s", file->part,
                         (unsigned long long)bytes, strerror(errno));
    file->bytes = bytes;
    return ELCL_OK;
}

int cli_output_append(const char *path, struct cli_output *file, elcl_error *err)
{
    struct stat info;
    char *name = elcl_strdup(path);
    const int fd = name ? open(path, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC) : -1;
    if (fd < 0 || fstat(fd, &info)) {
        free(name);
        return name ? elcl_fail(err, ELCL_E_IO, "%s: cannot open: %s", path, strerror(errno))
                    : elcl_fail_nomem(err);
    }
    *file = (struct cli_output){.fd = fd, .path = name, .bytes = (uint64_t)info.st_size};
    return ELCL_OK;
}

/* Whether the file takes at least `most` bytes at once before an interrupted run must end. Without
 * an interruption a write may wait. */
static bool can_write(const struct cli_output *file, size_t *most)
{
    struct pollfd ready = {.fd = file->fd, .events = POLLOUT};
    if (!cli_sys_interrupted())
        return true;
    *most = *most < _POSIX_PIPE_BUF ? *most : _POSIX_PIPE_BUF;
    return poll(&ready, 1, (int)(1000 * cli_sys_grace_seconds())) > 0;
}

static int fail_write(const struct cli_output *file, elcl_error *err)
{
    if (errno != EPIPE || file->fd != CLI_STDOUT)
        return elcl_fail(err, ELCL_E_IO, "%s: cannot write: %s", file->path, strerror(errno));
    cli_sys_note_closed_pipe();
    return elcl_fail(err, ELCL_E_INTERRUPTED, "%s: its reader has gone", file->path);
}

int cli_output_write(struct cli_output *file, const void *bytes, size_t n, elcl_error *err)
{
    const char *at = bytes;
    while (n) {
        size_t most = n;
        if (!can_write(file, &most))
            return elcl_fail(err, ELCL_E_INTERRUPTED, "%s: interrupted while writing", file->path);
        ssize_t wrote = write(file->fd, at, most);
        if (wrote >= 0) {
            at += wrote;
            n -= (size_t)wrote;
            file->bytes += (uint64_t)wrote;
        } else if (errno == EAGAIN) {
            struct pollfd ready = {.fd = file->fd, .events = POLLOUT};
            (void)poll(&ready, 1, 1000);
        } else if (errno != EINTR) {
            return fail_write(file, err);
        }
    }
    return ELCL_OK;
}

int cli_output_commit(struct cli_output *file, elcl_error *err)
{
    int rc = ELCL_OK;
    if (file->fd <= CLI_STDERR) {
        free_file(file);
        return ELCL_OK;
    }
    /* Some file systems report a full disk only here. */
    if (file->part && !file->unsynced && fsync(file->fd) && errno != EINVAL && errno != ENOTSUP)
        rc = elcl_fail(err, ELCL_E_IO, "%s: cannot write: %s", file->part, strerror(errno));
    if (close(file->fd) && !rc)
        rc = elcl_fail(err, ELCL_E_IO, "%s: cannot write: %s", file->path, strerror(errno));
    file->fd = -1;
    if (!rc && file->part && rename(file->part, file->target))
        rc = elcl_fail(err, ELCL_E_IO, "%s: cannot rename to %s: %s", file->part, file->target,
                       strerror(errno));
    if (!rc)
        free_file(file);
    return rc;
}

void cli_output_abandon(struct cli_output *file, char **kept)
{
    if (kept)
        *kept = NULL;
    cli_sys_close(&file->fd);
    if (file->part && !file->keep && (!file->bytes || !kept)) {
        (void)unlink(file->part);
    } else if (file->part && kept) {
        *kept = file->part;
        file->part = NULL;
    }
    free_file(file);
}

int cli_output_try(const char *path, elcl_error *err)
{
    struct cli_output file;
    struct stat info;
    if (!strcmp(path, "-") ||
        (!stat(path, &info) && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)))
        return ELCL_OK; /* to open a pipe has an effect on its reader */
    const int rc = cli_output_open(path, &file, err);
    if (!rc)
        cli_output_abandon(&file, NULL);
    return rc;
}

static int save(const char *path, const struct elcl_str *bytes, bool unsynced, elcl_error *err)
{
    struct cli_output file;
    if (bytes->failed)
        return elcl_fail_nomem(err);
    int rc = cli_output_open(path ? path : "-", &file, err);
    if (rc)
        return rc;
    file.unsynced = unsynced;
    rc = cli_output_write(&file, bytes->data, bytes->n, err);
    if (!rc)
        rc = cli_output_commit(&file, err);
    cli_output_abandon(&file, NULL);
    return rc;
}

int cli_output_save(const char *path, const struct elcl_str *bytes, elcl_error *err)
{
    return save(path, bytes, false, err);
}

int cli_output_save_unsynced(const char *path, const struct elcl_str *bytes, elcl_error *err)
{
    return save(path, bytes, true, err);
}

void cli_output_flush(const char *path, struct elcl_str *part)
{
    if ((path && strcmp(path, "-") != 0) || !part->n)
        return;
    (void)fwrite(part->data, 1, part->n, stdout);
    if (fflush(stdout) && errno == EPIPE)
        cli_sys_die_of_closed_pipe();
    part->n = 0;
}
