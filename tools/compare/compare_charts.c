/* The charts of a comparison and their content. */
#include "compare/chart.h"
#include "compare/compare.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PANELS 24 /* of one kind: one for each setting other than variant and batch */

static const char *const variants[] = {"el", "mha", "mha-beam"};
static const char *const variant_names[] = {"EL-attention", "multi-head attention, shared by beams",
                                            "multi-head attention, per beam"};

struct panel {
    const struct cli_comparison *comparison;
    struct cli_chart chart;
    cli_chart_fn take;
    void *user;
    struct elcl_str svg;
    int number; /* of its kind, from 1 */
};

/* "bart-base, 4 beams, 256 source tokens, 32 new tokens, f32 weights, f32 state" */
static void describe(const struct cli_row *r, char *text, size_t room)
{
    (void)snprintf(text, room,
                   "%.60s, %d beam%s, %d source and %d new tokens, %.8s weights, %.8s state",
                   r->model, r->num_beams, r->num_beams == 1 ? "" : "s", r->source_length,
                   r->new_tokens, r->weights, r->state);
}

static void add_devices(struct panel *p)
{
    for (int i = 0; i < p->comparison->n_files; i++) {
        const struct cli_result_file *r = &p->comparison->files[i];
        (void)snprintf(p->chart.notes[p->chart.n_notes++], sizeof(p->chart.notes[0]),
                       "%c: %.60s, driver %.24s, %.10s, elcl %.16s", r->letter, r->device,
                       r->driver, r->version, r->elcl);
    }
}

static void finish(struct panel *p, const char *kind, const char *caption)
{
    char name[64];
    (void)snprintf(name, sizeof(name), "%s-%d", kind, ++p->number);
    p->svg.n = 0;
    cli_chart_draw(&p->svg, &p->chart);
    p->take(p->user, name, caption, &p->svg);
}

/* Empties the chart for the next one. */
static void restart(struct panel *p, const char *title, const char *x, const char *y)
{
    struct cli_series *series = p->chart.series;
    p->chart = (struct cli_chart){.x_label = x, .y_label = y, .series = series};
    (void)snprintf(p->chart.title, sizeof(p->chart.title), "%s", title);
}

static int by_x(const void *a, const void *b)
{
    const struct cli_point *p = a, *q = b;
    return (p->x > q->x) - (p->x < q->x);
}

/* Sorts the series, or removes it if it has no points. */
static void finish_series(struct panel *p, struct cli_series *s)
{
    if (!s)
        return;
    qsort(s->points, (size_t)s->n, sizeof(s->points[0]), by_x);
    if (!s->n)
        p->chart.n_series--;
}

static struct cli_series *start_series(struct panel *p, int file, int variant, const char *name)
{
    struct cli_series *s = cli_chart_add(&p->chart);
    if (!s)
        return NULL;
    s->color = variant;
    s->shape = file;
    s->line = s->marks = true;
    (void)snprintf(s->name, sizeof(s->name), "%c, %s", p->comparison->files[file].letter, name);
    return s;
}

/* Computes the point of a row; false if the row has none. */
typedef bool (*point_fn)(const struct cli_result_file *file, const struct cli_row *row,
                         struct cli_point *point);

/* Adds a series for each file and variant over the rows that agree with `like`. */
static void add_variants(struct panel *p, const struct cli_row *like, point_fn get)
{
    for (int i = 0; i < p->comparison->n_files; i++)
        for (int v = 0; v < (int)ELCL_COUNT(variants); v++) {
            const struct cli_result_file *file = &p->comparison->files[i];
            struct cli_series *s = start_series(p, i, v, variant_names[v]);
            for (int j = 0; j < file->n_rows; j++) {
                struct cli_point point = {.x = file->rows[j].batch_size};
                if (cli_rows_agree(&file->rows[j], like, false) &&
                    !strcmp(file->rows[j].attention, variants[v]) &&
                    get(file, &file->rows[j], &point))
                    cli_series_add(s, point);
            }
            finish_series(p, s);
        }
}

static bool throughput(const struct cli_result_file *file, const struct cli_row *row,
                       struct cli_point *point)
{
    (void)file;
    point->y = row->rate.median;
    point->low = row->rate.min;
    point->high = row->rate.max;
    return point->y > 0;
}

static bool memory(const struct cli_result_file *file, const struct cli_row *row,
                   struct cli_point *point)
{
    (void)file;
    point->hollow = row->peak_bytes <= 0;
    point->y = (point->hollow ? row->planned_bytes : row->peak_bytes) / 0x1p30;
    return point->y > 0;
}

/* ---- the charts ---------------------------------------------------------------------------- */

