/* Runs kernels: the lanes of a warp together, the warps of a work-group from barrier to barrier. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nvidia.h"

/* ---- lanes --------------------------------------------------------------------------------- */

void warp_set_lanes(struct warp *w, uint32_t lanes)
{
    w->lanes = lanes;
    w->full = lanes == (uint32_t)ALL_LANES;
    for (int l = 0; l < WARP; l++)
        w->active[l] = lanes >> l & 1 ? UINT32_MAX : 0;
}

bool warp_is_whole(struct warp *w, struct instr *i)
{
    if (!w->full)
        complain(w, i, 0, PART_OF_WARP, "an instruction of whole warps is met by %d of 32 lanes",
                 __builtin_popcount(w->lanes));
    return w->full;
}

/* The active lanes where the instruction's predicate holds. */
static uint32_t guarded_lanes(const struct warp *w, const struct instr *i)
{
    if (!i->guard)
        return w->lanes;
    const uint32_t *guard = slot(w, i->guard);
    uint32_t lanes = 0;
    for (int l = 0; l < WARP; l++)
        lanes |= (guard[l] & 1) << l;
    return w->lanes & (i->guard_negated ? ~lanes : lanes);
}

static void push(struct warp *w, int32_t pc, int32_t join, uint32_t lanes)
{
    w->frames = grow(w->frames, w->n_frames, &w->frames_capacity, sizeof(*w->frames));
    w->frames[w->n_frames++] = (struct frame){pc, join, lanes};
}

/* Goes on with lanes that wait. */
static void pop(struct warp *w)
{
    while (w->n_frames) {
        const struct frame f = w->frames[--w->n_frames];
        const uint32_t lanes = f.lanes & ~w->ended;
        if (!lanes)
            continue;
        w->pc = f.pc;
        w->join = f.join;
        warp_set_lanes(w, lanes);
        return;
    }
    w->state = ENDED;
}

void run_branch(struct warp *w, struct instr *i)
{
    const uint32_t taken = guarded_lanes(w, i), others = w->lanes & ~taken;
    if (!others) {
        w->pc = i->target;
        return;
    }
    if (!taken)
        return;
    /* At the join, all go on together. If the outer branch has the same, it waits there already. */
    if (i->join >= 0 && i->join != w->join)
        push(w, i->join, w->join, w->lanes);
    if (i->target != i->join)
        push(w, i->target, i->join, taken);
    w->join = i->join;
    warp_set_lanes(w, others);
}

void run_return(struct warp *w, struct instr *i)
{
    const uint32_t lanes = guarded_lanes(w, i);
    w->ended |= lanes;
    if (lanes == w->lanes)
        pop(w);
    else
        warp_set_lanes(w, w->lanes & ~lanes);
}

void run_barrier(struct warp *w, struct instr *i)
{
    if (w->lanes != (w->start & ~w->ended))
        complain(w, i, 0, PART_OF_WARP, "a barrier is met by %d of %d lanes of a warp",
                 __builtin_popcount(w->lanes), __builtin_popcount(w->start & ~w->ended));
    w->state = WAITS;
}

/* ---- warps --------------------------------------------------------------------------------- */

static void run_guarded(struct warp *w, struct instr *i)
{
    const uint32_t all = w->lanes, lanes = guarded_lanes(w, i);
    if (!lanes)
        return;
    warp_set_lanes(w, lanes);
    i->run(w, i);
    warp_set_lanes(w, all);
}

/* Until a barrier or the end. */
static void run_warp(struct warp *w)
{
    struct instr *code = w->worker->launch->kernel->code;
    w->state = RUNS;
    while (w->state == RUNS) {
        if (w->pc == w->join) {
            pop(w);
            continue;
        }
        struct instr *i = &code[w->pc++];
        w->steps++;
        if (i->guard && i->run != run_branch && i->run != run_return)
            run_guarded(w, i);
        else
            i->run(w, i);
    }
}

static void begin_warp(struct warp *w, const struct launch *launch)
{
    const uint32_t items = launch->items[0] * launch->items[1] * launch->items[2];
    const uint32_t rest = items - w->number * WARP;
    w->start = rest < WARP ? (1u << rest) - 1 : (uint32_t)ALL_LANES;
    w->pc = 0;
    w->join = -1;
    w->ended = 0;
    w->n_frames = 0;
    memset(w->copy_group, 0, sizeof(w->copy_group));
    warp_set_lanes(w, w->start);
    for (uint32_t d = 0; d < 3; d++) {
        uint32_t *group = slot(w, CTAID + d);
        for (int l = 0; l < WARP; l++)
            group[l] = w->worker->group[d];
    }
}

/* ---- work-groups --------------------------------------------------------------------------- */

/* All warps wait at the same barrier, or all have ended; anything else is a mistake. */
static void check_barrier(struct worker *worker, uint32_t n, uint32_t waiting)
{
    const struct warp *first = NULL;
    for (uint32_t v = 0; v < n; v++) {
        struct warp *w = &worker->warps[v];
        struct instr *i = &worker->launch->kernel->code[w->pc - (w->pc > 0)];
        if (w->state == WAITS && (waiting < n || w->ended))
            complain(w, i, 0, PART_OF_GROUP,
                     "a barrier is met after a part of the group has ended");
        if (w->state == WAITS && first && first->pc != w->pc)
            complain(w, i, 0, PART_OF_GROUP, "warps of a group meet different barriers");
        if (w->state == WAITS && !first)
            first = w;
    }
}

