/* elcl generate: from the text or the ids of a source to what is submitted. */
#include "common/source.h"
#include "generate/generation.h"

static struct cli_source_rules rules_of(const struct cli_generation *r)
{
    const bool refuse = r->opt->long_source == CLI_LONG_REFUSE;
    return (struct cli_source_rules){
        .model = r->model,
        .info = r->info,
        .max_source = r->opt->max_source,
        .opening = r->opening,
        .n_opening = r->n_opening,
        .refuse = refuse ? "--long-source truncate cuts them" : NULL,
        .src_lang = r->opt->samples.src_lang,
        .tgt_lang = r->opt->samples.tgt_lang,
    };
}

int cli_generate_encode(struct cli_generation *r, const struct cli_side *side, int32_t **ids,
                        size_t *n_ids, elcl_error *err)
{
    const struct cli_source_rules rules = rules_of(r);
    struct cli_source source;
    const int rc = cli_source_take(&rules, side, &source, err);
    if (rc)
        return rc;
    *ids = source.ids;
    *n_ids = source.n_ids;
    return ELCL_OK;
}

/* Checks and cuts the ids of a part. */
static int fit(struct cli_generation *r, struct cli_part *part, elcl_error *err)
{
    const struct cli_source_rules rules = rules_of(r);
    struct cli_source source = {.ids = part->ids, .n_ids = part->n_ids};
    struct cli_sample *sample = part->sample;
    const int rc = cli_source_fit(&rules, cli_generate_options_of(r, sample), &source, err);
    if (rc)
        return rc;
    if (source.n_cut && !sample->n_cut && !r->cut.n++) {
        r->cut.first_line = sample->line;
        r->cut.tokens = source.n_ids;
    }
    sample->n_cut += source.n_cut;
    part->n_ids = source.n_ids;
    if (source.max_new_tokens)
        sample->max_new_tokens = source.max_new_tokens;
    return ELCL_OK;
}

static int add_to_window(struct cli_generation *r, struct cli_part *part, elcl_error *err)
{
    void *window = r->window;
    if (!elcl_grow(&window, &r->window_capacity, r->n_window + 1, sizeof(*r->window)))
        return elcl_fail_nomem(err);
    r->window = window;
    r->window[r->n_window++] = part;
    r->window_tokens += part->n_ids;
    return ELCL_OK;
}

struct cli_part *cli_generate_add_part(struct cli_generation *r, struct cli_sample *sample)
{
    struct cli_part *part = cli_part_add(sample);
    r->n_held += part != NULL;
    return part;
}

int cli_generate_take_part(struct cli_generation *r, struct cli_part *part, elcl_error *err)
{
    const int rc = fit(r, part, err);
    return rc ? rc : add_to_window(r, part, err);
}
