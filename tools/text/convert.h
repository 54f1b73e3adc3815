/* What elcl encode and elcl decode share: samples in, a line for each out, and no device. */
#ifndef CLI_CONVERT_H
#define CLI_CONVERT_H

#include "common/sample_options.h"

struct cli_conversion {
    struct cli_args args;
    struct cli_sample_options samples;
    struct cli_common_options common;
    int target, no_special_tokens;
    elcl_codec_options options;
    elcl_codec *codec;
    /* Appends the sample's result, without a line end. `index` counts from 0. */
    int (*convert)(const struct cli_conversion *c, const struct cli_parsed *line, uint64_t index,
                   struct elcl_str *out, elcl_error *err);
};

/* clang-format off */
#define CLI_CONVERT_INPUT(words, choices, input_help) \
    {CLI_OPT_TEXT, "input", "FILE", "read samples from FILE, one per line; - is standard input", \
     offsetof(struct cli_conversion, samples.input), 0, 0, NULL}, \
    {CLI_OPT_CHOICE, "input-format", words, input_help, \
     offsetof(struct cli_conversion, samples.input_format), 0, 0, choices}
/* clang-format on */

/* Runs a parsed command line; returns the exit code. */
int cli_convert(struct cli_conversion *c);

/* Appends `{"index": N, "id": ID`. */
void cli_convert_begin_json(const struct cli_parsed *line, uint64_t index, struct elcl_str *out);

#endif
