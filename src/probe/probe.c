#include "probe/probe.h"

#include <stddef.h>
#include <string.h>

#include "base/util.h"
#include "device/list.h"
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
    features->mma = elcl_probe_mma(device, why, sizeof(why));
    elcl_verdict_set(features, ELCL_PROBE_MATRIX, features->mma != ELCL_MMA_NONE, "%s", why);
}

/* GPU kernels multiply integers only when asked, so that nothing is timed. */
static void judge_int8(struct elcl_device *device, struct elcl_features *features)
{
    char why[sizeof(features->verdicts[0].reason)] = "";
    features->int8_dot.kind = elcl_probe_int8(device, features->mac, why, sizeof(why));
    features->int8_mma = elcl_int8_mma_works(device, features->mac, features->mma);
    elcl_verdict_set(features, ELCL_PROBE_INT8_DOT, features->int8_dot.kind != ELCL_DOT_GPU_PLAIN,
                     "%s%s", why, features->int8_mma ? "; so are matrix instructions" : "");
}

/* For CPU kernels, and int8 for both. */
static void judge_dot(struct elcl_device *device, enum elcl_storage weights,
                      struct elcl_features *features)
{
    const bool int8 = weights == ELCL_INT8;
    struct elcl_dot_choice *choice = int8 ? &features->int8_dot : &features->bf16_dot;
    char why[sizeof(features->verdicts[0].reason)] = "only CPU kernels have them";
    if (device->kernels != ELCL_KERNELS_CPU && int8) {
        judge_int8(device, features);
        return;
    }
    if (device->kernels == ELCL_KERNELS_CPU)
        elcl_probe_dot(device, features->mac, weights, choice, why, sizeof(why));
    elcl_verdict_set(features, int8 ? ELCL_PROBE_INT8_DOT : ELCL_PROBE_BF16_DOT, choice->pays, "%s",
                     why);
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

/* Returns false if the verdicts hold for this run only and must not be stored. */
static bool judge_by_running(struct elcl_device *device, struct elcl_features *features)
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
    return rc == ELCL_OK || rc == ELCL_E_BUILD;
}

/* ---- the cache key ------------------------------------------------------------------------- */

#define VERDICTS_VERSION 9 /* of the probes */

/* Changes with struct elcl_features, which the cache keeps as it is in memory. */
static uint64_t hash_layout(uint64_t key)
{
    const size_t layout[] = {sizeof(struct elcl_features),
                             offsetof(struct elcl_features, mac),
                             offsetof(struct elcl_features, mma),
                             offsetof(struct elcl_features, int8_dot),
                             offsetof(struct elcl_features, bf16_dot),
                             offsetof(struct elcl_features, int8_mma),
                             offsetof(struct elcl_features, short_loops),
                             offsetof(struct elcl_features, verdicts),
                             ELCL_N_MMA,
                             ELCL_DOT_GPU_NVIDIA,
                             ELCL_N_PROBES};
    return elcl_hash(key, layout, sizeof(layout));
}

/* Hashes every program that the probes may build, with its options, and everything that chooses
 * among them. Returns false if memory is short. */
static bool cache_key(const struct elcl_device *device, uint64_t *key)
{
    static const char what[] = "probe";
    const uint32_t numbers[] = {VERDICTS_VERSION, (uint32_t)device->kernels};
    const char *const names[] = {
        device->desc.name,       device->desc.version,
        device->desc.driver,     device->desc.platform,
        device->desc.extensions, device->no_matrix_why ? device->no_matrix_why : ""};
    *key = elcl_hash(ELCL_HASH_INIT, what, sizeof(what));
    *key = elcl_hash(hash_layout(*key), numbers, sizeof(numbers));
    for (size_t i = 0; i < ELCL_COUNT(names); i++)
        *key = elcl_hash(*key, names[i], strlen(names[i]) + 1);
    return elcl_probe_fixture_hash(device, key) && elcl_probe_mma_hash(device, key) &&
           elcl_probe_dot_hash(device, key) && elcl_probe_int8_hash(device, key);
}

/* ---- all probes ---------------------------------------------------------------------------- */

/* Returns false if the verdicts must not be stored. */
static bool judge(struct elcl_device *device, struct elcl_features *features)
{
    bool keep = true;
    judge_unused_paths(device, features);
    judge_mma(device, features);
    if (device->quirks.simulator)
        judge_simulator(features);
    else
        keep = judge_by_running(device, features);
    judge_dot(device, ELCL_INT8, features);
    judge_dot(device, ELCL_BF16, features);
    return keep;
}

void elcl_probe_features(struct elcl_device *device, struct elcl_features *features)
{
    const uint64_t limit = device->memory_limit_bytes;
    uint64_t key;
    memset(features, 0, sizeof(*features)); /* also the padding, which is stored */
    const bool has_key = cache_key(device, &key);
    if (has_key && elcl_verdicts_load(device->cache_directory, key, features))
        return;
    device->memory_limit_bytes = UINT64_MAX;
    const unsigned long long peak = atomic_load(&device->peak_bytes);
    const bool keep = judge(device, features);
    atomic_store(&device->peak_bytes, peak);
    device->memory_limit_bytes = limit;
    if (keep && has_key)
        elcl_verdicts_store(device->cache_directory, key, features);
}

/* ---- for the list of devices --------------------------------------------------------------- */

struct listed {
    elcl_probe_verdict verdicts[ELCL_N_PROBES]; /* of the list's entry; reasons lie in features */
    struct elcl_features features;
};

static int probe_entry(struct elcl_device_entry *entry, elcl_error *err)
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
    elcl_probe_features(device, &l->features);
    elcl_device_close(&device);
    for (int i = 0; i < ELCL_N_PROBES; i++)
        l->verdicts[i] = (elcl_probe_verdict){.name = elcl_probe_names[i],
                                              .on = l->features.verdicts[i].on,
                                              .reason = l->features.verdicts[i].reason};
    entry->verdicts = l->verdicts;
    return ELCL_OK;
}

int elcl_device_list_probe(elcl_device_list *list, int i, const elcl_probe_verdict **verdicts,
                           int *n_verdicts, elcl_error *err)
{
    const int count = elcl_device_list_count(list);
    if (i < 0 || i >= count || !verdicts || !n_verdicts)
        return elcl_fail(err, ELCL_E_ARG, "elcl_device_list_probe: no device %d among %d", i,
                         count);
    struct elcl_device_entry *entry = &list->entries[i];
    const int rc = entry->verdicts ? ELCL_OK : probe_entry(entry, err);
    if (rc)
        return rc;
    *verdicts = entry->verdicts;
    *n_verdicts = ELCL_N_PROBES;
    return ELCL_OK;
}
