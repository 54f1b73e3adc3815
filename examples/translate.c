/*
 * Translates the lines of standard input, up to 256 at a time, and prints the results in the same
 * order.
 *
 *     cc translate.c $(pkg-config --cflags --libs elcl) -o translate
 *     printf 'hello\nworld\n' | ./translate models/g2p-en
 */
#include <elcl/elcl.h>
#include <stdio.h>
#include <string.h>

#define BLOCK 256

struct job {
    elcl_model *model;
    elcl_engine *engine;
    elcl_gen_options options;
    char *outputs[BLOCK];
    elcl_error err;
};

/* Requests finish in any order: each knows where its output belongs. */
static void on_result(void *engine_user, const elcl_result *result)
{
    struct job *job = engine_user;
    const elcl_hypothesis *best = result->hypotheses;
    if (result->n_hypotheses)
        elcl_decode(job->model, best->ids, best->n_ids, result->user, &job->err);
}

static int submit(struct job *job, const char *line, char **output)
{
    elcl_request request = {.options = job->options, .user = output};
    int32_t *ids = NULL;
    elcl_encode(job->model, line, strcspn(line, "\n"), &ids, &request.n_source, &job->err);
    request.source = ids;
    if (!job->err.code)
        elcl_engine_submit(job->engine, &request, NULL, &job->err);
    elcl_free(ids);
    return job->err.code;
}

/* Returns the number of lines that it read and translated. */
static int translate_block(struct job *job)
{
    char line[4096];
    int n = 0;
    while (n < BLOCK && !job->err.code && fgets(line, sizeof(line), stdin))
        submit(job, line, &job->outputs[n++]);
    if (!job->err.code)
        elcl_engine_run(job->engine, &job->err);
    for (int i = 0; i < n; i++) {
        if (!job->err.code)
            puts(job->outputs[i] ? job->outputs[i] : "");
        elcl_free(job->outputs[i]);
        job->outputs[i] = NULL;
    }
    return job->err.code ? 0 : n;
}

int main(int argc, char **argv)
{
    static struct job job;
    elcl_engine_params params = elcl_engine_params_default();
    if (argc != 2 || elcl_api_version() != ELCL_API_VERSION) {
        fprintf(stderr, "usage: translate MODEL <TEXTS, with elcl %d.%d\n", ELCL_VERSION_MAJOR,
                ELCL_VERSION_MINOR);
        return 2;
    }
    params.on_result = on_result;
    params.user = &job;
    if (!elcl_model_open(argv[1], NULL, &job.model, &job.err)) {
        elcl_model_gen_defaults(job.model, &job.options);
        params.max_beams = job.options.num_beams;
        elcl_engine_create(job.model, &params, &job.engine, &job.err);
    }
    while (!job.err.code && translate_block(&job) == BLOCK)
        ;
    if (job.err.code)
        fprintf(stderr, "translate: %s\n", job.err.msg);
    elcl_engine_destroy(&job.engine);
    elcl_model_close(&job.model);
    return job.err.code != 0;
}
