#include "common.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"

#define GUARD_BYTES 64

void bed_must(int rc, const elcl_error *err)
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

static void open_bed(struct bed *bed)
{
    elcl_error err = {0};
    if (!*bed->device) {
        const struct elcl_device_params device = {
            .device = bed->options->device, .kernels = bed->kernels, .log = warn};
        bed_must(elcl_device_open(&device, bed->device, &err), &err);
        printf("%s kernels on %s, %s\n", bed->kernels == ELCL_KERNELS_CPU ? "cpu" : "gpu",
               (*bed->device)->desc.name, (*bed->device)->desc.platform);
    }
    const struct elcl_ops_params params = {.gemm = bed->gemm,
                                           .weights = bed->weights,
                                           .state = bed->state,
                                           .compute = bed->compute,
                                           .plain_dot = bed->plain_dot,
                                           .mma = bed->mma};
    bed_must(elcl_ops_create(*bed->device, &params, &bed->ops, &err), &err);
    if (bed->mma)
        bed->ops->busy_groups = 0; /* the same kernels on devices of all sizes */
}

void bed_begin(struct bed *bed)
{
    if (!bed->ops)
        open_bed(bed);
}

bool bed_is_slow(const struct bed *bed)
{
    return *bed->device && !strcmp((*bed->device)->desc.platform, "Oclgrind");
}

void *bed_memory(struct bed *bed, size_t n, size_t size)
{
    void *memory = elcl_calloc(n, size);
    if (!memory || bed->n_memory == (int)ELCL_COUNT(bed->memory)) {
        printf("kernels: out of memory\n");
        exit(1);
    }
    return bed->memory[bed->n_memory++] = memory;
}

static struct bed_buffer *new_buffer(struct bed *bed)
{
    if (bed->n_buffers == (int)ELCL_COUNT(bed->buffers)) {
        printf("kernels: too many buffers in one run\n");
        exit(1);
    }
    return &bed->buffers[bed->n_buffers++];
}

static struct elcl_buffer *make_buffer(struct bed *bed, const void *data, size_t bytes, bool input)
{
    elcl_error err = {0};
    struct bed_buffer *b = new_buffer(bed);
    b->guarded = !(input && bed_is_slow(bed)) || !bytes;
    b->used = bytes;
    b->input = input;
    const size_t all = bytes + (b->guarded ? GUARD_BYTES : 0);
    unsigned char *content = elcl_calloc(all, 1);
    if (!content)
        bed_must(elcl_fail_nomem(&err), &err);
    memset(content, 0xff, all);
    if (data && bytes)
        memcpy(content, data, bytes);
    b->hash = elcl_hash(ELCL_HASH_INIT, content, bytes);
    bed_must(elcl_buffer_create(*bed->device, "test", all, &b->buffer, &err), &err);
    bed_must(elcl_buffer_write(&b->buffer, 0, content, all, &err), &err);
    elcl_free(content);
    return &b->buffer;
}

struct elcl_buffer *bed_input(struct bed *bed, const void *data, size_t bytes)
{
    return make_buffer(bed, data, bytes, true);
}

struct elcl_buffer *bed_output(struct bed *bed, const void *data, size_t bytes)
{
    return make_buffer(bed, data, bytes, false);
}

struct elcl_buffer *bed_stored(struct bed *bed, enum elcl_storage storage, const float *values,
                               size_t n)
{
    void *bits = bed_memory(bed, n, elcl_ref_bytes(storage));
    elcl_ref_store(storage, values, bits, n);
    return bed_input(bed, bits, n * elcl_ref_bytes(storage));
}

struct elcl_matrix *bed_matrix(struct bed *bed, int batch, int n, int k, const float *values)
{
    elcl_error err = {0};
    struct elcl_matrix *matrix = bed_memory(bed, 1, sizeof(*matrix));
    const struct elcl_matrix_source source = {.data = values,
                                              .dtype = ELCL_F32,
                                              .n = n,
                                              .n_stride = (size_t)k,
                                              .k_stride = 1,
                                              .batch_stride = (size_t)n * k};
    bed_must(elcl_matrix_create(bed->ops, "test", batch, k, &source, 1, matrix, &err), &err);
    *new_buffer(bed) = (struct bed_buffer){.buffer = matrix->buffer, .used = matrix->buffer.bytes};
    return matrix;
}

static void read_bytes(struct bed *bed, const struct elcl_buffer *buffer, void *data, size_t bytes)
{
    elcl_error err = {0};
    if (!CHECK(!elcl_ops_finish(bed->ops, &err), "%s", err.msg))
        bed_must(err.code, &err);
    bed_must(elcl_buffer_read(buffer, 0, data, bytes, &err), &err);
}

void *bed_read(struct bed *bed, const struct elcl_buffer *buffer)
{
    size_t used = buffer->bytes;
    for (int i = 0; i < bed->n_buffers; i++)
        if (bed->buffers[i].buffer.mem == buffer->mem)
            used = bed->buffers[i].used;
    void *data = bed_memory(bed, used, 1);
    if (used)
        read_bytes(bed, buffer, data, used);
    return data;
}

static void check_buffer(struct bed *bed, const struct bed_buffer *b, int index)
{
    if (!b->guarded && !b->input)
        return;
    unsigned char *content = elcl_calloc(b->buffer.bytes, 1);
    elcl_error err = {0};
    if (!content)
        bed_must(elcl_fail_nomem(&err), &err);
    read_bytes(bed, &b->buffer, content, b->buffer.bytes);
    for (size_t i = b->used; i < b->buffer.bytes; i++)
        if (!CHECK(content[i] == 0xff, "buffer %d: written %zu bytes beyond its end (%zu)", index,
                   i - b->used, b->used))
            break;
    if (b->input)
        CHECK(elcl_hash(ELCL_HASH_INIT, content, b->used) == b->hash,
              "buffer %d: an input has changed", index);
    elcl_free(content);
}

void bed_end(struct bed *bed)
{
    for (int i = 0; i < bed->n_buffers; i++) {
        check_buffer(bed, &bed->buffers[i], i);
        elcl_buffer_destroy(&bed->buffers[i].buffer);
        bed->buffers[i] = (struct bed_buffer){0};
    }
    bed->n_buffers = 0;
    while (bed->n_memory > 0)
        elcl_free(bed->memory[--bed->n_memory]);
}

void bed_close(struct bed *bed)
{
    elcl_ops_destroy(&bed->ops);
}

int32_t *bed_permutation(struct bed *bed, int n)
{
    int32_t *p = bed_ints(bed, (size_t)n);
    for (int i = 0; i < n; i++) {
        const int j = check_int(0, i);
        p[i] = p[j];
        p[j] = i;
    }
    return p;
}

float *bed_normals(struct bed *bed, size_t n, double scale)
{
    float *values = bed_floats(bed, n);
    for (size_t i = 0; i < n; i++)
        values[i] = (float)(scale * check_normal());
    return values;
}

float *bed_normals_in(struct bed *bed, enum elcl_storage storage, size_t n, double scale)
{
    float *values = bed_normals(bed, n, scale);
    elcl_ref_round(storage, values, n);
    return values;
}

float *bed_weights(struct bed *bed, size_t rows, size_t n, float **held)
{
    float *values = bed_normals(bed, rows * n, 1);
    *held = bed_floats(bed, rows * n);
    memcpy(*held, values, rows * n * sizeof(float));
    elcl_ref_round_rows(bed->weights, *held, rows, n);
    return values;
}

double *bed_unwritten(struct bed *bed, size_t n)
{
    double *values = bed_doubles(bed, n);
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
