/* Scores of given targets. Requests are packed into passes in their order; a pass runs the encoder
 * over all its sources and the decoder over all its targets at once. */
#include "engine/score.h"

#include <math.h>
#include <string.h>

#include "base/os.h"
#include "base/util.h"
#include "engine/engine.h"
#include "model/attn.h"
#include "search/options.h"

#define PASS_ROWS 2048 /* enough rows for efficient GEMMs, few enough for a small workspace */
#define LOGIT_ROWS 256 /* logits of a row have the vocabulary's width */

_Static_assert(ELCL_SCORE_INTS <= ELCL_STEP_INTS, "the step buffer holds a pass's records");

elcl_scorer_params elcl_scorer_params_default(void)
{
    return (elcl_scorer_params){.alignment_layer = -1, .alignment_head = -1};
}

int elcl_scorer_create(elcl_model *model, const elcl_scorer_params *params, elcl_scorer **scorer,
                       elcl_error *err)
{
    if (!model || !scorer)
        return elcl_fail(err, ELCL_E_ARG, "elcl_scorer_create: model and scorer must not be NULL");
    const elcl_scorer_params p = params ? *params : elcl_scorer_params_default();
    int rc = elcl_check_int("batch_tokens", p.batch_tokens, 0, 1 << 20, err);
    if (!rc)
        rc = elcl_check_int("vocabulary", p.vocabulary, 0, model->arch.vocabulary, err);
    if (!rc)
        rc = elcl_cross_tap_check(&model->arch, p.alignment_layer, p.alignment_head, err);
    if (!rc)
        rc = elcl_cross_tap_check_list(&model->arch, p.heads, p.n_heads, err);
    if (rc)
        return rc;
    struct elcl_scorer *s = elcl_calloc(1, sizeof(*s) + p.n_heads * sizeof(*s->heads));
    if (!s)
        return elcl_fail_nomem(err);
    s->model = model;
    s->batch_tokens = p.batch_tokens;
    s->vocabulary = p.vocabulary ? p.vocabulary : model->arch.vocabulary;
    s->tap.one = (elcl_cross_head){p.alignment_layer, p.alignment_head};
    s->tap.heads = p.n_heads ? s->heads : &s->tap.one;
    s->tap.n_heads = p.n_heads ? (int)p.n_heads : 1;
    if (p.n_heads)
        memcpy(s->heads, p.heads, p.n_heads * sizeof(*s->heads));
    s->limit = 1 << 20;
    *scorer = s;
    return ELCL_OK;
}

/* ---- memory -------------------------------------------------------------------------------- */

/* Returns the capacity of a state that packs so many rows. */
static struct elcl_capacity capacity_for(const struct elcl_ops *ops, struct elcl_pass_rows rows)
{
    return (struct elcl_capacity){.sentences = rows.decoder,
                                  .beams = 1,
                                  .max_source =
                                      (int)elcl_div_up((size_t)rows.source, (size_t)rows.decoder),
                                  .max_target = 1,
                                  .encode_rows = rows.source,
                                  .width = 1,
                                  .rounds_inputs = ops->dot != ELCL_DOT_NONE,
                                  .gpu = ops->kernels == ELCL_KERNELS_GPU,
                                  .activations = ops->activations,
                                  .score_block = elcl_min_int(rows.decoder, LOGIT_ROWS)};
}

/* Frees the state and the host memory of its queue; keeps the totals of its work. */
static void drop_state(struct elcl_scorer *s)
{
    if (s->state.ops) {
        s->stats.bytes_moved += s->state.ops->bytes_moved;
        s->stats.flop += s->state.ops->flop;
    }
    elcl_state_finish(&s->state);
    s->step.data = s->encode.data = NULL;
    s->numbers = (struct elcl_numbers){0};
    s->log_probs = NULL;
    elcl_cross_tap_drop(&s->tap);
}

