#include "common/run_record.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/os.h"
#include "common/cells.h"
#include "common/json_raw.h"
#include "common/output.h"
#include "common/sys.h"

#define SCHEMA "elcl-run-1"
#define MAX_RECORD_BYTES ((size_t)4 << 20)
#define MAX_COUNT 1e15 /* cJSON prints 15 digits */

/* Returns the record's path, freed with elcl_free(), or NULL if memory is short. */
static char *record_path(const char *output)
{
    return cli_output_beside(output, CLI_RECORD_SUFFIX);
}

/* ---- writing ------------------------------------------------------------------------------- */

static bool add_count(cJSON *to, const char *key, uint64_t count)
{
    return cJSON_AddNumberToObject(to, key, (double)count) != NULL;
}

static bool add_hash(cJSON *to, uint64_t hash)
{
    char text[17];
    (void)snprintf(text, sizeof(text), "%016" PRIx64, hash);
    return cJSON_AddStringToObject(to, "hash", text) != NULL;
}

int cli_run_record_print(const struct cli_run_record *r, struct elcl_str *text, elcl_error *err)
{
    cJSON *json = cJSON_CreateObject();
    const bool ok = cJSON_AddStringToObject(json, "schema", SCHEMA) &&
                    cJSON_AddBoolToObject(json, "complete", r->complete) &&
                    add_count(json, "shard", r->shard) && add_count(json, "shards", r->shards) &&
                    add_count(json, "first_sample", r->first_sample) &&
                    add_count(json, "samples", r->samples) &&
                    add_count(json, "lines", r->output.lines) &&
                    add_count(json, "bytes", r->output.bytes) && add_hash(json, r->output.hash) &&
                    cJSON_AddItemReferenceToObject(json, "run", r->of);
    return cli_json_write(text, json, ok, false, err);
}

int cli_run_record_write(const char *output, const struct cli_run_record *record, elcl_error *err)
{
    struct elcl_str bytes = {0};
    char *path = record_path(output);
    int rc = path ? cli_run_record_print(record, &bytes, err) : elcl_fail_nomem(err);
    if (!rc)
        rc = cli_output_save(path, &bytes, err);
    elcl_str_finish(&bytes);
    elcl_free(path);
    return rc;
}

void cli_run_record_remove(const char *output)
{
    char *path = record_path(output);
    if (path)
        elcl_remove_file(path);
    elcl_free(path);
}

/* ---- reading ------------------------------------------------------------------------------- */

bool cli_run_record_exists(const char *output)
{
    char *path = record_path(output);
    const bool exists = path && cli_sys_exists(path);
    elcl_free(path);
    return exists;
}

static const cJSON *get(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

static bool get_count(const cJSON *json, const char *key, uint64_t *count)
{
    const cJSON *item = get(json, key);
    const double v = cJSON_IsNumber(item) ? item->valuedouble : -1;
    if (!(v >= 0 && v < MAX_COUNT && v == floor(v)))
        return false;
    *count = (uint64_t)v;
    return true;
}

static bool get_hash(const cJSON *json, uint64_t *hash)
{
    const char *text = cJSON_GetStringValue(get(json, "hash"));
    if (!text || strlen(text) != 16 || strspn(text, "0123456789abcdef") != 16)
        return false;
    return sscanf(text, "%16" SCNx64, hash) == 1;
}

static bool are_strings(const cJSON *object)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, object)
    {
        if (!cJSON_IsString(item))
            return false;
    }
    return cJSON_IsObject(object);
}

static bool is_run(const cJSON *of)
{
    return cJSON_IsString(get(of, "elcl")) && cJSON_IsString(get(of, "device")) &&
           cJSON_IsString(get(of, "input")) && are_strings(get(of, "model")) &&
           are_strings(get(of, "options"));
}

/* Returns the first key that is missing or has an impossible value, or NULL. */
static const char *take_fields(const cJSON *json, struct cli_run_record *r)
{
    const cJSON *complete = get(json, "complete");
    if (!cJSON_IsBool(complete))
        return "complete";
    r->complete = cJSON_IsTrue(complete);
    if (!get_count(json, "shards", &r->shards) || !r->shards)
        return "shards";
    if (!get_count(json, "shard", &r->shard) || !r->shard || r->shard > r->shards)
        return "shard";
    if (!get_count(json, "first_sample", &r->first_sample))
        return "first_sample";
    if (!get_count(json, "samples", &r->samples))
        return "samples";
    if (!get_count(json, "lines", &r->output.lines))
        return "lines";
    if (!get_count(json, "bytes", &r->output.bytes))
        return "bytes";
    if (!get_hash(json, &r->output.hash))
        return "hash";
    return is_run(get(json, "run")) ? NULL : "run";
}

