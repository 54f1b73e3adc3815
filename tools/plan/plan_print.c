/* The table of elcl plan as text, csv and json. */
#include "plan/plan.h"

#include <inttypes.h>
#include <stdio.h>

#include <cjson/cJSON.h>

#include "common/words.h"

static int source_length(const struct cli_plan_table *table, const struct cli_plan_row *row)
{
    return row->params.max_source ? row->params.max_source : table->info.default_length;
}

static int target_length(const struct cli_plan_table *table, const struct cli_plan_row *row)
{
    return row->params.max_target ? row->params.max_target : table->info.default_length;
}

/* ---- text ---------------------------------------------------------------------------------- */

static void put_gib(uint64_t bytes)
{
    printf(" %9.3g", (double)bytes / 1073741824);
}

static void print_row(const struct cli_plan_table *table, const struct cli_plan_row *row)
{
    const elcl_memory_plan *p = &row->plan;
    printf("%-8s %4s %4s %6d %5d %6d %6d", cli_attention_word((int)p->attention),
           cli_storage_word((int)row->params.weights), cli_storage_word((int)row->params.state),
           p->batch_size, row->params.num_beams, source_length(table, row),
           target_length(table, row));
    put_gib(p->weight_bytes);
    put_gib(p->source_state_bytes);
    put_gib(p->self_state_bytes);
    put_gib(p->workspace_bytes);
    put_gib(p->total_bytes);
    if (p->largest_batch >= 0)
        printf(" %8d", p->largest_batch);
    if (table->model_of)
        printf(" %9.3g %9.3g", row->prediction.step_ms, row->prediction.samples_per_second);
    if (!p->fits)
        printf("  does not fit");
    putchar('\n');
}

/* The fastest that fits. */
static void print_best(const struct cli_plan_table *table)
{
    const struct cli_plan_row *best = NULL;
    for (size_t i = 0; i < table->n; i++) {
        const struct cli_plan_row *row = &table->rows[i];
        if (row->plan.fits &&
            (!best || row->prediction.samples_per_second > best->prediction.samples_per_second))
            best = row;
    }
    if (best)
        printf("predicted fastest: %s, batch %d, %.3g samples/s\n",
               cli_attention_word((int)best->plan.attention), best->plan.batch_size,
               best->prediction.samples_per_second);
}

static void print_text(const struct cli_plan_table *table)
{
    const bool limited = table->limits.memory_limit_bytes || table->limits.max_alloc_bytes;
    printf("%s (%s): D %d, H %d, %d + %d layers, vocabulary %d", table->model, table->info.family,
           table->info.d, table->info.heads, table->info.encoder_layers, table->info.decoder_layers,
           table->info.vocabulary);
    if (table->info.parameters)
        printf(", %.1f million parameters", (double)table->info.parameters / 1e6);
    putchar('\n');
    if (*table->device)
        printf("device: %s\n", table->device);
    else if (!table->model_of)
        printf("for a GPU without limits; --device plans for one that is here\n");
    if (table->limits.memory_limit_bytes)
        printf("memory limit: %.3g GiB\n", (double)table->limits.memory_limit_bytes / 1073741824);
    if (table->limits.max_alloc_bytes)
        printf("one buffer up to: %.3g GiB\n", (double)table->limits.max_alloc_bytes / 1073741824);
    if (table->model_of)
        printf("predicted, not measured, for %s\n(%s)\n", table->model_of->name,
               table->model_of->source);
    printf("\nmemory in GiB\n");
    printf("variant  wght stat  batch beams source target   weights    source      self workspace"
           "     total%s%s\n",
           limited ? "  largest" : "", table->model_of ? "   step ms samples/s" : "");
    for (size_t i = 0; i < table->n; i++)
        print_row(table, &table->rows[i]);
    printf("\nsource: shared encoder output (el) or keys and values of the source; self: hidden\n"
           "states (el) or keys and values of the output\n");
    if (limited)
        printf("largest: batch that fits into the limits\n");
    if (table->model_of)
        print_best(table);
    printf("auto takes %s: ", cli_attention_word((int)table->automatic.attention));
    cli_print_wrapped(table->automatic.reason, 16, 4);
}

/* ---- csv ----------------------------------------------------------------------------------- */

