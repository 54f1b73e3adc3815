#include "engine/tune_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cpu.h"
#include "base/os.h"
#include "base/own_files.h"
#include "base/util.h"
#include "format/json.h"

#define SCHEMA "elcl-tune-2"
#define MAX_BYTES ((size_t)1 << 20)
#define MAX_RATE 1e9

/* The device, driver and version that a file belongs to: keys and values of its head. */
struct identity {
    const char *key, *value;
};

#define N_IDENTITY 7

struct identities {
    struct identity id[N_IDENTITY];
    char processor[17]; /* of a CPU device, else "" */
    char file[32];      /* tune-KEY.json */
};

/* Reads the system's description of the processor. */
static void identify(const elcl_device_desc *d, struct identities *all)
{
    uint64_t key = ELCL_HASH_INIT;
    const struct identity id[N_IDENTITY] = {{"schema", SCHEMA},           {"elcl", ELCL_VERSION},
                                            {"device", d->name},          {"platform", d->platform},
                                            {"driver", d->driver},        {"version", d->version},
                                            {"processor", all->processor}};
    all->processor[0] = '\0';
    if (d->type == ELCL_DEVICE_CPU)
        (void)snprintf(all->processor, sizeof(all->processor), "%016" PRIx64, elcl_cpu_hash());
    for (int i = 0; i < N_IDENTITY; i++)
        key = elcl_hash_string(key, id[i].value);
    (void)snprintf(all->file, sizeof(all->file), "tune-%016" PRIx64 ".json", key);
    memcpy(all->id, id, sizeof(id));
}

char *elcl_tune_file_path(const char *directory, const elcl_device_desc *device)
{
    struct identities all;
    identify(device, &all);
    return directory ? elcl_path_join(directory, all.file) : NULL;
}

static int check_identity(const cJSON *root, const char *path, const struct identities *all,
                          elcl_error *err)
{
    for (int i = 0; i < N_IDENTITY; i++) {
        const struct identity *id = &all->id[i];
        const cJSON *found = elcl_json_get(root, id->key);
        if (!cJSON_IsString(found) || strcmp(found->valuestring, id->value) != 0) {
            char want[160];
            (void)snprintf(want, sizeof(want), "\"%.150s\"", id->value);
            return elcl_json_mismatch(path, id->key, want, found, err);
        }
    }
    return ELCL_OK;
}

/* ---- reading ------------------------------------------------------------------------------- */

#define CHECK_KEY ",\n\t\"check\":\t\""

/* The last line of the object holds a hash of what stands before it. */
static int check_text(const char *text, size_t n, const char *path, elcl_error *err)
{
    const size_t tail = strlen(CHECK_KEY) + 16 + strlen("\"\n}");
    char want[17];
    if (n > tail && !memcmp(text + n - tail, CHECK_KEY, strlen(CHECK_KEY))) {
        (void)snprintf(want, sizeof(want), "%016" PRIx64,
                       elcl_hash(ELCL_HASH_INIT, text, n - tail));
        if (!memcmp(text + n - tail + strlen(CHECK_KEY), want, 16))
            return ELCL_OK;
    }
    return elcl_fail(err, ELCL_E_FORMAT, "%s: is not as elcl tune wrote it: run elcl tune again",
                     path);
}

static int read_rate(const cJSON *rates, const char *path, const char *key, double least,
                     double *value, elcl_error *err)
{
    const cJSON *found = elcl_json_get(rates, key);
    if (!cJSON_IsNumber(found) || !(found->valuedouble >= least && found->valuedouble <= MAX_RATE))
        return elcl_json_mismatch(path, key, "a rate or a time above 0", found, err);
    *value = found->valuedouble;
    return ELCL_OK;
}

