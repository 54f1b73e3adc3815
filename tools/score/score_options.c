#include "score/score_options.h"
#include "common/words.h"

#include <limits.h>
#include <stdio.h>

#define FIELD(name) offsetof(struct cli_score_options, name)

/* clang-format off */
static const struct cli_choice output_words[] = {
    {"text", CLI_LINE_TEXT}, {"jsonl", CLI_LINE_JSONL}, {NULL, 0}};
static const struct cli_choice auto_word[] = {{"auto", 0}, {NULL, 0}};

#define GROUP(help) {CLI_OPT_GROUP, NULL, NULL, help, 0, 0, 0, NULL}
#define FLAG(name, field, help) {CLI_OPT_FLAG, name, NULL, help, FIELD(field), 0, 0, NULL}
#define TEXT(name, value, field, help) \
    {CLI_OPT_TEXT, name, value, help, FIELD(field), 0, 0, NULL}
#define CHOICE(name, value, field, words, help) \
    {CLI_OPT_CHOICE, name, value, help, FIELD(field), 0, 0, words}
#define INT(name, value, field, min, max, words, help) \
    {CLI_OPT_INT, name, value, help, FIELD(field), min, max, words}

static const struct cli_opt options_table[] = {
    GROUP("Input and output:"),
    TEXT("input", "FILE", input, "samples, one a line, LF or CRLF; - is standard input"),
    CHOICE("input-format", "text|jsonl|ids", input_format, cli_format_words,
           "what a line holds: text (default), an object, or token ids separated by blanks; of "
           "encoder-decoder models source, tab, target"),
    CLI_OUTPUT_OPTION(FIELD(common)),
    CLI_FORMAT_OPTION(FIELD(common), "text|jsonl", output_words,
                      "a line for each sample and a summary (default text)"),
    TEXT("src-lang", "CODE", src_lang, "language of the sources, as in elcl generate"),
    TEXT("tgt-lang", "CODE", tgt_lang, "language of the targets, likewise"),
    FLAG("summary", summary, "the summary alone"),
    FLAG("token-logprobs", token_logprobs, "also the log-probability of each token"),

    GROUP("Scoring:"),
    INT("stride", "N", stride, 1, INT32_MAX, NULL,
        "decoder-only: texts longer than the context are scored in windows that begin N tokens "
        "apart, each token in the first window that holds it; without it they are refused"),
    INT("context", "N", context, 2, INT32_MAX, NULL,
        "decoder-only: tokens of a window (default: the model's positions)"),
    FLAG("no-bos", no_bos,
         "decoder-only: nothing goes before a text, and its first token is not scored"),
    INT("decoder-start-token-id", "ID", decoder_start_token_id, 0, INT32_MAX, NULL,
        "encoder-decoder: what goes before a target (default: the model's)"),

    GROUP("Running:"),
    CLI_RUN_OPTIONS(FIELD(run), "OpenCL device; see elcl devices", "as in elcl generate"),
    INT("batch-tokens", "N|auto", batch_tokens, 1, 1 << 20, auto_word,
        "tokens at once (default auto: what is efficient and fits in memory)"),
    CLI_COMMON_OPTIONS(FIELD(common)),
};
/* clang-format on */

_Static_assert(ELCL_COUNT(options_table) <= CLI_MAX_OPTS, "raise CLI_MAX_OPTS");

static int check(const struct cli_args *args, void *target, elcl_error *err)
{
    struct cli_score_options *o = target;
    o->model = args->words[0];
    o->n_texts = args->n_words - 1;
    o->texts = o->n_texts ? args->words + 1 : NULL;
    if (o->texts && o->input)
        return elcl_fail(err, ELCL_E_ARG,
                         "expected TEXT arguments or --input, found both: '%.100s' and "
                         "--input %.100s",
                         o->texts[0], o->input);
    if (o->summary && o->token_logprobs)
        return elcl_fail(err, ELCL_E_ARG,
                         "--token-logprobs does nothing with --summary: expected one of them");
    return ELCL_OK;
}

