/* Draws charts as SVG. Colors come from classes, so one drawing serves light, dark and print. */
#include "compare/chart.h"
#include "compare/compare.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    WIDTH = 760,
    LEFT = 78,
    RIGHT = 24,
    TOP = 90,
    PLOT = 300,
    ROW = 20,
    NOTE = 16,
    MAX_TICKS = 16
};

/* One axis: values and their places in pixels. */
struct axis {
    int log; /* base, 0: linear */
    double low, high;
    double from, to; /* pixels of low and high */
    double ticks[MAX_TICKS];
    int n_ticks;
};

static const char style[] =
    ".chart{font:13px system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;"
    "font-variant-numeric:tabular-nums;--fg:#1b1f24;--dim:#59636e;--grid:#d9dee3;--bg:#fff;"
    "--c0:#0a5ea8;--c1:#c2560a;--c2:#0b7a55;--c3:#a03c7c;--c4:#6b5b00;--c5:#3d3f9e;--c6:#8a2a2a;"
    "--c7:#50585f}"
    "@media(prefers-color-scheme:dark){.chart{--fg:#e8eaed;--dim:#a5adb6;--grid:#3a4149;"
    "--bg:#16191d;--c0:#6db6ff;--c1:#ff9e57;--c2:#4fd1a5;--c3:#f08cc8;--c4:#e3c84a;--c5:#a6a8ff;"
    "--c6:#ff8f8f;--c7:#b6bec6}}"
    "@media print{.chart{--fg:#000;--dim:#444;--grid:#ccc;--bg:#fff;--c0:#0a5ea8;--c1:#c2560a;"
    "--c2:#0b7a55;--c3:#a03c7c;--c4:#6b5b00;--c5:#3d3f9e;--c6:#8a2a2a;--c7:#50585f}}"
    ".chart .bg{fill:var(--bg)}.chart text{fill:var(--fg)}.chart .dim{fill:var(--dim)}"
    ".chart .title{font-size:17px;font-weight:600}.chart .small{font-size:11.5px}"
    ".chart .grid{stroke:var(--grid);stroke-width:1}.chart .axis{stroke:var(--dim);stroke-width:1}"
    ".chart .level{stroke:var(--fg);stroke-width:1.3;stroke-dasharray:2 3}"
    ".chart .line{fill:none;stroke-width:2.2;stroke-linejoin:round}"
    ".chart .whisker{stroke-width:1.3}.chart .halo{stroke:var(--bg);stroke-width:4px;"
    "paint-order:stroke;stroke-linejoin:round}"
    ".s0{stroke:var(--c0)}.s1{stroke:var(--c1)}.s2{stroke:var(--c2)}.s3{stroke:var(--c3)}"
    ".s4{stroke:var(--c4)}.s5{stroke:var(--c5)}.s6{stroke:var(--c6)}.s7{stroke:var(--c7)}"
    ".f0{fill:var(--c0)}.f1{fill:var(--c1)}.f2{fill:var(--c2)}.f3{fill:var(--c3)}"
    ".f4{fill:var(--c4)}.f5{fill:var(--c5)}.f6{fill:var(--c6)}.f7{fill:var(--c7)}"
    ".hollow{fill:var(--bg)}";

const char *cli_chart_style(void)
{
    return style;
}

struct cli_series *cli_chart_add(struct cli_chart *chart)
{
    if (chart->n_series == CLI_MAX_SERIES)
        return NULL;
    struct cli_series *s = &chart->series[chart->n_series++];
    memset(s, 0, sizeof(*s));
    return s;
}

void cli_series_add(struct cli_series *series, struct cli_point point)
{
    if (series && series->n < CLI_MAX_POINTS)
        series->points[series->n++] = point;
}

/* ---- text ---------------------------------------------------------------------------------- */

/* Returns the bytes of the UTF-8 character at s, or 0 if XML does not allow it. */
static size_t character(const unsigned char *s)
{
    const size_t n = s[0] < 0x80       ? 1
                     : s[0] >> 5 == 6  ? 2
                     : s[0] >> 4 == 14 ? 3
                     : s[0] >> 3 == 30 ? 4
                                       : 0;
    for (size_t i = 1; i < n; i++)
        if (s[i] >> 6 != 2)
            return 0;
    if (n == 1)
        return s[0] >= ' ' && s[0] != 0x7f;
    if ((n == 2 && s[0] < 0xc2) || (n == 4 && (s[0] > 0xf4 || (s[0] == 0xf4 && s[1] > 0x8f))))
        return 0;
    if (n == 3 && ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
                   (s[0] == 0xef && s[1] == 0xbf && s[2] > 0xbd)))
        return 0;
    return n == 4 && s[0] == 0xf0 && s[1] < 0x90 ? 0 : n;
}

