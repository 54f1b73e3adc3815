/* The fixture of the cases: memory, buffers, random inputs, comparison, the report. */
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

static void report(struct elcl_fixture *fx)
{
    elcl_selftest_case *c = &fx->result;
    int *count = c->verdict == ELCL_SELFTEST_PASS   ? &fx->summary.passed
                 : c->verdict == ELCL_SELFTEST_FAIL ? &fx->summary.failed
                                                    : &fx->summary.skipped;
    ++*count;
    if (fx->params->on_case)
        fx->params->on_case(fx->params->user, c);
}

static void start(struct elcl_fixture *fx, const char *operation, const char *shape)
{
    fx->result = (elcl_selftest_case){.device = &fx->device->desc,
                                      .operation = operation,
                                      .shape = shape,
                                      .kernels = fx->device->kernels,
                                      .weights = fx->result.weights,
                                      .state = fx->result.state,
                                      .reason = ""};
    fx->err = (elcl_error){0};
    fx->failed = false;
    fx->reason[0] = '\0';
    fx->case_ns = elcl_clock_ns();
    fx->stream++;
    fx->counter = 0;
}

void elcl_fixture_skip(struct elcl_fixture *fx, const char *operation, const char *shape,
                       const char *reason)
{
    start(fx, operation, shape);
    fx->result.verdict = ELCL_SELFTEST_SKIP;
    fx->result.reason = reason;
    report(fx);
}

bool elcl_fixture_begin(struct elcl_fixture *fx, const char *operation, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(fx->shape, sizeof(fx->shape), fmt, args);
    va_end(args);
    const double budget = fx->params->budget_seconds;
    if (!fx->fatal && (budget <= 0 || seconds_since(fx->begun_ns) < budget)) {
        start(fx, operation, fx->shape);
        return true;
    }
    elcl_fixture_skip(fx, operation, fx->shape,
                      fx->fatal ? "host memory is short" : "the time budget is spent");
    return false;
}

bool elcl_fixture_ok(const struct elcl_fixture *fx)
{
    return !fx->failed && !fx->err.code;
}

bool elcl_fixture_try(struct elcl_fixture *fx, int rc)
{
    if (rc && !fx->err.code)
        elcl_fail(&fx->err, rc, "the operation failed without saying why");
    return !rc;
}

static void fail_case(struct elcl_fixture *fx, const char *fmt, ...) ELCL_PRINTF(2, 3);
static void fail_case(struct elcl_fixture *fx, const char *fmt, ...)
{
    if (fx->failed)
        return;
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(fx->reason, sizeof(fx->reason), fmt, args);
    va_end(args);
    fx->failed = true;
}

static void check_guard(struct elcl_fixture *fx, const struct elcl_buffer *buffer, size_t used)
{
    unsigned char guard[GUARD_BYTES];
    if (used == buffer->bytes ||
        !elcl_fixture_try(fx, elcl_buffer_read(buffer, used, guard, GUARD_BYTES, &fx->err)))
        return;
    for (size_t i = 0; i < GUARD_BYTES; i++)
        if (guard[i] != 0xff)
            fail_case(fx, "written %zu bytes beyond the end of an output of %zu", i, used);
}

void elcl_fixture_end(struct elcl_fixture *fx)
{
    elcl_selftest_case *c = &fx->result;
    if (!fx->err.code)
        (void)elcl_fixture_try(fx, elcl_ops_finish(fx->ops, &fx->err));
    for (int i = 0; i < fx->n_buffers; i++) {
        if (elcl_fixture_ok(fx))
            check_guard(fx, &fx->buffers[i].buffer, fx->buffers[i].used);
        elcl_buffer_destroy(&fx->buffers[i].buffer);
    }
    fx->n_buffers = 0;
    while (fx->n_memory > 0)
        elcl_free(fx->memory[--fx->n_memory]);
    c->seconds = seconds_since(fx->case_ns);
    c->verdict = elcl_fixture_ok(fx) ? ELCL_SELFTEST_PASS : ELCL_SELFTEST_FAIL;
    if (fx->err.code == ELCL_E_NOMEM)
        fx->fatal = true;
    if (fx->err.code == ELCL_E_NOMEM || fx->err.code == ELCL_E_DEVICE_NOMEM)
        c->verdict = ELCL_SELFTEST_SKIP; /* a shortage is no wrong kernel */
    c->reason = fx->err.code ? fx->err.msg : fx->reason;
    report(fx);
}

