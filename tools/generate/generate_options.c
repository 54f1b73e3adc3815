#include "generate/generate_options.h"

#include "common/alignments.h"

#include <limits.h>
#include <string.h>

#define FIELD(name) offsetof(struct cli_generate_options, name)

/* clang-format off */
static const struct cli_choice long_words[] = {
    {"truncate", CLI_LONG_TRUNCATE}, {"refuse", CLI_LONG_REFUSE}, {NULL, 0}};
static const struct cli_choice split_words[] = {
    {"none", CLI_SPLIT_NONE}, {"sentences", CLI_SPLIT_SENTENCES}, {NULL, 0}};
static const struct cli_choice auto_word[] = {{"auto", 0}, {NULL, 0}};

/* Options of the library's table. */
#define SETTING(name) {CLI_OPT_SETTING, name, NULL, NULL, FIELD(given), 0, 0, NULL}
#define SWITCH(name, help) {CLI_OPT_SETTING_FLAG, name, NULL, help, FIELD(given), 0, 0, NULL}

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
    CLI_ROW_CHOICE("split", "none|sentences", split, split_words,
        "sentences: generate for each sentence of a text by itself and join the outputs, so that "
        "texts of any length come out whole"),
    CLI_ROW_FLAG("scores", scores, "text and ids: begin each line with the score and a tab"),
    SWITCH("no-prompt", "decoder-only models: write only what follows the prompt"),
    SWITCH("token-logprobs", "jsonl: add the log-probability of each token"),
    CLI_ALIGNMENT_OPTIONS("add what the decoder attends to in the source for each token: soft, for "
        "jsonl, all probabilities; hard, for text and ids after |||, a pair i-j of tokens, source "
        "and output, at the largest one"),
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
    SETTING("num-beams"),
    SETTING("num-return-sequences"),
    SETTING("length-penalty"),
    SETTING("early-stopping"),
    SETTING("patience"),
    SETTING("num-beam-groups"),
    SETTING("diversity-penalty"),
    SETTING("renormalize-logits"),

    CLI_ROW_GROUP("Length (in tokens, the start token included; for decoder-only models the "
                  "prompt\n"
          "included):"),
    SETTING("max-length"),
    SETTING("max-new-tokens"),
    SETTING("min-length"),
    SETTING("min-new-tokens"),

    CLI_ROW_GROUP("Repetition:"),
    SETTING("no-repeat-ngram-size"),
    SETTING("repetition-penalty"),
    SETTING("presence-penalty"),
    SETTING("frequency-penalty"),
    SETTING("encoder-no-repeat-ngram-size"),
    SETTING("encoder-repetition-penalty"),

    CLI_ROW_GROUP("Required and forbidden tokens:"),
    SETTING("stop"),
    CLI_ROW_TEXT("decoder-prefix", "TEXT", lists.prefix,
         "begin every output with TEXT, after the start token"),
    SETTING("decoder-prefix-ids"),
    SETTING("prefix-alternatives"),
    SETTING("bad-words-ids"),
    SETTING("suppress-tokens"),
    SETTING("begin-suppress-tokens"),
    SETTING("decoder-start-token-id"),
    SETTING("forced-bos-token-id"),
    SETTING("forced-eos-token-id"),
    SETTING("eos-token-id"),
    SETTING("timestamp-begin-token-id"),
    SETTING("no-timestamps-token-id"),
    SETTING("max-initial-timestamp-index"),

    CLI_ROW_GROUP("Sampling (applied in this order):"),
    SWITCH("do-sample", NULL),
    CLI_ROW_FLAG("no-sample", no_sample, "search, even if generation_config.json says do_sample"),
    SETTING("temperature"),
    SETTING("top-k"),
    SETTING("top-p"),
    SETTING("min-p"),
    SETTING("typical-p"),
    SETTING("seed"),

    CLI_ROW_GROUP("Search as in fairseq (lengths exclude the start token and EOS):"),
    SETTING("search-style"),
    SETTING("min-len"),
    SETTING("max-len-a"),
    SETTING("max-len-b"),
    SETTING("unk-penalty"),
    SETTING("unk-token-id"),

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

int cli_generate_check_style(const struct cli_generate_options *o, elcl_error *err)
{
    elcl_error why = {0};
    const int rc = cli_decoding_check_style(&o->given, &why);
    return rc ? cli_args_fail_spelled(&o->args, &why, err) : ELCL_OK;
}

static int check_combination(const struct cli_generate_options *o, elcl_error *err)
{
    if (o->no_sample && cli_args_seen(&o->args, "do-sample"))
        return elcl_fail(err, ELCL_E_ARG, "expected --do-sample or --no-sample, found both");
    if (o->split && o->samples.input_format == CLI_FORMAT_IDS)
        return elcl_fail(err, ELCL_E_ARG,
                         "--split sentences is for texts: expected --input-format text or jsonl");
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
    const int rc = cli_check_encoder_cache(&o->model, err);
    return rc ? rc : cli_check_devices(&o->model, ELCL_MAX_ENGINES / o->n_engines, err);
}

static int check_alignments(struct cli_generate_options *o, elcl_error *err)
{
    if (o->alignments == CLI_ALIGNMENTS_SOFT && o->common.format != CLI_FORMAT_JSONL)
        return elcl_fail(err, ELCL_E_ARG, "--alignments soft needs --format jsonl");
    if (o->alignments && o->stream)
        return elcl_fail(
            err, ELCL_E_ARG,
            "--stream writes only text: expected --stream or --alignments, found both");
    if (o->alignments && o->split)
        return elcl_fail(err, ELCL_E_ARG,
                         "--alignments needs whole sources: expected --split none");
    return cli_alignments_check(&o->args, (enum cli_alignments)o->alignments, &o->alignment_layer,
                                &o->alignment_head, err);
}

/* Derives the expected workload from the options that were given. */
static void expect(struct cli_generate_options *o, const elcl_gen_options *gen)
{
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
    elcl_gen_options gen;
    int rc = cli_sample_options_take(&o->samples, args, err);
    if (!rc)
        rc = check_combination(o, err);
    if (!rc)
        rc = check_alignments(o, err);
    if (!rc)
        rc = check_shard(o, err);
    if (!rc)
        rc = cli_settings_read(&o->given, &gen, err);
    if (!rc)
        expect(o, &gen);
    return rc ? rc : cli_generate_check_style(o, err);
}

bool cli_generate_parse(struct cli_generate_options *options, int argc, char **argv, int *exit_code)
{
    static const char about[] =
        "Generates text with the Hugging Face or CTranslate2 model in the directory MODEL.\n"
        "MODEL can also be a package of argostranslate (.argosmodel), a GGUF file of T5 or\n"
        "GPT-2, or the name of a model in the Hugging Face cache, like\n"
        "facebook/bart-large-cnn.\n"
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
