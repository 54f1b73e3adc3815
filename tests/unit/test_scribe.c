/* The transcriber of a server, on the stand-in library of tests/cli/fake_speech.c. */
#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/sys.h"
#include "serve/scribe.h"
#include "check.h"

#define N_MANY 12

/* A job, and what came of it. */
struct task {
    struct cli_dictation job;
    int n_ends;
    elcl_error why;
    char text[64];
    pthread_mutex_t mutex; /* protects n_ends */
    pthread_cond_t ended;
};

static struct cli_engines engines;
static elcl_model_info info;
static int n_lost;

static void on_lost(void *user, const elcl_error *why)
{
    (void)user;
    (void)why;
    n_lost++;
}

static void on_end(struct cli_dictation *job, const elcl_transcript *transcript,
                   const elcl_error *why)
{
    struct task *task = (struct task *)job;
    pthread_mutex_lock(&task->mutex);
    if (why)
        task->why = *why;
    if (!why)
        snprintf(task->text, sizeof(task->text), "%s", transcript->text);
    task->n_ends++;
    pthread_cond_signal(&task->ended);
    pthread_mutex_unlock(&task->mutex);
}

static struct cli_scribe *scribe_of(int batch, int queue)
{
    struct cli_scribe *scribe = NULL;
    const struct cli_scribe_params params = {
        .batch_size = batch, .max_beams = 5, .queue = queue, .on_lost = on_lost};
    elcl_error err = {0};
    CHECK(!cli_scribe_create(&engines, &info, &params, &scribe, &err), "%s", err.msg);
    return scribe;
}

/* The sound's text is that of the transcript. Returns the status. */
static int begin(struct task *task, struct cli_scribe *scribe, const char *text, double seconds,
                 elcl_error *err)
{
    const elcl_transcribe_options options = elcl_transcribe_options_default();
    elcl_sound *sound = NULL;
    *task = (struct task){.job = {.scribe = scribe,
                                  .deadline = seconds > 0 ? cli_sys_seconds() + seconds : 0,
                                  .on_end = on_end}};
    pthread_mutex_init(&task->mutex, NULL);
    pthread_cond_init(&task->ended, NULL);
    *err = (elcl_error){0};
    if (elcl_sound_read_memory(text, strlen(text), "a", NULL, &sound, err))
        return err->code;
    const int rc = cli_scribe_submit(scribe, &task->job, sound, &options, err);
    elcl_sound_destroy(&sound);
    return rc;
}

/* Waits for the end of a job; returns the code of its error. */
static int code_of(struct task *task)
{
    pthread_mutex_lock(&task->mutex);
    while (!task->n_ends)
        pthread_cond_wait(&task->ended, &task->mutex);
    pthread_mutex_unlock(&task->mutex);
    pthread_cond_destroy(&task->ended);
    pthread_mutex_destroy(&task->mutex);
    return task->why.code;
}

static void test_texts(void)
{
    struct task tasks[N_MANY];
    struct cli_figures f;
    char text[32];
    elcl_error err;
    if (!check_case("many sounds, and one whose file fails"))
        return;
    struct cli_scribe *scribe = scribe_of(2, N_MANY);
    for (int i = 0; i < N_MANY; i++) {
        snprintf(text, sizeof(text), i == 5 ? "%d\n!file" : "%d\nmore", i);
        CHECK(!begin(&tasks[i], scribe, text, 0, &err), "%s", err.msg);
    }
    for (int i = 0; i < N_MANY; i++) {
        snprintf(text, sizeof(text), "%d\nmore", i);
        CHECK(code_of(&tasks[i]) == (i == 5 ? ELCL_E_DEVICE : 0), "%d: %s", i, tasks[i].why.msg);
        CHECK(i == 5 || !strcmp(tasks[i].text, text), "%d: '%s'", i, tasks[i].text);
    }
    cli_scribe_wait(scribe);
    cli_scribe_figures(scribe, &f);
    CHECK(f.jobs == N_MANY && f.results == N_MANY - 1 && f.failed == 1 && !f.in_flight &&
              f.total.n == N_MANY - 1,
          "%d results, %d failed", (int)f.results, (int)f.failed);
    CHECK(cli_scribe_retry_seconds(scribe) == 1, "to come again in a second");
    cli_scribe_destroy(&scribe);
}