static int create_state(struct elcl_scorer *s, struct elcl_pass_rows rows, elcl_error *err)
{
    struct elcl_model *m = s->model;
    const struct elcl_capacity c = capacity_for(m->ops, rows);
    const uint64_t limit = elcl_engine_memory_limit(m->device);
    const uint64_t max_alloc = m->device->desc.max_alloc_bytes;
    struct elcl_ops *ops = NULL;
    int rc;
    if (!elcl_plan_make(&m->arch, m->attention, m->ops->state, &c, 0, &s->plan) ||
        s->plan.total > limit || (max_alloc && s->plan.largest_buffer > max_alloc))
        return elcl_fail(err, ELCL_E_DEVICE_NOMEM,
                         "scoring %d tokens at once does not fit into the %llu MiB left on %s; "
                         "lower batch_tokens or the lengths",
                         elcl_max_int(rows.decoder, rows.source), (unsigned long long)(limit >> 20),
                         m->device->desc.name);
    ELCL_TRY(elcl_ops_clone(m->ops, false, &ops, err));
    ELCL_TRY(elcl_state_init(&s->state, &m->arch, &m->weights, m->attention, &c, ops, err));
    elcl_plan_make(&m->arch, m->attention, m->ops->state, &c, m->weight_bytes, &s->plan);
    const size_t n = (size_t)rows.decoder, n_source = (size_t)rows.source;
    s->step.data = elcl_ops_host_memory(ops, n * ELCL_SCORE_INTS, sizeof(int32_t));
    s->encode.data = elcl_ops_host_memory(ops, n_source * (ELCL_ROW_INTS + ELCL_ROW_GROUP_INTS),
                                          sizeof(int32_t));
    s->log_probs = elcl_ops_host_memory(ops, n, sizeof(*s->log_probs));
    ops = NULL; /* the state has it */
    if (s->step.data && s->encode.data && s->log_probs)
        return ELCL_OK;
    rc = elcl_fail_nomem(err);
fail:
    elcl_ops_destroy(&ops);
    drop_state(s);
    return rc;
}

/* Returns rows up to a limit, but at least `least`. */
static struct elcl_pass_rows clamp(struct elcl_pass_rows rows, struct elcl_pass_rows least,
                                   int limit)
{
    return (struct elcl_pass_rows){elcl_max_int(least.decoder, elcl_min_int(rows.decoder, limit)),
                                   elcl_max_int(least.source, elcl_min_int(rows.source, limit))};
}

/* Makes room for passes of `least` rows, and for up to `useful` if memory allows. A state that is
 * too small grows to twice its rows, since longer requests may follow. */
static int fit(struct elcl_scorer *s, struct elcl_pass_rows least, struct elcl_pass_rows useful,
               elcl_error *err)
{
    const struct elcl_capacity *now = &s->state.capacity;
    const int most = elcl_min_int(s->batch_tokens ? s->batch_tokens : PASS_ROWS, s->limit);
    struct elcl_pass_rows want = clamp(useful, least, most);
    if (s->state.ops && now->sentences >= want.decoder && now->encode_rows >= want.source)
        return ELCL_OK;
    if (s->state.ops && now->sentences < want.decoder)
        useful.decoder = elcl_max_int(useful.decoder, 2 * now->sentences);
    if (s->state.ops && now->encode_rows < want.source)
        useful.source = elcl_max_int(useful.source, 2 * now->encode_rows);
    want = clamp(useful, least, most);
    drop_state(s);
    for (;;) {
        elcl_error first = {0};
        const int rc = create_state(s, want, &first);
        if (!rc)
            return ELCL_OK;
        const struct elcl_pass_rows less =
            clamp(want, least, elcl_max_int(want.decoder, want.source) / 2);
        if (rc != ELCL_E_DEVICE_NOMEM || s->batch_tokens ||
            (less.decoder == want.decoder && less.source == want.source))
            return elcl_fail(err, rc, "%s", first.msg);
        s->limit = elcl_max_int(less.decoder, less.source);
        want = less;
    }
}

int elcl_scorer_reserve(struct elcl_scorer *scorer, struct elcl_pass_rows rows, elcl_error *err)
{
    return fit(scorer, rows, rows, err);
}

/* ---- requests ------------------------------------------------------------------------------ */

