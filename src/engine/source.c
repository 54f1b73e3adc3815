#include "engine/source.h"

#include <math.h>
#include <string.h>

#include "base/util.h"
#include "engine/engine.h"
#include "model/attn.h"

/* ---- requests -------------------------------------------------------------------------------- */

static int read_tokens(const struct elcl_model *model, const elcl_request *request,
                       struct elcl_source *source, elcl_error *err)
{
    const struct elcl_arch *arch = &model->arch;
    if (arch->input_width)
        return elcl_fail(err, ELCL_E_ARG,
                         "%s reads frames of %d numbers: expected inputs or source_rows, not "
                         "tokens as source",
                         model->family->model_type, arch->input_width);
    for (size_t i = 0; i < request->n_source; i++)
        if (request->source[i] < 0 || request->source[i] >= arch->source_vocabulary)
            return elcl_fail(err, ELCL_E_ARG, "source token %zu is %d, outside 0 .. %d", i,
                             (int)request->source[i], arch->source_vocabulary - 1);
    *source = (struct elcl_source){
        .kind = ELCL_SOURCE_TOKENS, .tokens = request->source, .n = request->n_source};
    return ELCL_OK;
}

/* Numbers that are not finite would end the engine with all its requests. */
static int check_numbers(const char *what, const float *numbers, size_t rows, size_t width,
                         elcl_error *err)
{
    for (size_t i = 0; i < rows * width; i++)
        if (!isfinite(numbers[i]))
            return elcl_fail(err, ELCL_E_ARG, "%s: number %zu of row %zu is not finite", what,
                             i % width, i / width);
    return ELCL_OK;
}

static int read_inputs(const struct elcl_model *model, const elcl_request *request,
                       struct elcl_source *source, elcl_error *err)
{
    const struct elcl_arch *arch = &model->arch;
    const size_t n = elcl_front_outputs(request->n_inputs);
    if (!arch->input_width)
        return elcl_fail(err, ELCL_E_ARG, "%s reads tokens: expected source%s, not inputs",
                         model->family->model_type, arch->decoder_only ? "" : " or source_rows");
    if (request->n_source && request->n_source != n)
        return elcl_fail(err, ELCL_E_ARG,
                         "n_source is %zu, but the encoder makes %zu rows of %zu inputs; expected "
                         "0 or that",
                         request->n_source, n, request->n_inputs);
    *source = (struct elcl_source){.kind = ELCL_SOURCE_INPUTS,
                                   .numbers = request->inputs,
                                   .n_inputs = request->n_inputs,
                                   .n = n};
    return ELCL_OK;
}

static int read_rows(const struct elcl_model *model, const elcl_request *request,
                     struct elcl_source *source, elcl_error *err)
{
    if (model->arch.decoder_only)
        return elcl_fail(err, ELCL_E_ARG, "source_rows are for models with an encoder; %s has none",
                         model->family->model_type);
    *source = (struct elcl_source){
        .kind = ELCL_SOURCE_ROWS, .numbers = request->source_rows, .n = request->n_source};
    return ELCL_OK;
}

/* Returns the length of a row of numbers. */
static size_t width_of(const struct elcl_arch *arch, const struct elcl_source *source)
{
    return (size_t)(source->kind == ELCL_SOURCE_INPUTS ? arch->input_width : arch->d);
}

static size_t numbers_of(const struct elcl_source *source)
{
    return source->kind == ELCL_SOURCE_INPUTS ? source->n_inputs : source->n;
}

int elcl_source_read(const struct elcl_model *model, const elcl_request *request, size_t max,
                     struct elcl_source *source, elcl_error *err)
{
    static const char *const units[] = {"tokens", "inputs", "rows"};
    const bool tokens = request->source != NULL, inputs = request->inputs != NULL,
               rows = request->source_rows != NULL;
    struct elcl_source s = {0};
    int rc;
    if (tokens + inputs + rows > 1)
        return elcl_fail(err, ELCL_E_ARG,
                         "expected one of source, inputs and source_rows, found %s",
                         tokens && inputs && rows ? "all three" : "two of them");
    if (inputs)
        ELCL_TRY(read_inputs(model, request, &s, err));
    else if (rows)
        ELCL_TRY(read_rows(model, request, &s, err));
    else if (request->n_source && tokens)
        ELCL_TRY(read_tokens(model, request, &s, err));
    if (!s.n)
        return elcl_fail(err, ELCL_E_ARG, "the source has no %s",
                         units[model->arch.input_width && !rows ? ELCL_SOURCE_INPUTS : s.kind]);
    if (s.n > max)
        return elcl_fail(err, ELCL_E_ARG, "the source has %zu %s, max_source allows %zu", s.n,
                         s.kind == ELCL_SOURCE_TOKENS ? "tokens" : "encoder rows", max);
    if (s.kind != ELCL_SOURCE_TOKENS)
        ELCL_TRY(check_numbers(inputs ? "inputs" : "source_rows", s.numbers, numbers_of(&s),
                               width_of(&model->arch, &s), err));
    *source = s;
fail:
    return rc;
}

