/* The comparison as Markdown, CSV, JSON and an HTML table. */
#include "compare/compare.h"

#include <stdio.h>
#include <string.h>

static const char *const explanation =
    "x is samples per second over those of A: + faster, - slower, = no difference beyond the "
    "spread of both runs and 5 %, ! other tokens came out, so the work may differ.";

/* Calls `each` for every different piece of work, in order. */
typedef void (*row_fn)(struct elcl_str *out, const struct cli_comparison *c,
                       const struct cli_row *row);

static void each_row(struct elcl_str *out, const struct cli_comparison *c, row_fn each)
{
    for (int i = 0; i < c->n_files; i++)
        for (int j = 0; j < c->files[i].n_rows; j++)
            if (cli_row_is_first(c, i, j, true))
                each(out, c, &c->files[i].rows[j]);
}

/* Decimals that show two digits of a ratio, of small ones too. */
static int ratio_digits(double ratio)
{
    int digits = 2;
    for (; ratio > 0 && ratio < 0.1 && digits < 6; ratio *= 10)
        digits++;
    return digits;
}

/* ---- Markdown ------------------------------------------------------------------------------ */

static void add_cell(struct elcl_str *out, const char *text)
{
    for (; *text; text++) {
        const char c = (unsigned char)*text < ' ' ? ' ' : *text;
        if (strchr("|\\`<*_[", c))
            elcl_str_text(out, "\\");
        elcl_str_append(out, &c, 1);
    }
}

/* "40.1 +-2%", "out of memory", "-" */
static void describe(const struct cli_row *row, char *text, size_t room)
{
    if (!row)
        (void)snprintf(text, room, "-");
    else if (row->samples.median <= 0)
        (void)snprintf(text, room, "%.40s", *row->status ? row->status : "-");
    else if (row->samples.once)
        (void)snprintf(text, room, "%.4g, once", row->samples.median);
    else
        (void)snprintf(text, room, "%.4g \xc2\xb1%.0f%%", row->samples.median,
                       100 * row->samples.spread);
}

static void add_markdown_row(struct elcl_str *out, const struct cli_comparison *c,
                             const struct cli_row *row)
{
    const struct cli_row *base = cli_result_file_find(&c->files[0], row);
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
        const struct cli_row *r = cli_result_file_find(&c->files[i], row);
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
    each_row(out, c, add_markdown_row);
    if (c->n_files > 1)
        elcl_str_printf(out, "\n%s\n", explanation);
}

/* ---- CSV ----------------------------------------------------------------------------------- */

static void add_quoted(struct elcl_str *out, const char *text)
{
    elcl_str_text(out, "\"");
    for (; *text; text++)
        elcl_str_append(out, *text == '"' ? "\"\"" : text, *text == '"' ? 2 : 1);
    elcl_str_text(out, "\"");
}

static void add_field(struct elcl_str *out, double value)
{
    elcl_str_text(out, ",");
    if (value > 0)
        elcl_str_printf(out, "%.15g", value);
}

static void add_csv_row(struct elcl_str *out, const struct cli_comparison *c,
                        const struct cli_row *row)
{
    const struct cli_row *base = cli_result_file_find(&c->files[0], row);
    for (int i = 0; i < c->n_files; i++) {
        const struct cli_row *r = cli_result_file_find(&c->files[i], row);
        double ratio;
        const char mark = cli_row_mark(r, base, &ratio);
        if (!r)
            continue;
        elcl_str_printf(out, "%c,", c->files[i].letter);
        const char *const texts[] = {c->files[i].path, c->files[i].device, c->files[i].driver,
                                     r->model,         r->attention,       r->weights,
                                     r->state,         r->status};
        for (size_t t = 0; t < ELCL_COUNT(texts); t++) {
            add_quoted(out, texts[t]);
            elcl_str_text(out, ",");
        }
        elcl_str_printf(out, "%d,%d,%d,%d,%d", r->batch_size, r->num_beams, r->num_beam_groups,
                        r->source_length, r->new_tokens);
        add_field(out, r->samples.median);
        add_field(out, r->samples.spread);
        add_field(out, r->step_ms.median);
        add_field(out, r->first_ms.median);
        add_field(out, r->planned_bytes);
        add_field(out, r->peak_bytes);
        add_field(out, ratio);
        elcl_str_printf(out, ",%.1s\n", mark == ' ' ? "" : &mark);
    }
}

