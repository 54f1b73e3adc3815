/* The comparison as Markdown, CSV, JSON and an HTML table. */
#include "compare/compare.h"

#include <stdio.h>
#include <string.h>

#include "common/cells.h"

static const char *const explanation =
    "x is the ratio of samples per second to A: + faster, - slower, = no difference beyond the "
    "spread of both runs and 5 %, ! other tokens, so the work can differ.";

/* Returns the decimals that show two digits of any ratio. */
static int ratio_digits(double ratio)
{
    int digits = 2;
    for (; ratio > 0 && ratio < 0.1 && digits < 6; ratio *= 10)
        digits++;
    return digits;
}

/* ---- Markdown ------------------------------------------------------------------------------ */

/* Appends text with Markdown escaped. */
static void add_cell(struct elcl_str *out, const char *text)
{
    for (; *text; text++) {
        const char c = (unsigned char)*text < ' ' ? ' ' : *text;
        if (strchr("|\\`<*_[", c))
            elcl_str_text(out, "\\");
        elcl_str_append(out, &c, 1);
    }
}

/* Writes "40.1 ±2%", "out of memory" or "-". */
static void describe(const struct cli_row *row, char *text, size_t room)
{
    if (!row)
        (void)snprintf(text, room, "-");
    else if (row->rate.median <= 0)
        (void)snprintf(text, room, "%.40s", *row->status ? row->status : "-");
    else if (row->rate.once)
        (void)snprintf(text, room, "%.4g, once", row->rate.median);
    else
        (void)snprintf(text, room, "%.4g \xc2\xb1%.0f%%", row->rate.median, 100 * row->rate.spread);
}

static void add_markdown_row(struct elcl_str *out, const struct cli_comparison *c,
                             const struct cli_row *row)
{
    const struct cli_row *base = cli_row_find(&c->files[0], row);
    elcl_str_text(out, "| ");
    add_cell(out, row->model);
    elcl_str_text(out, " | ");
    add_cell(out, row->attention);
    elcl_str_text(out, " | ");
    add_cell(out, row->weights);
    elcl_str_text(out, "/");
    add_cell(out, row->state);
    elcl_str_printf(out, " | %d | %d | %d | %d |", row->batch_size, row->num_beams,
                    row->source_length, row->new_tokens);
    for (int i = 0; i < c->n_files; i++) {
        const struct cli_row *r = cli_row_find(&c->files[i], row);
        char text[64];
        double ratio;
        const char mark = cli_row_mark(r, base, &ratio);
        describe(r, text, sizeof(text));
        elcl_str_text(out, " ");
        add_cell(out, text);
        elcl_str_text(out, " |");
        if (i && ratio > 0)
            elcl_str_printf(out, " %.*fx %c |", ratio_digits(ratio), ratio, mark);
        else if (i)
            elcl_str_text(out, "  |");
    }
    elcl_str_text(out, "\n");
}

void cli_compare_markdown(struct elcl_str *out, const struct cli_comparison *c)
{
    struct cli_row_cursor at = {0};
    const struct cli_row *row;
    for (int i = 0; i < c->n_files; i++) {
        const struct cli_result_file *r = &c->files[i];
        elcl_str_printf(out, "- %c: ", r->letter);
        add_cell(out, r->device);
        elcl_str_text(out, ", driver ");
        add_cell(out, r->driver);
        elcl_str_text(out, ", ");
        add_cell(out, r->version);
        elcl_str_text(out, ", elcl ");
        add_cell(out, r->elcl);
        elcl_str_text(out, " (");
        add_cell(out, r->path);
        elcl_str_text(out, ")\n");
    }
    elcl_str_text(out, "\n| model | attention | storage | batch | beams | source | new |");
    for (int i = 0; i < c->n_files; i++) {
        elcl_str_printf(out, " %c samples/s |", c->files[i].letter);
        if (i)
            elcl_str_printf(out, " %c/A |", c->files[i].letter);
    }
    elcl_str_text(out, "\n|---|---|---|--:|--:|--:|--:|");
    for (int i = 0; i < c->n_files; i++)
        elcl_str_text(out, i ? "--:|--:|" : "--:|");
    elcl_str_text(out, "\n");
    while ((row = cli_row_next(c, true, &at)))
        add_markdown_row(out, c, row);
    if (c->n_files > 1)
        elcl_str_printf(out, "\n%s\n", explanation);
}

