/* Tensors of a CTranslate2 file under the names of BART. The file has the projections of queries,
 * keys and values side by side; here each is a tensor of its own. */
#include <stdio.h>
#include <string.h>

#include "format/ctranslate2.h"

#define MAX_NAME 160

/* Rows of a variable, then rows of one value. A tensor that cannot be used has a refusal. */
struct item {
    struct elcl_tensor t;                     /* name owned */
    const struct elcl_ct2_variable *variable; /* NULL: only added rows */
    size_t first;                             /* row */
    size_t rows, added;
    float added_value;
    const char *refusal;
};

struct tensors {
    struct elcl_tensors base;
    struct elcl_ct2 ct2;
    struct item *items; /* [n_items] */
    size_t n_items, max_items;
    struct elcl_strmap names; /* -> item */
    bool *used;               /* [variables] */
    bool speech;              /* the names are those of Whisper */
};

/* ---- items ----------------------------------------------------------------------------------- */

static const char *judge(const struct elcl_ct2 *ct2, const struct elcl_ct2_variable *v)
{
    const struct elcl_ct2_variable *scale = v->scale < 0 ? NULL : &ct2->variables[v->scale];
    switch (v->type) {
    case ELCL_CT2_I8:
    case ELCL_CT2_I16:
        if (!scale && v->type == ELCL_CT2_I16)
            return NULL; /* old files: a constant */
        if (!scale || scale->type != ELCL_CT2_F32 ||
            (scale->n_dims ? !v->n_dims || scale->n != (size_t)v->shape[0] : false))
            return "has integers without an f32 factor, one for all or one for each row";
        return NULL;
    case ELCL_CT2_I32:
        return "has integers of 32 bits; expected f32, f16, bf16, int8 or int16";
    default:
        return NULL;
    }
}

/* Elements of a row. */
static size_t row_size(const struct elcl_ct2_variable *v)
{
    return v->n_dims && v->shape[0] ? v->n / (size_t)v->shape[0] : 1;
}

/* Adds a tensor, whose name is taken over. */
static int add_item(struct tensors *ts, const char *name, struct item *item, elcl_error *err)
{
    void *array = ts->items;
    int32_t found;
    char *copy = elcl_strdup(name);
    if (!copy || !elcl_grow(&array, &ts->max_items, ts->n_items + 1, sizeof(*ts->items))) {
        elcl_free(copy);
        return elcl_fail_nomem(err);
    }
    ts->items = array;
    item->t.name = copy;
    item->t.file = ts->ct2.path;
    ts->items[ts->n_items++] = *item;
    return elcl_strmap_add(&ts->names, name, strlen(name), (int32_t)ts->n_items - 1, &found, err);
}

/* The tensor is part `part` of `parts` equal ones along the rows of the variable, with `added` rows
 * of a value after it. */
struct cut {
    int part, parts;
    size_t added;
    float added_value;
};

static const struct cut whole = {.parts = 1};

static int add_part(struct tensors *ts, const char *name, int32_t index, struct cut cut,
                    elcl_error *err)
{
    const struct elcl_ct2_variable *v = &ts->ct2.variables[index];
    struct item item = {.variable = v, .refusal = judge(&ts->ct2, v)};
    const size_t rows = v->n_dims ? (size_t)v->shape[0] / (size_t)cut.parts : 1;
    ts->used[index] = true;
    item.rows = rows;
    item.first = rows * (size_t)cut.part;
    item.added = cut.added;
    item.added_value = cut.added_value;
    item.t.n_dims = v->n_dims;
    memcpy(item.t.shape, v->shape, sizeof(item.t.shape));
    item.t.shape[0] = (int64_t)(rows + cut.added);
    item.t.n = (rows + cut.added) * row_size(v);
    const bool is_float =
        v->type == ELCL_CT2_F32 || v->type == ELCL_CT2_F16 || v->type == ELCL_CT2_BF16;
    item.t.in_parts = is_float && !cut.added;
    if (item.t.in_parts)
        item.t.dtype = v->type == ELCL_CT2_F32   ? ELCL_F32
                       : v->type == ELCL_CT2_F16 ? ELCL_F16
                                                 : ELCL_BF16;
    return add_item(ts, name, &item, err);
}

/* A vector of one value. */
static int add_constant(struct tensors *ts, const char *name, size_t n, float value,
                        elcl_error *err)
{
    struct item item = {.added = n, .added_value = value};
    item.t.n_dims = 1;
    item.t.shape[0] = (int64_t)n;
    item.t.n = n;
    return add_item(ts, name, &item, err);
}

