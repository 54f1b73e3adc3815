/* The options of `elcl generate` over a model's defaults. */
#include "generate/generate_options.h"

#include <string.h>

static int overlay(struct cli_generate_options *o, const elcl_model *model, elcl_gen_options *gen,
                   elcl_error *err)
{
    const int rc = cli_settings_apply(&o->given, gen, &o->lists.lists, err);
    if (rc)
        return rc;
    if (o->no_sample)
        gen->do_sample = 0;
    if (o->lists.prefix && cli_args_seen(&o->args, "decoder-prefix-ids"))
        return elcl_fail(err, ELCL_E_ARG,
                         "expected --decoder-prefix or --decoder-prefix-ids, found both");
    return cli_option_lists_encode(&o->lists, model, gen, err);
}

/* Returns an option of sampling that was given without sampling and does nothing, or NULL. */
static const char *find_ignored(const struct cli_generate_options *o, const elcl_gen_options *gen)
{
    static const char *const names[] = {"temperature", "top-k",     "top-p",
                                        "min-p",       "typical-p", "seed"};
    for (size_t i = 0; i < ELCL_COUNT(names); i++)
        if (!gen->do_sample && cli_args_seen(&o->args, names[i]))
            return names[i];
    return NULL;
}

/* Puts a language that outputs begin with before the prefix: a forced token only follows the start
 * token itself. */
static int begin_prefix(struct cli_generate_options *o, const elcl_model *model,
                        elcl_gen_options *gen, elcl_error *err)
{
    elcl_gen_options probe = {.forced_bos_token_id = -1};
    int rc = elcl_gen_options_language(model, o->samples.tgt_lang, &probe, err);
    if (rc || !gen->prefix.n || probe.forced_bos_token_id < 0)
        return rc;
    gen->forced_bos_token_id = -1;
    return cli_option_lists_begin_prefix(&o->lists, probe.forced_bos_token_id, gen, err);
}

static int resolve_languages(struct cli_generate_options *o, const elcl_model *model,
                             elcl_gen_options *gen, elcl_error *err)
{
    const elcl_gen_options before = *gen;
    const int rc = cli_apply_languages(&o->samples, model, gen, err);
    if (rc || !o->samples.tgt_lang)
        return rc;
    const bool starts = gen->decoder_start_token_id != before.decoder_start_token_id;
    if (o->samples.input_format == CLI_FORMAT_IDS && !starts &&
        gen->forced_bos_token_id == before.forced_bos_token_id)
        return cli_fail_idle_language(err);
    const char *rival = starts ? "decoder-start-token-id" : "forced-bos-token-id";
    if (cli_args_seen(&o->args, rival))
        return elcl_fail(err, ELCL_E_ARG, "--tgt-lang and --%s contradict each other", rival);
    return begin_prefix(o, model, gen, err);
}

int cli_fairseq_target(const elcl_gen_options *gen, const elcl_model_info *info, int source)
{
    const double target = (double)gen->max_len_a * source + gen->max_len_b + 2;
    return target < info->max_target ? (int)target : info->max_target;
}

/* Refuses a given length that the model does not have, and cuts a default one. */
static int resolve_lengths(const struct cli_generate_options *o, const elcl_model_info *info,
                           struct cli_resolved *r, elcl_error *err)
{
    elcl_gen_options *gen = &r->gen;
    if (gen->search_style == ELCL_STYLE_FAIRSEQ) {
        r->max_target =
            cli_fairseq_target(gen, info, o->max_source ? o->max_source : info->default_length);
        return info->decoder_only
                   ? elcl_fail(err, ELCL_E_ARG,
                               "--search-style fairseq is for models with an encoder; %s has none",
                               info->family)
                   : ELCL_OK;
    }
    const bool given_new = cli_args_seen(&o->args, "max-new-tokens");
    const bool given_max = cli_args_seen(&o->args, "max-length");
    if (given_new && gen->max_new_tokens > info->max_target - 1)
        return elcl_fail(err, ELCL_E_ARG,
                         "--max-new-tokens: expected at most %d with this model, found %d",
                         info->max_target - 1, gen->max_new_tokens);
    if (given_max && !given_new && gen->max_length > info->max_target)
        return elcl_fail(err, ELCL_E_ARG,
                         "--max-length: expected at most %d with this model, found %d",
                         info->max_target, gen->max_length);
    const int least = 2 + gen->prefix.n; /* the start token and one more */
    if (given_max && !given_new && gen->max_length < least)
        return elcl_fail(
            err, ELCL_E_ARG, "--max-length: expected %d to %d with this model%s, found %d", least,
            info->max_target, gen->prefix.n ? " and this prefix" : "", gen->max_length);
    if (gen->max_new_tokens > info->max_target - 1)
        gen->max_new_tokens = info->max_target - 1;
    if (gen->max_length > info->max_target)
        gen->max_length = info->max_target;
    r->own_limit = given_new || given_max;
    r->max_target =
        gen->max_new_tokens > 0 ? gen->max_new_tokens + 1 + gen->prefix.n : gen->max_length;
    if (r->max_target > info->max_target)
        return elcl_fail(err, ELCL_E_ARG,
                         "--max-new-tokens: expected at most %d after a prefix of %d tokens, "
                         "found %d",
                         info->max_target - 1 - gen->prefix.n, gen->prefix.n, gen->max_new_tokens);
    return ELCL_OK;
}

