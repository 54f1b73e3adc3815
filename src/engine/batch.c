/* The sentences in flight, and the records that describe them to the device. */
#include <string.h>

#include "base/os.h"
#include "base/util.h"
#include "engine/engine.h"
#include "model/attn.h"
#include "search/rules.h"

/* With few slots free the waiting sentences are kept from them for at most so many steps. */
#define HELD_STEPS 8

/* Moves waiting sentences into the free slots. The mutex is held. */
static void fill_slots(struct elcl_engine *engine)
{
    const uint64_t now = elcl_clock_ns();
    for (int slot = 0; slot < engine->state.capacity.sentences && engine->waiting; slot++) {
        if (engine->slots[slot])
            continue;
        struct elcl_sentence *sentence = engine->waiting;
        engine->waiting = sentence->next;
        if (!engine->waiting)
            engine->waiting_end = &engine->waiting;
        engine->n_waiting--;
        sentence->next = NULL;
        sentence->slot = slot;
        sentence->started_ns = now;
        engine->slots[slot] = sentence;
        engine->n_live++;
    }
}

void elcl_batch_admit(struct elcl_engine *engine)
{
    const int capacity = engine->state.capacity.sentences;
    const int free_slots = capacity - engine->n_live;
    if (!free_slots)
        return;
    pthread_mutex_lock(&engine->mutex);
    if (!engine->n_live || free_slots >= capacity / 8 || engine->held_steps >= HELD_STEPS) {
        fill_slots(engine);
        engine->held_steps = 0;
    } else {
        engine->held_steps += engine->waiting != NULL;
    }
    pthread_mutex_unlock(&engine->mutex);
}

/* Reserves n ints after the current end of the records. */
static int32_t *append(struct elcl_records *records, size_t n, int32_t *at)
{
    *at = (int32_t)records->n;
    records->n += n;
    return records->data + *at;
}

/* Writes the lists that all rows of a sentence share, if `rules` counts any. */
static void put_lists(struct elcl_engine *engine, const struct elcl_sentence *sentence,
                      struct elcl_row_rules *rules)
{
    struct elcl_records *records = &engine->step;
    const int length = elcl_search_length(sentence->search);
    const elcl_tokens *allowed = elcl_rules_allowed(&sentence->options, length);
    elcl_rules_at(&sentence->options, length, rules);
    rules->first_generated += sentence->n_prompt;
    if (rules->n_suppressed)
        elcl_rules_suppressed(&sentence->options, length,
                              append(records, (size_t)rules->n_suppressed, &rules->suppressed_at));
    if (rules->n_allowed)
        memcpy(append(records, (size_t)rules->n_allowed, &rules->allowed_at), allowed->ids,
               (size_t)rules->n_allowed * sizeof(int32_t));
    if (rules->encoder_ngram || rules->encoder_penalty > 0) {
        rules->n_source = sentence->n_source;
        memcpy(append(records, (size_t)rules->n_source, &rules->source_at), sentence->source.tokens,
               (size_t)rules->n_source * sizeof(int32_t));
    }
}

/* Writes the rules of row k, with the tokens that would complete a bad word there. */
static void put_rules(struct elcl_engine *engine, const struct elcl_sentence *sentence, int r,
                      int k, struct elcl_row_rules rules)
{
    struct elcl_records *records = &engine->step;
    if (sentence->options.n_bad_words && rules.forced_token < 0) {
        rules.bans_at = (int32_t)records->n;
        rules.n_bans = elcl_search_banned(sentence->search, k, sentence->prompt, sentence->n_prompt,
                                          records->data + records->n);
        records->n += (size_t)rules.n_bans;
    }
    elcl_search_timestamps(sentence->search, k, &rules);
    records->renormalize |= rules.renormalize != 0;
    memcpy(records->data + records->rules_at + (size_t)r * ELCL_RULES_INTS, &rules, sizeof(rules));
}

