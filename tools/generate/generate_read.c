/* elcl generate: from a line of the input to a submitted sample. */
#include "generate/generation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The most samples in the queue, where finished samples wait for an earlier one. */
#define MAX_QUEUE ((size_t)16384)
/* The source tokens at which no more samples are read ahead. */
#define WINDOW_TOKENS ((size_t)1 << 19)
/* How long the first line of an idle stream waits for more lines. */
#define GRACE_MS 2

void cli_generate_warn_sampling(struct cli_generation *r, const char *ignored)
{
    if (!ignored || r->warned_sampling || r->opt->common.quiet)
        return;
    char name[64];
    (void)snprintf(name, sizeof(name), "%s", ignored);
    cli_spell_option(name);
    r->warned_sampling = true;
    cli_progress_clear(&r->progress);
    cli_warn("--%s does nothing without sampling: add --do-sample", name);
}

/* Copies or encodes the source to token ids. free() *ids. */
static int encode(struct cli_generation *r, const struct cli_side *source, int32_t **ids,
                  size_t *n_ids, elcl_error *err)
{
    int32_t *encoded = NULL;
    size_t n = source->n_ids;
    int rc = ELCL_OK;
    if (source->text)
        rc = elcl_encode_lang(r->model, source->text, source->n_text, r->opt->samples.src_lang,
                              r->opt->samples.tgt_lang, &encoded, &n, err);
    if (rc)
        return rc;
    const int32_t *from = source->text ? encoded : source->ids;
    int32_t *copy = malloc((n ? n : 1) * sizeof(*copy));
    if (copy && n)
        memcpy(copy, from, n * sizeof(*copy));
    elcl_free(encoded);
    if (!copy)
        return elcl_fail_nomem(err);
    *ids = copy;
    *n_ids = n;
    return ELCL_OK;
}

/* The longest source that fits. max_length counts a prompt and the token after it. */
static size_t longest_source(const struct cli_generation *r, const struct cli_sample *sample)
{
    const elcl_gen_options *gen = &cli_generate_options_of(r, sample)->gen;
    const int given = r->opt->max_source ? r->opt->max_source : r->info.max_source;
    if (!r->info.decoder_only || gen->max_new_tokens > 0 || given < gen->max_length)
        return (size_t)given;
    return (size_t)(gen->max_length > 1 ? gen->max_length - 1 : 1);
}

/* What stays of a longer source. A prompt leaves room for the new tokens. */
static size_t cut_length(const struct cli_generation *r, const struct cli_sample *sample)
{
    const elcl_gen_options *gen = &cli_generate_options_of(r, sample)->gen;
    const size_t longest = longest_source(r, sample);
    if (!r->info.decoder_only || gen->max_new_tokens <= 0)
        return longest;
    const int room = r->info.max_target - gen->max_new_tokens;
    return room < 1 ? 1 : (size_t)room < longest ? (size_t)room : longest;
}

/* Lowers max_new_tokens to what the model's positions leave after the prompt, which stays whole.
 * As in Hugging Face a default length ends one token earlier. */
static void fit_output(const struct cli_generation *r, struct cli_sample *sample)
{
    const struct cli_resolved *o = cli_generate_options_of(r, sample);
    const int last = r->info.max_target - (o->own_limit ? 0 : 1);
    const int left = last - (int)sample->n_ids;
    if (r->info.decoder_only && o->gen.max_new_tokens > left)
        sample->max_new_tokens = left > 1 ? left : 1;
}

/* Resolves the sample's own options, if it has any. */
static int take_options(struct cli_generation *r, const struct cli_parsed *parsed,
                        struct cli_sample *sample, elcl_error *err)
{
    int rc = cli_generate_override(r->opt, parsed, &sample->given, err);
    if (rc || !sample->given)
        return rc;
    sample->own = malloc(sizeof(*sample->own));
    rc = sample->own ? cli_generate_resolve(sample->given, r->model, sample->own, err)
                     : elcl_fail_nomem(err);
    if (rc) {
        free(sample->own);
        sample->own = NULL;
        cli_generate_override_free(&sample->given);
    }
    if (!rc)
        cli_generate_warn_sampling(r, sample->own->ignored);
    return rc;
}

static int check_ids(const struct cli_generation *r, const struct cli_sample *sample,
                     elcl_error *err)
{
    const size_t max_source = longest_source(r, sample);
    if (!sample->n_ids)
        return elcl_fail(err, ELCL_E_FORMAT, "the tokenizer found no token in it");
    for (size_t i = 0; i < sample->n_ids; i++) {
        int32_t id = sample->ids[i];
        if (id < 0 || id >= r->info.source_vocabulary)
            return elcl_fail(err, ELCL_E_FORMAT, "expected token ids below %d, found %d",
                             r->info.source_vocabulary, (int)id);
    }
    if (sample->n_ids > max_source && r->opt->long_source == CLI_LONG_REFUSE)
        return elcl_fail(err, ELCL_E_FORMAT,
                         "expected at most %zu source tokens, found %zu (--long-source "
                         "truncate cuts them)",
                         max_source, sample->n_ids);
    return ELCL_OK;
}

