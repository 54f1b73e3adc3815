#include "serve/translate_job.h"

#include <stdlib.h>
#include <string.h>

#include "common/json_write.h"
#include "serve/openai_job.h"
#include "serve/openai_plan.h"

struct translation {
    struct cli_job job; /* of the present hop */
    const struct cli_server *server;
    struct cli_exchange *x;
    struct cli_translate_request request; /* the texts are those of the present hop */
    struct cli_translate_way way;
    double deadline;
    int hop;
    struct cli_openai_request asked; /* of the present hop's model */
    struct cli_openai_plan plan;
    struct elcl_str *parts;  /* [plan.n_parts, plan.n] outputs of the sentences */
    struct elcl_str *joined; /* [n_texts, plan.n] outputs of the texts, best first */
    elcl_error failed;
};

static void begin_hop(struct translation *t);

/* The model of the present hop. */
static const struct cli_served *served_of(const struct translation *t)
{
    return &t->server->models.items[t->way.hops[t->hop]->model];
}

/* ---- life ------------------------------------------------------------------------------------ */

static void finish_hop(struct translation *t)
{
    const size_t n = (size_t)t->plan.n;
    elcl_strs_free(t->parts, t->plan.n_parts * n);
    elcl_strs_free(t->joined, t->request.n_texts * n);
    t->parts = t->joined = NULL;
    cli_openai_plan_finish(&t->plan);
    cli_openai_request_finish(&t->asked);
}

static void destroy(struct translation *t)
{
    finish_hop(t);
    cli_translate_request_finish(&t->request);
    cli_exchange_drop(t->x);
    elcl_free(t);
}

static void refuse(struct translation *t, const elcl_error *why)
{
    elcl_error shown = *why;
    cli_served_hide_path(served_of(t), &shown);
    const bool prompt = !strncmp(shown.msg, "prompt: ", strlen("prompt: "));
    struct elcl_str message = {0}; /* the plan calls a text by its name in OpenAI's API */
    elcl_str_printf(&message, "%s%s", prompt ? "q: " : "",
                    shown.msg + (prompt ? strlen("prompt: ") : 0));
    cli_openai_add_retry(t->x, t->job.worker, why->code);
    cli_serve_error(t->x, cli_openai_status(why->code),
                    message.failed ? "out of memory" : message.data);
    elcl_str_finish(&message);
    destroy(t);
}

/* ---- the answer ------------------------------------------------------------------------------ */

static const struct elcl_str *output_of(const struct translation *t, size_t text, int j)
{
    return &t->joined[text * (size_t)t->plan.n + (size_t)j];
}

static void add_output(const struct translation *t, size_t text, int j, struct elcl_str *body)
{
    const struct elcl_str *output = t->way.n_hops ? output_of(t, text, j) : NULL;
    if (output)
        cli_json_string(body, output->n ? output->data : "", output->n);
    else
        cli_json_text(body, t->request.texts[text]);
}

/* Whether output j of a text differs from those before it. */
static bool is_new(const struct translation *t, size_t text, int j)
{
    const struct elcl_str *output = output_of(t, text, j);
    for (int k = 0; k < j; k++) {
        const struct elcl_str *other = output_of(t, text, k);
        if (other->n == output->n && (!other->n || !memcmp(other->data, output->data, other->n)))
            return false;
    }
    return true;
}

static void add_alternatives(const struct translation *t, size_t text, struct elcl_str *body)
{
    bool any = false;
    elcl_str_text(body, "[");
    for (int j = 1; t->way.n_hops && j < t->plan.n; j++) {
        if (!is_new(t, text, j))
            continue;
        elcl_str_text(body, any ? ", " : "");
        add_output(t, text, j, body);
        any = true;
    }
    elcl_str_text(body, "]");
}

static void add_translation(const struct translation *t, size_t text, struct elcl_str *body)
{
    add_output(t, text, 0, body);
}

