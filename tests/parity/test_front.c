/* The convolutions before an encoder of numbers: several windows of all lengths in one encoding,
 * against the definition in double precision, and against each window for itself, bit by bit. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "parity/common.h"
#include "ref/ref.h"

enum { D = 24, C = 16, POSITIONS = 9, WINDOWS = 6, MOST = 2 * POSITIONS };

/* Frames of each window: as many as there may be, odd, one, even. */
static const int frames[WINDOWS] = {MOST, 7, 1, 2, 3, 8};

static const struct elcl_arch arch = {.d = D,
                                      .vocabulary = 50,
                                      .input_width = C,
                                      .max_positions = POSITIONS,
                                      .encoder_layers = 1,
                                      .decoder_layers = 1,
                                      .encoder_heads = 2,
                                      .decoder_heads = 2,
                                      .encoder_ffn = 16,
                                      .decoder_ffn = 16,
                                      .pre_norm = true};

/* Inputs, and weights as [D, C, 3] and [D, D, 3]. */
struct numbers {
    float x[WINDOWS][MOST * C];
    float w[2][D * D * 3], b[2][D];
    double want[WINDOWS][POSITIONS * D];
    float got[WINDOWS][POSITIONS * D];
};

static float number(void)
{
    return (float)check_int(-1000, 1000) / 1000;
}

static void make_numbers(struct numbers *n)
{
    static double first[MOST * D], x[MOST * C];
    for (int i = 0; i < 2 * D * D * 3; i++)
        n->w[i % 2][i / 2] = number() / 6;
    for (int i = 0; i < 2 * D; i++)
        n->b[i % 2][i / 2] = number();
    for (int w = 0; w < WINDOWS; w++) {
        for (int i = 0; i < frames[w] * C; i++)
            x[i] = (double)(n->x[w][i] = number());
        const struct elcl_ref_convolution_args one = {.y = first,
                                                      .x = x,
                                                      .w = n->w[0],
                                                      .b = n->b[0],
                                                      .act = elcl_ref_gelu,
                                                      .n = frames[w],
                                                      .c = C,
                                                      .d = D,
                                                      .stride = 1};
        const struct elcl_ref_convolution_args two = {.y = n->want[w],
                                                      .x = first,
                                                      .w = n->w[1],
                                                      .b = n->b[1],
                                                      .act = elcl_ref_gelu,
                                                      .n = frames[w],
                                                      .c = D,
                                                      .d = D,
                                                      .stride = 2};
        elcl_ref_convolution(&one);
        elcl_ref_convolution(&two);
    }
}

/* Packs a convolution as the loader does: column tap * c + channel. */
static int load(struct elcl_ops *ops, const float *w, const float *b, int c,
                struct elcl_linear *linear, elcl_error *err)
{
    float ordered[D * D * 3];
    const struct elcl_matrix_source source = {
        .data = ordered, .dtype = ELCL_F32, .n = D, .n_stride = 3 * (size_t)c, .k_stride = 1};
    int rc;
    for (int i = 0; i < D * 3 * c; i++)
        ordered[i / (3 * c) * 3 * c + i % 3 * c + i / 3 % c] = w[i];
    ELCL_TRY(elcl_matrix_create(ops, "front", ops->weights, 1, 3 * c, &source, 1, &linear->w, err));
    ELCL_TRY(elcl_buffer_create(ops->device, "bias", D * sizeof(float), &linear->bias, err));
    ELCL_TRY(elcl_buffer_write(&linear->bias, 0, b, D * sizeof(float), err));
fail:
    return rc;
}

static void unload(struct elcl_weights *weights)
{
    for (int i = 0; i < 2; i++) {
        elcl_buffer_destroy(&weights->front[i].w.buffer);
        elcl_buffer_destroy(&weights->front[i].bias);
    }
}

/* Runs windows first .. first + n - 1 in one encoding; their outputs are the next of `got`. */
static int run(struct elcl_state *state, struct elcl_numbers *host, const struct numbers *numbers,
               int first, int n, float (*got)[POSITIONS * D], elcl_error *err)
{
    const size_t rows = (size_t)state->capacity.encode_rows;
    struct elcl_records records = {.buffer = ELCL_B_ENCODE, .self_at = rows * ELCL_ROW_INTS};
    float *x = elcl_ops_host_memory(state->ops, rows * D, sizeof(float));
    const float *from = x;
    int rc = ELCL_OK;
    records.data = elcl_ops_host_memory(state->ops, rows, 14 * sizeof(int32_t));
    host->frames.n_rows = host->frames.n_gaps = 0;
    ELCL_TRY(elcl_numbers_reserve(host, state, ELCL_SOURCE_INPUTS, err));
    for (int w = first; w < first + n; w++) {
        const struct elcl_source source = {.kind = ELCL_SOURCE_INPUTS,
                                           .numbers = numbers->x[w],
                                           .n_inputs = (size_t)frames[w],
                                           .n = elcl_front_outputs((size_t)frames[w])};
        if (CHECK(elcl_numbers_fit(host, state, &records, &source), "window %d does not fit", w))
            elcl_numbers_add(host, state, &records, &source, 0);
    }
    records.n = records.self_at + (size_t)records.n_rows * ELCL_ROW_GROUP_INTS;
    ELCL_TRY(elcl_ops_upload(state->ops, &state->buffers[ELCL_B_ENCODE], records.data,
                             records.n * sizeof(*records.data), err));
    ELCL_TRY(elcl_front_run(state, &records, err));
    ELCL_TRY(elcl_ops_download(state->ops, &state->buffers[ELCL_B_X], x,
                               (size_t)records.n_rows * D * sizeof(float), err));
    for (int w = 0; w < n; w++) {
        const size_t n_row = elcl_front_outputs((size_t)frames[first + w]) * D;
        memcpy(got[w], from, n_row * sizeof(*from));
        from += n_row;
    }
fail:
    return rc;
}

