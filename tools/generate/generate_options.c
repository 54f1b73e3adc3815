#include "generate/generate_options.h"
#include "common/words.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELD(name) offsetof(struct cli_generate_options, name)

/* clang-format off */
static const struct cli_choice early_words[] = {
    {"true", ELCL_EARLY_TRUE}, {"false", ELCL_EARLY_FALSE}, {"never", ELCL_EARLY_NEVER}, {NULL, 0}};
static const struct cli_choice bool_words[] = {{"true", 1}, {"false", 0}, {NULL, 0}};
static const struct cli_choice style_words[] = {
    {"hf", ELCL_STYLE_HF}, {"fairseq", ELCL_STYLE_FAIRSEQ}, {NULL, 0}};
static const struct cli_choice long_words[] = {
    {"truncate", CLI_LONG_TRUNCATE}, {"refuse", CLI_LONG_REFUSE}, {NULL, 0}};
static const struct cli_choice auto_word[] = {{"auto", 0}, {NULL, 0}};
static const struct cli_choice none_word[] = {{"none", -1}, {NULL, 0}};

#define GROUP(help) {CLI_OPT_GROUP, NULL, NULL, help, 0, 0, 0, NULL}
#define FLAG(name, field, help) {CLI_OPT_FLAG, name, NULL, help, FIELD(field), 0, 0, NULL}
#define TEXT(name, value, field, help) \
    {CLI_OPT_TEXT, name, value, help, FIELD(field), 0, 0, NULL}
#define CHOICE(name, value, field, words, help) \
    {CLI_OPT_CHOICE, name, value, help, FIELD(field), 0, 0, words}
#define INT(name, field, min, max, help) \
    {CLI_OPT_INT, name, "N", help, FIELD(field), min, max, NULL}
#define TOKEN(name, field, help) \
    {CLI_OPT_INT, name, "ID", help, FIELD(field), -1, INT32_MAX, none_word}
#define NUMBER(name, field, min, max, help) \
    {CLI_OPT_NUMBER, name, "X", help, FIELD(field), min, max, NULL}

