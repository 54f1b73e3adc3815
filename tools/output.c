#include "output.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

/* ---- queue --------------------------------------------------------------------------------- */

struct elcl_sample *elcl_queue_push(struct elcl_queue *q)
{
    if (q->head && q->head >= q->n) {
        memmove(q->items, q->items + q->head, q->n * sizeof(*q->items));
        q->head = 0;
    }
    void *items = q->items;
    if (!elcl_tool_grow(&items, &q->capacity, q->head + q->n + 1, sizeof(*q->items)))
        return NULL;
    q->items = items;
    struct elcl_sample *sample = calloc(1, sizeof(*sample));
    if (sample)
        q->items[q->head + q->n++] = sample;
    return sample;
}

struct elcl_sample *elcl_queue_first(const struct elcl_queue *q)
{
    return q->n ? q->items[q->head] : NULL;
}

void elcl_queue_pop(struct elcl_queue *q)
{
    struct elcl_sample *sample = elcl_queue_first(q);
    if (!sample)
        return;
    free(sample->ids);
    elcl_bytes_finish(&sample->out);
    free(sample);
    q->head++;
    q->n--;
}

void elcl_queue_finish(struct elcl_queue *q)
{
    while (q->n)
        elcl_queue_pop(q);
    free(q->items);
    *q = (struct elcl_queue){0};
}

/* ---- lines --------------------------------------------------------------------------------- */

/* One sample stays one line: line ends inside the text become blanks, and the blank that
 * tokenizers put before the first word goes. */
static int append_text(const elcl_model *model, const elcl_hypothesis *h, struct elcl_bytes *out,
                       elcl_error *err)
{
    char *text = NULL;
    int rc = elcl_decode(model, h->ids, h->n_ids, &text, err);
    if (rc)
        return rc;
    for (char *c = text; *c; c++) {
        if (*c == '\n' || *c == '\r')
            *c = ' ';
    }
    elcl_bytes_text(out, text + (text[0] == ' '));
    elcl_free(text);
    return ELCL_OK;
}

static void append_ids(const elcl_hypothesis *h, struct elcl_bytes *out)
{
    for (size_t i = 0; i < h->n_ids; i++)
        elcl_bytes_printf(out, i ? " %d" : "%d", (int)h->ids[i]);
}

static bool add_json_ids(cJSON *line, const elcl_hypothesis *h)
{
    cJSON *ids = cJSON_AddArrayToObject(line, "ids");
    bool ok = ids != NULL;
    for (size_t i = 0; ok && i < h->n_ids; i++)
        ok = cJSON_AddItemToArray(ids, cJSON_CreateNumber(h->ids[i]));
    return ok;
}

/* Nine digits bring a float back unchanged; JSON knows no infinity. */
static bool add_json_score(cJSON *line, float score)
{
    char number[32];
    if (!isfinite(score))
        return cJSON_AddNullToObject(line, "score");
    (void)snprintf(number, sizeof(number), "%.9g", (double)score);
    return cJSON_AddRawToObject(line, "score", number);
}

static bool append_json(const cJSON *line, struct elcl_bytes *out)
{
    char *printed = cJSON_PrintUnformatted(line);
    if (!printed)
        return false;
    elcl_bytes_text(out, printed);
    cJSON_free(printed);
    return true;
}

static const char *finish_word(enum elcl_finish_reason finish)
{
    if (finish == ELCL_FINISH_STOP)
        return "stop";
    return finish == ELCL_FINISH_EOS ? "eos" : "length";
}

static int append_jsonl(const elcl_model *model, uint64_t index, int sequence,
                        const elcl_hypothesis *h, struct elcl_bytes *out, elcl_error *err)
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
    bool ok = cJSON_AddNumberToObject(line, "index", (double)index) &&
              cJSON_AddNumberToObject(line, "sequence", sequence) &&
              (!text || cJSON_AddStringToObject(line, "text", text)) && add_json_ids(line, h) &&
              add_json_score(line, h->score) &&
              cJSON_AddStringToObject(line, "finish_reason", finish_word(h->finish)) &&
              append_json(line, out);
    cJSON_Delete(line);
    elcl_free(text);
    return ok ? ELCL_OK : elcl_tool_nomem(err);
}

int elcl_format_result(const elcl_model *model, enum elcl_line_format format, bool scores,
                       uint64_t index, const elcl_result *result, struct elcl_bytes *out,
                       elcl_error *err)
{
    int rc = ELCL_OK;
    for (int i = 0; i < result->n_hypotheses && !rc; i++) {
        const elcl_hypothesis *h = &result->hypotheses[i];
        if (scores)
            elcl_bytes_printf(out, "%.6f\t", (double)h->score);
        switch (format) {
        case ELCL_LINE_TEXT:
            rc = append_text(model, h, out, err);
            break;
        case ELCL_LINE_JSONL:
            rc = append_jsonl(model, index, i, h, out, err);
            break;
        case ELCL_LINE_IDS:
            append_ids(h, out);
            break;
        }
        elcl_bytes_text(out, "\n");
    }
    return !rc && out->failed ? elcl_tool_nomem(err) : rc;
}

void elcl_format_failure(enum elcl_line_format format, uint64_t index, int n_lines,
                         const char *message, struct elcl_bytes *out)
{
    if (format != ELCL_LINE_JSONL) {
        for (int i = 0; i < n_lines; i++)
            elcl_bytes_text(out, "\n");
        return;
    }
    cJSON *line = cJSON_CreateObject();
    bool ok = cJSON_AddNumberToObject(line, "index", (double)index) &&
              cJSON_AddStringToObject(line, "error", message) && append_json(line, out);
    cJSON_Delete(line);
    elcl_bytes_text(out, "\n");
    if (!ok)
        out->failed = true;
}
