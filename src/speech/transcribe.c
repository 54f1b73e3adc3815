/* The transcriber: puts the windows of its files into requests of a pool, and gives them the
 * results. */
#include "elcl/transcribe.h"

#include "base/os.h"
#include "elcl/speech.h"
#include "model/model.h"
#include "speech/listener.h"

#define DEFAULT_BATCH 32 /* windows of an engine that wait or are decoded, without batch_size */

/* A window whose request is in the pool. */
struct question {
    struct question *next; /* of its job */
    struct job *job;
    struct elcl_window *window;
    struct elcl_ask ask; /* without its arrays */
    uint64_t id;         /* in the pool */
};

/* A file. */
struct job {
    struct job *next;
    elcl_transcriber *transcriber;
    struct elcl_speech_file *file;
    struct question *questions;
    uint64_t id;
    void *user;
    bool cancelled, leaving; /* the first is protected by the mutex; `leaving`: the pool knows */
};

struct elcl_transcriber {
    struct elcl_listener listener;
    elcl_transcriber_params params;
    elcl_pool *pool;
    size_t max_questions, n_questions;
    struct job *jobs; /* in the order of their ids */
    elcl_error failure;
    /* Protects the members below and job.cancelled. */
    pthread_mutex_t mutex;
    pthread_cond_t news;
    struct job *added, **added_end;
    uint64_t next_id;
    size_t pending; /* files without their on_file */
    bool woken;
};

/* ---- results ------------------------------------------------------------------------------- */

static void describe(const struct job *job, elcl_transcript *transcript)
{
    elcl_speech_file_describe(job->file, transcript);
    transcript->id = job->id;
    transcript->user = job->user;
}

static void tell_news(void *user, const elcl_segment *segment)
{
    const struct job *job = user;
    const elcl_transcriber_params *p = &job->transcriber->params;
    elcl_transcript transcript;
    describe(job, &transcript);
    if (segment && p->on_segment)
        p->on_segment(p->user, &transcript, segment);
    if (!segment && p->on_progress)
        p->on_progress(p->user, &transcript);
}

static void forget_question(struct question *question)
{
    struct question **at = &question->job->questions;
    while (*at != question)
        at = &(*at)->next;
    *at = question->next;
    question->job->transcriber->n_questions--;
    elcl_free(question);
}

static void take_result(void *user, const elcl_result *result)
{
    elcl_transcriber *t = user;
    struct question *question = result->user;
    struct job *job = question->job;
    struct elcl_window *window = question->window;
    struct elcl_answer answer;
    elcl_listener_answer(&t->listener, elcl_speech_file_options(job->file), &question->ask, result,
                         &answer);
    forget_question(question);
    if (job->leaving || t->failure.code)
        return;
    if (result->error)
        elcl_fail(&t->failure, result->error->code, "%s", result->error->msg);
    else
        elcl_speech_file_take(job->file, window, &answer, tell_news, job, &t->failure);
}

/* ---- creation ------------------------------------------------------------------------------ */

static int create_pool(elcl_transcriber *t, elcl_model *const *models, int n, elcl_error *err)
{
    const struct elcl_speech_tokens *tokens = &t->listener.tokens;
    elcl_engine_params p = elcl_engine_params_default();
    elcl_model_info info;
    elcl_model_get_info(models[0], &info);
    p.batch_size = t->params.batch_size;
    p.max_beams = elcl_max_int(t->params.max_beams, ELCL_LANGUAGE_BEAMS);
    p.max_source = info.max_source;
    p.max_target = info.max_target;
    p.max_list_tokens =
        256 + tokens->suppress.n + tokens->begin_suppress.n + (int)tokens->n_languages;
    p.on_result = take_result;
    p.user = t;
    return elcl_pool_create(models, n, &p, &t->pool, err);
}

