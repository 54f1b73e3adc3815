#include "generate/generate_options.h"

#include <limits.h>
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

#define TOKEN(name, field, help) \
    {CLI_OPT_INT, name, "ID", help, FIELD(field), -1, INT32_MAX, none_word}
#define NUMBER(name, field, min, max, help) \
    {CLI_OPT_NUMBER, name, "X", help, FIELD(field), min, max, NULL}

static const struct cli_opt options_table[] = {
    CLI_ROW_GROUP("Input and output:"),
    CLI_SAMPLE_OPTIONS(FIELD(samples),
        "what a line holds: text (default); a JSON object with \"text\" or \"ids\", and optionally "
        "\"id\" and decoding options such as num_beams; or token ids separated by blanks, "
        "special tokens included"),
    CLI_OUTPUT_OPTION(FIELD(common)),
    CLI_FORMAT_OPTION(FIELD(common), "text|jsonl|ids", cli_format_words,
        "write text (default), JSON objects or token ids, one line for each returned sequence"),
    CLI_LANGUAGE_OPTIONS(FIELD(samples)),
    CLI_ROW_FLAG("scores", scores, "text and ids: begin each line with the score and a tab"),
    CLI_ROW_FLAG("no-prompt", no_prompt,
        "decoder-only models: write only what follows the prompt"),
    CLI_ROW_FLAG("token-logprobs", gen.token_logprobs,
        "jsonl: add the log-probability of each token"),
    CLI_ROW_FLAG("stream", stream,
         "write each token as soon as it is final, one sample after another; for text with greedy "
         "search or sampling"),
    CLI_ROW_FLAG("unordered", unordered,
         "jsonl: write each sample as soon as it has ended; \"index\" and \"id\" tell which it is"),
    CLI_ROW_FLAG("resume", resume,
         "go on with what an interrupted run has left in FILE.part; needs files as --input and "
         "--output"),
    CLI_ROW_FLAG("keep-going", keep_going,
         "write an empty line for a bad sample, report it and continue; exit with 1 at the end"),

    CLI_ROW_GROUP("Many processes (elcl merge joins the outputs of shards):"),
    CLI_ROW_TEXT("shard", "I/N|auto|auto/N", shard_text,
         "do only part I of N of the lines of --input, from 1 (1/4 is the first quarter); auto: "
         "both from a Slurm job array; auto/N: I also from a Kubernetes Indexed Job"),
    CLI_ROW_INT("first-sample", "N", first_sample, 0, INT32_MAX,
        "number of the first sample, for random numbers and the index in jsonl (default 0); shards "
        "count by themselves"),

    CLI_ROW_GROUP("Search (as in Hugging Face generate(); defaults come from the model's\n"
          "generation_config.json and config.json):"),
    CLI_ROW_INT("num-beams", "N", gen.num_beams, 1, ELCL_MAX_BEAMS,
        "number of beams; 1 is greedy search (default: the model's, else 1)"),
    CLI_ROW_INT("num-return-sequences", "N", gen.num_return_sequences, 1, ELCL_MAX_BEAMS,
        "write the N best sequences of each sample, or N random ones with --do-sample (default 1)"),
    NUMBER("length-penalty", gen.length_penalty, -1000, 1000,
           "divide the score by the length to the power X; above 0 prefers long outputs (default "
           "1)"),
    CLI_ROW_CHOICE("early-stopping", "true|false|never", early_stopping, early_words,
           "when to end a beam search: at the first complete beams, by an estimate, or only when "
           "nothing better is possible (default false)"),
    NUMBER("patience", gen.patience, 0.01, 100,
           "end a beam search after X times --num-beams complete outputs (default 1)"),
    CLI_ROW_INT("num-beam-groups", "N", gen.num_beam_groups, 1, ELCL_MAX_BEAMS,
        "diverse beam search: divide the beams into N groups (default 1: off)"),
    NUMBER("diversity-penalty", gen.diversity_penalty, 0, 1e6,
           "diverse beam search: subtract X for each earlier group that chose the same token"),
    CLI_ROW_CHOICE("renormalize-logits", "true|false", gen.renormalize_logits, bool_words,
           "beam search: normalize the scores again after all penalties (default false)"),

    CLI_ROW_GROUP("Length (in tokens, the start token included; for decoder-only models the "
                  "prompt\n"
          "included):"),
    CLI_ROW_INT("max-length", "N", gen.max_length, 1, INT32_MAX,
        "longest output (default: the model's, else 20)"),
    CLI_ROW_INT("max-new-tokens", "N", gen.max_new_tokens, 1, INT32_MAX,
        "longest output without start token or prompt; overrides --max-length"),
    CLI_ROW_INT("min-length", "N", gen.min_length, 0, INT32_MAX, "shortest output (default 0)"),
    CLI_ROW_INT("min-new-tokens", "N", gen.min_new_tokens, 0, INT32_MAX,
        "shortest output without start token or prompt"),

    CLI_ROW_GROUP("Repetition:"),
    CLI_ROW_INT("no-repeat-ngram-size", "N", gen.no_repeat_ngram_size, 0, INT32_MAX,
        "generate no sequence of N tokens twice (default 0: off)"),
    NUMBER("repetition-penalty", gen.repetition_penalty, 1e-3, 1e3,
           "above 1: make tokens that are already in the output less likely (default 1: off)"),
    NUMBER("presence-penalty", gen.presence_penalty, -100, 100,
           "subtract X from the score of every token that was generated (default 0: off)"),
    NUMBER("frequency-penalty", gen.frequency_penalty, -100, 100,
           "subtract X for each time that the token was generated (default 0: off)"),
    CLI_ROW_INT("encoder-no-repeat-ngram-size", "N", gen.encoder_no_repeat_ngram_size, 0, INT32_MAX,
        "generate no sequence of N tokens that the source has (default 0: off)"),
    NUMBER("encoder-repetition-penalty", gen.encoder_repetition_penalty, 1e-3, 1e3,
           "above 1: make tokens of the source more likely (default 1: off)"),

    CLI_ROW_GROUP("Required and forbidden tokens:"),
    {CLI_OPT_TEXTS, "stop", "STRING",
     "end an output when its text contains STRING, which stays in it; repeat the option for up to "
     "8 strings; needs --num-beams 1",
     FIELD(lists.stop), 0, 0, NULL},
    CLI_ROW_TEXT("decoder-prefix", "TEXT", lists.prefix,
         "begin every output with TEXT, after the start token"),
    CLI_ROW_TEXT("decoder-prefix-ids", "ID[,ID...]", lists.prefix_ids, "the same as token ids"),
    CLI_ROW_TEXT("prefix-alternatives", "IDS[;IDS...]", lists.alternatives,
         "5,7;9 allows only tokens 5 and 7 as the first token, only 9 as the second"),
    CLI_ROW_TEXT("bad-words-ids", "IDS[;IDS...]", lists.bad_words,
         "never generate these token sequences, as in 5,7;9, or none"),
    CLI_ROW_TEXT("suppress-tokens", "ID[,ID...]", lists.suppress,
        "never generate these tokens, or none"),
    CLI_ROW_TEXT("begin-suppress-tokens", "ID[,ID...]", lists.begin_suppress,
         "never generate these tokens first, or none"),
    TOKEN("decoder-start-token-id", gen.decoder_start_token_id, "first token of every output"),
    TOKEN("forced-bos-token-id", gen.forced_bos_token_id, "token after the start token, or none"),
    TOKEN("forced-eos-token-id", gen.forced_eos_token_id,
          "last token of an output that reaches the longest length, or none"),
    {CLI_OPT_IDS, "eos-token-id", "ID[,ID...]", "tokens that end an output, or none", FIELD(eos),
     0, 0, NULL},

    CLI_ROW_GROUP("Sampling (applied in this order):"),
    CLI_ROW_FLAG("do-sample", gen.do_sample,
        "draw tokens at random; with several beams, the candidates"),
    CLI_ROW_FLAG("no-sample", no_sample, "search, even if generation_config.json says do_sample"),
    NUMBER("temperature", gen.temperature, 1e-6, 1e6,
           "divide the scores by X: below 1 sharpens, above 1 flattens (default 1)"),
    CLI_ROW_INT("top-k", "N", gen.top_k, 0, INT32_MAX,
        "keep only the N most likely tokens; 0: off (default 50, as in Hugging Face)"),
    NUMBER("top-p", gen.top_p, 0, 1,
           "keep the fewest most likely tokens that reach probability X (default 1: off)"),
    NUMBER("min-p", gen.min_p, 0, 1,
           "keep tokens with at least X times the highest probability (default 0: off)"),
    NUMBER("typical-p", gen.typical_p, 1e-6, 1,
           "keep the most typical tokens that reach probability X (default 1: off)"),
    CLI_ROW_INT("seed", "N", seed, 0, INT32_MAX,
        "seed of the random numbers, which depend only on the seed, the sample's position in the "
        "input and the step (default 0)"),

    CLI_ROW_GROUP("Search as in fairseq (lengths exclude the start token and EOS):"),
    CLI_ROW_CHOICE("search-style", "hf|fairseq", search_style, style_words,
           "rules, limits and end of the search (default hf); options of the other style are "
           "refused"),
    CLI_ROW_INT("min-len", "N", gen.min_len, 0, INT32_MAX, "shortest output (default 1)"),
    NUMBER("max-len-a", gen.max_len_a, 0, 64,
           "longest output: X times the length of the source ... (default 0)"),
    CLI_ROW_INT("max-len-b", "N", gen.max_len_b, 0, INT32_MAX, "... plus N (default 200)"),
    NUMBER("unk-penalty", gen.unk_penalty, -1e6, 1e6,
           "subtract X from the score of the unknown token (default 0)"),
    TOKEN("unk-token-id", gen.unk_token_id, "the unknown token, or none"),

    CLI_ROW_GROUP("Model and device:"),
    CLI_MODEL_OPTIONS(FIELD(model),
        "OpenCL device by number, part of its name, or type; several are separated by commas; see "
        "elcl devices (default: a GPU if there is one, else a CPU)"),
    {CLI_OPT_INT, "batch-size", "N|auto",
     "samples generated at the same time (default auto: as many as fit in memory)",
     FIELD(batch_size), 1, 1 << 20, auto_word},
    CLI_ROW_INT("engines", "N", n_engines, 1, ELCL_MAX_ENGINES,
        "engines on each device, which share its memory limit (default 1)"),
    CLI_ROW_INT("max-source", "N", max_source, 1, INT32_MAX,
        "longest source in tokens (default: the model's default length)"),
    CLI_ROW_CHOICE("long-source", "truncate|refuse", long_source, long_words,
           "truncate longer sources, keep their last token and warn once (default), or refuse "
           "them"),
    CLI_TRACE_OPTION(FIELD(common)),

    CLI_ROW_GROUP("Messages:"),
    CLI_COMMON_OPTIONS(FIELD(common)),
};
/* clang-format on */

