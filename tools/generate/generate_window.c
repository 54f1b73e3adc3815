/* elcl generate: the parts of samples that are read, until they are submitted. */
#include "generate/generation.h"

#include <stdlib.h>
#include <string.h>

struct cli_part *cli_generate_add_part(struct cli_generation *r, struct cli_sample *sample)
{
    struct cli_part *part = cli_part_add(sample);
    r->n_held += part != NULL;
    return part;
}

static int add_to_window(struct cli_generation *r, struct cli_part *part, elcl_error *err)
{
    void *window = r->window;
    if (!elcl_grow(&window, &r->window_capacity, r->n_window + 1, sizeof(*r->window)))
        return elcl_fail_nomem(err);
    r->window = window;
    r->window[r->n_window++] = part;
    r->window_tokens += part->source.n_ids;
    return ELCL_OK;
}

/* Counts samples whose source was cut. */
static void note_cut(struct cli_generation *r, struct cli_sample *sample,
                     const struct cli_source *source)
{
    if (source->n_cut && !sample->n_cut && !r->cut.n++) {
        r->cut.first_line = sample->line;
        r->cut.tokens = source->n_ids;
    }
    sample->n_cut += source->n_cut;
}

int cli_generate_take_part(struct cli_generation *r, struct cli_part *part, elcl_error *err)
{
    struct cli_sample *sample = part->sample;
    const int rc =
        cli_source_fit(&r->rules, cli_generate_options_of(r, sample), &part->source, err);
    if (rc)
        return rc;
    note_cut(r, sample, &part->source);
    sample->max_new_tokens = part->source.max_new_tokens;
    return add_to_window(r, part, err);
}

/* A stream of a decoder-only model begins with the prompt, unless an option leaves it out.
 * Alignments come with the source's tokens. */
static void keep_prompt(const struct cli_generation *r, struct cli_part *part)
{
    if (r->opt->alignments)
        return;
    if (r->opt->stream && r->info.decoder_only &&
        !cli_generate_options_of(r, part->sample)->gen.no_prompt) {
        part->emitted = part->source.ids;
        part->n_emitted = part->emitted_capacity = part->source.n_ids;
    } else {
        free(part->source.ids);
    }
    part->source.ids = NULL;
}

/* Whether a refusal is about the options of the command line: the first sample is refused, which
 * has none of its own. */
static bool refuses_options(const struct cli_generation *r, const struct cli_sample *sample, int rc)
{
    return rc == ELCL_E_ARG && !sample->own && !r->n_submitted && !r->opt->keep_going;
}

static int submit_part(struct cli_generation *r, struct cli_part *part, elcl_error *err)
{
    struct cli_sample *sample = part->sample;
    elcl_request request = {.source = part->source.ids,
                            .n_source = part->source.n_ids,
                            .options = cli_generate_options_of(r, sample)->gen,
                            .user = part,
                            .sample = cli_piece_sample(sample->index, part->index)};
    elcl_error bad = {0};
    if (part->source.max_new_tokens)
        request.options.max_new_tokens = part->source.max_new_tokens;
    const int failed = cli_generate_make_room(r, &part, 1, &bad, err);
    if (failed)
        return failed;
    int rc = bad.code;
    if (!rc)
        rc = elcl_pool_submit(r->engines.pool, &request, NULL, &bad);
    if (rc == ELCL_E_NOMEM || refuses_options(r, sample, rc))
        return elcl_fail(err, rc, "%s", bad.msg);
    if (rc) {
        r->input_done = r->input_done || !r->opt->keep_going;
        rc = cli_part_fail(part, bad.msg, err);
        return rc ? rc : cli_generate_end_part(r, sample, err);
    }
    keep_prompt(r, part);
    r->n_submitted++;
    r->in_flight++;
    return ELCL_OK;
}

static int longest_first(const void *a, const void *b)
{
    const struct cli_part *x = *(struct cli_part *const *)a;
    const struct cli_part *y = *(struct cli_part *const *)b;
    if (x->source.n_ids != y->source.n_ids)
        return x->source.n_ids > y->source.n_ids ? -1 : 1;
    if (x->sample != y->sample)
        return x->sample->index < y->sample->index ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* Submits what the engines can take, in input order. Of the last parts the longest go first, so
 * that the engines are not left with a few long ones at the end. */
int cli_generate_submit(struct cli_generation *r, elcl_error *err)
{
    elcl_error why = {0}; /* too long a sample is refused with its own message below */
    if (r->input_done && r->n_submitted && !r->opt->stream && r->n_window)
        qsort(r->window, r->n_window, sizeof(struct cli_part *), longest_first);
    const size_t room = r->most_in_flight - r->in_flight;
    const size_t n = r->n_window < room ? r->n_window : room;
    int rc = cli_generate_make_room(r, r->window, n, &why, err);
    for (size_t i = 0; !rc && i < n; i++) {
        r->window_tokens -= r->window[i]->source.n_ids;
        rc = submit_part(r, r->window[i], err);
    }
    r->n_window -= n;
    memmove(r->window, r->window + n, r->n_window * sizeof(*r->window));
    return rc;
}
