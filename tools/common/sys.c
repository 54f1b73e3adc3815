#define _XOPEN_SOURCE 700

#include "base/os.h"
#include "common/sys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* A signal handler can write only to such a variable. */
static volatile sig_atomic_t caught_signal;

static void note_signal(int number)
{
    caught_signal = number;
}

/* Otherwise the first file opened would take the number of a closed stream and receive its output.
 * Opening in the wrong direction makes every use of the stream fail. */
static void fill_closed_streams(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) == -1 && errno == EBADF)
            (void)open("/dev/null", fd == CLI_STDIN ? O_WRONLY : O_RDONLY);
    }
}

void cli_sys_start(void)
{
    fill_closed_streams();
    struct sigaction action;
    memset(&action, 0, sizeof(action));
    sigemptyset(&action.sa_mask);
    action.sa_handler = SIG_IGN;
    (void)sigaction(SIGPIPE, &action, NULL);
    action.sa_handler = note_signal;
    action.sa_flags = (int)SA_RESETHAND;
    const int numbers[] = {SIGINT, SIGTERM};
    for (size_t i = 0; i < ELCL_COUNT(numbers); i++) {
        struct sigaction old;
        if (!sigaction(numbers[i], NULL, &old) && old.sa_handler != SIG_IGN)
            (void)sigaction(numbers[i], &action, NULL);
    }
}

int cli_sys_interrupted(void)
{
    return (int)caught_signal;
}

double cli_sys_seconds(void)
{
    return (double)elcl_clock_ns() * 1e-9;
}

bool cli_sys_is_terminal(int fd)
{
    return isatty(fd) == 1;
}

bool cli_sys_can_redraw(int fd)
{
    const char *term = getenv("TERM");
    return cli_sys_is_terminal(fd) && term && *term && strcmp(term, "dumb") != 0;
}

int cli_sys_open(const char *path, int *fd, elcl_error *err)
{
    int opened = open(path, O_RDONLY | O_CLOEXEC);
    if (opened < 0)
        return elcl_fail(err, ELCL_E_IO, "%s: cannot open: %s", path, strerror(errno));
    *fd = opened;
    return ELCL_OK;
}

uint64_t cli_sys_bytes_left(int fd)
{
    struct stat info;
    if (fstat(fd, &info) || !S_ISREG(info.st_mode))
        return 0;
    off_t at = lseek(fd, 0, SEEK_CUR);
    return at >= 0 && at < info.st_size ? (uint64_t)(info.st_size - at) : 0;
}

void cli_sys_close(int *fd)
{
    if (*fd > CLI_STDERR)
        (void)close(*fd);
    *fd = -1;
}

enum cli_read cli_sys_read(int fd, int timeout_ms, void *bytes, size_t capacity, size_t *n,
                           const char **why)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    int count = poll(&ready, 1, timeout_ms);
    if (count == 0 || (count < 0 && errno == EINTR))
        return CLI_READ_NOTHING;
    ssize_t got = count < 0 ? -1 : read(fd, bytes, capacity);
    if (got > 0) {
        *n = (size_t)got;
        return CLI_READ_DATA;
    }
    if (got == 0)
        return CLI_READ_END;
    if (errno == EINTR || errno == EAGAIN)
        return CLI_READ_NOTHING;
    *why = strerror(errno);
    return CLI_READ_FAILED;
}

static void free_file(struct cli_sys_file *file)
{
    free(file->path);
    free(file->target);
    free(file->part);
    *file = (struct cli_sys_file){.fd = -1};
}

/* Refuses a second process that writes the same part, since their lines would mix. Succeeds on a
 * file system without locks. */
static bool lock_part(const struct cli_sys_file *file)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(file->fd, F_SETLK, &lock) == -1 && (errno == EACCES || errno == EAGAIN))
        return false;
    struct stat opened, named;
    return !fstat(file->fd, &opened) && !stat(file->part, &named) &&
           opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

