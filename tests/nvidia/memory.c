/*
 * Loads and stores, with what can be wrong with them: accesses beyond a buffer or not aligned, and
 * in local memory races between two barriers, reads of what nothing wrote, and accesses to what a
 * cp.async has yet to write. An access that is not permitted does nothing; a read gives ones.
 */
#include <stdlib.h>
#include <string.h>

#include "nvidia.h"

enum access { READ, WRITE }; /* of 1, 2, 4, 8 or 16 bytes */

static const char *const verbs[] = {[READ] = "reads", [WRITE] = "writes"};

static void find_addresses(const struct warp *w, uint32_t number, uint8_t width, int64_t offset,
                           uint64_t *address)
{
    if (width == 4) {
        const uint32_t *a = slot(w, number);
        EACH_LANE address[l] = (uint32_t)(a[l] + (uint32_t)offset);
    } else {
        const uint64_t *a = slot(w, number);
        EACH_LANE address[l] = a[l] + (uint64_t)offset;
    }
}

/* ---- global and constant memory ------------------------------------------------------------ */

static bool in_region(const struct region *r, uint64_t address, uint32_t bytes)
{
    return bytes <= r->bytes && address - r->begin <= r->bytes - bytes;
}

static bool find_region(struct worker *worker, uint64_t address, uint32_t bytes)
{
    const struct launch *launch = worker->launch;
    for (size_t r = 0; r < launch->n_regions; r++)
        if (in_region(&launch->regions[r], address, bytes)) {
            worker->region = &launch->regions[r];
            return true;
        }
    return false;
}

/* Complains with the place relative to the buffer that begins last before the address. */
static void complain_bounds(struct warp *w, struct instr *i, int lane, enum access access,
                            uint64_t address, uint32_t bytes)
{
    const struct launch *launch = w->worker->launch;
    const struct region *near = NULL;
    for (size_t r = 0; r < launch->n_regions; r++) {
        const struct region *region = &launch->regions[r];
        if (region->begin <= address + 4096 && (!near || region->begin > near->begin))
            near = region;
    }
    if (near)
        complain(w, i, lane, OUT_OF_BOUNDS,
                 "%s %u bytes at %lld of a buffer of %llu, or of no buffer", verbs[access], bytes,
                 (long long)(address - near->begin), (unsigned long long)near->bytes);
    else
        complain(w, i, lane, OUT_OF_BOUNDS, "%s %u bytes at %llx: no buffer", verbs[access], bytes,
                 (unsigned long long)address);
}

static bool global_is_right(struct warp *w, struct instr *i, int lane, enum access access,
                            uint64_t address, uint32_t bytes)
{
    if (address & (bytes - 1)) {
        complain(w, i, lane, MISALIGNED, "%s %u bytes at an address that is %u beyond a multiple",
                 verbs[access], bytes, (unsigned)(address & (bytes - 1)));
        return false;
    }
    if (in_region(w->worker->region, address, bytes) || find_region(w->worker, address, bytes))
        return true;
    complain_bounds(w, i, lane, access, address, bytes);
    return false;
}

/* Returns the lanes whose accesses are right. */
static uint32_t check_global(struct warp *w, struct instr *i, enum access access,
                             const uint64_t *address, uint32_t bytes)
{
    const struct region r = *w->worker->region;
    const uint64_t last = r.bytes - bytes;
    uint32_t wrong = bytes > r.bytes;
    EACH_LANE wrong |=
        w->active[l] & ((address[l] - r.begin > last) | ((address[l] & (bytes - 1)) != 0));
    if (report_counts)
        tally_global(i, address, w->lanes, bytes);
    if (!wrong)
        return w->lanes;
    uint32_t lanes = 0;
    for (int l = 0; l < WARP; l++)
        if (w->active[l] && global_is_right(w, i, l, access, address[l], bytes))
            lanes |= 1u << l;
    return lanes;
}

/* ---- local memory -------------------------------------------------------------------------- */

enum { MANY = 0xffff }; /* readers */

