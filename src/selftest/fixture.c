#include "selftest/fixture.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "base/util.h"

#define GUARD_BYTES 64

/* ---- cases and runs ------------------------------------------------------------------------ */

void elcl_fixture_begin(struct elcl_fixture *fx, const char *name)
{
    fx->stream = elcl_hash(ELCL_HASH_INIT, name, strlen(name));
    fx->counter = 0;
    fx->error = fx->tolerance = fx->ratio = 0;
}

bool elcl_fixture_ok(const struct elcl_fixture *fx)
{
    return !fx->err.code;
}

bool elcl_fixture_try(struct elcl_fixture *fx, int status)
{
    if (status && !fx->err.code)
        elcl_fail(&fx->err, status, "the call failed without a reason");
    if (status)
        fx->on_failure(fx->user, status, fx->err.msg);
    return !status;
}

static void fail_nomem(struct elcl_fixture *fx)
{
    if (elcl_fixture_ok(fx))
        (void)elcl_fixture_try(fx, elcl_fail_nomem(&fx->err));
}

bool elcl_fixture_check(struct elcl_fixture *fx, bool ok, const char *fmt, ...)
{
    char reason[512];
    if (ok)
        return true;
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(reason, sizeof(reason), fmt, args);
    va_end(args);
    fx->on_failure(fx->user, ELCL_OK, reason);
    return false;
}

static void check_buffer(struct elcl_fixture *fx, const struct elcl_fixture_buffer *b, int index)
{
    const size_t bytes = b->buffer.bytes;
    if (!b->input && b->used == bytes)
        return;
    unsigned char *content = elcl_calloc(bytes, 1);
    if (!content)
        fail_nomem(fx);
    else if (elcl_fixture_try(fx, elcl_buffer_read(&b->buffer, 0, content, bytes, &fx->err))) {
        size_t i = b->used;
        while (i < bytes && content[i] == 0xff)
            i++;
        elcl_fixture_check(fx, i == bytes, "buffer %d: written %zu bytes beyond its end (%zu)",
                           index, i - b->used, b->used);
        elcl_fixture_check(fx, !b->input || elcl_hash(ELCL_HASH_INIT, content, b->used) == b->hash,
                           "buffer %d: an input has changed", index);
    }
    elcl_free(content);
}

void elcl_fixture_finish(struct elcl_fixture *fx)
{
    (void)ELCL_FIXTURE_TRY(fx, elcl_ops_finish(fx->ops, &fx->err));
    for (int i = 0; i < fx->n_buffers; i++) {
        if (elcl_fixture_ok(fx))
            check_buffer(fx, &fx->buffers[i], i);
        elcl_buffer_destroy(&fx->buffers[i].buffer);
    }
    while (fx->n_memory > 0)
        elcl_free(fx->memory[--fx->n_memory]);
    fx->n_buffers = 0;
    fx->err = (elcl_error){0};
}

/* ---- memory and buffers -------------------------------------------------------------------- */

void *elcl_fixture_memory(struct elcl_fixture *fx, size_t n, size_t size)
{
    void *memory = fx->n_memory < (int)ELCL_COUNT(fx->memory) ? elcl_calloc(n, size) : NULL;
    if (memory)
        fx->memory[fx->n_memory++] = memory;
    else
        fail_nomem(fx);
    return memory;
}

double *elcl_fixture_doubles(struct elcl_fixture *fx, size_t n)
{
    return elcl_fixture_memory(fx, n, sizeof(double));
}

int32_t *elcl_fixture_ints(struct elcl_fixture *fx, size_t n)
{
    return elcl_fixture_memory(fx, n, sizeof(int32_t));
}

double *elcl_fixture_unwritten(struct elcl_fixture *fx, size_t n)
{
    double *values = elcl_fixture_doubles(fx, n);
    for (size_t i = 0; values && i < n; i++)
        values[i] = NAN;
    return values;
}

/* An entry for a buffer; NULL after a failure. */
static struct elcl_fixture_buffer *new_buffer(struct elcl_fixture *fx)
{
    if (!elcl_fixture_ok(fx))
        return NULL;
    if (fx->n_buffers == (int)ELCL_COUNT(fx->buffers)) {
        (void)elcl_fixture_try(fx,
                               elcl_fail(&fx->err, ELCL_E_INTERNAL, "a run has too many buffers"));
        return NULL;
    }
    struct elcl_fixture_buffer *b = &fx->buffers[fx->n_buffers++];
    *b = (struct elcl_fixture_buffer){0};
    return b;
}