/* Adds a tensor if the file has its variable. */
static int add_optional(struct tensors *ts, const char *name, const char *variable, struct cut cut,
                        elcl_error *err)
{
    const int32_t index = elcl_ct2_find(&ts->ct2, variable);
    return index < 0 ? ELCL_OK : add_part(ts, name, index, cut, err);
}

/* Adds `to`.weight and .bias from `from`/weight and /bias; a bias that is not there is zeros. */
static int add_linear(struct tensors *ts, const char *to, const char *from, struct cut cut,
                      elcl_error *err)
{
    char name[MAX_NAME], variable[MAX_NAME];
    snprintf(variable, sizeof(variable), "%s/weight", from);
    snprintf(name, sizeof(name), "%s.weight", to);
    const int32_t weight = elcl_ct2_find(&ts->ct2, variable);
    int rc = weight < 0 ? ELCL_OK : add_part(ts, name, weight, cut, err);
    snprintf(variable, sizeof(variable), "%s/bias", from);
    snprintf(name, sizeof(name), "%s.bias", to);
    const int32_t bias = elcl_ct2_find(&ts->ct2, variable);
    if (rc || weight < 0)
        return rc;
    if (bias >= 0)
        return add_part(ts, name, bias, cut, err);
    return add_constant(ts, name, (size_t)ts->items[ts->n_items - 1].t.shape[0], 0, err);
}

static int add_norm(struct tensors *ts, const char *to, const char *from, elcl_error *err)
{
    char name[MAX_NAME], variable[MAX_NAME];
    snprintf(variable, sizeof(variable), "%s/gamma", from);
    snprintf(name, sizeof(name), "%s.weight", to);
    const int rc = add_optional(ts, name, variable, whole, err);
    snprintf(variable, sizeof(variable), "%s/beta", from);
    snprintf(name, sizeof(name), "%s.bias", to);
    return rc ? rc : add_optional(ts, name, variable, whole, err);
}

/* ---- a model --------------------------------------------------------------------------------- */

static const char *prefix(const struct tensors *ts)
{
    return ts->speech ? "model." : "";
}

static int add_layer(struct tensors *ts, const char *stack, int i, elcl_error *err)
{
    static const struct {
        const char *to, *from;
        struct cut cut;
    } linears[] =
        {
            {"self_attn.q_proj", "self_attention/linear_0", {0, 3, 0, 0}},
            {"self_attn.k_proj", "self_attention/linear_0", {1, 3, 0, 0}},
            {"self_attn.v_proj", "self_attention/linear_0", {2, 3, 0, 0}},
            {"self_attn.out_proj", "self_attention/linear_1", {0, 1, 0, 0}},
            {"encoder_attn.q_proj", "attention/linear_0", {0, 1, 0, 0}},
            {"encoder_attn.k_proj", "attention/linear_1", {0, 2, 0, 0}},
            {"encoder_attn.v_proj", "attention/linear_1", {1, 2, 0, 0}},
            {"encoder_attn.out_proj", "attention/linear_2", {0, 1, 0, 0}},
            {"fc1", "ffn/linear_0", {0, 1, 0, 0}},
            {"fc2", "ffn/linear_1", {0, 1, 0, 0}},
        },
      norms[] = {
          {"self_attn_layer_norm", "self_attention/layer_norm", {0, 1, 0, 0}},
          {"encoder_attn_layer_norm", "attention/layer_norm", {0, 1, 0, 0}},
          {"final_layer_norm", "ffn/layer_norm", {0, 1, 0, 0}},
      };
    char to[MAX_NAME], from[MAX_NAME];
    int rc = ELCL_OK;
    for (size_t k = 0; k < ELCL_COUNT(linears) + ELCL_COUNT(norms) && !rc; k++) {
        const bool norm = k >= ELCL_COUNT(linears);
        const size_t at = norm ? k - ELCL_COUNT(linears) : k;
        snprintf(to, sizeof(to), "%s%s.layers.%d.%s", prefix(ts), stack, i,
                 norm ? norms[at].to : linears[at].to);
        snprintf(from, sizeof(from), "%s/layer_%d/%s", stack, i,
                 norm ? norms[at].from : linears[at].from);
        rc = norm ? add_norm(ts, to, from, err) : add_linear(ts, to, from, linears[at].cut, err);
    }
    return rc;
}

