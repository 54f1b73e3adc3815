#include "probe/probe.h"

#include "base/util.h"
#include "device/cl_source.h"
#include "device/list.h"
#include "probe/outcome.h"
#include "probe/probe_impl.h"

static void judge_unused_paths(const struct elcl_device *device, struct elcl_features *features)
{
    if (elcl_has_word(device->desc.extensions, "cl_khr_fp16"))
        elcl_verdict_set(features, ELCL_PROBE_FP16, false,
                         "the driver reports cl_khr_fp16, but no kernel uses it yet");
    else
        elcl_verdict_set(features, ELCL_PROBE_FP16, false,
                         "the driver does not report cl_khr_fp16");
    if (elcl_has_word(device->desc.extensions, "cl_khr_subgroups") ||
        elcl_has_word(device->desc.extensions, "cl_intel_subgroups"))
        elcl_verdict_set(features, ELCL_PROBE_SUBGROUPS, false,
                         "the driver reports them, but no kernel uses them yet");
    else
        elcl_verdict_set(features, ELCL_PROBE_SUBGROUPS, false,
                         "the driver reports no subgroup extension");
}

/* For GPU kernels, which a CPU device can run too. A driver that crashes on the instructions does
 * not see them if they are off. */
static void judge_mma(struct elcl_device *device, struct elcl_features *features)
{
    char why[sizeof(features->verdicts[0].reason)] = "";
    if (device->no_matrix_why) {
        elcl_verdict_set(features, ELCL_PROBE_MATRIX, false, "turned off by %s",
                         device->no_matrix_why);
        return;
    }
    features->mma = elcl_probe_mma(device, &features->unsure, why, sizeof(why));
    elcl_verdict_set(features, ELCL_PROBE_MATRIX, features->mma != ELCL_MMA_NONE, "%s", why);
}

/* GPU kernels multiply integers only when asked, so that nothing is timed. */
static void judge_int8(struct elcl_device *device, struct elcl_features *features)
{
    char why[sizeof(features->verdicts[0].reason)] = "";
    features->int8_dot.kind =
        elcl_probe_int8(device, features->mac, &features->unsure, why, sizeof(why));
    const enum elcl_outcome mma = elcl_int8_mma_try(device, features->mac, features->mma);
    features->int8_mma = mma == ELCL_RIGHT;
    features->unsure |= mma == ELCL_UNKNOWN;
    elcl_verdict_set(features, ELCL_PROBE_INT8_DOT, features->int8_dot.kind != ELCL_DOT_GPU_PLAIN,
                     "%s%s", why, features->int8_mma ? "; so are matrix instructions" : "");
}

/* For CPU kernels, and int8 for both. */
static void judge_dot(struct elcl_device *device, enum elcl_storage weights,
                      struct elcl_features *features)
{
    const bool int8 = weights == ELCL_INT8;
    const enum elcl_probe probe = int8                   ? ELCL_PROBE_INT8_DOT
                                  : weights == ELCL_INT4 ? ELCL_PROBE_INT4_DOT
                                                         : ELCL_PROBE_BF16_DOT;
    struct elcl_dot_choice *choice = int8                   ? &features->int8_dot
                                     : weights == ELCL_INT4 ? &features->int4_dot
                                                            : &features->bf16_dot;
    char why[sizeof(features->verdicts[0].reason)] = "only CPU kernels have them";
    if (device->kernels != ELCL_KERNELS_CPU && int8) {
        judge_int8(device, features);
        return;
    }
    if (device->kernels == ELCL_KERNELS_CPU)
        elcl_probe_dot(device, features->mac, weights, choice, &features->unsure, why, sizeof(why));
    elcl_verdict_set(features, probe, choice->pays, "%s", why);
}

