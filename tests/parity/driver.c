/* The driver: its own records test encoder and decoder without the engine. */
#include <string.h>

#include "base/util.h"
#include "parity/common.h"
#include "ref/ref.h"
#include "search/rules.h"

#define STEP_INTS ELCL_STEP_INTS
#define ENCODE_INTS (ELCL_ROW_INTS + ELCL_ROW_GROUP_INTS)

bool driver_create(struct driver *driver, elcl_model *model, const struct tokens *sources,
                   int n_sources, int beams, int length)
{
    struct driver d = {.model = model, .sources = sources, .n_sources = n_sources};
    struct elcl_capacity c = {.sentences = n_sources,
                              .beams = beams,
                              .max_target = length,
                              .width = 1,
                              .gpu = model->ops->kernels == ELCL_KERNELS_GPU,
                              .activations = model->ops->activations};
    for (int i = 0; i < n_sources; i++) {
        c.max_source = elcl_max_int(c.max_source, sources[i].n);
        c.encode_rows += sources[i].n;
    }
    const size_t rows = (size_t)elcl_capacity_rows(&c), encode = (size_t)c.encode_rows;
    struct elcl_ops *ops = NULL;
    elcl_error err = {0};
    int rc = elcl_ops_clone(model->ops, false, &ops, &err);
    if (!rc)
        rc = elcl_state_init(&d.state, &model->arch, &model->weights, model->attention, &c, ops,
                             &err);
    if (rc)
        elcl_ops_destroy(&ops);
    d.sentence = elcl_calloc(rows, sizeof(*d.sentence));
    d.history = elcl_calloc(rows, sizeof(*d.history));
    d.cache_rows = elcl_calloc(rows, sizeof(*d.cache_rows));
    d.encoded = elcl_calloc(encode * (size_t)model->arch.d, sizeof(float));
    d.logits = elcl_calloc(rows * ELCL_LOGITS_LD((size_t)model->arch.vocabulary), sizeof(float));
    if (!rc) {
        d.step.data = elcl_ops_host_memory(ops, rows * STEP_INTS, sizeof(int32_t));
        d.encode.data = elcl_ops_host_memory(ops, encode * ENCODE_INTS, sizeof(int32_t));
    }
    *driver = d;
    return CHECK(!rc, "%s", err.msg);
}

void driver_finish(struct driver *driver)
{
    elcl_state_finish(&driver->state);
    elcl_free(driver->sentence);
    elcl_free(driver->history);
    elcl_free(driver->cache_rows);
    elcl_free(driver->encoded);
    elcl_free(driver->logits);
    *driver = (struct driver){0};
}

int driver_source_row(const struct driver *driver, int sentence)
{
    int row = 0;
    for (int i = 0; i < sentence; i++)
        row += driver->sources[i].n;
    return row;
}

static void put(struct elcl_records *records, size_t at, const void *ints, size_t bytes)
{
    memcpy(records->data + at, ints, bytes);
}

static void put_group(struct elcl_records *records, size_t at, int i, struct elcl_row_group group)
{
    put(records, at + (size_t)i * ELCL_ROW_GROUP_INTS, &group, sizeof(group));
}

/* Returns the tokens of a decoder-only model's source before the one that its first step takes. */
static int prompt_tokens(const struct driver *d, int sentence)
{
    return d->model->arch.decoder_only ? d->sources[sentence].n - 1 : 0;
}