void cli_xml_text(struct elcl_str *out, const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    while (*s) {
        const size_t n = character(s);
        const char *escaped = *s == '&'    ? "&amp;"
                              : *s == '<'  ? "&lt;"
                              : *s == '>'  ? "&gt;"
                              : *s == '"'  ? "&quot;"
                              : *s == '\'' ? "&#39;"
                              : n          ? NULL
                              : *s < 0x80  ? " "
                                           : "\xef\xbf\xbd";
        if (escaped)
            elcl_str_text(out, escaped);
        else
            elcl_str_append(out, s, n);
        s += n ? n : 1;
    }
}

static void add_text(struct elcl_str *out, double x, double y, const char *attributes,
                     const char *text)
{
    elcl_str_printf(out, "<text x=\"%.1f\" y=\"%.1f\" %s>", x, y, attributes);
    cli_xml_text(out, text);
    elcl_str_text(out, "</text>\n");
}

/* ---- axes ---------------------------------------------------------------------------------- */

static double place(const struct axis *a, double v)
{
    const double t =
        a->log ? log(v / a->low) / log(a->high / a->low) : (v - a->low) / (a->high - a->low);
    return a->from + t * (a->to - a->from);
}

/* Returns the smallest 1, 2 or 5 times a power of ten that is at least v. */
static double nice(double v)
{
    const double power = pow(10, floor(log10(v))), m = v / power;
    return power * (m <= 1 ? 1 : m <= 2 ? 2 : m <= 5 ? 5 : 10);
}

/* Sets range and ticks. Linear axes start at 0; logarithmic axes end at powers of their base. */
static void fit(struct axis *a, double low, double high)
{
    if (!(high > 0))
        low = high = 1;
    if (a->log) {
        const double base = a->log;
        int from = (int)floor(log(low) / log(base) + 1e-9);
        int to = (int)ceil(log(high) / log(base) - 1e-9);
        if (to == from)
            to++, from--;
        const int stride = (to - from) / MAX_TICKS + 1;
        a->low = pow(base, from);
        a->high = pow(base, to);
        for (int i = from; i <= to && a->n_ticks < MAX_TICKS; i += stride)
            a->ticks[a->n_ticks++] = pow(base, i);
        return;
    }
    const double step = nice(high * 1.04 / 6);
    a->low = 0;
    a->high = step * ceil(high * 1.04 / step);
    for (int i = 0; i * step <= a->high * 1.0001 && a->n_ticks < MAX_TICKS; i++)
        a->ticks[a->n_ticks++] = i * step;
}

#define FAR 20 /* a line at a twentieth of the height of a linear axis is not readable */

static void fit_axes(const struct cli_chart *c, struct axis *x, struct axis *y)
{
    double low[2] = {INFINITY, c->level > 0 ? c->level : INFINITY}, high[2] = {0, c->level};
    for (int i = 0; i < c->n_series; i++)
        for (int j = 0; j < c->series[i].n; j++) {
            const struct cli_point *p = &c->series[i].points[j];
            low[0] = fmin(low[0], p->x);
            high[0] = fmax(high[0], p->x);
            low[1] = fmin(low[1], p->low > 0 ? p->low : p->y);
            high[1] = fmax(high[1], fmax(p->high, p->y));
        }
    if (c->y_far && high[1] > FAR * low[1])
        y->log = 10;
    fit(x, low[0], high[0]);
    fit(y, low[1], high[1]);
    if (c->x_log) { /* keeps points away from the edges */
        x->low /= 1.25;
        x->high *= 1.25;
    }
}

