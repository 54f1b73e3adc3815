#include "common/source.h"

#include <stdlib.h>
#include <string.h>

static int copy_ids(const int32_t *ids, size_t n, struct cli_source *source, elcl_error *err)
{
    int32_t *copy = malloc((n ? n : 1) * sizeof(*copy));
    if (!copy)
        return elcl_fail_nomem(err);
    if (n)
        memcpy(copy, ids, n * sizeof(*copy));
    *source = (struct cli_source){.ids = copy, .n_ids = n};
    return ELCL_OK;
}

static int encode(const struct cli_source_rules *rules, const char *text, size_t n,
                  struct cli_source *source, elcl_error *err)
{
    int32_t *ids = NULL;
    size_t n_ids = 0;
    int rc = elcl_encode_lang(rules->model, text, n, rules->src_lang, rules->tgt_lang, &ids, &n_ids,
                              err);
    if (!rc)
        rc = copy_ids(ids, n_ids, source, err);
    elcl_free(ids);
    return rc;
}

int cli_source_take(const struct cli_source_rules *rules, const struct cli_side *side,
                    struct cli_source *source, elcl_error *err)
{
    return side->text ? encode(rules, side->text, side->n_text, source, err)
                      : copy_ids(side->ids, side->n_ids, source, err);
}

int cli_source_count(void *user, const char *text, size_t n, size_t *n_tokens, elcl_error *err)
{
    struct cli_source_counter *counter = user;
    struct cli_source source;
    const int rc = encode(counter->rules, text, n, &source, err);
    if (rc)
        return rc;
    free(counter->last.ids);
    counter->last = source;
    *n_tokens = source.n_ids;
    return ELCL_OK;
}

struct cli_source cli_source_counted(struct cli_source_counter *counter)
{
    const struct cli_source last = counter->last;
    counter->last = (struct cli_source){0};
    return last;
}

/* The longest source that fits. max_length counts a prompt and the token after it. */
static size_t longest_source(const struct cli_source_rules *rules, const elcl_gen_options *gen)
{
    const int given = rules->max_source ? rules->max_source : rules->info.max_source;
    if (!rules->info.decoder_only || gen->max_new_tokens > 0 || given < gen->max_length)
        return (size_t)given;
    return (size_t)(gen->max_length > 1 ? gen->max_length - 1 : 1);
}

/* What stays of a longer source. A prompt leaves room for the new tokens. */
static size_t cut_length(const struct cli_source_rules *rules, const elcl_gen_options *gen)
{
    const size_t longest = longest_source(rules, gen);
    if (!rules->info.decoder_only || gen->max_new_tokens <= 0)
        return longest;
    const int room = rules->info.max_target - gen->max_new_tokens;
    return room < 1 ? 1 : (size_t)room < longest ? (size_t)room : longest;
}

static int check(const struct cli_source_rules *rules, const elcl_gen_options *gen,
                 const struct cli_source *source, elcl_error *err)
{
    const size_t longest = longest_source(rules, gen);
    if (!source->n_ids)
        return elcl_fail(err, ELCL_E_FORMAT, "the tokenizer found no token in it");
    for (size_t i = 0; i < source->n_ids; i++) {
        const int32_t id = source->ids[i];
        if (id < 0 || id >= rules->info.source_vocabulary)
            return elcl_fail(err, ELCL_E_FORMAT, "expected token ids below %d, found %d",
                             rules->info.source_vocabulary, (int)id);
    }
    if (source->n_ids > longest && rules->refuse)
        return elcl_fail(err, ELCL_E_FORMAT, "expected at most %zu source tokens, found %zu (%s)",
                         longest, source->n_ids, rules->refuse);
    return ELCL_OK;
}

/* Returns how many special tokens a prompt begins with. */
static size_t count_opening(const struct cli_source_rules *rules, const struct cli_source *source)
{
    size_t n = 0;
    while (n < rules->n_opening && n < source->n_ids && source->ids[n] == rules->opening[n])
        n++;
    return n;
}

/* Keeps the special tokens at the end, which encoders are trained with. Of a prompt the end stays,
 * since the output continues it, and the special tokens before it. */
static void cut(const struct cli_source_rules *rules, const elcl_gen_options *gen,
                struct cli_source *source)
{
    const size_t max = cut_length(rules, gen), opening = count_opening(rules, source);
    if (source->n_ids <= longest_source(rules, gen))
        return;
    const size_t kept = opening < max ? opening : max - 1;
    if (rules->info.decoder_only)
        memmove(source->ids + kept, source->ids + source->n_ids - (max - kept),
                (max - kept) * sizeof(*source->ids));
    else
        for (size_t i = 1; i <= (size_t)rules->info.source_end && i < max; i++)
            source->ids[max - i] = source->ids[source->n_ids - i];
    source->n_cut = source->n_ids - max;
    source->n_ids = max;
}

/* Lowers max_new_tokens to what the model's positions leave after the prompt, which stays whole.
 * As in Hugging Face a default length ends one token earlier. */
static void fit_output(const struct cli_source_rules *rules, const struct cli_resolved *resolved,
                       struct cli_source *source)
{
    const int last = rules->info.max_target - (resolved->own_limit ? 0 : 1);
    const int left = last - (int)source->n_ids;
    if (rules->info.decoder_only && resolved->gen.max_new_tokens > left)
        source->max_new_tokens = left > 1 ? left : 1;
}

int cli_source_fit(const struct cli_source_rules *rules, const struct cli_resolved *resolved,
                   struct cli_source *source, elcl_error *err)
{
    const int rc = check(rules, &resolved->gen, source, err);
    if (rc)
        return rc;
    cut(rules, &resolved->gen, source);
    fit_output(rules, resolved, source);
    return ELCL_OK;
}