/* Writes the records of one row: row `k` of its sentence, row `r` of the step. */
static void put_row(struct elcl_engine *engine, const struct elcl_sentence *sentence, int r, int k,
                    int parent_row)
{
    struct elcl_records *records = &engine->step;
    const struct elcl_attention_variant *variant = engine->state.variant;
    const struct elcl_capacity *c = &engine->state.capacity;
    int n_rows;
    const struct elcl_search_row *row = &elcl_search_rows(sentence->search, &n_rows)[k];
    const int length = elcl_search_length(sentence->search);
    const bool only = engine->state.arch->decoder_only;
    const int n_prompt = sentence->n_prompt, keys = n_prompt + length;
    const int place = sentence->slot * c->max_target + (only ? length : keys) - 1;
    const int cache_row = place * c->beams + k;
    const int prompt = !n_prompt ? 0
                       : only    ? elcl_capacity_prompt_at(c, sentence->slot)
                                 : elcl_prefix_at(c, sentence->slot);
    const int cache = r * elcl_capacity_row_cache(engine->state.arch, c);
    const int32_t record[ELCL_ROW_INTS] = {
        [ELCL_ROW_TOKEN] = row->token,
        [ELCL_ROW_POSITION] = keys - 1,
        [ELCL_ROW_PARENT] = parent_row + row->parent,
        [ELCL_ROW_CACHE_ROW] = cache_row,
        [ELCL_ROW_LENGTH] = length,
        [ELCL_ROW_KV_ROW] = variant->cache_by_row ? cache + keys - 1 : cache_row,
        [ELCL_ROW_PROMPT] = prompt,
        [ELCL_ROW_N_PROMPT] = n_prompt,
    };
    elcl_records_row(records, records->rows_at, r, record);
    elcl_records_group(records, records->self_at, r,
                       variant->cache_by_row
                           ? (struct elcl_row_group){r, 1, cache, keys, 0, 0}
                           : (struct elcl_row_group){r, 1, prompt, n_prompt, r, length});
    records->self_keys += (uint64_t)keys;
    records->max_keys = elcl_max_int(records->max_keys, keys);
    records->max_length = elcl_max_int(records->max_length, length);
    if (variant->cache_by_row && !engine->state.arch->decoder_only) {
        elcl_records_group(
            records, records->cross_at, records->n_cross++,
            (struct elcl_row_group){r, 1, r * c->max_source, sentence->n_source, 0, 0});
        records->cross_keys += (uint64_t)sentence->n_source;
        records->cross_reads += (uint64_t)sentence->n_source;
    }
}

/* Writes the draws of a sentence that samples. */
static void put_draws(struct elcl_engine *engine, const struct elcl_sentence *sentence)
{
    struct elcl_records *records = &engine->step;
    int n;
    const struct elcl_search_draw *draws = elcl_search_draws(sentence->search, &n);
    const bool beams = elcl_options_sample_beams(&sentence->options);
    const int n_prefix = engine->state.arch->decoder_only ? 0 : sentence->n_prompt;
    for (int i = 0; i < n; i++) {
        struct elcl_row_draw draw;
        const size_t n_all = (size_t)records->n_draws + (size_t)records->n_beam_draws;
        elcl_rules_draw(&sentence->options, sentence->sample, draws[i].stream,
                        n_prefix + elcl_search_length(sentence->search), &draw);
        draw.row = sentence->first_row + draws[i].row;
        draw.index = draws[i].index;
        memcpy(records->data + records->draws_at + n_all * ELCL_DRAW_INTS, &draw, sizeof(draw));
        *(beams ? &records->n_beam_draws : &records->n_draws) += 1;
    }
}

/* Draws for beams come last. */
static void put_all_draws(struct elcl_engine *engine)
{
    for (int beams = 0; beams < 2; beams++)
        for (int i = 0; i < engine->state.capacity.sentences; i++) {
            const struct elcl_sentence *sentence = engine->slots[i];
            if (sentence && elcl_options_sample_beams(&sentence->options) == (beams == 1))
                put_draws(engine, sentence);
        }
}

