#include "selftest/logits.h"

#include <math.h>
#include <string.h>

#include "base/util.h"

const char *const elcl_logit_names[ELCL_N_LOGITS] = {"normal",     "ties", "equal", "NaN",
                                                     "infinities", "huge", "wide",  "nothing"};

struct elcl_rows elcl_rows(struct elcl_fixture *fx, int r, int v, int width, int n_draws)
{
    struct elcl_rows rows = {.r = r, .v = v, .width = width, .n_draws = n_draws};
    rows.logits = elcl_fixture_memory(fx, (size_t)r * v, sizeof(float));
    rows.history = elcl_fixture_ints(fx, (size_t)r * ELCL_ROWS_LENGTH);
    rows.draws = elcl_fixture_memory(fx, (size_t)n_draws, sizeof(*rows.draws));
    for (int row = 0; row < r; row++) {
        rows.length[row] = 1;
        rows.rules[row] = (struct elcl_row_rules){.forced_token = -1,
                                                  .only_token = -1,
                                                  .pad_token = -1,
                                                  .unk_token = -1,
                                                  .repetition_penalty = 1};
    }
    return rows;
}

void elcl_rows_fill(struct elcl_fixture *fx, float *logits, int v, enum elcl_logits kind)
{
    for (int i = 0; i < v; i++) {
        const double z = elcl_fixture_normal(fx);
        const int third = elcl_fixture_int(fx, 0, 2);
        const bool coin = elcl_fixture_int(fx, 0, 1);
        float *x = &logits[i];
        *x = (float)(2 * z);
        if (kind == ELCL_LOGITS_TIES)
            *x = (float)elcl_fixture_int(fx, -3, 3);
        else if (kind == ELCL_LOGITS_EQUAL)
            *x = 1.5f;
        else if (kind == ELCL_LOGITS_HUGE)
            *x = (float)(third ? 1e4 * z : coin ? 1e30 : -1e30);
        else if (kind == ELCL_LOGITS_NOTHING)
            *x = coin ? NAN : -INFINITY;
        else if (third)
            continue;
        else if (kind == ELCL_LOGITS_NANS)
            *x = coin ? NAN : -INFINITY;
        else if (kind == ELCL_LOGITS_INFINITIES)
            *x = -INFINITY;
        else if (kind == ELCL_LOGITS_WIDE)
            *x = coin ? 60 : -60; /* 120 x 4 x 1.3 is below 745 */
    }
}

struct elcl_ref_rules elcl_rows_reference(struct elcl_rows *rows, int row)
{
    const struct elcl_row_rules *rules = &rows->rules[row];
    int32_t *banned = rows->banned[row];
    memcpy(banned, rows->lists[row][ELCL_LIST_BANS], (size_t)rules->n_bans * sizeof(*banned));
    memcpy(banned + rules->n_bans, rows->lists[row][ELCL_LIST_SUPPRESSED],
           (size_t)rules->n_suppressed * sizeof(*banned));
    return (struct elcl_ref_rules){.log_probs = rules->log_probs,
                                   .forced_token = rules->forced_token,
                                   .ban_eos = rules->ban_eos,
                                   .ngram = rules->ngram,
                                   .repetition_penalty = (double)rules->repetition_penalty,
                                   .eos = rules->eos,
                                   .n_eos = rules->n_eos,
                                   .only_token = rules->only_token,
                                   .pad_token = rules->pad_token,
                                   .unk_token = rules->unk_token,
                                   .unk_penalty = (double)rules->unk_penalty,
                                   .renormalize = rules->renormalize,
                                   .history = rows->history + (size_t)row * ELCL_ROWS_LENGTH,
                                   .length = rows->length[row],
                                   .source = rows->lists[row][ELCL_LIST_SOURCE],
                                   .n_source = rules->n_source,
                                   .encoder_ngram = rules->encoder_ngram,
                                   .encoder_penalty = (double)rules->encoder_penalty,
                                   .presence_penalty = (double)rules->presence_penalty,
                                   .frequency_penalty = (double)rules->frequency_penalty,
                                   .first_generated = rules->first_generated,
                                   .banned = banned,
                                   .n_banned = rules->n_bans + rules->n_suppressed,
                                   .allowed_only = rules->allowed_only,
                                   .allowed = rows->lists[row][ELCL_LIST_ALLOWED],
                                   .n_allowed = rules->n_allowed,
                                   .timestamp_begin = rules->timestamp_begin,
                                   .first_text = rules->first_text,
                                   .first_timestamp = rules->first_timestamp,
                                   .end_timestamp = rules->end_timestamp};
}

/* Where parts lie in the step buffer, in ints; and the other buffers that rows are read from. */
struct step {
    size_t rows_at, rules_at, lists_at, draws_at, n;
    int cache_rows; /* before the prompts */
    int32_t *ints, *lineage, *tokens;
};

/* The history goes to random rows of the cache through the lineage table; of some rows a beginning
 * of any length is a prompt in neighboring rows. */
static void put_history(struct elcl_fixture *fx, struct step *s, const struct elcl_rows *rows,
                        int row, const int32_t *spread)
{
    const int length = rows->length[row];
    const int n_prompt = row % 3 == 2 ? elcl_fixture_int(fx, 0, length - 1) : 0;
    const int32_t *history = rows->history + (size_t)row * ELCL_ROWS_LENGTH;
    int32_t *record = s->ints + s->rows_at + (size_t)row * ELCL_ROW_INTS;
    record[ELCL_ROW_LENGTH] = length - n_prompt;
    record[ELCL_ROW_PROMPT] = s->cache_rows + row * ELCL_ROWS_LENGTH;
    record[ELCL_ROW_N_PROMPT] = n_prompt;
    memcpy(s->tokens + record[ELCL_ROW_PROMPT], history, (size_t)n_prompt * sizeof(*history));
    for (int t = 0; t < length - n_prompt; t++) {
        const int cache_row = spread[row * ELCL_ROWS_LENGTH + t];
        s->lineage[row * (ELCL_ROWS_LENGTH + 1) + t] = cache_row;
        s->tokens[cache_row] = history[n_prompt + t];
    }
}

