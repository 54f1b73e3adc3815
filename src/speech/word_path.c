/* Where tokens begin in the sound: rows of attention to a matrix, and the cheapest path through it.
 */
#include <math.h>
#include <string.h>

#include "base/util.h"
#include "speech/words.h"

#define MEDIAN 7 /* neighbors, odd */
#define REACH (MEDIAN / 2)
#define LANES 8 /* medians at a time, for vector instructions */

enum step { STEP_BOTH, STEP_TOKEN, STEP_STATE };

struct work {
    double *scale;          /* [n_rows] makes the states that count sum to 1 */
    double *mean, *inverse; /* [n_states] of a head: mean over rows, 1 / deviation */
    float *row;    /* [REACH + n_states + REACH + LANES] a normal row and its mirrored ends */
    float *matrix; /* [n, n_states] mean over heads */
    float *cost;   /* [2, n + 1] of two columns */
    unsigned char *trace; /* [n_states + 1, n + 1] the step that leads to an entry */
};

/* ---- the matrix ------------------------------------------------------------------------------ */

static const float *row_of(const struct elcl_word_rows *a, int head, int row)
{
    return a->rows + ((size_t)head * (size_t)a->n_rows + (size_t)row) * (size_t)a->ld;
}

/* Computes scale, mean and inverse of a head. A state that all rows read alike says nothing. */
static void measure(const struct elcl_word_rows *a, int head, struct work *w)
{
    const int n = a->n_states;
    memset(w->mean, 0, (size_t)n * sizeof(*w->mean));
    memset(w->inverse, 0, (size_t)n * sizeof(*w->inverse));
    for (int r = 0; r < a->n_rows; r++) {
        const float *row = row_of(a, head, r);
        double sum = 0;
        for (int j = 0; j < n; j++)
            sum += (double)row[j];
        w->scale[r] = sum > 0 ? 1 / sum : 0;
        for (int j = 0; j < n; j++)
            w->mean[j] += w->scale[r] * (double)row[j] / a->n_rows;
    }
    for (int r = 0; r < a->n_rows; r++) {
        const float *row = row_of(a, head, r);
        for (int j = 0; j < n; j++) {
            const double off = w->scale[r] * (double)row[j] - w->mean[j];
            w->inverse[j] += off * off / a->n_rows;
        }
    }
    for (int j = 0; j < n; j++)
        w->inverse[j] = w->inverse[j] > 0 ? 1 / sqrt(w->inverse[j]) : 0;
}

/* Sorts LANES lists of MEDIAN numbers by exchanging neighbors, and returns the middle ones. */
static void medians(const float *x, float out[LANES])
{
    float v[MEDIAN][LANES];
    for (int k = 0; k < MEDIAN; k++)
        memcpy(v[k], x + k, sizeof(v[k]));
    for (int round = 0; round < MEDIAN; round++)
        for (int k = round % 2; k + 1 < MEDIAN; k += 2)
            for (int i = 0; i < LANES; i++) {
                const float a = v[k][i], b = v[k + 1][i];
                v[k][i] = a < b ? a : b;
                v[k + 1][i] = a < b ? b : a;
            }
    memcpy(out, v[REACH], sizeof(v[REACH]));
}

/* Adds the share of one head to a row of the matrix. Fewer states than a median reaches stay. */
static void add_row(const struct elcl_word_rows *a, const struct work *w, int head, int row,
                    float *to)
{
    const int n = a->n_states;
    const float *from = row_of(a, head, row);
    float *x = w->row + REACH, out[LANES];
    for (int j = 0; j < n; j++)
        x[j] = (float)((w->scale[row] * (double)from[j] - w->mean[j]) * w->inverse[j]);
    for (int k = 1; k <= REACH && n > REACH; k++) {
        x[-k] = x[k];
        x[n - 1 + k] = x[n - 1 - k];
    }
    for (int j = 0; j < n; j += LANES) {
        const int m = elcl_min_int(LANES, n - j);
        if (n > REACH)
            medians(x + j - REACH, out);
        else
            memcpy(out, x, (size_t)n * sizeof(*x));
        for (int i = 0; i < m; i++)
            to[j + i] += out[i] / (float)a->n_heads;
    }
}

/* ---- the path -------------------------------------------------------------------------------- */

/* Fills trace: the cheapest way to each entry of the negated matrix. */
static void trace_columns(const struct work *w, int n, int n_states)
{
    float *before = w->cost, *now = w->cost + n + 1;
    for (int i = 0; i <= n; i++)
        before[i] = i ? INFINITY : 0;
    for (int j = 1; j <= n_states; j++) {
        unsigned char *trace = w->trace + (size_t)j * (size_t)(n + 1);
        now[0] = INFINITY;
        for (int i = 1; i <= n; i++) {
            const float both = before[i - 1], token = now[i - 1], state = before[i];
            const enum step step = both < token && both < state    ? STEP_BOTH
                                   : token < both && token < state ? STEP_TOKEN
                                                                   : STEP_STATE;
            const float least = step == STEP_BOTH ? both : step == STEP_TOKEN ? token : state;
            trace[i] = (unsigned char)step;
            now[i] = least - w->matrix[(size_t)(i - 1) * (size_t)n_states + (size_t)j - 1];
        }
        float *swap = before;
        before = now;
        now = swap;
    }
}

/* Walks back from the last entry; the smallest state of a row on the way is where it begins. */
static void walk(const struct work *w, int n, int n_states, int *begin)
{
    int i = n, j = n_states;
    while (i > 0 && j > 0) {
        begin[i - 1] = j - 1;
        const unsigned char step = w->trace[(size_t)j * (size_t)(n + 1) + (size_t)i];
        i -= step != STEP_STATE;
        j -= step != STEP_TOKEN;
    }
}

static bool allocate(struct work *w, const struct elcl_word_rows *a, int n)
{
    const size_t states = (size_t)a->n_states, rows = (size_t)n;
    w->scale = elcl_calloc((size_t)a->n_rows, sizeof(*w->scale));
    w->mean = elcl_calloc(2 * states, sizeof(*w->mean));
    w->inverse = w->mean + states;
    w->row = elcl_calloc(states + 2 * REACH + LANES, sizeof(*w->row));
    w->matrix = elcl_calloc(rows * states, sizeof(*w->matrix));
    w->cost = elcl_calloc(2 * (rows + 1), sizeof(*w->cost));
    w->trace = elcl_calloc((states + 1) * (rows + 1), 1);
    return w->scale && w->mean && w->row && w->matrix && w->cost && w->trace;
}

int elcl_word_path(const struct elcl_word_rows *a, int first, int n, int *begin, elcl_error *err)
{
    struct work w = {0};
    const bool ok = allocate(&w, a, n);
    for (int head = 0; ok && head < a->n_heads; head++) {
        measure(a, head, &w);
        for (int i = 0; i < n; i++)
            add_row(a, &w, head, first + i, w.matrix + (size_t)i * (size_t)a->n_states);
    }
    if (ok) {
        trace_columns(&w, n, a->n_states);
        walk(&w, n, a->n_states, begin);
    }
    elcl_free(w.scale);
    elcl_free(w.mean);
    elcl_free(w.row);
    elcl_free(w.matrix);
    elcl_free(w.cost);
    elcl_free(w.trace);
    return ok ? ELCL_OK : elcl_fail_nomem(err);
}
