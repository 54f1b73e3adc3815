#include "plan/device_model.h"

#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "common/json_raw.h"
#include "common/sys.h"

#define MAX_BYTES 65536

/* Reads a number that is at least `least`. */
static int number(const cJSON *root, const char *path, const char *key, double least, double *value,
                  elcl_error *err)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(root, key);
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= least && item->valuedouble <= 1e15))
        return elcl_fail(err, ELCL_E_FORMAT, "%.200s: %s: expected a number of at least %g", path,
                         key, least);
    *value = item->valuedouble;
    return ELCL_OK;
}

static void copy_text(const cJSON *root, const char *key, const char *otherwise, char *out,
                      size_t n)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, key));
    (void)snprintf(out, n, "%s", text ? text : otherwise);
}

static int parse(const cJSON *root, const char *path, struct cli_device_model *model,
                 elcl_error *err)
{
    struct cli_device_model m = {.memory_bytes = 0};
    double bytes = 0;
    char type[8];
    const bool cached = cJSON_GetObjectItemCaseSensitive(root, "cache_bytes") ||
                        cJSON_GetObjectItemCaseSensitive(root, "cache_gbs");
    const struct {
        const char *key;
        double least;
        double *value;
        bool optional;
    } keys[] = {{"memory_gbs", 1e-3, &m.rates.memory_gbs, false},
                {"f32_gflops", 1e-3, &m.rates.f32_gflops, false},
                {"half_gflops", 1e-3, &m.rates.half_gflops, false},
                {"int8_gops", 0, &m.rates.int8_gops, true},
                {"bf16_gflops", 0, &m.rates.bf16_gflops, true},
                {"state_gops", 0, &m.rates.state_gops, true},
                {"launch_us", 0, &m.rates.launch_us, false},
                {"wait_us", 0, &m.rates.wait_us, false},
                {"memory_bytes", 1, &bytes, false},
                {"cache_bytes", 1, &m.rates.cache_bytes, !cached},
                {"cache_gbs", 1e-3, &m.rates.cache_gbs, !cached}};
    for (size_t i = 0; i < ELCL_COUNT(keys); i++) {
        if (keys[i].optional && !cJSON_GetObjectItemCaseSensitive(root, keys[i].key))
            continue;
        const int rc = number(root, path, keys[i].key, keys[i].least, keys[i].value, err);
        if (rc)
            return rc;
    }
    copy_text(root, "type", "", type, sizeof(type));
    if (strcmp(type, "cpu") != 0 && strcmp(type, "gpu") != 0)
        return elcl_fail(err, ELCL_E_FORMAT, "%.200s: type: expected \"cpu\" or \"gpu\"", path);
    m.rates.type = type[0] == 'c' ? ELCL_DEVICE_CPU : ELCL_DEVICE_GPU;
    m.memory_bytes = (uint64_t)bytes;
    copy_text(root, "name", path, m.name, sizeof(m.name));
    copy_text(root, "source", path, m.source, sizeof(m.source));
    *model = m;
    return ELCL_OK;
}

static int parse_text(const char *text, size_t n, const char *path, struct cli_device_model *model,
                      elcl_error *err)
{
    cJSON *root = NULL;
    size_t end;
    int rc = cli_json_parse(text, n, &root, &end, err);
    if (!rc)
        rc = cJSON_IsObject(root)
                 ? parse(root, path, model, err)
                 : elcl_fail(err, ELCL_E_FORMAT, "%.200s: expected a JSON object", path);
    cJSON_Delete(root);
    return rc;
}

static int read_file(const char *path, struct cli_device_model *model, elcl_error *err)
{
    struct elcl_str text = {0};
    int rc = cli_sys_load(path, MAX_BYTES, &text, err);
    if (!rc)
        rc = parse_text(text.data ? text.data : "", text.n, path, model, err);
    elcl_str_finish(&text);
    return rc;
}

/* Returns the length of the file name without its ending. */
static int stem_length(const struct cli_device_model_file *file)
{
    return (int)(strlen(file->name) - strlen(".json"));
}

static int refuse(const char *which, elcl_error *err)
{
    struct elcl_str names = {0};
    for (const struct cli_device_model_file *f = cli_device_model_files; f->name; f++)
        elcl_str_printf(&names, "%.*s, ", stem_length(f), f->name);
    const int rc = names.failed ? elcl_fail_nomem(err)
                                : elcl_fail(err, ELCL_E_ARG,
                                            "--device-model: expected %smeasured or a JSON "
                                            "file, found '%.100s'",
                                            names.data, which);
    elcl_str_finish(&names);
    return rc;
}

int cli_device_model_find(const char *which, struct cli_device_model *model, elcl_error *err)
{
    for (const struct cli_device_model_file *f = cli_device_model_files; f->name; f++)
        if (strlen(which) == (size_t)stem_length(f) && !strncmp(which, f->name, strlen(which)))
            return parse_text((const char *)f->text, f->bytes, f->name, model, err);
    return strchr(which, '.') || strchr(which, '/') ? read_file(which, model, err)
                                                    : refuse(which, err);
}

int cli_device_model_measure(const elcl_device_desc *device, struct cli_device_model *model,
                             elcl_error *err)
{
    struct cli_device_model m = {.memory_bytes = device->memory_bytes};
    char index[16];
    (void)snprintf(index, sizeof(index), "%d", device->index);
    const int rc = elcl_measure_rates(index, &m.rates, err);
    if (rc)
        return rc;
    (void)snprintf(m.name, sizeof(m.name), "%.60s", device->name);
    (void)snprintf(m.source, sizeof(m.source),
                   "measured in this run: reads %.3g GB/s, %.3g GB/s in the cache, "
                   "%.3g GFLOP/s, a launch %.3g us, a wait %.3g us",
                   m.rates.memory_gbs, m.rates.cache_gbs, m.rates.f32_gflops, m.rates.launch_us,
                   m.rates.wait_us);
    *model = m;
    return ELCL_OK;
}