static void print_csv(const struct cli_plan_table *table)
{
    printf("model,attention,weights,state,batch_size,num_beams,source_length,target_length,"
           "weight_bytes,source_state_bytes,self_state_bytes,workspace_bytes,total_bytes,"
           "largest_buffer_bytes,largest_batch,fits%s\n",
           table->model_of ? ",predicted_encode_ms,predicted_step_ms,predicted_samples_per_second"
                           : "");
    for (size_t i = 0; i < table->n; i++) {
        const struct cli_plan_row *row = &table->rows[i];
        const elcl_memory_plan *p = &row->plan;
        struct elcl_str model = {0};
        cli_csv_field(&model, table->model);
        printf("%s,%s,%s,%s,%d,%d,%d,%d,", model.failed ? "" : model.data,
               cli_attention_word((int)p->attention), cli_storage_word((int)row->params.weights),
               cli_storage_word((int)row->params.state), p->batch_size, row->params.num_beams,
               source_length(table, row), target_length(table, row));
        elcl_str_finish(&model);
        printf("%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",",
               p->weight_bytes, p->source_state_bytes, p->self_state_bytes, p->workspace_bytes,
               p->total_bytes, p->largest_buffer_bytes);
        if (p->largest_batch >= 0)
            printf("%d", p->largest_batch);
        printf(",%d", p->fits);
        if (table->model_of)
            printf(",%.9g,%.9g,%.9g", row->prediction.encode_ms, row->prediction.step_ms,
                   row->prediction.samples_per_second);
        putchar('\n');
    }
}

/* ---- json ---------------------------------------------------------------------------------- */

static bool number(cJSON *object, const char *key, double value)
{
    return cJSON_AddNumberToObject(object, key, value) != NULL;
}

static bool text(cJSON *object, const char *key, const char *value)
{
    return cJSON_AddStringToObject(object, key, value) != NULL;
}

static bool add_row(cJSON *rows, const struct cli_plan_table *table, const struct cli_plan_row *row)
{
    const elcl_memory_plan *p = &row->plan;
    cJSON *o = cJSON_CreateObject();
    const bool ok =
        o && text(o, "attention", cli_attention_word((int)p->attention)) &&
        text(o, "weights", cli_storage_word((int)row->params.weights)) &&
        text(o, "state", cli_storage_word((int)row->params.state)) &&
        number(o, "batch_size", p->batch_size) && number(o, "num_beams", row->params.num_beams) &&
        number(o, "source_length", source_length(table, row)) &&
        number(o, "target_length", target_length(table, row)) &&
        number(o, "weight_bytes", (double)p->weight_bytes) &&
        number(o, "source_state_bytes", (double)p->source_state_bytes) &&
        number(o, "self_state_bytes", (double)p->self_state_bytes) &&
        number(o, "workspace_bytes", (double)p->workspace_bytes) &&
        number(o, "total_bytes", (double)p->total_bytes) &&
        number(o, "largest_buffer_bytes", (double)p->largest_buffer_bytes) &&
        (p->largest_batch < 0 ? cJSON_AddNullToObject(o, "largest_batch") != NULL
                              : number(o, "largest_batch", p->largest_batch)) &&
        cJSON_AddBoolToObject(o, "fits", p->fits) &&
        (!table->model_of ||
         (number(o, "predicted_encode_ms", row->prediction.encode_ms) &&
          number(o, "predicted_step_ms", row->prediction.step_ms) &&
          number(o, "predicted_samples_per_second", row->prediction.samples_per_second)));
    return cJSON_AddItemToArray(rows, o) && ok;
}

static bool add_table(cJSON *root, const struct cli_plan_table *table)
{
    const elcl_plan_params *l = &table->limits;
    bool ok = text(root, "schema", "elcl-plan-1") && text(root, "elcl", elcl_version()) &&
              text(root, "model", table->model) && text(root, "family", table->info.family) &&
              number(root, "parameters", (double)table->info.parameters) &&
              text(root, "device", table->device) &&
              number(root, "memory_limit_bytes", (double)l->memory_limit_bytes) &&
              number(root, "max_alloc_bytes", (double)l->max_alloc_bytes) &&
              text(root, "auto", cli_attention_word((int)table->automatic.attention)) &&
              text(root, "auto_reason", table->automatic.reason) &&
              (!table->model_of || (text(root, "device_model", table->model_of->name) &&
                                    text(root, "device_model_source", table->model_of->source)));
    cJSON *rows = ok ? cJSON_AddArrayToObject(root, "plans") : NULL;
    ok = rows != NULL;
    for (size_t i = 0; ok && i < table->n; i++)
        ok = add_row(rows, table, &table->rows[i]);
    return ok;
}

static int print_json(const struct cli_plan_table *table, elcl_error *err)
{
    cJSON *root = cJSON_CreateObject();
    char *printed = root && add_table(root, table) ? cJSON_Print(root) : NULL;
    const int rc = printed ? ELCL_OK : elcl_fail_nomem(err);
    if (printed)
        puts(printed);
    cJSON_free(printed);
    cJSON_Delete(root);
    return rc;
}

int cli_plan_print(const struct cli_plan_table *table, enum cli_plan_output output, elcl_error *err)
{
    switch (output) {
    case CLI_PLAN_CSV:
        print_csv(table);
        break;
    case CLI_PLAN_JSON:
        return print_json(table, err);
    case CLI_PLAN_TEXT:
        print_text(table);
        break;
    }
    return ELCL_OK;
}