static int add_tables(struct tensors *ts, const char *stack, struct cut rows, elcl_error *err)
{
    static const struct {
        const char *to, *from;
    } tables[] = {{"embed_tokens.weight", "embeddings/weight"},
                  {"embed_tokens.weight", "embeddings_0/weight"},
                  {"embed_positions.weight", "position_encodings/encodings"}};
    char to[MAX_NAME], from[MAX_NAME];
    int rc = ELCL_OK;
    for (size_t i = 0; i < ELCL_COUNT(tables) && !rc; i++) {
        snprintf(to, sizeof(to), "%s%s.%s", prefix(ts), stack, tables[i].to);
        snprintf(from, sizeof(from), "%s/%s", stack, tables[i].from);
        const bool tokens = i + 1 < ELCL_COUNT(tables);
        rc = add_optional(ts, to, from, tokens ? rows : whole, err);
    }
    static const char *const norms[] = {"layernorm_embedding", "layer_norm"};
    for (size_t i = 0; i < ELCL_COUNT(norms) && !rc; i++) {
        snprintf(to, sizeof(to), "%s%s.%s", prefix(ts), stack, norms[i]);
        snprintf(from, sizeof(from), "%s/%s", stack, norms[i]);
        rc = add_norm(ts, to, from, err);
    }
    return rc;
}

static int add_stack(struct tensors *ts, const char *stack, struct cut rows, elcl_error *err)
{
    char name[MAX_NAME];
    int rc = add_tables(ts, stack, rows, err);
    for (int i = 0; !rc; i++) {
        snprintf(name, sizeof(name), "%s/layer_%d/ffn/linear_0/weight", stack, i);
        if (elcl_ct2_find(&ts->ct2, name) < 0)
            break;
        rc = add_layer(ts, stack, i, err);
    }
    return rc;
}

/* What Whisper has before its first layer; its output matrix has another name. */
static int add_speech(struct tensors *ts, elcl_error *err)
{
    int rc;
    ELCL_TRY(add_linear(ts, "model.encoder.conv1", "encoder/conv1", whole, err));
    ELCL_TRY(add_linear(ts, "model.encoder.conv2", "encoder/conv2", whole, err));
    ELCL_TRY(add_stack(ts, "encoder", whole, err));
    ELCL_TRY(add_stack(ts, "decoder", whole, err));
    ELCL_TRY(add_optional(ts, "proj_out.weight", "decoder/projection/weight", whole, err));
fail:
    return rc;
}

static bool has_flag(const struct elcl_ct2 *ct2, const char *name)
{
    const int32_t i = elcl_ct2_find(ct2, name);
    return i >= 0 && ct2->variables[i].n && ct2->variables[i].first != 0;
}

/* A decoder that starts from a zero embedding gets one more token, whose embedding is zeros and
 * which is never chosen. An encoder that shares the table has it too. */
static int add_model(struct tensors *ts, elcl_error *err)
{
    const bool from_zero = has_flag(&ts->ct2, "decoder/start_from_zero_embedding");
    const struct cut rows = {.parts = 1, .added = from_zero ? 1 : 0};
    const struct cut bias = {.parts = 1, .added = rows.added, .added_value = ELCL_CT2_NEVER};
    const int32_t tokens = elcl_ct2_find(&ts->ct2, "decoder/embeddings/weight");
    const bool shared =
        tokens >= 0 && (elcl_ct2_find(&ts->ct2, "encoder/embeddings_0/weight") == tokens ||
                        elcl_ct2_find(&ts->ct2, "encoder/embeddings/weight") == tokens);
    const int32_t head_bias = elcl_ct2_find(&ts->ct2, "decoder/projection/bias");
    int rc;
    ELCL_TRY(add_stack(ts, "encoder", shared ? rows : whole, err));
    ELCL_TRY(add_stack(ts, "decoder", rows, err));
    ELCL_TRY(add_optional(ts, "lm_head.weight", "decoder/projection/weight", rows, err));
    if (head_bias >= 0) {
        ELCL_TRY(add_part(ts, "final_logits_bias", head_bias, bias, err));
    } else if (from_zero && tokens >= 0 && ts->ct2.variables[tokens].n_dims) {
        const size_t v = (size_t)ts->ct2.variables[tokens].shape[0];
        ELCL_TRY(add_constant(ts, "final_logits_bias", v + 1, 0, err));
        ts->items[ts->n_items - 1].rows = v; /* zeros, then the value */
        ts->items[ts->n_items - 1].added = 1;
        ts->items[ts->n_items - 1].added_value = ELCL_CT2_NEVER;
    }
    ELCL_TRY(add_linear(ts, "project_in", "decoder/project_in", whole, err));
    ELCL_TRY(add_linear(ts, "project_out", "decoder/project_out", whole, err));
fail:
    return rc;
}

