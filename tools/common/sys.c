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

/* After the first signal a run may finish what it has begun, and ends at the last moment even in
 * the middle of a step. */
#define GRACE_SECONDS 3
#define LAST_SECONDS 6

/* A signal handler can write only to such variables. */
static volatile sig_atomic_t caught_signal;

static volatile sig_atomic_t caught_at;    /* seconds of the clock below */
static volatile sig_atomic_t last_seconds; /* 0: wait for the command as long as it takes */

static void note_signal(int number);

/* Does not touch a signal that was ignored from the start. */
static void stop_noting(int number)
{
    struct sigaction now;
    if (!sigaction(number, NULL, &now) && now.sa_handler == note_signal)
        (void)signal(number, SIG_DFL);
}

/* The first signal asks to stop, the next one ends the process. */
static void note_signal(int number)
{
    caught_signal = number;
    caught_at = (sig_atomic_t)(elcl_clock_ns() / 1000000000);
    stop_noting(SIGINT);
    stop_noting(SIGTERM);
    if (last_seconds)
        (void)alarm((unsigned)last_seconds);
}

/* A step of the device did not end in time. */
static void stop_now(int number)
{
    static const char why[] = "elcl: error: interrupted in the middle of a step\n";
    (void)number;
    (void)!write(CLI_STDERR, why, sizeof(why) - 1);
    _exit(CLI_EXIT_SIGNAL + (int)caught_signal);
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
    action.sa_handler = stop_now;
    (void)sigaction(SIGALRM, &action, NULL);
    action.sa_handler = note_signal;
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

double cli_sys_grace_seconds(void)
{
    const double left = (double)caught_at + GRACE_SECONDS + 1 - cli_sys_seconds();
    return left > 0 ? left : 0;
}

void cli_sys_stop_in_time(bool on)
{
    last_seconds = on ? LAST_SECONDS : 0;
}

void cli_sys_note_closed_pipe(void)
{
    caught_signal = SIGPIPE;
}

bool cli_sys_pipe_closed(void)
{
    return caught_signal == SIGPIPE;
}

void cli_sys_die_of_closed_pipe(void)
{
    (void)signal(SIGPIPE, SIG_DFL);
    (void)raise(SIGPIPE);
}

bool cli_sys_has_reader(int fd)
{
    struct pollfd state = {.fd = fd, .events = POLLOUT};
    return poll(&state, 1, 0) <= 0 || !(state.revents & (POLLERR | POLLHUP));
}

double cli_sys_seconds(void)
{
    return (double)elcl_clock_ns() * 1e-9;
}

void cli_sys_sleep(double seconds)
{
    const time_t whole = (time_t)seconds;
    const struct timespec time = {.tv_sec = whole,
                                  .tv_nsec = (long)((seconds - (double)whole) * 1e9)};
    (void)nanosleep(&time, NULL);
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
    /* A FIFO opens at once: cli_sys_read() waits for its writer, and a signal ends the wait. */
    int opened = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
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

bool cli_sys_exists(const char *path)
{
    struct stat info;
    return !lstat(path, &info) || (errno != ENOENT && errno != ENOTDIR);
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

/* How long a FIFO may be without a program that writes to it. */
#define WRITER_SECONDS 2

/* Whether nobody has a FIFO open for writing: only then a read that does not wait finds an end. */
static bool has_no_writer(int fd, struct elcl_str *bytes)
{
    struct stat info;
    char byte;
    if (fstat(fd, &info) || !S_ISFIFO(info.st_mode))
        return false;
    const ssize_t n = read(fd, &byte, 1);
    elcl_str_append(bytes, &byte, n > 0 ? 1 : 0);
    return n == 0;
}

static int load(int fd, const char *name, size_t max_bytes, struct elcl_str *bytes, elcl_error *err)
{
    enum cli_read state = CLI_READ_DATA;
    const double start = cli_sys_seconds();
    int rc = ELCL_OK;
    while (!rc && state != CLI_READ_END) {
        char block[65536];
        size_t n = 0;
        const char *why = "";
        state = cli_sys_read(fd, 200, block, sizeof(block), &n, &why);
        elcl_str_append(bytes, block, n);
        if (state == CLI_READ_FAILED)
            rc = elcl_fail(err, ELCL_E_IO, "%.200s: cannot read: %s", name, why);
        else if (cli_sys_interrupted())
            rc = elcl_fail(err, ELCL_E_INTERRUPTED, "%.200s: interrupted while reading", name);
        else if (fd != CLI_STDIN && state == CLI_READ_NOTHING && !bytes->n &&
                 cli_sys_seconds() - start > WRITER_SECONDS && has_no_writer(fd, bytes))
            rc = elcl_fail(err, ELCL_E_IO, "%.200s: is a FIFO that no program writes to", name);
        else if (bytes->failed)
            rc = elcl_fail_nomem(err);
        else if (bytes->n > max_bytes)
            rc = elcl_fail(err, ELCL_E_FORMAT, "%.200s: expected at most %zu bytes", name,
                           max_bytes);
    }
    return rc;
}

int cli_sys_load(const char *path, size_t max_bytes, struct elcl_str *bytes, elcl_error *err)
{
    int fd = -1;
    int rc = cli_sys_open(path, &fd, err);
    if (!rc)
        rc = load(fd, path, max_bytes, bytes, err);
    cli_sys_close(&fd);
    return rc;
}

int cli_sys_load_stdin(struct elcl_str *bytes, elcl_error *err)
{
    return load(CLI_STDIN, "standard input", SIZE_MAX, bytes, err);
}
