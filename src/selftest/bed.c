/* The bed on which cases run: memory, buffers, random inputs, comparison, the report. */
#include "selftest/selftest.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/os.h"
#include "base/rng.h"
#include "base/util.h"

#define GUARD_BYTES 64

/* ---- cases --------------------------------------------------------------------------------- */

static double seconds_since(uint64_t ns)
{
    return (double)(elcl_clock_ns() - ns) * 1e-9;
}

static void report(struct elcl_st *st)
{
    elcl_selftest_case *c = &st->result;
    int *count = c->verdict == ELCL_SELFTEST_PASS   ? &st->summary.passed
                 : c->verdict == ELCL_SELFTEST_FAIL ? &st->summary.failed
                                                    : &st->summary.skipped;
    ++*count;
    if (st->params->on_case)
        st->params->on_case(st->params->user, c);
}

static void start(struct elcl_st *st, const char *operation, const char *shape)
{
    st->result = (elcl_selftest_case){.device = &st->device->desc,
                                      .operation = operation,
                                      .shape = shape,
                                      .kernels = st->device->kernels,
                                      .weights = st->result.weights,
                                      .state = st->result.state,
                                      .reason = ""};
    st->err = (elcl_error){0};
    st->failed = false;
    st->reason[0] = '\0';
    st->case_ns = elcl_clock_ns();
    st->stream++;
    st->counter = 0;
}

void elcl_st_skip(struct elcl_st *st, const char *operation, const char *shape, const char *reason)
{
    start(st, operation, shape);
    st->result.verdict = ELCL_SELFTEST_SKIP;
    st->result.reason = reason;
    report(st);
}

bool elcl_st_begin(struct elcl_st *st, const char *operation, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(st->shape, sizeof(st->shape), fmt, args);
    va_end(args);
    const double budget = st->params->budget_seconds;
    if (!st->fatal && (budget <= 0 || seconds_since(st->begun_ns) < budget)) {
        start(st, operation, st->shape);
        return true;
    }
    elcl_st_skip(st, operation, st->shape,
                 st->fatal ? "host memory is short" : "the time budget is spent");
    return false;
}

bool elcl_st_ok(const struct elcl_st *st)
{
    return !st->failed && !st->err.code;
}

bool elcl_st_try(struct elcl_st *st, int rc)
{
    if (rc && !st->err.code)
        elcl_fail(&st->err, rc, "the operation failed without saying why");
    return !rc;
}

static void fail_case(struct elcl_st *st, const char *fmt, ...) ELCL_PRINTF(2, 3);
static void fail_case(struct elcl_st *st, const char *fmt, ...)
{
    if (st->failed)
        return;
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(st->reason, sizeof(st->reason), fmt, args);
    va_end(args);
    st->failed = true;
}

static void check_guard(struct elcl_st *st, const struct elcl_buffer *buffer, size_t used)
{
    unsigned char guard[GUARD_BYTES];
    if (used == buffer->bytes ||
        !elcl_st_try(st, elcl_buffer_read(buffer, used, guard, GUARD_BYTES, &st->err)))
        return;
    for (size_t i = 0; i < GUARD_BYTES; i++)
        if (guard[i] != 0xff)
            fail_case(st, "written %zu bytes beyond the end of an output of %zu", i, used);
}

void elcl_st_end(struct elcl_st *st)
{
    elcl_selftest_case *c = &st->result;
    if (!st->err.code)
        (void)elcl_st_try(st, elcl_ops_finish(st->ops, &st->err));
    for (int i = 0; i < st->n_buffers; i++) {
        if (elcl_st_ok(st))
            check_guard(st, &st->buffers[i].buffer, st->buffers[i].used);
        elcl_buffer_destroy(&st->buffers[i].buffer);
    }
    st->n_buffers = 0;
    while (st->n_memory > 0)
        elcl_free(st->memory[--st->n_memory]);
    c->seconds = seconds_since(st->case_ns);
    c->verdict = elcl_st_ok(st) ? ELCL_SELFTEST_PASS : ELCL_SELFTEST_FAIL;
    if (st->err.code == ELCL_E_NOMEM)
        st->fatal = true;
    if (st->err.code == ELCL_E_NOMEM || st->err.code == ELCL_E_DEVICE_NOMEM)
        c->verdict = ELCL_SELFTEST_SKIP; /* a shortage is no wrong kernel */
    c->reason = st->err.code ? st->err.msg : st->reason;
    report(st);
}

