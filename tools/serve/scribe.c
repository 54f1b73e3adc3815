#define _POSIX_C_SOURCE 200809L

#include "serve/scribe.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "common/sys.h"

/* How often deadlines are looked at while a step is slow or nothing is there. */
#define WAIT_SECONDS 0.5

/* A job in the transcriber. The submitting thread and the scribe's hold it. */
struct cli_scribe_entry {
    struct cli_scribe *scribe;
    struct cli_dictation *job;
    uint64_t id; /* the transcriber's, once it is added */
    bool added, cancelled;
    int holders;
    int code; /* why it was cancelled: CLI_WORKER_LATE, CLI_WORKER_STOPPING, ELCL_E_INTERRUPTED */
    double begin, deadline;
    struct cli_scribe_entry *next;
};

struct cli_scribe {
    const struct cli_engines *engines;
    elcl_model_info info;
    struct cli_scribe_params params;
    pthread_t thread;
    pthread_mutex_t mutex; /* for all below; not held by callbacks of jobs */
    pthread_cond_t news;   /* no entry is left, or none is being added */
    elcl_transcriber *transcriber;
    struct cli_scribe_entry *entries;
    int n_entries, n_adding;
    bool broken; /* the transcriber has failed, and is made again */
    bool ends;   /* the thread */
    struct cli_figures totals;
};

static void lock(struct cli_scribe *s)
{
    (void)pthread_mutex_lock(&s->mutex);
}

static void unlock(struct cli_scribe *s)
{
    (void)pthread_mutex_unlock(&s->mutex);
}

/* The mutex is held. */
static void drop(struct cli_scribe_entry *entry, int n_holders)
{
    entry->holders -= n_holders;
    if (!entry->holders)
        free(entry);
}

/* The mutex is held. The entry ends in a later step. */
static void cancel(struct cli_scribe_entry *entry, int code)
{
    if (!entry->cancelled)
        entry->code = code;
    entry->cancelled = true;
    if (entry->added && entry->scribe->transcriber)
        elcl_transcriber_cancel(entry->scribe->transcriber, entry->id);
}

/* ---- ends ------------------------------------------------------------------------------------ */

static elcl_error reason(const struct cli_scribe_entry *entry, const elcl_error *why)
{
    elcl_error err = {0};
    if (!entry->cancelled || why->code != ELCL_E_INTERRUPTED)
        return *why;
    elcl_fail(&err, entry->code, "%s",
              entry->code == CLI_WORKER_LATE
                  ? "the request took longer than the server's --time-limit"
              : entry->code == CLI_WORKER_STOPPING ? "the server is stopping"
                                                   : why->msg);
    return err;
}

/* The mutex is held. */
static void unlink_entry(struct cli_scribe *s, struct cli_scribe_entry *entry)
{
    struct cli_scribe_entry **at = &s->entries;
    while (*at != entry)
        at = &(*at)->next;
    *at = entry->next;
    s->n_entries--;
}

/* The mutex is held. */
static void count_end(struct cli_scribe *s, const struct cli_scribe_entry *entry, int code)
{
    s->totals.results += !code;
    s->totals.late += code == CLI_WORKER_LATE;
    s->totals.cancelled += code == ELCL_E_INTERRUPTED || code == CLI_WORKER_LATE;
    s->totals.failed += code && code != ELCL_E_INTERRUPTED && code != CLI_WORKER_LATE;
    if (!code)
        cli_histogram_add(&s->totals.total, cli_sys_seconds() - entry->begin);
}

static void end_entry(struct cli_scribe_entry *entry, const elcl_transcript *transcript,
                      const elcl_error *failed)
{
    struct cli_scribe *s = entry->scribe;
    lock(s);
    const elcl_error why = failed ? reason(entry, failed) : (elcl_error){0};
    struct cli_dictation *job = entry->job;
    unlink_entry(s, entry);
    count_end(s, entry, why.code);
    unlock(s);
    job->on_end(job, transcript, failed ? &why : NULL);
    lock(s);
    drop(entry, 1);
    if (!s->n_entries)
        (void)pthread_cond_broadcast(&s->news);
    unlock(s);
}

static void on_file(void *user, const elcl_transcript *transcript)
{
    (void)user;
    end_entry(transcript->user, transcript, transcript->error);
}