/* Packs all tokens of all prompts except the last ones; at the first step row i is sentence i. */
static void prompt_records(struct driver *d)
{
    struct elcl_records *records = &d->encode;
    const struct elcl_capacity *c = &d->state.capacity;
    *records = (struct elcl_records){.data = records->data, .buffer = ELCL_B_ENCODE};
    records->self_at = (size_t)c->encode_rows * ELCL_ROW_INTS;
    for (int i = 0; i < d->n_sources; i++) {
        const int cache_row = elcl_capacity_prompt_at(c, i);
        const int cache = d->state.variant->cache_by_row
                              ? i * elcl_capacity_row_cache(&d->model->arch, c)
                              : cache_row;
        for (int s = 0; s < prompt_tokens(d, i); s++) {
            const int r = records->n_rows++;
            const int32_t row[ELCL_ROW_INTS] = {
                [ELCL_ROW_TOKEN] = d->sources[i].ids[s],
                [ELCL_ROW_POSITION] = s,
                [ELCL_ROW_CACHE_ROW] = cache_row + s,
                [ELCL_ROW_KV_ROW] = cache + s,
            };
            put(records, (size_t)r * ELCL_ROW_INTS, row, sizeof(row));
            put_group(records, records->self_at, r,
                      (struct elcl_row_group){r, 1, cache, s + 1, 0, 0});
            records->self_keys += (uint64_t)s + 1;
            records->max_keys = elcl_max_int(records->max_keys, s + 1);
        }
    }
    records->n_self = records->n_rows;
    records->n = records->self_at + (size_t)records->n_rows * ELCL_ROW_GROUP_INTS;
}

/* Packs the source tokens of all sentences; at the first step row i is sentence i. */
static void encode_records(struct driver *d)
{
    struct elcl_records *records = &d->encode;
    *records = (struct elcl_records){.data = records->data};
    records->self_at = (size_t)d->state.capacity.encode_rows * ELCL_ROW_INTS;
    for (int i = 0; i < d->n_sources; i++) {
        const int first = records->n_rows, n = d->sources[i].n;
        for (int s = 0; s < n; s++) {
            const int r = records->n_rows++;
            const int32_t row[ELCL_ROW_INTS] = {
                [ELCL_ROW_TOKEN] = d->sources[i].ids[s],
                [ELCL_ROW_POSITION] = s,
                [ELCL_ROW_CACHE_ROW] = i * d->state.capacity.max_source + s,
                [ELCL_ROW_LENGTH] = n,
            };
            put(records, (size_t)r * ELCL_ROW_INTS, row, sizeof(row));
            put_group(records, records->self_at, r, (struct elcl_row_group){r, 1, first, n, 0, 0});
        }
        records->self_keys += (uint64_t)n * (uint64_t)n;
    }
    records->n_self = records->n_rows;
    records->n = records->self_at + (size_t)records->n_rows * ELCL_ROW_GROUP_INTS;
}

/* Puts given outputs of the encoder one after another. */
static void give_rows(struct driver *d)
{
    const size_t width = (size_t)d->model->arch.d;
    float *rows =
        elcl_ops_host_memory(d->state.ops, (size_t)d->encode.n_rows * width, sizeof(*rows));
    d->encode.kind = ELCL_SOURCE_ROWS;
    d->encode.given = rows;
    for (int i = 0; i < d->n_sources; i++) {
        const size_t n = (size_t)d->sources[i].n * width;
        memcpy(rows, d->given[i], n * sizeof(*rows));
        rows += n;
    }
}

/* Sets histories and cache rows of the new rows; `k` counts the rows of a sentence. */
static void follow(struct driver *d, const struct driver_row *rows, int n_rows)
{
    const struct elcl_capacity *c = &d->state.capacity;
    struct tokens *history = elcl_calloc((size_t)elcl_capacity_rows(c), sizeof(*history));
    struct tokens *cache_rows = elcl_calloc((size_t)elcl_capacity_rows(c), sizeof(*cache_rows));
    for (int r = 0, k = 0; r < n_rows; r++) {
        k = r && rows[r - 1].sentence == rows[r].sentence ? k + 1 : 0;
        if (d->length) {
            history[r] = d->history[rows[r].parent];
            cache_rows[r] = d->cache_rows[rows[r].parent];
        }
        history[r].ids[history[r].n++] = rows[r].token;
        cache_rows[r].ids[cache_rows[r].n++] =
            (rows[r].sentence * c->max_target + d->length) * c->beams + k;
        d->sentence[r] = rows[r].sentence;
    }
    elcl_free(d->history);
    elcl_free(d->cache_rows);
    d->history = history;
    d->cache_rows = cache_rows;
    d->n_rows = n_rows;
    d->length++;
}

