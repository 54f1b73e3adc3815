/* The stand-in for the library (fake_elcl.c): engines and scorers. */
#define _POSIX_C_SOURCE 200809L

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fake_elcl.h"

pthread_mutex_t fake_mutex = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t fake_news = PTHREAD_COND_INITIALIZER;

void elcl_model_gen_defaults(const elcl_model *model, elcl_gen_options *options)
{
    (void)model;
    *options = (elcl_gen_options){.num_beams = 4,
                                  .num_return_sequences = 1,
                                  .length_penalty = 1,
                                  .max_length = 100,
                                  .max_new_tokens = 20,
                                  .n_eos = 1,
                                  .eos_token_ids = {2},
                                  .repetition_penalty = 1};
}

void elcl_gen_options_fairseq(elcl_gen_options *options)
{
    options->search_style = ELCL_STYLE_FAIRSEQ;
    options->max_length = options->max_new_tokens = 0;
    options->max_len_b = 200;
}

elcl_engine_params elcl_engine_params_default(void)
{
    return (elcl_engine_params){.max_beams = 4, .alignment_layer = -1, .alignment_head = -1};
}

int elcl_engine_create(elcl_model *model, const elcl_engine_params *params, elcl_engine **engine,
                       elcl_error *err)
{
    if (model->scarce && params->batch_size > 2)
        return fail(err, ELCL_E_DEVICE_NOMEM, "too little memory for the batch");
    elcl_engine *e = calloc(1, sizeof(*e));
    if (!e)
        return fail(err, ELCL_E_NOMEM, "out of memory");
    e->params = *params;
    e->stats.batch_size = params->batch_size ? params->batch_size : BATCH;
    e->stats.planned_bytes = 1000 * (uint64_t)e->stats.batch_size;
    e->id_stride = 1;
    *engine = e;
    return ELCL_OK;
}

static void free_job(struct job *job)
{
    int32_t *source = (int32_t *)(void *)(uintptr_t)job->request.source;
    free(source);
    free(job);
}

void elcl_engine_destroy(elcl_engine **engine)
{
    if (!engine || !*engine)
        return;
    while ((*engine)->jobs) {
        struct job *next = (*engine)->jobs->next;
        free_job((*engine)->jobs);
        (*engine)->jobs = next;
    }
    free(*engine);
    *engine = NULL;
}

static int starts_with(const elcl_request *request, const char *cue)
{
    size_t n = strlen(cue);
    if (request->n_source < n + 2)
        return 0;
    for (size_t i = 0; i < n; i++) {
        if (request->source[i + 1] != cue[i] + FIRST_BYTE)
            return 0;
    }
    return 1;
}

/* Whether nothing ends the request before max_new_tokens. */
static int is_fixed(const elcl_request *request)
{
    return !request->options.n_eos && request->options.forced_eos_token_id < 0;
}

static void put_tokens(char *text, size_t room, char name, const elcl_tokens *lists, int n)
{
    size_t at = strlen(text);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < lists[i].n && at < room; k++)
            at += (size_t)snprintf(text + at, room - at, "%c%d",
                                   k   ? ','
                                   : i ? ';'
                                       : name,
                                   (int)lists[i].ids[k]);
}

/* Writes the lists as "p5,6w7;8,9" and so on. */
static void put_lists(const elcl_gen_options *o, char *text, size_t room)
{
    put_tokens(text, room, 'p', &o->prefix, 1);
    put_tokens(text, room, 'w', o->bad_words, o->n_bad_words);
    put_tokens(text, room, 's', &o->suppress_tokens, 1);
    put_tokens(text, room, 'b', &o->begin_suppress_tokens, 1);
    put_tokens(text, room, 'a', o->alternatives, o->n_alternatives);
    for (int i = 0; i < o->n_stop_strings; i++)
        (void)snprintf(text + strlen(text), room - strlen(text), "<%s>", o->stop_strings[i]);
}

static void count_submission(void)
{
    const char *path = getenv("FAKE_SUBMITTED");
    FILE *file = path ? fopen(path, "a") : NULL;
    if (file) {
        (void)fputc('x', file);
        (void)fclose(file);
    }
}

