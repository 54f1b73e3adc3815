#include "serve/audio.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "serve/audio_answer.h"
#include "serve/openai.h"
#include "serve/openai_job.h"

/* A sound on its way through a model to its answer. */
struct hearing {
    struct cli_dictation job;
    struct cli_exchange *x;
    const struct cli_served *served;
    struct cli_audio_wants wants;
};

static void leave(void *user)
{
    cli_dictation_cancel(user);
}

/* The field that an error of the library names. */
static const char *field_of(const char *message)
{
    static const char *const fields[] = {"language", "prompt", "initial_prompt"};
    for (size_t i = 0; i < ELCL_COUNT(fields); i++)
        if (!strncmp(message, fields[i], strlen(fields[i])))
            return i < 2 ? fields[i] : "prompt";
    return NULL;
}

static void refuse(struct cli_exchange *x, const struct cli_served *served, const char *param,
                   elcl_error *err)
{
    char seconds[16];
    if (err->code == CLI_WORKER_BUSY) {
        (void)snprintf(seconds, sizeof(seconds), "%d", cli_scribe_retry_seconds(served->scribe));
        (void)cli_exchange_header(x, "Retry-After", seconds, NULL);
    }
    cli_served_hide_path(served, err);
    cli_openai_refuse(x, cli_openai_status(err->code), param ? param : field_of(err->msg), NULL,
                      err->msg);
}

static void destroy(struct hearing *h)
{
    cli_exchange_drop(h->x);
    elcl_free(h);
}

static void on_end(struct cli_dictation *job, const elcl_transcript *transcript,
                   const elcl_error *why)
{
    struct hearing *h = (struct hearing *)job;
    cli_exchange_on_leave(h->x, NULL, NULL);
    if (why) {
        elcl_error err = *why;
        refuse(h->x, h->served, NULL, &err);
    } else {
        struct elcl_str body = {0};
        cli_audio_write(&h->wants, transcript, &body);
        cli_exchange_reply(h->x, 200, cli_audio_type(&h->wants), &body);
    }
    destroy(h);
}

/* Reads the sound and submits it. */
static void start(struct cli_exchange *x, const struct cli_served *served,
                  const struct cli_audio_request *request, double deadline)
{
    const char *name = request->file->file ? request->file->file : "file";
    const elcl_transcribe_options options = cli_audio_options(request);
    elcl_sound *sound = NULL;
    elcl_error err = {0};
    if (elcl_sound_read_memory(request->file->bytes, request->file->n, name, NULL, &sound, &err)) {
        refuse(x, served, "file", &err);
        return;
    }
    struct hearing *h = elcl_calloc(1, sizeof(*h));
    if (!h) {
        elcl_sound_destroy(&sound);
        cli_openai_refuse(x, 500, NULL, NULL, "out of memory");
        return;
    }
    *h = (struct hearing){.job = {.scribe = served->scribe, .deadline = deadline, .on_end = on_end},
                          .x = x,
                          .served = served,
                          .wants = request->wants};
    cli_exchange_keep(x);
    cli_exchange_on_leave(x, leave, &h->job);
    const int rc = cli_scribe_submit(served->scribe, &h->job, sound, &options, &err);
    elcl_sound_destroy(&sound);
    if (!rc)
        return; /* the scribe's thread may have freed it */
    cli_exchange_on_leave(x, NULL, NULL);
    refuse(x, served, NULL, &err);
    destroy(h);
}

static void hear(struct cli_server *server, struct cli_exchange *x, bool translate)
{
    const struct cli_exchange_request *http = cli_exchange_request(x);
    struct cli_audio_request request;
    elcl_error err = {0};
    char param[64];
    if (cli_audio_parse(http->body, http->n_body, http->boundary, translate, &request, param,
                        &err)) {
        cli_openai_refuse(x, cli_openai_status(err.code), param, NULL, err.msg);
        return;
    }
    const struct cli_served *served = cli_models_find(&server->models, request.model);
    if (!served)
        cli_openai_refuse_model(server, x, request.model);
    else if (!served->scribe)
        cli_openai_refuse(x, 400, "model", NULL,
                          "the model reads text, not sound: expected /v1/completions");
    else
        start(x, served, &request, cli_server_deadline(server));
    cli_audio_finish(&request);
}

void cli_audio_transcriptions(struct cli_server *server, struct cli_exchange *x)
{
    hear(server, x, false);
}

void cli_audio_translations(struct cli_server *server, struct cli_exchange *x)
{
    hear(server, x, true);
}
