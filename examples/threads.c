/*
 * Translates each text in a thread of its own. The threads share one model, so its weights are on
 * the device once. elcl_generate() creates an engine for each call, so no two threads share one.
 *
 *     cc threads.c $(pkg-config --cflags --libs elcl) -pthread -o threads
 *     ./threads models/g2p-en hello world
 *
 * This suits programs that have threads already, such as servers. The fastest way through many
 * texts is one engine for all of them: translate.c.
 */
#include <elcl/elcl.h>
#include <pthread.h>
#include <stdio.h>

#define MAX_THREADS 16

struct task {
    pthread_t thread;
    elcl_model *model;
    const char *text;
    char *output;
    elcl_error err; /* no two threads may write the same one */
};

static void *run_task(void *user)
{
    struct task *task = user;
    elcl_generate(task->model, task->text, NULL, &task->output, &task->err);
    return NULL;
}

/* Waits for the thread and prints what it did. Returns 0 if that went well. */
static int finish_task(struct task *task)
{
    pthread_join(task->thread, NULL);
    if (task->err.code)
        fprintf(stderr, "threads: %s: %s\n", task->text, task->err.msg);
    else
        puts(task->output);
    elcl_free(task->output);
    return task->err.code;
}

int main(int argc, char **argv)
{
    struct task tasks[MAX_THREADS];
    elcl_error err = {0};
    elcl_model *model = NULL;
    int n = 0, failed = 0;
    if (argc < 3 || argc > 2 + MAX_THREADS) {
        fprintf(stderr, "usage: threads MODEL TEXT..., up to %d texts\n", MAX_THREADS);
        return 2;
    }
    if (elcl_model_open(argv[1], NULL, &model, &err)) {
        fprintf(stderr, "threads: %s\n", err.msg);
        return 1;
    }
    for (; n < argc - 2 && !failed; n += !failed) {
        tasks[n] = (struct task){.model = model, .text = argv[n + 2]};
        failed = pthread_create(&tasks[n].thread, NULL, run_task, &tasks[n]);
    }
    for (int i = 0; i < n; i++)
        failed |= finish_task(&tasks[i]);
    elcl_model_close(&model);
    return failed != 0;
}