void cli_compare_csv(struct elcl_str *out, const struct cli_comparison *c)
{
    elcl_str_text(out, "run,file,device,driver,model,attention,weights,state,status,batch_size,"
                       "num_beams,num_beam_groups,source_length,new_tokens,samples_per_second,"
                       "spread,step_ms,first_token_ms,planned_bytes,peak_bytes,ratio,mark\n");
    each_row(out, c, add_csv_row);
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static void add_json_text(struct elcl_str *out, const char *key, const char *text)
{
    cJSON *item = cJSON_CreateString(text);
    char *quoted = item ? cJSON_PrintUnformatted(item) : NULL;
    if (quoted)
        elcl_str_printf(out, "\"%s\": %s, ", key, quoted);
    else
        out->failed = true;
    cJSON_free(quoted);
    cJSON_Delete(item);
}

static void add_json_number(struct elcl_str *out, const char *key, double value)
{
    if (value > 0)
        elcl_str_printf(out, "\"%s\": %.15g, ", key, value);
    else
        elcl_str_printf(out, "\"%s\": null, ", key);
}

static void add_json_row(struct elcl_str *out, const struct cli_comparison *c,
                         const struct cli_row *row)
{
    const struct cli_row *base = cli_result_file_find(&c->files[0], row);
    elcl_str_text(out, out->data[out->n - 1] == '[' ? "\n  {" : ",\n  {");
    add_json_text(out, "model", row->model);
    add_json_text(out, "attention", row->attention);
    add_json_text(out, "weights", row->weights);
    add_json_text(out, "state", row->state);
    elcl_str_printf(out,
                    "\"batch_size\": %d, \"num_beams\": %d, \"num_beam_groups\": %d, "
                    "\"source_length\": %d, \"new_tokens\": %d, \"runs\": {",
                    row->batch_size, row->num_beams, row->num_beam_groups, row->source_length,
                    row->new_tokens);
    bool any = false;
    for (int i = 0; i < c->n_files; i++) {
        const struct cli_row *r = cli_result_file_find(&c->files[i], row);
        double ratio;
        const char mark = cli_row_mark(r, base, &ratio);
        if (!r)
            continue;
        elcl_str_printf(out, "%s\n    \"%c\": {", any ? "," : "", c->files[i].letter);
        any = true;
        add_json_text(out, "status", r->status);
        add_json_number(out, "samples_per_second", r->samples.median);
        add_json_number(out, "spread", r->samples.spread);
        add_json_number(out, "step_ms", r->step_ms.median);
        add_json_number(out, "first_token_ms", r->first_ms.median);
        add_json_number(out, "planned_bytes", r->planned_bytes);
        add_json_number(out, "peak_bytes", r->peak_bytes);
        add_json_number(out, "ratio", ratio);
        elcl_str_printf(out, "\"mark\": \"%.1s\"}", mark == ' ' ? "" : &mark);
    }
    elcl_str_text(out, "}}");
}

void cli_compare_json(struct elcl_str *out, const struct cli_comparison *c)
{
    elcl_str_text(out, "{\"schema\": \"elcl-compare-1\", \"runs\": [");
    for (int i = 0; i < c->n_files; i++) {
        elcl_str_text(out, i ? ",\n  {" : "\n  {");
        add_json_text(out, "file", c->files[i].path);
        add_json_text(out, "device", c->files[i].device);
        add_json_text(out, "platform", c->files[i].platform);
        add_json_text(out, "driver", c->files[i].driver);
        add_json_text(out, "version", c->files[i].version);
        add_json_text(out, "elcl", c->files[i].elcl);
        add_json_text(out, "commit", c->files[i].commit);
        elcl_str_printf(out, "\"run\": \"%c\"}", c->files[i].letter);
    }
    elcl_str_text(out, "],\n \"results\": [");
    each_row(out, c, add_json_row);
    elcl_str_text(out, "]}\n");
}

/* ---- HTML ---------------------------------------------------------------------------------- */

static void add_html_row(struct elcl_str *out, const struct cli_comparison *c,
                         const struct cli_row *row)
{
    static const char *const words[] = {"faster", "slower", "same", "other tokens"};
    const struct cli_row *base = cli_result_file_find(&c->files[0], row);
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
        const struct cli_row *r = cli_result_file_find(&c->files[i], row);
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
    each_row(out, c, add_html_row);
    elcl_str_text(out, "</tbody></table></div>\n");
}
