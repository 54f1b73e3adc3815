/* The options of `elcl generate` over a model's defaults. */
#include "generate/generate_options.h"

static struct cli_decoding decoding_of(struct cli_generate_options *o)
{
    return (struct cli_decoding){
        .given = &o->given,
        .lists = &o->lists,
        .no_sample = o->no_sample != 0,
        .languages = cli_sample_languages(&o->samples),
        .max_source = o->max_source,
    };
}

/* Only what is final can be streamed. */
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

static int check_output(const struct cli_generate_options *o, const elcl_gen_options *gen,
                        const elcl_model *model, elcl_error *err)
{
    elcl_model_info info;
    elcl_model_get_info(model, &info);
    if (gen->token_logprobs && o->common.format != CLI_FORMAT_JSONL)
        return elcl_fail(err, ELCL_E_ARG, "--token-logprobs needs --format jsonl");
    if (gen->alignments && info.decoder_only)
        return elcl_fail(err, ELCL_E_ARG, "--alignments is for models with an encoder; %s has none",
                         info.family);
    int rc = check_stream(o, gen, err);
    if (!rc && o->common.format == CLI_FORMAT_TEXT)
        rc = cli_check_tokenizer(&o->samples, &info, "--input-format ids and --format", err);
    if (!rc && o->samples.input_format == CLI_FORMAT_TEXT)
        rc = cli_check_tokenizer(&o->samples, &info, "--input-format", err);
    return rc;
}

int cli_generate_resolve(struct cli_generate_options *options, const elcl_model *model,
                         struct cli_resolved *resolved, elcl_error *err)
{
    const struct cli_decoding decoding = decoding_of(options);
    struct cli_resolved r = {0};
    elcl_error why = {0};
    int rc;
    ELCL_TRY(cli_decoding_begin(&decoding, model, &r, &why));
    r.gen.alignments = options->alignments != 0;
    ELCL_TRY(check_output(options, &r.gen, model, &why));
    ELCL_TRY(cli_decoding_finish(&decoding, model, &r, &why));
    *resolved = r;
fail:
    return rc ? cli_args_fail_spelled(&options->args, &why, err) : ELCL_OK;
}