static int count_rows(const struct elcl_engine *engine, int *n_draws)
{
    int rows = 0;
    *n_draws = 0;
    for (int i = 0; i < engine->state.capacity.sentences; i++) {
        int n = 0, draws = 0;
        if (engine->slots[i]) {
            elcl_search_rows(engine->slots[i]->search, &n);
            elcl_search_draws(engine->slots[i]->search, &draws);
        }
        rows += n;
        *n_draws += draws;
    }
    return rows;
}

void elcl_batch_step_records(struct elcl_engine *engine)
{
    struct elcl_records *records = &engine->step;
    const struct elcl_capacity *c = &engine->state.capacity;
    int n_draws;
    const int n_rows = count_rows(engine, &n_draws);
    *records = (struct elcl_records){.data = records->data, .n_rows = n_rows, .n_self = n_rows};
    records->self_at = (size_t)n_rows * ELCL_ROW_INTS;
    records->cross_at = records->self_at + (size_t)n_rows * ELCL_ROW_GROUP_INTS;
    records->rules_at = records->cross_at + (size_t)n_rows * ELCL_ROW_GROUP_INTS;
    records->draws_at = records->rules_at + (size_t)n_rows * ELCL_RULES_INTS;
    records->n = records->draws_at + (size_t)n_draws * ELCL_DRAW_INTS;
    int r = 0;
    bool watched = false;
    for (int i = 0; i < c->sentences; i++) {
        struct elcl_sentence *sentence = engine->slots[i];
        if (!sentence)
            continue;
        int n;
        elcl_search_rows(sentence->search, &n);
        const int parent_row = sentence->admitted ? sentence->first_row : 0;
        sentence->first_row = r;
        struct elcl_row_rules rules;
        put_lists(engine, sentence, &rules);
        for (int k = 0; k < n; k++) {
            put_row(engine, sentence, r + k, k, parent_row);
            put_rules(engine, sentence, r + k, k, rules);
        }
        if (!engine->state.variant->cache_by_row && !engine->state.arch->decoder_only) {
            elcl_records_group(records, records->cross_at, records->n_cross++,
                               (struct elcl_row_group){r, n, sentence->slot * c->max_source,
                                                       sentence->n_source, 0, 0});
            records->cross_keys += (uint64_t)n * (uint64_t)sentence->n_source;
            records->cross_reads += (uint64_t)sentence->n_source;
        }
        records->max_rows = elcl_max_int(records->max_rows, n);
        records->max_source = elcl_max_int(records->max_source, sentence->n_source);
        records->width = elcl_max_int(records->width, elcl_search_width(sentence->search));
        watched = watched || rules.watch;
        r += n;
    }
    records->width += watched; /* such a row has one more candidate, the last one */
    put_all_draws(engine);
}

/* Writes one row per prompt token; its keys are the prompt up to itself. */
static void put_prompt(struct elcl_engine *engine, const struct elcl_sentence *sentence)
{
    struct elcl_records *records = &engine->encode;
    const struct elcl_capacity *c = &engine->state.capacity;
    const bool by_row = engine->state.variant->cache_by_row;
    const int cache_row = elcl_capacity_prompt_at(c, sentence->slot), n = sentence->n_prompt;
    const int cache =
        by_row ? sentence->first_row * elcl_capacity_row_cache(engine->state.arch, c) : cache_row;
    for (int s = 0; s < n; s++) {
        const int r = records->n_rows + s;
        const int32_t record[ELCL_ROW_INTS] = {[ELCL_ROW_TOKEN] = sentence->prompt[s],
                                               [ELCL_ROW_POSITION] = s,
                                               [ELCL_ROW_CACHE_ROW] = cache_row + s,
                                               [ELCL_ROW_KV_ROW] = cache + s};
        elcl_records_row(records, records->rows_at, r, record);
        elcl_records_group(records, records->self_at, r,
                           (struct elcl_row_group){r, 1, cache, s + 1, 0, 0});
    }
    records->n_rows += n;
    records->self_keys += (uint64_t)n * (uint64_t)(n + 1) / 2;
    records->max_keys = elcl_max_int(records->max_keys, n);
}