static const struct cli_opt options_table[] = {
    GROUP("Input and output:"),
    TEXT("input", "FILE", input, "samples, one a line, LF or CRLF; - is standard input"),
    CHOICE("input-format", "text|jsonl|ids", input_format, cli_format_words,
           "what a line holds: text (default), an object with \"text\" or \"ids\" and perhaps an \"id\" "
           "and decoding options (num_beams and so on), or token ids with the special ones, "
           "separated by blanks"),
    CLI_OUTPUT_OPTION(FIELD(common)),
    CLI_FORMAT_OPTION(FIELD(common), "text|jsonl|ids", cli_format_words,
                      "one line for each returned sequence (default text)"),
    TEXT("src-lang", "CODE", src_lang,
         "language of the texts, as the model spells it: en_XX (mBART), en (M2M-100), eng_Latn "
         "(NLLB) (default: the one of tokenizer_config.json)"),
    TEXT("tgt-lang", "CODE", tgt_lang,
         "language of the outputs; fra and the like, without >> and <<, with Marian"),
    FLAG("scores", scores, "text and ids: the score and a tab before each line"),
    FLAG("token-logprobs", gen.token_logprobs, "jsonl: the log-probability of each token"),
    FLAG("stream", stream,
         "text, greedy search and sampling: write each token as it comes; several samples one after "
         "another"),
    FLAG("keep-going", keep_going,
         "write empty lines for a bad sample, report it, go on, and exit with 1 at the end"),

    GROUP("Decoding (names and meaning as in Hugging Face generate(); defaults come from\n"
          "generation_config.json, then config.json; lengths count the start token):"),
    INT("num-beams", gen.num_beams, 1, ELCL_MAX_BEAMS, "beams; 1 is greedy search"),
    INT("num-return-sequences", gen.num_return_sequences, 1, ELCL_MAX_BEAMS,
        "best sequences to write of each sample; with --do-sample independent ones"),
    INT("num-beam-groups", gen.num_beam_groups, 1, ELCL_MAX_BEAMS,
        "groups of beams that are to differ (diverse beam search); 1: off"),
    NUMBER("diversity-penalty", gen.diversity_penalty, 0, 1e6,
           "loss for each earlier group's beam that took the same token"),
    NUMBER("length-penalty", gen.length_penalty, -1000, 1000,
           "scores are divided by length to this power"),
    CHOICE("early-stopping", "true|false|never", early_stopping, early_words,
           "when beam search is done with a sample"),
    CHOICE("renormalize-logits", "true|false", gen.renormalize_logits, bool_words,
           "several beams: log-softmax again behind the rules"),
    INT("max-length", gen.max_length, 1, INT32_MAX, "most tokens of an output"),
    INT("max-new-tokens", gen.max_new_tokens, 1, INT32_MAX,
        "the same without the start token; goes before --max-length"),
    INT("min-length", gen.min_length, 0, INT32_MAX, "fewest tokens of an output"),
    INT("min-new-tokens", gen.min_new_tokens, 0, INT32_MAX, "the same without the start token"),
    INT("no-repeat-ngram-size", gen.no_repeat_ngram_size, 0, INT32_MAX,
        "no N tokens in a row occur twice; 0: off"),
    NUMBER("repetition-penalty", gen.repetition_penalty, 1e-3, 1e3,
           "above 1 makes tokens that were there less likely"),
    INT("encoder-no-repeat-ngram-size", gen.encoder_no_repeat_ngram_size, 0, INT32_MAX,
        "no N tokens in a row of the source are generated; 0: off"),
    NUMBER("encoder-repetition-penalty", gen.encoder_repetition_penalty, 1e-3, 1e3,
           "above 1 makes tokens of the source more likely"),
    NUMBER("presence-penalty", gen.presence_penalty, -100, 100,
           "what the score of a token loses once it was generated; 0: off"),
    NUMBER("frequency-penalty", gen.frequency_penalty, -100, 100,
           "what it loses for each time that the token was generated; 0: off"),
    NUMBER("patience", gen.patience, 0.01, 100,
           "beam search ends with this times --num-beams hypotheses; 1: as usual"),
    TEXT("bad-words-ids", "IDS[;IDS...]", lists.bad_words,
         "token sequences (5,7;9) that are never generated, or none"),
    TEXT("suppress-tokens", "ID[,ID...]", lists.suppress, "tokens never generated, or none"),
    TEXT("begin-suppress-tokens", "ID[,ID...]", lists.begin_suppress,
         "tokens that are not the first one generated, or none"),
    TEXT("decoder-prefix-ids", "ID[,ID...]", lists.prefix_ids,
         "tokens that every output begins with, behind the start token"),
    TEXT("decoder-prefix", "TEXT", lists.prefix, "the same as text"),
    TEXT("prefix-alternatives", "IDS[;IDS...]", lists.alternatives,
         "which tokens may be the first one generated, which the second, ..."),
    {CLI_OPT_TEXTS, "stop", "STRING",
     "an output ends where its text has STRING, which stays; may be given several times; needs one "
     "beam",
     FIELD(lists.stop), 0, 0, NULL},
    TOKEN("decoder-start-token-id", gen.decoder_start_token_id, "first token of every output"),
    TOKEN("forced-bos-token-id", gen.forced_bos_token_id, "token after the start token, or none"),
    TOKEN("forced-eos-token-id", gen.forced_eos_token_id,
          "last token at the longest length, or none"),
    {CLI_OPT_IDS, "eos-token-id", "ID[,ID...]", "tokens that end an output, or none", FIELD(eos),
     0, 0, NULL},

    GROUP("Decoding as fairseq does (lengths count neither start token nor EOS; what a\n"
          "style lacks is refused):"),
    CHOICE("search-style", "hf|fairseq", search_style, style_words,
           "whose rules, limits and ending of a search (default hf)"),
    INT("min-len", gen.min_len, 0, INT32_MAX, "fewest tokens of an output (default 1)"),
    NUMBER("max-len-a", gen.max_len_a, 0, 64,
           "most tokens: so many for each token of the source (default 0) ..."),
    INT("max-len-b", gen.max_len_b, 0, INT32_MAX, "... and so many more (default 200)"),
    NUMBER("unk-penalty", gen.unk_penalty, -1e6, 1e6, "loss of the unknown token (default 0)"),
    TOKEN("unk-token-id", gen.unk_token_id, "the unknown token, or none"),

    GROUP("Sampling (applied in this order; ties stay or go together):"),
    FLAG("do-sample", gen.do_sample, "draw tokens instead of searching, with several beams their candidates"),
    FLAG("no-sample", no_sample, "search, whatever generation_config.json says"),
    NUMBER("temperature", gen.temperature, 1e-6, 1e6,
           "scores are divided by it: below 1 sharpens, above 1 flattens"),
    INT("top-k", gen.top_k, 0, INT32_MAX,
        "keep the K best tokens; 0: off (default 50, as in Hugging Face)"),
    NUMBER("top-p", gen.top_p, 0, 1, "keep the fewest best tokens of this probability; 1: off"),
    NUMBER("min-p", gen.min_p, 0, 1, "keep tokens of this part of the best's probability; 0: off"),
    NUMBER("typical-p", gen.typical_p, 1e-6, 1,
           "keep the most typical tokens of this probability; 1: off"),
    INT("seed", seed, 0, INT32_MAX,
        "of the random numbers (default 0), which depend on it, the sample's place in the input "
        "and the step alone"),

    GROUP("Running:"),
    CLI_RUN_OPTIONS(FIELD(run),
        "OpenCL device by number, part of its name, or type, or several with commas between them; "
        "see elcl devices (default: a GPU before a CPU)",
        "el: hidden states serve as keys and values; mha: keys and values, the source's shared "
        "by the beams; mha-beam: all of them per beam (default auto)"),
    {CLI_OPT_INT, "batch-size", "N|auto", "samples in flight (default auto: what fits in memory)",
     FIELD(batch_size), 1, 1 << 20, auto_word},
    INT("engines", n_engines, 1, ELCL_MAX_ENGINES,
        "engines on each device, which share its memory limit (default 1)"),
    INT("max-source", max_source, 1, INT32_MAX,
        "longest source in tokens (default: the model's usual length)"),
    CHOICE("long-source", "truncate|refuse", long_source, long_words,
           "cut longer sources and keep their last token, with one warning (default), or refuse "
           "them"),
    CLI_TRACE_OPTION(FIELD(common)),
    CLI_COMMON_OPTIONS(FIELD(common)),
};
/* clang-format on */

