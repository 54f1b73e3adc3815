/*
 * Rates are peaks of data sheets: half_gflops with matrix units where a device has them, without
 * sparsity. Launch and wait times are of usual drivers, not of data sheets.
 */
#include "machine.h"

#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "sys.h"

#define GIB (UINT64_C(1) << 30)
#define MOST_BYTES 65536

static const struct known {
    const char *word;
    struct elcl_machine_model model;
} known[] = {
    {"v100",
     {"NVIDIA V100 PCIe 16 GB",
      "NVIDIA V100 Tensor Core GPU data sheet, January 2020: 900 GB/s, 14 and 112 TFLOPS",
      {.type = ELCL_DEVICE_GPU,
       .memory_gbs = 900,
       .f32_gflops = 14000,
       .half_gflops = 112000,
       .launch_us = 5,
       .wait_us = 20},
      16 * GIB}},
    {"h100",
     {"NVIDIA H100 SXM 80 GB",
      "NVIDIA H100 Tensor Core GPU data sheet: 3.35 TB/s, 67 and 989 TFLOPS without sparsity",
      {.type = ELCL_DEVICE_GPU,
       .memory_gbs = 3350,
       .f32_gflops = 67000,
       .half_gflops = 989000,
       .launch_us = 4,
       .wait_us = 15},
      80 * GIB}},
    {"mi300x",
     {"AMD Instinct MI300X",
      "AMD Instinct MI300X data sheet, 2023: 5.3 TB/s, 163.4 and 1307.4 TFLOPS",
      {.type = ELCL_DEVICE_GPU,
       .memory_gbs = 5300,
       .f32_gflops = 163400,
       .half_gflops = 1307400,
       .launch_us = 6,
       .wait_us = 25},
      192 * GIB}},
    {"a770",
     {"Intel Arc A770 16 GB",
      "Intel Arc A770 specifications: 560 GB/s, 512 engines of 8 lanes at 2.1 GHz, 262 TOPS of "
      "int8, half of it in f16",
      {.type = ELCL_DEVICE_GPU,
       .memory_gbs = 560,
       .f32_gflops = 17203,
       .half_gflops = 131000,
       .launch_us = 8,
       .wait_us = 30},
      16 * GIB}},
    {"adreno740",
     {"Qualcomm Adreno 740 (Snapdragon 8 Gen 2)",
      "Snapdragon 8 Gen 2 product brief: LPDDR5X at 4200 MHz, 67.2 GB/s; lanes and clock (1536 at "
      "680 MHz, f16 at twice the rate) by press reports, the maker gives none",
      {.type = ELCL_DEVICE_GPU,
       .memory_gbs = 67.2,
       .f32_gflops = 2089,
       .half_gflops = 4178,
       .launch_us = 30,
       .wait_us = 100},
      8 * GIB}},
};

static int read_text(const char *path, struct elcl_bytes *text, elcl_error *err)
{
    int fd;
    int rc = elcl_sys_open(path, &fd, err);
    if (rc)
        return rc;
    for (enum elcl_read state = ELCL_READ_DATA; state != ELCL_READ_END;) {
        char part[4096];
        size_t n = 0;
        const char *why = "";
        state = elcl_sys_read(fd, -1, part, sizeof(part), &n, &why);
        elcl_bytes_append(text, part, n);
        if (state == ELCL_READ_FAILED || text->n > MOST_BYTES) {
            rc = elcl_tool_fail(err, ELCL_E_IO, "%.200s: %s", path,
                                state == ELCL_READ_FAILED ? why : "too large for a device model");
            break;
        }
    }
    elcl_sys_close(&fd);
    return rc ? rc : text->failed ? elcl_tool_nomem(err) : ELCL_OK;
}

static int number(const cJSON *root, const char *path, const char *key, double least, double *value,
                  elcl_error *err)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(root, key);
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= least && item->valuedouble <= 1e15))
        return elcl_tool_fail(err, ELCL_E_FORMAT, "%.200s: %s: expected a number of at least %g",
                              path, key, least);
    *value = item->valuedouble;
    return ELCL_OK;
}

static void copy_text(const cJSON *root, const char *key, const char *otherwise, char *out,
                      size_t n)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, key));
    (void)snprintf(out, n, "%s", text ? text : otherwise);
}

static int parse(const cJSON *root, const char *path, struct elcl_machine_model *model,
                 elcl_error *err)
{
    struct elcl_machine_model m = {.memory_bytes = 0};
    double bytes = 0;
    char type[8];
    const struct {
        const char *key;
        double least;
        double *value;
    } keys[] = {{"memory_gbs", 1e-3, &m.machine.memory_gbs},
                {"f32_gflops", 1e-3, &m.machine.f32_gflops},
                {"half_gflops", 1e-3, &m.machine.half_gflops},
                {"launch_us", 0, &m.machine.launch_us},
                {"wait_us", 0, &m.machine.wait_us},
                {"memory_bytes", 1, &bytes}};
    for (size_t i = 0; i < ELCL_TOOL_COUNT(keys); i++) {
        const int rc = number(root, path, keys[i].key, keys[i].least, keys[i].value, err);
        if (rc)
            return rc;
    }
    copy_text(root, "type", "", type, sizeof(type));
    if (strcmp(type, "cpu") != 0 && strcmp(type, "gpu") != 0)
        return elcl_tool_fail(err, ELCL_E_FORMAT, "%.200s: type: expected \"cpu\" or \"gpu\"",
                              path);
    m.machine.type = type[0] == 'c' ? ELCL_DEVICE_CPU : ELCL_DEVICE_GPU;
    m.memory_bytes = (uint64_t)bytes;
    copy_text(root, "name", path, m.name, sizeof(m.name));
    copy_text(root, "source", path, m.source, sizeof(m.source));
    *model = m;
    return ELCL_OK;
}

int elcl_machine_find(const char *which, struct elcl_machine_model *model, elcl_error *err)
{
    for (size_t i = 0; i < ELCL_TOOL_COUNT(known); i++) {
        if (!strcmp(which, known[i].word)) {
            *model = known[i].model;
            return ELCL_OK;
        }
    }
    if (!strchr(which, '.') && !strchr(which, '/'))
        return elcl_tool_fail(err, ELCL_E_ARG,
                              "--device-model: expected v100, h100, mi300x, a770, adreno740 or a "
                              "JSON file, found '%.100s'",
                              which);
    struct elcl_bytes text = {0};
    int rc = read_text(which, &text, err);
    cJSON *root = rc ? NULL : cJSON_ParseWithLength(text.data ? text.data : "", text.n);
    if (!rc)
        rc = parse(root, which, model, err);
    cJSON_Delete(root);
    elcl_bytes_finish(&text);
    return rc;
}
