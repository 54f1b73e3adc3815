#include "common/cells.h"

#include <string.h>

#include "common/json_write.h"
#include "common/words.h"

static void add(struct cli_cells *cells, struct cli_cell cell)
{
    if (cells->n < CLI_MAX_CELLS)
        cells->items[cells->n++] = cell;
}

void cli_add_text(struct cli_cells *cells, const char *name, const char *text)
{
    add(cells, (struct cli_cell){name, CLI_CELL_TEXT, text != NULL, text, 0});
}

void cli_add_whole(struct cli_cells *cells, const char *name, double value)
{
    add(cells, (struct cli_cell){name, CLI_CELL_WHOLE, true, NULL, value});
}

void cli_add_bool(struct cli_cells *cells, const char *name, bool value)
{
    add(cells, (struct cli_cell){name, CLI_CELL_BOOL, true, NULL, value});
}

void cli_add_maybe(struct cli_cells *cells, const char *name, double value, bool known)
{
    add(cells, (struct cli_cell){name, CLI_CELL_REAL, known, NULL, value});
}

void cli_add_real(struct cli_cells *cells, const char *name, double value)
{
    cli_add_maybe(cells, name, value, true);
}

void cli_add_known(struct cli_cells *cells, const char *name, double value)
{
    cli_add_maybe(cells, name, value, value > 0);
}

void cli_add_device(struct cli_cells *cells, const elcl_device_desc *device)
{
    cli_add_text(cells, "name", device->name);
    cli_add_text(cells, "type", cli_type_word(device->type));
    cli_add_text(cells, "platform", device->platform);
    cli_add_text(cells, "vendor", device->vendor);
    cli_add_text(cells, "driver", device->driver);
    cli_add_text(cells, "version", device->version);
}

/* ---- CSV and SQL --------------------------------------------------------------------------- */

static void put_number(struct elcl_str *out, const struct cli_cell *cell)
{
    elcl_str_printf(out, cell->kind == CLI_CELL_REAL ? "%.17g" : "%.0f", cell->number);
}

/* Appends text between quotes; a quote inside is doubled. */
static void put_quoted(struct elcl_str *out, const char *text, char quote)
{
    elcl_str_append(out, &quote, 1);
    for (; *text; text++) {
        if (*text == quote)
            elcl_str_append(out, &quote, 1);
        elcl_str_append(out, text, 1);
    }
    elcl_str_append(out, &quote, 1);
}

void cli_cells_csv(struct elcl_str *out, const struct cli_cells *cells, bool head)
{
    for (size_t i = 0; head && i < cells->n; i++)
        elcl_str_printf(out, "%s%s", cells->items[i].name, i + 1 < cells->n ? "," : "\n");
    for (size_t i = 0; i < cells->n; i++) {
        const struct cli_cell *cell = &cells->items[i];
        if (cell->known && cell->kind != CLI_CELL_TEXT)
            put_number(out, cell);
        else if (cell->known && strpbrk(cell->text, ",\"\r\n"))
            put_quoted(out, cell->text, '"');
        else if (cell->known)
            elcl_str_text(out, cell->text);
        elcl_str_text(out, i + 1 < cells->n ? "," : "\n");
    }
}

void cli_cells_sql(struct elcl_str *out, const char *table, const struct cli_cells *cells,
                   bool head)
{
    static const char *const types[] = {"TEXT", "INTEGER", "REAL", "INTEGER"};
    if (head)
        elcl_str_printf(out, "CREATE TABLE IF NOT EXISTS %s (\n", table);
    for (size_t i = 0; head && i < cells->n; i++)
        elcl_str_printf(out, "  \"%s\" %s%s", cells->items[i].name, types[cells->items[i].kind],
                        i + 1 < cells->n ? ",\n" : "\n);\n\n");
    elcl_str_printf(out, "INSERT INTO %s (", table);
    for (size_t i = 0; i < cells->n; i++)
        elcl_str_printf(out, "%s\"%s\"", i ? ", " : "", cells->items[i].name);
    elcl_str_text(out, ") VALUES (");
    for (size_t i = 0; i < cells->n; i++) {
        const struct cli_cell *cell = &cells->items[i];
        elcl_str_text(out, i ? ", " : "");
        if (!cell->known)
            elcl_str_text(out, "NULL");
        else if (cell->kind == CLI_CELL_TEXT)
            put_quoted(out, cell->text, '\'');
        else
            put_number(out, cell);
    }
    elcl_str_text(out, ");\n");
}

/* ---- JSON ---------------------------------------------------------------------------------- */

bool cli_cells_json(cJSON *object, const struct cli_cells *cells)
{
    bool ok = object != NULL;
    for (size_t i = 0; ok && i < cells->n; i++) {
        const struct cli_cell *cell = &cells->items[i];
        const cJSON *item = !cell->known ? cJSON_AddNullToObject(object, cell->name)
                            : cell->kind == CLI_CELL_TEXT
                                ? cJSON_AddStringToObject(object, cell->name, cell->text)
                            : cell->kind == CLI_CELL_BOOL
                                ? cJSON_AddBoolToObject(object, cell->name, cell->number > 0)
                                : cJSON_AddNumberToObject(object, cell->name, cell->number);
        ok = item != NULL;
    }
    return ok;
}

cJSON *cli_cells_object(cJSON *parent, const char *key, const struct cli_cells *cells)
{
    cJSON *object = key ? cJSON_AddObjectToObject(parent, key) : cJSON_CreateObject();
    const bool ok = cli_cells_json(object, cells);
    const bool added = key || cJSON_AddItemToArray(parent, object);
    if (!added)
        cJSON_Delete(object);
    return ok && added ? object : NULL;
}

int cli_json_write(struct elcl_str *out, cJSON *root, bool ok, bool flat, elcl_error *err)
{
    const bool written = root && ok && cli_json_print(out, root, flat);
    elcl_str_text(out, written ? "\n" : "");
    cJSON_Delete(root);
    return written && !out->failed ? ELCL_OK : elcl_fail_nomem(err);
}