int elcl_engine_submit(elcl_engine *engine, const elcl_request *request, uint64_t *id,
                       elcl_error *err)
{
    if (request->options.num_beams > engine->params.max_beams)
        return fail(err, ELCL_E_ARG, "num_beams is above max_beams");
    if (request->options.length_penalty == 13.0f)
        return fail(err, ELCL_E_ARG, "length_penalty: 13 is not liked");
    if (request->options.suppress_tokens.n >
        (engine->params.max_list_tokens ? engine->params.max_list_tokens : 256))
        return fail(err, ELCL_E_ARG, "no room for the lists");
    struct job *job = calloc(1, sizeof(*job));
    int32_t *source = malloc(request->n_source * sizeof(*source));
    if (!job || !source) {
        free(job);
        free(source);
        return fail(err, ELCL_E_NOMEM, "out of memory");
    }
    memcpy(source, request->source, request->n_source * sizeof(*source));
    job->request = *request;
    job->request.source = source;
    if (starts_with(request, "!lists"))
        put_lists(&request->options, job->lists, sizeof(job->lists));
    pthread_mutex_lock(&fake_mutex);
    const uint64_t number = engine->n_submitted++;
    job->id = engine->first_id + number * engine->id_stride;
    count_submission();
    /* Neither the order of submission nor its reverse. */
    job->steps = 1 + (int)(number * 7 % 11);
    if (is_fixed(request))
        job->steps = 2;
    if (starts_with(&job->request, "!slow"))
        job->steps = 100;
    struct job **end = &engine->jobs;
    while (*end)
        end = &(*end)->next;
    *end = job;
    if (id)
        *id = job->id;
    pthread_cond_broadcast(&fake_news);
    pthread_mutex_unlock(&fake_mutex);
    return ELCL_OK;
}

static int32_t upper(int32_t id)
{
    int c = id - FIRST_BYTE;
    return c >= 'a' && c <= 'z' ? id - ('a' - 'A') : id;
}

/* Makes a hypothesis: start token, source in upper case, "|k", EOS. With a fixed length: the start
 * token and max_new_tokens tokens of the source. */
static size_t make_output(const struct job *job, int k, int32_t *ids)
{
    size_t n = 0;
    ids[n++] = 2;
    if (is_fixed(&job->request)) {
        while (n <= (size_t)job->request.options.max_new_tokens) {
            ids[n] = job->request.source[n % job->request.n_source];
            n++;
        }
        return n;
    }
    for (size_t i = 1; i + 1 < job->request.n_source; i++)
        ids[n++] = upper(job->request.source[i]);
    if (job->request.source[0] == 1)
        ids[n++] = '~' + FIRST_BYTE;
    if (job->request.options.forced_bos_token_id == 3)
        ids[n++] = '^' + FIRST_BYTE;
    if (starts_with(&job->request, "!lines")) {
        ids[n++] = '\n' + FIRST_BYTE;
        ids[n++] = '\t' + FIRST_BYTE;
    }
    for (const char *c = job->lists; *c; c++)
        ids[n++] = *c + FIRST_BYTE;
    if (job->request.options.num_return_sequences > 1) {
        ids[n++] = '|' + FIRST_BYTE;
        ids[n++] = '0' + k % 10 + FIRST_BYTE;
    }
    ids[n++] = 2;
    return n;
}

void fake_align(float *rows, size_t n, size_t n_source)
{
    for (size_t i = 0; i < n * n_source; i++)
        rows[i] = i % n_source == i / n_source % n_source ? 0.75f : 0.125f;
}

static void finish_job(elcl_engine *engine, const struct job *job)
{
    static const elcl_error bad = {ELCL_E_ARG, "the request asked for it"};
    int32_t ids[ELCL_MAX_BEAMS][MAX_SOURCE + 8];
    float alignments[MAX_SOURCE * (MAX_SOURCE + 8)];
    elcl_hypothesis hypotheses[ELCL_MAX_BEAMS];
    elcl_result result = {.id = job->id,
                          .user = job->request.user,
                          .hypotheses = hypotheses,
                          .n_source = job->request.n_source};
    if (starts_with(&job->request, "!request")) {
        result.error = &bad;
    } else {
        result.n_hypotheses = job->request.options.num_return_sequences;
        for (int k = 0; k < result.n_hypotheses; k++) {
            size_t n = make_output(job, k, ids[k]);
            fake_align(alignments, n - 1, result.n_source);
            hypotheses[k] = (elcl_hypothesis){
                .ids = ids[k],
                .n_ids = n,
                .n_generated = n - 1,
                .alignments = job->request.options.alignments ? alignments : NULL,
                .score = -0.125f * (float)(k + 1),
                .finish = is_fixed(&job->request) ? ELCL_FINISH_LENGTH : ELCL_FINISH_EOS};
        }
    }
    pthread_mutex_lock(&fake_mutex);
    engine->stats.samples++;
    engine->stats.output_tokens += is_fixed(&job->request)
                                       ? (uint64_t)job->request.options.max_new_tokens
                                       : job->request.n_source;
    pthread_mutex_unlock(&fake_mutex);
    engine->params.on_result(engine->params.user, &result);
}

/* Greedy search emits one token per step, and at the last step all that remain. */
static void emit(const elcl_engine *engine, struct job *job, int last)
{
    int32_t ids[MAX_SOURCE + 8];
    const size_t n = make_output(job, 0, ids);
    while (engine->params.on_token && job->request.options.num_beams == 1 &&
           job->n_emitted < n - 1) {
        const elcl_token token = {
            .id = job->id, .user = job->request.user, .token = ids[1 + job->n_emitted++]};
        engine->params.on_token(engine->params.user, &token);
        if (!last)
            return;
    }
}