static void step_row(struct driver *d, int r, int parent)
{
    static const struct elcl_row_rules neutral = {.forced_token = -1,
                                                  .repetition_penalty = 1,
                                                  .only_token = -1,
                                                  .pad_token = -1,
                                                  .unk_token = -1};
    struct elcl_records *records = &d->step;
    const struct elcl_attention_variant *variant = d->state.variant;
    const struct elcl_capacity *c = &d->state.capacity;
    const int i = d->sentence[r], n = d->length, cache_row = d->cache_rows[r].ids[n - 1];
    const int n_prompt = prompt_tokens(d, i), keys = n_prompt + n;
    const int prompt = n_prompt ? elcl_capacity_prompt_at(c, i) : 0;
    const int cache = r * elcl_capacity_row_cache(&d->model->arch, c);
    const int32_t row[ELCL_ROW_INTS] = {
        [ELCL_ROW_TOKEN] = d->history[r].ids[n - 1],
        [ELCL_ROW_POSITION] = keys - 1,
        [ELCL_ROW_PARENT] = parent,
        [ELCL_ROW_CACHE_ROW] = cache_row,
        [ELCL_ROW_LENGTH] = n,
        [ELCL_ROW_KV_ROW] = variant->cache_by_row ? cache + keys - 1 : cache_row,
        [ELCL_ROW_PROMPT] = prompt,
        [ELCL_ROW_N_PROMPT] = n_prompt,
    };
    put(records, records->rows_at + (size_t)r * ELCL_ROW_INTS, row, sizeof(row));
    put(records, records->rules_at + (size_t)r * ELCL_RULES_INTS, &neutral, sizeof(neutral));
    put_group(records, records->self_at, r,
              variant->cache_by_row ? (struct elcl_row_group){r, 1, cache, keys, 0, 0}
                                    : (struct elcl_row_group){r, 1, prompt, n_prompt, r, n});
    if (variant->cache_by_row && !d->model->arch.decoder_only)
        put_group(records, records->cross_at, records->n_cross++,
                  (struct elcl_row_group){r, 1, r * c->max_source, d->sources[i].n, 0, 0});
    records->self_keys += (uint64_t)keys;
    records->max_keys = elcl_max_int(records->max_keys, keys);
    records->cross_keys += (uint64_t)d->sources[i].n;
    records->max_source = elcl_max_int(records->max_source, d->sources[i].n);
}

static void step_records(struct driver *d, const struct driver_row *rows)
{
    struct elcl_records *records = &d->step;
    const size_t n = (size_t)d->n_rows;
    *records = (struct elcl_records){.data = records->data,
                                     .n_rows = d->n_rows,
                                     .n_self = d->n_rows,
                                     .max_length = d->length,
                                     .width = 1};
    records->self_at = n * ELCL_ROW_INTS;
    records->cross_at = records->self_at + n * ELCL_ROW_GROUP_INTS;
    records->rules_at = records->cross_at + n * ELCL_ROW_GROUP_INTS;
    records->n = records->rules_at + n * ELCL_RULES_INTS;
    for (int r = 0; r < d->n_rows; r++)
        step_row(d, r, d->length > 1 ? rows[r].parent : 0);
    for (int r = 0, first = 0; r < d->n_rows; r++) {
        if (r + 1 < d->n_rows && d->sentence[r + 1] == d->sentence[r])
            continue;
        const int i = d->sentence[r], n_rows = r + 1 - first;
        if (!d->state.variant->cache_by_row && !d->model->arch.decoder_only)
            put_group(records, records->cross_at, records->n_cross++,
                      (struct elcl_row_group){first, n_rows, i * d->state.capacity.max_source,
                                              d->sources[i].n, 0, 0});
        records->max_rows = elcl_max_int(records->max_rows, n_rows);
        first = r + 1;
    }
}