static int check_models(elcl_model *const *models, int n, const elcl_transcriber_params *params,
                        elcl_error *err)
{
    int rc;
    ELCL_TRY(elcl_check_int("n", n, 1, ELCL_MAX_ENGINES, err));
    ELCL_TRY(elcl_check_int("batch_size", params->batch_size, 0, 1 << 20, err));
    ELCL_TRY(elcl_check_int("max_beams", params->max_beams, 1, ELCL_MAX_BEAMS, err));
    for (int i = 0; i < n; i++)
        if (!models[i])
            return elcl_fail(err, ELCL_E_ARG, "elcl_transcriber_create: model %d is NULL", i);
fail:
    return rc;
}

int elcl_transcriber_create(elcl_model *const *models, int n, const elcl_transcriber_params *params,
                            elcl_transcriber **transcriber, elcl_error *err)
{
    if (!models || !transcriber)
        return elcl_fail(err, ELCL_E_ARG, "elcl_transcriber_create: arguments must not be NULL");
    const elcl_transcriber_params p = params ? *params : elcl_transcriber_params_default();
    int rc = check_models(models, n, &p, err);
    if (rc)
        return rc;
    elcl_transcriber *t = elcl_calloc(1, sizeof(*t));
    if (!t)
        return elcl_fail_nomem(err);
    pthread_mutex_init(&t->mutex, NULL);
    elcl_condition_init(&t->news);
    t->params = p;
    t->added_end = &t->added;
    t->max_questions = (size_t)n * (size_t)(p.batch_size ? 2 * p.batch_size : DEFAULT_BATCH);
    ELCL_TRY(elcl_listener_init(&t->listener, models[0], err));
    ELCL_TRY(create_pool(t, models, n, err));
    *transcriber = t;
    return ELCL_OK;
fail:
    elcl_transcriber_destroy(&t);
    return rc;
}

static void destroy_jobs(struct job *jobs)
{
    for (struct job *job = jobs, *next; job; job = next) {
        next = job->next;
        for (struct question *q = job->questions, *after; q; q = after) {
            after = q->next;
            elcl_free(q);
        }
        elcl_speech_file_destroy(&job->file);
        elcl_free(job);
    }
}

void elcl_transcriber_destroy(elcl_transcriber **transcriber)
{
    if (!transcriber || !*transcriber)
        return;
    elcl_transcriber *t = *transcriber;
    elcl_pool_destroy(&t->pool);
    destroy_jobs(t->jobs);
    destroy_jobs(t->added);
    elcl_listener_finish(&t->listener);
    pthread_cond_destroy(&t->news);
    pthread_mutex_destroy(&t->mutex);
    elcl_free(t);
    *transcriber = NULL;
}

/* ---- calls of any thread ------------------------------------------------------------------- */

int elcl_transcriber_add(elcl_transcriber *transcriber, const elcl_sound *sound,
                         const elcl_transcribe_options *options, void *user, uint64_t *id,
                         elcl_error *err)
{
    if (!transcriber || !sound)
        return elcl_fail(err, ELCL_E_ARG,
                         "elcl_transcriber_add: transcriber and sound must not be NULL");
    elcl_transcriber *t = transcriber;
    const elcl_transcribe_options o = options ? *options : elcl_transcribe_options_default();
    if (o.num_beams > t->params.max_beams || o.best_of > t->params.max_beams)
        return elcl_fail(err, ELCL_E_ARG, "%s is %d, and the transcriber's max_beams allows %d",
                         o.num_beams > t->params.max_beams ? "num_beams" : "best_of",
                         elcl_max_int(o.num_beams, o.best_of), t->params.max_beams);
    elcl_sound_info info;
    elcl_sound_get_info(sound, &info);
    struct job *job = elcl_calloc(1, sizeof(*job));
    if (!job)
        return elcl_fail_nomem(err);
    const int rc = elcl_speech_file_create(&t->listener.model, info.samples, info.n_samples, &o,
                                           &job->file, err);
    if (rc) {
        elcl_free(job);
        return rc;
    }
    job->transcriber = t;
    job->user = user;
    pthread_mutex_lock(&t->mutex);
    job->id = t->next_id++;
    if (id)
        *id = job->id;
    *t->added_end = job;
    t->added_end = &job->next;
    t->pending++;
    pthread_cond_signal(&t->news);
    pthread_mutex_unlock(&t->mutex);
    return ELCL_OK;
}