/* For CPU kernels: GPU kernels widen narrow state. */
static void judge_state_dot(struct elcl_device *device, struct elcl_features *features)
{
    char why[sizeof(features->verdicts[0].reason)] = "only CPU kernels have them";
    if (device->kernels == ELCL_KERNELS_CPU)
        elcl_probe_state_dot(device, features->mac, &features->state_dot, &features->unsure, why,
                             sizeof(why));
    elcl_verdict_set(features, ELCL_PROBE_STATE_DOT, features->state_dot.pays, "%s", why);
}

static void judge_simulator(struct elcl_features *features)
{
    static const char why[] = "not timed: the device is a simulator";
    elcl_verdict_set(features, ELCL_PROBE_FMA, false, "%s", why);
    elcl_verdict_set(features, ELCL_PROBE_MAD, true, "%s", why);
    elcl_verdict_set(features, ELCL_PROBE_PLAIN, false, "%s", why);
    elcl_verdict_set(features, ELCL_PROBE_HALF, true, "not checked: the device is a simulator");
    elcl_verdict_set(features, ELCL_PROBE_LOOPS, true, "not checked: the device is a simulator");
    features->mac = ELCL_MAC_MAD;
}

static void judge_failure(struct elcl_features *features, const elcl_error *err)
{
    for (int i = ELCL_PROBE_FMA; i <= ELCL_PROBE_HALF; i++)
        elcl_verdict_set(features, (enum elcl_probe)i, i == ELCL_PROBE_PLAIN,
                         "the probe failed: %.120s", err->msg);
    elcl_verdict_set(features, ELCL_PROBE_LOOPS, true, "the probe failed: %.120s", err->msg);
    features->mac = ELCL_MAC_PLAIN;
}

static void judge_by_running(struct elcl_device *device, struct elcl_features *features)
{
    elcl_error err = {0};
    struct elcl_probe_fixture *f = elcl_calloc(1, sizeof(*f));
    const int rc = f ? elcl_probe_fixture_init(f, device, &err) : elcl_fail_nomem(&err);
    if (rc) {
        elcl_device_log(device, ELCL_LOG_WARNING, "probes of %s failed: %s", device->desc.name,
                        err.msg);
        judge_failure(features, &err);
    } else {
        elcl_probe_mac(f, features);
        elcl_probe_half(f, features);
        elcl_probe_loops(f, features);
    }
    if (f)
        elcl_probe_fixture_finish(f);
    elcl_free(f);
    features->unsure |= elcl_outcome_of_build(rc) == ELCL_UNKNOWN;
}

/* ---- the cache key ------------------------------------------------------------------------- */

#define VERDICTS_VERSION 12 /* of the probes and of the file */

/* Changes when a kind is added or moves, because files have their numbers. */
static uint64_t hash_kinds(uint64_t hash)
{
    for (int i = ELCL_MMA_NONE + 1; i < ELCL_N_MMA; i++) {
        hash = elcl_hash_string(hash, elcl_mma_kinds[i].file);
        hash = elcl_hash_string(hash, elcl_mma_kinds[i].options);
    }
    for (int i = ELCL_DOT_NONE; i <= ELCL_DOT_LAST; i++)
        hash = elcl_hash_string(hash, elcl_dot_kinds[i].file);
    for (int i = 0; i < ELCL_N_PROBES; i++)
        hash = elcl_hash_string(hash, elcl_probe_names[i]);
    return hash;
}

/* All source text of the library, and everything that chooses among it or is measured with it. */
static uint64_t cache_key(const struct elcl_device *device)
{
    static const char what[] = "probe";
    const elcl_device_desc *d = &device->desc;
    const uint64_t numbers[] = {VERDICTS_VERSION, (uint64_t)device->kernels,
                                elcl_cl_hash(elcl_cl_sources), device->processor, d->vector_width};
    const char *const names[] = {d->name,
                                 d->version,
                                 d->driver,
                                 d->platform,
                                 d->vendor,
                                 d->extensions,
                                 ELCL_VERSION,
                                 device->quirks.options,
                                 device->no_matrix_why};
    uint64_t key = elcl_hash(ELCL_HASH_INIT, what, sizeof(what));
    key = elcl_hash(hash_kinds(key), numbers, sizeof(numbers));
    for (size_t i = 0; i < ELCL_COUNT(names); i++)
        key = elcl_hash_string(key, names[i]);
    return key;
}