_Static_assert(ELCL_COUNT(options_table) <= CLI_MAX_OPTS, "raise CLI_MAX_OPTS");

/* Options of one style alone; the library refuses the same by their names there. */
static const struct {
    const char *name;
    int style;
} style_options[] = {
    {"encoder-no-repeat-ngram-size", ELCL_STYLE_HF},
    {"encoder-repetition-penalty", ELCL_STYLE_HF},
    {"presence-penalty", ELCL_STYLE_HF},
    {"frequency-penalty", ELCL_STYLE_HF},
    {"bad-words-ids", ELCL_STYLE_HF},
    {"suppress-tokens", ELCL_STYLE_HF},
    {"begin-suppress-tokens", ELCL_STYLE_HF},
    {"prefix-alternatives", ELCL_STYLE_HF},
    {"stop", ELCL_STYLE_HF},
    {"max-length", ELCL_STYLE_HF},
    {"max-new-tokens", ELCL_STYLE_HF},
    {"min-length", ELCL_STYLE_HF},
    {"min-new-tokens", ELCL_STYLE_HF},
    {"early-stopping", ELCL_STYLE_HF},
    {"renormalize-logits", ELCL_STYLE_HF},
    {"repetition-penalty", ELCL_STYLE_HF},
    {"forced-eos-token-id", ELCL_STYLE_HF},
    {"min-len", ELCL_STYLE_FAIRSEQ},
    {"max-len-a", ELCL_STYLE_FAIRSEQ},
    {"max-len-b", ELCL_STYLE_FAIRSEQ},
    {"unk-penalty", ELCL_STYLE_FAIRSEQ},
    {"unk-token-id", ELCL_STYLE_FAIRSEQ},
};

