#include "generate/sample.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

void cli_sample_fail(struct cli_sample *sample, const char *place, const char *message)
{
    elcl_str_printf(&sample->out, "%s%s%s", place, *place ? ": " : "", message);
    sample->state = CLI_SAMPLE_FAILED;
}

/* ---- queue --------------------------------------------------------------------------------- */

struct cli_sample *cli_queue_push(struct cli_queue *q)
{
    if (q->head && q->head >= q->n) {
        memmove(q->items, q->items + q->head, q->n * sizeof(*q->items));
        q->head = 0;
    }
    void *items = q->items;
    if (!elcl_grow(&items, &q->capacity, q->head + q->n + 1, sizeof(*q->items)))
        return NULL;
    q->items = items;
    struct cli_sample *sample = calloc(1, sizeof(*sample));
    if (sample)
        q->items[q->head + q->n++] = sample;
    return sample;
}

struct cli_sample *cli_queue_first(const struct cli_queue *q)
{
    return q->n ? q->items[q->head] : NULL;
}

struct cli_sample *cli_queue_at(const struct cli_queue *q, uint64_t index)
{
    const struct cli_sample *first = cli_queue_first(q);
    if (!first || index < first->index || index - first->index >= q->n)
        return NULL;
    return q->items[q->head + (size_t)(index - first->index)];
}

void cli_queue_pop(struct cli_queue *q)
{
    struct cli_sample *sample = cli_queue_first(q);
    if (!sample)
        return;
    free(sample->ids);
    free(sample->id);
    free(sample->own);
    cli_generate_override_free(&sample->given);
    free(sample->emitted);
    elcl_text_stream_destroy(&sample->stream);
    elcl_str_finish(&sample->streamed);
    elcl_str_finish(&sample->out);
    free(sample);
    q->head++;
    q->n--;
}

void cli_queue_finish(struct cli_queue *q)
{
    while (q->n)
        cli_queue_pop(q);
    free(q->items);
    *q = (struct cli_queue){0};
}

/* ---- lines --------------------------------------------------------------------------------- */

/* Keeps the text on one line: line ends inside it become blanks. At the start of a line drops the
 * blank that tokenizers put before the first word. */
static void append_line(const char *text, bool begins, struct elcl_str *out)
{
    const size_t from = out->n;
    elcl_str_text(out, text + (begins && text[0] == ' '));
    for (size_t i = from; i < out->n; i++) {
        if (out->data[i] == '\n' || out->data[i] == '\r')
            out->data[i] = ' ';
    }
}

static int append_text(const elcl_model *model, const int32_t *ids, size_t n_ids,
                       struct elcl_str *out, elcl_error *err)
{
    char *text = NULL;
    int rc = elcl_decode(model, ids, n_ids, &text, err);
    if (rc)
        return rc;
    append_line(text, true, out);
    elcl_free(text);
    return ELCL_OK;
}

static void append_ids(const elcl_hypothesis *h, struct elcl_str *out)
{
    for (size_t i = 0; i < h->n_ids; i++)
        elcl_str_printf(out, i ? " %d" : "%d", (int)h->ids[i]);
}

static bool add_json_ids(cJSON *line, const elcl_hypothesis *h)
{
    cJSON *ids = cJSON_AddArrayToObject(line, "ids");
    bool ok = ids != NULL;
    for (size_t i = 0; ok && i < h->n_ids; i++)
        ok = cJSON_AddItemToArray(ids, cJSON_CreateNumber(h->ids[i]));
    return ok;
}

/* Nine digits reproduce a float exactly. JSON has no infinity. */
static bool add_json_score(cJSON *line, float score)
{
    char number[32];
    if (!isfinite(score))
        return cJSON_AddNullToObject(line, "score");
    (void)snprintf(number, sizeof(number), "%.9g", (double)score);
    return cJSON_AddRawToObject(line, "score", number);
}

static bool add_json_log_probs(cJSON *line, const elcl_hypothesis *h)
{
    cJSON *array = h->token_logprobs ? cJSON_AddArrayToObject(line, "token_logprobs") : NULL;
    bool ok = array || !h->token_logprobs;
    for (size_t i = 0; array && ok && i < h->n_ids; i++) {
        char number[32];
        (void)snprintf(number, sizeof(number), "%.9g", (double)h->token_logprobs[i]);
        ok = cJSON_AddItemToArray(array, isfinite(h->token_logprobs[i]) ? cJSON_CreateRaw(number)
                                                                        : cJSON_CreateNull());
    }
    return ok;
}

/* Adds the sample's place in the input, and its own name. */
static bool add_json_sample(cJSON *line, const struct cli_sample *sample)
{
    return cJSON_AddNumberToObject(line, "index", (double)sample->index) &&
           (!sample->id || cJSON_AddRawToObject(line, "id", sample->id));
}

