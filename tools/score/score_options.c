#include "score/score_options.h"

#include <limits.h>

#include "common/alignments.h"

#define FIELD(name) offsetof(struct cli_score_options, name)

/* clang-format off */
static const struct cli_choice format_words[] = {
    {"text", CLI_FORMAT_TEXT}, {"jsonl", CLI_FORMAT_JSONL}, {NULL, 0}};
static const struct cli_choice auto_word[] = {{"auto", 0}, {NULL, 0}};

static const struct cli_opt options_table[] = {
    CLI_ROW_GROUP("Input and output:"),
    CLI_SAMPLE_OPTIONS(FIELD(samples),
        "what a line holds: text (default), a JSON object, or token ids separated by blanks; for "
        "encoder-decoder models source, tab, target"),
    CLI_OUTPUT_OPTION(FIELD(common)),
    CLI_FORMAT_OPTION(FIELD(common), "text|jsonl", format_words,
        "write a line for each sample and a summary as text (default) or JSON objects"),
    CLI_LANGUAGE_OPTIONS(FIELD(samples)),
    CLI_ROW_FLAG("summary", summary, "write only the summary"),
    CLI_ROW_FLAG("token-logprobs", token_logprobs, "add the log-probability of each token"),
    CLI_ALIGNMENT_OPTIONS(
        "jsonl, encoder-decoder models: add what the decoder attends to in the source when it "
        "predicts each token of the target: soft, all probabilities; hard, a pair i-j of tokens, "
        "source and target, at the largest one"),

    CLI_ROW_GROUP("Scoring:"),
    CLI_ROW_INT("stride", "N", stride, 1, INT32_MAX,
        "decoder-only models: score texts longer than the context in windows that begin N tokens "
        "apart, each token in the first window that has it (default: refuse such texts)"),
    CLI_ROW_INT("context", "N", context, 2, INT32_MAX,
        "decoder-only models: tokens in a window (default: all positions of the model)"),
    CLI_ROW_FLAG("no-bos", no_bos,
         "decoder-only models: put no token before a text, so that its first token has no score"),
    CLI_ROW_INT("decoder-start-token-id", "ID", decoder_start_token_id, 0, INT32_MAX,
        "encoder-decoder models: the token before a target (default: the model's)"),

    CLI_ROW_GROUP("Model and device:"),
    CLI_MODEL_OPTIONS(FIELD(model), CLI_ONE_DEVICE),
    {CLI_OPT_INT, "batch-tokens", "N|auto",
     "tokens scored at the same time (default auto: an efficient number that fits in memory)",
     FIELD(batch_tokens), 1, 1 << 20, auto_word},

    CLI_ROW_GROUP("Messages:"),
    CLI_COMMON_OPTIONS(FIELD(common)),
};
/* clang-format on */

_Static_assert(ELCL_COUNT(options_table) <= CLI_MAX_OPTS, "raise CLI_MAX_OPTS");

static int check(const struct cli_args *args, void *target, elcl_error *err)
{
    struct cli_score_options *o = target;
    int rc = cli_sample_options_take(&o->samples, args, err);
    if (!rc)
        rc = cli_check_encoder_cache(&o->model, err);
    if (!rc && o->summary && o->token_logprobs)
        return elcl_fail(err, ELCL_E_ARG,
                         "--token-logprobs does nothing with --summary: expected one of them");
    if (!rc && o->alignments && o->common.format != CLI_FORMAT_JSONL)
        return elcl_fail(err, ELCL_E_ARG, "--alignments needs --format jsonl");
    if (!rc && o->alignments && o->summary)
        return elcl_fail(err, ELCL_E_ARG,
                         "--alignments does nothing with --summary: expected one of them");
    return rc ? rc
              : cli_alignments_check(args, (enum cli_alignments)o->alignments, &o->alignment_layer,
                                     &o->alignment_head, err);
}