/* Returns how many special tokens a prompt begins with. */
static size_t count_opening(const struct cli_generation *r, const struct cli_sample *sample)
{
    size_t n = 0;
    while (n < r->n_opening && n < sample->n_ids && sample->ids[n] == r->opening[n])
        n++;
    return n;
}

/* Truncates a long source but keeps the special tokens at its end, which encoders are trained with.
 * Of a prompt the end stays, since the output continues it, and the special tokens before it. */
static void cut_source(struct cli_generation *r, struct cli_sample *sample)
{
    const size_t max = cut_length(r, sample), opening = count_opening(r, sample);
    if (sample->n_ids <= longest_source(r, sample))
        return;
    const size_t kept = opening < max ? opening : max - 1;
    if (r->info.decoder_only)
        memmove(sample->ids + kept, sample->ids + sample->n_ids - (max - kept),
                (max - kept) * sizeof(*sample->ids));
    else
        for (size_t i = 1; i <= (size_t)r->info.source_end && i < max; i++)
            sample->ids[max - i] = sample->ids[sample->n_ids - i];
    sample->n_cut = sample->n_ids - max;
    sample->n_ids = max;
    if (!r->cut.n++) {
        r->cut.first_line = sample->line;
        r->cut.tokens = max;
    }
}

/* A sample that the run before has finished. */
static int take_done(struct cli_generation *r, struct cli_sample *sample,
                     const struct cli_done *done, elcl_error *err)
{
    cli_generate_count_end(r, sample);
    sample->state = done->lines ? CLI_SAMPLE_DONE : CLI_SAMPLE_WRITTEN;
    elcl_str_append(&sample->out, done->lines, done->n_lines);
    return sample->out.failed ? elcl_fail_nomem(err) : ELCL_OK;
}

/* Makes a line the last sample of the queue, ready for submission or failed. The line has
 * n_bytes bytes of the input, its end included. Returns an error only if the generation cannot
 * continue. */
static int take_line(struct cli_generation *r, const char *line, size_t n, uint64_t n_bytes,
                     struct cli_sample **taken, elcl_error *err)
{
    struct cli_parsed parsed = {0};
    elcl_error bad = {0};
    struct cli_sample *sample = cli_queue_push(&r->queue);
    if (!sample)
        return elcl_fail_nomem(err);
    sample->index = r->first_sample + r->n_samples++;
    sample->line = r->input.n_lines;
    sample->n_bytes = n_bytes;
    *taken = sample;
    const struct cli_done *done = cli_done_take(&r->resume.made, r->n_samples - 1);
    if (done)
        return take_done(r, sample, done, err);
    int rc = cli_input_parse(&r->input, CLI_PARTS_SOURCE, line, n, &parsed, &bad);
    if (!rc)
        rc = encode(r, &parsed.source, &sample->ids, &sample->n_ids, &bad);
    if (!rc)
        rc = take_options(r, &parsed, sample, &bad);
    sample->id = parsed.id;
    parsed.id = NULL;
    cli_parsed_finish(&parsed);
    if (!rc)
        rc = check_ids(r, sample, &bad);
    if (rc == ELCL_E_NOMEM)
        return elcl_fail(err, rc, "%s", bad.msg);
    if (rc) {
        char place[256];
        cli_input_place(&r->input, sample->line, place, sizeof(place));
        cli_sample_fail(sample, place, bad.msg);
    } else {
        cut_source(r, sample);
        fit_output(r, sample);
    }
    return ELCL_OK;
}

/* The rest of the input cannot be read: adds a failed sample, to be reported after the lines before
 * it. */
static int end_input(struct cli_generation *r, const elcl_error *why, elcl_error *err)
{
    r->input_done = true;
    struct cli_sample *sample = cli_queue_push(&r->queue);
    if (!sample)
        return elcl_fail_nomem(err);
    sample->index = r->first_sample + r->n_samples++;
    cli_sample_fail(sample, "", why->msg);
    sample->fatal = true;
    return cli_generate_note_end(r, sample, err);
}

/* A stream of a decoder-only model begins with the prompt, unless an option leaves it out. */
static void keep_prompt(const struct cli_generation *r, struct cli_sample *sample)
{
    if (r->opt->stream && r->info.decoder_only &&
        !cli_generate_options_of(r, sample)->gen.no_prompt) {
        sample->emitted = sample->ids;
        sample->n_emitted = sample->emitted_capacity = sample->n_ids;
    } else {
        free(sample->ids);
    }
    sample->ids = NULL;
}

/* Whether a refusal is about the options of the command line: the first sample is refused, which
 * has none of its own. */
static bool refuses_options(const struct cli_generation *r, const struct cli_sample *sample, int rc)
{
    return rc == ELCL_E_ARG && !sample->own && !r->n_submitted && !r->opt->keep_going;
}

