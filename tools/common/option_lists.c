#include "common/option_lists.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static int fail_list(const char *option, const char *text, elcl_error *err)
{
    return elcl_fail(err, ELCL_E_ARG,
                     "--%s: expected token ids separated by commas (lists of them by "
                     "semicolons) or none, found '%.60s'",
                     option, text);
}

/* Reads one id; *end is the byte after it. */
static bool read_id(const char *text, int32_t *id, const char **end)
{
    int64_t value = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9' && value <= INT32_MAX; at++)
        value = value * 10 + (*at - '0');
    *end = at;
    *id = (int32_t)value;
    return at > text && value <= INT32_MAX;
}

/* Reads lists of ids into one allocation. */
static int read_lists(const char *option, const char *text, elcl_tokens **lists, int *n,
                      elcl_error *err)
{
    const size_t length = strlen(text); /* an upper bound for the lists, and for the ids */
    elcl_tokens *to = calloc(length + 1, sizeof(*to) + sizeof(int32_t));
    if (!to)
        return elcl_fail_nomem(err);
    int32_t *ids = (int32_t *)(void *)(to + length + 1);
    *lists = to;
    *n = 0;
    for (const char *at = text; strcmp(text, "none") != 0;) {
        elcl_tokens *list = &to[*n];
        if (!list->n)
            list->ids = ids;
        if (!read_id(at, ids++, &at) || (*at && *at != ',' && *at != ';'))
            return fail_list(option, text, err);
        list->n++;
        *n += *at != ',';
        if (!*at++)
            break;
    }
    return ELCL_OK;
}

static int read_tokens(const char *option, const char *text, void **memory, elcl_tokens *tokens,
                       elcl_error *err)
{
    elcl_tokens *lists = NULL;
    int n = 0;
    if (!text)
        return ELCL_OK;
    const int rc = read_lists(option, text, &lists, &n, err);
    *memory = lists;
    if (!rc && n > 1)
        return fail_list(option, text, err);
    if (!rc)
        *tokens = lists[0]; /* zeros for "none" */
    return rc;
}

static int read_sets(const char *option, const char *text, void **memory, const elcl_tokens **sets,
                     int *n, elcl_error *err)
{
    elcl_tokens *lists = NULL;
    if (!text)
        return ELCL_OK;
    const int rc = read_lists(option, text, &lists, n, err);
    *memory = lists;
    *sets = lists;
    return rc;
}

/* Encodes a text without the special tokens that the model puts around it. */
static int encode_inner(const elcl_model *model, const char *text, void **memory,
                        elcl_tokens *tokens, elcl_error *err)
{
    int32_t *ids = NULL, *around = NULL;
    size_t n = 0, n_around = 0, first = 0;
    int rc = elcl_encode(model, text, strlen(text), &ids, &n, err);
    if (!rc)
        rc = elcl_encode(model, "", 0, &around, &n_around, err);
    if (!rc) {
        while (first < n_around && first < n && around[first] == ids[first])
            first++;
        const size_t last = n_around - first;
        const size_t inner = n > first + last ? n - first - last : 0;
        int32_t *copy = calloc(inner + 1, sizeof(*copy));
        if (copy)
            memcpy(copy, ids + first, inner * sizeof(*copy));
        else
            rc = elcl_fail_nomem(err);
        *memory = copy;
        *tokens = (elcl_tokens){copy, (int)inner};
    }
    elcl_free(ids);
    elcl_free(around);
    return rc;
}

int cli_option_lists_resolve(struct cli_option_lists *l, const elcl_model *model,
                             elcl_gen_options *gen, elcl_error *err)
{
    int rc = ELCL_OK;
    if (l->prefix && l->prefix_ids)
        return elcl_fail(err, ELCL_E_ARG,
                         "expected --decoder-prefix or --decoder-prefix-ids, found both");
    if (l->bad_words)
        gen->ban_pad = 0;
    rc = read_sets("bad-words-ids", l->bad_words, &l->memory[0], &gen->bad_words, &gen->n_bad_words,
                   err);
    if (!rc)
        rc = read_tokens("suppress-tokens", l->suppress, &l->memory[1], &gen->suppress_tokens, err);
    if (!rc)
        rc = read_tokens("begin-suppress-tokens", l->begin_suppress, &l->memory[2],
                         &gen->begin_suppress_tokens, err);
    if (!rc)
        rc = read_sets("prefix-alternatives", l->alternatives, &l->memory[3], &gen->alternatives,
                       &gen->n_alternatives, err);
    if (!rc)
        rc = read_tokens("decoder-prefix-ids", l->prefix_ids, &l->memory[4], &gen->prefix, err);
    if (!rc && l->prefix)
        rc = encode_inner(model, l->prefix, &l->memory[5], &gen->prefix, err);
    if (!rc && l->stop.n) {
        gen->stop_strings = l->stop.texts;
        gen->n_stop_strings = l->stop.n;
    }
    return rc;
}

int cli_option_lists_begin_prefix(struct cli_option_lists *l, int32_t token, elcl_gen_options *gen,
                                  elcl_error *err)
{
    const elcl_tokens before = gen->prefix;
    if (before.n && before.ids[0] == token)
        return ELCL_OK;
    int32_t *ids = calloc((size_t)before.n + 1, sizeof(*ids));
    if (!ids)
        return elcl_fail_nomem(err);
    ids[0] = token;
    if (before.n)
        memcpy(ids + 1, before.ids, (size_t)before.n * sizeof(*ids));
    free(l->memory[6]);
    l->memory[6] = ids;
    gen->prefix = (elcl_tokens){ids, before.n + 1};
    return ELCL_OK;
}

void cli_option_lists_share(struct cli_option_lists *lists)
{
    lists->n_kept = 0;
    memset(lists->memory, 0, sizeof(lists->memory));
}

void cli_option_lists_finish(struct cli_option_lists *lists)
{
    for (size_t i = 0; i < ELCL_COUNT(lists->memory); i++)
        free(lists->memory[i]);
    for (int i = 0; i < lists->n_kept; i++)
        free(lists->kept[i]);
    cli_option_lists_share(lists);
}

int cli_option_lists_tokens(const elcl_gen_options *gen)
{
    int64_t largest = 0;
    for (int i = 0; i < gen->n_alternatives; i++)
        if (gen->alternatives[i].n > largest)
            largest = gen->alternatives[i].n;
    largest += (int64_t)gen->n_bad_words + gen->suppress_tokens.n + gen->begin_suppress_tokens.n;
    return largest > INT_MAX ? INT_MAX : (int)largest;
}