static void on_segment(void *user, const elcl_transcript *transcript, const elcl_segment *segment)
{
    struct cli_scribe *s = user;
    (void)transcript;
    lock(s);
    s->totals.output_tokens += segment->n_tokens;
    unlock(s);
}

/* ---- the thread ------------------------------------------------------------------------------ */

static int make_transcriber(struct cli_scribe *s, elcl_error *err)
{
    elcl_transcriber_params params = elcl_transcriber_params_default();
    params.batch_size = s->params.batch_size;
    params.max_beams = s->params.max_beams;
    params.on_segment = on_segment;
    params.on_file = on_file;
    params.user = s;
    return elcl_transcriber_create(s->engines->models, s->engines->n, &params, &s->transcriber,
                                   err);
}

static void cancel_late(struct cli_scribe *s)
{
    const double now = cli_sys_seconds();
    lock(s);
    for (struct cli_scribe_entry *entry = s->entries; entry; entry = entry->next)
        if (entry->deadline > 0 && now > entry->deadline)
            cancel(entry, CLI_WORKER_LATE);
    unlock(s);
}

/* Ends all jobs with the error and makes the transcriber again. Returns false if that fails. */
static bool renew(struct cli_scribe *s, const elcl_error *why)
{
    elcl_error lost = {0};
    lock(s);
    s->broken = true;
    s->totals.failures++;
    while (s->n_adding)
        (void)pthread_cond_wait(&s->news, &s->mutex);
    elcl_transcriber_destroy(&s->transcriber);
    while (s->entries) {
        struct cli_scribe_entry *entry = s->entries;
        unlock(s);
        end_entry(entry, NULL, why);
        lock(s);
    }
    const int rc = make_transcriber(s, &lost);
    s->broken = false;
    s->totals.lost = s->totals.stopping = rc != 0;
    unlock(s);
    if (rc && s->params.on_lost)
        s->params.on_lost(s->params.user, &lost);
    return !rc;
}

static bool is_ended(struct cli_scribe *s)
{
    lock(s);
    const bool ended = s->ends && !s->n_entries;
    unlock(s);
    return ended;
}

static void *run(void *user)
{
    struct cli_scribe *s = user;
    while (!is_ended(s)) {
        elcl_error err = {0};
        const double start = cli_sys_seconds();
        const size_t pending = elcl_transcriber_wait(s->transcriber, WAIT_SECONDS);
        cancel_late(s);
        if (!pending)
            continue;
        if (elcl_transcriber_step(s->transcriber, NULL, &err) && !renew(s, &err))
            break;
        lock(s);
        s->totals.steps++;
        s->totals.step_seconds += cli_sys_seconds() - start;
        unlock(s);
    }
    return NULL;
}

/* ---- life ------------------------------------------------------------------------------------ */

int cli_scribe_create(const struct cli_engines *engines, const elcl_model_info *info,
                      const struct cli_scribe_params *params, struct cli_scribe **scribe,
                      elcl_error *err)
{
    struct cli_scribe *s = elcl_calloc(1, sizeof(*s));
    if (!s)
        return elcl_fail_nomem(err);
    s->engines = engines;
    s->info = *info;
    s->params = *params;
    (void)pthread_mutex_init(&s->mutex, NULL);
    (void)pthread_cond_init(&s->news, NULL);
    int rc = make_transcriber(s, err);
    if (!rc && pthread_create(&s->thread, NULL, run, s)) {
        elcl_transcriber_destroy(&s->transcriber);
        rc = elcl_fail(err, ELCL_E_INTERNAL, "no thread can be started");
    }
    if (!rc) {
        *scribe = s;
        return ELCL_OK;
    }
    (void)pthread_cond_destroy(&s->news);
    (void)pthread_mutex_destroy(&s->mutex);
    free(s);
    return rc;
}

void cli_scribe_destroy(struct cli_scribe **scribe)
{
    struct cli_scribe *s = *scribe;
    if (!s)
        return;
    cli_scribe_abort(s);
    lock(s);
    s->ends = true;
    if (s->transcriber)
        elcl_transcriber_wake(s->transcriber);
    unlock(s);
    (void)pthread_join(s->thread, NULL);
    elcl_transcriber_destroy(&s->transcriber);
    (void)pthread_cond_destroy(&s->news);
    (void)pthread_mutex_destroy(&s->mutex);
    free(s);
    *scribe = NULL;
}

static int whole_batch(const struct cli_scribe *s)
{
    return s->params.batch_size * s->engines->n;
}

