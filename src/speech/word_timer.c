#include "speech/word_timer.h"

#include "base/util.h"
#include "engine/score.h"
#include "model/model.h"
#include "speech/words.h"

struct elcl_word_timer {
    elcl_model *model;
    const struct elcl_speech_tokens *tokens;
    elcl_scorer *scorer;
};

/* One window on its way to words. */
struct pass {
    int32_t *target; /* [n_target] start tokens after the first, text, and the end twice */
    size_t n_target, n_start, n_text;
    float *log_probs;                   /* [n_target] */
    float *rows;                        /* [alignment heads, n_target, n_source] */
    int *begin;                         /* [n_text + 1] */
    struct elcl_word_segment *segments; /* [timed->n] */
    struct elcl_timed_words words;
};

/* Windows have text for half of the decoder's positions, see elcl_transcribe_options. */
static int reserve(struct elcl_word_timer *timer, elcl_error *err)
{
    const struct elcl_arch *arch = &timer->model->arch;
    const struct elcl_pass_rows rows = {elcl_arch_max_target(arch) / 2, arch->max_positions};
    elcl_error why = {0};
    const int rc = elcl_scorer_reserve(timer->scorer, rows, &why);
    if (rc == ELCL_E_DEVICE_NOMEM)
        return elcl_fail(err, rc,
                         "%s: the pass for the times of words does not fit into the memory that "
                         "the search leaves: ask for a smaller batch, or for the times of segments",
                         timer->model->device->desc.name);
    return rc ? elcl_fail(err, rc, "%s", why.msg) : ELCL_OK;
}

int elcl_word_timer_create(elcl_model *model, const struct elcl_speech_tokens *tokens,
                           struct elcl_word_timer **timer, elcl_error *err)
{
    elcl_scorer_params params = elcl_scorer_params_default();
    struct elcl_word_timer *t = elcl_calloc(1, sizeof(*t));
    int rc;
    if (!t)
        return elcl_fail_nomem(err);
    t->model = model;
    t->tokens = tokens;
    params.heads = tokens->alignment_heads;
    params.n_heads = (unsigned)tokens->n_alignment_heads;
    params.vocabulary = tokens->eot; /* probabilities are those among text tokens */
    ELCL_TRY(elcl_scorer_create(model, &params, &t->scorer, err));
    ELCL_TRY(reserve(t, err));
    *timer = t;
    t = NULL;
fail:
    elcl_word_timer_destroy(&t);
    return rc;
}

void elcl_word_timer_destroy(struct elcl_word_timer **timer)
{
    if (!timer || !*timer)
        return;
    elcl_scorer_destroy(&(*timer)->scorer);
    elcl_free(*timer);
    *timer = NULL;
}

static int decode(const void *user, const int32_t *ids, size_t n, char **text, elcl_error *err)
{
    return elcl_decode(user, ids, n, text, err);
}

static void finish(struct pass *p, size_t n_segments)
{
    elcl_free(p->target);
    elcl_free(p->log_probs);
    elcl_free(p->rows);
    elcl_free(p->begin);
    for (size_t i = 0; p->segments && i < n_segments; i++)
        elcl_timed_words_finish(&p->segments[i].words);
    elcl_free(p->segments);
    elcl_timed_words_finish(&p->words);
}

/* ---- the pass -------------------------------------------------------------------------------- */

/* Writes the target: as the text would follow without timestamps. The second end makes a row for
 * the first, which the means over rows count. `room`: target tokens that the decoder takes; text
 * without timestamps is shorter than what was generated, so only a window full of text is cut. */
static void put_target(const struct elcl_word_timer *timer, const struct elcl_timed *timed,
                       size_t room, struct pass *p)
{
    const struct elcl_speech_tokens *t = timer->tokens;
    const int32_t start[] = {timed->language, timed->task, t->no_timestamps};
    size_t n = 0;
    for (size_t i = 0; i < ELCL_COUNT(start); i++)
        if (start[i] >= 0)
            p->target[n++] = start[i];
    p->n_start = n;
    for (size_t i = 0; i < timed->n; i++) {
        const struct elcl_cut *cut = &timed->cuts[i];
        const int32_t *tokens = timed->tokens + cut->first;
        p->segments[i] = (struct elcl_word_segment){.start = cut->start, .end = cut->end};
        for (size_t k = 0; k < cut->n && n + 2 < room; k++)
            if (tokens[k] < t->eot) {
                p->target[n++] = tokens[k];
                p->segments[i].n_text++;
            }
    }
    p->n_text = n - p->n_start;
    p->target[n++] = t->eot;
    p->target[n++] = t->eot;
    p->n_target = n;
}

