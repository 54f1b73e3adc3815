#include "generate/parts.h"

#include <stdlib.h>
#include <string.h>

#include "generate/sample.h"

/* ---- parts ---------------------------------------------------------------------------------- */

struct cli_part *cli_part_add(struct cli_sample *sample)
{
    struct cli_part *part = calloc(1, sizeof(*part));
    if (!part)
        return NULL;
    part->sample = sample;
    part->index = sample->n_parts++;
    if (sample->last_part)
        sample->last_part->next = part;
    else
        sample->first_part = part;
    sample->last_part = part;
    sample->n_held++;
    sample->n_open++;
    return part;
}

/* Frees the sample's first part. */
static void free_first(struct cli_sample *sample)
{
    struct cli_part *part = sample->first_part;
    sample->first_part = part->next;
    if (!part->next)
        sample->last_part = NULL;
    sample->n_held--;
    sample->n_joined += part->piece.n + part->piece.n_after;
    for (int k = 0; k < part->n_outputs; k++) {
        elcl_free(part->outputs[k].ids);
        elcl_free(part->outputs[k].log_probs);
        elcl_str_finish(&part->outputs[k].alignments);
    }
    free(part->source.ids);
    free(part->emitted);
    elcl_text_stream_destroy(&part->stream);
    elcl_str_finish(&part->streamed);
    elcl_free(part->failure);
    elcl_free(part->outputs);
    free(part);
}

static void *copy(const void *from, size_t n, size_t size)
{
    void *to = elcl_calloc(n, size);
    if (to && n)
        memcpy(to, from, n * size);
    return to;
}

static void end(struct cli_part *part)
{
    part->ended = true;
    part->sample->n_open--;
}

/* Copies a hypothesis; false when memory is short. */
static bool copy_output(const elcl_hypothesis *h, struct cli_part_output *output)
{
    *output = (struct cli_part_output){.n_ids = h->n_ids, .score = h->score, .finish = h->finish};
    output->ids = copy(h->ids, h->n_ids, sizeof(*h->ids));
    if (output->ids && h->token_logprobs)
        output->log_probs = copy(h->token_logprobs, h->n_ids, sizeof(*h->token_logprobs));
    return output->ids && (output->log_probs || !h->token_logprobs);
}

int cli_part_end(struct cli_part *part, const elcl_result *result, enum cli_alignments how,
                 elcl_error *err)
{
    part->outputs = elcl_calloc((size_t)result->n_hypotheses, sizeof(*part->outputs));
    if (!part->outputs)
        return elcl_fail_nomem(err);
    while (part->n_outputs < result->n_hypotheses) {
        const int k = part->n_outputs++;
        const elcl_hypothesis *h = &result->hypotheses[k];
        struct elcl_str *alignments = &part->outputs[k].alignments;
        if (!copy_output(h, &part->outputs[k]))
            return elcl_fail_nomem(err);
        if (h->alignments)
            cli_alignments_append(how, h->alignments, h->n_ids - 1, result->n_source, alignments);
        if (alignments->failed)
            return elcl_fail_nomem(err);
    }
    end(part);
    return ELCL_OK;
}

int cli_part_fail(struct cli_part *part, const char *message, elcl_error *err)
{
    part->failure = elcl_strdup(message);
    if (!part->failure)
        return elcl_fail_nomem(err);
    end(part);
    return ELCL_OK;
}

/* ---- joining -------------------------------------------------------------------------------- */

int cli_parts_begin(struct cli_sample *sample, int n, size_t n_before, elcl_error *err)
{
    sample->sequences = elcl_calloc((size_t)n, sizeof(*sample->sequences));
    if (!sample->sequences)
        return elcl_fail_nomem(err);
    sample->n_sequences = n;
    for (int k = 0; k < n; k++)
        cli_join_begin(&sample->sequences[k].joiner, sample->text, n_before,
                       &sample->sequences[k].text);
    return ELCL_OK;
}

/* Appends text of the part's output. Without --split it is the sample's. */
static void add_text(struct cli_sequence *sequence, const struct cli_part *part, const char *text)
{
    if (part->sample->text)
        cli_join_text(&sequence->joiner, text, strlen(text), &sequence->text);
    else
        elcl_str_text(&sequence->text, text);
}

/* Begins the part in the joiners. */
static void begin_part(struct cli_part *part)
{
    struct cli_sample *sample = part->sample;
    for (int k = 0; sample->text && !part->begun && k < sample->n_sequences; k++)
        cli_join_piece(&sample->sequences[k].joiner, &part->piece, &sample->sequences[k].text);
    part->begun = true;
}

/* Appends the text of an output, of which a beginning may have been streamed. */
static int join_text(struct cli_sequence *sequence, const struct cli_part *part,
                     const struct cli_part_output *h, const elcl_model *model, elcl_error *err)
{
    const size_t n = part->streamed.n;
    char *text = NULL;
    int rc = elcl_decode(model, h->ids, h->n_ids, &text, err);
    if (rc)
        return rc;
    if (n && strncmp(text, part->streamed.data, n) != 0)
        rc = elcl_fail(err, ELCL_E_INTERNAL, "the text differs from the part that was streamed");
    else
        add_text(sequence, part, text + n);
    elcl_free(text);
    return rc;
}

