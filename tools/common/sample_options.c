#include "common/sample_options.h"

#include <string.h>

#include "base/os.h"

int cli_sample_options_take(struct cli_sample_options *o, const struct cli_args *args,
                            elcl_error *err)
{
    o->model = args->words[0];
    o->n_texts = args->n_words - 1;
    o->texts = o->n_texts ? args->words + 1 : NULL;
    if (o->texts && o->input)
        return elcl_fail(err, ELCL_E_ARG,
                         "expected TEXT arguments or --input, found both: '%.100s' and "
                         "--input %.100s",
                         o->texts[0], o->input);
    return ELCL_OK;
}

int cli_samples_open(const struct cli_sample_options *o, struct cli_input *in, elcl_error *err)
{
    const enum cli_format format = (enum cli_format)o->input_format;
    if (!o->texts)
        return cli_input_open(in, o->input ? o->input : "-", format, err);
    cli_input_words(in, o->texts, o->n_texts, format);
    return ELCL_OK;
}

void cli_samples_warn(const struct cli_sample_options *o, uint64_t n_samples)
{
    if (!n_samples)
        cli_warn("%.200s is empty: nothing was read",
                 o->input && strcmp(o->input, "-") ? o->input : "standard input");
    else if (o->n_texts == 1 && elcl_is_file(o->texts[0]))
        cli_warn("'%.100s' was taken as a text, but there is a file of that name: --input %.100s "
                 "reads it",
                 o->texts[0], o->texts[0]);
}

int cli_check_tokenizer(const struct cli_sample_options *o, const elcl_model_info *info,
                        const char *option, elcl_error *err)
{
    if (info->has_tokenizer)
        return ELCL_OK;
    return elcl_fail(err, ELCL_E_ARG,
                     "%.200s holds no tokenizer (tokenizer.json, vocab.json with merges.txt, "
                     "*.model or *.spm): download these files too, or use token ids with %s ids",
                     o->model, option);
}

struct cli_language_pair cli_sample_languages(const struct cli_sample_options *o)
{
    return (struct cli_language_pair){
        .source = o->src_lang,
        .target = o->tgt_lang,
        .ids = o->input_format == CLI_FORMAT_IDS ? "--input-format ids" : NULL,
        .model = o->model,
    };
}