/* Whether elcl_ct2_config() reads an attribute, or results do not depend on it. */
static bool is_known(const char *name)
{
    static const char *const known[] = {"num_heads",
                                        "pre_norm",
                                        "activation",
                                        "embeddings_merge",
                                        "scale_embeddings",
                                        "start_from_zero_embedding",
                                        "multiply_by_sqrt_depth",
                                        "alignment_layer",
                                        "alignment_heads",
                                        "multi_query_attention",
                                        "alibi",
                                        "alibi_use_positive_positions",
                                        "scale_alibi",
                                        "with_source_bos",
                                        "with_source_eos",
                                        "with_target_bos",
                                        "with_relative_position"};
    const char *slash = strrchr(name, '/');
    for (size_t i = 0; i < ELCL_COUNT(known); i++)
        if (!strcmp(slash ? slash + 1 : name, known[i]))
            return true;
    return elcl_ends_with(name, strlen(name), "_scale") && !strstr(name, "queries_scale");
}

/* A variable that is not used would change the result. */
static int refuse_others(const struct tensors *ts, elcl_error *err)
{
    for (size_t i = 0; i < ts->ct2.n_variables; i++)
        if (!ts->used[i] && !is_known(ts->ct2.variables[i].name))
            return elcl_fail(err, ELCL_E_UNSUPPORTED,
                             "%s: variable %.200s is not supported; elcl reads the Transformers of "
                             "OpenNMT, Marian and BART's kind, GPT-2, OPT and Whisper",
                             ts->ct2.path, ts->ct2.variables[i].name);
    return ELCL_OK;
}

/* ---- as a source ----------------------------------------------------------------------------- */

static struct item *item_of(const struct tensors *ts, const char *name)
{
    const int32_t i = elcl_strmap_get(&ts->names, name, strlen(name));
    return i < 0 ? NULL : &ts->items[i];
}

static const struct elcl_tensor *find(const struct elcl_tensors *tensors, const char *name)
{
    const struct item *item = item_of((const struct tensors *)tensors, name);
    return item && !item->refusal ? &item->t : NULL;
}

static const char *refusal(const struct elcl_tensors *tensors, const char *name)
{
    const struct item *item = item_of((const struct tensors *)tensors, name);
    return item ? item->refusal : NULL;
}

/* The factor of int16 in files that do not have one. */
#define OLD_INT16_SCALE 1000.0f

/* Reads `count` elements from `first` on; *stored is freed by the caller. */
static int read_elements(const struct elcl_ct2 *ct2, const struct elcl_ct2_variable *v,
                         size_t first, size_t count, char **stored, elcl_error *err)
{
    const size_t bytes = elcl_ct2_type_bytes(v->type);
    return elcl_file_copy(&ct2->file, v->at + first * bytes, count * bytes, stored, err);
}

/* The factors of a variable: `stored` ones for each row, or one for all. */
struct scales {
    float all;
    char *stored; /* of type f32, from the item's first row on; NULL: `all` counts */
};

static int read_scales(const struct tensors *ts, const struct item *item, struct scales *scales,
                       elcl_error *err)
{
    const struct elcl_ct2_variable *v = item->variable;
    *scales = (struct scales){.all = 1};
    if (v->type != ELCL_CT2_I8 && v->type != ELCL_CT2_I16)
        return ELCL_OK;
    scales->all = OLD_INT16_SCALE;
    if (v->scale < 0)
        return ELCL_OK;
    const struct elcl_ct2_variable *scale = &ts->ct2.variables[v->scale];
    scales->all = scale->first;
    return scale->n_dims
               ? read_elements(&ts->ct2, scale, item->first, item->rows, &scales->stored, err)
               : ELCL_OK;
}

#define BLOCK_BYTES ((size_t)1 << 20) /* stored, that are converted at once, but at least a row */

