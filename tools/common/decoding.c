#include "common/decoding.h"

int cli_decoding_check_style(const struct cli_settings *given, elcl_error *err)
{
    elcl_gen_options gen;
    const int rc = cli_settings_read(given, &gen, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < given->n; i++) {
        const elcl_gen_option *option = elcl_gen_option_find(given->given[i].name);
        if (option->style >= 0 && option->style != (int)gen.search_style)
            return elcl_fail(err, ELCL_E_ARG, "%s has no meaning with search_style %s",
                             option->name,
                             gen.search_style == ELCL_STYLE_FAIRSEQ ? "fairseq" : "hf");
    }
    return ELCL_OK;
}

/* ---- options ------------------------------------------------------------------------------- */

static int overlay(const struct cli_decoding *d, const elcl_model *model, elcl_gen_options *gen,
                   elcl_error *err)
{
    const int rc = cli_settings_apply(d->given, gen, &d->lists->lists, err);
    if (rc)
        return rc;
    if (d->no_sample)
        gen->do_sample = 0;
    if (d->lists->prefix && cli_settings_has(d->given, "decoder_prefix_ids"))
        return elcl_fail(err, ELCL_E_ARG,
                         "expected decoder_prefix or decoder_prefix_ids, found both");
    return cli_option_lists_encode(d->lists, model, gen, err);
}

/* Returns an option of sampling that was given without sampling and does nothing, or NULL. */
static const char *find_ignored(const struct cli_settings *given, const elcl_gen_options *gen)
{
    static const char *const names[] = {"temperature", "top_k",     "top_p",
                                        "min_p",       "typical_p", "seed"};
    for (size_t i = 0; i < ELCL_COUNT(names); i++)
        if (!gen->do_sample && cli_settings_has(given, names[i]))
            return names[i];
    return NULL;
}

static int check_beams(const struct cli_settings *given, const elcl_gen_options *gen,
                       elcl_error *err)
{
    if (cli_settings_has(given, "renormalize_logits") && gen->renormalize_logits &&
        gen->num_beams == 1)
        return elcl_fail(err, ELCL_E_ARG,
                         "renormalize_logits changes the scores of beam search: expected "
                         "num_beams above 1, found 1");
    if ((!gen->do_sample || gen->num_beams > 1) && gen->num_return_sequences > gen->num_beams)
        return elcl_fail(err, ELCL_E_ARG,
                         "num_return_sequences: expected at most num_beams, which is %d, found %d",
                         gen->num_beams, gen->num_return_sequences);
    return ELCL_OK;
}

static int check_model(const struct cli_decoding *d, const elcl_gen_options *gen,
                       const elcl_model_info *info, elcl_error *err)
{
    if (d->max_source > info->max_source)
        return elcl_fail(err, ELCL_E_ARG,
                         "max_source: expected at most %d with this model, found %d",
                         info->max_source, d->max_source);
    if (info->decoder_only && cli_settings_has(d->given, "decoder_start_token_id"))
        return elcl_fail(err, ELCL_E_ARG,
                         "decoder_start_token_id: a model of type %s has no start token, its "
                         "output begins with the prompt",
                         info->family);
    if (gen->no_prompt && !info->decoder_only)
        return elcl_fail(err, ELCL_E_ARG,
                         "no_prompt is for decoder-only models: the output of %s has no prompt",
                         info->family);
    return ELCL_OK;
}

int cli_decoding_begin(const struct cli_decoding *d, const elcl_model *model,
                       struct cli_resolved *resolved, elcl_error *err)
{
    elcl_model_info info;
    struct cli_resolved r = {0};
    int rc;
    elcl_model_get_info(model, &info);
    elcl_model_gen_defaults(model, &r.gen);
    ELCL_TRY(overlay(d, model, &r.gen, err));
    r.ignored = find_ignored(d->given, &r.gen);
    ELCL_TRY(check_beams(d->given, &r.gen, err));
    ELCL_TRY(check_model(d, &r.gen, &info, err));
    *resolved = r;
fail:
    return rc;
}

/* ---- languages ----------------------------------------------------------------------------- */

/* Puts a language that outputs begin with before the prefix: a forced token only follows the start
 * token itself. */
static int begin_prefix(const struct cli_decoding *d, const elcl_model *model,
                        elcl_gen_options *gen, elcl_error *err)
{
    elcl_gen_options probe = {.forced_bos_token_id = -1};
    int rc = elcl_gen_options_language(model, d->languages.target, &probe, err);
    if (rc || !gen->prefix.n || probe.forced_bos_token_id < 0)
        return rc;
    gen->forced_bos_token_id = -1;
    return cli_option_lists_begin_prefix(d->lists, probe.forced_bos_token_id, gen, err);
}

