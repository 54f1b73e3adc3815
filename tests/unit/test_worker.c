/* Workers of a server, on the stand-in library of tests/cli/fake_elcl.c. */
#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/sys.h"
#include "serve/models.h"
#include "serve/worker_limits.h"
#include "check.h"

#define MOST 4 /* requests of a job here */

/* A job, and what came of it. */
struct task {
    struct cli_job job;
    char texts[MOST][32];
    int32_t ids[MOST][40];
    elcl_request requests[MOST]; /* of the texts */
    int n_results[MOST], n_tokens[MOST];
    int n_wrong;
    int n_ends;
    int others; /* results of all tasks when it ended */
    elcl_error why;
    pthread_mutex_t mutex; /* protects n_ends for task_wait() */
    pthread_cond_t ended;
};

static atomic_int all_results;

static void on_token(struct cli_job *job, size_t i, const elcl_token *token)
{
    struct task *task = (struct task *)job;
    (void)token;
    task->n_tokens[i]++;
    task->n_wrong += task->n_ends != 0;
}

/* The output is the text in upper case. */
static void on_result(struct cli_job *job, size_t i, const elcl_result *result)
{
    struct task *task = (struct task *)job;
    char *text = NULL;
    char want[40] = " ";
    for (size_t k = 0; task->texts[i][k]; k++) {
        const char c = task->texts[i][k];
        want[k + 1] = (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    }
    if (result->n_hypotheses == 1 &&
        !elcl_decode(NULL, result->hypotheses[0].ids, result->hypotheses[0].n_ids, &text, NULL))
        task->n_wrong += strcmp(text, want) != 0;
    else
        task->n_wrong++;
    elcl_free(text);
    task->n_results[i]++;
    task->n_wrong += task->n_ends != 0;
    all_results++;
}

static void on_end(struct cli_job *job, const elcl_error *why)
{
    struct task *task = (struct task *)job;
    if (why)
        task->why = *why;
    pthread_mutex_lock(&task->mutex);
    task->others = all_results;
    task->n_ends++;
    pthread_cond_signal(&task->ended);
    pthread_mutex_unlock(&task->mutex);
}

static void task_init(struct task *task, struct cli_worker *worker, size_t n)
{
    *task = (struct task){.job = {.worker = worker,
                                  .n = n,
                                  .on_token = on_token,
                                  .on_result = on_result,
                                  .on_end = on_end}};
    pthread_mutex_init(&task->mutex, NULL);
    pthread_cond_init(&task->ended, NULL);
}

/* Submits the task's texts; request `odd` has a length penalty that the library refuses, request
 * `wide` more beams than fit. */
static int submit(struct task *task, const struct cli_served *served, int odd, int wide,
                  elcl_error *err)
{
    for (size_t i = 0; i < task->job.n; i++) {
        elcl_request *request = &task->requests[i];
        int32_t *ids = NULL;
        elcl_encode(served->model, task->texts[i], strlen(task->texts[i]), &ids, &request->n_source,
                    NULL);
        request->source = memcpy(task->ids[i], ids, request->n_source * sizeof(*ids));
        request->options = served->defaults;
        request->options.num_beams = (int)i == wide ? 9 : 1;
        request->options.length_penalty = (int)i == odd ? 13 : 1;
        elcl_free(ids);
    }
    return cli_worker_submit(task->job.worker, &task->job, task->requests, err);
}

static int submit_text(struct task *task, const struct cli_served *served, const char *text,
                       elcl_error *err)
{
    for (size_t i = 0; i < task->job.n; i++)
        (void)snprintf(task->texts[i], sizeof(task->texts[i]), "%s", text);
    return submit(task, served, -1, -1, err);
}

static void task_wait(struct task *task)
{
    pthread_mutex_lock(&task->mutex);
    while (!task->n_ends)
        pthread_cond_wait(&task->ended, &task->mutex);
    pthread_mutex_unlock(&task->mutex);
}

static size_t count_results(const struct task *task)
{
    size_t n = 0;
    for (size_t i = 0; i < task->job.n; i++)
        n += (size_t)task->n_results[i];
    return n;
}

static void log_nothing(void *user, enum elcl_log_level level, const char *line)
{
    (void)user;
    (void)level;
    (void)line;
}

/* Serves the fake's model. */
static struct cli_served *serve(struct cli_models *models, int batch, int queue, int n_engines)
{
    static const struct cli_model_options options = CLI_MODEL_DEFAULTS;
    char *const words[] = {"fake"};
    const struct cli_models_params params = {.options = &options,
                                             .sizes = {.batch_size = batch},
                                             .n_engines = n_engines,
                                             .queue = queue,
                                             .log = log_nothing};
    elcl_error err = {0};
    *models = (struct cli_models){0};
    CHECK(!cli_models_open(models, words, 1, &params, &err) &&
              !cli_models_start(models, &params, &err),
          "%s", err.msg);
    return &models->items[0];
}

/* ---- many threads ---------------------------------------------------------------------------- */

enum { THREADS = 4, TASKS = 60 };

struct client {
    const struct cli_served *served;
    unsigned number;
    pthread_t thread;
    struct task tasks[TASKS];
    bool refused[TASKS];
};

/* Every fourth job is cancelled, every eighth of these before it is submitted; every seventh has a
 * request that is refused, at once or after it has waited. */
static void *client_main(void *user)
{
    struct client *c = user;
    for (unsigned t = 0; t < TASKS; t++) {
        struct task *task = &c->tasks[t];
        elcl_error err = {0};
        task_init(task, c->served->worker, 1 + t % MOST);
        for (size_t i = 0; i < task->job.n; i++)
            (void)snprintf(task->texts[i], sizeof(task->texts[i]), "c%u-%u-%u", c->number, t,
                           (unsigned)i);
        if (t % 32 == 0)
            cli_job_cancel(&task->job);
        c->refused[t] =
            submit(task, c->served, t % 7 == 6 ? (int)task->job.n - 1 : -1, -1, &err) == ELCL_E_ARG;
        if (t % 4 == 0)
            cli_job_cancel(&task->job);
    }
    for (unsigned t = 0; t < TASKS; t++)
        if (!c->refused[t])
            task_wait(&c->tasks[t]);
    return NULL;
}

static void check_client(const struct client *c)
{
    for (unsigned t = 0; t < TASKS; t++) {
        const struct task *task = &c->tasks[t];
        const bool bad = t % 7 == 6, cancelled = t % 4 == 0;
        const size_t n = count_results(task);
        const int why = task->why.code;
        CHECK(task->n_ends == !c->refused[t] && !task->n_wrong && (bad || !c->refused[t]),
              "job %u: %d ends, %d wrong", t, task->n_ends, task->n_wrong);
        CHECK(c->refused[t] ? !n && !task->n_tokens[0]
              : bad         ? n < task->job.n
                            : cancelled || n == task->job.n,
              "job %u: %zu results of %zu", t, n, task->job.n);
        CHECK(n == task->job.n || c->refused[t] ? !why
              : !bad                            ? why == ELCL_E_INTERRUPTED
                     : why == ELCL_E_ARG || (cancelled && why == ELCL_E_INTERRUPTED),
              "job %u: %d %s", t, why, task->why.msg);
    }
}

static void check_totals(struct cli_worker *worker)
{
    struct cli_figures f;
    cli_worker_figures(worker, &f);
    CHECK(f.jobs >= THREADS * (TASKS - TASKS / 7) && f.jobs <= THREADS * TASKS && !f.busy &&
              !f.late,
          "%llu jobs, %llu busy", (unsigned long long)f.jobs, (unsigned long long)f.busy);
    CHECK(f.results <= f.requests && f.cancelled + f.failed >= f.requests - f.results,
          "%llu of %llu results", (unsigned long long)f.results, (unsigned long long)f.requests);
    CHECK(f.total.n == f.results && f.queued.n == f.results && f.output_tokens > f.results,
          "%llu times", (unsigned long long)f.total.n);
    CHECK(!f.in_flight && !f.waiting && f.steps > 0, "%llu in flight, %llu waiting",
          (unsigned long long)f.in_flight, (unsigned long long)f.waiting);
}

static void test_threads(void)
{
    static struct client clients[THREADS];
    for (int engines = 1; engines <= 2; engines++) {
        struct cli_models models;
        if (!check_case("jobs from many threads, %d engines", engines))
            continue;
        const struct cli_served *served = serve(&models, 4, 10000, engines);
        for (unsigned i = 0; i < THREADS; i++) {
            clients[i] = (struct client){.served = served, .number = i};
            pthread_create(&clients[i].thread, NULL, client_main, &clients[i]);
        }
        for (unsigned i = 0; i < THREADS; i++)
            pthread_join(clients[i].thread, NULL);
        CHECK(cli_worker_wait(served->worker, 10), "there are jobs left");
        for (unsigned i = 0; i < THREADS; i++)
            check_client(&clients[i]);
        check_totals(served->worker);
        cli_models_close(&models);
    }
}

/* ---- limits ---------------------------------------------------------------------------------- */

static void test_queue(void)
{
    struct task tasks[5];
    struct cli_models models;
    struct cli_figures f;
    elcl_error err = {0};
    if (!check_case("the queue is bounded"))
        return;
    (void)setenv("FAKE_STEP_MS", "5", 1);
    const struct cli_served *served = serve(&models, 2, 3, 1);
    for (size_t i = 0; i < 5; i++)
        task_init(&tasks[i], served->worker, 2);
    CHECK(!submit_text(&tasks[0], served, "!slow", &err) &&
              !submit_text(&tasks[1], served, "!slow", &err),
          "%s", err.msg);
    CHECK(submit_text(&tasks[2], served, "more", &err) == CLI_WORKER_BUSY, "%s", err.msg);
    err = (elcl_error){0};
    tasks[3].job.n = 1;
    CHECK(!submit_text(&tasks[3], served, "fits", &err), "%s", err.msg);
    const int retry = cli_worker_retry_seconds(served->worker);
    CHECK(retry >= 1 && retry <= 60, "%d s", retry);
    cli_worker_figures(served->worker, &f);
    CHECK(f.waiting + f.in_flight == 5 && f.busy == 1, "%llu waiting, %llu in flight",
          (unsigned long long)f.waiting, (unsigned long long)f.in_flight);
    cli_job_cancel(&tasks[0].job);
    cli_job_cancel(&tasks[1].job);
    task_wait(&tasks[1]);
    task_wait(&tasks[3]);
    CHECK(tasks[1].why.code == ELCL_E_INTERRUPTED && tasks[3].n_results[0] == 1, "%d, %d",
          tasks[1].why.code, tasks[3].n_results[0]);
    tasks[4].job.n = 4;
    CHECK(!submit_text(&tasks[4], served, "room", &err), "%s", err.msg);
    task_wait(&tasks[4]);
    CHECK(count_results(&tasks[4]) == 4 && tasks[2].n_ends == 0, "%zu results",
          count_results(&tasks[4]));
    cli_models_close(&models);
    (void)unsetenv("FAKE_STEP_MS");
}

static void test_turns(void)
{
    struct task tasks[4];
    struct cli_models models;
    elcl_error err = {0};
    if (!check_case("a short job does not wait for all of the long ones before it"))
        return;
    (void)setenv("FAKE_STEP_MS", "3", 1);
    const struct cli_served *served = serve(&models, 2, 20, 1);
    all_results = 0;
    for (size_t i = 0; i < 4; i++) {
        task_init(&tasks[i], served->worker, i < 3 ? 4 : 1);
        CHECK(!submit_text(&tasks[i], served, "text", &err), "%s", err.msg);
    }
    for (size_t i = 0; i < 4; i++)
        task_wait(&tasks[i]);
    CHECK(all_results == 13 && tasks[3].others < 12, "%d results before it", tasks[3].others);
    cli_models_close(&models);
    (void)unsetenv("FAKE_STEP_MS");
}

static void test_limits(void)
{
    struct cli_models models;
    struct task task;
    elcl_error err = {0};
    if (!check_case("a request that is too large names the option"))
        return;
    const struct cli_served *served = serve(&models, 2, 1, 1);
    task_init(&task, served->worker, 2);
    CHECK(submit(&task, served, -1, 1, &err) == ELCL_E_ARG && strstr(err.msg, "--max-beams"), "%s",
          err.msg);
    err = (elcl_error){0};
    task_init(&task, served->worker, 4);
    CHECK(submit_text(&task, served, "many", &err) == ELCL_E_ARG && strstr(err.msg, "--queue"),
          "%s", err.msg);
    err = (elcl_error){0};
    task_init(&task, served->worker, 1);
    elcl_request request = {
        .source = (const int32_t[100]){0}, .n_source = 100, .options = served->defaults};
    CHECK(cli_worker_submit(served->worker, &task.job, &request, &err) == ELCL_E_ARG &&
              strstr(err.msg, "--max-source"),
          "%s", err.msg);
    err = (elcl_error){0};
    request.n_source = 3;
    request.options.max_new_tokens = 64;
    CHECK(cli_worker_submit(served->worker, &task.job, &request, &err) == ELCL_E_ARG &&
              strstr(err.msg, "--max-target"),
          "%s", err.msg);
    cli_models_close(&models);
}

/* Lowers what the options would allow to `max_target` tokens; `want` is the option after that. */
static void check_fit(elcl_gen_options options, bool decoder_only, int max_target, int want)
{
    const elcl_engine_params sizes = {
        .max_beams = 4, .max_source = 64, .max_target = max_target, .max_list_tokens = 10};
    const elcl_model_info info = {.max_target = 200, .decoder_only = decoder_only};
    elcl_request request = {.n_source = 30, .options = options};
    elcl_error err = {0};
    cli_worker_fit(&sizes, &info, &request);
    const elcl_gen_options *o = &request.options;
    const int got = o->search_style == ELCL_STYLE_FAIRSEQ ? o->max_len_b
                    : o->max_new_tokens                   ? o->max_new_tokens
                                                          : o->max_length;
    CHECK(got == want, "got %d, want %d", got, want);
    CHECK(!cli_worker_check(&sizes, &info, &request, &err), "%s", err.msg);
}

static void test_fit(void)
{
    const elcl_gen_options fairseq = {
        .search_style = ELCL_STYLE_FAIRSEQ, .max_len_a = 1, .max_len_b = 50};
    if (!check_case("a length that nobody gave fits the engines"))
        return;
    check_fit((elcl_gen_options){.max_new_tokens = 20}, false, 32, 20);
    check_fit((elcl_gen_options){.max_new_tokens = 40}, false, 32, 31);
    check_fit((elcl_gen_options){.max_new_tokens = 40, .prefix.n = 3}, false, 32, 28);
    check_fit((elcl_gen_options){.max_new_tokens = 40}, true, 32, 31);
    check_fit((elcl_gen_options){.max_length = 40}, false, 32, 32);
    check_fit((elcl_gen_options){.max_length = 40}, true, 32, 40);
    check_fit((elcl_gen_options){.max_length = 80}, true, 32, 61);
    check_fit(fairseq, false, 64, 32);
}

static void test_deadline(void)
{
    struct cli_models models;
    struct cli_figures f;
    struct task late, in_time;
    elcl_error err = {0};
    if (!check_case("a job ends when its time is over"))
        return;
    (void)setenv("FAKE_STEP_MS", "2", 1);
    const struct cli_served *served = serve(&models, 2, 3, 1);
    task_init(&late, served->worker, 1);
    task_init(&in_time, served->worker, 1);
    late.job.deadline = cli_sys_seconds() + 0.01;
    in_time.job.deadline = cli_sys_seconds() + 60;
    CHECK(!submit_text(&late, served, "!slow", &err) &&
              !submit_text(&in_time, served, "!slow", &err),
          "%s", err.msg);
    task_wait(&late);
    CHECK(late.why.code == CLI_WORKER_LATE && strstr(late.why.msg, "--time-limit"), "%d %s",
          late.why.code, late.why.msg);
    task_wait(&in_time);
    CHECK(!in_time.why.code && in_time.n_results[0] == 1, "%d %s", in_time.why.code,
          in_time.why.msg);
    cli_worker_figures(served->worker, &f);
    CHECK(f.late == 1 && f.cancelled == 1, "%llu late", (unsigned long long)f.late);
    cli_models_close(&models);
    (void)unsetenv("FAKE_STEP_MS");
}

/* ---- ends ------------------------------------------------------------------------------------ */

static void test_drain(void)
{
    struct cli_models models;
    struct task present, next, following, slow;
    elcl_error err = {0};
    if (!check_case("a worker that drains ends what it has"))
        return;
    (void)setenv("FAKE_STEP_MS", "1", 1);
    const struct cli_served *served = serve(&models, 5, 3, 1);
    task_init(&present, served->worker, 2);
    task_init(&next, served->worker, 1);
    task_init(&following, served->worker, 1);
    following.job.follows = true;
    task_init(&slow, served->worker, 2);
    CHECK(!submit_text(&present, served, "text", &err) &&
              !submit_text(&slow, served, "!slow", &err),
          "%s", err.msg);
    cli_worker_drain(served->worker);
    CHECK(submit_text(&next, served, "text", &err) == CLI_WORKER_STOPPING, "%s", err.msg);
    err = (elcl_error){0};
    const bool taken = CHECK(!submit_text(&following, served, "text", &err), "%s", err.msg);
    CHECK(!cli_worker_wait(served->worker, 0.001), "the slow job has ended");
    task_wait(&present);
    if (taken)
        task_wait(&following);
    CHECK(count_results(&following) == 1 && !following.why.code, "%s", following.why.msg);
    CHECK(count_results(&present) == 2 && !present.why.code, "%s", present.why.msg);
    cli_models_close(&models);
    CHECK(slow.n_ends == 1 && slow.why.code == CLI_WORKER_STOPPING, "%d ends, %s", slow.n_ends,
          slow.why.msg);
    (void)unsetenv("FAKE_STEP_MS");
}

/* A job whose end submits the next one. */
struct chain {
    struct task first, next;
    const struct cli_served *to;
    int rc; /* of the next one */
};

static void submit_next(struct cli_job *job, const elcl_error *why)
{
    struct chain *chain = (struct chain *)job;
    elcl_error err = {0};
    chain->next.job.worker = chain->to->worker;
    chain->rc = submit_text(&chain->next, chain->to, "text", &err);
    on_end(job, why);
}

static void test_chain(void)
{
    static const struct cli_model_options options = CLI_MODEL_DEFAULTS;
    const struct cli_models_params params = {.options = &options,
                                             .sizes = {.batch_size = 2},
                                             .n_engines = 1,
                                             .queue = 4,
                                             .log = log_nothing};
    struct cli_models models = {0};
    struct chain chain;
    elcl_error err = {0};
    if (!check_case("a job that ends with the server submits one to another model"))
        return;
    (void)setenv("FAKE_STEP_MS", "1", 1);
    CHECK(!cli_models_open(&models, (char *[]){"to", "from"}, 2, &params, &err) &&
              !cli_models_start(&models, &params, &err),
          "%s", err.msg);
    chain.to = &models.items[0];
    task_init(&chain.first, models.items[1].worker, 1);
    task_init(&chain.next, NULL, 1);
    chain.first.job.on_end = submit_next;
    chain.next.job.follows = true;
    CHECK(!submit_text(&chain.first, &models.items[1], "!slow", &err), "%s", err.msg);
    cli_models_close(&models);
    CHECK(chain.first.n_ends == 1 && chain.rc == CLI_WORKER_STOPPING && !chain.next.n_ends, "%d %d",
          chain.first.n_ends, chain.rc);
    (void)unsetenv("FAKE_STEP_MS");
}

/* The worker makes new engines. */
static void wait_again(elcl_error *err)
{
    (void)nanosleep(&(struct timespec){0, 1000000}, NULL);
    *err = (elcl_error){0};
}

static void test_failure(void)
{
    struct cli_models models;
    struct cli_figures f;
    struct task tasks[6];
    elcl_error err = {0};
    if (!check_case("a step that fails ends every job once, and the worker goes on"))
        return;
    (void)setenv("FAKE_STEP_MS", "1", 1);
    for (int engines = 1; engines <= 2; engines++) {
        const struct cli_served *served = serve(&models, 16, 100, engines);
        for (size_t i = 0; i < ELCL_COUNT(tasks); i++)
            task_init(&tasks[i], served->worker, 1 + i % 3);
        for (size_t i = 0; i < 5; i++)
            CHECK(!submit_text(&tasks[i], served, i == 2 ? "!step" : "!slow", &err), "%s", err.msg);
        for (size_t i = 0; i < 5; i++) {
            task_wait(&tasks[i]);
            CHECK(tasks[i].n_ends == 1 && tasks[i].why.code == ELCL_E_DEVICE, "job %zu: %d %s", i,
                  tasks[i].n_ends, tasks[i].why.msg);
        }
        int rc;
        while ((rc = submit_text(&tasks[5], served, "again", &err)) == CLI_WORKER_BUSY)
            wait_again(&err);
        CHECK(!rc, "%s", err.msg);
        task_wait(&tasks[5]);
        CHECK(count_results(&tasks[5]) == 3 && !tasks[5].why.code, "%s", tasks[5].why.msg);
        cli_worker_figures(served->worker, &f);
        CHECK(f.failures == 1 && f.failed == 9 && f.results == 3 && !f.lost,
              "%llu failures, %llu failed", (unsigned long long)f.failures,
              (unsigned long long)f.failed);
        cli_models_close(&models);
    }
    (void)unsetenv("FAKE_STEP_MS");
}

static void count_lost(void *user, const elcl_error *why)
{
    *(int *)user += why->code == ELCL_E_DEVICE;
}

static void test_lost(void)
{
    static const struct cli_model_options options = CLI_MODEL_DEFAULTS;
    int n_lost = 0;
    const struct cli_models_params params = {.options = &options,
                                             .sizes = {.batch_size = 2},
                                             .n_engines = 1,
                                             .queue = 10,
                                             .log = log_nothing,
                                             .on_lost = count_lost,
                                             .user = &n_lost};
    char *const words[] = {"fake"};
    struct cli_models models = {0};
    struct cli_figures f;
    struct task lost, next;
    elcl_error err = {0};
    if (!check_case("a worker whose engines fail for good says so"))
        return;
    CHECK(!cli_models_open(&models, words, 1, &params, &err) &&
              !cli_models_start(&models, &params, &err),
          "%s", err.msg);
    const struct cli_served *served = &models.items[0];
    task_init(&lost, served->worker, 1);
    task_init(&next, served->worker, 1);
    (void)setenv("FAKE_POOLS", "0", 1);
    CHECK(!submit_text(&lost, served, "!step", &err), "%s", err.msg);
    task_wait(&lost);
    int rc;
    while ((rc = submit_text(&next, served, "text", &err)) == CLI_WORKER_BUSY)
        wait_again(&err);
    CHECK(rc == CLI_WORKER_STOPPING && !next.n_ends, "%s", err.msg);
    cli_worker_figures(served->worker, &f);
    CHECK(f.lost && f.stopping && !f.engines && !f.state_bytes, "not lost");
    cli_job_cancel(&next.job);
    cli_models_close(&models);
    CHECK(n_lost == 1, "%d calls", n_lost);
    (void)unsetenv("FAKE_POOLS");
}

static void test_histogram(void)
{
    struct cli_histogram h = {0};
    if (!check_case("histogram: a bound belongs to its bucket, and the last bucket has none"))
        return;
    cli_histogram_add(&h, 0);
    cli_histogram_add(&h, 0.001);
    cli_histogram_add(&h, 0.0011);
    cli_histogram_add(&h, 120);
    cli_histogram_add(&h, 121);
    CHECK(h.buckets[0] == 2 && h.buckets[1] == 1, "%d %d", (int)h.buckets[0], (int)h.buckets[1]);
    CHECK(h.buckets[CLI_N_BUCKETS - 1] == 1 && h.buckets[CLI_N_BUCKETS] == 1 && h.n == 5, "%d %d",
          (int)h.buckets[CLI_N_BUCKETS - 1], (int)h.buckets[CLI_N_BUCKETS]);
    CHECK(h.sum > 241.0020 && h.sum < 241.0022, "%g", h.sum);
    for (int i = 1; i < CLI_N_BUCKETS; i++)
        CHECK(cli_bucket_seconds[i] > cli_bucket_seconds[i - 1], "bound %d", i);
}

/* ---- models ---------------------------------------------------------------------------------- */

static void check_words(char *const *words, int n, const char *names, const char *error)
{
    static const struct cli_model_options options = CLI_MODEL_DEFAULTS;
    const struct cli_models_params params = {
        .options = &options, .n_engines = 1, .queue = 4, .log = log_nothing};
    struct cli_models models = {0};
    elcl_error err = {0};
    char found[64] = "";
    const int rc = cli_models_open(&models, words, n, &params, &err);
    CHECK(error ? rc == ELCL_E_ARG && strstr(err.msg, error) : !rc, "%s: %d %s", words[0], rc,
          err.msg);
    for (size_t i = 0; !rc && i < models.n; i++)
        (void)snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s=%s ",
                       models.items[i].name, models.items[i].path);
    CHECK(error || !strcmp(found, names), "got %s, want %s", found, names);
    CHECK(rc || n == 1 ||
              (cli_models_find(&models, models.items[1].name) == &models.items[1] &&
               !cli_models_find(&models, NULL)),
          "wrong model");
    cli_models_close(&models);
}

