/* The choices of a request for completions: made of tokens and results on the worker's thread. */
#include "serve/openai_completion.h"

#include <math.h>

/* ---- what is sent -------------------------------------------------------------------------- */

void cli_completion_send(struct cli_completion *c, struct elcl_str *events)
{
    if (events->failed) {
        elcl_fail_nomem(&c->failed);
    } else if (events->n) {
        if (!c->begun)
            cli_exchange_begin(c->x, 200, "text/event-stream");
        c->begun = true;
        cli_exchange_add(c->x, events->data, events->n);
    }
    elcl_str_finish(events);
}

static void send_choice(struct cli_completion *c, const struct cli_openai_choice *choice,
                        size_t prompt)
{
    const bool last = choice->finish_reason && choice->index % c->plan.n == c->last;
    struct elcl_str events = {0};
    if (c->request.stream) {
        cli_openai_add_event(&events, &c->head, choice,
                             last && !c->request.include_usage ? &c->usage : NULL,
                             c->request.include_usage);
        cli_completion_send(c, &events);
        return;
    }
    struct elcl_str *choices = &c->choices[prompt];
    elcl_str_text(choices, choices->n ? ", " : "");
    cli_openai_add_choice(choices, choice);
}

static const char *finish_word(enum elcl_finish_reason finish)
{
    return finish == ELCL_FINISH_LENGTH ? "length" : "stop";
}

/* ---- prompts that are repeated ------------------------------------------------------------- */

/* Whether outputs need the text of their prompt: to repeat it, or because a stop string may begin
 * in it. */
static bool needs_prompt(const struct cli_completion *c)
{
    return c->request.echo ||
           (c->served->info.decoder_only && c->plan.resolved.gen.n_stop_strings > 0);
}

/* Sets the text of a prompt as c->echo; a prompt of token ids is decoded. All outputs of a prompt
 * need it. */
static int read_prompt(struct cli_completion *c, size_t prompt, elcl_error *err)
{
    const struct cli_side *side = &c->request.prompts[prompt];
    char *text = NULL;
    if (c->n_read == prompt + 1 || !needs_prompt(c))
        return ELCL_OK;
    c->echo.n = 0;
    if (side->text) {
        elcl_str_append(&c->echo, side->text, side->n_text);
    } else if (c->served->info.has_tokenizer) {
        const int rc = elcl_decode(c->served->model, side->ids, side->n_ids, &text, err);
        if (rc)
            return rc;
        elcl_str_text(&c->echo, text);
        elcl_free(text);
    }
    if (c->echo.failed)
        return elcl_fail_nomem(err);
    c->n_read = prompt + 1;
    return ELCL_OK;
}

static const char *echo_text(const struct cli_completion *c)
{
    return c->echo.n ? c->echo.data : "";
}

/* The prompt before output j, with its tokens if log-probabilities are wanted. */
static int begin_choice(struct cli_completion *c, size_t part, struct cli_openai_output *prompt,
                        struct cli_openai_choice *choice, elcl_error *err)
{
    const struct cli_source *source = &c->plan.parts[part].source;
    choice->before = (struct cli_openai_piece){.text = echo_text(c), .n = c->echo.n};
    if (c->request.logprobs < 0 || !c->served->info.decoder_only)
        return ELCL_OK;
    const elcl_gen_options none = {0};
    int rc = cli_openai_output_begin(prompt, c->served->model, &none, "", 0, 0, err);
    if (!rc)
        rc = cli_openai_output_add(prompt, source->ids, NULL, source->n_ids, err);
    if (!rc)
        rc = cli_openai_output_end(prompt, err);
    if (!rc)
        choice->before = cli_openai_text_take(&prompt->text, true);
    return rc;
}

/* ---- outputs of prompts that are whole ----------------------------------------------------- */

static struct cli_openai_choice choice_of(const struct cli_completion *c, size_t part, int j)
{
    return (struct cli_openai_choice){
        .index = (int)c->plan.parts[part].prompt * c->plan.n + j,
        .logprobs = c->request.logprobs >= 0,
        .top = c->request.logprobs > 0,
        .ids = !c->served->info.has_tokenizer,
        .codec = c->served->codec,
        .as_target = !c->served->info.decoder_only,
    };
}

