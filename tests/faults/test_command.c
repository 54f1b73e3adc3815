/*
 * The command with the stand-in for the library (tests/cli/fake_elcl.c), while one call after
 * another fails, of the allocator or on files. Each run ends with exit code 0 and the right output,
 * or with another code, one sentence that names the cause, and no output: a file that was there
 * stays as it was. Every run is a child process. --all takes every allocation, not a sample.
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */

#include "check.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/os.h"
#include "base/util.h"
#include "faults.h"

#define SAMPLE 25 /* allocations of a case without --all */
#define TURNS 5   /* codes of a call on files, at most */
#define HANG_SECONDS 20
#define OLD "what was thr bfor\n" /* without what drop_numbers() drops */

int elcl_main(int argc, char **argv);

struct subject {
    const char *name;
    const char *arguments[12]; /* "OUT": the output file, "IN": the input, and other file_names */
    const char *input;
    bool measures; /* the numbers of its output vary */
};

/* What one run did. */
struct outcome {
    int status;                /* of waitpid() */
    char *out, *file, *stderr; /* its output, the file OUT and its messages */
    struct fault_report fault;
};

/* Files of the temporary directory: "RESULT" is of elcl bench, the shards are of one run. */
static const char *const file_names[] = {"OUT", "IN", "RESULT", "SHARD1", "SHARD2"};

static void path_of(char *path, size_t n, const char *name)
{
    snprintf(path, n, "%s/%s", check_temporary_directory(), name);
}

static void put_file(const char *name, const char *text)
{
    char path[128];
    elcl_error err = {0};
    path_of(path, sizeof(path), name);
    CHECK(!elcl_write_file_atomic(path, text, strlen(text), &err), "%s", err.msg);
}

/* Returns the content of a file, or "" if there is none. */
static char *get_file(const char *name)
{
    char path[128];
    char *text = NULL;
    size_t n;
    path_of(path, sizeof(path), name);
    return elcl_read_file(path, 1 << 24, &text, &n, NULL) ? elcl_strdup("") : text;
}

static void remove_outputs(void)
{
    static const char *const names[] = {"OUT", "OUT.part", "OUT.part.1", "OUT.run", "OUT.run.json"};
    char path[128];
    for (size_t i = 0; i < ELCL_COUNT(names); i++) {
        path_of(path, sizeof(path), names[i]);
        unlink(path);
    }
}

static void redirect(const char *name, int to)
{
    char path[128];
    path_of(path, sizeof(path), name);
    const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || dup2(fd, to) != to)
        _exit(120);
    close(fd);
}

/* In the child: never returns. */
static void run_command(const struct subject *s, enum fault_kind kind, long n, enum fault_way way,
                        struct fault_report *report)
{
    static char arguments[12][160];
    char *argv[14] = {(char[]){"elcl"}};
    int argc = 1;
    for (; s->arguments[argc - 1]; argc++) {
        const char *a = s->arguments[argc - 1];
        char *to = arguments[argc - 1];
        snprintf(to, sizeof(arguments[0]), "%s", a);
        for (size_t i = 0; i < ELCL_COUNT(file_names); i++)
            if (!strcmp(a, file_names[i]))
                path_of(to, sizeof(arguments[0]), a);
        argv[argc] = to;
    }
    alarm(HANG_SECONDS);
    close(0);
    (void)open("/dev/null", O_RDONLY);
    redirect("stdout", 1);
    redirect("stderr", 2);
    fault_arm(kind, n, way);
    const int code = elcl_main(argc, argv);
    *report = fault_disarm();
    exit(code);
}

/* Takes the numbers of a bench away, which differ from run to run. */
static void drop_numbers(char *text)
{
    char *to = text;
    for (; *text; text++)
        if (!strchr("0123456789.+-e", *text))
            *to++ = *text;
    *to = '\0';
}

static struct outcome run(const struct subject *s, enum fault_kind kind, long n, enum fault_way way)
{
    static struct fault_report *report;
    struct outcome o = {.status = -1};
    if (!report)
        report =
            mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    *report = (struct fault_report){.name = ""};
    remove_outputs();
    put_file("OUT", OLD);
    fflush(NULL);
    const pid_t pid = fork();
    if (!pid)
        run_command(s, kind, n, way, report);
    if (pid < 0 || waitpid(pid, &o.status, 0) != pid)
        o.status = -1;
    o.out = get_file("stdout");
    o.file = get_file("OUT");
    o.stderr = get_file("stderr");
    if (s->measures)
        drop_numbers(o.file);
    o.fault = *report;
    return o;
}

