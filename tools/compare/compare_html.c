/* The comparison as one self-contained page: runs, table and charts. */
#include "compare/compare.h"

#include <stdio.h>

static const char page_style[] =
    ":root{color-scheme:light dark;--fg:#1b1f24;--dim:#59636e;--bg:#fff;--rule:#d9dee3}"
    "@media(prefers-color-scheme:dark){:root{--fg:#e8eaed;--dim:#a5adb6;--bg:#16191d;"
    "--rule:#3a4149}}"
    "body{margin:0 auto;max-width:74rem;padding:1.5rem 1rem 3rem;background:var(--bg);"
    "color:var(--fg);font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',"
    "sans-serif}h1{font-size:1.6rem;line-height:1.2;margin:.5rem 0}h2{font-size:1.2rem;"
    "margin:2.2rem 0 .5rem}p,figcaption,li{max-width:44rem}.dim,figcaption{color:var(--dim)}"
    ".scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.88rem;"
    "font-variant-numeric:tabular-nums;width:100%}th,td{padding:.35rem .6rem;text-align:left;"
    "border-bottom:1px solid var(--rule);vertical-align:top}th{font-weight:600}.results "
    "td{white-space:nowrap}"
    ".n{text-align:right;white-space:nowrap}.m0{font-weight:600}.m2{color:var(--dim)}"
    ".m3{font-style:italic}figure{margin:1.2rem 0 2rem}figure svg{max-width:100%;height:auto;"
    "border:1px solid var(--rule);border-radius:6px}figcaption{font-size:.88rem}"
    "code{font-size:.82rem;overflow-wrap:anywhere}"
    "@media print{:root{--fg:#000;--dim:#444;--bg:#fff;--rule:#ccc}body{max-width:none;padding:0}"
    "figure,tr{break-inside:avoid}.scroll{overflow:visible}table{font-size:.62rem}th,td{padding:."
    "15rem .3rem}}";

static void add_figure(void *user, const char *name, const char *caption,
                       const struct elcl_str *svg)
{
    struct elcl_str *out = user;
    if (svg->failed || !name) {
        out->failed = true;
        return;
    }
    elcl_str_printf(out, "<figure id=\"%s\">\n", name);
    elcl_str_append(out, svg->data, svg->n);
    elcl_str_printf(out, "<figcaption>%s</figcaption>\n</figure>\n", caption);
}

static void add_cell(struct elcl_str *out, const char *text)
{
    elcl_str_text(out, "<td>");
    cli_xml_text(out, text);
    elcl_str_text(out, "</td>");
}

static void add_files(struct elcl_str *out, const struct cli_comparison *c)
{
    elcl_str_text(out, "<h2>Runs</h2>\n<div class=scroll><table><thead><tr><th>run"
                       "</th><th>device</th><th>driver</th><th>OpenCL</th><th>elcl</th><th>date"
                       "</th><th>file and command</th></tr></thead><tbody>\n");
    for (int i = 0; i < c->n_files; i++) {
        const struct cli_result_file *r = &c->files[i];
        elcl_str_printf(out, "<tr><td>%c</td>", r->letter);
        add_cell(out, r->device);
        add_cell(out, r->driver);
        elcl_str_text(out, "<td>");
        cli_xml_text(out, r->platform);
        elcl_str_text(out, "<br>");
        cli_xml_text(out, r->version);
        elcl_str_text(out, "</td><td>");
        cli_xml_text(out, r->elcl);
        elcl_str_text(out, " ");
        cli_xml_text(out, r->commit);
        elcl_str_text(out, "</td>");
        add_cell(out, r->date);
        elcl_str_text(out, "<td>");
        cli_xml_text(out, r->path);
        elcl_str_text(out, "<br><code>");
        cli_xml_text(out, r->command);
        elcl_str_text(out, "</code></td></tr>\n");
    }
    elcl_str_text(out, "</tbody></table></div>\n");
}

void cli_compare_html(struct elcl_str *out, const struct cli_comparison *c)
{
    elcl_str_text(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                       "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
                       "<title>elcl: speed of text generation compared</title>\n<style>");
    elcl_str_text(out, page_style);
    elcl_str_text(out, cli_chart_style());
    elcl_str_text(
        out, "</style>\n</head>\n<body>\n<h1>Speed of text generation compared</h1>\n<p>In each "
             "run a model generates texts of a fixed length, so every device does the same "
             "work. <b>EL-attention</b> keeps one copy of the encoded text; ordinary "
             "<b>multi-head attention</b> keeps keys and values for every layer, and often "
             "for every beam.</p>\n");
    add_files(out, c);
    elcl_str_text(
        out, "<h2>Results</h2>\n<p class=dim>Median of the repetitions, with half the range "
             "from the slowest to the fastest as \xc2\xb1; <i>once</i>: one repetition, so the "
             "noise is not known. ");
    if (c->n_files > 1)
        elcl_str_text(out, "A ratio is <i>same</i> if it is within the noise of both runs or 5 %, "
                           "and <i>other tokens</i> if the devices generated different texts, so "
                           "that the work can differ.");
    elcl_str_text(out, "</p>\n");
    cli_compare_html_table(out, c);
    elcl_str_text(out, "<h2>Charts</h2>\n");
    cli_compare_charts(c, add_figure, out);
    elcl_str_text(out, "</body>\n</html>\n");
}