/* Oclgrind is a hundred times slower and sees stray reads itself: inputs have no guard there. */
static const struct elcl_buffer *make_buffer(struct elcl_fixture *fx, const void *data, size_t used,
                                             bool input)
{
    static const struct elcl_buffer none = {0};
    const bool guarded = !input || !used || !fx->device->quirks.simulator;
    const size_t bytes = used + (guarded ? GUARD_BYTES : 0);
    struct elcl_fixture_buffer *b = new_buffer(fx);
    unsigned char *content = b ? elcl_fixture_memory(fx, bytes, 1) : NULL;
    if (!content)
        return &none;
    memset(content, 0xff, bytes);
    if (data && used)
        memcpy(content, data, used);
    b->used = used;
    b->input = input;
    b->hash = elcl_hash(ELCL_HASH_INIT, content, used);
    if (elcl_fixture_try(fx, elcl_buffer_create(fx->device, "test", bytes, &b->buffer, &fx->err)))
        (void)elcl_fixture_try(fx, elcl_buffer_write(&b->buffer, 0, content, bytes, &fx->err));
    elcl_free(content);
    fx->n_memory--;
    return &b->buffer;
}

const struct elcl_buffer *elcl_fixture_input(struct elcl_fixture *fx, const void *data,
                                             size_t bytes)
{
    return make_buffer(fx, data, bytes, true);
}

const struct elcl_buffer *elcl_fixture_upload(struct elcl_fixture *fx, const float *data, size_t n)
{
    return make_buffer(fx, data, n * sizeof(*data), true);
}

const struct elcl_buffer *elcl_fixture_output(struct elcl_fixture *fx, const void *data,
                                              size_t bytes)
{
    return make_buffer(fx, data, bytes, false);
}

const struct elcl_buffer *elcl_fixture_stored(struct elcl_fixture *fx, enum elcl_storage storage,
                                              const float *values, size_t n)
{
    void *bits = elcl_fixture_memory(fx, n, elcl_ref_bytes(storage));
    if (bits && values)
        elcl_ref_store(storage, values, bits, n);
    return elcl_fixture_input(fx, bits, n * elcl_ref_bytes(storage));
}

const struct elcl_matrix *elcl_fixture_matrix_as(struct elcl_fixture *fx, enum elcl_storage storage,
                                                 int batch, int n, int k, float *values)
{
    struct elcl_matrix *matrix = elcl_fixture_memory(fx, 1, sizeof(*matrix));
    struct elcl_fixture_buffer *b = new_buffer(fx);
    const struct elcl_matrix_source source = {.data = values,
                                              .dtype = ELCL_F32,
                                              .n = n,
                                              .n_stride = (size_t)k,
                                              .k_stride = 1,
                                              .batch_stride = (size_t)n * k};
    if (!b || !elcl_fixture_try(fx, elcl_matrix_create(fx->ops, "test", storage, batch, k, &source,
                                                       1, matrix, &fx->err)))
        return matrix;
    b->buffer = matrix->buffer;
    b->used = matrix->buffer.bytes;
    elcl_ref_round_rows(storage, elcl_dot_kinds[elcl_ops_dot(fx->ops, storage)].short_sums, values,
                        (size_t)batch * n, (size_t)k);
    return matrix;
}

const struct elcl_matrix *elcl_fixture_matrix(struct elcl_fixture *fx, int batch, int n, int k,
                                              float *values)
{
    return elcl_fixture_matrix_as(fx, fx->ops->weights, batch, n, k, values);
}

const struct elcl_matrix *elcl_fixture_table(struct elcl_fixture *fx, int n, int k, float *values)
{
    return elcl_fixture_matrix_as(fx, elcl_table_storage(fx->ops->weights), 1, n, k, values);
}

const struct elcl_buffer *elcl_fixture_records(struct elcl_fixture *fx, size_t at, int rows,
                                               const int32_t *const fields[ELCL_ROW_INTS])
{
    const size_t n = at + (size_t)rows * ELCL_ROW_INTS;
    int32_t *step = elcl_fixture_ints(fx, n);
    for (size_t i = 0; elcl_fixture_ok(fx) && i < n; i++) {
        const int32_t *field = i < at ? NULL : fields[(i - at) % ELCL_ROW_INTS];
        step[i] = field ? field[(i - at) / ELCL_ROW_INTS] : -1;
    }
    return elcl_fixture_input(fx, step, n * sizeof(*step));
}

