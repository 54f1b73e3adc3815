#include "load_report.h"

#include <stdlib.h>
#include <string.h>

static const char *const outcome_names[LOAD_OUTCOMES] = {
    "unsent", "answered", "left", "refused", "dropped", "broken",
};

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Prints the quantiles in milliseconds. Sorts the values. */
static void print_quantiles(const char *name, double *seconds, size_t n, FILE *file)
{
    static const int percents[] = {50, 95, 99, 100};
    qsort(seconds, n, sizeof(*seconds), compare_doubles);
    (void)fprintf(file, ", \"%s\": {\"n\": %zu", name, n);
    for (size_t i = 0; n && i < ELCL_COUNT(percents); i++) {
        const size_t at = ((n - 1) * (size_t)percents[i] + 50) / 100;
        (void)fprintf(file, ", \"p%d_ms\": %.3f", percents[i], 1000 * seconds[at]);
    }
    (void)fprintf(file, "}");
}

static void print_times(const struct load_figures *f, FILE *file)
{
    double *whole = malloc((f->n + 1) * sizeof(*whole));
    double *first = malloc((f->n + 1) * sizeof(*first));
    size_t n_whole = 0;
    size_t n_first = 0;
    for (size_t i = 0; whole && first && i < f->n; i++) {
        const struct load_request *r = &f->requests[i];
        if (r->outcome != LOAD_ANSWERED || r->status != 200)
            continue;
        whole[n_whole++] = r->seconds;
        if (r->streams)
            first[n_first++] = r->first_seconds;
    }
    print_quantiles("latency", whole, n_whole, file);
    print_quantiles("first_byte_of_streams", first, n_first, file);
    free(whole);
    free(first);
}

static void print_statuses(const struct load_figures *f, FILE *file)
{
    const char *comma = "";
    (void)fprintf(file, ", \"statuses\": {");
    for (int status = 100; status < 600; status++) {
        size_t n = 0;
        for (size_t i = 0; i < f->n; i++)
            n += f->requests[i].outcome == LOAD_ANSWERED && f->requests[i].status == status;
        if (n)
            (void)fprintf(file, "%s\"%d\": %zu", comma, status, n);
        comma = n ? ", " : comma;
    }
    (void)fprintf(file, "}");
}

void load_print_figures(const struct load_figures *f, FILE *file)
{
    size_t outcomes[LOAD_OUTCOMES] = {0};
    size_t tries = 0;
    for (size_t i = 0; i < f->n; i++) {
        outcomes[f->requests[i].outcome]++;
        tries += (size_t)f->requests[i].tries;
    }
    (void)fprintf(file, "{\"requests\": %zu, \"clients\": %d", f->n, f->clients);
    for (int i = 0; i < LOAD_OUTCOMES; i++)
        (void)fprintf(file, ", \"%s\": %zu", outcome_names[i], outcomes[i]);
    print_statuses(f, file);
    (void)fprintf(file, ", \"tries\": %zu, \"retries\": %d, \"connections\": %zu", tries,
                  f->retries, f->connections);
    if (f->most_retry_after >= 0)
        (void)fprintf(file, ", \"retry_after_s\": [%d, %d]", f->least_retry_after,
                      f->most_retry_after);
    (void)fprintf(file, ", \"seconds\": %.3f, \"requests_per_second\": %.1f", f->seconds,
                  (double)outcomes[LOAD_ANSWERED] / f->seconds);
    (void)fprintf(file, ", \"client_us_per_request\": %.2f",
                  1e6 * f->cpu_seconds / (double)(tries ? tries : 1));
    print_times(f, file);
    (void)fprintf(file, "}\n");
}

/* Bytes that are not UTF-8 stay as they are. */
static void write_string(const struct elcl_str *s, FILE *file)
{
    (void)fputc('"', file);
    for (size_t i = 0; i < s->n; i++) {
        const unsigned char c = (unsigned char)s->data[i];
        if (c == '"' || c == '\\')
            (void)fputc('\\', file);
        if (c < 0x20)
            (void)fprintf(file, "\\u%04x", c);
        else
            (void)fputc(c, file);
    }
    (void)fputc('"', file);
}

void load_write_answers(const struct load_request *requests, size_t n, FILE *file)
{
    for (size_t i = 0; i < n; i++) {
        const struct load_request *r = &requests[i];
        (void)fprintf(file,
                      "{\"index\": %zu, \"outcome\": \"%s\", \"status\": %d, \"tries\": %d, "
                      "\"began\": %.6f, \"seconds\": %.6f, \"body\": ",
                      i, outcome_names[r->outcome], r->status, r->tries, r->began, r->seconds);
        write_string(&r->answer, file);
        (void)fputs("}\n", file);
    }
}