static void test_names(void)
{
    if (!check_case("names of models"))
        return;
    check_words((char *[]){"a", "b/c/", "x=y", "/d=e/f"}, 4, "a=a c=b/c/ x=y f=/d=e/f ", NULL);
    check_words((char *[]){"x=a=b"}, 1, "x=a=b ", NULL);
    check_words((char *[]){"a/b", "b"}, 2, NULL, "two models have the name \"b\"");
    check_words((char *[]){"=a"}, 1, NULL, "NAME=PATH");
    check_words((char *[]){"a="}, 1, NULL, "NAME=PATH");
    check_words((char *[]){"../.."}, 1, NULL, "NAME=PATH");
    check_words((char *[]){"."}, 1, NULL, "NAME=PATH");
    check_words((char *[]){"/"}, 1, NULL, "NAME=PATH");
    check_words((char *[]){"a\nb"}, 1, NULL, "control characters");
}

static void check_hidden(const char *directory, const char *message, const char *want)
{
    char path[32];
    const struct cli_served served = {.name = "x", .directory = path};
    elcl_error err = {0};
    (void)snprintf(path, sizeof(path), "%s", directory);
    elcl_fail(&err, ELCL_E_ARG, "%s", message);
    cli_served_hide_path(&served, &err);
    CHECK(err.code == ELCL_E_ARG && !strcmp(err.msg, want), "%s", err.msg);
}