static size_t used_bytes(const struct elcl_fixture *fx, const struct elcl_buffer *buffer)
{
    for (int i = 0; i < fx->n_buffers; i++)
        if (fx->buffers[i].buffer.mem == buffer->mem)
            return fx->buffers[i].used;
    return buffer->bytes;
}

void *elcl_fixture_read(struct elcl_fixture *fx, const struct elcl_buffer *buffer)
{
    const size_t used = used_bytes(fx, buffer);
    void *data = elcl_fixture_memory(fx, used, 1);
    const bool read =
        ELCL_FIXTURE_TRY(fx, elcl_ops_finish(fx->ops, &fx->err)) &&
        (!used || elcl_fixture_try(fx, elcl_buffer_read(buffer, 0, data, used, &fx->err)));
    return read ? data : NULL;
}

float *elcl_fixture_read_as(struct elcl_fixture *fx, enum elcl_storage storage,
                            const struct elcl_buffer *buffer)
{
    const size_t n = used_bytes(fx, buffer) / elcl_ref_bytes(storage);
    uint16_t *bits = elcl_fixture_read(fx, buffer);
    if (storage == ELCL_F32 || !bits)
        return (float *)bits;
    float *values = elcl_fixture_memory(fx, n, sizeof(*values));
    if (!values)
        return NULL;
    elcl_ref_load(storage, bits, values, n);
    for (size_t i = 0; i < n; i++)
        if (bits[i] == UINT16_MAX)
            memset(&values[i], 0xff, sizeof(*values));
    return values;
}

/* ---- random inputs ------------------------------------------------------------------------- */

/* Four numbers in (0, 1). */
static void next_block(struct elcl_fixture *fx, double out[4])
{
    const uint32_t counter[4] = {fx->counter++, (uint32_t)fx->stream, (uint32_t)(fx->stream >> 32)};
    const uint32_t key[2] = {(uint32_t)fx->seed, (uint32_t)(fx->seed >> 32)};
    uint32_t words[4];
    elcl_philox(counter, key, words);
    for (int i = 0; i < 4; i++)
        out[i] = ((double)words[i] + 0.5) * 0x1p-32;
}

int elcl_fixture_int(struct elcl_fixture *fx, int low, int high)
{
    double block[4];
    next_block(fx, block);
    return low + (int)(block[0] * ((double)high - low + 1));
}

float elcl_fixture_one_of(struct elcl_fixture *fx, const float *values, size_t n)
{
    return values[elcl_fixture_int(fx, 0, (int)n - 1)];
}

/* Box and Muller. */
static void next_normals(struct elcl_fixture *fx, double out[4])
{
    double block[4];
    next_block(fx, block);
    for (int i = 0; i < 4; i += 2) {
        const double radius = sqrt(-2 * log(block[i])), angle = 6.283185307179586 * block[i + 1];
        out[i] = radius * cos(angle);
        out[i + 1] = radius * sin(angle);
    }
}

double elcl_fixture_normal(struct elcl_fixture *fx)
{
    double block[4];
    next_normals(fx, block);
    return block[0];
}

float *elcl_fixture_normals(struct elcl_fixture *fx, enum elcl_storage storage, size_t n,
                            double scale)
{
    float *values = elcl_fixture_memory(fx, n, sizeof(*values));
    double block[4];
    for (size_t i = 0; values && i < n; i++) {
        if (i % 4 == 0)
            next_normals(fx, block);
        values[i] = (float)(scale * block[i % 4]);
    }
    if (values)
        elcl_ref_round(storage, values, n);
    return values;
}

int32_t *elcl_fixture_random_ints(struct elcl_fixture *fx, size_t n, int low, int high)
{
    int32_t *values = elcl_fixture_ints(fx, n);
    for (size_t i = 0; values && i < n; i++)
        values[i] = elcl_fixture_int(fx, low, high);
    return values;
}

int32_t *elcl_fixture_permutation(struct elcl_fixture *fx, int n)
{
    int32_t *p = elcl_fixture_ints(fx, (size_t)n);
    for (int i = 0; p && i < n; i++) {
        const int j = elcl_fixture_int(fx, 0, i);
        p[i] = p[j];
        p[j] = i;
    }
    return p;
}

/* ---- comparison ---------------------------------------------------------------------------- */

bool elcl_fixture_near(struct elcl_fixture *fx, const char *what, size_t index, double got,
                       double want, double bound)
{
    const double error = fabs(got - want), ratio = error == 0 ? 0 : error / bound;
    if (!(ratio <= fx->ratio)) {
        fx->error = error;
        fx->tolerance = bound;
        fx->ratio = ratio;
    }
    return elcl_fixture_check(fx, ratio <= 1, "%s[%zu]: got %.9g, want %.9g within %.3g", what,
                              index, got, want, bound);
}