size_t elcl_source_bytes(const struct elcl_arch *arch, const struct elcl_source *source)
{
    return source->kind == ELCL_SOURCE_TOKENS
               ? source->n * sizeof(*source->tokens)
               : numbers_of(source) * width_of(arch, source) * sizeof(*source->numbers);
}

void elcl_source_copy(const struct elcl_arch *arch, struct elcl_source *source, void *memory)
{
    const size_t bytes = elcl_source_bytes(arch, source);
    if (source->kind == ELCL_SOURCE_TOKENS)
        source->tokens = memcpy(memory, source->tokens, bytes);
    else
        source->numbers = memcpy(memory, source->numbers, bytes);
}

/* ---- encodings ------------------------------------------------------------------------------- */

int elcl_numbers_reserve(struct elcl_numbers *numbers, const struct elcl_state *state,
                         enum elcl_source_kind kind, elcl_error *err)
{
    const struct elcl_arch *arch = state->arch;
    const size_t rows = (size_t)state->capacity.encode_rows,
                 windows = (size_t)elcl_capacity_windows(arch, &state->capacity),
                 room = elcl_front_room(rows, windows);
    struct elcl_front_frames *frames = &numbers->frames;
    if (kind == ELCL_SOURCE_ROWS && !numbers->rows) {
        numbers->rows = elcl_ops_host_memory(state->ops, rows * (size_t)arch->d, sizeof(float));
        return numbers->rows ? ELCL_OK : elcl_fail_nomem(err);
    }
    if (kind == ELCL_SOURCE_STORED && !numbers->stored) {
        numbers->stored = elcl_ops_host_memory(
            state->ops, rows, elcl_stored_row_bytes(arch, state->variant->id, state->ops));
        return numbers->stored ? ELCL_OK : elcl_fail_nomem(err);
    }
    if (kind != ELCL_SOURCE_INPUTS || frames->rows)
        return ELCL_OK;
    void *memory = elcl_ops_host_memory(state->ops, room * (size_t)arch->input_width,
                                        elcl_storage_bytes(state->ops->activations));
    frames->gaps = elcl_ops_host_memory(state->ops, windows + 1, sizeof(*frames->gaps));
    if (!memory || !frames->gaps)
        return elcl_fail_nomem(err);
    frames->rows = memory;
    frames->room = (int)room;
    frames->windows = (int)windows;
    return ELCL_OK;
}

bool elcl_numbers_fit(const struct elcl_numbers *numbers, const struct elcl_state *state,
                      const struct elcl_records *records, const struct elcl_source *source)
{
    const size_t rows = (size_t)records->n_rows + source->n;
    return rows <= (size_t)state->capacity.encode_rows &&
           (source->kind != ELCL_SOURCE_INPUTS ||
            elcl_front_fits(&numbers->frames, source->n_inputs));
}

void elcl_numbers_add(struct elcl_numbers *numbers, const struct elcl_state *state,
                      struct elcl_records *records, const struct elcl_source *source, int cache_row)
{
    const int n = (int)source->n, first = records->n_rows;
    const size_t d = (size_t)state->arch->d;
    int in_front = 0;
    records->kind = source->kind;
    if (source->kind == ELCL_SOURCE_INPUTS) {
        in_front = elcl_front_add(&numbers->frames, state->ops->activations,
                                  state->arch->input_width, source->numbers, source->n_inputs);
        records->frames = &numbers->frames;
    } else if (source->kind == ELCL_SOURCE_ROWS) {
        memcpy(numbers->rows + (size_t)first * d, source->numbers, source->n * d * sizeof(float));
        records->given = numbers->rows;
    }
    records->stored = numbers->stored;
    for (int s = 0; s < n; s++) {
        const int r = first + s;
        const int32_t record[ELCL_ROW_INTS] = {[ELCL_ROW_TOKEN] =
                                                   source->tokens ? source->tokens[s] : 0,
                                               [ELCL_ROW_POSITION] = s,
                                               [ELCL_ROW_PARENT] = in_front + s,
                                               [ELCL_ROW_CACHE_ROW] = cache_row + s,
                                               [ELCL_ROW_LENGTH] = n};
        elcl_records_row(records, records->rows_at, r, record);
        elcl_records_group(records, records->self_at, r,
                           (struct elcl_row_group){r, 1, first, n, 0, 0});
    }
    records->n_rows += n;
    records->n_self = records->n_rows;
    records->self_keys += (uint64_t)n * (uint64_t)n;
}