/* Returns a sentence's source, as what an encoding begins with. */
static struct elcl_source source_of(const struct elcl_sentence *sentence)
{
    struct elcl_source source = sentence->source;
    if (sentence->stored.there)
        source.kind = ELCL_SOURCE_STORED;
    return source;
}

/* Adds a sentence to the encoding, unless it does not fit or has another kind of source. */
static void put_source(struct elcl_engine *engine, struct elcl_sentence *sentence)
{
    struct elcl_records *records = &engine->encode;
    const bool by_row = engine->state.variant->cache_by_row;
    const int place = by_row ? sentence->first_row : sentence->slot;
    const struct elcl_source source = source_of(sentence);
    if (source.kind != records->kind ||
        !elcl_numbers_fit(&engine->numbers, &engine->state, records, &source) ||
        (source.kind == ELCL_SOURCE_STORED &&
         !elcl_stored_read(engine->model, &source, &sentence->stored, &engine->numbers,
                           records->n_rows)))
        return;
    sentence->encoded = records->n_rows;
    sentence->admitted = true;
    records->keeps_rows = records->keeps_rows || sentence->rows;
    elcl_numbers_add(&engine->numbers, &engine->state, records, &source,
                     place * engine->state.capacity.max_source);
}

bool elcl_batch_has_new(const struct elcl_engine *engine)
{
    for (int i = 0; i < engine->state.capacity.sentences; i++)
        if (engine->slots[i] && !engine->slots[i]->admitted)
            return true;
    return false;
}

/* Begins an encoding of the kind of source that the first new sentence has. */
static int begin_encoding(struct elcl_engine *engine, elcl_error *err)
{
    struct elcl_records *records = &engine->encode;
    bool found = false;
    int rc = ELCL_OK;
    *records = (struct elcl_records){.data = records->data, .buffer = ELCL_B_ENCODE};
    records->self_at = (size_t)engine->state.capacity.encode_rows * ELCL_ROW_INTS;
    engine->numbers.frames.n_rows = engine->numbers.frames.n_gaps = 0;
    for (int i = 0; !rc && i < engine->state.capacity.sentences; i++) {
        struct elcl_sentence *sentence = engine->slots[i];
        if (!sentence)
            continue;
        sentence->encoded = -1;
        if (sentence->admitted)
            continue;
        elcl_stored_ask(engine->model, &sentence->source, sentence->rows != NULL,
                        &sentence->stored);
        if (!found)
            records->kind = source_of(sentence).kind;
        found = true;
        if (sentence->rows)
            rc = elcl_numbers_reserve(&engine->numbers, &engine->state, ELCL_SOURCE_ROWS, err);
    }
    if (!rc && found)
        rc = elcl_numbers_reserve(&engine->numbers, &engine->state, records->kind, err);
    if (!rc && found && engine->model->encoder_cache)
        rc = elcl_numbers_reserve(&engine->numbers, &engine->state, ELCL_SOURCE_STORED, err);
    return rc;
}

/* Puts the new sentences that fit into the encoding. */
static void put_new(struct elcl_engine *engine)
{
    struct elcl_records *records = &engine->encode;
    const bool only = engine->state.arch->decoder_only;
    for (int i = 0; i < engine->state.capacity.sentences; i++) {
        struct elcl_sentence *sentence = engine->slots[i];
        if (!sentence || sentence->admitted)
            continue;
        if (!only) {
            put_source(engine, sentence);
        } else if (records->n_rows + sentence->n_prompt <= engine->state.capacity.encode_rows) {
            put_prompt(engine, sentence);
            sentence->admitted = true;
        }
    }
    records->n_self = records->n_rows;
    records->n = records->self_at + (size_t)records->n_rows * ELCL_ROW_GROUP_INTS;
}

/* What the cache has lost since it was asked has another kind in the next try. */
bool elcl_batch_encode_records(struct elcl_engine *engine, int *rc, elcl_error *err)
{
    do {
        *rc = begin_encoding(engine, err);
        if (*rc)
            return false;
        put_new(engine);
    } while (!engine->encode.n_rows && elcl_batch_has_new(engine));
    return engine->encode.n_rows > 0;
}