int cli_run_record_parse(const char *path, const char *text, size_t n,
                         struct cli_run_record *record, elcl_error *err)
{
    struct cli_run_record r = {0};
    cJSON *json;
    size_t end;
    const int rc = cli_json_parse(text, n, &json, &end, err);
    if (rc)
        return rc;
    const char *schema = cJSON_GetStringValue(get(json, "schema"));
    const bool known = end == n && schema && !strcmp(schema, SCHEMA);
    const char *bad = known ? take_fields(json, &r) : NULL;
    if (known && !bad) {
        r.of = cJSON_DetachItemFromObjectCaseSensitive(json, "run");
        *record = r;
    }
    cJSON_Delete(json);
    if (bad)
        return elcl_fail(err, ELCL_E_FORMAT, "%.200s: key \"%s\" is missing or wrong", path, bad);
    return known ? ELCL_OK
                 : elcl_fail(err, ELCL_E_FORMAT,
                             "%.200s: not a record that this version of elcl generate writes "
                             "(\"schema\": \"" SCHEMA "\")",
                             path);
}

int cli_run_record_read(const char *output, struct cli_run_record *record, elcl_error *err)
{
    char *path = record_path(output), *text = NULL;
    size_t n = 0;
    int rc = path ? elcl_read_file(path, MAX_RECORD_BYTES, &text, &n, err) : elcl_fail_nomem(err);
    if (!rc)
        rc = cli_run_record_parse(path, text, n, record, err);
    elcl_free(text);
    elcl_free(path);
    return rc;
}

void cli_run_record_forget(struct cli_run_record *record)
{
    cJSON_Delete(record->of);
    record->of = NULL;
}

void cli_run_record_finish(struct cli_run_record *record)
{
    cli_run_record_forget(record);
    *record = (struct cli_run_record){0};
}

/* ---- comparing ----------------------------------------------------------------------------- */

const char *cli_run_record_device(const struct cli_run_record *record)
{
    return cJSON_GetStringValue(get(record->of, "device"));
}

/* Both names for a message. */
struct names {
    const char *output, *other;
};

static int fail_value(const struct names *names, const char *what, const cJSON *a, const cJSON *b,
                      elcl_error *err)
{
    return elcl_fail(err, ELCL_E_ARG,
                     "%.150s is of another run: %.60s is %.60s there and %.60s in %.150s",
                     names->output, what, a ? a->valuestring : "missing",
                     b ? b->valuestring : "missing", names->other);
}

static int fail_digest(const struct names *names, const char *what, const cJSON *a, const cJSON *b,
                       elcl_error *err)
{
    return elcl_fail(err, ELCL_E_ARG, "%.150s is of another run: %.100s %s there and %s in %.150s",
                     names->output, what,
                     !a   ? "is missing"
                     : !b ? "is"
                          : "has one content",
                     !a   ? "is"
                     : !b ? "is missing"
                          : "another one",
                     names->other);
}

static bool equal(const cJSON *a, const cJSON *b)
{
    return a && b && !strcmp(a->valuestring, b->valuestring);
}

typedef int (*fail_fn)(const struct names *names, const char *what, const cJSON *a, const cJSON *b,
                       elcl_error *err);

/* Compares the members of two objects of strings. */
static int compare_members(const struct names *names, const cJSON *a, const cJSON *b, fail_fn fail,
                           elcl_error *err)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, a)
    {
        const cJSON *same = get(b, item->string);
        if (!equal(item, same))
            return fail(names, item->string, item, same, err);
    }
    cJSON_ArrayForEach(item, b)
    {
        if (!get(a, item->string))
            return fail(names, item->string, NULL, item, err);
    }
    return ELCL_OK;
}

int cli_run_record_compare(const char *output, const struct cli_run_record *found,
                           const char *other, const struct cli_run_record *record, elcl_error *err)
{
    const struct names names = {output, other ? other : "this one"};
    const cJSON *a = found->of, *b = record->of;
    int rc = ELCL_OK;
    if (!equal(get(a, "elcl"), get(b, "elcl")))
        rc = fail_value(&names, "elcl", get(a, "elcl"), get(b, "elcl"), err);
    if (!rc)
        rc = compare_members(&names, get(a, "options"), get(b, "options"), fail_value, err);
    if (!rc)
        rc = compare_members(&names, get(a, "model"), get(b, "model"), fail_digest, err);
    if (!rc && !equal(get(a, "input"), get(b, "input")))
        rc = fail_digest(&names, "the input", get(a, "input"), get(b, "input"), err);
    return rc;
}