/* Checks that the one candidate of each row is its largest logit, the lower token of equal ones. */
static bool check_candidates(struct driver *d, elcl_error *err)
{
    const int v = d->model->arch.vocabulary;
    struct elcl_candidate *best = elcl_calloc((size_t)d->n_rows, sizeof(*best));
    bool ok = !elcl_ops_download(d->state.ops, &d->state.buffers[ELCL_B_CANDIDATES], best,
                                 (size_t)d->n_rows * sizeof(*best), err);
    for (int r = 0; ok && r < d->n_rows; r++) {
        const float *logits = d->logits + (size_t)r * (size_t)v;
        int largest = 0;
        for (int i = 1; i < v; i++)
            if (logits[i] > logits[largest])
                largest = i;
        ok = CHECK(best[r].token == largest, "row %d: candidate %d, largest logit at %d", r,
                   (int)best[r].token, largest);
    }
    elcl_free(best);
    return ok;
}

/* Reads the encoder's output: activations. */
static int read_encoded(struct driver *d, elcl_error *err)
{
    const enum elcl_storage storage = d->state.ops->activations;
    const size_t n = (size_t)d->encode.n_rows * (size_t)d->model->arch.d;
    void *bits = elcl_calloc(n, elcl_ref_bytes(storage));
    int rc;
    ELCL_TRY(elcl_ops_download(d->state.ops, &d->state.buffers[d->state.h], bits,
                               n * elcl_ref_bytes(storage), err));
    elcl_ref_load(storage, bits, d->encoded, n);
fail:
    elcl_free(bits);
    return rc;
}

bool driver_step(struct driver *d, const struct driver_row *rows, int n_rows)
{
    const bool first = !d->length;
    const size_t v = (size_t)d->model->arch.vocabulary, ld = ELCL_LOGITS_LD(v);
    elcl_error err = {0};
    int rc;
    follow(d, rows, n_rows);
    step_records(d, rows);
    ELCL_TRY(elcl_decoder_begin(&d->state, &d->step, &err));
    if (first && d->model->arch.decoder_only) {
        prompt_records(d);
        ELCL_TRY(elcl_decoder_prefill(&d->state, &d->encode, &err));
    } else if (first) {
        encode_records(d);
        if (d->given)
            give_rows(d);
        ELCL_TRY(elcl_encoder_run(&d->state, &d->encode, &err));
        ELCL_TRY(read_encoded(d, &err));
    }
    ELCL_TRY(elcl_decoder_step(&d->state, &d->step, &err));
    ELCL_TRY(elcl_ops_download(d->state.ops, &d->state.buffers[ELCL_B_LOGITS], d->logits,
                               (size_t)n_rows * ld * sizeof(float), &err));
    for (size_t r = 1; r < (size_t)n_rows; r++) /* to dense rows */
        memmove(d->logits + r * v, d->logits + r * ld, v * sizeof(float));
    return check_candidates(d, &err);
fail:
    return CHECK(!rc, "%s", err.msg);
}

int forced_row(int t, int sentence)
{
    return t ? 2 * sentence + t % 2 : sentence;
}

int forced_rows(const struct driver *driver, const struct tokens *forced, int t,
                struct driver_row *rows)
{
    const int v = driver->model->arch.vocabulary, n = driver->n_sources;
    for (int i = 0; i < n; i++) {
        const int32_t token = forced[i].ids[t];
        const int at = forced_row(t, i), before = t ? forced_row(t - 1, i) : 0;
        rows[at] = (struct driver_row){i, token, before};
        if (!t)
            continue;
        const bool branch = t % 3 == 1;
        const int other = 2 * i + 1 - t % 2, other_before = 2 * i + 1 - (t - 1) % 2;
        rows[other] =
            (struct driver_row){i, (token + 7 * t + i) % v, branch ? before : other_before};
    }
    return t ? 2 * n : n;
}