/* ---- memory and buffers -------------------------------------------------------------------- */

void *elcl_st_memory(struct elcl_st *st, size_t n, size_t size)
{
    void *memory = st->n_memory < (int)ELCL_COUNT(st->memory) ? elcl_calloc(n, size) : NULL;
    if (memory)
        st->memory[st->n_memory++] = memory;
    else
        elcl_fail_nomem(&st->err);
    return memory;
}

/* A buffer of `used` bytes and, for outputs, a guard; never NULL. */
static const struct elcl_buffer *make_buffer(struct elcl_st *st, const void *data, size_t used,
                                             size_t guard)
{
    static const struct elcl_buffer none = {0};
    if (!elcl_st_ok(st))
        return &none;
    if (st->n_buffers == (int)ELCL_COUNT(st->buffers) || !used) {
        elcl_fail(&st->err, ELCL_E_INTERNAL, "a case of the self-test has a wrong buffer");
        return &none;
    }
    struct elcl_buffer *b = &st->buffers[st->n_buffers].buffer;
    unsigned char *content = elcl_calloc(used + guard, 1);
    if (!content) {
        elcl_fail_nomem(&st->err);
        return &none;
    }
    memset(content, 0xff, used + guard);
    if (data)
        memcpy(content, data, used);
    if (elcl_st_try(st, elcl_buffer_create(st->device, "self-test", used + guard, b, &st->err))) {
        st->buffers[st->n_buffers++].used = used;
        (void)elcl_st_try(st, elcl_buffer_write(b, 0, content, used + guard, &st->err));
    }
    elcl_free(content);
    return elcl_st_ok(st) ? b : &none;
}

const struct elcl_buffer *elcl_st_input(struct elcl_st *st, const void *data, size_t bytes)
{
    return make_buffer(st, data, bytes, 0);
}

const struct elcl_buffer *elcl_st_output(struct elcl_st *st, const void *data, size_t bytes)
{
    return make_buffer(st, data, bytes, GUARD_BYTES);
}

const struct elcl_buffer *elcl_st_stored(struct elcl_st *st, enum elcl_storage storage,
                                         const float *values, size_t n)
{
    void *bits = elcl_st_memory(st, n, elcl_ref_bytes(storage));
    if (bits && values)
        elcl_ref_store(storage, values, bits, n);
    return elcl_st_input(st, bits, n * elcl_ref_bytes(storage));
}

void elcl_st_matrix(struct elcl_st *st, int batch, int n, int k, float *values,
                    struct elcl_matrix *matrix)
{
    *matrix = (struct elcl_matrix){0};
    if (!elcl_st_ok(st) || st->n_buffers == (int)ELCL_COUNT(st->buffers))
        return;
    const struct elcl_matrix_source source = {.data = values,
                                              .dtype = ELCL_F32,
                                              .n = n,
                                              .n_stride = (size_t)k,
                                              .k_stride = 1,
                                              .batch_stride = (size_t)n * k};
    if (!elcl_st_try(
            st, elcl_matrix_create(st->ops, "self-test", batch, k, &source, 1, matrix, &st->err)))
        return;
    st->buffers[st->n_buffers].buffer = matrix->buffer;
    st->buffers[st->n_buffers++].used = matrix->buffer.bytes;
    elcl_ref_round_rows(st->ops->weights, values, (size_t)batch * n, (size_t)k);
}

void *elcl_st_read(struct elcl_st *st, const struct elcl_buffer *buffer)
{
    size_t used = 0;
    for (int i = 0; i < st->n_buffers; i++)
        if (st->buffers[i].buffer.mem == buffer->mem)
            used = st->buffers[i].used;
    void *data = elcl_st_memory(st, used, 1);
    if (!elcl_st_ok(st) || !elcl_st_try(st, elcl_ops_finish(st->ops, &st->err)) ||
        !elcl_st_try(st, elcl_buffer_read(buffer, 0, data, used, &st->err)))
        return NULL;
    return data;
}

