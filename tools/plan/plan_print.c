/* The table of elcl plan as text, CSV, SQL and JSON. */
#include "plan/plan.h"

#include <stdio.h>

#include "common/cells.h"
#include "common/words.h"

static int source_length(const struct cli_plan_table *table, const struct cli_plan_row *row)
{
    return row->params.max_source ? row->params.max_source : table->info.default_length;
}

static int target_length(const struct cli_plan_table *table, const struct cli_plan_row *row)
{
    const int length = table->info.default_length;
    const int positions = table->info.max_target - 1; /* the last token needs none */
    const int planned = length < positions ? length : positions;
    return row->params.max_target ? row->params.max_target : planned;
}

/* ---- text ---------------------------------------------------------------------------------- */

static void put_gib(struct elcl_str *out, uint64_t bytes)
{
    elcl_str_printf(out, " %9.3g", (double)bytes / 1073741824);
}

static void put_row(struct elcl_str *out, const struct cli_plan_table *table,
                    const struct cli_plan_row *row)
{
    const elcl_memory_plan *p = &row->plan;
    elcl_str_printf(out, "%-8s %4s %4s %6d %5d %6d %6d", cli_attention_word((int)p->attention),
                    cli_storage_word((int)row->params.weights),
                    cli_storage_word((int)row->params.state), p->batch_size, row->params.num_beams,
                    source_length(table, row), target_length(table, row));
    put_gib(out, p->weight_bytes);
    put_gib(out, p->source_state_bytes);
    put_gib(out, p->self_state_bytes);
    put_gib(out, p->workspace_bytes);
    put_gib(out, p->total_bytes);
    if (p->largest_batch >= 0)
        elcl_str_printf(out, " %8d", p->largest_batch);
    if (table->sheet)
        elcl_str_printf(out, " %9.3g %9.3g", row->prediction.step_ms,
                        row->prediction.samples_per_second);
    if (!p->fits)
        elcl_str_printf(out, "  does not fit");
    elcl_str_text(out, "\n");
}

/* Appends the fastest row that fits. */
static void put_best(struct elcl_str *out, const struct cli_plan_table *table)
{
    const struct cli_plan_row *best = NULL;
    for (size_t i = 0; i < table->n; i++) {
        const struct cli_plan_row *row = &table->rows[i];
        if (row->plan.fits &&
            (!best || row->prediction.samples_per_second > best->prediction.samples_per_second))
            best = row;
    }
    if (best)
        elcl_str_printf(out, "predicted fastest: %s, batch %d, %.3g samples/s\n",
                        cli_attention_word((int)best->plan.attention), best->plan.batch_size,
                        best->prediction.samples_per_second);
}

static void put_text(struct elcl_str *out, const struct cli_plan_table *table)
{
    const bool limited = table->limits.memory_limit_bytes || table->limits.max_alloc_bytes;
    elcl_str_printf(out, "%s (%s): D %d, H %d, %d + %d layers, vocabulary %d", table->model,
                    table->info.family, table->info.d, table->info.heads,
                    table->info.encoder_layers, table->info.decoder_layers, table->info.vocabulary);
    if (table->info.parameters)
        elcl_str_printf(out, ", %.1f million parameters", (double)table->info.parameters / 1e6);
    elcl_str_text(out, "\n");
    if (*table->device)
        elcl_str_printf(out, "device: %s\n", table->device);
    else if (!table->sheet)
        elcl_str_printf(out,
                        "for a GPU without limits; --device plans for a device of this computer\n");
    if (table->limits.memory_limit_bytes)
        elcl_str_printf(out, "memory limit: %.3g GiB\n",
                        (double)table->limits.memory_limit_bytes / 1073741824);
    if (table->limits.max_alloc_bytes)
        elcl_str_printf(out, "one buffer up to: %.3g GiB\n",
                        (double)table->limits.max_alloc_bytes / 1073741824);
    if (table->sheet)
        elcl_str_printf(out, "predicted, not measured, for %s\n(%s)\n", table->sheet->name,
                        table->sheet->source);
    elcl_str_printf(out, "\nmemory in GiB\n");
    elcl_str_printf(
        out,
        "variant  wght stat  batch beams source target   weights    source      self workspace"
        "     total%s%s\n",
        limited ? "  largest" : "", table->sheet ? "   step ms samples/s" : "");
    for (size_t i = 0; i < table->n; i++)
        put_row(out, table, &table->rows[i]);
    elcl_str_printf(
        out, "\nsource: shared encoder output (el) or keys and values of the source; self: hidden\n"
             "states (el) or keys and values of the output\n");
    if (limited)
        elcl_str_printf(out, "largest: largest batch within the limits\n");
    if (table->sheet)
        put_best(out, table);
    elcl_str_printf(out, "auto takes %s: ", cli_attention_word((int)table->automatic.attention));
    cli_str_wrapped(out, table->automatic.reason, 16, 4);
}