static void mark_cancelled(struct job *jobs, uint64_t id)
{
    for (struct job *job = jobs; job; job = job->next)
        if (job->id == id)
            job->cancelled = true;
}

void elcl_transcriber_cancel(elcl_transcriber *transcriber, uint64_t id)
{
    if (!transcriber)
        return;
    pthread_mutex_lock(&transcriber->mutex);
    mark_cancelled(transcriber->jobs, id);
    mark_cancelled(transcriber->added, id);
    pthread_mutex_unlock(&transcriber->mutex);
}

void elcl_transcriber_wake(elcl_transcriber *transcriber)
{
    if (!transcriber)
        return;
    pthread_mutex_lock(&transcriber->mutex);
    transcriber->woken = true;
    pthread_cond_signal(&transcriber->news);
    pthread_mutex_unlock(&transcriber->mutex);
}

size_t elcl_transcriber_wait(elcl_transcriber *transcriber, double seconds)
{
    if (!transcriber)
        return 0;
    elcl_transcriber *t = transcriber;
    const uint64_t end = seconds < 0 ? UINT64_MAX : elcl_clock_after(seconds);
    pthread_mutex_lock(&t->mutex);
    while (!t->pending && !t->woken && elcl_condition_wait(&t->news, &t->mutex, end))
        ;
    t->woken = false;
    const size_t pending = t->pending;
    pthread_mutex_unlock(&t->mutex);
    return pending;
}

/* ---- steps --------------------------------------------------------------------------------- */

/* Takes the files that were added. */
static int take_added(elcl_transcriber *t, elcl_error *err)
{
    int rc = ELCL_OK;
    struct job **end = &t->jobs;
    pthread_mutex_lock(&t->mutex);
    while (*end)
        end = &(*end)->next;
    *end = t->added;
    t->added = NULL;
    t->added_end = &t->added;
    pthread_mutex_unlock(&t->mutex);
    for (const struct job *job = *end; job && !rc; job = job->next)
        rc = elcl_listener_prepare(&t->listener, elcl_speech_file_options(job->file), err);
    return rc;
}

/* Takes the windows of cancelled files out of the pool. */
static void cancel_questions(elcl_transcriber *t)
{
    for (struct job *job = t->jobs; job; job = job->next) {
        pthread_mutex_lock(&t->mutex);
        const bool begins = job->cancelled && !job->leaving;
        pthread_mutex_unlock(&t->mutex);
        if (!begins)
            continue;
        job->leaving = true;
        for (struct question *q = job->questions; q; q = q->next)
            elcl_pool_cancel(t->pool, q->id);
    }
}

/* Puts a file's next window into the pool; *asked: whether it had one. */
static int ask_next(elcl_transcriber *t, struct job *job, bool *asked, elcl_error *err)
{
    struct elcl_window *window;
    struct elcl_ask ask;
    elcl_request request;
    int rc;
    *asked = false;
    ELCL_TRY(elcl_speech_file_next(job->file, &window, &ask, err));
    if (!window)
        return ELCL_OK;
    struct question *question = elcl_calloc(1, sizeof(*question));
    if (!question)
        return elcl_fail_nomem(err);
    question->job = job;
    question->window = window;
    question->ask = ask;
    elcl_listener_request(&t->listener, elcl_speech_file_options(job->file), &ask, &request);
    request.user = question;
    rc = elcl_pool_submit(t->pool, &request, &question->id, err);
    if (rc) {
        elcl_free(question);
        return rc;
    }
    question->next = job->questions;
    job->questions = question;
    t->n_questions++;
    *asked = true;
fail:
    return rc;
}

