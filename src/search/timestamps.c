/* Which timestamps may follow a row: the part of their rules that depends on its tokens, as in
 * WhisperTimeStampLogitsProcessor of transformers 5.24. */
#include "base/util.h"
#include "search/search_impl.h"

/* What the rules know about the generated tokens of a row. */
struct ending {
    int n;             /* generated tokens */
    bool last, before; /* whether the last one and the one before are timestamps */
    int32_t newest;    /* the last timestamp; -1: none */
};

static struct ending read_ending(const struct elcl_search *s, int row)
{
    const int32_t begin = s->options.timestamp_begin_token_id;
    struct ending end = {.n = s->length - s->prompt, .before = true, .newest = -1};
    int node = s->first_node + row;
    for (int i = 0; i < end.n && (i < 2 || end.newest < 0); i++) {
        const int32_t token = s->nodes[node].token;
        if (i == 0)
            end.last = token >= begin;
        else if (i == 1)
            end.before = token >= begin;
        if (token >= begin && end.newest < 0)
            end.newest = token;
        node = s->nodes[node].parent;
    }
    return end;
}

void elcl_search_timestamps(const struct elcl_search *search, int row, struct elcl_row_rules *rules)
{
    const elcl_gen_options *o = &search->options;
    const int32_t begin = o->timestamp_begin_token_id;
    if (begin <= 0 || search->length < search->prompt || rules->forced_token >= 0)
        return;
    const struct ending end = read_ending(search, row);
    const bool open = end.last && !end.before; /* a pair has begun */
    rules->timestamp_begin = begin;
    rules->first_timestamp = end.newest < 0 ? begin : end.newest + !open;
    rules->end_timestamp = end.last && end.before ? begin : search->vocabulary;
    rules->first_text = open ? o->eos_token_ids[0] : 0;
    if (end.n)
        return;
    rules->first_text = begin;
    if (o->max_initial_timestamp >= 0 && o->max_initial_timestamp < search->vocabulary - begin)
        rules->end_timestamp = begin + o->max_initial_timestamp + 1;
}
