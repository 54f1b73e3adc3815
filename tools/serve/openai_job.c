#include "serve/openai_job.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "base/os.h"
#include "serve/openai_completion.h"

/* ---- errors -------------------------------------------------------------------------------- */

int cli_openai_status(int code)
{
    switch (code) {
    case ELCL_E_ARG:
    case ELCL_E_FORMAT:
    case ELCL_E_UNSUPPORTED:
        return 400;
    case CLI_WORKER_BUSY:
        return 429;
    case CLI_WORKER_STOPPING:
    case CLI_WORKER_LATE:
    case ELCL_E_INTERRUPTED:
        return 503;
    default:
        return 500;
    }
}

void cli_openai_refuse(struct cli_exchange *x, int status, const char *param, const char *code,
                       const char *message)
{
    struct elcl_str body = {0};
    cli_openai_add_error(&body, status, param, code, message);
    elcl_str_text(&body, "\n");
    cli_exchange_reply(x, status, "application/json", &body);
}

void cli_openai_add_retry(struct cli_exchange *x, struct cli_worker *worker, int code)
{
    char seconds[16];
    if (code != CLI_WORKER_BUSY)
        return;
    (void)snprintf(seconds, sizeof(seconds), "%d", cli_worker_retry_seconds(worker));
    (void)cli_exchange_header(x, "Retry-After", seconds, NULL);
}

/* ---- life ---------------------------------------------------------------------------------- */

static void destroy(struct cli_completion *c)
{
    const size_t n = c->plan.n > 0 ? (size_t)c->plan.n : 0;
    for (size_t i = 0; c->outputs && i < c->request.n_prompts * n; i++)
        cli_openai_output_finish(&c->outputs[i]);
    for (size_t i = 0; c->part_outputs && i < c->plan.n_parts * n; i++)
        elcl_str_finish(&c->part_outputs[i].text);
    elcl_free(c->outputs);
    elcl_free(c->part_outputs);
    elcl_free(c->waits);
    elcl_strs_free(c->choices, c->request.n_prompts);
    elcl_str_finish(&c->echo);
    cli_openai_plan_finish(&c->plan);
    cli_openai_request_finish(&c->request);
    cli_exchange_drop(c->x);
    elcl_free(c);
}

static bool allocate(struct cli_completion *c)
{
    const size_t n = (size_t)c->plan.n, n_prompts = c->request.n_prompts;
    if (c->request.stream)
        c->outputs = elcl_calloc(n_prompts * n, sizeof(*c->outputs));
    if (c->request.split)
        c->part_outputs = elcl_calloc(c->plan.n_parts * n, sizeof(*c->part_outputs));
    c->waits = elcl_calloc(n_prompts, sizeof(*c->waits));
    c->choices = elcl_calloc(n_prompts, sizeof(*c->choices));
    for (size_t i = 0; c->waits && i < n_prompts; i++) {
        c->waits[i] = c->plan.prompts[i].n_parts;
        c->n_blank += !c->waits[i];
    }
    return c->waits && c->choices && (c->outputs || !c->request.stream) &&
           (c->part_outputs || !c->request.split);
}

static void name(struct cli_completion *c)
{
    static atomic_uint n_named;
    const uint64_t parts[2] = {elcl_clock_ns(), atomic_fetch_add(&n_named, 1)};
    c->head = (struct cli_openai_head){
        .created = (int64_t)time(NULL), .model = c->served->name, .seed = c->plan.seed};
    (void)snprintf(c->head.id, sizeof(c->head.id), "cmpl-%016llx",
                   (unsigned long long)elcl_hash(ELCL_HASH_INIT, parts, sizeof(parts)));
}

/* ---- the end ------------------------------------------------------------------------------- */

/* What the client sees of an error. */
static elcl_error shown(const struct cli_completion *c, const elcl_error *why, char param[64])
{
    elcl_error err = {0};
    (void)cli_openai_fail(&c->request, why, param, &err);
    cli_served_hide_path(c->served, &err);
    return err;
}