/* Asks for one window of each file in turn, until there are none or enough are in the pool. */
static int ask_all(elcl_transcriber *t, elcl_error *err)
{
    bool any = true;
    while (any) {
        any = false;
        for (struct job *job = t->jobs; job; job = job->next) {
            bool asked = false;
            if (t->n_questions >= t->max_questions)
                return ELCL_OK;
            const int rc = job->leaving ? ELCL_OK : ask_next(t, job, &asked, err);
            if (rc)
                return rc;
            any = any || asked;
        }
    }
    return ELCL_OK;
}

static void finish_job(elcl_transcriber *t, struct job *job)
{
    static const elcl_error cancelled = {ELCL_E_INTERRUPTED, "the file was cancelled"};
    elcl_transcript transcript;
    describe(job, &transcript);
    transcript.error = job->leaving ? &cancelled : NULL;
    pthread_mutex_lock(&t->mutex);
    t->pending--;
    pthread_mutex_unlock(&t->mutex);
    if (t->params.on_file)
        t->params.on_file(t->params.user, &transcript);
    job->next = NULL;
    destroy_jobs(job);
}

/* Ends the files that are done, in the order in which they were added. */
static void finish_jobs(elcl_transcriber *t)
{
    for (struct job **at = &t->jobs; *at;) {
        struct job *job = *at;
        if (job->questions || !(job->leaving || elcl_speech_file_done(job->file))) {
            at = &job->next;
            continue;
        }
        pthread_mutex_lock(&t->mutex); /* elcl_transcriber_cancel() walks the list */
        *at = job->next;
        pthread_mutex_unlock(&t->mutex);
        finish_job(t, job);
    }
}

int elcl_transcriber_step(elcl_transcriber *transcriber, size_t *pending, elcl_error *err)
{
    if (!transcriber)
        return elcl_fail(err, ELCL_E_ARG, "elcl_transcriber_step: transcriber must not be NULL");
    elcl_transcriber *t = transcriber;
    int rc;
    ELCL_TRY(take_added(t, err));
    cancel_questions(t);
    ELCL_TRY(ask_all(t, err));
    if (t->n_questions)
        ELCL_TRY(elcl_pool_step(t->pool, NULL, err));
    if (t->failure.code)
        return elcl_fail(err, t->failure.code, "%s", t->failure.msg);
    finish_jobs(t);
    if (pending) {
        pthread_mutex_lock(&t->mutex);
        *pending = t->pending;
        pthread_mutex_unlock(&t->mutex);
    }
fail:
    return rc;
}

int elcl_transcriber_run(elcl_transcriber *transcriber, elcl_error *err)
{
    int rc = ELCL_OK;
    for (size_t pending = 1; pending && !rc;)
        rc = elcl_transcriber_step(transcriber, &pending, err);
    return rc;
}

/* ---- one sound ----------------------------------------------------------------------------- */

static void keep_text(void *user, const elcl_transcript *transcript)
{
    *(char **)user = elcl_strdup(transcript->text);
}

int elcl_transcribe(elcl_model *model, const elcl_sound *sound,
                    const elcl_transcribe_options *options, char **text, elcl_error *err)
{
    if (!model || !sound || !text)
        return elcl_fail(err, ELCL_E_ARG, "elcl_transcribe: arguments must not be NULL");
    elcl_transcriber *transcriber = NULL;
    elcl_transcriber_params params = elcl_transcriber_params_default();
    char *found = NULL;
    int rc;
    params.on_file = keep_text;
    params.user = &found;
    if (options)
        params.max_beams = elcl_max_int(options->num_beams, options->best_of);
    ELCL_TRY(elcl_transcriber_create(&model, 1, &params, &transcriber, err));
    ELCL_TRY(elcl_transcriber_add(transcriber, sound, options, NULL, NULL, err));
    ELCL_TRY(elcl_transcriber_run(transcriber, err));
    rc = found ? ELCL_OK : elcl_fail_nomem(err);
    *text = found ? found : *text;
fail:
    elcl_transcriber_destroy(&transcriber);
    return rc;
}
