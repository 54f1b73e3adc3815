/* OpenCL C to PTX, by clang. The directory ELCL_NVIDIA_DIR keeps the results. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nvidia.h"

enum { MAX_ARGUMENTS = 128, PATH_BYTES = 512 };

extern char **environ;

/* inline-threshold: the emulator knows no calls. */
static const char *const clang[] = {"clang-15",
                                    "-x",
                                    "cl",
                                    "-w",
                                    "-O3",
                                    "-gline-tables-only",
                                    "-S",
                                    "-target",
                                    "nvptx64--nvidiacl",
                                    "-Xclang",
                                    "-finclude-default-header",
                                    "-mllvm",
                                    "-inline-threshold=1000000",
                                    "-Xclang",
                                    "-target-feature",
                                    "-Xclang",
                                    "+ptx75",
                                    "-Xclang",
                                    "-target-cpu",
                                    "-Xclang",
                                    "sm_80",
                                    "-Xclang",
                                    "-mlink-builtin-bitcode",
                                    "-Xclang",
                                    "/usr/lib/clc/nvptx64--nvidiacl.bc"};

static uint64_t hash(uint64_t h, const char *s)
{
    do
        h = (h ^ (uint8_t)*s) * UINT64_C(1099511628211);
    while (*s++);
    return h;
}

static char *read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    char *text = NULL;
    size_t n = 0, capacity = 0;
    if (!f)
        return NULL;
    for (int c; (c = getc(f)) != EOF;) {
        text = grow(text, n, &capacity, 1);
        text[n++] = (char)c;
    }
    text = grow(text, n, &capacity, 1);
    text[n] = '\0';
    fclose(f);
    return text;
}

static bool write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "wb");
    const bool ok = f && fputs(text, f) >= 0;
    return f && !fclose(f) && ok;
}

/* Runs clang with its messages in the file `log`. */
static bool run_clang(char *options, const char *source, const char *ptx, const char *log)
{
    const char *arguments[MAX_ARGUMENTS];
    char *rest = NULL;
    size_t n = sizeof(clang) / sizeof(clang[0]);
    memcpy(arguments, clang, sizeof(clang));
    for (char *word = strtok_r(options, " ", &rest); word && n < MAX_ARGUMENTS - 4;
         word = strtok_r(NULL, " ", &rest))
        arguments[n++] = word;
    arguments[n++] = source;
    arguments[n++] = "-o";
    arguments[n++] = ptx;
    arguments[n] = NULL;
    posix_spawn_file_actions_t actions;
    pid_t child;
    int status = 1;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 2, log, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    const int code =
        posix_spawnp(&child, clang[0], &actions, NULL, (char *const *)arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (code) {
        write_file(log, "error: clang-15 does not start");
        return false;
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) && !WEXITSTATUS(status);
}

static void find_directory(char *path, size_t n)
{
    const char *directory = getenv("ELCL_NVIDIA_DIR");
    if (directory && *directory)
        snprintf(path, n, "%s", directory);
    else
        snprintf(path, n, "/tmp/elcl-nvidia-%u", (unsigned)getuid());
    mkdir(path, 0777);
}

char *compile(const char *source, const char *options, char **log, char *path, size_t n)
{
    char directory[PATH_BYTES - 64], base[PATH_BYTES], name[PATH_BYTES + 8], part[PATH_BYTES + 8];
    find_directory(directory, sizeof(directory));
    uint64_t key = hash(hash(UINT64_C(14695981039346656037), source), options);
    for (size_t i = 0; i < sizeof(clang) / sizeof(clang[0]); i++)
        key = hash(key, clang[i]);
    snprintf(path, n, "%s/%016" PRIx64 ".ptx", directory, key);
    *log = NULL;
    char *ptx = read_file(path);
    if (ptx)
        return ptx;
    snprintf(base, sizeof(base), "%s/%016" PRIx64 ".%d", directory, key, (int)getpid());
    snprintf(name, sizeof(name), "%s.cl", base);
    snprintf(part, sizeof(part), "%s.ptx", base);
    char *copy = strdup(options);
    bool ok = write_file(name, source);
    snprintf(base + strlen(base), 8, ".log");
    ok = ok && run_clang(copy, name, part, base) && !rename(part, path);
    *log = read_file(base);
    remove(name);
    remove(base);
    free(copy);
    return ok ? read_file(path) : NULL;
}