static int read_rates(const cJSON *root, const char *path, const elcl_device_desc *device,
                      struct elcl_tune_file *file, elcl_error *err)
{
    const cJSON *rates = elcl_json_get(root, "rates");
    elcl_device_rates m = {.type = device->type,
                           .kernels = device->gpu_kernels ? ELCL_KERNELS_GPU : ELCL_KERNELS_CPU,
                           .cache_bytes = (double)device->cache_bytes};
    int rc;
    if (!rates)
        return ELCL_OK;
    ELCL_TRY(read_rate(rates, path, "memory_gbs", 1e-3, &m.memory_gbs, err));
    ELCL_TRY(read_rate(rates, path, "cache_gbs", 1e-3, &m.cache_gbs, err));
    ELCL_TRY(read_rate(rates, path, "f32_gflops", 1e-3, &m.f32_gflops, err));
    ELCL_TRY(read_rate(rates, path, "half_gflops", 1e-3, &m.half_gflops, err));
    if (elcl_json_get(rates, "int8_gops"))
        ELCL_TRY(read_rate(rates, path, "int8_gops", 0, &m.int8_gops, err));
    if (elcl_json_get(rates, "bf16_gflops"))
        ELCL_TRY(read_rate(rates, path, "bf16_gflops", 0, &m.bf16_gflops, err));
    if (elcl_json_get(rates, "matrix_gflops"))
        ELCL_TRY(read_rate(rates, path, "matrix_gflops", 0, &m.matrix_gflops, err));
    if (elcl_json_get(rates, "state_gops"))
        ELCL_TRY(read_rate(rates, path, "state_gops", 0, &m.state_gops, err));
    ELCL_TRY(read_rate(rates, path, "launch_us", 0, &m.launch_us, err));
    ELCL_TRY(read_rate(rates, path, "wait_us", 0, &m.wait_us, err));
    ELCL_TRY(read_rate(rates, path, "spread", 0, &file->spread, err));
    if (file->spread > 1) {
        rc = elcl_json_mismatch(path, "spread", "0 .. 1", elcl_json_get(rates, "spread"), err);
        goto fail;
    }
    file->rates = m;
    file->has_rates = true;
fail:
    return rc;
}

static const char *const trial_storages[] = {[ELCL_F32] = "f32", [ELCL_F16] = "f16"};

static int read_trial(const cJSON *json, const char *path, struct elcl_tune_trial *trial,
                      elcl_error *err)
{
    const cJSON *weights = elcl_json_get(json, "weights");
    double rows = 0;
    int rc;
    if (!cJSON_IsString(weights) || (strcmp(weights->valuestring, trial_storages[ELCL_F32]) != 0 &&
                                     strcmp(weights->valuestring, trial_storages[ELCL_F16]) != 0))
        return elcl_json_mismatch(path, "weights", "\"f32\" or \"f16\"", weights, err);
    trial->weights = strcmp(weights->valuestring, "f32") ? ELCL_F16 : ELCL_F32;
    ELCL_TRY(read_rate(json, path, "rows", 1, &rows, err));
    ELCL_TRY(read_rate(json, path, "native_ms", 0, &trial->native_ms, err));
    ELCL_TRY(read_rate(json, path, "clblast_ms", 0, &trial->clblast_ms, err));
    trial->rows = (int)rows;
    trial->native_wrong = cJSON_IsTrue(elcl_json_get(json, "native_wrong"));
    trial->clblast_wrong = cJSON_IsTrue(elcl_json_get(json, "clblast_wrong"));
fail:
    return rc;
}

static int read_trials(const cJSON *root, const char *path, struct elcl_tune_file *file,
                       elcl_error *err)
{
    const cJSON *list = elcl_json_get(root, "clblast"), *json;
    if (!list)
        return ELCL_OK;
    if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) > ELCL_TUNE_MAX_TRIALS)
        return elcl_json_mismatch(path, "clblast", "a list of at most 16", list, err);
    cJSON_ArrayForEach(json, list)
    {
        const int rc = read_trial(json, path, &file->trials[file->n_trials++], err);
        if (rc)
            return rc;
    }
    return ELCL_OK;
}

static const char *const way_names[ELCL_N_WAYS] = {
    "auto", "16", "32", "64", "128", "split 16", "split 32", "split 64", "split 128"};