static int prepare(const struct elcl_word_timer *timer, const struct elcl_timed *timed,
                   struct pass *p, elcl_error *err)
{
    const size_t n_heads = timer->tokens->n_alignment_heads;
    const size_t room = (size_t)elcl_arch_max_target(&timer->model->arch) - 1;
    size_t n = 0;
    p->segments = elcl_calloc(timed->n, sizeof(*p->segments));
    p->target = elcl_calloc(room, sizeof(*p->target));
    if (!p->segments || !p->target)
        return elcl_fail_nomem(err);
    put_target(timer, timed, room, p);
    p->log_probs = elcl_calloc(p->n_target, sizeof(*p->log_probs));
    p->begin = elcl_calloc(p->n_text + 1, sizeof(*p->begin));
    if (elcl_mul_size(n_heads * p->n_target, timed->n_source, &n))
        p->rows = elcl_calloc(n, sizeof(*p->rows));
    return p->log_probs && p->begin && p->rows ? ELCL_OK : elcl_fail_nomem(err);
}

/* Runs the decoder, and finds where each text token and the end begin. */
static int run_pass(struct elcl_word_timer *timer, const struct elcl_timed *timed, struct pass *p,
                    elcl_error *err)
{
    const elcl_score_request request = {.source_rows = timed->source_rows,
                                        .n_source = timed->n_source,
                                        .target = p->target,
                                        .n_target = p->n_target,
                                        .decoder_start_token_id = timer->tokens->sot,
                                        .log_probs = p->log_probs,
                                        .alignments = p->rows};
    const int n_source = (int)timed->n_source;
    const struct elcl_word_rows rows = {
        .rows = p->rows,
        .n_heads = (int)timer->tokens->n_alignment_heads,
        .n_rows = (int)p->n_target,
        .ld = n_source,
        .n_states = elcl_max_int(
            1, elcl_min_int(n_source, (int)(timed->span.n / ELCL_FRAMES_PER_TIMESTAMP)))};
    const int rc = elcl_scorer_run(timer->scorer, &request, 1, err);
    return rc ? rc : elcl_word_path(&rows, (int)p->n_start, (int)p->n_text + 1, p->begin, err);
}

/* ---- results --------------------------------------------------------------------------------- */

/* Moves the words of segment i to the caller. */
static int give(struct pass *p, size_t i, struct elcl_timed *timed, elcl_error *err)
{
    struct elcl_word_segment *segment = &p->segments[i];
    timed->cuts[i].start = segment->start;
    timed->cuts[i].end = segment->end;
    if (!segment->words.n)
        return ELCL_OK;
    elcl_word *words = elcl_calloc(segment->words.n, sizeof(*words));
    if (!words)
        return elcl_fail_nomem(err);
    for (size_t k = 0; k < segment->words.n; k++) {
        struct elcl_timed_word *word = &segment->words.words[k];
        words[k] = (elcl_word){word->text, word->start, word->end, (float)word->probability};
        word->text = NULL;
    }
    timed->words[i] = words;
    timed->n_words[i] = segment->words.n;
    return ELCL_OK;
}

int elcl_word_timer_run(struct elcl_word_timer *timer, struct elcl_timed *timed, elcl_error *err)
{
    struct pass p = {0};
    double last_speech = timed->last_speech;
    int rc;
    ELCL_TRY(prepare(timer, timed, &p, err));
    if (!p.n_text)
        goto fail;
    ELCL_TRY(run_pass(timer, timed, &p, err));
    ELCL_TRY(elcl_word_split(decode, timer->model, elcl_words_are_characters(timed->language_code),
                             p.target + p.n_start, p.n_text, &p.words, err));
    elcl_words_time(&p.words, p.begin, p.log_probs + p.n_start);
    ELCL_TRY(elcl_words_place(&p.words, p.segments, timed->n, elcl_frame_seconds(timed->span.begin),
                              &last_speech, err));
    for (size_t i = 0; i < timed->n; i++)
        ELCL_TRY(give(&p, i, timed, err));
fail:
    finish(&p, timed->n);
    return rc;
}
