#include "device/profile.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"

#define MAX_PENDING 4096 /* then all are collected: events hold memory of the driver */

struct pending {
    cl_event event;
    elcl_kernel_span span; /* without times */
};

struct elcl_profile {
    elcl_kernel_time *entries;
    size_t n_entries;
    size_t max_entries;
    struct pending *pending;
    size_t n_pending;
    size_t max_pending;
    elcl_kernel_span *spans;
    size_t n_spans;
    size_t max_spans;
    elcl_kernel_span next; /* phase, bytes and FLOP of the next call */
};

struct elcl_profile *elcl_profile_create(void)
{
    struct elcl_profile *profile = elcl_calloc(1, sizeof(*profile));
    if (profile)
        profile->next.phase = ELCL_PHASE_STEP;
    return profile;
}

/* Returns NULL if memory is short. */
static elcl_kernel_time *find_entry(struct elcl_profile *profile, const char *name)
{
    for (size_t i = 0; i < profile->n_entries; i++) {
        if (profile->entries[i].name == name || !strcmp(profile->entries[i].name, name))
            return &profile->entries[i];
    }
    void *entries = profile->entries;
    if (!elcl_grow(&entries, &profile->max_entries, profile->n_entries + 1,
                   sizeof(*profile->entries)))
        return NULL;
    profile->entries = entries;
    elcl_kernel_time *entry = &profile->entries[profile->n_entries++];
    *entry = (elcl_kernel_time){.name = name};
    return entry;
}

/* Flushes the queue first: a command that was not flushed may never start. */
static void wait_for(cl_event event)
{
    cl_command_queue queue = NULL;
    if (!clGetEventInfo(event, CL_EVENT_COMMAND_QUEUE, sizeof(queue), (void *)&queue, NULL) &&
        queue)
        clFlush(queue);
    clWaitForEvents(1, &event);
}

/* Drops the span past the limit or if memory is short; times and counts go on. */
static void add_span(struct elcl_profile *profile, const elcl_kernel_span *span)
{
    void *spans = profile->spans;
    if (profile->n_spans == ELCL_PROFILE_SPANS ||
        !elcl_grow(&spans, &profile->max_spans, profile->n_spans + 1, sizeof(*profile->spans)))
        return;
    profile->spans = spans;
    profile->spans[profile->n_spans++] = *span;
}

/* Adds the event's time and releases it. An event without times counts as a call of 0 ns. */
static void collect(struct elcl_profile *profile, const struct pending *pending)
{
    elcl_kernel_span span = pending->span;
    wait_for(pending->event);
    cl_ulong start = 0;
    cl_ulong end = 0;
    if (clGetEventProfilingInfo(pending->event, CL_PROFILING_COMMAND_START, sizeof(start), &start,
                                NULL) ||
        clGetEventProfilingInfo(pending->event, CL_PROFILING_COMMAND_END, sizeof(end), &end, NULL))
        start = end = 0;
    clReleaseEvent(pending->event);
    span.start_ns = start;
    span.end_ns = end;
    add_span(profile, &span);
    elcl_kernel_time *entry = find_entry(profile, span.name);
    if (!entry)
        return;
    entry->calls++;
    entry->ns += end > start ? end - start : 0;
}

static void drain(struct elcl_profile *profile)
{
    for (size_t i = 0; i < profile->n_pending; i++)
        collect(profile, &profile->pending[i]);
    profile->n_pending = 0;
}

void elcl_profile_destroy(struct elcl_profile **profile)
{
    if (!profile || !*profile)
        return;
    struct elcl_profile *p = *profile;
    for (size_t i = 0; i < p->n_pending; i++)
        clReleaseEvent(p->pending[i].event);
    elcl_free(p->pending);
    elcl_free(p->entries);
    elcl_free(p->spans);
    elcl_free(p);
    *profile = NULL;
}

void elcl_profile_phase(struct elcl_profile *profile, enum elcl_phase phase)
{
    if (profile)
        profile->next.phase = phase;
}

void elcl_profile_count(struct elcl_profile *profile, const char *name, enum elcl_op_class op_class,
                        uint64_t bytes, uint64_t flop)
{
    elcl_kernel_time *entry = profile ? find_entry(profile, name) : NULL;
    if (!entry)
        return;
    entry->op_class = profile->next.op_class = op_class;
    entry->bytes_moved += bytes;
    entry->flop += flop;
    profile->next.bytes_moved += bytes;
    profile->next.flop += flop;
}

void elcl_profile_add(struct elcl_profile *profile, const char *name, cl_event event)
{
    if (!event)
        return;
    if (!profile) {
        clReleaseEvent(event);
        return;
    }
    const struct pending call = {event,
                                 {.name = name,
                                  .bytes_moved = profile->next.bytes_moved,
                                  .flop = profile->next.flop,
                                  .phase = profile->next.phase,
                                  .op_class = profile->next.op_class}};
    profile->next.bytes_moved = profile->next.flop = 0;
    profile->next.op_class = ELCL_OP_OTHER;
    if (profile->n_pending == MAX_PENDING)
        drain(profile);
    void *pending = profile->pending;
    if (!elcl_grow(&pending, &profile->max_pending, profile->n_pending + 1,
                   sizeof(*profile->pending))) {
        collect(profile, &call);
        return;
    }
    profile->pending = pending;
    profile->pending[profile->n_pending++] = call;
}

static int slowest_first(const void *a, const void *b)
{
    const elcl_kernel_time *x = a;
    const elcl_kernel_time *y = b;
    if (x->ns != y->ns)
        return x->ns < y->ns ? 1 : -1;
    return strcmp(x->name, y->name);
}

const elcl_kernel_time *elcl_profile_read(struct elcl_profile *profile, int *n)
{
    *n = 0;
    if (!profile)
        return NULL;
    drain(profile);
    if (profile->n_entries)
        qsort(profile->entries, profile->n_entries, sizeof(*profile->entries), slowest_first);
    *n = (int)profile->n_entries;
    return profile->entries;
}

const elcl_kernel_span *elcl_profile_spans(const struct elcl_profile *profile, size_t *n)
{
    *n = profile ? profile->n_spans : 0;
    return profile ? profile->spans : NULL;
}
