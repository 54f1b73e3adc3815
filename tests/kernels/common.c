#include "common.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"

#define GUARD_BYTES 64

void fixture_must(int rc, const elcl_error *err)
{
    if (!rc)
        return;
    printf("kernels: cannot go on: %s\n", err->msg);
    exit(1);
}

static void warn(void *user, enum elcl_log_level level, const char *line)
{
    (void)user;
    if (level == ELCL_LOG_WARNING)
        printf("%s\n", line);
}

static void open_fixture(struct fixture *fx)
{
    elcl_error err = {0};
    if (!*fx->device) {
        const struct elcl_device_params device = {
            .device = fx->options->device, .kernels = fx->kernels, .log = warn};
        fixture_must(elcl_device_open(&device, fx->device, &err), &err);
        printf("%s kernels on %s, %s\n", fx->kernels == ELCL_KERNELS_CPU ? "cpu" : "gpu",
               (*fx->device)->desc.name, (*fx->device)->desc.platform);
    }
    elcl_probe_features(*fx->device, &fx->features);
    const struct elcl_ops_params params = {.gemm = fx->gemm,
                                           .weights = fx->weights,
                                           .state = fx->state,
                                           .compute = fx->compute,
                                           .plain_dot = fx->plain_dot,
                                           .mma = fx->mma};
    fixture_must(elcl_ops_create(*fx->device, &fx->features, &params, &fx->ops, &err), &err);
    if (fx->mma)
        fx->ops->busy_groups = 0; /* the same kernels on devices of all sizes */
}

void fixture_begin(struct fixture *fx)
{
    if (!fx->ops)
        open_fixture(fx);
}

bool fixture_is_slow(const struct fixture *fx)
{
    return *fx->device && !strcmp((*fx->device)->desc.platform, "Oclgrind");
}

void *fixture_memory(struct fixture *fx, size_t n, size_t size)
{
    void *memory = elcl_calloc(n, size);
    if (!memory || fx->n_memory == (int)ELCL_COUNT(fx->memory)) {
        printf("kernels: out of memory\n");
        exit(1);
    }
    return fx->memory[fx->n_memory++] = memory;
}

static struct fixture_buffer *new_buffer(struct fixture *fx)
{
    if (fx->n_buffers == (int)ELCL_COUNT(fx->buffers)) {
        printf("kernels: too many buffers in one run\n");
        exit(1);
    }
    return &fx->buffers[fx->n_buffers++];
}

static struct elcl_buffer *make_buffer(struct fixture *fx, const void *data, size_t bytes,
                                       bool input)
{
    elcl_error err = {0};
    struct fixture_buffer *b = new_buffer(fx);
    b->guarded = !(input && fixture_is_slow(fx)) || !bytes;
    b->used = bytes;
    b->input = input;
    const size_t all = bytes + (b->guarded ? GUARD_BYTES : 0);
    unsigned char *content = elcl_calloc(all, 1);
    if (!content)
        fixture_must(elcl_fail_nomem(&err), &err);
    memset(content, 0xff, all);
    if (data && bytes)
        memcpy(content, data, bytes);
    b->hash = elcl_hash(ELCL_HASH_INIT, content, bytes);
    fixture_must(elcl_buffer_create(*fx->device, "test", all, &b->buffer, &err), &err);
    fixture_must(elcl_buffer_write(&b->buffer, 0, content, all, &err), &err);
    elcl_free(content);
    return &b->buffer;
}

struct elcl_buffer *fixture_input(struct fixture *fx, const void *data, size_t bytes)
{
    return make_buffer(fx, data, bytes, true);
}

struct elcl_buffer *fixture_output(struct fixture *fx, const void *data, size_t bytes)
{
    return make_buffer(fx, data, bytes, false);
}

struct elcl_buffer *fixture_stored(struct fixture *fx, enum elcl_storage storage,
                                   const float *values, size_t n)
{
    void *bits = fixture_memory(fx, n, elcl_ref_bytes(storage));
    elcl_ref_store(storage, values, bits, n);
    return fixture_input(fx, bits, n * elcl_ref_bytes(storage));
}

struct elcl_matrix *fixture_matrix(struct fixture *fx, int batch, int n, int k, const float *values)
{
    elcl_error err = {0};
    struct elcl_matrix *matrix = fixture_memory(fx, 1, sizeof(*matrix));
    const struct elcl_matrix_source source = {.data = values,
                                              .dtype = ELCL_F32,
                                              .n = n,
                                              .n_stride = (size_t)k,
                                              .k_stride = 1,
                                              .batch_stride = (size_t)n * k};
    fixture_must(elcl_matrix_create(fx->ops, "test", batch, k, &source, 1, matrix, &err), &err);
    *new_buffer(fx) =
        (struct fixture_buffer){.buffer = matrix->buffer, .used = matrix->buffer.bytes};
    return matrix;
}

static void read_bytes(struct fixture *fx, const struct elcl_buffer *buffer, void *data,
                       size_t bytes)
{
    elcl_error err = {0};
    if (!CHECK(!elcl_ops_finish(fx->ops, &err), "%s", err.msg))
        fixture_must(err.code, &err);
    fixture_must(elcl_buffer_read(buffer, 0, data, bytes, &err), &err);
}

