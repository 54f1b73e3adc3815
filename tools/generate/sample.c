#include "generate/sample.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "common/json_write.h"

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
    cli_parts_free(sample);
    free(sample->id);
    free(sample->own);
    cli_generate_override_free(&sample->given);
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

/* Appends n bytes of a text on one line: line ends inside it become blanks. At its start
 * drops the blank that tokenizers put before the first word. */
static void append_line(const char *text, size_t n, bool begins, struct elcl_str *out)
{
    const size_t from = out->n, dropped = begins && n && text[0] == ' ';
    if (n > dropped)
        elcl_str_append(out, text + dropped, n - dropped);
    for (size_t i = from; i < out->n; i++) {
        if (out->data[i] == '\n' || out->data[i] == '\r')
            out->data[i] = ' ';
    }
}

static void append_ids(const struct cli_sequence *s, struct elcl_str *out)
{
    for (size_t i = 0; i < s->n_ids; i++)
        elcl_str_printf(out, i ? " %d" : "%d", (int)s->ids[i]);
}

/* Adds a text of JSON, and frees it: long arrays need less memory so. */
static bool add_raw(cJSON *line, const char *key, struct elcl_str *text)
{
    const bool ok = !text->failed && cJSON_AddRawToObject(line, key, text->data);
    elcl_str_finish(text);
    return ok;
}

static bool add_json_ids(cJSON *line, const char *key, const int32_t *ids, size_t n)
{
    struct elcl_str text = {0};
    elcl_str_text(&text, "[");
    for (size_t i = 0; i < n; i++)
        elcl_str_printf(&text, i ? ",%d" : "%d", (int)ids[i]);
    elcl_str_text(&text, "]");
    return add_raw(line, key, &text);
}

/* Adds the source's tokens and the alignments. Only soft ones are an array. */
static bool add_json_alignments(cJSON *line, const struct cli_sample *sample,
                                const struct cli_sequence *s)
{
    const char *text = s->alignments.data;
    if (!text)
        return true;
    return add_json_ids(line, "source_ids", sample->source, sample->n_source) &&
           (text[0] == '[' ? cJSON_AddRawToObject(line, "alignments", text)
                           : cJSON_AddStringToObject(line, "alignments", text));
}

/* Adds how many ids each piece has. */
static bool add_json_pieces(cJSON *line, const struct cli_sequence *s)
{
    struct elcl_str text = {0};
    elcl_str_text(&text, "[");
    for (size_t i = 0; i < s->n_parts; i++)
        elcl_str_printf(&text, i ? ",%zu" : "%zu", s->n_part_ids[i]);
    elcl_str_text(&text, "]");
    return add_raw(line, "pieces", &text);
}

/* Nine digits reproduce a float exactly. JSON has no infinity. */
static bool add_json_score(cJSON *line, double score)
{
    char number[32];
    if (!isfinite(score))
        return cJSON_AddNullToObject(line, "score");
    (void)snprintf(number, sizeof(number), "%.9g", score);
    return cJSON_AddRawToObject(line, "score", number);
}

static bool add_json_log_probs(cJSON *line, const struct cli_sequence *s)
{
    struct elcl_str text = {0};
    if (!s->n_log_probs)
        return true;
    for (size_t i = 0; i < s->n_log_probs; i++) {
        elcl_str_text(&text, i ? "," : "[");
        if (isfinite(s->log_probs[i]))
            elcl_str_printf(&text, "%.9g", (double)s->log_probs[i]);
        else
            elcl_str_text(&text, "null");
    }
    elcl_str_text(&text, "]");
    return add_raw(line, "token_logprobs", &text);
}

/* Adds the sample's place in the input, and its own name. */
static bool add_json_sample(cJSON *line, const struct cli_sample *sample)
{
    return cJSON_AddNumberToObject(line, "index", (double)sample->index) &&
           (!sample->id || cJSON_AddRawToObject(line, "id", sample->id));
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

static int append_jsonl(struct cli_sample *sample, int k, bool has_text, elcl_error *err)
{
    const struct cli_sequence *s = &sample->sequences[k];
    cJSON *line = cJSON_CreateObject();
    const bool ok =
        add_json_sample(line, sample) && cJSON_AddNumberToObject(line, "sequence", k) &&
        (!has_text || cJSON_AddStringToObject(line, "text", s->text.data ? s->text.data : "")) &&
        add_json_ids(line, "ids", s->ids, s->n_ids) &&
        (!sample->text || add_json_pieces(line, s)) && add_json_score(line, s->score) &&
        add_json_log_probs(line, s) && add_json_alignments(line, sample, s) &&
        cJSON_AddStringToObject(line, "finish_reason", finish_word(s->finish)) &&
        add_json_limits(line, sample) && cli_json_print(&sample->out, line, true);
    cJSON_Delete(line);
    return ok ? ELCL_OK : elcl_fail_nomem(err);
}

int cli_format_sample(enum cli_format format, bool scores, bool has_text, struct cli_sample *sample,
                      elcl_error *err)
{
    struct elcl_str *out = &sample->out;
    int rc = ELCL_OK;
    for (int k = 0; k < sample->n_sequences && !rc; k++) {
        const struct cli_sequence *s = &sample->sequences[k];
        if (!sample->text && !s->found)
            break; /* the search found nothing */
        if (scores)
            elcl_str_printf(out, "%.6f\t", s->score);
        if (format == CLI_FORMAT_JSONL)
            rc = append_jsonl(sample, k, has_text, err);
        else if (format == CLI_FORMAT_IDS)
            append_ids(s, out);
        else
            append_line(s->text.data, s->text.n, !sample->text, out);
        if (format != CLI_FORMAT_JSONL && s->alignments.n)
            elcl_str_printf(out, " ||| %s", s->alignments.data);
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
              cli_json_print(out, line, true);
    cJSON_Delete(line);
    elcl_str_text(out, "\n");
    if (!ok)
        out->failed = true;
}

/* ---- streaming ----------------------------------------------------------------------------- */

void cli_format_stream(struct cli_sample *sample, struct elcl_str *out)
{
    const struct elcl_str *text = &sample->sequences->text;
    const size_t from = sample->n_taken, before = out->n;
    if (text->n > from)
        append_line(text->data + from, text->n - from, !from && !sample->text, out);
    sample->n_taken = text->n;
    sample->n_streamed += out->n - before;
}