/* All windows at once, then one by one. */
static void compare(struct elcl_state *state, struct numbers *n, double tolerance, bool same_bits)
{
    struct elcl_numbers host = {0};
    float one[1][POSITIONS * D];
    elcl_error err = {0};
    CHECK(!run(state, &host, n, 0, WINDOWS, n->got, &err), "%s", err.msg);
    for (int w = 0; w < WINDOWS; w++) {
        const size_t n_w = elcl_front_outputs((size_t)frames[w]) * D;
        double worst = 0;
        for (size_t i = 0; i < n_w; i++)
            worst = fmax(worst, fabs((double)n->got[w][i] - n->want[w][i]));
        CHECK(worst <= tolerance, "window %d differs by %g", w, worst);
        CHECK(!run(state, &host, n, w, 1, one, &err), "%s", err.msg);
        CHECK(!same_bits || !memcmp(one[0], n->got[w], n_w * sizeof(float)),
              "window %d by itself: other bits", w);
    }
}

static void test_front(const struct setup *setup, double tolerance,
                       const struct check_options *options)
{
    static struct numbers numbers;
    struct golden golden;
    if (!setup_case("front", "tiny-bart", setup) || !golden_load("tiny-bart", &golden))
        return;
    elcl_model *model = setup_open(golden.directory, setup, options); /* for its kernels */
    struct elcl_weights weights = {.n_embeddings = 0};
    struct elcl_state state = {0};
    struct elcl_ops *ops = NULL;
    elcl_error err = {0};
    struct elcl_capacity c = {
        .sentences = 1, .beams = 1, .max_source = POSITIONS, .max_target = 4, .width = 2};
    int rc = model ? ELCL_OK : ELCL_E_INTERNAL;
    ELCL_TRY(rc);
    c.encode_rows = WINDOWS * POSITIONS;
    c.gpu = model->ops->kernels == ELCL_KERNELS_GPU;
    c.activations = model->ops->activations;
    c.rounds_inputs = model->ops->dot != ELCL_DOT_NONE;
    make_numbers(&numbers);
    ELCL_TRY(load(model->ops, numbers.w[0], numbers.b[0], C, &weights.front[0], &err));
    ELCL_TRY(load(model->ops, numbers.w[1], numbers.b[1], D, &weights.front[1], &err));
    ELCL_TRY(elcl_ops_clone(model->ops, false, &ops, &err));
    ELCL_TRY(elcl_state_init(&state, &arch, &weights, ELCL_ATTN_EL, &c, ops, &err));
    compare(&state, &numbers, tolerance, setup->gemm == ELCL_GEMM_NATIVE);
fail:
    CHECK(!rc, "%s", err.msg);
    elcl_state_finish(&state);
    unload(&weights);
    setup_close(&model);
    golden_finish(&golden);
}

int main(int argc, char **argv)
{
    const struct check_options *options = check_begin(argc, argv);
    static const struct {
        struct setup setup;
        double tolerance;
    } setups[] = {
        {{.attention = ELCL_ATTN_EL, .kernels = ELCL_KERNELS_CPU, .gemm = ELCL_GEMM_NATIVE}, 3e-6},
        {{.attention = ELCL_ATTN_EL, .kernels = ELCL_KERNELS_GPU, .gemm = ELCL_GEMM_NATIVE}, 3e-6},
        {{.attention = ELCL_ATTN_EL, .kernels = ELCL_KERNELS_CPU, .gemm = ELCL_GEMM_CLBLAST}, 3e-6},
        {{.attention = ELCL_ATTN_EL,
          .kernels = ELCL_KERNELS_CPU,
          .gemm = ELCL_GEMM_NATIVE,
          .weights = ELCL_INT8,
          .compute = ELCL_COMPUTE_INT8},
         0.05},
        {{.attention = ELCL_ATTN_EL,
          .kernels = ELCL_KERNELS_CPU,
          .gemm = ELCL_GEMM_NATIVE,
          .weights = ELCL_BF16,
          .compute = ELCL_COMPUTE_BF16},
         0.02},
        {{.attention = ELCL_ATTN_EL,
          .kernels = ELCL_KERNELS_GPU,
          .gemm = ELCL_GEMM_NATIVE,
          .weights = ELCL_F16,
          .compute = ELCL_COMPUTE_F16},
         0.003},
    };
    for (size_t i = 0; i < ELCL_COUNT(setups); i++)
        test_front(&setups[i].setup, setups[i].tolerance, options);
    return check_end();
}