void elcl_fixture_compare(struct elcl_fixture *fx, const char *what, const float *got,
                          const double *want, const double *bound, size_t n)
{
    double worst = 0;
    size_t at = 0;
    for (size_t i = 0; got && i < n && !isnan(worst); i++) {
        uint32_t bits;
        memcpy(&bits, &got[i], sizeof(bits));
        if (isnan(want[i])) {
            if (!elcl_fixture_check(fx, bits == UINT32_MAX,
                                    "%s[%zu of %zu]: written (%.9g) but not its element", what, i,
                                    n, (double)got[i]))
                return;
            continue;
        }
        const double error = fabs((double)got[i] - want[i]);
        const double ratio = error == 0 ? 0 : error / bound[i];
        if (ratio <= worst)
            continue;
        worst = ratio;
        at = i;
    }
    if (worst != 0)
        elcl_fixture_near(fx, what, at, (double)got[at], want[at], bound[at]);
}

void elcl_storage_bounds(enum elcl_storage storage, const double *want, double *bound, size_t n)
{
    for (size_t i = 0; storage != ELCL_F32 && i < n; i++)
        bound[i] += elcl_storage_unit(storage) * (fabs(want[i]) + bound[i]) +
                    (storage == ELCL_F16 ? 0x1p-25 : 0);
}

static bool is_guard(const unsigned char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (bytes[i] != 0xff)
            return false;
    return true;
}

/* Whether no byte of a row changed that holds nothing. */
static bool keeps_padding(enum elcl_storage state, const unsigned char *row, size_t n, size_t part)
{
    if (!elcl_state_is_narrow(state))
        return true;
    const size_t values = n / part * elcl_state_part_bytes(state, part);
    const size_t groups_at = elcl_state_groups_at(state, n, part);
    const size_t end = groups_at + n / part * elcl_div_up(part, elcl_state_group(state)) * 4;
    return is_guard(row + values, groups_at - values) &&
           is_guard(row + end, elcl_state_row_bytes(state, n, part) - end);
}

/* One element: NaN is one, too. */
static bool agrees(float got, float want, float doubt)
{
    return isnan(want) ? isnan(got) : got == want || fabsf(got - want) <= 1.001f * doubt;
}

void elcl_fixture_compare_state(struct elcl_fixture *fx, const void *got, const float *want,
                                const bool *written, size_t rows, size_t n, size_t part)
{
    const enum elcl_storage state = fx->ops->state;
    const size_t row_bytes = elcl_state_row_bytes(state, n, part);
    float *rounded = elcl_fixture_memory(fx, n, sizeof(*rounded));
    float *doubt = elcl_fixture_memory(fx, n, sizeof(*doubt));
    float *values = elcl_fixture_memory(fx, n, sizeof(*values));
    for (size_t r = 0; elcl_fixture_ok(fx) && got && r < rows; r++) {
        const unsigned char *row = (const unsigned char *)got + r * row_bytes;
        if (!written[r]) {
            elcl_fixture_check(fx, is_guard(row, row_bytes), "state row %zu: written", r);
            continue;
        }
        memcpy(rounded, want + r * n, n * sizeof(*rounded));
        elcl_ref_round_state(state, rounded, doubt, 1, n, part);
        elcl_ref_load_state(state, row, values, 1, n, part);
        elcl_fixture_check(fx, keeps_padding(state, row, n, part), "state row %zu: padding", r);
        for (size_t i = 0; i < n; i++)
            if (!elcl_fixture_check(fx, agrees(values[i], rounded[i], doubt[i]),
                                    "state row %zu [%zu of %zu]: got %.9g, want %.9g", r, i, n,
                                    (double)values[i], (double)rounded[i]))
                return;
    }
}

void elcl_fixture_equal(struct elcl_fixture *fx, const char *what, const void *got,
                        const void *want, size_t n, size_t size)
{
    const unsigned char *g = got, *w = want;
    for (size_t i = 0; g && i < n; i++) {
        uint32_t a = 0, b = 0;
        if (!memcmp(g + i * size, w + i * size, size))
            continue;
        memcpy(&a, g + i * size, size < 4 ? size : 4);
        memcpy(&b, w + i * size, size < 4 ? size : 4);
        elcl_fixture_check(fx, false, "%s[%zu of %zu]: bits 0x%08x, want 0x%08x", what, i, n,
                           (unsigned)a, (unsigned)b);
        return;
    }
}