int cli_generate_check_style(const struct cli_generate_options *o, elcl_error *err)
{
    for (size_t i = 0; i < ELCL_COUNT(style_options); i++) {
        if (style_options[i].style != o->search_style &&
            cli_args_seen(&o->args, style_options[i].name))
            return elcl_fail(err, ELCL_E_ARG, "--%s has no meaning with --search-style %s",
                             style_options[i].name, cli_word_of(style_words, o->search_style));
    }
    return ELCL_OK;
}

static int check_combination(const struct cli_generate_options *o, elcl_error *err)
{
    if (o->texts && o->input)
        return elcl_fail(err, ELCL_E_ARG,
                         "expected TEXT arguments or --input, found both: '%.100s' and "
                         "--input %.100s",
                         o->texts[0], o->input);
    if (o->gen.do_sample && o->no_sample)
        return elcl_fail(err, ELCL_E_ARG, "expected --do-sample or --no-sample, found both");
    const int rc = cli_run_check_devices(&o->run, ELCL_MAX_ENGINES / o->n_engines, err);
    if (rc)
        return rc;
    if (o->stream && o->common.format != CLI_LINE_TEXT)
        return elcl_fail(err, ELCL_E_ARG, "--stream writes text: expected --format text");
    if (o->stream && o->scores)
        return elcl_fail(err, ELCL_E_ARG,
                         "--stream cannot write the score first: expected it or --scores");
    if (o->scores && o->common.format == CLI_LINE_JSONL)
        return elcl_fail(err, ELCL_E_ARG,
                         "--scores is for text and ids: jsonl always holds the score");
    return ELCL_OK;
}

/* What opening the model is told of its use. */
static void tell_use(struct cli_generate_options *o)
{
    const elcl_gen_options *gen = &o->gen; /* what was given */
    o->run.expected_batch = o->batch_size;
    o->run.expected_beams =
        gen->num_beams > gen->num_return_sequences ? gen->num_beams : gen->num_return_sequences;
    o->run.expected_source = o->max_source;
    o->run.expected_target = gen->max_new_tokens > 0 ? gen->max_new_tokens + 1 : gen->max_length;
}

static int check(const struct cli_args *args, void *target, elcl_error *err)
{
    struct cli_generate_options *o = target;
    o->model = args->words[0];
    o->n_texts = args->n_words - 1;
    o->texts = o->n_texts ? args->words + 1 : NULL;
    const int rc = check_combination(o, err);
    tell_use(o);
    return rc ? rc : cli_generate_check_style(o, err);
}

bool cli_generate_parse(struct cli_generate_options *options, int argc, char **argv, int *exit_code)
{
    *options = (struct cli_generate_options){
        .args =
            {.verb = "generate",
             .use = "MODEL [TEXT...]",
             .about =
                 "Generates text with the Hugging Face model in the directory MODEL. The samples\n"
                 "are the TEXT arguments, or the lines of --input FILE, or those of standard\n"
                 "input. Every sample gives its lines of output, an empty one too, in input "
                 "order.\n",
             .examples = "  elcl generate models/g2p-en attention\n"
                         "  elcl generate models/g2p-en --input words.txt --output phonemes.txt\n",
             .opts = options_table,
             .n_opts = ELCL_COUNT(options_table),
             .max_words = INT_MAX,
             .needs_model = true,
             .check = check},
        .run = CLI_RUN_DEFAULTS,
        .n_engines = 1,
    };
    return cli_args_begin(&options->args, argc, argv, options, exit_code);
}

/* ---- over the model's defaults ------------------------------------------------------------- */

/* Copies each given decoding option; they all lie inside `gen`, except those with a type of their
 * own. */