/* Returns the source of a request that passed the check. */
static struct elcl_source source_of(const elcl_score_request *q)
{
    const bool inputs = q->inputs != NULL;
    return (struct elcl_source){.kind = inputs           ? ELCL_SOURCE_INPUTS
                                        : q->source_rows ? ELCL_SOURCE_ROWS
                                                         : ELCL_SOURCE_TOKENS,
                                .tokens = q->source,
                                .numbers = inputs ? q->inputs : q->source_rows,
                                .n_inputs = q->n_inputs,
                                .n = inputs ? elcl_front_outputs(q->n_inputs) : q->n_source};
}

/* Returns the decoder's rows: all tokens but the last one, which nothing follows. */
static int decoder_rows(const struct elcl_scorer *s, const elcl_score_request *q)
{
    const size_t before = s->model->arch.decoder_only ? q->n_source - 1 : 0;
    return q->n_target ? (int)(before + q->n_target) : 0;
}

static struct elcl_pass_rows rows_of(const struct elcl_scorer *s, const elcl_score_request *q)
{
    const int rows = decoder_rows(s, q);
    const bool encodes = rows && !s->model->arch.decoder_only;
    return (struct elcl_pass_rows){rows, encodes ? (int)source_of(q).n : 0};
}

static int check_target(const elcl_score_request *q, int vocabulary, size_t request,
                        elcl_error *err)
{
    for (size_t i = 0; i < q->n_target; i++)
        if (q->target[i] < 0 || q->target[i] >= vocabulary)
            return elcl_fail(err, ELCL_E_ARG,
                             "request %zu: target token %zu is %d, outside 0 .. %d", request, i,
                             (int)q->target[i], vocabulary - 1);
    return ELCL_OK;
}

static int check_source(const struct elcl_scorer *s, const elcl_score_request *q, size_t request,
                        elcl_error *err)
{
    const elcl_request asked = {.source = q->source,
                                .n_source = q->n_source,
                                .inputs = q->inputs,
                                .n_inputs = q->n_inputs,
                                .source_rows = q->source_rows};
    struct elcl_source source;
    elcl_error why = {0};
    const int rc =
        elcl_source_read(s->model, &asked, (size_t)s->model->arch.max_positions, &source, &why);
    return rc ? elcl_fail(err, rc, "request %zu: %s", request, why.msg) : ELCL_OK;
}

static int check_request(const struct elcl_scorer *s, const elcl_score_request *q, size_t i,
                         elcl_error *err)
{
    const struct elcl_arch *arch = &s->model->arch;
    int rc;
    if (q->n_target && (!q->target || !q->log_probs))
        return elcl_fail(err, ELCL_E_ARG, "request %zu: target or log_probs is NULL", i);
    ELCL_TRY(check_source(s, q, i, err));
    if (q->alignments && arch->decoder_only)
        return elcl_fail(err, ELCL_E_UNSUPPORTED,
                         "request %zu: alignments are of cross attention, which models without an "
                         "encoder do not have",
                         i);
    const size_t in_decoder = arch->decoder_only ? q->n_source : 0;
    const size_t positions = (size_t)elcl_arch_target_positions(arch);
    const size_t longest = (size_t)elcl_arch_max_target(arch); /* nothing follows its last token */
    if (q->n_target > positions || in_decoder + q->n_target > longest)
        return elcl_fail(err, ELCL_E_ARG,
                         "request %zu: %zu source and %zu target tokens, the model has %zu "
                         "positions",
                         i, q->n_source, q->n_target, positions);
    ELCL_TRY(check_target(q, arch->vocabulary, i, err));
    if (!arch->decoder_only &&
        (q->decoder_start_token_id < -1 || q->decoder_start_token_id >= arch->vocabulary))
        rc = elcl_fail(err, ELCL_E_ARG,
                       "request %zu: decoder_start_token_id is %d, must be -1 .. %d", i,
                       (int)q->decoder_start_token_id, arch->vocabulary - 1);
fail:
    return rc;
}

/* ---- records ------------------------------------------------------------------------------- */

/* Writes the cross groups of n decoder rows from `first` on, over source rows from `source` on. */
static void put_cross(struct elcl_scorer *s, int first, int n, int source, int n_source)
{
    struct elcl_records *records = &s->step;
    const bool together = !s->state.variant->packs_rows;
    for (int t = 0; t < (together ? 1 : n); t++)
        elcl_records_group(
            records, records->cross_at, records->n_cross++,
            (struct elcl_row_group){first + t, together ? n : 1, source, n_source, 0, 0});
    records->cross_keys += (uint64_t)n_source * (uint64_t)n;
    records->cross_reads += (uint64_t)n_source * (uint64_t)(together ? 1 : n);
    records->max_rows = elcl_max_int(records->max_rows, together ? n : 1);
    records->max_source = elcl_max_int(records->max_source, n_source);
}

