/* elcl decode: the texts of token ids. */
#include <limits.h>

#include "common/json_write.h"
#include "text/convert.h"

#define FIELD(name) offsetof(struct cli_conversion, name)

/* clang-format off */
static const struct cli_choice input_words[] = {
    {"ids", CLI_FORMAT_IDS}, {"jsonl", CLI_FORMAT_JSONL}, {NULL, 0}};
static const struct cli_choice format_words[] = {
    {"text", CLI_FORMAT_TEXT}, {"jsonl", CLI_FORMAT_JSONL}, {NULL, 0}};

static const struct cli_opt options_table[] = {
    CLI_ROW_GROUP("Input and output:"),
    CLI_CONVERT_INPUT("ids|jsonl", input_words, "what a line holds: token ids separated by blanks "
        "(default), or a JSON object with \"ids\""),
    CLI_OUTPUT_OPTION(FIELD(common)),
    CLI_FORMAT_OPTION(FIELD(common), "text|jsonl", format_words,
        "write texts (default) or JSON objects"),
    CLI_ROW_FLAG("no-special-tokens", no_special_tokens,
        "leave special tokens out, as elcl generate does"),
    CLI_ROW_GROUP("Messages:"),
    CLI_COMMON_OPTIONS(FIELD(common)),
};
/* clang-format on */

static int decode(const struct cli_conversion *c, const struct cli_parsed *line, uint64_t index,
                  struct elcl_str *out, elcl_error *err)
{
    char *text = NULL;
    if (!line->source.ids)
        return elcl_fail(err, ELCL_E_FORMAT, "expected \"ids\", found \"text\"");
    const int rc =
        elcl_codec_decode(c->codec, line->source.ids, line->source.n_ids, &c->options, &text, err);
    if (rc)
        return rc;
    if (c->common.format == CLI_FORMAT_JSONL) {
        cli_convert_begin_json(line, index, out);
        elcl_str_text(out, "\"text\": ");
        cli_json_text(out, text);
        elcl_str_text(out, "}");
    } else {
        elcl_str_text(out, text);
    }
    elcl_free(text);
    return ELCL_OK;
}

static int check(const struct cli_args *args, void *target, elcl_error *err)
{
    struct cli_conversion *c = target;
    const int rc = cli_sample_options_take(&c->samples, args, err);
    if (!rc && c->samples.texts && c->samples.input_format == CLI_FORMAT_JSONL)
        return elcl_fail(err, ELCL_E_ARG, "--input-format jsonl reads lines, not ID arguments");
    return rc;
}

/* The ID arguments are one sample. */
static int decode_words(struct cli_conversion *c)
{
    struct elcl_str line = {0};
    for (int i = 0; i < c->samples.n_texts; i++)
        elcl_str_printf(&line, "%s%s", i ? " " : "", c->samples.texts[i]);
    if (line.failed) {
        elcl_str_finish(&line);
        return cli_error(CLI_EXIT_FAILURE, "out of memory");
    }
    c->samples.texts = &line.data;
    c->samples.n_texts = 1;
    const int exit_code = cli_convert(c);
    elcl_str_finish(&line);
    return exit_code;
}

int cli_cmd_decode(int argc, char **argv)
{
    struct cli_conversion c = {
        .args = {.verb = "decode",
                 .use = "MODEL [ID...]",
                 .about = "Writes the text of token ids: of the ID arguments, or of each line of "
                          "--input FILE or\n"
                          "standard input. Reads only the tokenizer and needs no device.\n",
                 .examples = "  elcl decode models/kjv-gpt2 304 262 689\n"
                             "  elcl encode MODEL < texts | elcl decode MODEL\n",
                 .opts = options_table,
                 .n_opts = ELCL_COUNT(options_table),
                 .max_words = INT_MAX,
                 .needs_model = true,
                 .check = check},
        .samples = {.input_format = CLI_FORMAT_IDS},
        .common = {.format = CLI_FORMAT_TEXT},
        .convert = decode};
    int exit_code;
    if (!cli_args_begin(&c.args, argc, argv, &c, &exit_code))
        return exit_code;
    return c.samples.texts ? decode_words(&c) : cli_convert(&c);
}