/* Begins output j of a prompt, and the first piece of its answer. */
static int begin_output(struct cli_completion *c, size_t part, struct cli_openai_output *output,
                        struct cli_openai_output *prompt, struct cli_openai_choice *choice,
                        elcl_error *err)
{
    const bool continues = c->served->info.decoder_only;
    int rc = read_prompt(c, c->plan.parts[part].prompt, err);
    if (!rc && c->request.echo)
        rc = begin_choice(c, part, prompt, choice, err);
    if (rc)
        return rc;
    const size_t characters =
        c->request.echo ? cli_count_characters(choice->before.text, choice->before.n) : 0;
    choice->source_cut = c->plan.parts[part].source.n_cut;
    return cli_openai_output_begin(output, c->served->model, &c->plan.resolved.gen, echo_text(c),
                                   continues ? c->echo.n : 0, characters, err);
}

/* Adds all tokens of a hypothesis but the start token. */
static int add_hypothesis(const struct cli_completion *c, const elcl_hypothesis *h,
                          struct cli_openai_output *output, elcl_error *err)
{
    const size_t start = c->served->info.decoder_only || !h->n_ids ? 0 : 1;
    return cli_openai_output_add(output, h->ids + start,
                                 h->token_logprobs ? h->token_logprobs + start : NULL,
                                 h->n_ids - start, err);
}

/* Gives out the end of output j, or all of it if no token of it has streamed. */
static int end_output(struct cli_completion *c, size_t part, int j, const elcl_hypothesis *h,
                      elcl_error *err)
{
    const size_t prompt = c->plan.parts[part].prompt;
    struct cli_openai_choice choice = choice_of(c, part, j);
    struct cli_openai_output whole = {0}, repeated = {0};
    struct cli_openai_output *output =
        c->outputs ? &c->outputs[prompt * (size_t)c->plan.n + (size_t)j] : &whole;
    int rc = ELCL_OK;
    if (!output->begun) {
        rc = begin_output(c, part, output, &repeated, &choice, err);
        if (!rc)
            rc = add_hypothesis(c, h, output, err);
    }
    if (!rc)
        rc = cli_openai_output_end(output, err);
    if (!rc) {
        choice.piece = cli_openai_text_take(&output->text, true);
        /* The last token that fits may complete a stop string. */
        choice.finish_reason = output->text.stopped ? "stop" : finish_word(h->finish);
        choice.score = h->score;
        choice.how = c->request.alignments;
        choice.alignments = h->alignments;
        choice.n_rows = h->n_ids ? h->n_ids - 1 : 0;
        choice.source = c->plan.parts[part].source.ids;
        choice.n_source = c->plan.parts[part].source.n_ids;
        send_choice(c, &choice, prompt);
    }
    cli_openai_output_finish(output);
    cli_openai_output_finish(&repeated);
    return rc;
}

void cli_completion_on_token(struct cli_job *job, size_t i, const elcl_token *token)
{
    struct cli_completion *c = (struct cli_completion *)job;
    const size_t prompt = c->plan.parts[i].prompt;
    struct cli_openai_output *output =
                                 &c->outputs[prompt * (size_t)c->plan.n + (size_t)token->stream],
                             repeated = {0};
    struct cli_openai_choice choice = choice_of(c, i, token->stream);
    int rc = c->failed.code;
    if (!rc && !output->begun)
        rc = begin_output(c, i, output, &repeated, &choice, &c->failed);
    if (!rc)
        rc = cli_openai_output_add(output, &token->token, &token->log_prob, 1, &c->failed);
    if (!rc) {
        choice.piece = cli_openai_text_take(&output->text, false);
        const bool wants_tokens = choice.logprobs || choice.ids;
        if (choice.piece.n || choice.before.n || (choice.piece.n_tokens && wants_tokens))
            send_choice(c, &choice, prompt);
    }
    cli_openai_output_finish(&repeated);
}

/* ---- outputs of prompts that are split ----------------------------------------------------- */

/* Keeps the text of output j of a part. */
static int keep_output(struct cli_completion *c, size_t part, int j, const elcl_hypothesis *h,
                       elcl_error *err)
{
    struct cli_part_output *kept = &c->part_outputs[part * (size_t)c->plan.n + (size_t)j];
    struct cli_openai_output output = {0};
    int rc =
        cli_openai_output_begin(&output, c->served->model, &c->plan.resolved.gen, "", 0, 0, err);
    if (!rc)
        rc = add_hypothesis(c, h, &output, err);
    if (!rc)
        rc = cli_openai_output_end(&output, err);
    if (!rc) {
        const struct cli_openai_piece piece = cli_openai_text_take(&output.text, true);
        elcl_str_append(&kept->text, piece.text, piece.n);
        kept->finish = output.text.stopped ? ELCL_FINISH_STOP : h->finish;
        kept->score = h->score;
        rc = kept->text.failed ? elcl_fail_nomem(err) : ELCL_OK;
    }
    cli_openai_output_finish(&output);
    return rc;
}