/* Returns token t of the decoder's input. */
static int32_t decoder_token(const struct elcl_scorer *s, const elcl_score_request *q, int t)
{
    if (s->model->arch.decoder_only)
        return t < (int)q->n_source ? q->source[t] : q->target[t - (int)q->n_source];
    if (t)
        return q->target[t - 1];
    return q->decoder_start_token_id >= 0 ? q->decoder_start_token_id
                                          : s->model->defaults.decoder_start_token_id;
}

/* Writes one row per token of the decoder's input; its keys are itself and those before it. */
static void put_target(struct elcl_scorer *s, const elcl_score_request *q)
{
    struct elcl_records *records = &s->step;
    const int first = records->n_rows, n = decoder_rows(s, q), n_target = (int)q->n_target;
    for (int t = 0; t < n; t++) {
        const int r = first + t;
        const int32_t record[ELCL_ROW_INTS] = {[ELCL_ROW_TOKEN] = decoder_token(s, q, t),
                                               [ELCL_ROW_POSITION] = t,
                                               [ELCL_ROW_CACHE_ROW] = r,
                                               [ELCL_ROW_KV_ROW] = r};
        elcl_records_row(records, records->rows_at, r, record);
        elcl_records_group(records, records->self_at, r,
                           (struct elcl_row_group){r, 1, first, t + 1, 0, 0});
    }
    for (int i = 0; i < n_target; i++) {
        const int32_t record[ELCL_ROW_INTS] = {
            [ELCL_ROW_TOKEN] = q->target[i], [ELCL_ROW_PARENT] = first + n - n_target + i};
        elcl_records_row(records, records->scored_at, records->n_scored++, record);
    }
    records->n_rows += n;
    records->n_self = records->n_rows;
    records->self_keys += (uint64_t)n * (uint64_t)(n + 1) / 2;
    records->max_keys = records->max_length = elcl_max_int(records->max_length, n);
}

static int reserve_numbers(struct elcl_scorer *s, enum elcl_source_kind kind, elcl_error *err)
{
    const int rc = elcl_numbers_reserve(&s->numbers, &s->state, kind, err);
    return rc || !s->model->encoder_cache
               ? rc
               : elcl_numbers_reserve(&s->numbers, &s->state, ELCL_SOURCE_STORED, err);
}

/* Returns whether the pass takes a source that fits. Outputs that the encoder cache has are passes
 * of their own, which end before a source that is new. A pass of new sources takes them all: so
 * passes do not become small where every other source is new. */
static bool take_source(const struct elcl_scorer *s, struct elcl_source *source)
{
    struct elcl_stored stored = {0};
    const int n = s->encode.n_rows;
    if (n && s->encode.kind != ELCL_SOURCE_STORED)
        return source->kind == s->encode.kind;
    elcl_stored_ask(s->model, source, false, &stored);
    if (stored.there && elcl_stored_read(s->model, source, &stored, &s->numbers, n))
        source->kind = ELCL_SOURCE_STORED;
    return !n || source->kind == ELCL_SOURCE_STORED;
}