/* ---- CSV, SQL and JSON --------------------------------------------------------------------- */

static void add_row(struct cli_cells *cells, const struct cli_plan_table *table,
                    const struct cli_plan_row *row)
{
    const elcl_memory_plan *p = &row->plan;
    cli_add_text(cells, "model", table->model);
    cli_add_text(cells, "attention", cli_attention_word((int)p->attention));
    cli_add_text(cells, "weights", cli_storage_word((int)row->params.weights));
    cli_add_text(cells, "state", cli_storage_word((int)row->params.state));
    cli_add_whole(cells, "batch_size", p->batch_size);
    cli_add_whole(cells, "num_beams", row->params.num_beams);
    cli_add_whole(cells, "source_length", source_length(table, row));
    cli_add_whole(cells, "target_length", target_length(table, row));
    cli_add_whole(cells, "weight_bytes", (double)p->weight_bytes);
    cli_add_whole(cells, "source_state_bytes", (double)p->source_state_bytes);
    cli_add_whole(cells, "self_state_bytes", (double)p->self_state_bytes);
    cli_add_whole(cells, "workspace_bytes", (double)p->workspace_bytes);
    cli_add_whole(cells, "total_bytes", (double)p->total_bytes);
    cli_add_whole(cells, "largest_buffer_bytes", (double)p->largest_buffer_bytes);
    cli_add_maybe(cells, "largest_batch", p->largest_batch, p->largest_batch >= 0);
    cli_add_bool(cells, "fits", p->fits);
    if (!table->sheet)
        return;
    cli_add_real(cells, "predicted_encode_ms", row->prediction.encode_ms);
    cli_add_real(cells, "predicted_step_ms", row->prediction.step_ms);
    cli_add_real(cells, "predicted_samples_per_second", row->prediction.samples_per_second);
}

static void put_rows(struct elcl_str *out, const struct cli_plan_table *table, bool sql)
{
    for (size_t i = 0; i < table->n; i++) {
        struct cli_cells cells = {.n = 0};
        add_row(&cells, table, &table->rows[i]);
        if (sql)
            cli_cells_sql(out, "elcl_plan", &cells, !i);
        else
            cli_cells_csv(out, &cells, !i);
    }
}

static void add_head(struct cli_cells *cells, const struct cli_plan_table *table)
{
    cli_add_text(cells, "schema", "elcl-plan-1");
    cli_add_text(cells, "elcl", elcl_version());
    cli_add_text(cells, "model", table->model);
    cli_add_text(cells, "family", table->info.family);
    cli_add_whole(cells, "parameters", (double)table->info.parameters);
    cli_add_text(cells, "device", table->device);
    cli_add_whole(cells, "memory_limit_bytes", (double)table->limits.memory_limit_bytes);
    cli_add_whole(cells, "max_alloc_bytes", (double)table->limits.max_alloc_bytes);
    cli_add_text(cells, "auto", cli_attention_word((int)table->automatic.attention));
    cli_add_text(cells, "auto_reason", table->automatic.reason);
    if (!table->sheet)
        return;
    cli_add_text(cells, "device_model", table->sheet->name);
    cli_add_text(cells, "device_model_source", table->sheet->source);
}

static int put_json(struct elcl_str *out, const struct cli_plan_table *table, elcl_error *err)
{
    struct cli_cells head = {.n = 0};
    cJSON *root = cJSON_CreateObject();
    add_head(&head, table);
    bool ok = cli_cells_json(root, &head);
    cJSON *plans = cJSON_AddArrayToObject(root, "plans");
    for (size_t i = 0; ok && i < table->n; i++) {
        struct cli_cells cells = {.n = 0};
        add_row(&cells, table, &table->rows[i]);
        ok = cli_cells_object(plans, NULL, &cells);
    }
    return cli_json_write(out, root, ok, false, err);
}

int cli_plan_format(const struct cli_plan_table *table, enum cli_format format,
                    struct elcl_str *out, elcl_error *err)
{
    if (format == CLI_FORMAT_JSON)
        return put_json(out, table, err);
    if (format == CLI_FORMAT_TEXT)
        put_text(out, table);
    else
        put_rows(out, table, format == CLI_FORMAT_SQL);
    return out->failed ? elcl_fail_nomem(err) : ELCL_OK;
}