static void chart_throughput(struct panel *p, const struct cli_row *like)
{
    restart(p, "Texts generated per second: higher is better",
            "batch size (texts in flight at once)", "texts per second");
    describe(like, p->chart.subtitle, sizeof(p->chart.subtitle));
    p->chart.x_log = 2;
    p->chart.y_far = true;
    add_variants(p, like, throughput);
    add_devices(p);
    if (p->chart.n_series)
        finish(p, "throughput",
               "Each line is one way of computing attention on one device. A point is the median "
               "of the repetitions; its whisker runs from the slowest to the fastest.");
}

/* Adds the rate of EL-attention divided by that of `other` at the same batch. */
static void add_ratios(struct panel *p, int file, const char *other, int color, const char *name,
                       const struct cli_row *like)
{
    const struct cli_result_file *r = &p->comparison->files[file];
    struct cli_series *s = start_series(p, file, color, name);
    for (int j = 0; j < r->n_rows; j++) {
        struct cli_row wanted = r->rows[j];
        if (strcmp(wanted.attention, "el") != 0 || !cli_rows_agree(&wanted, like, false))
            continue;
        wanted.attention = other;
        const struct cli_row *b = cli_row_find(r, &wanted);
        if (!b || b->rate.median <= 0 || wanted.rate.median <= 0)
            continue;
        const double y = wanted.rate.median / b->rate.median;
        const double noise = wanted.rate.spread + b->rate.spread;
        cli_series_add(s, (struct cli_point){.x = wanted.batch_size,
                                             .y = y,
                                             .low = y / (1 + noise),
                                             .high = y * (1 + noise)});
    }
    finish_series(p, s);
}

static void chart_crossover(struct panel *p, const struct cli_row *like)
{
    restart(p, "Where EL-attention is faster than ordinary attention",
            "batch size (texts in flight at once)", "times as fast as multi-head attention");
    describe(like, p->chart.subtitle, sizeof(p->chart.subtitle));
    p->chart.x_log = 2;
    p->chart.level = 1;
    p->chart.level_note = "dotted line: equal; above it EL-attention is faster";
    for (int i = 0; i < p->comparison->n_files; i++) {
        add_ratios(p, i, "mha", 1, "against multi-head, shared by beams", like);
        add_ratios(p, i, "mha-beam", 2, "against multi-head, per beam", like);
    }
    add_devices(p);
    if (p->chart.n_series)
        finish(p, "crossover",
               "The rate of EL-attention divided by that of multi-head attention on the same "
               "device and batch. Whiskers are the noise of both measurements together.");
}

static void chart_memory(struct panel *p, const struct cli_row *like)
{
    restart(p, "Device memory that a batch needs: lower is better",
            "batch size (texts in flight at once)", "device memory, GiB");
    describe(like, p->chart.subtitle, sizeof(p->chart.subtitle));
    p->chart.x_log = 2;
    add_variants(p, like, memory);
    add_devices(p);
    if (p->chart.n_series)
        finish(p, "memory",
               "All buffers together: weights, states and workspace. Hollow points did not run, "
               "because memory was short; they show the planned size.");
}

/* Adds each kernel once, from the result in which it took longest. */
static void add_kernels(struct cli_series *s, const struct cli_result_file *file)
{
    struct {
        const char *name;
        double seconds;
    } seen[CLI_MAX_POINTS];
    for (int j = 0; j < file->n_rows; j++) {
        const cJSON *k;
        cJSON_ArrayForEach(k, file->rows[j].kernel_times)
        {
            const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(k, "name"));
            const double gbs = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(k, "gbs"));
            const double rate = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(k, "gflops"));
            const double t = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(k, "seconds"));
            int at = 0;
            if (!name || !(gbs > 0) || !(rate > 0) || !(t >= 0) || !isfinite(rate / gbs))
                continue;
            while (at < s->n && strcmp(seen[at].name, name) != 0)
                at++;
            if (at == CLI_MAX_POINTS || (at < s->n && seen[at].seconds >= t))
                continue;
            if (at == s->n)
                s->n++;
            seen[at].name = name;
            seen[at].seconds = t;
            s->points[at] = (struct cli_point){.x = rate / gbs, .y = rate, .note = name};
        }
    }
}

/* Returns whether the file has a kernel of a class. Files before 0.2 have no class; there the class
 * of int8 and bf16 kernels is their name. */
static bool has_class(const struct cli_result_file *file, const char *op_class)
{
    for (int j = 0; j < file->n_rows; j++) {
        const cJSON *k;
        cJSON_ArrayForEach(k, file->rows[j].kernel_times)
        {
            const cJSON *word = cJSON_GetObjectItemCaseSensitive(k, "class");
            const char *text =
                cJSON_GetStringValue(word ? word : cJSON_GetObjectItemCaseSensitive(k, "name"));
            if (text && !strcmp(text, op_class))
                return true;
        }
    }
    return false;
}