void *fixture_read(struct fixture *fx, const struct elcl_buffer *buffer)
{
    size_t used = buffer->bytes;
    for (int i = 0; i < fx->n_buffers; i++)
        if (fx->buffers[i].buffer.mem == buffer->mem)
            used = fx->buffers[i].used;
    void *data = fixture_memory(fx, used, 1);
    if (used)
        read_bytes(fx, buffer, data, used);
    return data;
}

static void check_buffer(struct fixture *fx, const struct fixture_buffer *b, int index)
{
    if (!b->guarded && !b->input)
        return;
    unsigned char *content = elcl_calloc(b->buffer.bytes, 1);
    elcl_error err = {0};
    if (!content)
        fixture_must(elcl_fail_nomem(&err), &err);
    read_bytes(fx, &b->buffer, content, b->buffer.bytes);
    for (size_t i = b->used; i < b->buffer.bytes; i++)
        if (!CHECK(content[i] == 0xff, "buffer %d: written %zu bytes beyond its end (%zu)", index,
                   i - b->used, b->used))
            break;
    if (b->input)
        CHECK(elcl_hash(ELCL_HASH_INIT, content, b->used) == b->hash,
              "buffer %d: an input has changed", index);
    elcl_free(content);
}

void fixture_end(struct fixture *fx)
{
    for (int i = 0; i < fx->n_buffers; i++) {
        check_buffer(fx, &fx->buffers[i], i);
        elcl_buffer_destroy(&fx->buffers[i].buffer);
        fx->buffers[i] = (struct fixture_buffer){0};
    }
    fx->n_buffers = 0;
    while (fx->n_memory > 0)
        elcl_free(fx->memory[--fx->n_memory]);
}

void fixture_close(struct fixture *fx)
{
    elcl_ops_destroy(&fx->ops);
}

int32_t *fixture_permutation(struct fixture *fx, int n)
{
    int32_t *p = fixture_ints(fx, (size_t)n);
    for (int i = 0; i < n; i++) {
        const int j = check_int(0, i);
        p[i] = p[j];
        p[j] = i;
    }
    return p;
}

float *fixture_normals(struct fixture *fx, size_t n, double scale)
{
    float *values = fixture_floats(fx, n);
    for (size_t i = 0; i < n; i++)
        values[i] = (float)(scale * check_normal());
    return values;
}

float *fixture_normals_in(struct fixture *fx, enum elcl_storage storage, size_t n, double scale)
{
    float *values = fixture_normals(fx, n, scale);
    elcl_ref_round(storage, values, n);
    return values;
}

float *fixture_weights(struct fixture *fx, size_t rows, size_t n, float **held)
{
    float *values = fixture_normals(fx, rows * n, 1);
    *held = fixture_floats(fx, rows * n);
    memcpy(*held, values, rows * n * sizeof(float));
    elcl_ref_round_rows(fx->weights, *held, rows, n);
    return values;
}

double *fixture_unwritten(struct fixture *fx, size_t n)
{
    double *values = fixture_doubles(fx, n);
    for (size_t i = 0; i < n; i++)
        values[i] = NAN;
    return values;
}

bool check_bounded(const char *what, const float *got, const double *want, const double *bound,
                   size_t n)
{
    double worst = 0;
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &got[i], sizeof(bits));
        if (isnan(want[i])) {
            if (!CHECK(bits == UINT32_MAX, "%s[%zu of %zu]: written (%.9g) but not its element",
                       what, i, n, (double)got[i]))
                return false;
            continue;
        }
        const double error = fabs((double)got[i] - want[i]);
        const double excess = error == 0 ? 0 : error / bound[i];
        if (!(excess <= worst)) {
            worst = excess;
            at = i;
            if (isnan(excess))
                break;
        }
    }
    return CHECK(worst <= 1, "%s[%zu of %zu]: got %.9g, want %.9g, difference %.3g of at most %.3g",
                 what, at, n, (double)got[at], want[at], fabs((double)got[at] - want[at]),
                 bound[at]);
}

bool check_bytes(const char *what, const void *got, const void *want, size_t n, size_t size)
{
    const unsigned char *g = got, *w = want;
    for (size_t i = 0; i < n; i++) {
        if (!memcmp(g + i * size, w + i * size, size))
            continue;
        uint32_t a = 0, b = 0;
        memcpy(&a, g + i * size, size < 4 ? size : 4);
        memcpy(&b, w + i * size, size < 4 ? size : 4);
        return CHECK(false, "%s[%zu of %zu]: bits 0x%08x, want 0x%08x", what, i, n, (unsigned)a,
                     (unsigned)b);
    }
    return true;
}

const char *storage_name(enum elcl_storage storage)
{
    static const char *const names[] = {
        [ELCL_F32] = "f32", [ELCL_F16] = "f16", [ELCL_BF16] = "bf16", [ELCL_INT8] = "int8"};
    return names[storage];
}