static void read_cell(struct warp *w, struct instr *i, int lane, struct cell *c)
{
    const struct worker *worker = w->worker;
    const uint16_t item = (uint16_t)(w->number * WARP + (uint32_t)lane);
    if (c->copier)
        complain(w, i, lane, IN_FLIGHT, "reads what a cp.async of item %d has yet to write",
                 c->copier - 1);
    else if (c->written < worker->first_epoch)
        complain(w, i, lane, NEVER_WRITTEN, "reads local memory that nothing wrote");
    else if (c->written == worker->epoch && c->writer != item)
        complain(w, i, lane, RACE, "reads what item %d wrote since the last barrier", c->writer);
    c->reader = c->read == worker->epoch && c->reader != item ? MANY : item;
    c->read = worker->epoch;
}

/* same: what is there already. Items may store the same. */
static void write_cell(struct warp *w, struct instr *i, int lane, struct cell *c, bool same)
{
    const struct worker *worker = w->worker;
    const uint16_t item = (uint16_t)(w->number * WARP + (uint32_t)lane);
    if (c->copier)
        complain(w, i, lane, IN_FLIGHT, "writes what a cp.async of item %d has yet to write",
                 c->copier - 1);
    if (c->written == worker->epoch && c->writer != item && !same)
        complain(w, i, lane, RACE, "writes what item %d wrote since the last barrier", c->writer);
    if (c->read == worker->epoch && c->reader == MANY)
        complain(w, i, lane, RACE, "writes what several items read since the last barrier");
    else if (c->read == worker->epoch && c->reader != item)
        complain(w, i, lane, RACE, "writes what item %d read since the last barrier", c->reader);
    c->writer = item;
    c->written = worker->epoch;
}

static bool local_is_right(struct warp *w, struct instr *i, int lane, enum access access,
                           uint64_t address, uint32_t bytes)
{
    const uint32_t limit = w->worker->launch->local_bytes;
    const uint64_t offset = address - LOCAL_BASE;
    if (offset > limit || offset + bytes > limit) {
        complain(w, i, lane, OUT_OF_BOUNDS, "%s %u bytes at %lld of %u bytes of local memory",
                 verbs[access], bytes, (long long)offset, limit);
        return false;
    }
    if (address & (bytes - 1))
        complain(w, i, lane, MISALIGNED, "%s %u bytes at %llu of local memory", verbs[access],
                 bytes, (unsigned long long)offset);
    return !(address & (bytes - 1));
}

/* Stores an element; returns whether it was there already. Most have 4 bytes. */
static inline bool store_element(uint8_t *to, const uint8_t *from, uint32_t bytes)
{
    const bool same = bytes == 4 ? !memcmp(to, from, 4) : !memcmp(to, from, bytes);
    if (bytes == 4)
        memcpy(to, from, 4);
    else
        memcpy(to, from, bytes);
    return same;
}

/* Stores a lane's elements; returns whether they were there already. */
static bool store_lane(const struct warp *w, const struct instr *i, int lane, uint8_t *to)
{
    bool same = true;
    for (uint32_t e = 0; e < i->count; e++, to += i->bytes)
        same &= store_element(to, (uint8_t *)slot(w, i->b[e]) + lane * i->width, i->bytes);
    return same;
}

/* Returns the lanes whose accesses are right; offset: in local memory. Does stores, lane by lane.
 */
static uint32_t check_local(struct warp *w, struct instr *i, enum access access,
                            const uint64_t *address, uint32_t bytes, uint32_t *offset)
{
    const uint32_t shift = w->worker->launch->kernel->granule_shift;
    const uint32_t cells = bytes >> shift;
    uint32_t lanes = 0;
    for (int l = 0; l < WARP; l++) {
        if (!w->active[l] || !local_is_right(w, i, l, access, address[l], bytes))
            continue;
        lanes |= 1u << l;
        offset[l] = (uint32_t)address[l] - LOCAL_BASE;
        struct cell *c = &w->worker->cells[offset[l] >> shift];
        const bool same = i->run == run_store && store_lane(w, i, l, w->worker->local + offset[l]);
        for (uint32_t n = 0; n < cells; n++, c++)
            access == WRITE ? write_cell(w, i, l, c, same) : read_cell(w, i, l, c);
    }
    if (report_counts)
        tally_local(i, offset, lanes, bytes);
    return lanes;
}