_Static_assert(ELCL_COUNT(options_table) <= CLI_MAX_OPTS, "raise CLI_MAX_OPTS");

/* Options of one style. The library refuses the same ones under its own names. */
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
    if (o->gen.do_sample && o->no_sample)
        return elcl_fail(err, ELCL_E_ARG, "expected --do-sample or --no-sample, found both");
    if (o->stream && o->common.format != CLI_FORMAT_TEXT)
        return elcl_fail(err, ELCL_E_ARG, "--stream writes text: expected --format text");
    if (o->stream && o->scores)
        return elcl_fail(err, ELCL_E_ARG,
                         "--stream cannot write the score first: expected --stream or --scores, "
                         "found both");
    if (o->unordered && o->common.format != CLI_FORMAT_JSONL)
        return elcl_fail(err, ELCL_E_ARG,
                         "--unordered needs --format jsonl, whose lines tell their sample");
    if (o->scores && o->common.format == CLI_FORMAT_JSONL)
        return elcl_fail(err, ELCL_E_ARG,
                         "--scores is for text and ids: jsonl always holds the score");
    return cli_check_devices(&o->model, ELCL_MAX_ENGINES / o->n_engines, err);
}

/* Derives the expected workload from the options that were given. */
static void expect(struct cli_generate_options *o)
{
    const elcl_gen_options *gen = &o->gen;
    o->model.expected_batch = o->batch_size;
    o->model.expected_beams =
        gen->num_beams > gen->num_return_sequences ? gen->num_beams : gen->num_return_sequences;
    o->model.expected_source = o->max_source;
    o->model.expected_target = gen->max_new_tokens > 0 ? gen->max_new_tokens + 1 : gen->max_length;
}

