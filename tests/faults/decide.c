#define _GNU_SOURCE /* dl_iterate_phdr() */

#include "faults.h"

#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

static struct {
    _Atomic(enum fault_kind) kind;
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
    state.kind = kind;
}

void fault_turn(int turns)
{
    state.turns = turns;
}

void fault_pause(void)
{
    state.kind = FAULT_NONE;
}

struct fault_report fault_disarm(void)
{
    fault_pause();
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
    uintptr_t begin[MAX_RANGES], end[MAX_RANGES]; /* the program's are the first ones */
    int n_own, n;
} code;

static bool reads_files(const char *library)
{
    static const char *const names[] = {"libcjson", "libonig", "libutf8proc", "libz."};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strstr(library, names[i]))
            return true;
    }
    return false;
}

static int add_object(struct dl_phdr_info *object, size_t size, void *own)
{
    const char *name = object->dlpi_name;
    (void)size;
    if (*(const bool *)own ? *name : !reads_files(name))
        return 0;
    for (int i = 0; i < object->dlpi_phnum && code.n < MAX_RANGES; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || !(part->p_flags & PF_X))
            continue;
        code.begin[code.n] = object->dlpi_addr + part->p_vaddr;
        code.end[code.n] = code.begin[code.n] + part->p_memsz;
        code.n++;
    }
    return 0;
}

static void find_code(void)
{
    bool own = true;
    dl_iterate_phdr(add_object, &own);
    code.n_own = code.n;
    own = false;
    dl_iterate_phdr(add_object, &own);
}

bool fault_counts_caller(enum fault_kind kind, const void *address)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (state.kind != kind)
        return false;
    pthread_once(&once, find_code);
    const uintptr_t at = (uintptr_t)address;
    const int n = kind == FAULT_MEMORY ? code.n : code.n_own;
    for (int i = 0; i < n; i++) {
        if (at >= code.begin[i] && at < code.end[i])
            return true;
    }
    return false;
}