static void draw_axes(struct elcl_str *out, const struct cli_chart *c, const struct axis *x,
                      const struct axis *y)
{
    char text[32];
    for (int i = 0; i < y->n_ticks; i++) {
        const double at = place(y, y->ticks[i]);
        elcl_str_printf(out, "<line class=\"grid\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/>\n",
                        LEFT, at, WIDTH - RIGHT, at);
        (void)snprintf(text, sizeof(text), "%.6g", y->ticks[i]);
        add_text(out, LEFT - 8, at + 4, "text-anchor=\"end\"", text);
    }
    for (int i = 0; i < x->n_ticks; i++) {
        const double at = place(x, x->ticks[i]);
        elcl_str_printf(out, "<line class=\"axis\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\"/>\n",
                        at, TOP + PLOT, at, TOP + PLOT + 5);
        (void)snprintf(text, sizeof(text), "%.6g", x->ticks[i]);
        add_text(out, at, TOP + PLOT + 20, "text-anchor=\"middle\"", text);
    }
    elcl_str_printf(out, "<line class=\"axis\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/>\n", LEFT,
                    TOP + PLOT, WIDTH - RIGHT, TOP + PLOT);
    add_text(out, (LEFT + WIDTH - RIGHT) / 2.0, TOP + PLOT + 42,
             "text-anchor=\"middle\" class=\"dim\"", c->x_label);
    add_text(out, LEFT - 8, TOP - 14, "text-anchor=\"start\" class=\"dim\" dx=\"-62\"", c->y_label);
    if (c->level > 0) {
        const double at = place(y, c->level);
        elcl_str_printf(out,
                        "<line class=\"level\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/>\n",
                        LEFT, at, WIDTH - RIGHT, at);
    }
}

/* ---- series -------------------------------------------------------------------------------- */

static const char *const dashes[] = {"none", "7 4", "2 3", "9 3 2 3", "12 4", "4 4", "1 4", "6 2"};

static void draw_mark(struct elcl_str *out, const struct cli_series *s, double x, double y,
                      bool hollow)
{
    char paint[64];
    if (hollow)
        (void)snprintf(paint, sizeof(paint), "class=\"hollow s%d\" stroke-width=\"1.8\"", s->color);
    else
        (void)snprintf(paint, sizeof(paint), "class=\"f%d s%d\" stroke-width=\"1.8\"", s->color,
                       s->color);
    switch (s->shape % 4) {
    case 0:
        elcl_str_printf(out, "<circle %s cx=\"%.1f\" cy=\"%.1f\" r=\"4.2\"/>\n", paint, x, y);
        break;
    case 1:
        elcl_str_printf(out, "<rect %s x=\"%.1f\" y=\"%.1f\" width=\"8\" height=\"8\"/>\n", paint,
                        x - 4, y - 4);
        break;
    case 2:
        elcl_str_printf(out, "<path %s d=\"M%.1f %.1fl5 8.6h-10z\"/>\n", paint, x, y - 5);
        break;
    default:
        elcl_str_printf(out, "<path %s d=\"M%.1f %.1fl5.2 5.2l-5.2 5.2l-5.2-5.2z\"/>\n", paint, x,
                        y - 5.2);
    }
}

struct box {
    double left, top, right, bottom;
};

/* The places of a note next to its point, in order of preference. */
static const struct {
    const char *anchor;
    double x, y;  /* from the point to the text's baseline */
    double begin; /* of the text from x, in widths of the text */
} sides[] = {
    {"start", 9, 4, 0}, {"end", -9, 4, -1}, {"middle", 0, -9, -0.5}, {"middle", 0, 17, -0.5}};

static struct box note_box(double x, double y, const char *note, size_t side)
{
    const double width = 6.4 * (double)strlen(note); /* of the small font, approximately */
    const double left = x + sides[side].x + sides[side].begin * width, base = y + sides[side].y;
    return (struct box){left, base - 10, left + width, base + 2};
}

static bool is_free(struct box b, const struct box *taken, int n)
{
    bool free = b.left >= (double)LEFT && b.right <= (double)WIDTH;
    for (int i = 0; i < n && free; i++)
        free = b.right < taken[i].left || b.left > taken[i].right || b.bottom < taken[i].top ||
               b.top > taken[i].bottom;
    return free;
}

/* Draws notes next to their points, on the first side where they cover nothing of the series. */
static void draw_notes(struct elcl_str *out, const struct cli_series *s, const struct axis *x,
                       const struct axis *y)
{
    struct box taken[2 * CLI_MAX_POINTS];
    int n = 0;
    for (int i = 0; i < s->n; i++) {
        const double at = place(x, s->points[i].x), up = place(y, s->points[i].y);
        taken[n++] = (struct box){at - 5, up - 5, at + 5, up + 5};
    }
    for (int i = 0; i < s->n; i++) {
        const char *note = s->points[i].note;
        const double at = place(x, s->points[i].x), up = place(y, s->points[i].y);
        char attributes[64];
        size_t side = 0;
        if (!note)
            continue;
        while (side < ELCL_COUNT(sides) && !is_free(note_box(at, up, note, side), taken, n))
            side++;
        side %= ELCL_COUNT(sides); /* the first side if none is free */
        taken[n++] = note_box(at, up, note, side);
        (void)snprintf(attributes, sizeof(attributes), "class=\"small halo\" text-anchor=\"%s\"",
                       sides[side].anchor);
        add_text(out, at + sides[side].x, up + sides[side].y, attributes, note);
    }
}

