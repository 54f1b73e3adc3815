/*
 * The emulated NVIDIA device (README.md). A kernel in PTX becomes an array of instructions
 * (parse.c). A warp runs them, each for its 32 lanes at once: a register is an array of 32 values.
 * Lanes that take different branches run one after the other and meet again where their paths do
 * (flow.c, run.c), as on the device.
 */
#ifndef ELCL_TESTS_NVIDIA_H
#define ELCL_TESTS_NVIDIA_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WARP = 32,
    MAX_ITEMS = 1024, /* of a work-group */
    MAX_WARPS = MAX_ITEMS / WARP,
    LOCAL_LIMIT = 48 << 10, /* bytes of local memory that OpenCL gives on NVIDIA */
    LOCAL_BASE = 1024,      /* its first address: the device keeps those below for itself */
    PRIVATE_BASE = 64,
    SLOT_BYTES = 4 * WARP, /* a 32-bit register; a 64-bit register takes two slots */
    MAX_PARAMS = 32,
    ALL_LANES = -1
};

/* Does a statement with l = 0 .. 31. Its arrays are the same or do not overlap. */
#ifdef __clang__
#define EACH_LANE _Pragma("clang loop vectorize(assume_safety)") for (int l = 0; l < WARP; l++)
#else
#define EACH_LANE _Pragma("GCC ivdep") for (int l = 0; l < WARP; l++)
#endif

struct warp;
struct instr;
typedef void run_fn(struct warp *w, struct instr *i);

enum space { GLOBAL, LOCAL, PRIVATE, CONSTANT, GENERIC };

/* Generic addresses: those of local and private memory have this space in the upper 8 bits. */
#define GENERIC_ADDRESS(space) ((uint64_t)(space) << 56)

enum complaint {
    OUT_OF_BOUNDS,
    MISALIGNED,
    RACE,
    IN_FLIGHT, /* memory that a cp.async has yet to write */
    NEVER_WRITTEN,
    PART_OF_WARP,
    PART_OF_GROUP
};

/* What requests of an instruction cost, and the least for as many different bytes: wavefronts of
 * local memory, or sectors of 32 bytes of global memory. */
struct tally {
    _Atomic uint64_t requests, cost, least;
    _Atomic uint32_t worst; /* of one request: 16 cost / least */
};

/* Operands are numbers of slots in a warp's registers. */
struct instr {
    run_fn *run;
    char *op;       /* its name */
    int64_t offset; /* added to an address */
    uint16_t d[4], a[4], b[4], c[4];
    uint16_t guard; /* a predicate, or 0 */
    bool guard_negated;
    bool is_signed;
    uint8_t space;
    uint8_t bytes; /* of an element in memory */
    uint8_t count; /* elements of a lane */
    uint8_t width; /* bytes of a data register, or of the address of a cp.async's source */
    uint8_t address_width;
    int32_t target, join; /* of a branch: instructions; join < 0: the end of the kernel */
    uint32_t line;        /* in the PTX */
    uint32_t source_line;
    uint16_t source_file;
    _Atomic uint32_t complaints; /* bits */
    struct tally tallies[2];     /* of local and of global memory */
};

struct param {
    uint32_t offset, bytes;
};

struct constant {
    uint16_t slot;
    uint8_t width;
    uint64_t value;
};

struct kernel {
    char *name;
    struct program *program;
    struct instr *code;
    size_t n, capacity;
    struct param params[MAX_PARAMS];
    uint32_t n_params, param_bytes;
    uint32_t group_size[3];               /* that the kernel requires, or 0 */
    uint32_t static_bytes, private_bytes; /* local memory; private memory of an item */
    uint32_t granule_shift;               /* of its smallest access to local memory */
    uint32_t slots;
    struct constant *constants;
    size_t n_constants, constants_capacity;
    _Atomic uint64_t launches, instructions, matrix_instructions;
};

struct variable {
    char name[64];
    uint64_t address; /* of memory on the host */
    uint64_t bytes;
};

struct program {
    struct kernel **kernels;
    size_t n, capacity;
    struct variable *variables; /* constant memory */
    size_t n_variables, variables_capacity;
    char files[64][64]; /* names by number */
    char path[256];     /* of the PTX */
};

/* parse.c: `error` receives a message of at most n bytes. */
struct program *ptx_parse(const char *text, char *error, size_t n);
void ptx_destroy(struct program *program);

/* flow.c */
void flow_find_joins(struct kernel *k);