/* Steps that take so long. */
static void slow_down(const char *ms)
{
    setenv("FAKE_STEP_MS", ms, 1);
}

static void test_limits(void)
{
    static const char lines[] = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n17";
    struct task tasks[4];
    struct cli_figures f;
    elcl_error err;
    if (!check_case("a full queue, late, cancelled and aborted jobs"))
        return;
    slow_down("50");
    struct cli_scribe *scribe = scribe_of(1, 2);
    CHECK(!begin(&tasks[0], scribe, lines, 0.05, &err), "%s", err.msg);
    CHECK(!begin(&tasks[1], scribe, lines, 0, &err), "%s", err.msg);
    CHECK(!begin(&tasks[2], scribe, lines, 0, &err), "%s", err.msg);
    CHECK(begin(&tasks[3], scribe, lines, 0, &err) == CLI_WORKER_BUSY &&
              strstr(err.msg, "queue is full"),
          "%s", err.msg);
    cli_dictation_cancel(&tasks[1].job);
    CHECK(code_of(&tasks[1]) == ELCL_E_INTERRUPTED, "%s", tasks[1].why.msg);
    CHECK(code_of(&tasks[0]) == CLI_WORKER_LATE && strstr(tasks[0].why.msg, "--time-limit"), "%s",
          tasks[0].why.msg);
    cli_scribe_abort(scribe);
    CHECK(code_of(&tasks[2]) == CLI_WORKER_STOPPING, "%s", tasks[2].why.msg);
    CHECK(begin(&tasks[3], scribe, "1", 0, &err) == CLI_WORKER_STOPPING, "%s", err.msg);
    cli_scribe_figures(scribe, &f);
    CHECK(f.late == 1 && f.cancelled == 2 && f.busy == 1 && f.jobs == 3, "figures");
    cli_scribe_destroy(&scribe);
    slow_down("0");
}

static void test_failure(void)
{
    struct task tasks[2];
    elcl_error err;
    if (!check_case("a device that fails, and a sound that is refused"))
        return;
    struct cli_scribe *scribe = scribe_of(4, 4);
    CHECK(!begin(&tasks[0], scribe, "1\n!step", 0, &err), "%s", err.msg);
    CHECK(code_of(&tasks[0]) == ELCL_E_DEVICE, "%s", tasks[0].why.msg);
    int rc;
    while ((rc = begin(&tasks[1], scribe, "again", 0, &err)) == CLI_WORKER_BUSY)
        cli_sys_sleep(0.001);
    CHECK(!rc && !code_of(&tasks[1]) && !strcmp(tasks[1].text, "again"), "%s", err.msg);
    CHECK(!n_lost, "a new transcriber works");
    elcl_transcribe_options options = elcl_transcribe_options_default();
    options.language = "xx";
    elcl_sound *sound = NULL;
    CHECK(!elcl_sound_read_memory("a", 1, "a", NULL, &sound, &err), "%s", err.msg);
    tasks[0].job = (struct cli_dictation){.scribe = scribe, .on_end = on_end};
    tasks[0].n_ends = 0;
    CHECK(cli_scribe_submit(scribe, &tasks[0].job, sound, &options, &err) == ELCL_E_ARG, "%s",
          err.msg);
    elcl_sound_destroy(&sound);
    cli_scribe_wait(scribe);
    CHECK(!tasks[0].n_ends, "a refused sound has no end");
    cli_scribe_destroy(&scribe);
}

int main(int argc, char **argv)
{
    struct cli_model_options options = CLI_MODEL_DEFAULTS;
    elcl_error err = {0};
    check_begin(argc, argv);
    CHECK(!cli_engines_open(&engines, &options, 1, "m", NULL, NULL, &info, &err), "%s", err.msg);
    test_texts();
    test_limits();
    test_failure();
    cli_engines_close(&engines);
    return check_end();
}