/* ---- memory and buffers -------------------------------------------------------------------- */

void *elcl_fixture_memory(struct elcl_fixture *fx, size_t n, size_t size)
{
    void *memory = fx->n_memory < (int)ELCL_COUNT(fx->memory) ? elcl_calloc(n, size) : NULL;
    if (memory)
        fx->memory[fx->n_memory++] = memory;
    else
        elcl_fail_nomem(&fx->err);
    return memory;
}

/* A buffer of `used` bytes and, for outputs, a guard; never NULL. */
static const struct elcl_buffer *make_buffer(struct elcl_fixture *fx, const void *data, size_t used,
                                             size_t guard)
{
    static const struct elcl_buffer none = {0};
    if (!elcl_fixture_ok(fx))
        return &none;
    if (fx->n_buffers == (int)ELCL_COUNT(fx->buffers) || !used) {
        elcl_fail(&fx->err, ELCL_E_INTERNAL, "a case of the self-test has a wrong buffer");
        return &none;
    }
    struct elcl_buffer *b = &fx->buffers[fx->n_buffers].buffer;
    unsigned char *content = elcl_calloc(used + guard, 1);
    if (!content) {
        elcl_fail_nomem(&fx->err);
        return &none;
    }
    memset(content, 0xff, used + guard);
    if (data)
        memcpy(content, data, used);
    if (elcl_fixture_try(fx,
                         elcl_buffer_create(fx->device, "self-test", used + guard, b, &fx->err))) {
        fx->buffers[fx->n_buffers++].used = used;
        (void)elcl_fixture_try(fx, elcl_buffer_write(b, 0, content, used + guard, &fx->err));
    }
    elcl_free(content);
    return elcl_fixture_ok(fx) ? b : &none;
}

const struct elcl_buffer *elcl_fixture_input(struct elcl_fixture *fx, const void *data,
                                             size_t bytes)
{
    return make_buffer(fx, data, bytes, 0);
}

const struct elcl_buffer *elcl_fixture_output(struct elcl_fixture *fx, const void *data,
                                              size_t bytes)
{
    return make_buffer(fx, data, bytes, GUARD_BYTES);
}

const struct elcl_buffer *elcl_fixture_stored(struct elcl_fixture *fx, enum elcl_storage storage,
                                              const float *values, size_t n)
{
    void *bits = elcl_fixture_memory(fx, n, elcl_ref_bytes(storage));
    if (bits && values)
        elcl_ref_store(storage, values, bits, n);
    return elcl_fixture_input(fx, bits, n * elcl_ref_bytes(storage));
}

void elcl_fixture_matrix(struct elcl_fixture *fx, int batch, int n, int k, float *values,
                         struct elcl_matrix *matrix)
{
    *matrix = (struct elcl_matrix){0};
    if (!elcl_fixture_ok(fx) || fx->n_buffers == (int)ELCL_COUNT(fx->buffers))
        return;
    const struct elcl_matrix_source source = {.data = values,
                                              .dtype = ELCL_F32,
                                              .n = n,
                                              .n_stride = (size_t)k,
                                              .k_stride = 1,
                                              .batch_stride = (size_t)n * k};
    if (!elcl_fixture_try(
            fx, elcl_matrix_create(fx->ops, "self-test", batch, k, &source, 1, matrix, &fx->err)))
        return;
    fx->buffers[fx->n_buffers].buffer = matrix->buffer;
    fx->buffers[fx->n_buffers++].used = matrix->buffer.bytes;
    elcl_ref_round_rows(fx->ops->weights, values, (size_t)batch * n, (size_t)k);
}