/* A range of global or constant memory that a kernel may access. */
struct region {
    uint64_t begin, bytes;
};

/* Slots with fixed contents. */
enum special {
    NO_SLOT,
    TID, /* x, y, z */
    NTID = TID + 3,
    CTAID = NTID + 3,
    NCTAID = CTAID + 3,
    LANEID = NCTAID + 3,
    WARPID,
    FREE_SLOT /* the first of the others */
};

/* The last accesses to a granule of local memory. An epoch lies between two barriers. */
struct cell {
    uint32_t written, read;          /* epochs; 0: never */
    uint16_t writer, reader, copier; /* items; copier + 1, or 0 */
};

/* A cp.async of a warp that is not complete. */
struct copy {
    struct instr *instr;
    uint64_t from[WARP];
    uint32_t to[WARP];    /* offset in local memory */
    uint32_t group[WARP]; /* number of the lane's group */
    uint8_t bytes[WARP];  /* the rest becomes 0 */
    uint32_t lanes;
};

struct frame {
    int32_t pc, join;
    uint32_t lanes;
};

enum warp_state { RUNS, WAITS, ENDED };

struct warp {
    uint8_t *slots;
    uint32_t active[WARP]; /* 0 or ~0 */
    uint32_t lanes;        /* the same as bits */
    bool full;             /* all 32 */
    enum warp_state state;
    int32_t pc, join;
    uint32_t ended; /* lanes */
    uint32_t start; /* lanes that the work-group has */
    struct frame *frames;
    size_t n_frames, frames_capacity;
    struct copy *copies;
    size_t n_copies, copies_capacity;
    uint32_t copy_group[WARP]; /* number of the group that is open */
    uint8_t *private_memory;   /* [lane][bytes] */
    struct worker *worker;
    uint32_t number;
    uint64_t steps, matrix_steps;
};

struct launch {
    struct kernel *kernel;
    const uint8_t *params;
    uint32_t groups[3], items[3];
    uint32_t local_bytes;
    struct region regions[MAX_PARAMS + 16];
    size_t n_regions;
    _Atomic uint64_t next; /* work-group */
};

/* A thread that runs work-groups one after another. */
struct worker {
    struct launch *launch;
    uint8_t local[LOCAL_LIMIT];
    struct cell cells[LOCAL_LIMIT];
    uint32_t epoch, first_epoch; /* now, and of this work-group */
    const struct region *region; /* of the last access */
    uint32_t group[3];
    struct warp warps[MAX_WARPS];
    size_t slots_capacity, private_capacity;
};

/* run.c */
void launch_run(struct launch *launch);
void warp_set_lanes(struct warp *w, uint32_t lanes);
bool warp_is_whole(struct warp *w, struct instr *i);
run_fn run_branch, run_return, run_barrier;

/* memory.c */
run_fn run_load, run_store, run_load_param, run_prefetch, run_ldmatrix;
run_fn run_copy, run_copy_commit, run_copy_wait, run_copy_wait_all;
void memory_drop_copies(struct warp *w);

/* matrix.c */
run_fn run_mma_bf16, run_mma_f16, run_mma_s8, run_shuffle;

/* ops.c: the instructions that only compute. Widths are bytes of registers, 1 for predicates, 0 for
 * none; several may have the same name. */
struct op {
    const char *name;
    run_fn *run;
    uint8_t d, a, b, c;
};
extern const struct op ops[];
extern const size_t n_ops;

/* compile.c: source with options to PTX, by clang; the same from a directory of earlier results.
 * Returns NULL if it fails. Both texts are the caller's; path receives the PTX's place. */
char *compile(const char *source, const char *options, char **log, char *path, size_t n);

/* report.c */
extern bool report_counts; /* wanted */
void complain(struct warp *w, struct instr *i, int lane, enum complaint kind, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
void complain_of_call(const char *kernel, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void report_launch(void);
void tally_local(struct instr *i, const uint32_t *offset, uint32_t lanes, uint32_t bytes);
void tally_global(struct instr *i, const uint64_t *address, uint32_t lanes, uint32_t bytes);
void report_kernels(const struct program *program);

static inline void *slot(const struct warp *w, uint32_t number)
{
    return w->slots + (size_t)number * SLOT_BYTES;
}

/* Makes room for one more element of an array; exits if there is no memory. */
void *grow(void *array, size_t n, size_t *capacity, size_t bytes);

#endif
