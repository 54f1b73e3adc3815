/* One chart as SVG: lines and points on linear or logarithmic axes, legend, footnotes. */
#ifndef ELCL_TOOLS_CHART_H
#define ELCL_TOOLS_CHART_H

#include "tool.h"

#define ELCL_MAX_POINTS 64
#define ELCL_MAX_SERIES 32

struct elcl_point {
    double x, y;
    double low, high; /* whisker; 0: none */
    const char *note; /* text beside the point, or NULL */
    bool hollow;      /* not measured: planned */
};

struct elcl_series {
    char name[96];
    int colour;       /* 0 .. 7 */
    int shape;        /* of points and dashes: 0 .. 7 */
    bool line, marks; /* what is drawn */
    struct elcl_point points[ELCL_MAX_POINTS];
    int n;
};

struct elcl_chart {
    char title[160], subtitle[240];
    const char *x_label, *y_label;
    int x_log, y_log;       /* base of a logarithmic axis, 0: linear from 0 */
    bool y_far;             /* y_log = 10 where values are more than 20 times apart */
    double level;           /* a horizontal line, 0: none */
    const char *level_note; /* what it means: the first footnote */
    struct elcl_series *series;
    int n_series;
    char notes[8][256]; /* footnotes */
    int n_notes;
};

void elcl_chart_draw(struct elcl_bytes *out, const struct elcl_chart *chart);
/* Adds a point; what is beyond ELCL_MAX_POINTS is left out. */
void elcl_series_add(struct elcl_series *series, struct elcl_point point);
/* A new empty series, or NULL beyond ELCL_MAX_SERIES. */
struct elcl_series *elcl_chart_add(struct elcl_chart *chart);

#endif
