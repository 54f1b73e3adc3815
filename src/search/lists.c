/* The lists of generation options: their copies, and their effect on one step. */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "search/rules.h"

/* ---- one step ------------------------------------------------------------------------------ */

bool elcl_rules_begin(const elcl_gen_options *options, int length)
{
    const int prompt = elcl_options_prompt(options);
    return length == prompt + (prompt == 1 && options->forced_bos_token_id >= 0);
}

static int append(int32_t *tokens, int n, const elcl_tokens *list)
{
    if (tokens && list->n)
        memcpy(tokens + n, list->ids, (size_t)list->n * sizeof(*tokens));
    return n + list->n;
}

static bool bans_no_timestamps(const elcl_gen_options *o)
{
    return o->timestamp_begin_token_id > 0 && o->no_timestamps_token_id >= 0;
}

int elcl_rules_suppressed(const elcl_gen_options *options, int length, int32_t *tokens)
{
    int n = append(tokens, 0, &options->suppress_tokens);
    if (elcl_rules_begin(options, length))
        n = append(tokens, n, &options->begin_suppress_tokens);
    const elcl_tokens no_timestamps = {&options->no_timestamps_token_id, 1};
    return bans_no_timestamps(options) ? append(tokens, n, &no_timestamps) : n;
}

const elcl_tokens *elcl_rules_allowed(const elcl_gen_options *options, int length)
{
    const int i = length - elcl_options_prompt(options);
    return i >= 0 && i < options->n_alternatives ? &options->alternatives[i] : NULL;
}

size_t elcl_options_list_tokens(const elcl_gen_options *o)
{
    int largest = 0;
    for (int i = 0; i < o->n_alternatives; i++)
        largest = elcl_max_int(largest, o->alternatives[i].n);
    return (size_t)o->n_bad_words + (size_t)o->suppress_tokens.n +
           (size_t)o->begin_suppress_tokens.n + bans_no_timestamps(o) + (size_t)largest;
}

/* ---- copies -------------------------------------------------------------------------------- */

/* One allocation: arrays of pointers first, then tokens, then text. */
struct room {
    size_t holders, tokens, text; /* bytes */
    char *holder_at, *token_at, *text_at;
};

static void count_sets(struct room *room, const elcl_tokens *sets, int n)
{
    room->holders += (size_t)n * sizeof(*sets);
    for (int i = 0; i < n; i++)
        room->tokens += (size_t)sets[i].n * sizeof(int32_t);
}

static void copy_tokens(struct room *room, elcl_tokens *tokens)
{
    const size_t bytes = (size_t)tokens->n * sizeof(int32_t);
    int32_t *to = (int32_t *)(void *)room->token_at;
    if (bytes)
        memcpy(to, tokens->ids, bytes);
    tokens->ids = tokens->n ? to : NULL;
    room->token_at += bytes;
}

static const elcl_tokens *copy_sets(struct room *room, const elcl_tokens *sets, int n)
{
    elcl_tokens *to = (elcl_tokens *)(void *)room->holder_at;
    room->holder_at += (size_t)n * sizeof(*to);
    for (int i = 0; i < n; i++) {
        to[i] = sets[i];
        copy_tokens(room, &to[i]);
    }
    return n ? to : NULL;
}

static int rising(const void *a, const void *b)
{
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return x < y ? -1 : x > y;
}

/* The copied alternatives are the last tokens of the room. */
static void sort_sets(const elcl_tokens *sets, int n, char *first)
{
    for (int i = 0; i < n; i++) {
        qsort(first, (size_t)sets[i].n, sizeof(int32_t), rising);
        first += (size_t)sets[i].n * sizeof(int32_t);
    }
}

static const char *const *copy_strings(struct room *room, const char *const *strings, int n)
{
    const char **to = (const char **)(void *)room->holder_at;
    room->holder_at += (size_t)n * sizeof(*to);
    for (int i = 0; i < n; i++) {
        const size_t bytes = strlen(strings[i]) + 1;
        memcpy(room->text_at, strings[i], bytes);
        to[i] = room->text_at;
        room->text_at += bytes;
    }
    return n ? to : NULL;
}

int elcl_options_copy_lists(elcl_gen_options *options, void **memory, elcl_error *err)
{
    elcl_gen_options *o = options;
    struct room room = {0};
    elcl_tokens *const plain[] = {&o->suppress_tokens, &o->begin_suppress_tokens, &o->prefix};
    for (size_t i = 0; i < ELCL_COUNT(plain); i++)
        room.tokens += (size_t)plain[i]->n * sizeof(int32_t);
    count_sets(&room, o->bad_words, o->n_bad_words);
    count_sets(&room, o->alternatives, o->n_alternatives);
    room.holders += (size_t)o->n_stop_strings * sizeof(char *);
    for (int i = 0; i < o->n_stop_strings; i++)
        room.text += strlen(o->stop_strings[i]) + 1;
    const size_t bytes = room.holders + room.tokens + room.text;
    *memory = NULL;
    if (!bytes)
        return ELCL_OK;
    room.holder_at = elcl_calloc(1, bytes);
    if (!room.holder_at)
        return elcl_fail_nomem(err);
    *memory = room.holder_at;
    room.token_at = room.holder_at + room.holders;
    room.text_at = room.token_at + room.tokens;
    for (size_t i = 0; i < ELCL_COUNT(plain); i++)
        copy_tokens(&room, plain[i]);
    o->bad_words = copy_sets(&room, o->bad_words, o->n_bad_words);
    char *first = room.token_at;
    o->alternatives = copy_sets(&room, o->alternatives, o->n_alternatives);
    sort_sets(o->alternatives, o->n_alternatives, first);
    o->stop_strings = copy_strings(&room, o->stop_strings, o->n_stop_strings);
    return ELCL_OK;
}