bool cli_score_parse(struct cli_score_options *options, int argc, char **argv, int *exit_code)
{
    static const char about[] =
        "Computes how likely a model finds given text. The samples are the TEXT arguments,\n"
        "or the lines of --input FILE, or the lines of standard input. For encoder-decoder\n"
        "models a sample is source, tab, target; for decoder-only models it is a text.\n"
        "\n"
        "Each sample produces a line with log-probability, number of tokens and perplexity,\n"
        "separated by tabs. The last line is the summary of all samples.\n";
    static const char examples[] =
        "  elcl score models/kjv-gpt2 \"In the beginning\"\n"
        "  elcl score models/kjv-gpt2 --input models/kjv-gpt2/heldout.txt --summary\n";
    *options = (struct cli_score_options){.args = {.verb = "score",
                                                   .use = "MODEL [TEXT...]",
                                                   .about = about,
                                                   .examples = examples,
                                                   .opts = options_table,
                                                   .n_opts = ELCL_COUNT(options_table),
                                                   .max_words = INT_MAX,
                                                   .needs_model = true,
                                                   .check = check},
                                          .model = CLI_MODEL_DEFAULTS};
    return cli_args_begin(&options->args, argc, argv, options, exit_code);
}

/* Refuses options for models of the other kind. */
static int check_kind(const struct cli_score_options *o, const elcl_model_info *info,
                      elcl_error *err)
{
    static const char *const only[] = {"stride", "context", "no-bos"};
    for (size_t i = 0; i < ELCL_COUNT(only); i++)
        if (!info->decoder_only && cli_args_seen(&o->args, only[i]))
            return elcl_fail(err, ELCL_E_ARG, "--%s is for decoder-only models; %s has an encoder",
                             only[i], info->family);
    if (info->decoder_only && o->alignments)
        return elcl_fail(err, ELCL_E_ARG, "--alignments is for models with an encoder; %s has none",
                         info->family);
    if (info->decoder_only && cli_args_seen(&o->args, "decoder-start-token-id"))
        return elcl_fail(err, ELCL_E_ARG,
                         "--decoder-start-token-id: a model of type %s has no start token",
                         info->family);
    return ELCL_OK;
}

/* Sets the start token if it is a language. */
static int resolve_languages(struct cli_score_options *o, const elcl_model *model, elcl_error *err)
{
    const struct cli_language_pair languages = cli_sample_languages(&o->samples);
    elcl_gen_options before, after;
    elcl_error why = {0};
    elcl_model_gen_defaults(model, &before);
    after = before;
    int rc = cli_language_pair_apply(&languages, model, &after, &why);
    const bool starts = after.decoder_start_token_id != before.decoder_start_token_id;
    if (!rc && languages.target && !starts && languages.ids)
        rc = cli_language_pair_fail_idle(&languages, &why);
    if (rc)
        return cli_args_fail_spelled(&o->args, &why, err);
    if (starts && o->decoder_start_token_id >= 0)
        return elcl_fail(err, ELCL_E_ARG,
                         "--tgt-lang and --decoder-start-token-id contradict each other");
    if (starts)
        o->decoder_start_token_id = after.decoder_start_token_id;
    return ELCL_OK;
}

static int check_context(struct cli_score_options *o, const elcl_model_info *info, elcl_error *err)
{
    if (o->context > info->max_target)
        return elcl_fail(err, ELCL_E_ARG,
                         "--context: expected at most %d with this model, found %d",
                         info->max_target, o->context);
    if (!o->context) /* a window of a longer text has as many tokens as the model has positions */
        o->context = o->stride ? info->max_target - 1 : info->max_target;
    if (o->stride >= o->context)
        return elcl_fail(err, ELCL_E_ARG,
                         "--stride: expected less than the context of %d tokens, found %d",
                         o->context, o->stride);
    return ELCL_OK;
}

int cli_score_resolve(struct cli_score_options *options, const elcl_model *model,
                      const elcl_model_info *info, elcl_error *err)
{
    int rc = check_kind(options, info, err);
    if (rc)
        return rc;
    if (!cli_args_seen(&options->args, "decoder-start-token-id"))
        options->decoder_start_token_id = -1;
    else if (options->decoder_start_token_id >= info->vocabulary)
        return elcl_fail(err, ELCL_E_ARG,
                         "--decoder-start-token-id: expected a token id below %d, found %d",
                         info->vocabulary, options->decoder_start_token_id);
    rc = check_context(options, info, err);
    if (!rc && options->samples.input_format == CLI_FORMAT_TEXT)
        rc = cli_check_tokenizer(&options->samples, info, "--input-format", err);
    return rc ? rc : resolve_languages(options, model, err);
}
