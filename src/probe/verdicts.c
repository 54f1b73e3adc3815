#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "device/program_cache.h"
#include "probe/probe_impl.h"

const char *const elcl_probe_names[ELCL_N_PROBES] = {
    [ELCL_PROBE_FMA] = "fma",
    [ELCL_PROBE_MAD] = "mad",
    [ELCL_PROBE_PLAIN] = "mul+add",
    [ELCL_PROBE_HALF] = "vload_half",
    [ELCL_PROBE_FP16] = "fp16 arithmetic",
    [ELCL_PROBE_SUBGROUPS] = "subgroups",
    [ELCL_PROBE_MATRIX] = "matrix instructions",
    [ELCL_PROBE_INT8_DOT] = "int8 dot products",
    [ELCL_PROBE_INT4_DOT] = "int4 dot products",
    [ELCL_PROBE_BF16_DOT] = "bf16 dot products",
    [ELCL_PROBE_STATE_DOT] = "int8 state products",
    [ELCL_PROBE_LOOPS] = "long loops",
};

void elcl_verdict_set(struct elcl_features *features, enum elcl_probe probe, bool on,
                      const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(features->verdicts[probe].reason, sizeof(features->verdicts[probe].reason), fmt,
              args);
    va_end(args);
    features->verdicts[probe].on = on;
}

/* What a file holds: only bytes, so that no content is undefined. */
struct stored {
    uint8_t mac, mma, int8_mma, short_loops;
    struct {
        uint8_t kind, pays;
    } int8_dot, bf16_dot, int4_dot, state_dot;
    struct {
        uint8_t on;
        char reason[sizeof(((struct elcl_features *)0)->verdicts[0].reason)];
    } verdicts[ELCL_N_PROBES];
};

/* Whether the device's kernels may use a dot product that the file names: the file may come from
 * another device or processor, which has other instructions. */
static bool may_have(const struct elcl_device *device, unsigned dot, enum elcl_storage weights)
{
    if (dot == ELCL_DOT_NONE)
        return true;
    if (dot > ELCL_DOT_LAST || elcl_dot_kinds[dot].weights != weights)
        return false;
    if (elcl_dot_kinds[dot].gpu)
        return device->kernels == ELCL_KERNELS_GPU &&
               (dot == ELCL_DOT_GPU_PLAIN || elcl_int8_may_run(device, (enum elcl_dot)dot));
    return device->kernels == ELCL_KERNELS_CPU &&
           (dot == (unsigned)elcl_dot_plain(weights) ||
            elcl_dot_may_run(device, (enum elcl_dot)dot, weights));
}

static bool is_usable(const struct elcl_device *device, const struct stored *s)
{
    bool ok = s->mac <= ELCL_MAC_PLAIN && s->mma < ELCL_N_MMA &&
              (s->mma == ELCL_MMA_NONE || elcl_mma_may_run(device, (enum elcl_mma)s->mma)) &&
              may_have(device, s->int8_dot.kind, ELCL_INT8) &&
              may_have(device, s->bf16_dot.kind, ELCL_BF16) &&
              may_have(device, s->int4_dot.kind, ELCL_INT4) &&
              may_have(device, s->state_dot.kind, ELCL_INT8) &&
              (s->state_dot.kind == ELCL_DOT_NONE ||
               elcl_state_dot_file((enum elcl_dot)s->state_dot.kind));
    for (int i = 0; i < ELCL_N_PROBES; i++)
        ok = ok && memchr(s->verdicts[i].reason, '\0', sizeof(s->verdicts[i].reason));
    return ok;
}

static void unpack(const struct stored *s, struct elcl_features *features)
{
    *features = (struct elcl_features){
        .mac = (enum elcl_mac)s->mac,
        .mma = (enum elcl_mma)s->mma,
        .int8_dot = {(enum elcl_dot)s->int8_dot.kind, s->int8_dot.pays != 0},
        .bf16_dot = {(enum elcl_dot)s->bf16_dot.kind, s->bf16_dot.pays != 0},
        .int4_dot = {(enum elcl_dot)s->int4_dot.kind, s->int4_dot.pays != 0},
        .state_dot = {(enum elcl_dot)s->state_dot.kind, s->state_dot.pays != 0},
        .int8_mma = s->int8_mma != 0 && elcl_mma_kinds[s->mma].int8,
        .short_loops = s->short_loops != 0};
    for (int i = 0; i < ELCL_N_PROBES; i++) {
        features->verdicts[i].on = s->verdicts[i].on != 0;
        memcpy(features->verdicts[i].reason, s->verdicts[i].reason, sizeof(s->verdicts[i].reason));
    }
}

bool elcl_verdicts_load(const struct elcl_device *device, uint64_t key,
                        struct elcl_features *features)
{
    void *data;
    size_t bytes;
    if (!elcl_cache_load(device->cache_directory, key, &data, &bytes))
        return false;
    const bool ok = bytes == sizeof(struct stored) && is_usable(device, data);
    if (ok)
        unpack(data, features);
    elcl_free(data);
    return ok;
}

void elcl_verdicts_store(const struct elcl_device *device, uint64_t key,
                         const struct elcl_features *features)
{
    struct stored s = {.mac = (uint8_t)features->mac,
                       .mma = (uint8_t)features->mma,
                       .int8_mma = features->int8_mma,
                       .short_loops = features->short_loops,
                       .int8_dot = {(uint8_t)features->int8_dot.kind, features->int8_dot.pays},
                       .bf16_dot = {(uint8_t)features->bf16_dot.kind, features->bf16_dot.pays},
                       .int4_dot = {(uint8_t)features->int4_dot.kind, features->int4_dot.pays},
                       .state_dot = {(uint8_t)features->state_dot.kind, features->state_dot.pays}};
    for (int i = 0; i < ELCL_N_PROBES; i++) {
        s.verdicts[i].on = features->verdicts[i].on;
        memcpy(s.verdicts[i].reason, features->verdicts[i].reason, sizeof(s.verdicts[i].reason));
    }
    elcl_cache_store(device->cache_directory, key, &s, sizeof(s));
}
