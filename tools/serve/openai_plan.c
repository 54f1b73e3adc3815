#include "serve/openai_plan.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "serve/worker_limits.h"

/* ---- options ------------------------------------------------------------------------------- */

/* A seed that nobody chose. */
static int draw_seed(void)
{
    static atomic_uint n_drawn;
    const uint64_t parts[2] = {elcl_clock_ns(), atomic_fetch_add(&n_drawn, 1)};
    return (int)(elcl_hash(ELCL_HASH_INIT, parts, sizeof(parts)) & INT32_MAX);
}

/* The given options over the model's defaults, without their lists. */
static int preview(const struct cli_openai_request *r, const struct cli_served *served,
                   elcl_gen_options *gen, elcl_error *err)
{
    elcl_gen_lists *lists = NULL;
    elcl_model_gen_defaults(served->model, gen);
    const int rc = cli_settings_apply(&r->given, gen, &lists, err);
    elcl_gen_lists_destroy(&lists);
    return rc;
}

/* n outputs: of so many samples the best ones, or of so many beams. */
static int choose_numbers(struct cli_openai_request *r, const elcl_gen_options *gen,
                          struct cli_openai_plan *plan, elcl_error *err)
{
    int rc = ELCL_OK, beams = gen->num_beams;
    const bool draws = gen->do_sample && beams == 1 && gen->search_style == ELCL_STYLE_HF;
    plan->n = r->n ? r->n : gen->num_return_sequences;
    if (draws) {
        const int drawn = elcl_max_int(plan->n, r->best_of);
        if (r->stream && drawn > plan->n)
            return elcl_fail(err, ELCL_E_ARG,
                             "best_of: a stream cannot wait for the best outputs: expected n, "
                             "which is %d, found %d",
                             plan->n, r->best_of);
        return cli_openai_set_int(r, "num_return_sequences", drawn, err);
    }
    if (r->best_of && !cli_settings_has(&r->given, "num_beams"))
        beams = r->best_of;
    if (r->n)
        rc = cli_openai_set_int(r, "num_return_sequences", r->n, err);
    r->beams_from_n = r->n > beams;
    if (r->beams_from_n)
        beams = r->n;
    return rc || beams == gen->num_beams ? rc : cli_openai_set_int(r, "num_beams", beams, err);
}

static int add_settings(struct cli_openai_request *r, const struct cli_served *served,
                        struct cli_openai_plan *plan, elcl_error *err)
{
    elcl_gen_options gen;
    int rc;
    ELCL_TRY(preview(r, served, &gen, err));
    ELCL_TRY(choose_numbers(r, &gen, plan, err));
    if (gen.do_sample && !cli_settings_has(&r->given, "seed")) {
        plan->seed = draw_seed();
        ELCL_TRY(cli_openai_set_int(r, "seed", (int)plan->seed, err));
    }
    if (r->logprobs >= 0)
        ELCL_TRY(cli_openai_set(r, "token_logprobs", "true", err));
    if (r->alignments)
        ELCL_TRY(cli_openai_set(r, "alignments", "true", err));
    if (served->info.decoder_only)
        ELCL_TRY(cli_openai_set(r, "no_prompt", "true", err));
fail:
    return rc;
}

static int resolve(struct cli_openai_request *r, const struct cli_served *served,
                   struct cli_openai_plan *plan, elcl_error *err)
{
    const struct cli_decoding decoding = {
        .given = &r->given,
        .lists = &r->lists,
        .languages = {.source = r->src_lang,
                      .target = r->tgt_lang,
                      .ids = r->is_ids ? "token ids" : NULL},
        .max_source = cli_worker_sizes(served->worker)->max_source,
    };
    int rc;
    ELCL_TRY(add_settings(r, served, plan, err));
    ELCL_TRY(cli_decoding_begin(&decoding, served->model, &plan->resolved, err));
    if (!served->info.has_tokenizer && !r->is_ids)
        ELCL_TRY(elcl_fail(err, ELCL_E_ARG,
                           "prompt: the model has no tokenizer: expected token ids, found text"));
    if (served->info.decoder_only && r->split)
        ELCL_TRY(elcl_fail(err, ELCL_E_ARG,
                           "split: the model continues its prompt, which stays whole: expected "
                           "none"));
    ELCL_TRY(cli_decoding_finish(&decoding, served->model, &plan->resolved, err));
fail:
    return rc;
}

/* ---- parts --------------------------------------------------------------------------------- */

static struct cli_openai_part *add_part(struct cli_openai_plan *plan, size_t prompt,
                                        elcl_error *err)
{
    void *parts = plan->parts;
    if (plan->n_parts == CLI_OPENAI_MAX_PARTS) {
        elcl_fail(err, ELCL_E_ARG, "prompt: expected at most %d sentences, found more",
                  CLI_OPENAI_MAX_PARTS);
        return NULL;
    }
    if (!elcl_grow(&parts, &plan->capacity, plan->n_parts + 1, sizeof(*plan->parts))) {
        elcl_fail_nomem(err);
        return NULL;
    }
    plan->parts = parts;
    struct cli_openai_part *part = &plan->parts[plan->n_parts++];
    *part = (struct cli_openai_part){.prompt = prompt};
    plan->prompts[prompt].n_parts++;
    return part;
}