static void test_hidden(void)
{
    if (!check_case("messages name the model, not its directory"))
        return;
    check_hidden("/a/b", "stop: /a/b/config.json: none", "stop: x/config.json: none");
    check_hidden("en/", "en//config.json has none", "x/config.json has none");
    check_hidden("en", "a token of en/config.json", "a token of x/config.json");
    check_hidden(".", "expected 0.5. See ./config.json", "expected 0.5. See x/config.json");
    check_hidden("e", "expected none", "expected none");
}

/* The fake's batches above 2 do not fit into the model "scarce". */
static void test_sizes(void)
{
    static const struct cli_model_options options = CLI_MODEL_DEFAULTS,
                                          little = {.memory_limit_bytes = 50000};
    struct cli_models_params params = {
        .options = &options, .n_engines = 1, .queue = 4, .log = log_nothing};
    struct cli_models models = {0};
    elcl_error err = {0};
    if (!check_case("sizes of engines"))
        return;
    CHECK(!cli_models_open(&models, (char *[]){"scarce"}, 1, &params, &err) &&
              !cli_models_start(&models, &params, &err),
          "%s", err.msg);
    const elcl_engine_params *s = cli_worker_sizes(models.items[0].worker);
    CHECK(s->batch_size == 2 && s->max_beams == 4 && s->max_source == 64 && s->max_target == 64,
          "batch %d, beams %d, source %d, target %d", s->batch_size, s->max_beams, s->max_source,
          s->max_target);
    cli_models_close(&models);
    params.sizes.batch_size = 3;
    CHECK(!cli_models_open(&models, (char *[]){"x=scarce"}, 1, &params, &err) &&
              cli_models_start(&models, &params, &err) == ELCL_E_DEVICE_NOMEM &&
              !strncmp(err.msg, "x: ", 3) && strstr(err.msg, "--max-beams"),
          "%s", err.msg);
    err = (elcl_error){0};
    cli_models_close(&models);
    params.sizes.batch_size = 0;
    params.options = &little;
    params.sizes.max_beams = 8;
    CHECK(!cli_models_open(&models, (char *[]){"a", "b"}, 2, &params, &err) &&
              !cli_models_start(&models, &params, &err),
          "%s", err.msg);
    s = cli_worker_sizes(models.items[1].worker);
    CHECK(s->batch_size == 5 && s->max_beams == 8, "batch %d", s->batch_size);
    cli_models_close(&models);
    params.sizes.max_source = 65;
    CHECK(!cli_models_open(&models, (char *[]){"a"}, 1, &params, &err) &&
              cli_models_start(&models, &params, &err) == ELCL_E_ARG &&
              strstr(err.msg, "--max-source"),
          "%s", err.msg);
    cli_models_close(&models);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_threads();
    test_queue();
    test_turns();
    test_limits();
    test_fit();
    test_deadline();
    test_drain();
    test_chain();
    test_failure();
    test_lost();
    test_histogram();
    test_names();
    test_hidden();
    test_sizes();
    return check_end();
}