const struct elcl_buffer *elcl_st_records(struct elcl_st *st, size_t at, int rows,
                                          const int32_t *const fields[ELCL_ROW_INTS])
{
    const size_t n = at + (size_t)rows * ELCL_ROW_INTS;
    int32_t *step = elcl_st_memory(st, n, sizeof(*step));
    if (!elcl_st_ok(st))
        return elcl_st_input(st, step, 0);
    memset(step, 0xff, n * sizeof(*step));
    for (int row = 0; row < rows; row++)
        for (int f = 0; f < ELCL_ROW_INTS; f++)
            if (fields[f])
                step[at + (size_t)row * ELCL_ROW_INTS + f] = fields[f][row];
    return elcl_st_input(st, step, n * sizeof(*step));
}

/* ---- random inputs ------------------------------------------------------------------------- */

static void next_block(struct elcl_st *st, uint32_t out[4])
{
    const uint32_t counter[4] = {st->counter++, st->stream, 0, 0};
    const uint32_t key[2] = {(uint32_t)st->params->seed, (uint32_t)(st->params->seed >> 32)};
    elcl_philox(counter, key, out);
}

int elcl_st_int(struct elcl_st *st, int low, int high)
{
    uint32_t words[4];
    next_block(st, words);
    return low + (int)(words[0] % ((uint32_t)(high - low) + 1));
}

float *elcl_st_floats(struct elcl_st *st, enum elcl_storage storage, size_t n, double scale)
{
    float *values = elcl_st_memory(st, n, sizeof(*values));
    if (!values)
        return NULL;
    for (size_t i = 0; i < n; i += 4) {
        uint32_t words[4];
        next_block(st, words);
        for (size_t j = i; j < n && j < i + 4; j++) /* uniform over +- sqrt 3 */
            values[j] = (float)(scale * 1.7320508 * ((double)words[j - i] * 0x1p-31 - 1));
    }
    elcl_ref_round(storage, values, n);
    return values;
}

int32_t *elcl_st_permutation(struct elcl_st *st, int n)
{
    int32_t *p = elcl_st_memory(st, (size_t)n, sizeof(*p));
    for (int i = 0; p && i < n; i++) {
        const int j = elcl_st_int(st, 0, i);
        p[i] = p[j];
        p[j] = i;
    }
    return p;
}

/* ---- comparison ---------------------------------------------------------------------------- */

void elcl_st_compare(struct elcl_st *st, const char *what, const float *got, const double *want,
                     const double *bound, size_t n)
{
    elcl_selftest_case *c = &st->result;
    for (size_t i = 0; i < n && elcl_st_ok(st); i++) {
        if (isnan(want[i])) {
            uint32_t bits;
            memcpy(&bits, &got[i], sizeof(bits));
            if (bits != UINT32_MAX)
                fail_case(st, "%s[%zu of %zu]: written (%.9g) but not its element", what, i, n,
                          (double)got[i]);
            continue;
        }
        const double error = fabs((double)got[i] - want[i]);
        const double ratio = error == 0 ? 0 : error / bound[i];
        if (ratio > c->ratio || isnan(ratio)) {
            c->error = error;
            c->tolerance = bound[i];
            c->ratio = ratio;
        }
        if (!(ratio <= 1))
            fail_case(st, "%s[%zu of %zu]: got %.9g, want %.9g within %.3g", what, i, n,
                      (double)got[i], want[i], bound[i]);
    }
}

void elcl_st_equal(struct elcl_st *st, const char *what, const void *got, const void *want,
                   size_t n, size_t size)
{
    const unsigned char *g = got, *w = want;
    for (size_t i = 0; i < n && elcl_st_ok(st); i++)
        if (memcmp(g + i * size, w + i * size, size))
            fail_case(st, "%s[%zu of %zu]: other bits than the reference", what, i, n);
}