static void end_stream(struct cli_completion *c, const elcl_error *why)
{
    struct elcl_str events = {0};
    char param[64];
    if (why) {
        const elcl_error err = shown(c, why, param);
        elcl_str_text(&events, "data: ");
        cli_openai_add_error(&events, cli_openai_status(why->code), param, NULL, err.msg);
        elcl_str_text(&events, "\n\n");
    } else {
        if (c->request.include_usage)
            cli_openai_add_event(&events, &c->head, NULL, &c->usage, false);
        cli_openai_add_done(&events);
    }
    cli_completion_send(c, &events);
    cli_exchange_end(c->x);
}

static void answer(struct cli_completion *c)
{
    struct elcl_str body = {0};
    cli_openai_add_answer(&body, &c->head, c->choices, c->request.n_prompts, &c->usage);
    elcl_str_text(&body, "\n");
    cli_exchange_reply(c->x, 200, "application/json", &body);
}

/* Answers with the reason why there are no outputs. */
static void refuse(const struct cli_completion *c, const elcl_error *why)
{
    char param[64];
    const elcl_error err = shown(c, why, param);
    cli_openai_add_retry(c->x, c->served->worker, why->code);
    cli_openai_refuse(c->x, cli_openai_status(why->code), param, NULL, err.msg);
}

/* Answers, and frees the completion. */
static void end(struct cli_completion *c, const elcl_error *why)
{
    if (!why && !c->failed.code)
        cli_completion_join_blanks(c);
    if (!why && c->failed.code)
        why = &c->failed;
    if (c->request.stream && (c->begun || !why))
        end_stream(c, why);
    else if (why)
        refuse(c, why);
    else
        answer(c);
    destroy(c);
}

static void on_end(struct cli_job *job, const elcl_error *why)
{
    struct cli_completion *c = (struct cli_completion *)job;
    cli_exchange_on_leave(c->x, NULL, NULL);
    end(c, why);
}

static void on_leave(void *user)
{
    cli_job_cancel(user);
}

/* ---- the start ----------------------------------------------------------------------------- */

static void submit(struct cli_completion *c)
{
    elcl_error why = {0};
    if (!c->plan.n_parts) {
        end(c, NULL);
        return;
    }
    cli_exchange_on_leave(c->x, on_leave, &c->job);
    if (!cli_worker_submit(c->served->worker, &c->job, c->plan.requests, &why))
        return; /* the worker's thread may have freed it */
    cli_exchange_on_leave(c->x, NULL, NULL);
    refuse(c, &why);
    destroy(c);
}

void cli_openai_start(struct cli_exchange *x, const struct cli_served *served,
                      struct cli_openai_request *request, double deadline)
{
    struct cli_completion *c = elcl_calloc(1, sizeof(*c));
    elcl_error err = {0};
    char param[64];
    if (!c) {
        cli_openai_request_finish(request);
        cli_openai_refuse(x, 500, NULL, NULL, "out of memory");
        return;
    }
    c->request = *request;
    *request = (struct cli_openai_request){0};
    c->served = served;
    c->x = x;
    cli_exchange_keep(x);
    int rc = cli_openai_plan_make(&c->request, served, &c->plan, param, &err);
    if (!rc && !allocate(c))
        rc = elcl_fail_nomem(&err);
    if (rc) {
        cli_served_hide_path(served, &err);
        cli_openai_refuse(x, cli_openai_status(rc), param, NULL, err.msg);
        destroy(c);
        return;
    }
    name(c);
    c->job = (struct cli_job){
        .worker = served->worker,
        .n = c->plan.n_parts,
        .deadline = deadline,
        .on_token = c->request.stream && !c->request.split ? cli_completion_on_token : NULL,
        .on_result = cli_completion_on_result,
        .on_end = on_end};
    submit(c);
}