static int split_text(const struct cli_side *text, size_t prompt, struct cli_sentences *sentences,
                      struct cli_source_counter *counter, struct cli_openai_plan *plan,
                      elcl_error *err)
{
    struct cli_piece piece;
    bool more = true;
    plan->prompts[prompt].n_blanks = cli_sentences_begin(sentences, text->text, text->n_text);
    for (;;) {
        int rc = cli_sentences_next(sentences, &piece, &more, err);
        if (rc || !more)
            return rc;
        struct cli_openai_part *part = add_part(plan, prompt, err);
        if (!part)
            return ELCL_E_ARG;
        part->piece = piece;
        part->source = cli_source_counted(counter);
        rc = cli_source_fit(counter->rules, &plan->resolved, &part->source, err);
        if (rc)
            return rc;
    }
}

static int split_prompts(const struct cli_openai_request *r, const struct cli_source_rules *rules,
                         struct cli_openai_plan *plan, elcl_error *err)
{
    struct cli_source_counter counter = {.rules = rules};
    const struct cli_sentences_params params = {.language = r->src_lang,
                                                .max_tokens = (size_t)rules->max_source,
                                                .count = cli_source_count,
                                                .user = &counter};
    struct cli_sentences *sentences = NULL;
    int rc = cli_sentences_create(&params, &sentences, err);
    for (size_t i = 0; i < r->n_prompts && !rc; i++) {
        plan->prompts[i].first = plan->n_parts;
        rc = split_text(&r->prompts[i], i, sentences, &counter, plan, err);
    }
    cli_sentences_destroy(&sentences);
    free(counter.last.ids);
    return rc;
}

static int take_prompts(const struct cli_openai_request *r, const struct cli_source_rules *rules,
                        struct cli_openai_plan *plan, elcl_error *err)
{
    int rc = ELCL_OK;
    for (size_t i = 0; i < r->n_prompts && !rc; i++) {
        plan->prompts[i].first = plan->n_parts;
        struct cli_openai_part *part = add_part(plan, i, err);
        if (!part)
            return ELCL_E_ARG;
        rc = cli_source_take(rules, &r->prompts[i], &part->source, err);
        if (!rc)
            rc = cli_source_fit(rules, &plan->resolved, &part->source, err);
    }
    return rc;
}

static int make_parts(const struct cli_openai_request *r, const struct cli_served *served,
                      struct cli_openai_plan *plan, elcl_error *err)
{
    const struct cli_source_rules rules = {
        .model = served->model,
        .info = served->info,
        .max_source = cli_worker_sizes(served->worker)->max_source,
        .opening = served->opening,
        .n_opening = served->n_opening,
        .src_lang = r->src_lang,
        .tgt_lang = r->tgt_lang,
    };
    elcl_error why = {0};
    plan->prompts = elcl_calloc(r->n_prompts, sizeof(*plan->prompts));
    if (!plan->prompts)
        return elcl_fail_nomem(err);
    if (!(r->split ? split_prompts : take_prompts)(r, &rules, plan, &why))
        return ELCL_OK;
    return why.code == ELCL_E_NOMEM || !strncmp(why.msg, "prompt: ", 8) || !plan->n_parts
               ? elcl_fail(err, why.code, "%s", why.msg)
               : elcl_fail(err, why.code, "prompt: number %zu: %s",
                           plan->parts[plan->n_parts - 1].prompt, why.msg);
}

static int make_requests(const struct cli_served *served, struct cli_openai_plan *plan,
                         elcl_error *err)
{
    plan->requests = elcl_calloc(plan->n_parts, sizeof(*plan->requests));
    if (!plan->requests)
        return elcl_fail_nomem(err);
    for (size_t i = 0; i < plan->n_parts; i++) {
        const struct cli_openai_part *part = &plan->parts[i];
        elcl_request *request = &plan->requests[i];
        const size_t piece = i - plan->prompts[part->prompt].first;
        *request = (elcl_request){.source = part->source.ids,
                                  .n_source = part->source.n_ids,
                                  .options = plan->resolved.gen,
                                  .sample = cli_piece_sample(part->prompt, piece)};
        if (part->source.max_new_tokens)
            request->options.max_new_tokens = part->source.max_new_tokens;
        if (!plan->resolved.own_limit)
            cli_worker_fit(cli_worker_sizes(served->worker), &served->info, request);
    }
    return ELCL_OK;
}

int cli_openai_plan_make(struct cli_openai_request *request, const struct cli_served *served,
                         struct cli_openai_plan *plan, char param[64], elcl_error *err)
{
    struct cli_openai_plan made = {.seed = -1};
    elcl_error why = {0};
    int rc;
    *param = '\0';
    *plan = (struct cli_openai_plan){0};
    ELCL_TRY(resolve(request, served, &made, &why));
    ELCL_TRY(make_parts(request, served, &made, &why));
    ELCL_TRY(make_requests(served, &made, &why));
    *plan = made;
    return ELCL_OK;
fail:
    cli_openai_plan_finish(&made);
    return cli_openai_fail(request, &why, param, err);
}

void cli_openai_plan_finish(struct cli_openai_plan *plan)
{
    for (size_t i = 0; i < plan->n_parts; i++)
        free(plan->parts[i].source.ids);
    free(plan->parts);
    elcl_free(plan->prompts);
    elcl_free(plan->requests);
    *plan = (struct cli_openai_plan){0};
}
