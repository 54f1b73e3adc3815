/* Engines: creation, buffers, statistics. */
#include "engine/engine.h"

#include <stdio.h>
#include <string.h>

#include "base/os.h"
#include "base/util.h"

elcl_engine_params elcl_engine_params_default(void)
{
    return (elcl_engine_params){.max_beams = 4, .alignment_layer = -1, .alignment_head = -1};
}

static int check_params(const struct elcl_model *model, const elcl_engine_params *p,
                        elcl_error *err)
{
    const int max = model->arch.max_positions;
    int rc;
    ELCL_TRY(elcl_check_int("batch_size", p->batch_size, 0, 1 << 20, err));
    ELCL_TRY(elcl_check_int("max_beams", p->max_beams, 1, ELCL_MAX_BEAMS, err));
    ELCL_TRY(elcl_check_int("max_source", p->max_source, 0, max, err));
    ELCL_TRY(elcl_check_int("max_list_tokens", p->max_list_tokens, 0, 1 << 24, err));
    ELCL_TRY(elcl_cross_tap_check(&model->arch, p->alignment_layer, p->alignment_head, err));
    if (p->max_target)
        ELCL_TRY(elcl_check_int("max_target", p->max_target, 2, elcl_arch_max_target(&model->arch),
                                err));
fail:
    return rc;
}

/* Returns the bytes that the plan of a state may take. The plan counts the model's elcl_ops, which
 * is live already. */
uint64_t elcl_engine_memory_limit(const struct elcl_device *device)
{
    const uint64_t all = device->plan_limit_bytes;
    const uint64_t live = device->live_bytes - ELCL_OPS_BYTES;
    return all > live ? all - live : 0;
}

/* Returns the engine's share of it. */
static uint64_t memory_limit(const struct elcl_engine *e)
{
    return elcl_engine_memory_limit(e->model->device) / (uint64_t)e->sharers;
}

/* Returns how many sentences, up to `max`, fit into `limit` bytes by the plan; see
 * elcl_plan_sentences(). */
static int count_fitting(const struct elcl_model *m, struct elcl_capacity *c, uint64_t limit,
                         int max)
{
    const uint64_t max_alloc = m->device->desc.max_alloc_bytes;
    return elcl_plan_sentences(&m->arch, m->attention, m->ops->state, c, 0, limit,
                               max_alloc ? max_alloc : UINT64_MAX, max);
}

/* 0 sentences become as many as memory and device allow. Chooses how many source tokens to encode
 * at once: few if memory is short. */
static int fit_capacity(const struct elcl_engine *e, struct elcl_capacity *c, elcl_error *err)
{
    const struct elcl_model *m = e->model;
    const uint64_t limit = memory_limit(e);
    const int rows = elcl_plan_useful_rows(m->ops->kernels, m->ops->weights, m->weight_bytes);
    const int max = c->sentences ? c->sentences : elcl_max_int(1, rows / c->beams);
    c->encode_most =
        elcl_plan_encode_most(&m->arch, m->attention, c->gpu ? m->device->desc.compute_units : 0);
    const int n = count_fitting(m, c, limit, max);
    if (c->sentences) {
        if (n < c->sentences) /* the device may have more memory than the plan counts on */
            c->encode_most = elcl_plan_encode_most(&m->arch, m->attention, 0);
        return ELCL_OK;
    }
    c->sentences = n;
    if (n)
        return ELCL_OK;
    return elcl_fail(err, ELCL_E_DEVICE_NOMEM,
                     "not one sentence with %d beams, %d source and %d target tokens fits into the "
                     "%llu MiB left on %s; lower the lengths or the beams",
                     c->beams, c->max_source, c->max_target, (unsigned long long)(limit >> 20),
                     m->device->desc.name);
}

/* Takes the requested capacity. */
static int choose_capacity(struct elcl_engine *e, elcl_error *err)
{
    const struct elcl_model *m = e->model;
    const elcl_engine_params *p = &e->params;
    struct elcl_capacity c = {
        .sentences = p->batch_size,
        .beams = p->max_beams,
        .max_source = p->max_source ? p->max_source : elcl_arch_default_positions(&m->arch),
        .max_target = p->max_target ? p->max_target : elcl_arch_default_target(&m->arch),
        .width = elcl_plan_width(&m->arch, p->max_beams),
        .lists = p->max_list_tokens,
        .rounds_inputs = m->ops->dot != ELCL_DOT_NONE,
        .rounds_queries = m->ops->state_dot != ELCL_DOT_NONE,
        .gpu = m->ops->kernels == ELCL_KERNELS_GPU,
        .activations = m->ops->activations};
    if (!c.lists)
        c.lists = elcl_plan_lists(&m->defaults);
    const int rc = fit_capacity(e, &c, err);
    e->capacity = c;
    return rc;
}