static int resolve_languages(const struct cli_decoding *d, const elcl_model *model,
                             elcl_gen_options *gen, elcl_error *err)
{
    const elcl_gen_options before = *gen;
    const int rc = cli_language_pair_apply(&d->languages, model, gen, err);
    if (rc || !d->languages.target)
        return rc;
    const bool starts = gen->decoder_start_token_id != before.decoder_start_token_id;
    if (d->languages.ids && !starts && gen->forced_bos_token_id == before.forced_bos_token_id)
        return cli_language_pair_fail_idle(&d->languages, err);
    const char *rival = starts ? "decoder_start_token_id" : "forced_bos_token_id";
    if (cli_settings_has(d->given, rival))
        return elcl_fail(err, ELCL_E_ARG, "tgt_lang and %s contradict each other", rival);
    return begin_prefix(d, model, gen, err);
}

/* ---- lengths ------------------------------------------------------------------------------- */

int cli_fairseq_target(const elcl_gen_options *gen, const elcl_model_info *info, int source)
{
    const double target = (double)gen->max_len_a * source + gen->max_len_b + 2;
    return target < info->max_target ? (int)target : info->max_target;
}

static int resolve_fairseq(const struct cli_decoding *d, const elcl_model_info *info,
                           struct cli_resolved *r, elcl_error *err)
{
    r->max_target =
        cli_fairseq_target(&r->gen, info, d->max_source ? d->max_source : info->default_length);
    return info->decoder_only
               ? elcl_fail(err, ELCL_E_ARG,
                           "search_style fairseq is for models with an encoder; %s has none",
                           info->family)
               : ELCL_OK;
}

/* Refuses a given length that the model does not have. */
static int check_lengths(const elcl_gen_options *gen, const elcl_model_info *info, bool given_new,
                         bool given_max, elcl_error *err)
{
    const int least = 2 + gen->prefix.n; /* the start token and one more */
    if (given_new && gen->max_new_tokens > info->max_target - 1)
        return elcl_fail(err, ELCL_E_ARG,
                         "max_new_tokens: expected at most %d with this model, found %d",
                         info->max_target - 1, gen->max_new_tokens);
    if (given_max && !given_new && gen->max_length > info->max_target)
        return elcl_fail(err, ELCL_E_ARG,
                         "max_length: expected at most %d with this model, found %d",
                         info->max_target, gen->max_length);
    if (given_max && !given_new && gen->max_length < least)
        return elcl_fail(
            err, ELCL_E_ARG, "max_length: expected %d to %d with this model%s, found %d", least,
            info->max_target, gen->prefix.n ? " and this prefix" : "", gen->max_length);
    return ELCL_OK;
}

/* Cuts a default length to what the model has. */
static int resolve_lengths(const struct cli_decoding *d, const elcl_model_info *info,
                           struct cli_resolved *r, elcl_error *err)
{
    elcl_gen_options *gen = &r->gen;
    if (gen->search_style == ELCL_STYLE_FAIRSEQ)
        return resolve_fairseq(d, info, r, err);
    const bool given_new = cli_settings_has(d->given, "max_new_tokens");
    const bool given_max = cli_settings_has(d->given, "max_length");
    const int rc = check_lengths(gen, info, given_new, given_max, err);
    if (rc)
        return rc;
    if (gen->max_new_tokens > info->max_target - 1)
        gen->max_new_tokens = info->max_target - 1;
    if (gen->max_length > info->max_target)
        gen->max_length = info->max_target;
    r->own_limit = given_new || given_max;
    r->max_target =
        gen->max_new_tokens > 0 ? gen->max_new_tokens + 1 + gen->prefix.n : gen->max_length;
    if (r->max_target > info->max_target)
        return elcl_fail(err, ELCL_E_ARG,
                         "max_new_tokens: expected at most %d after a prefix of %d tokens, found "
                         "%d",
                         info->max_target - 1 - gen->prefix.n, gen->prefix.n, gen->max_new_tokens);
    return ELCL_OK;
}

int cli_decoding_finish(const struct cli_decoding *d, const elcl_model *model,
                        struct cli_resolved *resolved, elcl_error *err)
{
    elcl_model_info info;
    struct cli_resolved r = *resolved;
    int rc;
    elcl_model_get_info(model, &info);
    ELCL_TRY(resolve_languages(d, model, &r.gen, err));
    ELCL_TRY(resolve_lengths(d, &info, &r, err));
    *resolved = r;
fail:
    return rc;
}