/* ---- all probes ---------------------------------------------------------------------------- */

static void judge(struct elcl_device *device, struct elcl_features *features)
{
    judge_unused_paths(device, features);
    judge_mma(device, features);
    if (device->quirks.simulator)
        judge_simulator(features);
    else
        judge_by_running(device, features);
    judge_dot(device, ELCL_INT8, features);
    judge_dot(device, ELCL_INT4, features);
    judge_dot(device, ELCL_BF16, features);
    judge_state_dot(device, features);
}

static void probe(struct elcl_device *device, uint64_t key, struct elcl_features *features)
{
    const uint64_t limit = device->memory_limit_bytes;
    const unsigned long long peak = atomic_load(&device->peak_bytes);
    *features = (struct elcl_features){.unsure = false};
    device->memory_limit_bytes = UINT64_MAX;
    judge(device, features);
    atomic_store(&device->peak_bytes, peak);
    device->memory_limit_bytes = limit;
    if (!features->unsure)
        elcl_verdicts_store(device, key, features);
}

void elcl_probe_features(struct elcl_device *device, struct elcl_features *features)
{
    const uint64_t key = cache_key(device);
    if (!elcl_verdicts_load(device, key, features))
        probe(device, key, features);
}

void elcl_probe_again(struct elcl_device *device, struct elcl_features *features)
{
    probe(device, cache_key(device), features);
}

/* ---- for the list of devices --------------------------------------------------------------- */

struct listed {
    elcl_probe_verdict verdicts[ELCL_N_PROBES]; /* of the list's entry; reasons lie in features */
    struct elcl_features features;
};

static int probe_entry(struct elcl_device_entry *entry, bool again, elcl_error *err)
{
    struct elcl_device *device = NULL;
    struct listed *l = elcl_calloc(1, sizeof(*l));
    if (!l)
        return elcl_fail_nomem(err);
    const int rc = elcl_device_open_entry(entry, &(struct elcl_device_params){0}, &device, err);
    if (rc) {
        elcl_free(l);
        return rc;
    }
    if (again)
        elcl_probe_again(device, &l->features);
    else
        elcl_probe_features(device, &l->features);
    elcl_device_close(&device);
    for (int i = 0; i < ELCL_N_PROBES; i++)
        l->verdicts[i] = (elcl_probe_verdict){.name = elcl_probe_names[i],
                                              .on = l->features.verdicts[i].on,
                                              .reason = l->features.verdicts[i].reason};
    elcl_free(entry->verdicts);
    entry->verdicts = l->verdicts;
    return ELCL_OK;
}

static int list_probe(elcl_device_list *list, int i, bool again,
                      const elcl_probe_verdict **verdicts, int *n_verdicts, elcl_error *err)
{
    const int count = elcl_device_list_count(list);
    if (i < 0 || i >= count || !verdicts || !n_verdicts)
        return elcl_fail(err, ELCL_E_ARG, "elcl_device_list_probe%s: no device %d among %d",
                         again ? "_again" : "", i, count);
    struct elcl_device_entry *entry = &list->entries[i];
    const int rc = entry->verdicts && !again ? ELCL_OK : probe_entry(entry, again, err);
    if (rc)
        return rc;
    *verdicts = entry->verdicts;
    *n_verdicts = ELCL_N_PROBES;
    return ELCL_OK;
}

int elcl_device_list_probe(elcl_device_list *list, int i, const elcl_probe_verdict **verdicts,
                           int *n_verdicts, elcl_error *err)
{
    return list_probe(list, i, false, verdicts, n_verdicts, err);
}

int elcl_device_list_probe_again(elcl_device_list *list, int i, const elcl_probe_verdict **verdicts,
                                 int *n_verdicts, elcl_error *err)
{
    return list_probe(list, i, true, verdicts, n_verdicts, err);
}