static int convert_rows(const struct tensors *ts, const struct item *item,
                        const struct scales *scales, float *out, elcl_error *err)
{
    const struct elcl_ct2_variable *v = item->variable;
    const size_t width = row_size(v), row_bytes = width * elcl_ct2_type_bytes(v->type);
    const size_t step = row_bytes < BLOCK_BYTES ? BLOCK_BYTES / row_bytes : 1;
    for (size_t row = 0; row < item->rows; row += step) {
        const size_t n = item->rows - row < step ? item->rows - row : step;
        char *stored = NULL;
        const int rc =
            read_elements(&ts->ct2, v, (item->first + row) * width, n * width, &stored, err);
        if (rc)
            return rc;
        for (size_t i = 0; i < n; i++) {
            const float scale = scales->stored
                                    ? elcl_ct2_element(ELCL_CT2_F32, scales->stored, row + i)
                                    : scales->all;
            for (size_t k = 0; k < width; k++)
                *out++ = elcl_ct2_element(v->type, stored, i * width + k) / scale;
        }
        elcl_free(stored);
    }
    return ELCL_OK;
}

static int read_tensor(const struct elcl_tensors *tensors, const struct elcl_tensor *tensor,
                       size_t first, size_t n, void *to, elcl_error *err)
{
    const struct tensors *ts = (const struct tensors *)tensors;
    const struct item *item = item_of(ts, tensor->name);
    const struct elcl_ct2_variable *v = item->variable;
    const size_t width = v ? row_size(v) : 1, n_rows = item->rows * width;
    const size_t bytes = v ? elcl_ct2_type_bytes(v->type) : 0;
    struct scales scales = {0};
    float *out = to;
    if (item->t.in_parts)
        return elcl_file_read(&ts->ct2.file, v->at + (item->first * width + first) * bytes, to,
                              n * bytes, err);
    int rc = v ? read_scales(ts, item, &scales, err) : ELCL_OK;
    if (!rc && v)
        rc = convert_rows(ts, item, &scales, out, err);
    for (size_t i = 0; !v && i < n_rows; i++)
        out[i] = 0;
    for (size_t i = 0; i < item->added * width; i++)
        out[n_rows + i] = item->added_value;
    elcl_free(scales.stored);
    return rc;
}

static void destroy(struct elcl_tensors *tensors)
{
    struct tensors *ts = (struct tensors *)tensors;
    elcl_tensors_finish(tensors);
    for (size_t i = 0; i < ts->n_items; i++)
        elcl_free((void *)(uintptr_t)ts->items[i].t.name);
    elcl_strmap_finish(&ts->names);
    elcl_free(ts->items);
    elcl_free(ts->used);
    elcl_ct2_finish(&ts->ct2);
    elcl_free(ts);
}

/* data NULL: opens the file. */
static int open_tensors(const void *data, size_t bytes, const char *path,
                        struct elcl_tensors **tensors, elcl_error *err)
{
    static const struct elcl_tensors_source source = {
        .find = find, .refusal = refusal, .read = read_tensor, .close = destroy};
    struct tensors *ts = elcl_calloc(1, sizeof(*ts));
    int rc;
    if (!ts)
        return elcl_fail_nomem(err);
    ts->base.source = &source;
    ELCL_TRY(data ? elcl_ct2_parse(data, bytes, path, &ts->ct2, err)
                  : elcl_ct2_open(path, &ts->ct2, err));
    ts->base.path = ts->ct2.path;
    ts->used = elcl_calloc(ts->ct2.n_variables, sizeof(*ts->used));
    if (!ts->used) {
        rc = elcl_fail_nomem(err);
        goto fail;
    }
    ts->speech = !strcmp(ts->ct2.spec, ELCL_CT2_SPEECH);
    ELCL_TRY(ts->speech ? add_speech(ts, err) : add_model(ts, err));
    ELCL_TRY(refuse_others(ts, err));
    *tensors = &ts->base;
    return ELCL_OK;
fail:
    destroy(&ts->base);
    return rc;
}

int elcl_ct2_tensors_open(const char *path, struct elcl_tensors **tensors, elcl_error *err)
{
    return open_tensors(NULL, 0, path, tensors, err);
}

int elcl_ct2_tensors_open_memory(const void *data, size_t bytes, const char *path,
                                 struct elcl_tensors **tensors, elcl_error *err)
{
    return open_tensors(data, bytes, path, tensors, err);
}

const char *elcl_ct2_tensors_name(const struct elcl_tensors *tensors, size_t i)
{
    const struct tensors *ts = (const struct tensors *)tensors;
    return i < ts->n_items ? ts->items[i].t.name : NULL;
}