static void kill_in_step(void)
{
    static int steps;
    const char *last = getenv("FAKE_KILL_STEP");
    if (last && ++steps == atoi(last))
        (void)raise(SIGKILL);
}

/* Whether the job has ended; the mutex is not held. */
static int run_job(elcl_engine *engine, struct job *job, int is_cancelled)
{
    static const elcl_error cancelled = {ELCL_E_INTERRUPTED, "the request was cancelled"};
    if (is_cancelled) {
        engine->params.on_result(
            engine->params.user,
            &(elcl_result){.id = job->id, .user = job->request.user, .error = &cancelled});
        return 1;
    }
    const int last = !--job->steps;
    if (last && starts_with(&job->request, "!step"))
        return -1;
    emit(engine, job, last);
    if (last)
        finish_job(engine, job);
    return last;
}

int elcl_engine_step(elcl_engine *engine, size_t *pending, elcl_error *err)
{
    int running = 0;
    kill_in_step();
    const char *slow = getenv("FAKE_STEP_MS");
    struct timespec pause = {0, slow ? atoi(slow) * 1000000L : 0};
    (void)nanosleep(&pause, NULL);
    pthread_mutex_lock(&fake_mutex);
    engine->stats.steps += engine->jobs != NULL;
    for (struct job **at = &engine->jobs; *at && running < engine->stats.batch_size; running++) {
        struct job *job = *at;
        const int is_cancelled = job->cancelled;
        pthread_mutex_unlock(&fake_mutex); /* others only append, and cancel */
        const int ended = run_job(engine, job, is_cancelled);
        pthread_mutex_lock(&fake_mutex);
        if (ended < 0) {
            pthread_mutex_unlock(&fake_mutex);
            return fail(err, ELCL_E_DEVICE, "the device was lost");
        }
        if (!ended) {
            at = &job->next;
            continue;
        }
        *at = job->next;
        free_job(job);
    }
    size_t n = 0;
    for (const struct job *job = engine->jobs; job; job = job->next)
        n++;
    if (pending)
        *pending = n;
    pthread_mutex_unlock(&fake_mutex);
    return ELCL_OK;
}

int elcl_engine_run(elcl_engine *engine, elcl_error *err)
{
    size_t pending = 1;
    int rc = ELCL_OK;
    while (!rc && pending)
        rc = elcl_engine_step(engine, &pending, err);
    return rc;
}

void elcl_engine_get_stats(elcl_engine *engine, elcl_engine_stats *stats)
{
    pthread_mutex_lock(&fake_mutex);
    *stats = engine->stats;
    for (const struct job *job = engine->jobs; job; job = job->next)
        *(stats->in_flight < (uint64_t)stats->batch_size ? &stats->in_flight : &stats->waiting) +=
            1;
    pthread_mutex_unlock(&fake_mutex);
    stats->compile_seconds = getenv("FAKE_COMPILE") ? 9 : 0;
}

/* ---- scores -------------------------------------------------------------------------------- */

struct elcl_scorer {
    elcl_engine_stats stats;
};

elcl_scorer_params elcl_scorer_params_default(void)
{
    return (elcl_scorer_params){.alignment_layer = -1, .alignment_head = -1};
}

int elcl_scorer_create(elcl_model *model, const elcl_scorer_params *params, elcl_scorer **scorer,
                       elcl_error *err)
{
    (void)model;
    (void)params;
    *scorer = calloc(1, sizeof(**scorer));
    return *scorer ? ELCL_OK : fail(err, ELCL_E_NOMEM, "out of memory");
}

void elcl_scorer_destroy(elcl_scorer **scorer)
{
    free(*scorer);
    *scorer = NULL;
}

/* The log-probability of a token is minus a 64th of the number of tokens before it. A target with
 * "!" in it loses the device. */
int elcl_scorer_run(elcl_scorer *scorer, const elcl_score_request *requests, size_t n,
                    elcl_error *err)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t t = 0; t < requests[i].n_target; t++) {
            if (requests[i].target[t] == '!' + FIRST_BYTE)
                return fail(err, ELCL_E_DEVICE, "the device was lost");
            requests[i].log_probs[t] = -(float)(requests[i].n_source + t) / 64;
        }
        if (requests[i].alignments)
            fake_align(requests[i].alignments, requests[i].n_target, requests[i].n_source);
        scorer->stats.output_tokens += requests[i].n_target;
    }
    return ELCL_OK;
}

void elcl_scorer_get_stats(const elcl_scorer *scorer, elcl_engine_stats *stats)
{
    *stats = scorer->stats;
}