/* ---- loads and stores ---------------------------------------------------------------------- */

/* The space of generic addresses, which is to be the same for all lanes. */
static uint8_t make_specific(struct warp *w, struct instr *i, uint64_t *address)
{
    const uint8_t space = (uint8_t)(address[__builtin_ctz(w->lanes)] >> 56);
    for (int l = 0; l < WARP; l++) {
        if (w->active[l] && address[l] >> 56 != space)
            complain(w, i, l, OUT_OF_BOUNDS,
                     "a generic address of another space than those before");
        address[l] &= ~GENERIC_ADDRESS(0xff);
    }
    return space;
}

/* Finds where each lane's access lies; returns the lanes whose accesses are right. */
static uint32_t find_memory(struct warp *w, struct instr *i, enum access access, uint8_t **at)
{
    const uint32_t bytes = (uint32_t)i->bytes * i->count;
    uint64_t address[WARP];
    uint32_t offset[WARP], lanes = 0;
    find_addresses(w, i->a[0], i->address_width, i->offset, address);
    switch (i->space == GENERIC ? make_specific(w, i, address) : i->space) {
    case LOCAL:
        lanes = check_local(w, i, access, address, bytes, offset);
        for (int l = 0; l < WARP; l++)
            at[l] = w->worker->local + (lanes >> l & 1 ? offset[l] : 0);
        break;
    case PRIVATE:
        for (uint32_t l = 0; l < WARP; l++) {
            const uint32_t limit = w->worker->launch->kernel->private_bytes;
            const uint64_t in = address[l] - PRIVATE_BASE;
            const bool right = in <= limit && in + bytes <= limit && !(in & (bytes - 1));
            if (w->active[l] && !right)
                complain(w, i, (int)l, OUT_OF_BOUNDS, "%s %u bytes at %lld of %u of its own",
                         verbs[access], bytes, (long long)in, limit);
            lanes |= w->active[l] && right ? 1u << l : 0;
            at[l] = w->private_memory + (right ? l * limit + in : 0);
        }
        break;
    default:
        lanes = check_global(w, i, access, address, bytes);
        for (int l = 0; l < WARP; l++)
            at[l] = (uint8_t *)(uintptr_t)address[l];
    }
    return lanes;
}

/* Copies elements from memory to registers that may be wider. */
#define LOAD(M, R)                                                                                 \
    for (uint32_t e = 0; e < i->count; e++) {                                                      \
        R *d = slot(w, i->d[e]);                                                                   \
        for (int l = 0; l < WARP; l++)                                                             \
            if (lanes >> l & 1)                                                                    \
                d[l] = (R)((M *)at[l])[e];                                                         \
            else if (w->active[l])                                                                 \
                d[l] = (R) ~(R)0;                                                                  \
    }                                                                                              \
    break

void run_load(struct warp *w, struct instr *i)
{
    uint8_t *at[WARP];
    const uint32_t lanes = find_memory(w, i, READ, at);
    switch (i->bytes << 8 | i->width << 4 | (i->is_signed && i->bytes < i->width)) {
    case 0x120:
        LOAD(uint8_t, uint16_t);
    case 0x121:
        LOAD(int8_t, uint16_t);
    case 0x140:
        LOAD(uint8_t, uint32_t);
    case 0x141:
        LOAD(int8_t, uint32_t);
    case 0x180:
        LOAD(uint8_t, uint64_t);
    case 0x181:
        LOAD(int8_t, uint64_t);
    case 0x220:
        LOAD(uint16_t, uint16_t);
    case 0x240:
        LOAD(uint16_t, uint32_t);
    case 0x241:
        LOAD(int16_t, uint32_t);
    case 0x280:
        LOAD(uint16_t, uint64_t);
    case 0x281:
        LOAD(int16_t, uint64_t);
    case 0x440:
        LOAD(uint32_t, uint32_t);
    case 0x480:
        LOAD(uint32_t, uint64_t);
    case 0x481:
        LOAD(int32_t, uint64_t);
    case 0x880:
        LOAD(uint64_t, uint64_t);
    default:
        abort(); /* parse.c lets no other through */
    }
}