static void add_detected(const struct translation *t, size_t text, struct elcl_str *body)
{
    (void)text;
    elcl_str_text(body, "{\"confidence\": 0, \"language\": ");
    cli_json_text(body, t->way.found);
    elcl_str_text(body, "}");
}

/* Adds a field with a value for each text; a single value if the request is one text. */
static void add_field(const struct translation *t, const char *name,
                      void (*add)(const struct translation *t, size_t text, struct elcl_str *body),
                      struct elcl_str *body)
{
    elcl_str_printf(body, "%s\"%s\": %s", body->n ? ", " : "{", name,
                    t->request.is_list ? "[" : "");
    for (size_t i = 0; i < t->request.n_texts; i++) {
        elcl_str_text(body, i ? ", " : "");
        add(t, i, body);
    }
    elcl_str_text(body, t->request.is_list ? "]" : "");
}

static void answer(struct translation *t)
{
    struct elcl_str body = {0};
    add_field(t, "translatedText", add_translation, &body);
    if (t->request.n_alternatives)
        add_field(t, "alternatives", add_alternatives, &body);
    if (t->way.found)
        add_field(t, "detectedLanguage", add_detected, &body);
    elcl_str_text(&body, "}\n");
    cli_exchange_reply(t->x, 200, "application/json", &body);
    destroy(t);
}

/* ---- the end of a hop ------------------------------------------------------------------------ */

/* Joins output j of the sentences of a text. */
static void join(struct translation *t, size_t text, int j)
{
    const size_t n = (size_t)t->plan.n;
    const struct cli_openai_prompt *prompt = &t->plan.prompts[text];
    struct elcl_str *joined = &t->joined[text * n + (size_t)j];
    struct cli_joiner joiner;
    cli_join_begin(&joiner, t->request.texts[text], prompt->n_blanks, joined);
    for (size_t i = prompt->first; i < prompt->first + prompt->n_parts; i++) {
        const struct elcl_str *part = &t->parts[i * n + (size_t)j];
        cli_join_piece(&joiner, &t->plan.parts[i].piece, joined);
        cli_join_text(&joiner, part->n ? part->data : "", part->n, joined);
    }
    cli_join_end(&joiner, joined);
    if (joined->failed)
        elcl_fail_nomem(&t->failed);
}

/* Makes the outputs of this hop the texts of the next one. */
static void next_hop(struct translation *t)
{
    for (size_t i = 0; i < t->request.n_texts; i++) {
        char *text = elcl_strndup(output_of(t, i, 0)->n ? output_of(t, i, 0)->data : "",
                                  output_of(t, i, 0)->n);
        if (!text) {
            elcl_fail_nomem(&t->failed);
            refuse(t, &t->failed);
            return;
        }
        elcl_free(t->request.texts[i]);
        t->request.texts[i] = text;
    }
    finish_hop(t);
    t->hop++;
    begin_hop(t);
}

static void end_hop(struct translation *t, const elcl_error *why)
{
    for (size_t i = 0; !why && i < t->request.n_texts; i++)
        for (int j = 0; j < t->plan.n; j++)
            join(t, i, j);
    if (!why && t->failed.code)
        why = &t->failed;
    if (why)
        refuse(t, why);
    else if (t->hop + 1 < t->way.n_hops)
        next_hop(t);
    else
        answer(t);
}

static void on_end(struct cli_job *job, const elcl_error *why)
{
    struct translation *t = (struct translation *)job;
    cli_exchange_on_leave(t->x, NULL, NULL);
    end_hop(t, why);
}

static void on_leave(void *user)
{
    cli_job_cancel(user);
}

/* Keeps the text of each output. If the search found fewer, the first one stands for the others. */
static void on_result(struct cli_job *job, size_t i, const elcl_result *result)
{
    struct translation *t = (struct translation *)job;
    const struct cli_served *served = served_of(t);
    for (int j = 0; j < t->plan.n && result->n_hypotheses && !t->failed.code; j++) {
        const elcl_hypothesis *h = &result->hypotheses[j < result->n_hypotheses ? j : 0];
        struct elcl_str *part = &t->parts[i * (size_t)t->plan.n + (size_t)j];
        char *text = NULL;
        if (elcl_decode(served->model, h->ids, h->n_ids, &text, &t->failed))
            return;
        elcl_str_text(part, text);
        elcl_free(text);
        if (part->failed)
            elcl_fail_nomem(&t->failed);
    }
}