/* Only what is final can be streamed. */
static int check_stream(const struct cli_generate_options *o, const elcl_gen_options *gen,
                        elcl_error *err)
{
    if (!o->stream)
        return ELCL_OK;
    if (gen->num_beams > 1)
        return elcl_fail(err, ELCL_E_ARG,
                         "--stream: beam search may change its mind until it ends: expected "
                         "--num-beams 1, found %d",
                         gen->num_beams);
    if (gen->num_return_sequences > 1)
        return elcl_fail(err, ELCL_E_ARG, "--stream: expected --num-return-sequences 1, found %d",
                         gen->num_return_sequences);
    if (gen->search_style != ELCL_STYLE_HF)
        return elcl_fail(err, ELCL_E_ARG, "--stream: expected --search-style hf, found fairseq");
    return ELCL_OK;
}

static int check_beams(const struct cli_generate_options *o, const elcl_gen_options *gen,
                       elcl_error *err)
{
    if (cli_args_seen(&o->args, "renormalize-logits") && gen->renormalize_logits &&
        gen->num_beams == 1)
        return elcl_fail(err, ELCL_E_ARG,
                         "--renormalize-logits changes the scores of beam search: expected "
                         "--num-beams above 1, found 1");
    if ((!gen->do_sample || gen->num_beams > 1) && gen->num_return_sequences > gen->num_beams)
        return elcl_fail(err, ELCL_E_ARG,
                         "--num-return-sequences: expected at most --num-beams, which is %d, "
                         "found %d",
                         gen->num_beams, gen->num_return_sequences);
    return ELCL_OK;
}

static int check_model(const struct cli_generate_options *o, const elcl_gen_options *gen,
                       const elcl_model_info *info, elcl_error *err)
{
    if (o->max_source > info->max_source)
        return elcl_fail(err, ELCL_E_ARG,
                         "--max-source: expected at most %d with this model, found %d",
                         info->max_source, o->max_source);
    if (info->decoder_only && cli_args_seen(&o->args, "decoder-start-token-id"))
        return elcl_fail(err, ELCL_E_ARG,
                         "--decoder-start-token-id: a model of type %s has no start token, "
                         "its output begins with the prompt",
                         info->family);
    if (gen->no_prompt && !info->decoder_only)
        return elcl_fail(err, ELCL_E_ARG,
                         "--no-prompt is for decoder-only models: the output of %s has no prompt",
                         info->family);
    int rc = ELCL_OK;
    if (o->common.format == CLI_FORMAT_TEXT)
        rc = cli_check_tokenizer(&o->samples, info, "--input-format ids and --format", err);
    if (!rc && o->samples.input_format == CLI_FORMAT_TEXT)
        rc = cli_check_tokenizer(&o->samples, info, "--input-format", err);
    return rc;
}

int cli_generate_resolve(struct cli_generate_options *options, const elcl_model *model,
                         struct cli_resolved *resolved, elcl_error *err)
{
    elcl_model_info info;
    struct cli_resolved r = {0};
    int rc;
    elcl_model_get_info(model, &info);
    elcl_model_gen_defaults(model, &r.gen);
    ELCL_TRY(overlay(options, model, &r.gen, err));
    r.ignored = find_ignored(options, &r.gen);
    if (r.gen.token_logprobs && options->common.format != CLI_FORMAT_JSONL)
        return elcl_fail(err, ELCL_E_ARG, "--token-logprobs needs --format jsonl");
    ELCL_TRY(check_stream(options, &r.gen, err));
    ELCL_TRY(check_beams(options, &r.gen, err));
    ELCL_TRY(check_model(options, &r.gen, &info, err));
    ELCL_TRY(resolve_languages(options, model, &r.gen, err));
    ELCL_TRY(resolve_lengths(options, &info, &r, err));
    *resolved = r;
fail:
    return rc;
}