void run_store(struct warp *w, struct instr *i)
{
    uint8_t *at[WARP];
    const uint32_t lanes = find_memory(w, i, WRITE, at);
    for (int l = 0; l < WARP; l++)
        if (lanes >> l & 1)
            store_lane(w, i, l, at[l]); /* in local memory for the second time */
}

void run_load_param(struct warp *w, struct instr *i)
{
    for (uint32_t e = 0; e < i->count; e++) {
        uint8_t *d = slot(w, i->d[e]);
        uint64_t value = 0;
        memcpy(&value, w->worker->launch->params + i->offset + e * i->bytes, i->bytes);
        if (i->is_signed && i->bytes < 8) {
            const int shift = 64 - 8 * i->bytes;
            value = (uint64_t)((int64_t)(value << shift) >> shift);
        }
        for (int l = 0; l < WARP; l++)
            if (w->active[l])
                memcpy(d + l * i->width, &value, i->width);
    }
}

/* An address beyond a buffer is no fault. */
void run_prefetch(struct warp *w, struct instr *i)
{
    (void)w, (void)i;
}

/* ---- ldmatrix ------------------------------------------------------------------------------ */

/* Lanes 8 m .. 8 m + 7 give the rows of matrix m, of 8 halves. Lane l receives two neighbors of
 * row l / 4, or with .trans of column l / 4. */
void run_ldmatrix(struct warp *w, struct instr *i)
{
    uint64_t address[WARP];
    uint32_t offset[WARP] = {0};
    static const uint8_t wrong[16] = {255, 255, 255, 255, 255, 255, 255, 255,
                                      255, 255, 255, 255, 255, 255, 255, 255};
    if (!warp_is_whole(w, i))
        return;
    find_addresses(w, i->a[0], i->address_width, i->offset, address);
    const uint32_t used = i->count == 4 ? (uint32_t)ALL_LANES : (1u << (8 * i->count)) - 1;
    warp_set_lanes(w, used);
    const uint32_t lanes = check_local(w, i, READ, address, 16, offset);
    warp_set_lanes(w, (uint32_t)ALL_LANES);
    for (int m = 0; m < i->count; m++) {
        uint16_t rows[8][8];
        for (int r = 0; r < 8; r++)
            memcpy(rows[r], lanes >> (8 * m + r) & 1 ? w->worker->local + offset[8 * m + r] : wrong,
                   16);
        uint16_t(*d)[2] = slot(w, i->d[m]);
        for (int l = 0; l < WARP; l++)
            for (int h = 0; h < 2; h++)
                d[l][h] = i->is_signed ? rows[l % 4 * 2 + h][l / 4] : rows[l / 4][l % 4 * 2 + h];
    }
}

/* ---- cp.async ------------------------------------------------------------------------------ */

/* Checks the source; 0 bytes of it need no address. */
static uint32_t check_source(struct warp *w, struct instr *i, const struct copy *copy)
{
    uint32_t lanes = 0, all = 0;
    bool whole = true;
    for (int l = 0; l < WARP; l++)
        whole &= !w->active[l] || copy->bytes[l] == i->bytes;
    if (whole)
        return check_global(w, i, READ, copy->from, i->bytes);
    for (int l = 0; l < WARP; l++) {
        if (!w->active[l])
            continue;
        const uint32_t bytes = copy->bytes[l];
        const bool inside = !bytes || in_region(w->worker->region, copy->from[l], bytes) ||
                            find_region(w->worker, copy->from[l], bytes);
        if (!inside)
            complain_bounds(w, i, l, READ, copy->from[l], bytes);
        if (bytes && copy->from[l] % i->bytes)
            complain(w, i, l, MISALIGNED,
                     "copies %u bytes from an address that is %u beyond a "
                     "multiple",
                     i->bytes, (unsigned)(copy->from[l] % i->bytes));
        all |= bytes ? 1u << l : 0;
        lanes |= inside && (!bytes || copy->from[l] % i->bytes == 0) ? 1u << l : 0;
    }
    if (report_counts)
        tally_global(i, copy->from, all, i->bytes);
    return lanes;
}

