/* Engines: creation, submission, statistics. */
#include "engine/engine.h"

#include <string.h>

#include "base/util.h"
#include "search/options.h"

elcl_engine_params elcl_engine_params_default(void)
{
    return (elcl_engine_params){.max_beams = 4};
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

/* 0 sentences become as many as memory and device allow. Chooses how many source tokens to encode
 * at once: few if memory is short. */
static int fit_capacity(const struct elcl_engine *e, struct elcl_capacity *c, elcl_error *err)
{
    const struct elcl_model *m = e->model;
    const uint64_t max_alloc = m->device->desc.max_alloc_bytes;
    const uint64_t limit = elcl_engine_memory_limit(m->device) / (uint64_t)e->sharers;
    const int rows = elcl_plan_useful_rows(m->ops->kernels, m->ops->weights, m->weight_bytes);
    const int max = c->sentences ? c->sentences : elcl_max_int(1, rows / c->beams);
    c->encode_most =
        elcl_plan_encode_most(&m->arch, m->attention, c->gpu ? m->device->desc.compute_units : 0);
    const int n = elcl_plan_sentences(&m->arch, m->attention, m->ops->state, c, 0, limit,
                                      max_alloc ? max_alloc : UINT64_MAX, max);
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
    const int positions = elcl_arch_default_positions(&m->arch);
    struct elcl_capacity c = {.sentences = p->batch_size,
                              .beams = p->max_beams,
                              .max_source = p->max_source ? p->max_source : positions,
                              .max_target = p->max_target ? p->max_target : positions,
                              .width = elcl_plan_width(&m->arch, p->max_beams),
                              .lists = p->max_list_tokens,
                              .rounds_inputs = m->ops->dot != ELCL_DOT_NONE,
                              .gpu = m->ops->kernels == ELCL_KERNELS_GPU,
                              .activations = m->ops->activations};
    if (!c.lists)
        c.lists = elcl_plan_lists(&m->defaults);
    const int rc = fit_capacity(e, &c, err);
    e->capacity = c;
    return rc;
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
        if (rc != ELCL_E_DEVICE_NOMEM || e->params.batch_size || capacity.sentences == 1)
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

/* Frees the state, the host memory of its queue, and the slots; keeps the totals of its work. */
static void drop_state(struct elcl_engine *e)
{
    if (e->state.ops) {
        e->stats.bytes_moved += e->state.ops->bytes_moved;
        e->stats.flop += e->state.ops->flop;
    }
    elcl_state_finish(&e->state);
    elcl_free(e->slots);
    e->slots = NULL;
    e->step.data = e->encode.data = NULL;
    e->candidates = NULL;
}

static int allocate_host(struct elcl_engine *e, elcl_error *err)
{
    const struct elcl_capacity *c = &e->state.capacity;
    struct elcl_ops *ops = e->state.ops;
    const size_t rows = (size_t)elcl_capacity_rows(c), encode = (size_t)c->encode_rows;
    e->slots = elcl_calloc((size_t)c->sentences, sizeof(struct elcl_sentence *));
    e->step.data = elcl_ops_host_memory(ops, elcl_capacity_step(c), sizeof(int32_t));
    e->encode.data =
        elcl_ops_host_memory(ops, encode * (ELCL_ROW_INTS + ELCL_ROW_GROUP_INTS), sizeof(int32_t));
    e->candidates = elcl_ops_host_memory(ops, rows * (size_t)c->width, sizeof(*e->candidates));
    const bool ok = e->slots && e->step.data && e->encode.data && e->candidates;
    return ok ? ELCL_OK : elcl_fail_nomem(err);
}

int elcl_engine_fit(struct elcl_engine *e, elcl_error *err)
{
    int want = e->capacity.sentences;
    if (!e->params.batch_size && e->n_waiting < (size_t)want)
        want = elcl_max_int(1, (int)e->n_waiting);
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
    int rc;
    ELCL_TRY(check_params(model, &e->params, err));
    ELCL_TRY(choose_capacity(e, err));
    if (e->params.batch_size)
        ELCL_TRY(elcl_engine_fit(e, err));
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
    elcl_free(e);
    *engine = NULL;
}

/*
 * Converts the options of a decoder-only model to those of the search. The prompt's last token is
 * the start token of the search, which does not see the n_prompt tokens before it. So lengths lose
 * these tokens here, and a token that is forced at length 1 only follows a prompt of one token.
 */
static int prompt_options(const struct elcl_engine *e, const elcl_request *request,
                          elcl_gen_options *o, elcl_error *err)
{
    const int n = (int)request->n_source, positions = e->model->arch.max_positions;
    const int max = elcl_arch_max_target(&e->model->arch);
    *o = request->options;
    if (o->search_style != ELCL_STYLE_HF)
        return elcl_fail(err, ELCL_E_ARG,
                         "search_style fairseq is for models with an encoder; %s has none",
                         e->model->family->model_type);
    if (o->prefix.n)
        return elcl_fail(err, ELCL_E_ARG,
                         "prefix is for models with an encoder; %s has none: it continues the "
                         "source, so put the prefix there",
                         e->model->family->model_type);
    if (o->max_new_tokens > 0 && (int64_t)n + o->max_new_tokens > max)
        return elcl_fail(err, ELCL_E_ARG,
                         "max_new_tokens is %d after a prompt of %d tokens, the model has %d "
                         "positions",
                         o->max_new_tokens, n, positions);
    if (o->max_new_tokens == 0 && (o->max_length <= n || o->max_length > max))
        return elcl_fail(err, ELCL_E_ARG,
                         "max_length is %d, must be %d .. %d (the prompt has %d tokens and counts)",
                         o->max_length, n + 1, max, n);
    o->decoder_start_token_id = request->source[n - 1];
    if (o->max_new_tokens == 0)
        o->max_length -= n - 1;
    if (o->min_length > 0)
        o->min_length = elcl_max_int(0, o->min_length - (n - 1));
    if (n > 1)
        o->forced_bos_token_id = -1;
    return ELCL_OK;
}

/* Fills the options for the search. */
static int check_request(const struct elcl_engine *e, const elcl_request *request,
                         elcl_gen_options *options, elcl_error *err)
{
    const struct elcl_capacity *c = &e->capacity;
    const int vocabulary = e->model->arch.source_vocabulary;
    if (!request->source || !request->n_source)
        return elcl_fail(err, ELCL_E_ARG, "the source has no tokens");
    if (request->n_source > (size_t)c->max_source)
        return elcl_fail(err, ELCL_E_ARG,
                         "the source has %zu tokens, the engine's max_source allows %d",
                         request->n_source, c->max_source);
    for (size_t i = 0; i < request->n_source; i++)
        if (request->source[i] < 0 || request->source[i] >= vocabulary)
            return elcl_fail(err, ELCL_E_ARG, "source token %zu is %d, outside 0 .. %d", i,
                             request->source[i], vocabulary - 1);
    const int rows = elcl_options_max_rows(&request->options);
    if (rows > c->beams)
        return elcl_fail(err, ELCL_E_ARG, "%s %d exceeds the engine's %d",
                         request->options.do_sample && request->options.num_beams == 1
                             ? "num_return_sequences"
                             : "num_beams",
                         rows, c->beams);
    *options = request->options;
    int rc = e->model->arch.decoder_only ? prompt_options(e, request, options, err) : ELCL_OK;
    if (!rc)
        rc = elcl_options_check(options, e->model->arch.vocabulary, c->max_target, err);
    if (!rc && elcl_options_list_tokens(options) > (size_t)c->lists)
        return elcl_fail(err, ELCL_E_ARG,
                         "bad_words, suppress_tokens and alternatives take %zu tokens, the "
                         "engine's max_list_tokens allows %d",
                         elcl_options_list_tokens(options), c->lists);
    if (!rc && options->n_stop_strings && !e->model->tokenizer)
        return elcl_fail(err, ELCL_E_ARG, "stop_strings need a tokenizer, and %s has none",
                         e->model->config.path);
    return rc;
}

/* Fills the options for the search, bound to the source's length. */
static int bind_request(const struct elcl_engine *e, const elcl_request *request,
                        elcl_gen_options *options, elcl_error *err)
{
    elcl_gen_options checked;
    const int rc = check_request(e, request, &checked, err);
    return rc ? rc
              : elcl_options_bind(&checked, (int)request->n_source, e->model->arch.max_positions,
                                  e->capacity.max_target, options, err);
}

int elcl_engine_check(const struct elcl_engine *engine, const elcl_request *request,
                      elcl_error *err)
{
    elcl_gen_options options;
    return bind_request(engine, request, &options, err);
}

int elcl_engine_submit(elcl_engine *engine, const elcl_request *request, uint64_t *id,
                       elcl_error *err)
{
    if (!engine || !request)
        return elcl_fail(err, ELCL_E_ARG,
                         "elcl_engine_submit: engine and request must not be NULL");
    elcl_gen_options options;
    int rc = bind_request(engine, request, &options, err);
    if (rc)
        return rc;
    const size_t bytes = request->n_source * sizeof(int32_t);
    struct elcl_sentence *s = elcl_calloc(1, sizeof(*s) + bytes);
    if (!s)
        return elcl_fail_nomem(err);
    rc = elcl_options_copy_lists(&options, &s->lists, err);
    if (!rc)
        rc = elcl_search_create(&options, engine->model->arch.vocabulary, &s->search, err);
    if (rc) {
        elcl_sentence_destroy(s);
        return rc;
    }
    s->id = engine->next_id++;
    s->user = request->user;
    s->options = options;
    s->sample = request->sample;
    elcl_search_number(s->search, request->sample);
    s->n_source = (int)request->n_source;
    s->n_prompt = engine->model->arch.decoder_only ? s->n_source - 1 : 0;
    memcpy(s->source, request->source, bytes);
    *engine->waiting_end = s;
    engine->waiting_end = &s->next;
    engine->n_waiting++;
    if (id)
        *id = s->id;
    return ELCL_OK;
}

void elcl_engine_get_stats(const elcl_engine *engine, elcl_engine_stats *stats)
{
    const struct elcl_device *device = engine->model->device;
    *stats = engine->stats;
    stats->batch_size = engine->capacity.sentences;
    stats->planned_bytes = engine->plan.total;
    stats->live_bytes = device->live_bytes;
    stats->peak_bytes = device->peak_bytes;
    if (engine->state.ops) {
        stats->bytes_moved += engine->state.ops->bytes_moved;
        stats->flop += engine->state.ops->flop;
    }
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
