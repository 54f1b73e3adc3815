#include "device/quirks.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"

static const struct rule {
    const char *platform; /* NULL: any */
    const char *name;     /* a part of the device's name; NULL: any */
    int driver;           /* from this major version on */
    struct elcl_quirks quirks;
} rules[] = {
    /* PoCL 3.1 sometimes aborts when several queues run at the same time: an assertion on its
     * cache of loaded kernels. Its prefetch() does nothing, and its vstore16() stores quarters:
     * ELCL_POCL in cl/. */
    {"Portable Computing Language",
     NULL,
     0,
     {.caches_programs = true,
      .queues_take_turns = true,
      .inline_assembly = true,
      .options = "-DELCL_POCL=1"}},
    /* It ends the process if it does not know a binary. */
    {"rusticl", NULL, 0, {.caches_programs = true}},
    /* Mesa's software rasterizer. */
    {NULL, "llvmpipe", 0, {.gpu_like = true}},
    /* rusticl 25.0 (Debian 13) dereferences a null pointer at the first run of the GPU kernels
     * embed and select_best; its CPU kernels work, and 22.3 runs both. */
    {NULL, "llvmpipe", 25, {.gpu_kernels_crash = true}},
    {"Oclgrind", NULL, 0, {.simulator = true}},
    {NULL, "(emulated)", 0, {.simulator = true}}, /* tests/nvidia */
};

struct elcl_quirks elcl_quirks_find(const elcl_device_desc *desc)
{
    struct elcl_quirks all = {0};
    for (size_t i = 0; i < ELCL_COUNT(rules); i++) {
        const struct rule *r = &rules[i];
        const struct elcl_quirks *q = &r->quirks;
        if ((r->platform && strcmp(desc->platform, r->platform) != 0) ||
            (r->name && !strstr(desc->name, r->name)) ||
            (r->driver && atoi(desc->driver) < r->driver))
            continue;
        all.gpu_like |= q->gpu_like;
        all.gpu_kernels_crash |= q->gpu_kernels_crash;
        all.caches_programs |= q->caches_programs;
        all.queues_take_turns |= q->queues_take_turns;
        all.inline_assembly |= q->inline_assembly;
        all.simulator |= q->simulator;
        all.options = q->options ? q->options : all.options;
    }
    return all;
}

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

void elcl_quirks_begin_turn(const struct elcl_quirks *quirks)
{
    if (quirks->queues_take_turns)
        pthread_mutex_lock(&turn);
}

void elcl_quirks_end_turn(const struct elcl_quirks *quirks)
{
    if (quirks->queues_take_turns)
        pthread_mutex_unlock(&turn);
}