static void run_group(struct worker *worker)
{
    const struct launch *launch = worker->launch;
    const uint32_t items = launch->items[0] * launch->items[1] * launch->items[2];
    const uint32_t n = (items + WARP - 1) / WARP;
    memset(worker->local, 0xff, launch->local_bytes);
    worker->first_epoch = ++worker->epoch;
    for (uint32_t v = 0; v < n; v++)
        begin_warp(&worker->warps[v], launch);
    for (uint32_t waiting = n; waiting; worker->epoch++) {
        waiting = 0;
        for (uint32_t v = 0; v < n; v++) {
            struct warp *w = &worker->warps[v];
            if (w->state != ENDED)
                run_warp(w);
            waiting += w->state == WAITS;
        }
        if (waiting)
            check_barrier(worker, n, waiting);
    }
    for (uint32_t v = 0; v < n; v++) {
        memory_drop_copies(&worker->warps[v]);
        worker->warps[v].state = RUNS;
    }
}

/* ---- launches ------------------------------------------------------------------------------ */

/* width: 1 for a predicate, whose 0 or ~0 has 4 bytes */
static void fill(struct warp *w, uint32_t number, uint8_t width, uint64_t value)
{
    uint8_t *to = slot(w, number);
    width = width == 1 ? 4 : width;
    for (int l = 0; l < WARP; l++, to += width)
        memcpy(to, &value, width);
}

/* Registers with the same contents in all work-groups. */
static void prepare_warp(struct warp *w, const struct launch *launch)
{
    const struct kernel *k = launch->kernel;
    for (uint32_t l = 0; l < WARP; l++) {
        const uint32_t item = w->number * WARP + l, *size = launch->items;
        const uint32_t id[] = {item % size[0], item / size[0] % size[1], item / size[0] / size[1]};
        for (uint32_t d = 0; d < 3; d++)
            ((uint32_t *)slot(w, TID + d))[l] = id[d];
        ((uint32_t *)slot(w, LANEID))[l] = l;
    }
    fill(w, WARPID, 4, w->number);
    for (uint32_t d = 0; d < 3; d++) {
        fill(w, NTID + d, 4, launch->items[d]);
        fill(w, NCTAID + d, 4, launch->groups[d]);
    }
    for (size_t i = 0; i < k->n_constants; i++)
        fill(w, k->constants[i].slot, k->constants[i].width, k->constants[i].value);
    w->state = RUNS;
    w->steps = w->matrix_steps = 0;
}

static void prepare(struct worker *worker, struct launch *launch)
{
    const uint32_t items = launch->items[0] * launch->items[1] * launch->items[2];
    const uint32_t n = (items + WARP - 1) / WARP;
    worker->launch = launch;
    worker->region = launch->regions;
    const size_t slots = (size_t)launch->kernel->slots * SLOT_BYTES;
    const size_t private_bytes = (size_t)launch->kernel->private_bytes * WARP;
    for (uint32_t v = 0; v < MAX_WARPS; v++) {
        struct warp *w = &worker->warps[v];
        w->worker = worker;
        w->number = v;
        if (v >= n)
            continue;
        free(w->slots);
        free(w->private_memory);
        w->slots = aligned_alloc(SLOT_BYTES, slots);
        memset(w->slots, 0xff, slots);
        w->private_memory = malloc(private_bytes + 1);
        prepare_warp(w, launch);
    }
    /* Epochs of earlier launches are past; start again long before they overflow. */
    if (worker->epoch > UINT32_MAX / 2) {
        memset(worker->cells, 0, sizeof(worker->cells));
        worker->epoch = 0;
    }
}

static void *run_groups(void *user)
{
    struct worker *worker = user;
    struct launch *launch = worker->launch;
    const uint32_t *groups = launch->groups;
    const uint64_t n = (uint64_t)groups[0] * groups[1] * groups[2];
    for (uint64_t i; (i = atomic_fetch_add(&launch->next, 1)) < n;) {
        worker->group[0] = (uint32_t)(i % groups[0]);
        worker->group[1] = (uint32_t)(i / groups[0] % groups[1]);
        worker->group[2] = (uint32_t)(i / groups[0] / groups[1]);
        run_group(worker);
    }
    for (uint32_t v = 0; v < MAX_WARPS; v++) {
        atomic_fetch_add(&launch->kernel->instructions, worker->warps[v].steps);
        atomic_fetch_add(&launch->kernel->matrix_instructions, worker->warps[v].matrix_steps);
        worker->warps[v].steps = worker->warps[v].matrix_steps = 0;
    }
    return NULL;
}

void launch_run(struct launch *launch)
{
    static struct worker workers[2]; /* launches take turns */
    static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
    pthread_t thread;
    const uint64_t groups = (uint64_t)launch->groups[0] * launch->groups[1] * launch->groups[2];
    pthread_mutex_lock(&turn);
    prepare(&workers[0], launch);
    bool second = groups > 1 && sysconf(_SC_NPROCESSORS_ONLN) > 1;
    if (second) {
        prepare(&workers[1], launch);
        second = !pthread_create(&thread, NULL, run_groups, &workers[1]);
    }
    run_groups(&workers[0]);
    if (second)
        pthread_join(thread, NULL);
    atomic_fetch_add(&launch->kernel->launches, 1);
    pthread_mutex_unlock(&turn);
}