/* Opens an empty "<target>.part" with the mode of the file that it will replace. */
static int open_part(struct cli_sys_file *file, const struct stat *replaced, elcl_error *err)
{
    size_t room = strlen(file->target) + sizeof(".part");
    file->part = malloc(room);
    if (!file->part)
        return elcl_fail_nomem(err);
    (void)snprintf(file->part, room, "%s.part", file->target);
    file->fd = open(file->part, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (file->fd < 0)
        return elcl_fail(err, ELCL_E_IO, "%s: cannot create: %s", file->part, strerror(errno));
    if (!lock_part(file)) {
        /* It belongs to the other process: abandoning must not remove it. */
        int rc = elcl_fail(err, ELCL_E_IO, "%s: another process is writing it", file->part);
        free(file->part);
        file->part = NULL;
        return rc;
    }
    if (ftruncate(file->fd, 0))
        return elcl_fail(err, ELCL_E_IO, "%s: cannot empty: %s", file->part, strerror(errno));
    if (replaced)
        (void)fchmod(file->fd, replaced->st_mode & 0777);
    return ELCL_OK;
}

static int open_output(const char *path, struct cli_sys_file *file, elcl_error *err)
{
    if (!strcmp(path, "-")) {
        file->path = elcl_strdup("standard output");
        file->fd = CLI_STDOUT;
        return file->path ? ELCL_OK : elcl_fail_nomem(err);
    }
    file->path = elcl_strdup(path);
    if (!file->path)
        return elcl_fail_nomem(err);
    struct stat info;
    bool exists = !stat(path, &info);
    if (exists && S_ISDIR(info.st_mode))
        return elcl_fail(err, ELCL_E_IO, "%s: cannot write: it is a directory", path);
    if (exists && !S_ISREG(info.st_mode)) {
        file->fd = open(path, O_WRONLY | O_CLOEXEC);
        if (file->fd < 0)
            return elcl_fail(err, ELCL_E_IO, "%s: cannot open: %s", path, strerror(errno));
        return ELCL_OK;
    }
    /* Replaces the file that a link names, not the link. */
    file->target = exists ? realpath(path, NULL) : elcl_strdup(path);
    if (!file->target)
        return elcl_fail(err, ELCL_E_IO, "%s: cannot resolve: %s", path, strerror(errno));
    return open_part(file, exists ? &info : NULL, err);
}

int cli_sys_create(const char *path, struct cli_sys_file *file, elcl_error *err)
{
    struct cli_sys_file created = {.fd = -1};
    int rc = open_output(path, &created, err);
    if (rc) {
        cli_sys_abandon(&created, NULL);
        return rc;
    }
    *file = created;
    return ELCL_OK;
}

int cli_sys_write(struct cli_sys_file *file, const void *bytes, size_t n, elcl_error *err)
{
    const char *at = bytes;
    while (n) {
        ssize_t wrote = write(file->fd, at, n);
        if (wrote >= 0) {
            at += wrote;
            n -= (size_t)wrote;
            file->bytes += (uint64_t)wrote;
            continue;
        }
        if (errno == EAGAIN) {
            struct pollfd ready = {.fd = file->fd, .events = POLLOUT};
            (void)poll(&ready, 1, 1000);
        } else if (errno != EINTR) {
            return elcl_fail(err, ELCL_E_IO, "%s: cannot write: %s", file->path, strerror(errno));
        }
        if (cli_sys_interrupted())
            return elcl_fail(err, ELCL_E_INTERRUPTED, "%s: interrupted while writing", file->path);
    }
    return ELCL_OK;
}

int cli_sys_commit(struct cli_sys_file *file, elcl_error *err)
{
    int rc = ELCL_OK;
    if (file->fd <= CLI_STDERR) {
        free_file(file);
        return ELCL_OK;
    }
    /* Some file systems report a full disk only here. */
    if (file->part && fsync(file->fd) && errno != EINVAL && errno != ENOTSUP)
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

void cli_sys_abandon(struct cli_sys_file *file, char **kept)
{
    if (kept)
        *kept = NULL;
    cli_sys_close(&file->fd);
    if (file->part && !file->bytes) {
        (void)unlink(file->part);
    } else if (file->part && kept) {
        *kept = file->part;
        file->part = NULL;
    }
    free_file(file);
}

bool cli_sys_exists(const char *path)
{
    return !access(path, F_OK);
}

bool cli_sys_can_read(const char *path)
{
    return !access(path, R_OK | X_OK);
}

char *cli_sys_newest_directory(const char *path)
{
    char *newest = NULL;
    time_t modified = 0;
    DIR *directory = opendir(path);
    for (const struct dirent *entry; directory && (entry = readdir(directory));) {
        struct stat info;
        if (entry->d_name[0] == '.' || fstatat(dirfd(directory), entry->d_name, &info, 0) ||
            !S_ISDIR(info.st_mode) || (newest && info.st_mtime <= modified))
            continue;
        free(newest);
        newest = elcl_strdup(entry->d_name);
        modified = info.st_mtime;
    }
    if (directory)
        closedir(directory);
    return newest;
}

int cli_sys_make_directory(const char *path, elcl_error *err)
{
    struct stat st;
    if (!mkdir(path, 0777) || (!stat(path, &st) && S_ISDIR(st.st_mode)))
        return ELCL_OK;
    return elcl_fail(err, ELCL_E_IO, "%s: cannot make directory: %s", path,
                     errno == EEXIST ? "there is a file of that name" : strerror(errno));
}

int cli_sys_save(const char *path, const struct elcl_str *bytes, elcl_error *err)
{
    struct cli_sys_file file;
    if (bytes->failed)
        return elcl_fail_nomem(err);
    int rc = cli_sys_create(path ? path : "-", &file, err);
    if (rc)
        return rc;
    rc = cli_sys_write(&file, bytes->data, bytes->n, err);
    if (!rc)
        rc = cli_sys_commit(&file, err);
    cli_sys_abandon(&file, NULL);
    return rc;
}

void cli_sys_flush(const char *path, struct elcl_str *part)
{
    if ((path && strcmp(path, "-") != 0) || !part->n)
        return;
    (void)fwrite(part->data, 1, part->n, stdout);
    (void)fflush(stdout);
    part->n = 0;
}

int cli_sys_load(const char *path, size_t max_bytes, struct elcl_str *bytes, elcl_error *err)
{
    enum cli_read state = CLI_READ_DATA;
    int fd = -1;
    int rc = cli_sys_open(path, &fd, err);
    while (!rc && state != CLI_READ_END) {
        char block[65536];
        size_t n = 0;
        const char *why = "";
        state = cli_sys_read(fd, -1, block, sizeof(block), &n, &why);
        elcl_str_append(bytes, block, n);
        if (state == CLI_READ_FAILED)
            rc = elcl_fail(err, ELCL_E_IO, "%.200s: cannot read: %s", path, why);
        else if (bytes->n > max_bytes)
            rc = elcl_fail(err, ELCL_E_FORMAT, "%.200s: expected at most %zu bytes", path,
                           max_bytes);
    }
    cli_sys_close(&fd);
    return rc || !bytes->failed ? rc : elcl_fail_nomem(err);
}