static void overlay(const struct cli_generate_options *o, elcl_gen_options *gen)
{
    if (cli_args_seen(&o->args, "num-beam-groups")) /* fairseq's default penalty goes by it */
        gen->num_beam_groups = o->gen.num_beam_groups;
    if (o->search_style == ELCL_STYLE_FAIRSEQ)
        elcl_gen_options_fairseq(gen);
    for (size_t i = 0; i < o->args.n_opts; i++) {
        const struct cli_opt *opt = &options_table[i];
        size_t at = opt->offset - FIELD(gen);
        bool inside = opt->offset >= FIELD(gen) && at < sizeof(*gen);
        if (!o->args.seen[i] || !inside)
            continue;
        size_t size = opt->kind == CLI_OPT_NUMBER ? sizeof(float) : sizeof(int);
        memcpy((char *)gen + at, (const char *)&o->gen + at, size);
    }
    if (cli_args_seen(&o->args, "early-stopping"))
        gen->early_stopping = (enum elcl_early_stopping)o->early_stopping;
    if (cli_args_seen(&o->args, "eos-token-id")) {
        gen->n_eos = o->eos.n;
        memcpy(gen->eos_token_ids, o->eos.ids, sizeof(gen->eos_token_ids));
    }
    if (o->no_sample)
        gen->do_sample = 0;
    if (cli_args_seen(&o->args, "seed"))
        gen->seed = (uint64_t)o->seed;
    /* A given length replaces a default one, in whichever way that is counted. */
    if (cli_args_seen(&o->args, "max-length") && !cli_args_seen(&o->args, "max-new-tokens"))
        gen->max_new_tokens = 0;
    if (cli_args_seen(&o->args, "min-length") && !cli_args_seen(&o->args, "min-new-tokens"))
        gen->min_new_tokens = 0;
}

static int options_source(const struct cli_generate_options *o, const elcl_model_info *info)
{
    return o->max_source ? o->max_source : info->default_length;
}

/* Options that would do nothing are refused. */
static int check_sampling(const struct cli_generate_options *o, const elcl_gen_options *gen,
                          elcl_error *err)
{
    static const char *const names[] = {"temperature", "top-k",     "top-p",
                                        "min-p",       "typical-p", "seed"};
    for (size_t i = 0; i < ELCL_COUNT(names); i++)
        if (!gen->do_sample && cli_args_seen(&o->args, names[i]))
            return elcl_fail(err, ELCL_E_ARG,
                             "--%s does nothing without sampling: expected --do-sample too",
                             names[i]);
    return ELCL_OK;
}

/* --tgt-lang, and the checks of --src-lang that need no text. */
static int resolve_languages(const struct cli_generate_options *o, const elcl_model *model,
                             elcl_gen_options *gen, elcl_error *err)
{
    const elcl_gen_options before = *gen;
    int32_t *ids = NULL;
    size_t n;
    const bool from_ids = o->input_format == CLI_LINE_IDS;
    if (o->src_lang && from_ids)
        return elcl_fail(err, ELCL_E_ARG,
                         "--src-lang does nothing with --input-format ids: the ids name the "
                         "language themselves");
    int rc = o->tgt_lang ? elcl_gen_options_language(model, o->tgt_lang, gen, err) : ELCL_OK;
    if (!rc && o->tgt_lang && from_ids && before.forced_bos_token_id == gen->forced_bos_token_id &&
        before.decoder_start_token_id == gen->decoder_start_token_id)
        return elcl_fail(err, ELCL_E_ARG,
                         "--tgt-lang changes nothing here: with --input-format ids the ids "
                         "or the model's defaults name the language");
    const bool starts = gen->decoder_start_token_id != before.decoder_start_token_id;
    const char *rival = starts ? "decoder-start-token-id" : "forced-bos-token-id";
    if (!rc && o->tgt_lang && cli_args_seen(&o->args, rival))
        return elcl_fail(err, ELCL_E_ARG, "--tgt-lang and --%s contradict each other", rival);
    if (!rc && o->src_lang)
        rc = elcl_encode_lang(model, "", 0, o->src_lang, NULL, &ids, &n, err);
    elcl_free(ids);
    return rc;
}

