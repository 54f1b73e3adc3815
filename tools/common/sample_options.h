/* The model and the samples on a command line, for the verbs that read text. */
#ifndef CLI_SAMPLE_OPTIONS_H
#define CLI_SAMPLE_OPTIONS_H

#include "common/args.h"
#include "common/input.h"
#include "common/language_pair.h"
#include "common/words.h"

struct cli_sample_options {
    const char *model; /* the first word */
    char **texts;      /* [n_texts] the other words, or NULL */
    int n_texts;
    const char *input;               /* NULL or "-": standard input, unless there are texts */
    int input_format;                /* enum cli_format */
    const char *src_lang, *tgt_lang; /* NULL: not given */
};

/* clang-format off */
/* Entries of an options table whose target has these options `at` bytes from its start. */
#define CLI_SAMPLE_OPTIONS(at, input_format_help) \
    {CLI_OPT_TEXT, "input", "FILE", "read samples from FILE, one per line; - is standard input", \
     (at) + offsetof(struct cli_sample_options, input), 0, 0, NULL}, \
    {CLI_OPT_CHOICE, "input-format", "text|jsonl|ids", input_format_help, \
     (at) + offsetof(struct cli_sample_options, input_format), 0, 0, cli_format_words}
#define CLI_LANGUAGE_OPTIONS(at) \
    {CLI_OPT_TEXT, "src-lang", "CODE", \
     "language of the source, in the model's spelling: en_XX (mBART), en (M2M-100), eng_Latn " \
     "(NLLB); elcl languages MODEL lists them (default: tokenizer_config.json)", \
     (at) + offsetof(struct cli_sample_options, src_lang), 0, 0, NULL}, \
    {CLI_OPT_TEXT, "tgt-lang", "CODE", \
     "language of the output; Marian has codes like fra, without >> and <<", \
     (at) + offsetof(struct cli_sample_options, tgt_lang), 0, 0, NULL}
/* clang-format on */

/* Takes the words of the command line: MODEL and texts. Fails with ELCL_E_ARG if there are two
 * sources of samples. */
int cli_sample_options_take(struct cli_sample_options *o, const struct cli_args *args,
                            elcl_error *err);
/* Opens the samples. */
int cli_samples_open(const struct cli_sample_options *o, struct cli_input *in, elcl_error *err);

/* Warns about an empty input, and about a text that is also the name of a file. */
void cli_samples_warn(const struct cli_sample_options *o, uint64_t n_samples);

/* Fails with ELCL_E_ARG if the model has no tokenizer; `option` ids is the way out. */
int cli_check_tokenizer(const struct cli_sample_options *o, const elcl_model_info *info,
                        const char *option, elcl_error *err);
/* The languages of the samples. */
struct cli_language_pair cli_sample_languages(const struct cli_sample_options *o);

#endif