static void finish(struct outcome *o)
{
    elcl_free(o->out);
    elcl_free(o->file);
    elcl_free(o->stderr);
}

static int count(const char *text, const char *part)
{
    int n = 0;
    for (; (text = strstr(text, part)); text += strlen(part))
        n++;
    return n;
}

static bool is_right(const struct outcome *o, const struct outcome *want)
{
    return o->status == want->status && !strcmp(o->out, want->out) && !strcmp(o->file, want->file);
}

/* Whether the text is the beginning of the whole; --stream marks where it ends too early. */
static bool is_begin(const char *text, const char *whole)
{
    static const char mark[] = " [incomplete]\n";
    const size_t n = strlen(text), n_mark = elcl_ends_with(text, n, mark) ? strlen(mark) : 0;
    return !strncmp(text, whole, n - n_mark);
}

/* A bench whose memory ran out may go on, and says so. */
static bool says_memory(const struct subject *s, const struct outcome *o)
{
    return s->measures && strstr(o->stderr, "elcl: warning: out of memory");
}

/* Returns NULL if the outcome is right or an error, else what is wrong with it. */
static const char *judge(const struct subject *s, const struct outcome *o,
                         const struct outcome *want, enum fault_kind kind)
{
    static const char error[] = "elcl: error:";
    if (is_right(o, want))
        return NULL;
    if (!WIFEXITED(o->status))
        return WTERMSIG(o->status) == SIGALRM ? "HANG" : "CRASH";
    const int code = WEXITSTATUS(o->status);
    if (!code)
        return says_memory(s, o) ? NULL : "WRONG OUTPUT";
    if (code != 1)
        return "WRONG EXIT CODE";
    if (strcmp(o->file, OLD) != 0 && strcmp(o->file, want->file) != 0)
        return "DAMAGED OUTPUT";
    if (!is_begin(o->out, want->out))
        return "WRONG PART OF THE OUTPUT";
    const int errors = count(o->stderr, error); /* a line that was skipped has one of its own */
    if (errors < 1 || errors > count(want->stderr, error) + 1)
        return "NOT ONE SENTENCE";
    if (kind == FAULT_MEMORY && !strstr(o->stderr, "memory"))
        return "MEMORY BY ANOTHER NAME";
    return NULL;
}

static void test(const struct subject *s, enum fault_kind kind, enum fault_way way, bool all)
{
    static const char *const kinds[] = {[FAULT_MEMORY] = "memory", [FAULT_FILES] = "files"};
    long runs = 0, clean = 0, bad = 0;
    if (!check_case("%s: %s, %s", kinds[kind], s->name, way ? "all from one on" : "one"))
        return;
    put_file("IN", s->input ? s->input : "");
    struct outcome want = run(s, kind, 0, FAULT_ONCE);
    CHECK(WIFEXITED(want.status) && WEXITSTATUS(want.status) <= 1, "without a fault: status %d, %s",
          want.status, want.stderr);
    const long total = want.fault.calls;
    const long step = all || kind == FAULT_FILES || total < SAMPLE ? 1 : total / SAMPLE;
    for (long n = 1 + check_int(0, (int)step - 1); n <= total; n += step) {
        for (int turn = 0; turn < (kind == FAULT_FILES && !way ? TURNS : 1); turn++, runs++) {
            fault_turn(turn);
            struct outcome o = run(s, kind, n, way);
            const char *wrong = judge(s, &o, &want, kind);
            clean += !wrong && !is_right(&o, &want);
            bad += wrong != NULL;
            CHECK(!wrong, "%s: fault %ld, %s returned %d: status %d, \"%s\"", wrong, n,
                  o.fault.name, o.fault.code, o.status, o.stderr);
            finish(&o);
        }
    }
    printf("%s: %s, %s: %ld calls, %ld faults: %ld clean, %ld recovered, %ld bad\n", kinds[kind],
           s->name, way ? "all from one on" : "one", total, runs, clean, runs - clean - bad, bad);
    finish(&want);
}