static bool append_json(const cJSON *line, struct elcl_str *out)
{
    char *printed = cJSON_PrintUnformatted(line);
    if (!printed)
        return false;
    elcl_str_text(out, printed);
    cJSON_free(printed);
    return true;
}

static const char *finish_word(enum elcl_finish_reason finish)
{
    if (finish == ELCL_FINISH_STOP)
        return "stop";
    return finish == ELCL_FINISH_EOS ? "eos" : "length";
}

/* Adds what did not fit into the model. */
static bool add_json_limits(cJSON *line, const struct cli_sample *s)
{
    return (!s->n_cut || cJSON_AddNumberToObject(line, "source_cut", (double)s->n_cut)) &&
           (!s->max_new_tokens ||
            cJSON_AddNumberToObject(line, "max_new_tokens", s->max_new_tokens));
}

static int append_jsonl(const elcl_model *model, struct cli_sample *sample, int sequence,
                        const elcl_hypothesis *h, elcl_error *err)
{
    elcl_model_info info;
    char *text = NULL;
    elcl_model_get_info(model, &info);
    if (info.has_tokenizer) {
        int rc = elcl_decode(model, h->ids, h->n_ids, &text, err);
        if (rc)
            return rc;
    }
    cJSON *line = cJSON_CreateObject();
    bool ok = add_json_sample(line, sample) &&
              cJSON_AddNumberToObject(line, "sequence", sequence) &&
              (!text || cJSON_AddStringToObject(line, "text", text)) && add_json_ids(line, h) &&
              add_json_score(line, h->score) && add_json_log_probs(line, h) &&
              cJSON_AddStringToObject(line, "finish_reason", finish_word(h->finish)) &&
              add_json_limits(line, sample) && append_json(line, &sample->out);
    cJSON_Delete(line);
    elcl_free(text);
    return ok ? ELCL_OK : elcl_fail_nomem(err);
}

int cli_format_result(const elcl_model *model, enum cli_format format, bool scores,
                      const elcl_result *result, struct cli_sample *sample, elcl_error *err)
{
    struct elcl_str *out = &sample->out;
    int rc = ELCL_OK;
    for (int i = 0; i < result->n_hypotheses && !rc; i++) {
        const elcl_hypothesis *h = &result->hypotheses[i];
        if (scores)
            elcl_str_printf(out, "%.6f\t", (double)h->score);
        if (format == CLI_FORMAT_JSONL)
            rc = append_jsonl(model, sample, i, h, err);
        else if (format == CLI_FORMAT_IDS)
            append_ids(h, out);
        else
            rc = append_text(model, h->ids, h->n_ids, out, err);
        elcl_str_text(out, "\n");
    }
    return !rc && out->failed ? elcl_fail_nomem(err) : rc;
}

void cli_format_failure(enum cli_format format, const struct cli_sample *sample, int n_lines,
                        const char *message, struct elcl_str *out)
{
    if (format != CLI_FORMAT_JSONL) {
        for (int i = 0; i < n_lines; i++)
            elcl_str_text(out, "\n");
        return;
    }
    cJSON *line = cJSON_CreateObject();
    bool ok = add_json_sample(line, sample) && cJSON_AddStringToObject(line, "error", message) &&
              append_json(line, out);
    cJSON_Delete(line);
    elcl_str_text(out, "\n");
    if (!ok)
        out->failed = true;
}

/* ---- streaming ----------------------------------------------------------------------------- */

static bool begins_with(const struct elcl_str *line, const struct elcl_str *beginning)
{
    return line->n >= beginning->n &&
           (!beginning->n || !memcmp(line->data, beginning->data, beginning->n));
}

int cli_format_stream(const elcl_model *model, struct cli_sample *sample, struct elcl_str *out,
                      elcl_error *err)
{
    const char *text = NULL;
    const size_t from = sample->streamed.n;
    int rc = ELCL_OK;
    if (!sample->stream)
        rc = elcl_text_stream_create(model, &sample->stream, err);
    if (!rc)
        rc = elcl_text_stream_add(sample->stream, sample->emitted, sample->n_emitted, &text, err);
    if (rc)
        return rc;
    sample->n_emitted = 0;
    append_line(text, !sample->began, &sample->streamed);
    sample->began = sample->began || *text;
    elcl_str_append(out, sample->streamed.data + from, sample->streamed.n - from);
    return out->failed || sample->streamed.failed ? elcl_fail_nomem(err) : ELCL_OK;
}

size_t cli_streamed_bytes(const struct cli_sample *sample)
{
    return begins_with(&sample->out, &sample->streamed) ? sample->streamed.n : SIZE_MAX;
}