/* ---- the start of a hop ---------------------------------------------------------------------- */

static bool copy_text(const char *from, char **to)
{
    *to = elcl_strdup(from);
    return *to != NULL;
}

/* Writes the present hop as a request for completions: texts, languages, sentences. Alternatives
 * are those of the last hop. */
static int ask(struct translation *t, elcl_error *err)
{
    const struct cli_direction *hop = t->way.hops[t->hop];
    const bool last = t->hop + 1 == t->way.n_hops;
    struct cli_openai_request *r = &t->asked;
    *r = (struct cli_openai_request){
        .n = last ? t->request.n_alternatives + 1 : 1, .logprobs = -1, .split = true};
    r->prompts = elcl_calloc(t->request.n_texts, sizeof(*r->prompts));
    bool ok = r->prompts && (!*hop->own_source || copy_text(hop->own_source, &r->src_lang)) &&
              (!*hop->own_target || copy_text(hop->own_target, &r->tgt_lang));
    for (size_t i = 0; ok && i < t->request.n_texts; i++) {
        struct cli_side *side = &r->prompts[r->n_prompts++];
        ok = copy_text(t->request.texts[i], &side->text);
        side->n_text = ok ? strlen(side->text) : 0;
    }
    return ok ? ELCL_OK : elcl_fail_nomem(err);
}

static int plan(struct translation *t, const struct cli_served *served, elcl_error *err)
{
    const elcl_engine_params *sizes = cli_worker_sizes(served->worker);
    char param[64];
    int rc = ask(t, err);
    if (!rc && t->asked.n > sizes->max_beams)
        rc = elcl_fail(err, ELCL_E_ARG,
                       "Invalid request: alternatives must be at most %d (the server's "
                       "--max-beams)",
                       sizes->max_beams - 1);
    if (!rc)
        rc = cli_openai_plan_make(&t->asked, served, &t->plan, param, err);
    if (rc)
        return rc;
    const size_t n = (size_t)t->plan.n;
    t->parts = elcl_calloc(t->plan.n_parts * n, sizeof(*t->parts));
    t->joined = elcl_calloc(t->request.n_texts * n, sizeof(*t->joined));
    return t->parts && t->joined ? ELCL_OK : elcl_fail_nomem(err);
}

static void begin_hop(struct translation *t)
{
    const struct cli_served *served = served_of(t);
    elcl_error err = {0};
    t->job = (struct cli_job){.worker = served->worker,
                              .deadline = t->deadline,
                              .follows = t->hop > 0,
                              .on_result = on_result,
                              .on_end = on_end};
    if (plan(t, served, &err)) {
        refuse(t, &err);
        return;
    }
    t->job.n = t->plan.n_parts;
    if (!t->job.n) { /* blank texts */
        end_hop(t, NULL);
        return;
    }
    cli_exchange_on_leave(t->x, on_leave, &t->job);
    if (!cli_worker_submit(served->worker, &t->job, t->plan.requests, &err))
        return; /* the worker's thread may have freed it */
    cli_exchange_on_leave(t->x, NULL, NULL);
    refuse(t, &err);
}

void cli_translate_start(const struct cli_server *server, struct cli_exchange *x,
                         struct cli_translate_request *request, const struct cli_translate_way *way)
{
    struct translation *t = elcl_calloc(1, sizeof(*t));
    if (!t) {
        cli_serve_error(x, 500, "out of memory");
        return;
    }
    t->server = server;
    t->x = x;
    t->request = *request;
    t->way = *way;
    t->deadline = cli_server_deadline(server);
    *request = (struct cli_translate_request){0};
    cli_exchange_keep(x);
    if (way->n_hops)
        begin_hop(t);
    else
        answer(t);
}