/* Packs requests of one kind of source from *next on, as many as fit, and moves *next past them. */
static int put_requests(struct elcl_scorer *s, const elcl_score_request *requests, size_t n,
                        size_t *next, elcl_error *err)
{
    int rc = ELCL_OK;
    const int capacity = s->state.capacity.sentences;
    const size_t rows = (size_t)capacity, n_source = (size_t)s->state.capacity.encode_rows;
    s->step = (struct elcl_records){
        .data = s->step.data, .buffer = ELCL_B_STEP, .packed = true, .among = s->vocabulary};
    s->step.self_at = rows * ELCL_ROW_INTS;
    s->step.cross_at = s->step.self_at + rows * ELCL_ROW_GROUP_INTS;
    s->step.scored_at = s->step.cross_at + rows * ELCL_ROW_GROUP_INTS;
    s->encode = (struct elcl_records){.data = s->encode.data, .buffer = ELCL_B_ENCODE};
    s->encode.self_at = n_source * ELCL_ROW_INTS;
    s->numbers.frames.n_rows = s->numbers.frames.n_gaps = 0;
    for (; *next < n; ++*next) {
        const elcl_score_request *q = &requests[*next];
        const int first = s->step.n_rows, source = s->encode.n_rows;
        if (!q->n_target)
            continue;
        struct elcl_source from = source_of(q);
        const bool only = s->model->arch.decoder_only;
        if (!only)
            ELCL_TRY(reserve_numbers(s, from.kind, err));
        if (first + decoder_rows(s, q) > capacity)
            break;
        if (!only && (!elcl_numbers_fit(&s->numbers, &s->state, &s->encode, &from) ||
                      !take_source(s, &from)))
            break;
        put_target(s, q);
        if (only)
            continue;
        elcl_numbers_add(&s->numbers, &s->state, &s->encode, &from, source);
        put_cross(s, first, decoder_rows(s, q), source, (int)from.n);
    }
    s->step.n = s->step.scored_at + (size_t)s->step.n_scored * ELCL_ROW_INTS;
    s->encode.n = s->encode.self_at + (size_t)s->encode.n_rows * ELCL_ROW_GROUP_INTS;
fail:
    return rc;
}

/* ---- passes -------------------------------------------------------------------------------- */

/* Copies the log-probabilities of requests [first, end) to them. */
static int deliver(struct elcl_scorer *s, const elcl_score_request *requests, size_t first,
                   size_t end, elcl_error *err)
{
    const float *from = s->log_probs;
    for (size_t i = first; i < end; i++) {
        const elcl_score_request *q = &requests[i];
        for (size_t t = 0; t < q->n_target; t++) {
            const bool outside = q->target[t] >= s->vocabulary;
            q->log_probs[t] = outside ? -INFINITY : from[t];
            if (!outside && (!isfinite(from[t]) || from[t] < -1e30f))
                return elcl_fail(err, ELCL_E_DEVICE,
                                 "request %zu: the log-probability of target token %zu is not "
                                 "finite: the model's output is not",
                                 i, t);
        }
        from += q->n_target;
        s->stats.samples++;
        s->stats.output_tokens += q->n_target;
    }
    return ELCL_OK;
}

/* Writes the alignments of requests [first, end). */
static void align(const struct elcl_scorer *s, const elcl_score_request *requests, size_t first,
                  size_t end)
{
    const struct elcl_cross_tap *tap = &s->tap;
    const size_t ld = (size_t)tap->ld;
    size_t row = 0;
    for (size_t i = first; i < end; i++) {
        const elcl_score_request *q = &requests[i];
        const size_t n = q->n_target, n_source = source_of(q).n;
        for (size_t k = 0; k < (size_t)tap->n_heads * n && q->alignments; k++) {
            const size_t from = k / n * (size_t)tap->n_rows + row + k % n;
            memcpy(q->alignments + k * n_source, tap->means + from * ld, n_source * sizeof(float));
        }
        row += n;
    }
}

/* Puts the encoder's output of the pass into the encoder cache. */
static int store_rows(struct elcl_scorer *s, const elcl_score_request *requests, size_t n,
                      elcl_error *err)
{
    int row = 0;
    const int rc = elcl_stored_rows_read(&s->state, &s->encode, s->numbers.stored, err);
    for (size_t i = 0; !rc && i < n; i++) {
        const struct elcl_source source = source_of(&requests[i]);
        struct elcl_stored stored = {0};
        if (!requests[i].n_target)
            continue;
        elcl_stored_ask(s->model, &source, false, &stored);
        elcl_stored_put(s->model, &source, &stored, &s->numbers, row);
        row += (int)source.n;
    }
    return rc;
}

static int encode(struct elcl_scorer *s, const elcl_score_request *requests, size_t n,
                  elcl_error *err)
{
    int rc;
    ELCL_TRY(elcl_encoder_run(&s->state, &s->encode, err));
    if (s->encode.kind == ELCL_SOURCE_STORED)
        s->stats.restored_tokens += (uint64_t)s->encode.n_rows;
    if (elcl_stored_wants(s->model, s->encode.kind))
        ELCL_TRY(store_rows(s, requests, n, err));
fail:
    return rc;
}