static void draw_series(struct elcl_str *out, const struct cli_series *s, const struct axis *x,
                        const struct axis *y)
{
    if (s->line && s->n > 1) {
        elcl_str_printf(out, "<polyline class=\"line s%d\" stroke-dasharray=\"%s\" points=\"",
                        s->color, dashes[s->shape % 8]);
        for (int i = 0; i < s->n; i++)
            elcl_str_printf(out, "%.1f,%.1f ", place(x, s->points[i].x), place(y, s->points[i].y));
        elcl_str_text(out, "\"/>\n");
    }
    for (int i = 0; i < s->n && s->marks; i++) {
        const struct cli_point *p = &s->points[i];
        const double at = place(x, p->x), up = place(y, p->y);
        elcl_str_text(out, "<g><title>");
        cli_xml_text(out, s->name);
        elcl_str_printf(out, ": %.4g at %.4g</title>\n", p->y, p->x);
        if (p->high > p->low && p->low > 0)
            elcl_str_printf(
                out,
                "<line class=\"whisker s%d\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n",
                s->color, at, place(y, p->low), at, place(y, p->high));
        draw_mark(out, s, at, up, p->hollow);
        elcl_str_text(out, "</g>\n");
    }
    draw_notes(out, s, x, y);
}

/* Draws two columns and returns their height. */
static int draw_legend(struct elcl_str *out, const struct cli_chart *c, int top)
{
    for (int i = 0; i < c->n_series; i++) {
        const struct cli_series *s = &c->series[i];
        const double x = i % 2 ? (double)WIDTH / 2 + 10 : 24, y = top + (double)(i / 2 * ROW);
        if (s->line)
            elcl_str_printf(out,
                            "<line class=\"line s%d\" stroke-dasharray=\"%s\" x1=\"%.0f\" "
                            "y1=\"%.0f\" x2=\"%.0f\" y2=\"%.0f\"/>\n",
                            s->color, dashes[s->shape % 8], x, y - 4, x + 30, y - 4);
        if (s->marks)
            draw_mark(out, s, x + 15, y - 4, false);
        add_text(out, x + 38, y, "", s->name);
    }
    return (c->n_series + 1) / 2 * ROW;
}

void cli_chart_draw(struct elcl_str *out, const struct cli_chart *c)
{
    struct axis x = {.log = c->x_log, .from = LEFT, .to = WIDTH - RIGHT};
    struct axis y = {.log = c->y_log, .from = TOP + PLOT, .to = TOP};
    const int legend = TOP + PLOT + 72, rows = (c->n_series + 1) / 2 * ROW;
    const int height = legend + rows + (c->n_notes + (c->level > 0)) * NOTE + 8;
    fit_axes(c, &x, &y);
    elcl_str_printf(out,
                    "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" role=\"img\" "
                    "viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\">\n<title>",
                    WIDTH, height, WIDTH, height);
    cli_xml_text(out, c->title);
    elcl_str_text(out, "</title>\n<desc>");
    cli_xml_text(out, c->subtitle);
    elcl_str_printf(out, "</desc>\n<rect class=\"bg\" width=\"%d\" height=\"%d\"/>\n", WIDTH,
                    height);
    add_text(out, 16, 24, "class=\"title\"", c->title);
    add_text(out, 16, 43, "class=\"dim\"", c->subtitle);
    draw_axes(out, c, &x, &y);
    for (int i = 0; i < c->n_series; i++)
        draw_series(out, &c->series[i], &x, &y);
    int notes = legend + draw_legend(out, c, legend) + 4;
    if (c->level > 0) {
        add_text(out, 24, notes, "class=\"small dim\"", c->level_note);
        notes += NOTE;
    }
    for (int i = 0; i < c->n_notes; i++)
        add_text(out, 24, notes + i * NOTE, "class=\"small dim\"", c->notes[i]);
    elcl_str_text(out, "</svg>\n");
}