/* The target counts as written from now on, and as in flight until the item waits. */
static void mark_target(struct warp *w, const struct copy *copy, bool in_flight)
{
    const struct instr *i = copy->instr;
    const uint32_t shift = w->worker->launch->kernel->granule_shift;
    for (int l = 0; l < WARP; l++) {
        if (!(copy->lanes >> l & 1))
            continue;
        struct cell *c = &w->worker->cells[copy->to[l] >> shift];
        for (uint32_t n = 0; n < (uint32_t)i->bytes >> shift; n++)
            c[n].copier = in_flight ? (uint16_t)(w->number * WARP + (uint32_t)l + 1) : 0;
    }
}

void run_copy(struct warp *w, struct instr *i)
{
    w->copies = grow(w->copies, w->n_copies, &w->copies_capacity, sizeof(*w->copies));
    struct copy *copy = &w->copies[w->n_copies];
    uint64_t to[WARP];
    const uint32_t *bytes = slot(w, i->c[0]);
    copy->instr = i;
    memcpy(copy->group, w->copy_group, sizeof(copy->group));
    find_addresses(w, i->a[0], i->address_width, i->offset, to);
    find_addresses(w, i->b[0], i->width, 0, copy->from);
    for (int l = 0; l < WARP; l++) {
        copy->bytes[l] = i->bytes;
        if (i->c[0] && bytes[l] < i->bytes)
            copy->bytes[l] = (uint8_t)bytes[l];
        else if (i->c[0] && bytes[l] > i->bytes && w->active[l])
            complain(w, i, l, OUT_OF_BOUNDS, "copies %u of %u bytes", bytes[l], i->bytes);
    }
    copy->lanes = check_local(w, i, WRITE, to, i->bytes, copy->to) & check_source(w, i, copy);
    if (!copy->lanes)
        return;
    mark_target(w, copy, true);
    w->n_copies++;
}

/* Copies what `lanes` of the copy wait for. */
static void complete(struct warp *w, struct copy *copy, uint32_t lanes)
{
    struct instr *i = copy->instr;
    const uint32_t shift = w->worker->launch->kernel->granule_shift;
    for (int l = 0; l < WARP; l++) {
        if (!(lanes >> l & 1))
            continue;
        memset(w->worker->local + copy->to[l], 0, i->bytes);
        if (copy->bytes[l])
            memcpy(w->worker->local + copy->to[l], (void *)(uintptr_t)copy->from[l],
                   copy->bytes[l]);
        struct cell *c = &w->worker->cells[copy->to[l] >> shift];
        for (uint32_t n = 0; n < (uint32_t)i->bytes >> shift; n++) {
            c[n].copier = 0;
            write_cell(w, i, l, &c[n], false);
        }
    }
    copy->lanes &= ~lanes;
}

/* Completes all but the `left` newest groups of each lane. */
static void wait_groups(struct warp *w, uint32_t left)
{
    size_t kept = 0;
    for (size_t n = 0; n < w->n_copies; n++) {
        struct copy *copy = &w->copies[n];
        uint32_t lanes = 0;
        for (int l = 0; l < WARP; l++)
            if (w->active[l] && copy->group[l] + left < w->copy_group[l])
                lanes |= 1u << l;
        complete(w, copy, lanes & copy->lanes);
        if (copy->lanes)
            w->copies[kept++] = *copy;
    }
    w->n_copies = kept;
}

void run_copy_commit(struct warp *w, struct instr *i)
{
    (void)i;
    for (int l = 0; l < WARP; l++)
        w->copy_group[l] += w->active[l] & 1;
}

void run_copy_wait(struct warp *w, struct instr *i)
{
    wait_groups(w, (uint32_t)i->offset);
}

void run_copy_wait_all(struct warp *w, struct instr *i)
{
    run_copy_commit(w, i);
    wait_groups(w, 0);
}

void memory_drop_copies(struct warp *w)
{
    for (size_t n = 0; n < w->n_copies; n++)
        mark_target(w, &w->copies[n], false);
    w->n_copies = 0;
}