/* ---- CSV and JSON -------------------------------------------------------------------------- */

static void add_work(struct cli_cells *cells, const struct cli_row *row)
{
    cli_add_text(cells, "model", row->model);
    cli_add_text(cells, "attention", row->attention);
    cli_add_text(cells, "weights", row->weights);
    cli_add_text(cells, "state", row->state);
    cli_add_whole(cells, "batch_size", row->batch_size);
    cli_add_whole(cells, "num_beams", row->num_beams);
    cli_add_whole(cells, "num_beam_groups", row->num_beam_groups);
    cli_add_whole(cells, "source_length", row->source_length);
    cli_add_whole(cells, "new_tokens", row->new_tokens);
}

static void add_result(struct cli_cells *cells, const struct cli_row *row,
                       const struct cli_row *base)
{
    static const char *const marks[] = {"+", "-", "=", "!", ""};
    double ratio;
    const char mark = cli_row_mark(row, base, &ratio);
    size_t m = 0;
    while (*marks[m] && *marks[m] != mark)
        m++;
    cli_add_text(cells, "status", row->status);
    cli_add_known(cells, "samples_per_second", row->rate.median);
    cli_add_known(cells, "spread", row->rate.spread);
    cli_add_known(cells, "step_ms", row->step_ms.median);
    cli_add_known(cells, "first_token_ms", row->first_ms.median);
    cli_add_known(cells, "planned_bytes", row->planned_bytes);
    cli_add_known(cells, "peak_bytes", row->peak_bytes);
    cli_add_known(cells, "ratio", ratio);
    cli_add_text(cells, "mark", marks[m]);
}

void cli_compare_csv(struct elcl_str *out, const struct cli_comparison *c)
{
    struct cli_row_cursor at = {0};
    const struct cli_row *row;
    bool head = true;
    while ((row = cli_row_next(c, true, &at)))
        for (int i = 0; i < c->n_files; i++) {
            const struct cli_result_file *file = &c->files[i];
            const struct cli_row *r = cli_row_find(file, row);
            const char letter[2] = {file->letter, '\0'};
            struct cli_cells cells = {.n = 0};
            if (!r)
                continue;
            cli_add_text(&cells, "run", letter);
            cli_add_text(&cells, "file", file->path);
            cli_add_text(&cells, "device", file->device);
            cli_add_text(&cells, "driver", file->driver);
            add_work(&cells, row);
            add_result(&cells, r, cli_row_find(&c->files[0], row));
            cli_cells_csv(out, &cells, head);
            head = false;
        }
}

static bool add_json_file(cJSON *list, const struct cli_result_file *file)
{
    const char letter[2] = {file->letter, '\0'};
    struct cli_cells cells = {.n = 0};
    cli_add_text(&cells, "run", letter);
    cli_add_text(&cells, "file", file->path);
    cli_add_text(&cells, "device", file->device);
    cli_add_text(&cells, "platform", file->platform);
    cli_add_text(&cells, "driver", file->driver);
    cli_add_text(&cells, "version", file->version);
    cli_add_text(&cells, "elcl", file->elcl);
    cli_add_text(&cells, "commit", file->commit);
    return cli_cells_object(list, NULL, &cells);
}