/* Writes the shards that the case of elcl merge joins. */
static void make_shards(const char *text)
{
    static const struct subject shards[] = {
        {.arguments = {"generate", "m", "--input", "IN", "--shard", "1/2", "--output", "SHARD1"}},
        {.arguments = {"generate", "m", "--input", "IN", "--shard", "2/2", "--output", "SHARD2"}},
    };
    put_file("IN", text);
    for (size_t i = 0; i < ELCL_COUNT(shards); i++) {
        struct outcome o = run(&shards[i], FAULT_MEMORY, 0, FAULT_ONCE);
        finish(&o);
    }
}

int main(int argc, char **argv)
{
    static const char text[] = "one\ntwo words\nthree\nfour\nfive\n";
    static const char jsonl[] = "{\"text\": \"a\", \"id\": \"x\"}\n{\"ids\": [5, 6, 7]}\n"
                                "{\"text\": \"!request\"}\nno JSON\n{\"text\": \"b\", "
                                "\"num_beams\": 2, \"num_return_sequences\": 2}\n";
    static const char paragraphs[] = "{\"text\": \"A word. Two!\\n\\nThree\", "
                                     "\"num_beams\": 2, \"num_return_sequences\": 2}\n"
                                     "{\"text\": \"\"}\n";
    static const char pairs[] = "{\"source\": \"a\", \"target\": \"bc\", \"id\": 7}\n";
    static const struct subject subjects[] = {
        {"generate", {"generate", "m", "--input", "IN", "--output", "OUT", "--quiet"}, text, false},
        {"generate to a pipe",
         {"generate", "m", "--input", "IN", "--stream", "--num-beams", "1"},
         text,
         false},
        {"generate with --keep-going",
         {"generate", "m", "--input", "IN", "--input-format", "jsonl", "--format", "jsonl",
          "--keep-going", "--output", "OUT"},
         jsonl,
         false},
        {"generate by sentences",
         {"generate", "m", "--input", "IN", "--input-format", "jsonl", "--format", "jsonl",
          "--split", "sentences"},
         paragraphs,
         false},
        {"generate a shard",
         {"generate", "m", "--input", "IN", "--shard", "2/2", "--output", "OUT", "--quiet"},
         text,
         false},
        {"merge", {"merge", "SHARD2", "SHARD1", "--output", "OUT"}, NULL, false},
        {"score",
         {"score", "m", "--input", "IN", "--input-format", "jsonl", "--output", "OUT"},
         pairs,
         false},
        {"transcribe",
         {"transcribe", "m", "IN", "--format", "json", "--output", "OUT", "--quiet"},
         text,
         false},
        {"transcribe to a pipe", {"transcribe", "m", "IN", "--quiet"}, text, false},
        {"transcribe raw samples",
         {"transcribe", "m", "IN", "--raw", "s16", "--format", "srt", "--quiet"},
         "raw?!?",
         false},
        {"encode",
         {"encode", "m", "--input", "IN", "--format", "jsonl", "--output", "OUT"},
         text,
         false},
        {"decode", {"decode", "m", "5 6 7", "--format", "jsonl"}, NULL, false},
        {"plan", {"plan", "m", "--memory-limit", "1GiB", "--format", "json"}, NULL, false},
        {"devices", {"devices", "--format", "json"}, NULL, false},
        {"bench", {"bench", "m", "--format", "json", "--output", "OUT", "--quiet"}, NULL, true},
        {"compare",
         {"compare", "RESULT", "RESULT", "--format", "html", "--output", "OUT"},
         NULL,
         false},
    };
    const struct check_options *options = check_begin(argc, argv);
    char path[512];
    char *bench = NULL;
    size_t n;
    snprintf(path, sizeof(path), "%s/docs/bench-example.json", check_root());
    if (!elcl_read_file(path, 1 << 24, &bench, &n, NULL))
        put_file("RESULT", bench);
    elcl_free(bench);
    make_shards(text);
    for (size_t i = 0; i < ELCL_COUNT(subjects); i++) {
        for (enum fault_way way = FAULT_ONCE; way <= FAULT_STICKY; way++) {
            test(&subjects[i], FAULT_FILES, way, options->all);
            test(&subjects[i], FAULT_MEMORY, way, options->all);
        }
    }
    return check_end();
}
