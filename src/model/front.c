#include "model/front.h"

#include <string.h>

#include "base/half.h"
#include "model/attn.h"

bool elcl_front_fits(const struct elcl_front_frames *frames, size_t n)
{
    const size_t taken = (size_t)(frames->n_rows ? frames->n_rows : 1);
    return frames->n_gaps <= frames->windows &&
           taken + 2 * elcl_front_outputs(n) + 2 <= (size_t)frames->room;
}

static void add_gap(struct elcl_front_frames *frames, int row, int n)
{
    frames->gaps[frames->n_gaps++] = (struct elcl_front_gap){row, n};
}

/* Writes n numbers of the host as activations from element `at` on. */
static void put_numbers(void *rows, enum elcl_storage activations, size_t at, const float *numbers,
                        size_t n)
{
    uint16_t *half = (uint16_t *)rows + at;
    if (activations == ELCL_F32)
        memcpy((float *)rows + at, numbers, n * sizeof(*numbers));
    else if (activations == ELCL_BF16)
        for (size_t i = 0; i < n; i++)
            half[i] = elcl_f32_to_bf16(numbers[i]);
    else
        for (size_t i = 0; i < n; i++)
            half[i] = elcl_f32_to_f16(numbers[i]);
}

static void put_zeros(const struct elcl_front_frames *frames, enum elcl_storage activations,
                      int width, int row, int n)
{
    const size_t row_bytes = (size_t)width * elcl_storage_bytes(activations);
    memset((char *)frames->rows + (size_t)row * row_bytes, 0, (size_t)n * row_bytes);
}

int elcl_front_add(struct elcl_front_frames *frames, enum elcl_storage activations, int width,
                   const float *inputs, size_t n)
{
    if (!frames->n_rows) {
        put_zeros(frames, activations, width, 0, 1);
        add_gap(frames, 0, 1);
        frames->n_rows = 1;
    }
    const int first = frames->n_rows, after = 1 + (int)(n % 2), end = first + 1 + (int)n;
    put_zeros(frames, activations, width, first, 1);
    put_numbers(frames->rows, activations, (size_t)(first + 1) * (size_t)width, inputs,
                n * (size_t)width);
    put_zeros(frames, activations, width, end, after);
    add_gap(frames, end - 1, after + 1);
    frames->n_rows = end + after;
    return (first - 1) / 2;
}

/* One convolution with an output for every `stride`-th row of x, m of them. */
static int convolve(struct elcl_state *state, int y, enum elcl_gemm_out out, int x,
                    const struct elcl_linear *linear, int stride, int m, elcl_error *err)
{
    return elcl_state_linear(state, y, out, x, stride * linear->w.k / 3, linear, m, ELCL_ACT_GELU,
                             err);
}

int elcl_front_run(struct elcl_state *state, const struct elcl_records *records, elcl_error *err)
{
    const struct elcl_front_frames *frames = records->frames;
    const struct elcl_linear *front = state->weights->front;
    struct elcl_buffer *b = state->buffers;
    const size_t width = (size_t)state->arch->d, c = (size_t)state->arch->input_width,
                 element = elcl_storage_bytes(state->ops->activations);
    const struct elcl_reorder_args gather = {.next = &b[ELCL_B_X],
                                             .previous = &b[ELCL_B_Y],
                                             .step = &b[ELCL_B_ENCODE],
                                             .rows_at = records->rows_at,
                                             .field = ELCL_ROW_PARENT,
                                             .r = records->n_rows,
                                             .ld_bytes = width * sizeof(float),
                                             .bytes = width * sizeof(float)};
    int rc;
    ELCL_TRY(elcl_ops_upload(state->ops, &b[ELCL_B_FFN], frames->rows,
                             (size_t)frames->n_rows * c * element, err));
    ELCL_TRY(convolve(state, ELCL_B_QKV, ELCL_OUT_ACT, ELCL_B_FFN, &front[0], 1, frames->n_rows - 2,
                      err));
    for (int i = 0; i < frames->n_gaps; i++)
        ELCL_TRY(elcl_ops_zero(state->ops, &b[ELCL_B_QKV],
                               (size_t)frames->gaps[i].row * width * element,
                               (size_t)frames->gaps[i].n * width * element, err));
    ELCL_TRY(convolve(state, ELCL_B_Y, ELCL_OUT_F32, ELCL_B_QKV, &front[1], 2,
                      (frames->n_rows - 1) / 2 - 1, err));
    ELCL_TRY(elcl_op_reorder(state->ops, &gather, err));
fail:
    return rc;
}