static int read_way(const cJSON *json, const char *path, struct elcl_tuned_way *way,
                    elcl_error *err)
{
    const cJSON *name = elcl_json_get(json, "way");
    double n = 0, k = 0, rows = 0;
    int rc, at = 0;
    ELCL_TRY(read_rate(json, path, "n", 1, &n, err));
    ELCL_TRY(read_rate(json, path, "k", 1, &k, err));
    ELCL_TRY(read_rate(json, path, "rows", 1, &rows, err));
    while (at < ELCL_N_WAYS &&
           !(cJSON_IsString(name) && strcmp(name->valuestring, way_names[at]) == 0))
        at++;
    if (at == ELCL_N_WAYS)
        return elcl_json_mismatch(path, "way", "a name such as \"split 64\"", name, err);
    *way = (struct elcl_tuned_way){
        .n = (int)n, .k = (int)k, .rows = (int)rows, .way = (enum elcl_gemm_way)at};
fail:
    return rc;
}

static int read_ways(const cJSON *root, const char *path, struct elcl_tuned_ways *ways,
                     elcl_error *err)
{
    const cJSON *list = elcl_json_get(root, "ways"), *json;
    if (!list)
        return ELCL_OK;
    if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) > ELCL_MAX_TUNED_WAYS)
        return elcl_json_mismatch(path, "ways", "a list of at most 24", list, err);
    cJSON_ArrayForEach(json, list)
    {
        const int rc = read_way(json, path, &ways->way[ways->n++], err);
        if (rc)
            return rc;
    }
    return ELCL_OK;
}

static int read_parts(const cJSON *root, const char *path, const elcl_device_desc *device,
                      const struct identities *all, struct elcl_tune_file *file, elcl_error *err)
{
    int rc;
    ELCL_TRY(elcl_json_unique_keys(root, path, err));
    ELCL_TRY(check_identity(root, path, all, err));
    ELCL_TRY(read_rates(root, path, device, file, err));
    ELCL_TRY(read_trials(root, path, file, err));
    ELCL_TRY(read_ways(root, path, &file->ways, err));
fail:
    return rc;
}

int elcl_tune_file_read(const char *directory, const elcl_device_desc *device,
                        struct elcl_tune_file *file, elcl_error *err)
{
    struct elcl_tune_file parsed = {0};
    struct identities all;
    char *path, *text = NULL;
    size_t n = 0;
    cJSON *root = NULL;
    int rc = ELCL_OK;
    if (!directory) {
        *file = parsed;
        return ELCL_OK;
    }
    identify(device, &all);
    path = elcl_path_join(directory, all.file);
    if (path)
        ELCL_TRY(elcl_own_read(directory, all.file, MAX_BYTES, &text, &n, err));
    if (text) {
        ELCL_TRY(check_text(text, n, path, err));
        ELCL_TRY(elcl_json_parse(text, n, path, &root, err));
        ELCL_TRY(read_parts(root, path, device, &all, &parsed, err));
    }
    *file = parsed;
fail:
    cJSON_Delete(root);
    elcl_free(text);
    elcl_free(path);
    return rc;
}

/* ---- writing ------------------------------------------------------------------------------- */

static bool add_trials(cJSON *root, const struct elcl_tune_file *file)
{
    cJSON *list = cJSON_AddArrayToObject(root, "clblast");
    bool ok = list != NULL;
    for (int i = 0; ok && i < file->n_trials; i++) {
        const struct elcl_tune_trial *t = &file->trials[i];
        if (t->unsure)
            continue;
        cJSON *o = cJSON_CreateObject();
        ok = o && cJSON_AddStringToObject(o, "weights", trial_storages[t->weights]) &&
             cJSON_AddNumberToObject(o, "rows", t->rows) &&
             cJSON_AddNumberToObject(o, "native_ms", t->native_ms) &&
             cJSON_AddNumberToObject(o, "clblast_ms", t->clblast_ms) &&
             cJSON_AddBoolToObject(o, "native_wrong", t->native_wrong) &&
             cJSON_AddBoolToObject(o, "clblast_wrong", t->clblast_wrong);
        ok = cJSON_AddItemToArray(list, o) && ok;
    }
    return ok;
}

