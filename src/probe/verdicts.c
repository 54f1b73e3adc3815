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
    [ELCL_PROBE_BF16_DOT] = "bf16 dot products",
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

/* The key differs between versions and machines, and the cache checks the bytes. */
bool elcl_verdicts_load(const char *directory, uint64_t key, struct elcl_features *features)
{
    void *data;
    size_t bytes;
    if (!elcl_cache_load(directory, key, &data, &bytes))
        return false;
    const bool ok = bytes == sizeof(*features);
    if (ok)
        memcpy(features, data, bytes);
    elcl_free(data);
    return ok;
}

void elcl_verdicts_store(const char *directory, uint64_t key, const struct elcl_features *features)
{
    elcl_cache_store(directory, key, features, sizeof(*features));
}
