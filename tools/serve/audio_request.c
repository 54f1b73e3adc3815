#include "serve/audio_request.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/utf8.h"

static int fail_field(const char *name, const char *expected, const char *found, elcl_error *err)
{
    return elcl_fail(err, ELCL_E_FORMAT, "%.60s: expected %s, found '%.60s'", name, expected,
                     found);
}

static int take_text(char **to, char **value)
{
    elcl_free(*to);
    *to = **value ? *value : NULL; /* clients send empty fields for what is not given */
    if (*to)
        *value = NULL;
    return ELCL_OK;
}

static int take_format(struct cli_audio_request *r, const char *value, elcl_error *err)
{
    static const char *const names[] = {"json", "text", "srt", "verbose_json", "vtt"};
    for (size_t i = 0; i < ELCL_COUNT(names); i++)
        if (!strcmp(value, names[i])) {
            r->wants.format = (enum cli_audio_format)i;
            return ELCL_OK;
        }
    return fail_field("response_format", "json, text, srt, verbose_json or vtt", value, err);
}

static int take_temperature(struct cli_audio_request *r, const char *value, elcl_error *err)
{
    double number;
    const char *end;
    if (!elcl_read_decimal(value, &number, &end) || *end || !(number >= 0 && number <= 1))
        return fail_field("temperature", "a number from 0 to 1", value, err);
    r->temperature = (float)number;
    return ELCL_OK;
}

static int take_granularity(struct cli_audio_request *r, const char *value, elcl_error *err)
{
    if (!strcmp(value, "word"))
        r->wants.words = true;
    else if (!strcmp(value, "segment"))
        r->wants.segments = true;
    else
        return fail_field("timestamp_granularities[]", "word or segment", value, err);
    return ELCL_OK;
}

static int take_chunking(struct cli_audio_request *r, const char *value, elcl_error *err)
{
    r->batched = !strcmp(value, "auto");
    return r->batched ? ELCL_OK : fail_field("chunking_strategy", "auto", value, err);
}

static int take_stream(const char *value, elcl_error *err)
{
    return !strcmp(value, "false") ? ELCL_OK
                                   : fail_field("stream", "false: answers come whole", value, err);
}

/* Takes a field; what it keeps of *value becomes NULL. */
static int take_field(struct cli_audio_request *r, const char *name, char **value, elcl_error *err)
{
    if (!strcmp(name, "model"))
        return take_text(&r->model, value);
    if (!strcmp(name, "prompt"))
        return take_text(&r->prompt, value);
    if (!strcmp(name, "language") && !r->wants.translate)
        return take_text(&r->language, value);
    if (!strcmp(name, "response_format"))
        return take_format(r, *value, err);
    if (!strcmp(name, "temperature"))
        return take_temperature(r, *value, err);
    if (!strcmp(name, "timestamp_granularities[]") || !strcmp(name, "timestamp_granularities"))
        return take_granularity(r, *value, err);
    if (!strcmp(name, "chunking_strategy"))
        return take_chunking(r, *value, err);
    if (!strcmp(name, "stream"))
        return take_stream(*value, err);
    return elcl_fail(err, ELCL_E_FORMAT, "there is no field '%.60s' here", name);
}

static int take_part(struct cli_audio_request *r, const struct cli_part *part, elcl_error *err)
{
    if (!strcmp(part->name, "file")) {
        r->file = part;
        return part->n ? ELCL_OK : elcl_fail(err, ELCL_E_FORMAT, "file: the sound is empty");
    }
    if (elcl_utf8_check(part->bytes, part->n) < part->n || memchr(part->bytes, 0, part->n))
        return elcl_fail(err, ELCL_E_FORMAT, "%.60s: expected UTF-8", part->name);
    char *value = elcl_strndup(part->bytes, part->n);
    const int rc = value ? take_field(r, part->name, &value, err) : elcl_fail_nomem(err);
    elcl_free(value);
    return rc;
}

static int check(struct cli_audio_request *r, char param[64], elcl_error *err)
{
    struct cli_audio_wants *w = &r->wants;
    if (!r->file) {
        (void)snprintf(param, 64, "file");
        return elcl_fail(err, ELCL_E_FORMAT, "file: expected a sound, found none");
    }
    if ((w->words || w->segments) && w->format != CLI_AUDIO_VERBOSE_JSON) {
        (void)snprintf(param, 64, "timestamp_granularities");
        return elcl_fail(err, ELCL_E_FORMAT,
                         "timestamp_granularities[]: expected response_format verbose_json");
    }
    w->segments = w->segments || !w->words;
    return ELCL_OK;
}

int cli_audio_parse(const char *body, size_t n, const char *boundary, bool translate,
                    struct cli_audio_request *request, char param[64], elcl_error *err)
{
    *request = (struct cli_audio_request){.wants.translate = translate};
    *param = '\0';
    if (!boundary)
        return elcl_fail(err, ELCL_E_FORMAT,
                         "expected a body of multipart/form-data, with the boundary in its "
                         "Content-Type");
    int rc = cli_form_parse(body, n, boundary, &request->form, err);
    for (size_t i = 0; !rc && i < request->form.n; i++) {
        const struct cli_part *part = &request->form.parts[i];
        rc = take_part(request, part, err);
        if (rc)
            (void)snprintf(param, 64, "%.63s", part->name);
    }
    if (!rc)
        rc = check(request, param, err);
    if (rc)
        cli_audio_finish(request);
    return rc;
}

void cli_audio_finish(struct cli_audio_request *request)
{
    cli_form_finish(&request->form);
    elcl_free(request->model);
    elcl_free(request->language);
    elcl_free(request->prompt);
    *request = (struct cli_audio_request){0};
}

elcl_transcribe_options cli_audio_options(const struct cli_audio_request *request)
{
    elcl_transcribe_options o = elcl_transcribe_options_default();
    o.language = request->language;
    o.initial_prompt = request->prompt;
    o.batched = request->batched;
    if (request->wants.translate)
        o.task = ELCL_TASK_TRANSLATE;
    if (request->wants.words)
        o.timestamps = ELCL_TIMESTAMPS_WORD;
    if (request->temperature > 0) {
        o.temperatures = &request->temperature;
        o.n_temperatures = 1;
    }
    return o;
}