static bool add_ways(cJSON *root, const struct elcl_tuned_ways *ways)
{
    cJSON *list = cJSON_AddArrayToObject(root, "ways");
    bool ok = list != NULL;
    for (int i = 0; ok && i < ways->n; i++) {
        const struct elcl_tuned_way *w = &ways->way[i];
        if (w->unsure)
            continue;
        cJSON *o = cJSON_CreateObject();
        ok = o && cJSON_AddNumberToObject(o, "n", w->n) && cJSON_AddNumberToObject(o, "k", w->k) &&
             cJSON_AddNumberToObject(o, "rows", w->rows) &&
             cJSON_AddStringToObject(o, "way", way_names[w->way]);
        ok = cJSON_AddItemToArray(list, o) && ok;
    }
    return ok;
}

static cJSON *to_json(const struct identities *all, const struct elcl_tune_file *file)
{
    const elcl_device_rates *m = &file->rates;
    cJSON *root = cJSON_CreateObject();
    bool ok = root != NULL;
    for (int i = 0; ok && i < N_IDENTITY; i++)
        ok = cJSON_AddStringToObject(root, all->id[i].key, all->id[i].value);
    if (ok && file->has_rates) {
        cJSON *rates = cJSON_AddObjectToObject(root, "rates");
        ok = rates && cJSON_AddNumberToObject(rates, "memory_gbs", m->memory_gbs) &&
             cJSON_AddNumberToObject(rates, "cache_gbs", m->cache_gbs) &&
             cJSON_AddNumberToObject(rates, "f32_gflops", m->f32_gflops) &&
             cJSON_AddNumberToObject(rates, "half_gflops", m->half_gflops) &&
             cJSON_AddNumberToObject(rates, "int8_gops", m->int8_gops) &&
             cJSON_AddNumberToObject(rates, "bf16_gflops", m->bf16_gflops) &&
             cJSON_AddNumberToObject(rates, "matrix_gflops", m->matrix_gflops) &&
             cJSON_AddNumberToObject(rates, "state_gops", m->state_gops) &&
             cJSON_AddNumberToObject(rates, "launch_us", m->launch_us) &&
             cJSON_AddNumberToObject(rates, "wait_us", m->wait_us) &&
             cJSON_AddNumberToObject(rates, "spread", file->spread);
    }
    if (ok && add_trials(root, file) && add_ways(root, &file->ways))
        return root;
    cJSON_Delete(root);
    return NULL;
}

/* Returns false if memory is short. */
static bool to_text(const struct identities *all, const struct elcl_tune_file *file,
                    struct elcl_str *text)
{
    cJSON *root = to_json(all, file);
    char *printed = root ? cJSON_Print(root) : NULL;
    const bool ok = printed != NULL;
    if (ok) {
        const size_t n = strlen(printed) - strlen("\n}");
        elcl_str_append(text, printed, n);
        elcl_str_printf(text, CHECK_KEY "%016" PRIx64 "\"\n}",
                        elcl_hash(ELCL_HASH_INIT, printed, n));
    }
    cJSON_free(printed);
    cJSON_Delete(root);
    return ok && !text->failed;
}

const char *elcl_tune_way_name(enum elcl_gemm_way way)
{
    return way_names[way];
}

int elcl_tune_file_write(const char *directory, const elcl_device_desc *device,
                         const struct elcl_tune_file *file, elcl_error *err)
{
    if (!directory)
        return elcl_fail(err, ELCL_E_IO,
                         "no cache directory: expected one of ELCL_CACHE_DIR, XDG_CACHE_HOME and "
                         "HOME to be set");
    struct identities all;
    struct elcl_str text = {0};
    identify(device, &all);
    int rc = to_text(&all, file, &text) ? ELCL_OK : elcl_fail_nomem(err);
    if (!rc)
        rc = elcl_own_write(directory, all.file, text.data, text.n, err);
    elcl_str_finish(&text);
    return rc;
}

int elcl_stored_rates(const elcl_device_desc *device, elcl_device_rates *rates)
{
    struct elcl_tune_file file = {0};
    char *directory = device && rates ? elcl_cache_directory() : NULL;
    if (directory && !elcl_tune_file_read(directory, device, &file, NULL) && file.has_rates)
        *rates = file.rates;
    elcl_free(directory);
    return file.has_rates;
}
