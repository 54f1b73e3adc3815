/* The prefixes of new sentences in models with an encoder: their states in a few passes instead of
 * a step for each token. */
#include "base/util.h"
#include "engine/engine.h"
#include "model/attn.h"
#include "search/options.h"

/* ---- options --------------------------------------------------------------------------------- */

/* Returns how many of start token and prefix need no step: those before the last one. A step has to
 * report a token's log-probability or alignments, and stream it; the random numbers of sampled
 * beams count steps. */
static int count(const struct elcl_engine *e, const elcl_gen_options *o)
{
    const bool one_by_one = o->num_beams == 1 && (o->token_logprobs || e->params.on_token);
    if (e->model->arch.decoder_only || o->search_style != ELCL_STYLE_HF || o->alignments ||
        one_by_one || elcl_options_sample_beams(o))
        return 0;
    return o->no_speech_length ? elcl_min_int(o->prefix.n, o->no_speech_length - 1) : o->prefix.n;
}

int elcl_prefix_take(const struct elcl_engine *e, elcl_gen_options *o)
{
    const int n = count(e, o);
    if (!n)
        return 0;
    o->decoder_start_token_id = o->prefix.ids[n - 1];
    o->prefix.ids += n;
    o->prefix.n -= n;
    if (o->max_new_tokens == 0)
        o->max_length -= n;
    if (o->min_length > 0)
        o->min_length = elcl_max_int(0, o->min_length - n);
    if (o->no_speech_length)
        o->no_speech_length -= n;
    o->forced_bos_token_id = -1; /* it only follows a start token */
    return n;
}

/* ---- records --------------------------------------------------------------------------------- */

static void begin(struct elcl_engine *e)
{
    struct elcl_records *records = &e->encode;
    const size_t most =
        (size_t)elcl_capacity_prefix(e->state.arch, e->model->attention, &e->state.capacity);
    *records = (struct elcl_records){.data = records->data, .buffer = ELCL_B_ENCODE};
    records->self_at = most * ELCL_ROW_INTS;
    records->cross_at = records->self_at + most * ELCL_ROW_GROUP_INTS;
}

/* Writes the cross groups of n rows from `first` on. */
static void put_cross(struct elcl_engine *e, const struct elcl_sentence *s, int first, int n)
{
    struct elcl_records *records = &e->encode;
    const struct elcl_attention_variant *variant = e->state.variant;
    const int place = variant->cache_by_row ? s->first_row : s->slot;
    const int source = place * e->state.capacity.max_source;
    const bool together = !variant->packs_rows;
    for (int t = 0; t < (together ? 1 : n); t++)
        elcl_records_group(
            records, records->cross_at, records->n_cross++,
            (struct elcl_row_group){first + t, together ? n : 1, source, s->n_source, 0, 0});
    records->cross_keys += (uint64_t)n * (uint64_t)s->n_source;
    records->cross_reads += (uint64_t)(together ? 1 : n) * (uint64_t)s->n_source;
    records->max_rows = elcl_max_int(records->max_rows, together ? n : 1);
    records->max_source = elcl_max_int(records->max_source, s->n_source);
}

/* Writes n rows of a sentence's prefix; its keys are the prefix up to itself. */
static void put_rows(struct elcl_engine *e, const struct elcl_sentence *s, int from, int n)
{
    struct elcl_records *records = &e->encode;
    const struct elcl_capacity *c = &e->state.capacity;
    const int first = records->n_rows, cache_row = elcl_prefix_at(c, s->slot);
    const int cache = e->state.variant->cache_by_row
                          ? s->first_row * elcl_capacity_row_cache(e->state.arch, c)
                          : cache_row;
    for (int i = 0; i < n; i++) {
        const int t = from + i;
        const int32_t record[ELCL_ROW_INTS] = {[ELCL_ROW_TOKEN] = s->prompt[t],
                                               [ELCL_ROW_POSITION] = t,
                                               [ELCL_ROW_CACHE_ROW] = cache_row + t,
                                               [ELCL_ROW_KV_ROW] = cache + t};
        elcl_records_row(records, records->rows_at, first + i, record);
        elcl_records_group(records, records->self_at, first + i,
                           (struct elcl_row_group){first + i, 1, cache, t + 1, 0, 0});
        records->self_keys += (uint64_t)t + 1;
    }
    put_cross(e, s, first, n);
    records->n_rows = records->n_self = first + n;
    records->max_keys = elcl_max_int(records->max_keys, from + n);
}

bool elcl_prefix_left(const struct elcl_engine *e)
{
    for (int i = 0; !e->state.arch->decoder_only && i < e->state.capacity.sentences; i++)
        if (e->slots[i] && e->slots[i]->n_prepared < e->slots[i]->n_prompt)
            return true;
    return false;
}

void elcl_prefix_records(struct elcl_engine *e)
{
    struct elcl_records *records = &e->encode;
    const int most = elcl_capacity_prefix(e->state.arch, e->model->attention, &e->state.capacity);
    begin(e);
    for (int i = 0; i < e->state.capacity.sentences; i++) {
        struct elcl_sentence *s = e->slots[i];
        const int n = s ? elcl_min_int(s->n_prompt - s->n_prepared, most - records->n_rows) : 0;
        if (n <= 0)
            continue;
        put_rows(e, s, s->n_prepared, n);
        s->n_prepared += n;
    }
    records->n = records->cross_at + (size_t)records->n_cross * ELCL_ROW_GROUP_INTS;
}