/* A length that was given and does not fit is refused; a default one is cut to the model. */
static int resolve_lengths(const struct cli_generate_options *o, const elcl_model_info *info,
                           elcl_gen_options *gen, int *max_target, elcl_error *err)
{
    if (gen->search_style == ELCL_STYLE_FAIRSEQ && info->decoder_only)
        return elcl_fail(err, ELCL_E_ARG,
                         "--search-style: fairseq's is for models with an encoder; %s has none",
                         info->family);
    if (gen->search_style == ELCL_STYLE_FAIRSEQ) {
        const int longest = options_source(o, info);
        const double most = (double)gen->max_len_a * longest + gen->max_len_b + 2; /* rounded up */
        *max_target = most < info->max_target ? (int)most : info->max_target;
        return ELCL_OK;
    }
    bool given_new = cli_args_seen(&o->args, "max-new-tokens");
    bool given_max = cli_args_seen(&o->args, "max-length");
    if (given_new && gen->max_new_tokens > info->max_target - 1)
        return elcl_fail(err, ELCL_E_ARG,
                         "--max-new-tokens: expected at most %d with this model, found %d",
                         info->max_target - 1, gen->max_new_tokens);
    if (given_max && !given_new && gen->max_length > info->max_target)
        return elcl_fail(err, ELCL_E_ARG,
                         "--max-length: expected at most %d with this model, found %d",
                         info->max_target, gen->max_length);
    if (gen->max_new_tokens > info->max_target - 1)
        gen->max_new_tokens = info->max_target - 1;
    if (gen->max_length > info->max_target)
        gen->max_length = info->max_target;
    *max_target =
        gen->max_new_tokens > 0 ? gen->max_new_tokens + 1 + gen->prefix.n : gen->max_length;
    if (*max_target > info->max_target)
        return elcl_fail(err, ELCL_E_ARG,
                         "--max-new-tokens: expected at most %d behind a prefix of %d tokens, "
                         "found %d",
                         info->max_target - 1 - gen->prefix.n, gen->prefix.n, gen->max_new_tokens);
    return ELCL_OK;
}

/* Streaming shows what is final alone. */
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

int cli_generate_resolve(struct cli_generate_options *options, const elcl_model *model,
                         elcl_gen_options *gen, int *max_target, elcl_error *err)
{
    elcl_model_info info;
    elcl_gen_options resolved;
    elcl_model_get_info(model, &info);
    elcl_model_gen_defaults(model, &resolved);
    overlay(options, &resolved);
    int rc = cli_option_lists_resolve(&options->lists, model, &resolved, err);
    if (!rc)
        rc = check_sampling(options, &resolved, err);
    if (!rc)
        rc = check_stream(options, &resolved, err);
    if (rc)
        return rc;
    if (cli_args_seen(&options->args, "renormalize-logits") && options->gen.renormalize_logits &&
        resolved.num_beams == 1)
        return elcl_fail(err, ELCL_E_ARG,
                         "--renormalize-logits changes scores of several beams alone: expected "
                         "--num-beams above 1, found 1");
    if (resolved.token_logprobs && options->common.format != CLI_LINE_JSONL)
        return elcl_fail(err, ELCL_E_ARG, "--token-logprobs needs --format jsonl");
    if ((!resolved.do_sample || resolved.num_beams > 1) &&
        resolved.num_return_sequences > resolved.num_beams)
        return elcl_fail(err, ELCL_E_ARG,
                         "--num-return-sequences: expected at most --num-beams, which is %d, "
                         "found %d",
                         resolved.num_beams, resolved.num_return_sequences);
    if (options->max_source > info.max_source)
        return elcl_fail(err, ELCL_E_ARG,
                         "--max-source: expected at most %d with this model, found %d",
                         info.max_source, options->max_source);
    if (info.decoder_only && cli_args_seen(&options->args, "decoder-start-token-id"))
        return elcl_fail(err, ELCL_E_ARG,
                         "--decoder-start-token-id: a model of type %s has no start token, "
                         "its output begins with the prompt",
                         info.family);
    if (!info.has_tokenizer && options->common.format == CLI_LINE_TEXT)
        return elcl_fail(err, ELCL_E_ARG,
                         "%s holds no tokenizer: expected --format ids or jsonl, found text",
                         options->model);
    if (!info.has_tokenizer && options->input_format == CLI_LINE_TEXT)
        return elcl_fail(err, ELCL_E_ARG,
                         "%s holds no tokenizer: expected --input-format ids or jsonl, found "
                         "text",
                         options->model);
    int target = 0;
    rc = resolve_languages(options, model, &resolved, err);
    if (rc)
        return rc;
    rc = resolve_lengths(options, &info, &resolved, &target, err);
    if (rc)
        return rc;
    *gen = resolved;
    *max_target = target;
    return ELCL_OK;
}