bool cli_score_parse(struct cli_score_options *options, int argc, char **argv, int *exit_code)
{
    *options = (struct cli_score_options){
        .args =
            {.verb = "score",
             .use = "MODEL [TEXT...]",
             .about =
                 "Log-probabilities of given text. Samples are the TEXT arguments, the lines of\n"
                 "--input FILE, or those of standard input: of encoder-decoder models source,\n"
                 "tab, target; of decoder-only models whole texts, each behind the token that\n"
                 "begins texts. A sample's line is log-probability, tokens and perplexity,\n"
                 "separated by tabs; the last line sums up.\n",
             .examples =
                 "  elcl score models/kjv-gpt2 --input models/kjv-gpt2/heldout.txt --summary\n",
             .opts = options_table,
             .n_opts = ELCL_COUNT(options_table),
             .max_words = INT_MAX,
             .needs_model = true,
             .check = check},
        .run = CLI_RUN_DEFAULTS,
    };
    return cli_args_begin(&options->args, argc, argv, options, exit_code);
}

/* Options for models of the other kind are refused. */
static int check_kind(const struct cli_score_options *o, const elcl_model_info *info,
                      elcl_error *err)
{
    static const char *const only[] = {"stride", "context", "no-bos"};
    for (size_t i = 0; i < ELCL_COUNT(only); i++)
        if (!info->decoder_only && cli_args_seen(&o->args, only[i]))
            return elcl_fail(err, ELCL_E_ARG, "--%s is for decoder-only models; %s has an encoder",
                             only[i], info->family);
    if (info->decoder_only && cli_args_seen(&o->args, "decoder-start-token-id"))
        return elcl_fail(err, ELCL_E_ARG,
                         "--decoder-start-token-id: a model of type %s has no start token",
                         info->family);
    return ELCL_OK;
}

/* Languages that would do nothing are refused. */
static int resolve_languages(struct cli_score_options *o, const elcl_model *model, elcl_error *err)
{
    const bool from_ids = o->input_format == CLI_LINE_IDS;
    elcl_gen_options before, after;
    int32_t *ids = NULL;
    size_t n;
    int rc = ELCL_OK;
    if (o->src_lang && from_ids)
        return elcl_fail(err, ELCL_E_ARG,
                         "--src-lang does nothing with --input-format ids: the ids name the "
                         "language themselves");
    elcl_model_gen_defaults(model, &before);
    after = before;
    if (o->tgt_lang)
        rc = elcl_gen_options_language(model, o->tgt_lang, &after, err);
    const bool starts = after.decoder_start_token_id != before.decoder_start_token_id;
    if (!rc && o->tgt_lang && from_ids && !starts)
        return elcl_fail(err, ELCL_E_ARG,
                         "--tgt-lang changes nothing here: with --input-format ids the ids "
                         "or the model's defaults name the language");
    if (!rc && starts && o->decoder_start_token_id >= 0)
        return elcl_fail(err, ELCL_E_ARG,
                         "--tgt-lang and --decoder-start-token-id contradict each other");
    if (!rc && starts)
        o->decoder_start_token_id = after.decoder_start_token_id;
    if (!rc && o->src_lang)
        rc = elcl_encode_lang(model, "", 0, o->src_lang, NULL, &ids, &n, err);
    elcl_free(ids);
    return rc;
}

int cli_score_resolve(struct cli_score_options *options, const elcl_model *model,
                      const elcl_model_info *info, elcl_error *err)
{
    const int rc = check_kind(options, info, err);
    if (rc)
        return rc;
    if (!cli_args_seen(&options->args, "decoder-start-token-id"))
        options->decoder_start_token_id = -1;
    else if (options->decoder_start_token_id >= info->vocabulary)
        return elcl_fail(err, ELCL_E_ARG,
                         "--decoder-start-token-id: expected a token id below %d, found %d",
                         info->vocabulary, options->decoder_start_token_id);
    if (options->context > info->max_target)
        return elcl_fail(err, ELCL_E_ARG,
                         "--context: expected at most %d with this model, found %d",
                         info->max_target, options->context);
    if (!options->context)
        options->context = info->max_target;
    if (options->stride >= options->context)
        return elcl_fail(err, ELCL_E_ARG,
                         "--stride: expected less than the context of %d tokens, found %d",
                         options->context, options->stride);
    if (!info->has_tokenizer && options->input_format == CLI_LINE_TEXT)
        return elcl_fail(err, ELCL_E_ARG,
                         "%s holds no tokenizer: expected --input-format ids or jsonl, found "
                         "text",
                         options->model);
    return resolve_languages(options, model, err);
}