/* The mutex is held. */
static int admit(struct cli_scribe *s, elcl_error *err)
{
    if (s->totals.stopping)
        return elcl_fail(err, CLI_WORKER_STOPPING, "the server is stopping");
    if (!s->broken && s->n_entries < whole_batch(s) + s->params.queue)
        return ELCL_OK;
    s->totals.busy++;
    return elcl_fail(err, CLI_WORKER_BUSY,
                     s->broken ? "the device failed and is starting again: try again later"
                               : "the server is busy: its queue is full");
}

/* Ends what submit began. The scribe's thread may have ended the job already. */
static void note_added(struct cli_scribe *s, struct cli_scribe_entry *entry, int rc)
{
    lock(s);
    if (!--s->n_adding)
        (void)pthread_cond_broadcast(&s->news);
    entry->added = !rc;
    if (rc) {
        unlink_entry(s, entry);
        s->totals.jobs--;
        s->totals.requests--;
    } else if (entry->cancelled) {
        cancel(entry, entry->code);
    }
    drop(entry, rc ? 2 : 1); /* then the scribe's thread never sees it */
    if (!s->n_entries)
        (void)pthread_cond_broadcast(&s->news);
    unlock(s);
}

int cli_scribe_submit(struct cli_scribe *scribe, struct cli_dictation *job, const elcl_sound *sound,
                      const elcl_transcribe_options *options, elcl_error *err)
{
    struct cli_scribe *s = scribe;
    struct cli_scribe_entry *entry = elcl_calloc(1, sizeof(*entry));
    if (!entry)
        return elcl_fail_nomem(err);
    *entry = (struct cli_scribe_entry){.scribe = s,
                                       .job = job,
                                       .holders = 2,
                                       .begin = cli_sys_seconds(),
                                       .deadline = job->deadline};
    lock(s);
    int rc = admit(s, err);
    if (rc) {
        unlock(s);
        free(entry);
        return rc;
    }
    if (job->cancelled)
        cancel(entry, ELCL_E_INTERRUPTED);
    job->entry = entry;
    entry->next = s->entries;
    s->entries = entry;
    s->n_entries++;
    s->n_adding++;
    s->totals.jobs++;
    s->totals.requests++;
    unlock(s);
    rc = elcl_transcriber_add(s->transcriber, sound, options, entry, &entry->id, err);
    note_added(s, entry, rc);
    return rc;
}

void cli_dictation_cancel(struct cli_dictation *job)
{
    struct cli_scribe *s = job->scribe;
    lock(s);
    job->cancelled = true;
    if (job->entry)
        cancel(job->entry, ELCL_E_INTERRUPTED);
    unlock(s);
}

/* ---- the end of the server, figures ---------------------------------------------------------- */

int cli_scribe_retry_seconds(struct cli_scribe *scribe)
{
    lock(scribe);
    const struct cli_histogram *h = &scribe->totals.total;
    const double mean = h->n ? h->sum / (double)h->n : 1;
    unlock(scribe);
    return (int)fmin(60, fmax(1, ceil(mean)));
}

void cli_scribe_drain(struct cli_scribe *scribe)
{
    lock(scribe);
    scribe->totals.stopping = true;
    unlock(scribe);
}

void cli_scribe_wait(struct cli_scribe *scribe)
{
    lock(scribe);
    while (scribe->n_entries)
        (void)pthread_cond_wait(&scribe->news, &scribe->mutex);
    unlock(scribe);
}

void cli_scribe_abort(struct cli_scribe *scribe)
{
    cli_scribe_drain(scribe);
    lock(scribe);
    for (struct cli_scribe_entry *entry = scribe->entries; entry; entry = entry->next)
        cancel(entry, CLI_WORKER_STOPPING);
    unlock(scribe);
}

void cli_scribe_figures(struct cli_scribe *scribe, struct cli_figures *figures)
{
    lock(scribe);
    *figures = scribe->totals;
    const int n = scribe->n_entries, batch = whole_batch(scribe);
    figures->in_flight = (uint64_t)(n < batch ? n : batch);
    figures->waiting = (uint64_t)(n < batch ? 0 : n - batch);
    figures->engines = scribe->transcriber ? scribe->engines->n : 0;
    unlock(scribe);
    figures->batch_size = batch;
    figures->queue = scribe->params.queue;
    figures->weight_bytes = scribe->info.weight_bytes * (uint64_t)scribe->engines->n_models;
}