void *elcl_fixture_read(struct elcl_fixture *fx, const struct elcl_buffer *buffer)
{
    size_t used = 0;
    for (int i = 0; i < fx->n_buffers; i++)
        if (fx->buffers[i].buffer.mem == buffer->mem)
            used = fx->buffers[i].used;
    void *data = elcl_fixture_memory(fx, used, 1);
    if (!elcl_fixture_ok(fx) || !elcl_fixture_try(fx, elcl_ops_finish(fx->ops, &fx->err)) ||
        !elcl_fixture_try(fx, elcl_buffer_read(buffer, 0, data, used, &fx->err)))
        return NULL;
    return data;
}

const struct elcl_buffer *elcl_fixture_records(struct elcl_fixture *fx, size_t at, int rows,
                                               const int32_t *const fields[ELCL_ROW_INTS])
{
    const size_t n = at + (size_t)rows * ELCL_ROW_INTS;
    int32_t *step = elcl_fixture_memory(fx, n, sizeof(*step));
    if (!elcl_fixture_ok(fx))
        return elcl_fixture_input(fx, step, 0);
    memset(step, 0xff, n * sizeof(*step));
    for (int row = 0; row < rows; row++)
        for (int f = 0; f < ELCL_ROW_INTS; f++)
            if (fields[f])
                step[at + (size_t)row * ELCL_ROW_INTS + f] = fields[f][row];
    return elcl_fixture_input(fx, step, n * sizeof(*step));
}

/* ---- random inputs ------------------------------------------------------------------------- */

static void next_block(struct elcl_fixture *fx, uint32_t out[4])
{
    const uint32_t counter[4] = {fx->counter++, fx->stream, 0, 0};
    const uint32_t key[2] = {(uint32_t)fx->params->seed, (uint32_t)(fx->params->seed >> 32)};
    elcl_philox(counter, key, out);
}

int elcl_fixture_int(struct elcl_fixture *fx, int low, int high)
{
    uint32_t words[4];
    next_block(fx, words);
    return low + (int)(words[0] % ((uint32_t)(high - low) + 1));
}

float *elcl_fixture_floats(struct elcl_fixture *fx, enum elcl_storage storage, size_t n,
                           double scale)
{
    float *values = elcl_fixture_memory(fx, n, sizeof(*values));
    if (!values)
        return NULL;
    for (size_t i = 0; i < n; i += 4) {
        uint32_t words[4];
        next_block(fx, words);
        for (size_t j = i; j < n && j < i + 4; j++) /* uniform over +- sqrt 3 */
            values[j] = (float)(scale * 1.7320508 * ((double)words[j - i] * 0x1p-31 - 1));
    }
    elcl_ref_round(storage, values, n);
    return values;
}

int32_t *elcl_fixture_permutation(struct elcl_fixture *fx, int n)
{
    int32_t *p = elcl_fixture_memory(fx, (size_t)n, sizeof(*p));
    for (int i = 0; p && i < n; i++) {
        const int j = elcl_fixture_int(fx, 0, i);
        p[i] = p[j];
        p[j] = i;
    }
    return p;
}

/* ---- comparison ---------------------------------------------------------------------------- */

void elcl_fixture_compare(struct elcl_fixture *fx, const char *what, const float *got,
                          const double *want, const double *bound, size_t n)
{
    elcl_selftest_case *c = &fx->result;
    for (size_t i = 0; i < n && elcl_fixture_ok(fx); i++) {
        if (isnan(want[i])) {
            uint32_t bits;
            memcpy(&bits, &got[i], sizeof(bits));
            if (bits != UINT32_MAX)
                fail_case(fx, "%s[%zu of %zu]: written (%.9g) but not its element", what, i, n,
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
            fail_case(fx, "%s[%zu of %zu]: got %.9g, want %.9g within %.3g", what, i, n,
                      (double)got[i], want[i], bound[i]);
    }
}

void elcl_fixture_equal(struct elcl_fixture *fx, const char *what, const void *got,
                        const void *want, size_t n, size_t size)
{
    const unsigned char *g = got, *w = want;
    for (size_t i = 0; i < n && elcl_fixture_ok(fx); i++)
        if (memcmp(g + i * size, w + i * size, size))
            fail_case(fx, "%s[%zu of %zu]: other bits than the reference", what, i, n);
}