static bool add_json_row(cJSON *list, const struct cli_comparison *c, const struct cli_row *row)
{
    struct cli_cells work = {.n = 0};
    add_work(&work, row);
    cJSON *runs = cJSON_AddObjectToObject(cli_cells_object(list, NULL, &work), "runs");
    bool ok = runs != NULL;
    for (int i = 0; ok && i < c->n_files; i++) {
        const struct cli_row *r = cli_row_find(&c->files[i], row);
        const char letter[2] = {c->files[i].letter, '\0'};
        struct cli_cells cells = {.n = 0};
        if (!r)
            continue;
        add_result(&cells, r, cli_row_find(&c->files[0], row));
        ok = cli_cells_object(runs, letter, &cells);
    }
    return ok;
}

void cli_compare_json(struct elcl_str *out, const struct cli_comparison *c)
{
    struct cli_row_cursor at = {0};
    const struct cli_row *row;
    elcl_error err = {0};
    cJSON *root = cJSON_CreateObject();
    bool ok = cJSON_AddStringToObject(root, "schema", "elcl-compare-1");
    cJSON *runs = cJSON_AddArrayToObject(root, "runs");
    cJSON *results = cJSON_AddArrayToObject(root, "results");
    for (int i = 0; ok && i < c->n_files; i++)
        ok = add_json_file(runs, &c->files[i]);
    while (ok && (row = cli_row_next(c, true, &at)))
        ok = add_json_row(results, c, row);
    out->failed = cli_json_write(out, root, ok, false, &err) != ELCL_OK;
}

/* ---- HTML ---------------------------------------------------------------------------------- */

static void add_html_row(struct elcl_str *out, const struct cli_comparison *c,
                         const struct cli_row *row)
{
    static const char *const words[] = {"faster", "slower", "same", "other tokens"};
    const struct cli_row *base = cli_row_find(&c->files[0], row);
    const char *const texts[] = {row->model,   "</td><td>", row->attention, "</td><td>",
                                 row->weights, "/",         row->state};
    elcl_str_text(out, "<tr><td>");
    for (size_t t = 0; t < ELCL_COUNT(texts); t++) {
        if (t % 2)
            elcl_str_text(out, texts[t]);
        else
            cli_xml_text(out, texts[t]);
    }
    elcl_str_text(out, "</td>");
    elcl_str_printf(out,
                    "<td class=n>%d</td><td class=n>%d</td><td class=n>%d</td>"
                    "<td class=n>%d</td>",
                    row->batch_size, row->num_beams, row->source_length, row->new_tokens);
    for (int i = 0; i < c->n_files; i++) {
        const struct cli_row *r = cli_row_find(&c->files[i], row);
        char text[64];
        double ratio;
        const char mark = cli_row_mark(r, base, &ratio);
        describe(r, text, sizeof(text));
        elcl_str_text(out, "<td class=n>");
        cli_xml_text(out, text);
        elcl_str_text(out, "</td>");
        if (i && ratio > 0) {
            const size_t w = mark == '+' ? 0 : mark == '-' ? 1 : mark == '=' ? 2 : 3;
            elcl_str_printf(out, "<td class=\"n m%zu\">%.*f\xc3\x97 %s</td>", w,
                            ratio_digits(ratio), ratio, words[w]);
        } else if (i) {
            elcl_str_text(out, "<td></td>");
        }
    }
    elcl_str_text(out, "</tr>\n");
}

void cli_compare_html_table(struct elcl_str *out, const struct cli_comparison *c)
{
    struct cli_row_cursor at = {0};
    const struct cli_row *row;
    elcl_str_text(
        out, "<div class=scroll><table class=results><thead><tr><th>model</th><th>attention</th>"
             "<th>weights/state</th><th class=n>batch</th><th class=n>beams"
             "</th><th class=n>source</th><th class=n>new tokens</th>");
    for (int i = 0; i < c->n_files; i++) {
        elcl_str_printf(out, "<th class=n>%c, samples/s</th>", c->files[i].letter);
        if (i)
            elcl_str_printf(out, "<th class=n>%c against A</th>", c->files[i].letter);
    }
    elcl_str_text(out, "</tr></thead><tbody>\n");
    while ((row = cli_row_next(c, true, &at)))
        add_html_row(out, c, row);
    elcl_str_text(out, "</tbody></table></div>\n");
}
