/* elcl generate: from the text or the ids of a source to what is submitted. */
#include "generate/generation.h"

#include <stdlib.h>
#include <string.h>

int cli_generate_encode(struct cli_generation *r, const struct cli_side *source, int32_t **ids,
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
static void fit_output(const struct cli_generation *r, const struct cli_part *part)
{
    const struct cli_resolved *o = cli_generate_options_of(r, part->sample);
    const int last = r->info.max_target - (o->own_limit ? 0 : 1);
    const int left = last - (int)part->n_ids;
    if (r->info.decoder_only && o->gen.max_new_tokens > left)
        part->sample->max_new_tokens = left > 1 ? left : 1;
}

static int check_ids(const struct cli_generation *r, const struct cli_part *part, elcl_error *err)
{
    const size_t max_source = longest_source(r, part->sample);
    if (!part->n_ids)
        return elcl_fail(err, ELCL_E_FORMAT, "the tokenizer found no token in it");
    for (size_t i = 0; i < part->n_ids; i++) {
        int32_t id = part->ids[i];
        if (id < 0 || id >= r->info.source_vocabulary)
            return elcl_fail(err, ELCL_E_FORMAT, "expected token ids below %d, found %d",
                             r->info.source_vocabulary, (int)id);
    }
    if (part->n_ids > max_source && r->opt->long_source == CLI_LONG_REFUSE)
        return elcl_fail(err, ELCL_E_FORMAT,
                         "expected at most %zu source tokens, found %zu (--long-source "
                         "truncate cuts them)",
                         max_source, part->n_ids);
    return ELCL_OK;
}

/* Returns how many special tokens a prompt begins with. */
static size_t count_opening(const struct cli_generation *r, const struct cli_part *part)
{
    size_t n = 0;
    while (n < r->n_opening && n < part->n_ids && part->ids[n] == r->opening[n])
        n++;
    return n;
}

/* Truncates a long source but keeps the special tokens at its end, which encoders are trained with.
 * Of a prompt the end stays, since the output continues it, and the special tokens before it. */
static void cut_source(struct cli_generation *r, struct cli_part *part)
{
    struct cli_sample *sample = part->sample;
    const size_t max = cut_length(r, sample), opening = count_opening(r, part);
    if (part->n_ids <= longest_source(r, sample))
        return;
    const size_t kept = opening < max ? opening : max - 1;
    if (r->info.decoder_only)
        memmove(part->ids + kept, part->ids + part->n_ids - (max - kept),
                (max - kept) * sizeof(*part->ids));
    else
        for (size_t i = 1; i <= (size_t)r->info.source_end && i < max; i++)
            part->ids[max - i] = part->ids[part->n_ids - i];
    if (!sample->n_cut && !r->cut.n++) {
        r->cut.first_line = sample->line;
        r->cut.tokens = max;
    }
    sample->n_cut += part->n_ids - max;
    part->n_ids = max;
}

static int add_to_window(struct cli_generation *r, struct cli_part *part, elcl_error *err)
{
    void *window = r->window;
    if (!elcl_grow(&window, &r->window_capacity, r->n_window + 1, sizeof(*r->window)))
        return elcl_fail_nomem(err);
    r->window = window;
    r->window[r->n_window++] = part;
    r->window_tokens += part->n_ids;
    return ELCL_OK;
}

struct cli_part *cli_generate_add_part(struct cli_generation *r, struct cli_sample *sample)
{
    struct cli_part *part = cli_part_add(sample);
    r->n_held += part != NULL;
    return part;
}

int cli_generate_take_part(struct cli_generation *r, struct cli_part *part, elcl_error *err)
{
    const int rc = check_ids(r, part, err);
    if (rc)
        return rc;
    cut_source(r, part);
    fit_output(r, part);
    return add_to_window(r, part, err);
}