/* The state of a batch that the caller chose cannot be created: says how many sentences fit. */
static int refuse_batch(const struct elcl_engine *e, const elcl_error *why, elcl_error *err)
{
    struct elcl_capacity c = e->capacity;
    const int n = count_fitting(e->model, &c, memory_limit(e), c.sentences);
    char fit[32] = "not one request";
    if (n == c.sentences) /* the plan is right only about its own buffers */
        return elcl_fail(err, why->code, "%s", why->msg);
    if (n)
        (void)snprintf(fit, sizeof(fit), "at most %d requests", n);
    return elcl_fail(
        err, why->code,
        "batch_size is %d, but %s of %d beams, %d source and %d target tokens can fit: %s",
        c.sentences, fit, c.beams, c.max_source, c.max_target, why->msg);
}

static int create_state(struct elcl_engine *e, int sentences, elcl_error *err)
{
    struct elcl_model *m = e->model;
    struct elcl_capacity capacity = e->capacity;
    for (capacity.sentences = sentences;;) {
        struct elcl_ops *ops = NULL;
        elcl_error first = {0};
        capacity.encode_rows =
            elcl_plan_encode_rows(capacity.sentences, capacity.max_source, capacity.encode_most);
        int rc = elcl_ops_clone(m->ops, e->params.profile != 0, &ops, &first);
        if (!rc)
            rc = elcl_state_init(&e->state, &m->arch, &m->weights, m->attention, &capacity, ops,
                                 &first);
        if (!rc)
            break;
        elcl_ops_destroy(&ops);
        if (rc == ELCL_E_DEVICE_NOMEM && e->params.batch_size)
            return refuse_batch(e, &first, err);
        if (rc != ELCL_E_DEVICE_NOMEM || capacity.sentences == 1)
            return elcl_fail(err, rc, "%s", first.msg);
        capacity.sentences = elcl_max_int(1, capacity.sentences * 3 / 4);
        e->capacity.sentences = capacity.sentences;
        elcl_device_log(m->device, ELCL_LOG_WARNING, "%s: continuing with a batch of %d", first.msg,
                        capacity.sentences);
    }
    elcl_plan_make(&m->arch, m->attention, m->ops->state, &capacity, m->weight_bytes,
                   &e->plan); /* the state exists: this cannot overflow */
    return ELCL_OK;
}

/* Other threads look for requests in the slots. */
static void set_slots(struct elcl_engine *e, struct elcl_sentence **slots)
{
    pthread_mutex_lock(&e->mutex);
    elcl_free(e->slots);
    e->slots = slots;
    pthread_mutex_unlock(&e->mutex);
}

/* Frees the state, the host memory of its queue, and the slots; keeps the totals of its work. */
static void drop_state(struct elcl_engine *e)
{
    set_slots(e, NULL);
    if (e->state.ops) {
        e->stats.bytes_moved += e->state.ops->bytes_moved;
        e->stats.flop += e->state.ops->flop;
    }
    elcl_state_finish(&e->state);
    e->step.data = e->encode.data = NULL;
    e->numbers = (struct elcl_numbers){0};
    e->candidates = NULL;
    elcl_cross_tap_drop(&e->tap);
}

static int allocate_host(struct elcl_engine *e, elcl_error *err)
{
    const struct elcl_capacity *c = &e->state.capacity;
    struct elcl_ops *ops = e->state.ops;
    const size_t rows = (size_t)elcl_capacity_rows(c), encode = (size_t)c->encode_rows;
    set_slots(e, elcl_calloc((size_t)c->sentences, sizeof(struct elcl_sentence *)));
    e->step.data = elcl_ops_host_memory(ops, elcl_capacity_step(c), sizeof(int32_t));
    e->encode.data =
        elcl_ops_host_memory(ops, encode * (ELCL_ROW_INTS + ELCL_ROW_GROUP_INTS), sizeof(int32_t));
    e->candidates = elcl_ops_host_memory(ops, rows * (size_t)c->width, sizeof(*e->candidates));
    const bool ok = e->slots && e->step.data && e->encode.data && e->candidates;
    return ok ? ELCL_OK : elcl_fail_nomem(err);
}