/* Every process must see all lines to find its own. */
static int check_shard(struct cli_generate_options *o, elcl_error *err)
{
    if (!o->shard_text)
        return ELCL_OK;
    if (!o->samples.input || !strcmp(o->samples.input, "-"))
        return elcl_fail(err, ELCL_E_ARG,
                         "--shard is a part of a file's lines: give the file with --input");
    return cli_shard_parse(o->shard_text, &o->shard, err);
}

static int check(const struct cli_args *args, void *target, elcl_error *err)
{
    struct cli_generate_options *o = target;
    int rc = cli_sample_options_take(&o->samples, args, err);
    if (!rc)
        rc = check_combination(o, err);
    if (!rc)
        rc = check_shard(o, err);
    expect(o);
    return rc ? rc : cli_generate_check_style(o, err);
}

bool cli_generate_parse(struct cli_generate_options *options, int argc, char **argv, int *exit_code)
{
    static const char about[] =
        "Generates text with the Hugging Face or CTranslate2 model in the directory MODEL.\n"
        "MODEL can also be a package of argostranslate (.argosmodel), or the name of a model\n"
        "in the Hugging Face cache, like facebook/bart-large-cnn.\n"
        "\n"
        "The samples are the TEXT arguments, or the lines of --input FILE, or the lines of\n"
        "standard input. Each sample produces at least one line, in input order.\n";
    static const char examples[] =
        "  elcl generate models/g2p-en attention\n"
        "  elcl generate models/g2p-en --input words.txt --output phonemes.txt\n"
        "  elcl generate facebook/bart-large-cnn --num-beams 4 --max-new-tokens 142 \\\n"
        "      --input articles.txt\n"
        "  elcl generate facebook/m2m100_418M --src-lang en --tgt-lang fr \"Good morning\"\n"
        "  elcl generate openai-community/gpt2 --do-sample --temperature 0.8 --stream \\\n"
        "      \"In the beginning\"\n";
    *options = (struct cli_generate_options){.args = {.verb = "generate",
                                                      .use = "MODEL [TEXT...]",
                                                      .about = about,
                                                      .examples = examples,
                                                      .opts = options_table,
                                                      .n_opts = ELCL_COUNT(options_table),
                                                      .max_words = INT_MAX,
                                                      .needs_model = true,
                                                      .check = check},
                                             .model = CLI_MODEL_DEFAULTS,
                                             .n_engines = 1};
    return cli_args_begin(&options->args, argc, argv, options, exit_code);
}
