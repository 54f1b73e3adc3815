/* A row of named values, as a JSON object, a line of CSV or a statement of SQL. */
#ifndef CLI_CELLS_H
#define CLI_CELLS_H

#include <cjson/cJSON.h>

#include "common/tool.h"

#define CLI_MAX_CELLS 48

enum cli_cell_kind { CLI_CELL_TEXT, CLI_CELL_WHOLE, CLI_CELL_REAL, CLI_CELL_BOOL };

struct cli_cell {
    const char *name;
    enum cli_cell_kind kind;
    bool known; /* false: null in JSON and SQL, empty in CSV */
    const char *text;
    double number;
};

struct cli_cells {
    struct cli_cell items[CLI_MAX_CELLS];
    size_t n;
};

/* Append a cell; `text` is not copied, and NULL is not known. */
void cli_add_text(struct cli_cells *cells, const char *name, const char *text);
void cli_add_whole(struct cli_cells *cells, const char *name, double value);
void cli_add_bool(struct cli_cells *cells, const char *name, bool value);
void cli_add_real(struct cli_cells *cells, const char *name, double value);
void cli_add_maybe(struct cli_cells *cells, const char *name, double value, bool known);
/* A value of 0 or less is not known. */
void cli_add_known(struct cli_cells *cells, const char *name, double value);
/* Appends name, type, platform, vendor, driver and version. */
void cli_add_device(struct cli_cells *cells, const elcl_device_desc *device);

/* Appends the line with the values, after the line with the names if `head` is set. */
void cli_cells_csv(struct elcl_str *out, const struct cli_cells *cells, bool head);
/* Appends an INSERT, after a CREATE TABLE if `head` is set. */
void cli_cells_sql(struct elcl_str *out, const char *table, const struct cli_cells *cells,
                   bool head);

/* Adds the cells to `object`; false if memory is short. Accepts NULL. */
bool cli_cells_json(cJSON *object, const struct cli_cells *cells);
/* Adds an object with the cells under `key`, or to an array if `key` is NULL. Returns the object,
 * NULL if memory is short. */
cJSON *cli_cells_object(cJSON *parent, const char *key, const struct cli_cells *cells);
/* Appends `root` with a line end, on one line if `flat` is set, and deletes it. Fails with
 * ELCL_E_NOMEM if it is NULL or `ok` is false. */
int cli_json_write(struct elcl_str *out, cJSON *root, bool ok, bool flat, elcl_error *err);

#endif
