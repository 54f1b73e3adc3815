/* Lets the n-th call of a kind fail. The functions are defined in the program itself, so that they
 * stand before those of the system's libraries; calls of drivers do not count. */
#ifndef ELCL_TESTS_FAULTS_H
#define ELCL_TESTS_FAULTS_H

#include <stdbool.h>
#include <stddef.h>

enum fault_kind {
    FAULT_NONE,
    FAULT_OPENCL, /* every call of OpenCL */
    FAULT_MEMORY, /* malloc, calloc, realloc of elcl and of the libraries that read files */
    FAULT_REGEX,  /* the same of Oniguruma */
    FAULT_FILES,  /* open, write, fsync, rename, ... of elcl */
};

enum fault_way {
    FAULT_ONCE,
    FAULT_STICKY, /* all later calls fail too */
    FAULT_AFTER,  /* OpenCL: once, but the call is executed, and then reported as failed */
};

struct fault_report {
    long calls;       /* of the kind */
    bool fired;       /* one has failed */
    const char *name; /* of the first that failed */
    int code;         /* that it returned: an OpenCL code or errno */
};

/* Lets call number n of the kind fail, the first is 1; 0: only counts. */
void fault_arm(enum fault_kind kind, long n, enum fault_way way);
/* Moves on by this many among the codes that a call may return. */
void fault_turn(int turns);
/* Until fault_resume() no call counts or fails. */
void fault_pause(void);
void fault_resume(void);
/* Ends counting and failing, and returns what happened. */
struct fault_report fault_disarm(void);

/* The OpenCL objects that were created and not released: contexts, queues, buffers, programs,
 * kernels and events. */
long fault_live_objects(void);

/* ---- for the files that define the functions ----------------------------------------------- */

struct fault_decision {
    bool fails;
    bool executed; /* and then fails */
    int code;
};
/* Decides about one call; the code is one of codes [n_codes], by turns. */
struct fault_decision fault_decide(enum fault_kind kind, const char *name, const int *codes,
                                   int n_codes);

/* Whether calls from the code at this address count: the program's own; FAULT_MEMORY: or that of a
 * library that reads files for it; FAULT_REGEX: Oniguruma's. */
bool fault_counts_caller(enum fault_kind kind, const void *address);

/* Sets a pointer to the function f of the next library; needs dlfcn.h and string.h. */
#define NEXT(f, pointer)                                                                           \
    do {                                                                                           \
        void *address = dlsym(RTLD_NEXT, #f);                                                      \
        memcpy(&(pointer), &address, sizeof(pointer));                                             \
    } while (0)

#endif