/* Adds a line that rises with memory up to `rate` and is then flat up to x = high. */
static void add_roof(struct panel *p, int file, int color, const char *name, double gbs,
                     double rate, double low, double high)
{
    const double ridge = rate / gbs;
    struct cli_series *roof = start_series(p, file, color, name);
    if (!roof)
        return;
    roof->marks = false;
    cli_series_add(roof, (struct cli_point){.x = fmin(low, ridge), .y = fmin(low, ridge) * gbs});
    cli_series_add(roof, (struct cli_point){.x = ridge, .y = rate});
    cli_series_add(roof, (struct cli_point){.x = fmax(high, 2 * ridge), .y = rate});
}

/* Adds the roof of f32 over the kernels `s`, and those of other multiply-adds if a kernel has them.
 */
static void add_roofs(struct panel *p, int file, const struct cli_series *s)
{
    const elcl_device_rates *r = &p->comparison->files[file].rates;
    const struct {
        const char *op_class, *name;
        double rate;
        int color;
    } roofs[] = {{"gemm_int8", "peak of int8 multiply-adds", r->int8_gops, 5},
                 {"gemm_bf16", "peak of bf16 multiply-adds", r->bf16_gflops, 6},
                 {"attention_int8", "peak of products of int8 state", r->state_gops, 3},
                 {"gemm_matrix", "peak of the matrix instruction", r->matrix_gflops, 4},
                 {NULL, "peak of f32 multiply-adds", r->f32_gflops, 7}};
    const double gbs = fmax(r->copy_gbs, r->memory_gbs);
    double low = 1e9, high = 0;
    char *note = p->chart.notes[p->chart.n_notes];
    for (int i = 0; i < s->n; i++) {
        low = fmin(low, s->points[i].x / 2);
        high = fmax(high, s->points[i].x * 2);
    }
    if (!(gbs > 0) || !(r->f32_gflops > 0))
        return;
    for (size_t i = 0; i < ELCL_COUNT(roofs); i++)
        if (roofs[i].rate > 0 &&
            (!roofs[i].op_class || has_class(&p->comparison->files[file], roofs[i].op_class)))
            add_roof(p, file, roofs[i].color, roofs[i].name, gbs, roofs[i].rate, low, high);
    (void)snprintf(note, sizeof(p->chart.notes[0]),
                   "Peak rates: %.4g GB/s of memory, %.4g GFLOP/s of f32 multiply-adds.", gbs,
                   r->f32_gflops);
    p->chart.n_notes++;
}

static void chart_roofline(struct panel *p, int file)
{
    const struct cli_result_file *r = &p->comparison->files[file];
    restart(p, "How close each kernel comes to the peak rates of the device",
            "arithmetic intensity, FLOP per byte moved", "speed, GFLOP/s");
    (void)snprintf(p->chart.subtitle, sizeof(p->chart.subtitle),
                   "%.60s, driver %.24s, %.10s", /* "OpenCL 3.0" */
                   r->device, r->driver, r->version);
    p->chart.x_log = p->chart.y_log = 10;
    struct cli_series *s = start_series(p, file, 0, "kernels");
    if (!s)
        return;
    s->line = false;
    add_kernels(s, r);
    finish_series(p, s);
    if (!p->chart.n_series)
        return;
    add_roofs(p, file, s);
    finish(p, "roofline",
           "The roof rises with the speed of memory and ends at the speed of arithmetic, both "
           "measured in the same run. A kernel below the rising part waits for memory, one below "
           "the flat part for arithmetic; one above it works from caches.");
}

void cli_compare_charts(const struct cli_comparison *c, cli_chart_fn take, void *user)
{
    static void (*const kinds[])(struct panel *, const struct cli_row *) = {
        chart_throughput, chart_crossover, chart_memory};
    struct panel p = {.comparison = c, .take = take, .user = user};
    p.chart.series = calloc(CLI_MAX_SERIES, sizeof(*p.chart.series));
    if (!p.chart.series)
        p.svg.failed = true;
    for (size_t k = 0; k < ELCL_COUNT(kinds) && !p.svg.failed; k++) {
        struct cli_row_cursor at = {0};
        const struct cli_row *row;
        p.number = 0;
        for (int n = 0; n < MAX_PANELS && (row = cli_row_next(c, false, &at)); n++)
            kinds[k](&p, row);
    }
    p.number = 0;
    for (int i = 0; i < c->n_files && !p.svg.failed; i++)
        chart_roofline(&p, i);
    if (p.svg.failed)
        take(user, NULL, NULL, &p.svg); /* memory is short: passes the failure on */
    elcl_str_finish(&p.svg);
    free(p.chart.series);
}