static bool add_ids(struct cli_sequence *s, const struct cli_part_output *h)
{
    void *ids = s->ids, *log_probs = s->log_probs, *parts = s->n_part_ids;
    const size_t n_log_probs = h->log_probs ? h->n_ids : 0;
    if (!elcl_grow(&ids, &s->ids_capacity, s->n_ids + h->n_ids, sizeof(*s->ids)))
        return false;
    s->ids = ids;
    if (!elcl_grow(&log_probs, &s->log_probs_capacity, s->n_log_probs + n_log_probs,
                   sizeof(*s->log_probs)))
        return false;
    s->log_probs = log_probs;
    if (!elcl_grow(&parts, &s->parts_capacity, s->n_parts + 1, sizeof(*s->n_part_ids)))
        return false;
    s->n_part_ids = parts;
    if (h->n_ids)
        memcpy(s->ids + s->n_ids, h->ids, h->n_ids * sizeof(*s->ids));
    if (n_log_probs)
        memcpy(s->log_probs + s->n_log_probs, h->log_probs, n_log_probs * sizeof(*s->log_probs));
    s->n_ids += h->n_ids;
    s->n_log_probs += n_log_probs;
    s->n_part_ids[s->n_parts++] = h->n_ids;
    return true;
}

/* Moves the alignments of the only part to the sample. */
static void take_alignments(struct cli_sequence *s, struct cli_part *part,
                            struct cli_part_output *h)
{
    struct cli_sample *sample = part->sample;
    if (!h->alignments.n)
        return;
    s->alignments = h->alignments;
    h->alignments = (struct elcl_str){0};
    if (!part->source.ids)
        return;
    sample->source = part->source.ids;
    sample->n_source = part->source.n_ids;
    part->source.ids = NULL;
}

/* Of all parts: length, if one was cut off; else stop, if one reached a stop string. */
static enum elcl_finish_reason worse(enum elcl_finish_reason a, enum elcl_finish_reason b)
{
    if (a == ELCL_FINISH_LENGTH || b == ELCL_FINISH_EOS)
        return a;
    return b == ELCL_FINISH_LENGTH || a == ELCL_FINISH_EOS ? b : a;
}

/* Joins the first part, which has ended. */
static int join_first(struct cli_sample *sample, const elcl_model *model, enum cli_format format,
                      bool has_text, elcl_error *err)
{
    struct cli_part *part = sample->first_part;
    int rc = ELCL_OK;
    begin_part(part);
    for (int k = 0; !rc && k < part->n_outputs && k < sample->n_sequences; k++) {
        struct cli_sequence *sequence = &sample->sequences[k];
        struct cli_part_output *h = &part->outputs[k];
        if (format != CLI_FORMAT_TEXT && !add_ids(sequence, h))
            return elcl_fail_nomem(err);
        take_alignments(sequence, part, h);
        if (format != CLI_FORMAT_IDS && has_text)
            rc = join_text(sequence, part, h, model, err);
        sequence->score += (double)h->score;
        sequence->finish = worse(sequence->finish, h->finish);
        sequence->found = true;
        if (sequence->text.failed)
            rc = elcl_fail_nomem(err);
    }
    return rc;
}

int cli_parts_join(struct cli_sample *sample, const elcl_model *model, enum cli_format format,
                   bool has_text, elcl_error *err)
{
    struct cli_part *part;
    while ((part = sample->first_part) && part->ended && !part->failure) {
        elcl_error why = {0};
        const int rc = join_first(sample, model, format, has_text, &why);
        if (rc == ELCL_E_NOMEM)
            return elcl_fail(err, rc, "%s", why.msg);
        if (rc)
            part->failure = elcl_strdup(why.msg);
        if (rc && !part->failure)
            return elcl_fail_nomem(err);
        if (!rc)
            free_first(sample);
    }
    return ELCL_OK;
}

int cli_parts_join_stream(struct cli_sample *sample, const elcl_model *model, elcl_error *err)
{
    struct cli_part *part = sample->first_part;
    const char *text = NULL;
    int rc = ELCL_OK;
    if (!part || !part->n_emitted)
        return rc;
    if (!part->stream)
        rc = elcl_text_stream_create(model, &part->stream, err);
    if (!rc)
        rc = elcl_text_stream_add(part->stream, part->emitted, part->n_emitted, &text, err);
    if (rc)
        return rc;
    part->n_emitted = 0;
    begin_part(part);
    elcl_str_text(&part->streamed, text);
    add_text(sample->sequences, part, text);
    return part->streamed.failed || sample->sequences->text.failed ? elcl_fail_nomem(err) : rc;
}

bool cli_parts_have_ended(const struct cli_sample *sample)
{
    return sample->whole && !sample->n_open;
}

const char *cli_parts_failure(const struct cli_sample *sample)
{
    return sample->first_part ? sample->first_part->failure : NULL;
}

void cli_parts_end(struct cli_sample *sample)
{
    for (int k = 0; sample->text && k < sample->n_sequences; k++)
        cli_join_end(&sample->sequences[k].joiner, &sample->sequences[k].text);
}

void cli_parts_free(struct cli_sample *sample)
{
    while (sample->first_part)
        free_first(sample);
    for (int k = 0; k < sample->n_sequences; k++) {
        struct cli_sequence *s = &sample->sequences[k];
        elcl_str_finish(&s->text);
        free(s->ids);
        free(s->log_probs);
        free(s->n_part_ids);
        elcl_str_finish(&s->alignments);
    }
    elcl_free(sample->sequences);
    sample->sequences = NULL;
    sample->n_sequences = 0;
    free(sample->text);
    sample->text = NULL;
    free(sample->source);
    sample->source = NULL;
}