int elcl_engine_fit(struct elcl_engine *e, size_t n_waiting, elcl_error *err)
{
    int want = e->capacity.sentences;
    if (!e->params.batch_size && n_waiting < (size_t)want)
        want = elcl_max_int(1, (int)n_waiting);
    if (e->state.ops && (e->n_live || want <= e->state.capacity.sentences))
        return ELCL_OK;
    drop_state(e);
    int rc = create_state(e, want, err);
    if (!rc)
        rc = allocate_host(e, err);
    if (rc)
        drop_state(e);
    return rc;
}

int elcl_engine_create(elcl_model *model, const elcl_engine_params *params, elcl_engine **engine,
                       elcl_error *err)
{
    return elcl_engine_create_shared(model, params, 1, engine, err);
}

int elcl_engine_create_shared(elcl_model *model, const elcl_engine_params *params, int sharers,
                              elcl_engine **engine, elcl_error *err)
{
    const elcl_engine_params defaults = elcl_engine_params_default();
    if (!model || !engine)
        return elcl_fail(err, ELCL_E_ARG, "elcl_engine_create: model and engine must not be NULL");
    struct elcl_engine *e = elcl_calloc(1, sizeof(*e));
    if (!e)
        return elcl_fail_nomem(err);
    e->model = model;
    e->params = params ? *params : defaults;
    e->sharers = sharers;
    e->waiting_end = &e->waiting;
    pthread_mutex_init(&e->mutex, NULL);
    elcl_condition_init(&e->news);
    int rc;
    ELCL_TRY(check_params(model, &e->params, err));
    e->tap.one = (elcl_cross_head){e->params.alignment_layer, e->params.alignment_head};
    e->tap.heads = &e->tap.one;
    e->tap.n_heads = 1;
    ELCL_TRY(choose_capacity(e, err));
    if (e->params.batch_size)
        ELCL_TRY(elcl_engine_fit(e, 0, err));
    elcl_engine_publish(e);
    *engine = e;
    return ELCL_OK;
fail:
    elcl_engine_destroy(&e);
    return rc;
}

void elcl_sentence_destroy(struct elcl_sentence *sentence)
{
    if (!sentence)
        return;
    elcl_search_destroy(&sentence->search);
    elcl_free(sentence->lists);
    elcl_free(sentence);
}

void elcl_engine_destroy(elcl_engine **engine)
{
    if (!engine || !*engine)
        return;
    struct elcl_engine *e = *engine;
    for (int i = 0; e->slots && i < e->state.capacity.sentences; i++)
        elcl_sentence_destroy(e->slots[i]);
    for (struct elcl_sentence *s = e->waiting, *next; s; s = next) {
        next = s->next;
        elcl_sentence_destroy(s);
    }
    drop_state(e);
    pthread_cond_destroy(&e->news);
    pthread_mutex_destroy(&e->mutex);
    elcl_free(e);
    *engine = NULL;
}

void elcl_engine_publish(struct elcl_engine *e)
{
    elcl_engine_stats now = e->stats;
    now.batch_size = e->capacity.sentences;
    now.planned_bytes = e->plan.total;
    if (e->state.ops) {
        now.bytes_moved += e->state.ops->bytes_moved;
        now.flop += e->state.ops->flop;
    }
    pthread_mutex_lock(&e->mutex);
    e->published = now;
    pthread_mutex_unlock(&e->mutex);
}

void elcl_engine_get_stats(elcl_engine *engine, elcl_engine_stats *stats)
{
    const struct elcl_device *device = engine->model->device;
    pthread_mutex_lock(&engine->mutex);
    *stats = engine->published;
    stats->waiting = engine->n_waiting;
    stats->in_flight = (uint64_t)engine->n_live;
    pthread_mutex_unlock(&engine->mutex);
    stats->live_bytes = device->live_bytes;
    stats->peak_bytes = device->peak_bytes;
    stats->compile_seconds = 1e-9 * (double)atomic_load(&device->compile_ns);
}

void elcl_engine_get_profile(elcl_engine *engine, elcl_engine_profile *profile)
{
    struct elcl_profile *p = engine->state.ops ? engine->state.ops->profile : NULL;
    *profile = (elcl_engine_profile){0};
    profile->times = elcl_profile_read(p, &profile->n_times);
    profile->spans = elcl_profile_spans(p, &profile->n_spans);
}

void elcl_engine_get_plan(const elcl_engine *engine, elcl_memory_plan *plan)
{
    const struct elcl_model *m = engine->model;
    const int batch =
        engine->state.ops ? engine->state.capacity.sentences : engine->capacity.sentences;
    elcl_plan_publish(&engine->plan, m->attention, batch, plan);
}

void elcl_model_reset_peak(elcl_model *model)
{
    atomic_store(&model->device->peak_bytes, atomic_load(&model->device->live_bytes));
}
