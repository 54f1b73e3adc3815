/* elcl generate --split: from a text to the pieces that are submitted. */
#include "generate/generation.h"

int cli_generate_begin_split(struct cli_generation *r, elcl_error *err)
{
    const int longest = r->opt->max_source ? r->opt->max_source : r->info.default_length;
    const struct cli_sentences_params params = {.language = r->opt->samples.src_lang,
                                                .max_tokens = (size_t)longest,
                                                .count = cli_source_count,
                                                .user = &r->counter};
    if (r->opt->split == CLI_SPLIT_NONE)
        return ELCL_OK;
    if (r->info.decoder_only)
        return elcl_fail(err, ELCL_E_ARG,
                         "--split sentences is for models with an encoder: a model of type %s "
                         "continues its prompt",
                         r->info.family);
    r->counter.rules = &r->rules;
    return cli_sentences_create(&params, &r->sentences, err);
}

int cli_generate_split(struct cli_generation *r, struct cli_sample *sample, char *text, size_t n,
                       elcl_error *err)
{
    sample->text = text;
    r->splitting = sample;
    return cli_parts_begin(sample, cli_generate_options_of(r, sample)->gen.num_return_sequences,
                           cli_sentences_begin(r->sentences, text, n), err);
}

/* Makes the piece, whose ids were counted, a part of the window. */
static int take_piece(struct cli_generation *r, struct cli_part *part,
                      const struct cli_piece *piece, elcl_error *err)
{
    part->piece = *piece;
    part->source = cli_source_counted(&r->counter);
    return cli_generate_take_part(r, part, err);
}

int cli_generate_read_piece(struct cli_generation *r, elcl_error *err)
{
    struct cli_sample *sample = r->splitting;
    struct cli_piece piece;
    elcl_error bad = {0};
    bool more;
    int rc = cli_sentences_next(r->sentences, &piece, &more, &bad);
    if (!rc && !more) {
        sample->whole = true;
        r->splitting = NULL;
        return cli_generate_end_part(r, sample, err);
    }
    struct cli_part *part = rc == ELCL_E_NOMEM ? NULL : cli_generate_add_part(r, sample);
    if (!part)
        return elcl_fail_nomem(err);
    if (!rc)
        rc = take_piece(r, part, &piece, &bad);
    if (!rc)
        return ELCL_OK;
    if (rc == ELCL_E_NOMEM)
        return elcl_fail(err, rc, "%s", bad.msg);
    r->input_done = r->input_done || !r->opt->keep_going;
    rc = cli_part_fail(part, bad.msg, err);
    return rc ? rc : cli_generate_end_part(r, sample, err);
}