/* Runs the pass of n requests. */
static int pass(struct elcl_scorer *s, const elcl_score_request *requests, size_t n,
                elcl_error *err)
{
    int rc = ELCL_OK;
    if (!s->step.n_scored)
        return rc;
    elcl_quirks_begin_turn(&s->model->device->quirks);
    if (!s->model->arch.decoder_only)
        ELCL_TRY(encode(s, requests, n, err));
    ELCL_TRY(elcl_decoder_score(&s->state, &s->step, err));
    ELCL_TRY(elcl_ops_download(s->state.ops, &s->state.buffers[ELCL_B_CANDIDATES], s->log_probs,
                               (size_t)s->step.n_scored * sizeof(*s->log_probs), err));
    elcl_ops_store_program(s->state.ops);
    s->stats.source_tokens += (uint64_t)s->encode.n_rows;
    s->stats.rows += (uint64_t)s->step.n_rows;
    s->stats.steps++;
fail:
    elcl_quirks_end_turn(&s->model->device->quirks);
    return rc;
}

static int run_passes(struct elcl_scorer *s, const elcl_score_request *requests, size_t n,
                      elcl_error *err)
{
    struct elcl_pass_rows least = {0, 0}, useful = {0, 0};
    int rc = ELCL_OK;
    for (size_t i = 0; i < n; i++) {
        ELCL_TRY(check_request(s, &requests[i], i, err));
        const struct elcl_pass_rows rows = rows_of(s, &requests[i]);
        least.decoder = elcl_max_int(least.decoder, rows.decoder);
        least.source = elcl_max_int(least.source, rows.source);
        useful.decoder = elcl_min_int(useful.decoder + rows.decoder, 1 << 20);
        useful.source = elcl_min_int(useful.source + rows.source, 1 << 20);
    }
    if (least.decoder)
        ELCL_TRY(fit(s, least, useful, err));
    for (size_t next = 0; least.decoder && next < n;) {
        const size_t first = next;
        ELCL_TRY(elcl_ops_settle(s->state.ops, err)); /* after a pass that failed */
        ELCL_TRY(put_requests(s, requests, n, &next, err));
        bool wanted = false;
        for (size_t i = first; i < next; i++)
            wanted = wanted || (requests[i].alignments && requests[i].n_target);
        s->state.tap = wanted ? &s->tap : NULL;
        ELCL_TRY(pass(s, requests + first, next - first, err));
        ELCL_TRY(deliver(s, requests, first, next, err));
        if (wanted)
            align(s, requests, first, next);
    }
fail:
    return rc;
}

int elcl_scorer_run(elcl_scorer *scorer, const elcl_score_request *requests, size_t n,
                    elcl_error *err)
{
    if (!scorer || (!requests && n))
        return elcl_fail(err, ELCL_E_ARG, "elcl_scorer_run: arguments must not be NULL");
    const uint64_t start = elcl_clock_ns();
    const int rc = run_passes(scorer, requests, n, err);
    scorer->stats.seconds += 1e-9 * (double)(elcl_clock_ns() - start);
    return rc;
}

void elcl_scorer_get_stats(const elcl_scorer *scorer, elcl_engine_stats *stats)
{
    const struct elcl_device *device = scorer->model->device;
    *stats = scorer->stats;
    stats->batch_size = scorer->state.capacity.sentences;
    stats->planned_bytes = scorer->plan.total;
    stats->live_bytes = device->live_bytes;
    stats->peak_bytes = device->peak_bytes;
    stats->compile_seconds = 1e-9 * (double)atomic_load(&device->compile_ns);
    if (scorer->state.ops) {
        stats->bytes_moved += scorer->state.ops->bytes_moved;
        stats->flop += scorer->state.ops->flop;
    }
}

void elcl_scorer_destroy(elcl_scorer **scorer)
{
    if (!scorer || !*scorer)
        return;
    drop_state(*scorer);
    elcl_free(*scorer);
    *scorer = NULL;
}