/* Joins output j of all parts of a prompt. */
static void join_output(struct cli_completion *c, size_t prompt, int j)
{
    const struct cli_openai_prompt *p = &c->plan.prompts[prompt];
    const char *text = c->request.prompts[prompt].text;
    struct cli_openai_choice choice = {.index = (int)prompt * c->plan.n + j,
                                       .finish_reason = "stop"};
    struct cli_joiner joiner;
    struct elcl_str joined = {0};
    cli_join_begin(&joiner, text, p->n_blanks, &joined);
    for (size_t i = p->first; i < p->first + p->n_parts; i++) {
        const struct cli_part_output *part = &c->part_outputs[i * (size_t)c->plan.n + (size_t)j];
        cli_join_piece(&joiner, &c->plan.parts[i].piece, &joined);
        cli_join_text(&joiner, part->text.n ? part->text.data : "", part->text.n, &joined);
        choice.score += part->score;
        choice.source_cut += c->plan.parts[i].source.n_cut;
        if (part->finish == ELCL_FINISH_LENGTH)
            choice.finish_reason = finish_word(part->finish);
    }
    cli_join_end(&joiner, &joined);
    if (joined.failed)
        elcl_fail_nomem(&c->failed);
    if (c->request.echo)
        choice.before =
            (struct cli_openai_piece){.text = text, .n = c->request.prompts[prompt].n_text};
    choice.piece = (struct cli_openai_piece){.text = joined.n ? joined.data : "", .n = joined.n};
    send_choice(c, &choice, prompt);
    elcl_str_finish(&joined);
}

/* ---- results ------------------------------------------------------------------------------- */

static double per_token(const elcl_hypothesis *h)
{
    return (double)h->score / (double)(h->n_generated ? h->n_generated : 1);
}

/* Writes the places of the hypotheses that the answer has: of more samples than that the best. */
static int choose(const struct cli_completion *c, const elcl_result *result,
                  int places[ELCL_MAX_BEAMS])
{
    int n = result->n_hypotheses;
    for (int i = 0; i < n; i++) {
        int at = i;
        while (n > c->plan.n && at > 0 &&
               per_token(&result->hypotheses[i]) > per_token(&result->hypotheses[places[at - 1]])) {
            places[at] = places[at - 1];
            at--;
        }
        places[at] = i;
    }
    return n < c->plan.n ? n : c->plan.n;
}

static void count_result(struct cli_openai_usage *u, const elcl_result *result)
{
    u->prompt_tokens += result->n_source;
    for (int i = 0; i < result->n_hypotheses; i++)
        u->completion_tokens += result->hypotheses[i].n_generated;
    u->queued_seconds = fmax(u->queued_seconds, result->queued_seconds);
    u->first_token_seconds = fmax(u->first_token_seconds, result->first_token_seconds);
    u->total_seconds = fmax(u->total_seconds, result->total_seconds);
}

void cli_completion_on_result(struct cli_job *job, size_t i, const elcl_result *result)
{
    struct cli_completion *c = (struct cli_completion *)job;
    const size_t prompt = c->plan.parts[i].prompt;
    int places[ELCL_MAX_BEAMS];
    const int n = choose(c, result, places);
    const bool ends = ++c->n_results == c->plan.n_parts && !c->n_blank;
    count_result(&c->usage, result);
    c->last = !ends ? -1 : c->request.split ? c->plan.n - 1 : n - 1;
    for (int j = 0; j < n && !c->failed.code; j++)
        (void)(c->request.split ? keep_output : end_output)(c, i, j, &result->hypotheses[places[j]],
                                                            &c->failed);
    c->waits[prompt]--;
    for (int j = 0; c->request.split && !c->waits[prompt] && j < c->plan.n && !c->failed.code; j++)
        join_output(c, prompt, j);
}

void cli_completion_join_blanks(struct cli_completion *c)
{
    for (size_t i = 0; i < c->request.n_prompts; i++) {
        if (c->plan.prompts[i].n_parts)
            continue;
        c->last = --c->n_blank ? -1 : c->plan.n - 1;
        for (int j = 0; j < c->plan.n; j++)
            join_output(c, i, j);
    }
}
