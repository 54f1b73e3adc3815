/* Input: a byte that chooses the format of a line and what it holds, then the line: text, token
 * ids, or JSON with the options of one sample. */
#include <stdlib.h>
#include <string.h>

#include "common/input.h"
#include "fuzz.h"
#include "generate/generate_options.h"

/* Lays the sample's own options over those of a command line without any. */
static void override(const struct cli_parsed *parsed)
{
    static struct cli_generate_options base;
    static bool is_parsed;
    static char verb[] = "generate", model[] = "model", word[] = "word";
    char *argv[] = {verb, model, word, NULL};
    struct cli_generate_options *own = NULL;
    elcl_error err = {0};
    int exit_code = 0;
    if (!is_parsed)
        FUZZ_REQUIRE(cli_generate_parse(&base, 3, argv, &exit_code));
    is_parsed = true;
    fuzz_check_error(cli_generate_override(&base, parsed, &own, &err), &err);
    FUZZ_REQUIRE(!err.code || !own);
    cli_generate_override_free(&own);
}

/* A text of JSON has no NUL: its bytes after one would be lost. */
static void check_side(const struct cli_side *side, bool json)
{
    FUZZ_REQUIRE(!side->text || !side->ids);
    FUZZ_REQUIRE(!side->text || !json || !memchr(side->text, '\0', side->n_text));
    for (size_t i = 0; i < side->n_ids; i++)
        FUZZ_REQUIRE(side->ids[i] >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const enum cli_format formats[] = {CLI_FORMAT_JSONL, CLI_FORMAT_TEXT, CLI_FORMAT_IDS};
    const uint8_t choice = fuzz_choice(&data, &n);
    const enum cli_sample_parts parts = (enum cli_sample_parts)(choice % 3);
    const struct cli_input in = {.format = formats[choice / 3 % 3], .name = "input", .n_lines = 1};
    struct cli_parsed parsed = {0};
    elcl_error err = {0};
    char *line = fuzz_copy(data, n);
    const int rc = cli_input_parse(&in, parts, line, n, &parsed, &err);
    fuzz_check_error(rc, &err);
    if (!rc) {
        FUZZ_REQUIRE(!parsed.json || !memchr(line, '\0', n));
        FUZZ_REQUIRE(parsed.source.text || parsed.source.ids);
        check_side(&parsed.source, parsed.json != NULL);
        check_side(&parsed.target, parsed.json != NULL);
        if (parsed.json && parts == CLI_PARTS_SOURCE)
            override(&parsed);
    }
    cli_parsed_finish(&parsed);
    free(line);
    return 0;
}
