/* One chart as SVG: lines and points on linear or logarithmic axes, a legend and footnotes. */
#ifndef CLI_CHART_H
#define CLI_CHART_H

#include "common/tool.h"

#define CLI_MAX_POINTS 64
#define CLI_MAX_SERIES 32

struct cli_point {
    double x, y;
    double low, high; /* whisker; 0: none */
    const char *note; /* text next to the point, or NULL */
    bool hollow;      /* planned, not measured */
};

struct cli_series {
    char name[96];
    int color;        /* 0 .. 7 */
    int shape;        /* of points and dashes: 0 .. 7 */
    bool line, marks; /* the parts to draw */
    struct cli_point points[CLI_MAX_POINTS];
    int n;
};

struct cli_chart {
    char title[160], subtitle[240];
    const char *x_label, *y_label;
    int x_log, y_log;       /* base of a logarithmic axis, 0: linear from 0 */
    bool y_far;             /* y_log = 10 if values are more than 20 times apart */
    double level;           /* a horizontal line, 0: none */
    const char *level_note; /* its meaning: the first footnote */
    struct cli_series *series;
    int n_series;
    char notes[8][256]; /* footnotes */
    int n_notes;
};

void cli_chart_draw(struct elcl_str *out, const struct cli_chart *chart);
/* Adds a point; ignores points beyond CLI_MAX_POINTS. */
void cli_series_add(struct cli_series *series, struct cli_point point);
/* Adds an empty series; returns NULL beyond CLI_MAX_SERIES. */
struct cli_series *cli_chart_add(struct cli_chart *chart);

#endif