static void put_rules(struct step *s, const struct elcl_rows *rows, int row)
{
    struct elcl_row_rules rules = rows->rules[row];
    const size_t at = s->lists_at + (size_t)row * ELCL_N_LISTS * ELCL_ROWS_LIST;
    rules.source_at = (int32_t)at + ELCL_LIST_SOURCE * ELCL_ROWS_LIST;
    rules.bans_at = (int32_t)at + ELCL_LIST_BANS * ELCL_ROWS_LIST;
    rules.suppressed_at = (int32_t)at + ELCL_LIST_SUPPRESSED * ELCL_ROWS_LIST;
    rules.allowed_at = (int32_t)at + ELCL_LIST_ALLOWED * ELCL_ROWS_LIST;
    memcpy(s->ints + s->rules_at + (size_t)row * ELCL_RULES_INTS, &rules, sizeof(rules));
    memcpy(s->ints + at, rows->lists[row], sizeof(rows->lists[row]));
}

static struct step make_step(struct elcl_fixture *fx, const struct elcl_rows *rows)
{
    const size_t r = (size_t)rows->r;
    struct step s = {.cache_rows = rows->r * ELCL_ROWS_LENGTH + 3};
    s.rows_at = (size_t)elcl_fixture_int(fx, 0, 9);
    s.rules_at = s.rows_at + r * ELCL_ROW_INTS + (size_t)elcl_fixture_int(fx, 0, 9);
    s.lists_at = s.rules_at + r * ELCL_RULES_INTS;
    s.draws_at = s.lists_at + r * ELCL_N_LISTS * ELCL_ROWS_LIST + 2;
    s.n = s.draws_at + (size_t)rows->n_draws * ELCL_DRAW_INTS;
    s.ints = elcl_fixture_random_ints(fx, s.n, -1, -1);
    s.lineage = elcl_fixture_ints(fx, r * (ELCL_ROWS_LENGTH + 1));
    s.tokens = elcl_fixture_ints(fx, 2 * (size_t)s.cache_rows);
    const int32_t *spread = elcl_fixture_permutation(fx, s.cache_rows);
    for (int row = 0; elcl_fixture_ok(fx) && row < rows->r; row++) {
        put_history(fx, &s, rows, row, spread);
        put_rules(&s, rows, row);
    }
    if (elcl_fixture_ok(fx))
        memcpy(s.ints + s.draws_at, rows->draws, (size_t)rows->n_draws * sizeof(*rows->draws));
    return s;
}

const struct elcl_buffer *elcl_rows_logits(struct elcl_fixture *fx, const float *logits, int r,
                                           int v)
{
    const size_t ld = ELCL_LOGITS_LD((size_t)v);
    float *rows = elcl_fixture_memory(fx, (size_t)r * ld, sizeof(*rows));
    for (size_t i = 0; elcl_fixture_ok(fx) && i < (size_t)r * ld; i++)
        rows[i] = i % ld < (size_t)v ? logits[i / ld * (size_t)v + i % ld] : 1e30f;
    return elcl_fixture_output(fx, rows, (size_t)r * ld * sizeof(*rows));
}

struct elcl_rows_result elcl_rows_run(struct elcl_fixture *fx, const struct elcl_rows *rows,
                                      elcl_rows_draw draw)
{
    const size_t r = (size_t)rows->r, size = sizeof(int32_t);
    const struct step s = make_step(fx, rows);
    const struct elcl_select_args args = {
        .candidates =
            elcl_fixture_output(fx, NULL, r * rows->width * sizeof(struct elcl_candidate)),
        .logits = elcl_rows_logits(fx, rows->logits, rows->r, rows->v),
        .step = elcl_fixture_input(fx, s.ints, s.n * size),
        .rows_at = s.rows_at,
        .rules_at = s.rules_at,
        .lineage = elcl_fixture_input(fx, s.lineage, r * (ELCL_ROWS_LENGTH + 1) * size),
        .lineage_ld = ELCL_ROWS_LENGTH + 1,
        .tokens = elcl_fixture_input(fx, s.tokens, 2 * (size_t)s.cache_rows * size),
        .r = rows->r,
        .v = rows->v,
        .width = rows->width,
        .renormalize = true};
    struct elcl_rows_result result = {0};
    if (ELCL_FIXTURE_TRY(fx, elcl_op_select(fx->ops, &args, &fx->err)))
        result.selected = elcl_fixture_read(fx, args.candidates);
    if (draw && ELCL_FIXTURE_TRY(fx, draw(fx->ops, &args, s.draws_at, rows->n_draws, &fx->err)))
        result.drawn = elcl_fixture_read(fx, args.candidates);
    return result;
}

int32_t elcl_rows_none(const float *logits, int v)
{
    for (int i = 0; i < v; i++)
        if (logits[i] > -3.0e38f)
            return ELCL_TOKEN_NONE;
    return ELCL_TOKEN_NO_LOGIT;
}

void elcl_rows_check_none(struct elcl_fixture *fx, const struct elcl_candidate *got, int rank,
                          int32_t none)
{
    elcl_fixture_check(fx, got->token == none && got->score == -3.0e38f,
                       "rank %d: token %d, score %g where none is left", rank, got->token,
                       (double)got->score);
}