static int submit_sample(struct cli_generation *r, struct cli_sample *sample, elcl_error *err)
{
    elcl_request request = {.source = sample->ids,
                            .n_source = sample->n_ids,
                            .options = cli_generate_options_of(r, sample)->gen,
                            .user = sample,
                            .sample = sample->index};
    elcl_error bad = {0};
    if (sample->max_new_tokens)
        request.options.max_new_tokens = sample->max_new_tokens;
    const int failed = cli_generate_make_room(r, &sample, 1, &bad, err);
    if (failed)
        return failed;
    int rc = bad.code;
    if (!rc)
        rc = elcl_pool_submit(r->engines.pool, &request, NULL, &bad);
    cli_generate_override_free(&sample->given); /* the pool has a copy of the lists */
    if (rc == ELCL_E_NOMEM || refuses_options(r, sample, rc))
        return elcl_fail(err, rc, "%s", bad.msg);
    if (rc) {
        char place[256];
        cli_input_place(&r->input, sample->line, place, sizeof(place));
        cli_sample_fail(sample, place, bad.msg);
        r->input_done = r->input_done || !r->opt->keep_going;
        return cli_generate_note_end(r, sample, err);
    }
    keep_prompt(r, sample);
    r->n_submitted++;
    r->in_flight++;
    return ELCL_OK;
}

static int longest_first(const void *a, const void *b)
{
    const struct cli_sample *x = *(struct cli_sample *const *)a;
    const struct cli_sample *y = *(struct cli_sample *const *)b;
    if (x->n_ids != y->n_ids)
        return x->n_ids > y->n_ids ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* Submits what the engines can take, in input order. Of the last samples the longest go first, so
 * that the engines are not left with a few long ones at the end. */
static int submit_window(struct cli_generation *r, elcl_error *err)
{
    elcl_error why = {0}; /* too long a sample is refused with its own message below */
    if (r->input_done && r->n_submitted && !r->opt->stream && r->n_window)
        qsort(r->window, r->n_window, sizeof(struct cli_sample *), longest_first);
    const size_t room = r->most_in_flight - r->in_flight;
    const size_t n = r->n_window < room ? r->n_window : room;
    int rc = cli_generate_make_room(r, r->window, n, &why, err);
    for (size_t i = 0; !rc && i < n; i++) {
        r->window_tokens -= r->window[i]->n_ids;
        rc = submit_sample(r, r->window[i], err);
    }
    r->n_window -= n;
    memmove(r->window, r->window + n, r->n_window * sizeof(*r->window));
    return rc;
}

static int add_to_window(struct cli_generation *r, struct cli_sample *sample, elcl_error *err)
{
    void *window = r->window;
    if (!elcl_grow(&window, &r->window_capacity, r->n_window + 1, sizeof(*r->window)))
        return elcl_fail_nomem(err);
    r->window = window;
    r->window[r->n_window++] = sample;
    r->window_tokens += sample->n_ids;
    return ELCL_OK;
}

/* Takes one line; *more is false when there is none for now, or for ever. */
static int read_line(struct cli_generation *r, int wait_ms, bool *more, elcl_error *err)
{
    const char *line = NULL;
    size_t n_line = 0;
    elcl_error bad = {0};
    struct cli_sample *sample = NULL;
    int rc = ELCL_OK;
    const uint64_t before = r->input.taken_bytes;
    const enum cli_next next = cli_input_next(&r->input, wait_ms, &line, &n_line, &bad);
    *more = next == CLI_NEXT_LINE;
    if (next == CLI_NEXT_END)
        r->input_done = true;
    else if (next == CLI_NEXT_FAILED)
        rc = end_input(r, &bad, err);
    else if (next == CLI_NEXT_LINE)
        rc = take_line(r, line, n_line, r->input.taken_bytes - before, &sample, err);
    if (rc || !sample)
        return rc;
    if (sample->state == CLI_SAMPLE_WAITING)
        return add_to_window(r, sample, err);
    if (sample->state != CLI_SAMPLE_FAILED)
        return rc;
    r->input_done = r->input_done || !r->opt->keep_going;
    return cli_generate_note_end(r, sample, err);
}

static bool may_read(const struct cli_generation *r)
{
    return !r->input_done && r->window_tokens < WINDOW_TOKENS &&
           r->in_flight + r->n_window < 2 * r->most_in_flight &&
           r->queue.n < MAX_QUEUE + 4 * r->most_in_flight;
}

int cli_generate_read(struct cli_generation *r, elcl_error *err)
{
    const bool idle = !r->in_flight && !r->n_window;
    int wait_ms = idle ? -1 : 0, rc = ELCL_OK;
    bool more = true;
    while (!rc && more && may_read(r)) {
        rc = read_line(r, wait_ms, &more, err);
        wait_ms = r->in_flight || r->input.interactive ? 0 : GRACE_MS;
    }
    return rc || !r->n_window ? rc : submit_window(r, err);
}
