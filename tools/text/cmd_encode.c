/* elcl encode: the token ids of texts. */
#include <limits.h>
#include <string.h>

#include "common/json_write.h"
#include "text/convert.h"

#define FIELD(name) offsetof(struct cli_conversion, name)

enum { FORMAT_TOKENS = CLI_FORMAT_HTML + 1 };

/* clang-format off */
static const struct cli_choice input_words[] = {
    {"text", CLI_FORMAT_TEXT}, {"jsonl", CLI_FORMAT_JSONL}, {NULL, 0}};
static const struct cli_choice format_words[] = {
    {"ids", CLI_FORMAT_IDS}, {"tokens", FORMAT_TOKENS}, {"jsonl", CLI_FORMAT_JSONL}, {NULL, 0}};

static const struct cli_opt options_table[] = {
    CLI_ROW_GROUP("Input and output:"),
    CLI_CONVERT_INPUT("text|jsonl", input_words, "what a line holds: text (default), or a JSON "
        "object with \"text\""),
    CLI_OUTPUT_OPTION(FIELD(common)),
    CLI_FORMAT_OPTION(FIELD(common), "ids|tokens|jsonl", format_words,
        "write the ids (default), the tokens as the vocabulary spells them, or JSON objects with "
        "both"),
    CLI_LANGUAGE_OPTIONS(FIELD(samples)),
    CLI_ROW_FLAG("target", target,
        "encode as an output of an encoder-decoder model, as elcl score takes it"),
    CLI_ROW_FLAG("no-special-tokens", no_special_tokens, "add no tokens around a text"),
    CLI_ROW_GROUP("Messages:"),
    CLI_COMMON_OPTIONS(FIELD(common)),
};
/* clang-format on */

/* Appends a token for people: control characters as in C, one line for a text. */
static void append_token(const char *s, size_t n, struct elcl_str *out)
{
    static const char special[] = "\n\r\t\0", letters[] = "nrt0";
    for (size_t i = 0; i < n; i++) {
        const char *found = memchr(special, s[i], 4);
        if (found)
            elcl_str_printf(out, "\\%c", letters[found - special]);
        else
            elcl_str_append(out, s + i, 1);
    }
}

static void append_all(const struct cli_conversion *c, const int32_t *ids, size_t n, int format,
                       struct elcl_str *out)
{
    for (size_t i = 0; i < n; i++) {
        size_t length = 0;
        const char *token = elcl_codec_token(c->codec, ids[i], c->target, &length);
        if (i)
            elcl_str_text(out, format == CLI_FORMAT_JSONL ? ", " : " ");
        if (format == CLI_FORMAT_JSONL)
            cli_json_string(out, token ? token : "", length);
        else
            append_token(token ? token : "", length, out);
    }
}

static void append_ids(const int32_t *ids, size_t n, const char *between, struct elcl_str *out)
{
    for (size_t i = 0; i < n; i++)
        elcl_str_printf(out, "%s%d", i ? between : "", (int)ids[i]);
}

static int encode(const struct cli_conversion *c, const struct cli_parsed *line, uint64_t index,
                  struct elcl_str *out, elcl_error *err)
{
    int32_t *ids = NULL;
    size_t n = 0;
    if (!line->source.text)
        return elcl_fail(err, ELCL_E_FORMAT, "expected \"text\", found \"ids\"");
    const int rc = elcl_codec_encode(c->codec, line->source.text, line->source.n_text, &c->options,
                                     &ids, &n, err);
    if (rc)
        return rc;
    if (c->common.format == CLI_FORMAT_JSONL) {
        cli_convert_begin_json(line, index, out);
        elcl_str_text(out, "\"ids\": [");
        append_ids(ids, n, ", ", out);
        elcl_str_text(out, "], \"tokens\": [");
        append_all(c, ids, n, CLI_FORMAT_JSONL, out);
        elcl_str_text(out, "]}");
    } else if (c->common.format == CLI_FORMAT_IDS) {
        append_ids(ids, n, " ", out);
    } else {
        append_all(c, ids, n, FORMAT_TOKENS, out);
    }
    elcl_free(ids);
    return ELCL_OK;
}

static int check(const struct cli_args *args, void *target, elcl_error *err)
{
    struct cli_conversion *c = target;
    if (c->target && c->samples.src_lang)
        return elcl_fail(err, ELCL_E_ARG, "--src-lang does nothing with --target");
    if (c->no_special_tokens && (c->samples.src_lang || c->samples.tgt_lang))
        return elcl_fail(
            err, ELCL_E_ARG,
            "--%s does nothing with --no-special-tokens: a language is a special token",
            c->samples.src_lang ? "src-lang" : "tgt-lang");
    return cli_sample_options_take(&c->samples, args, err);
}

int cli_cmd_encode(int argc, char **argv)
{
    struct cli_conversion c = {
        .args = {.verb = "encode",
                 .use = "MODEL [TEXT...]",
                 .about = "Writes the token ids of texts as the model reads them: of the TEXT "
                          "arguments, or the\n"
                          "lines of --input FILE, or the lines of standard input. Reads only the "
                          "tokenizer and\n"
                          "needs no device.\n",
                 .examples = "  elcl encode models/kjv-gpt2 \"In the beginning\"\n"
                             "  elcl encode models/kjv-gpt2 --format tokens \"In the beginning\"\n",
                 .opts = options_table,
                 .n_opts = ELCL_COUNT(options_table),
                 .max_words = INT_MAX,
                 .needs_model = true,
                 .check = check},
        .samples = {.input_format = CLI_FORMAT_TEXT},
        .common = {.format = CLI_FORMAT_IDS},
        .convert = encode};
    int exit_code;
    return cli_args_begin(&c.args, argc, argv, &c, &exit_code) ? cli_convert(&c) : exit_code;
}
