#define _GNU_SOURCE /* dl_iterate_phdr() */

#include "faults.h"

#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

static struct {
    _Atomic(enum fault_kind) kind; /* NONE during a pause */
    enum fault_kind armed;
    enum fault_way way;
    long n;
    int turns;
    atomic_long calls;
    atomic_bool fired;
    const char *name; /* of the first that failed */
    int code;
} state;

void fault_arm(enum fault_kind kind, long n, enum fault_way way)
{
    state.way = way;
    state.n = n;
    state.calls = 0;
    state.fired = false;
    state.name = "";
    state.code = 0;
    state.kind = state.armed = kind;
}

void fault_turn(int turns)
{
    state.turns = turns;
}

void fault_pause(void)
{
    state.kind = FAULT_NONE;
}

void fault_resume(void)
{
    state.kind = state.armed;
}

struct fault_report fault_disarm(void)
{
    state.kind = state.armed = FAULT_NONE;
    return (struct fault_report){state.calls, state.fired, state.name, state.code};
}

struct fault_decision fault_decide(enum fault_kind kind, const char *name, const int *codes,
                                   int n_codes)
{
    struct fault_decision d = {false, false, 0};
    if (state.kind != kind)
        return d;
    const long call = atomic_fetch_add(&state.calls, 1) + 1;
    d.fails = state.n && (call == state.n || (state.way == FAULT_STICKY && call > state.n));
    if (!d.fails)
        return d;
    d.executed = state.way == FAULT_AFTER;
    /* A disk stays full, but an interruption, which also is a code of files, passes. */
    const bool first = kind == FAULT_FILES && state.way == FAULT_STICKY;
    d.code = codes[first ? 0 : (state.n + state.turns) % n_codes];
    if (!atomic_exchange(&state.fired, true)) {
        state.name = name;
        state.code = d.code;
    }
    return d;
}

/* ---- whose call it is ---------------------------------------------------------------------- */

#define MAX_RANGES 16

static struct {
    uintptr_t begin, end;
    enum fault_kind kind; /* of the calls that count from there; FILES: the program's own code */
} ranges[MAX_RANGES];
static int n_ranges;

/* Oniguruma is apart: it frees memory twice if there is none while it compiles an expression. */
static enum fault_kind kind_of(const char *library)
{
    static const char *const readers[] = {"libcjson", "libutf8proc", "libz."};
    for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
        if (strstr(library, readers[i]))
            return FAULT_MEMORY;
    }
    return !*library ? FAULT_FILES : strstr(library, "libonig") ? FAULT_REGEX : FAULT_NONE;
}

static int add_object(struct dl_phdr_info *object, size_t size, void *user)
{
    const enum fault_kind kind = kind_of(object->dlpi_name);
    (void)size;
    (void)user;
    for (int i = 0; i < object->dlpi_phnum && n_ranges < MAX_RANGES && kind; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || !(part->p_flags & PF_X))
            continue;
        ranges[n_ranges].begin = object->dlpi_addr + part->p_vaddr;
        ranges[n_ranges].end = ranges[n_ranges].begin + part->p_memsz;
        ranges[n_ranges++].kind = kind;
    }
    return 0;
}

static void find_code(void)
{
    dl_iterate_phdr(add_object, NULL);
}

bool fault_counts_caller(enum fault_kind kind, const void *address)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (state.kind != kind)
        return false;
    pthread_once(&once, find_code);
    const uintptr_t at = (uintptr_t)address;
    for (int i = 0; i < n_ranges; i++) {
        if (at >= ranges[i].begin && at < ranges[i].end)
            return ranges[i].kind == kind ||
                   (kind == FAULT_MEMORY && ranges[i].kind == FAULT_FILES);
    }
    return false;
}
