#include "search/option_text.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"

/* The lists, the newest one first. */
struct elcl_gen_lists {
    struct elcl_gen_lists *next;
    elcl_tokens memory[]; /* of one list, and of its ids or texts */
};

void elcl_gen_lists_destroy(elcl_gen_lists **lists)
{
    while (lists && *lists) {
        elcl_gen_lists *next = (*lists)->next;
        free(*lists);
        *lists = next;
    }
}

/* Returns zeroed memory that the lists own, or NULL if memory is short. */
static void *keep(elcl_gen_lists **lists, size_t bytes)
{
    size_t n;
    elcl_gen_lists *made = elcl_add_size(sizeof(*made), bytes, &n) ? elcl_calloc(1, n) : NULL;
    if (!made)
        return NULL;
    made->next = *lists;
    *lists = made;
    return made->memory;
}

static bool owns(const elcl_gen_lists *lists, const void *memory)
{
    for (; lists; lists = lists->next)
        if ((const void *)lists->memory == memory)
            return true;
    return false;
}

/* ---- read ---------------------------------------------------------------------------------- */

static bool is_eos(const struct elcl_gen_row *row)
{
    return row->offset == offsetof(elcl_gen_options, eos_token_ids);
}

static int fail_value(const struct elcl_gen_row *row, const char *text, const char *expected,
                      elcl_error *err)
{
    return elcl_fail(err, ELCL_E_ARG, "%s: expected %s, found '%.100s'", row->about.name, expected,
                     text);
}

static int read_bool(const struct elcl_gen_row *row, const char *text, int *value, elcl_error *err)
{
    *value = elcl_is_word("true", text);
    return *value || elcl_is_word("false", text) ? ELCL_OK
                                                 : fail_value(row, text, "true or false", err);
}

static int read_word(const struct elcl_gen_row *row, const char *text, int *value, elcl_error *err)
{
    for (const struct elcl_gen_word *w = row->words; w->word; w++) {
        if (elcl_is_word(w->word, text)) {
            *value = w->value;
            return ELCL_OK;
        }
    }
    char expected[64];
    (void)snprintf(expected, sizeof(expected), "one of %s", row->about.form);
    return fail_value(row, text, expected, err);
}

/* Reads a whole number, or a token. */
static int read_int(const struct elcl_gen_row *row, const char *text, int *value, elcl_error *err)
{
    const bool token = row->about.type == ELCL_OPTION_TOKEN;
    int64_t v = -1;
    if (!(token && elcl_is_word("none", text)) &&
        !elcl_read_whole(text, row->about.min, row->about.max, &v)) {
        char expected[96];
        (void)snprintf(expected, sizeof(expected), "a whole number from %.0f to %.0f%s",
                       row->about.min, row->about.max, token ? " or none" : "");
        return fail_value(row, text, expected, err);
    }
    *value = (int)v;
    return ELCL_OK;
}

static int read_number(const struct elcl_gen_row *row, const char *text, float *value,
                       elcl_error *err)
{
    double v;
    const char *end;
    const double min = row->about.min, max = row->about.max;
    if (!elcl_read_decimal(text, &v, &end) || *end || v < min || v > max) {
        char expected[96];
        (void)snprintf(expected, sizeof(expected),
                       min > 0 ? "a number from %g to %g" : "a number between %g and %g", min, max);
        return fail_value(row, text, expected, err);
    }
    *value = (float)v;
    return ELCL_OK;
}

/* Reads an id; *end is the byte after it. */
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

/* Reads ids with commas, and lists of them with semicolons, into one allocation. */
static bool read_lists(const char *text, elcl_tokens *lists, int32_t *ids, int *n)
{
    *n = 0;
    for (const char *at = text; strcmp(text, "none") != 0;) {
        elcl_tokens *list = &lists[*n];
        if (!list->n)
            list->ids = ids;
        if (!read_id(at, ids++, &at) || (*at && *at != ',' && *at != ';'))
            return false;
        list->n++;
        *n += *at != ',';
        if (!*at++)
            break;
    }
    return true;
}

static int fail_list(const struct elcl_gen_row *row, const char *text, elcl_error *err)
{
    char expected[96];
    if (!is_eos(row))
        return fail_value(
            row, text, "token ids separated by commas (lists of them by semicolons) or none", err);
    (void)snprintf(expected, sizeof(expected), "up to %d token ids separated by commas, or none",
                   ELCL_MAX_EOS);
    return fail_value(row, text, expected, err);
}

static void set_eos(const elcl_tokens *tokens, elcl_gen_options *o)
{
    o->n_eos = tokens->n;
    for (int i = 0; i < ELCL_MAX_EOS; i++)
        o->eos_token_ids[i] = i < tokens->n ? tokens->ids[i] : -1;
}

static int read_list(const struct elcl_gen_row *row, const char *text, elcl_gen_options *o,
                     elcl_gen_lists **lists, elcl_error *err)
{
    const bool many = row->about.type == ELCL_OPTION_TOKEN_LISTS;
    const size_t most = strlen(text) + 1; /* of the lists, and of the ids */
    size_t bytes;
    int n;
    if (most > INT_MAX || !elcl_mul_size(most, sizeof(elcl_tokens) + sizeof(int32_t), &bytes))
        return elcl_fail_nomem(err);
    elcl_tokens *to = keep(lists, bytes);
    if (!to)
        return elcl_fail_nomem(err);
    if (!read_lists(text, to, (int32_t *)(void *)(to + most), &n) || (!many && n > 1) ||
        (is_eos(row) && to->n > ELCL_MAX_EOS))
        return fail_list(row, text, err);
    if (is_eos(row)) {
        set_eos(to, o);
    } else if (many) {
        memcpy((char *)o + row->offset, &to, sizeof(to));
        memcpy((char *)o + row->count, &n, sizeof(n));
    } else {
        memcpy((char *)o + row->offset, to, sizeof(*to)); /* zeros for none */
    }
    return ELCL_OK;
}

/* Adds a string to those that the lists own. */
static int read_text(const struct elcl_gen_row *row, const char *text, elcl_gen_options *o,
                     elcl_gen_lists **lists, elcl_error *err)
{
    const int n = owns(*lists, o->stop_strings) ? o->n_stop_strings : 0;
    const size_t pointers = ((size_t)n + 1) * sizeof(char *), bytes = strlen(text) + 1;
    if (bytes == 1)
        return fail_value(row, text, row->about.form, err);
    if (n >= (int)row->about.max)
        return elcl_fail(err, ELCL_E_ARG, "%s: expected at most %.0f of them, found more",
                         row->about.name, row->about.max);
    const char **to = keep(lists, pointers + bytes);
    if (!to)
        return elcl_fail_nomem(err);
    if (n)
        memcpy(to, o->stop_strings, (size_t)n * sizeof(*to));
    to[n] = memcpy((char *)to + pointers, text, bytes);
    o->stop_strings = to;
    o->n_stop_strings = n + 1;
    return ELCL_OK;
}

/* Reads what fits an int. */
static int read_plain(const struct elcl_gen_row *row, const char *text, elcl_gen_options *o,
                      elcl_error *err)
{
    int value = 0;
    const int rc = row->about.type == ELCL_OPTION_BOOL   ? read_bool(row, text, &value, err)
                   : row->about.type == ELCL_OPTION_WORD ? read_word(row, text, &value, err)
                                                         : read_int(row, text, &value, err);
    if (rc)
        return rc;
    if (row->offset == offsetof(elcl_gen_options, seed))
        o->seed = (uint64_t)value;
    else
        memcpy((char *)o + row->offset, &value, sizeof(value));
    return ELCL_OK;
}

int elcl_option_read(const struct elcl_gen_row *row, const char *text, elcl_gen_options *options,
                     elcl_gen_lists **lists, elcl_error *err)
{
    float number = 0;
    switch (row->about.type) {
    case ELCL_OPTION_TOKENS:
    case ELCL_OPTION_TOKEN_LISTS:
        return read_list(row, text, options, lists, err);
    case ELCL_OPTION_TEXTS:
        return read_text(row, text, options, lists, err);
    case ELCL_OPTION_NUMBER:
        if (read_number(row, text, &number, err))
            return ELCL_E_ARG;
        memcpy((char *)options + row->offset, &number, sizeof(number));
        return ELCL_OK;
    case ELCL_OPTION_BOOL:
    case ELCL_OPTION_INT:
    case ELCL_OPTION_WORD:
    case ELCL_OPTION_TOKEN:
        break;
    }
    return read_plain(row, text, options, err);
}

/* ---- print --------------------------------------------------------------------------------- */

static void print_lists(const elcl_tokens *lists, int n, struct elcl_str *text)
{
    for (int i = 0; i < n; i++)
        for (int k = 0; k < lists[i].n; k++)
            elcl_str_printf(text, "%s%d", k ? "," : i ? ";" : "", (int)lists[i].ids[k]);
    if (!n || !lists->n)
        elcl_str_text(text, "none");
}

static void print_list(const struct elcl_gen_row *row, const elcl_gen_options *o,
                       struct elcl_str *text)
{
    const char *field = (const char *)o + row->offset;
    elcl_tokens one = {o->eos_token_ids, o->n_eos};
    const elcl_tokens *lists = &one;
    if (row->about.type == ELCL_OPTION_TOKEN_LISTS)
        memcpy(&lists, field, sizeof(lists));
    else if (!is_eos(row))
        memcpy(&one, field, sizeof(one));
    print_lists(lists, lists == &one ? 1 : elcl_gen_row_count(row, o), text);
}

static const char *word_of(const struct elcl_gen_word *words, int value)
{
    for (; words->word; words++)
        if (words->value == value)
            return words->word;
    return "unknown";
}

static void print_int(const struct elcl_gen_row *row, const elcl_gen_options *o,
                      struct elcl_str *text)
{
    const int value = elcl_gen_row_int(row, o);
    if (row->offset == offsetof(elcl_gen_options, seed))
        elcl_str_printf(text, "%" PRIu64, o->seed);
    else if (row->about.type == ELCL_OPTION_BOOL)
        elcl_str_text(text, value ? "true" : "false");
    else if (row->about.type == ELCL_OPTION_WORD)
        elcl_str_text(text, word_of(row->words, value));
    else if (row->about.type == ELCL_OPTION_TOKEN && value < 0)
        elcl_str_text(text, "none");
    else
        elcl_str_printf(text, "%d", value);
}

void elcl_option_print(const struct elcl_gen_row *row, const elcl_gen_options *options,
                       struct elcl_str *text)
{
    char number[32];
    switch (row->about.type) {
    case ELCL_OPTION_TOKENS:
    case ELCL_OPTION_TOKEN_LISTS:
        print_list(row, options, text);
        break;
    case ELCL_OPTION_TEXTS:
        elcl_str_text(text, "");
        for (int i = 0; i < options->n_stop_strings; i++)
            elcl_str_printf(text, "%s\n", options->stop_strings[i]);
        break;
    case ELCL_OPTION_NUMBER:
        elcl_print_float(elcl_gen_row_float(row, options), number);
        elcl_str_text(text, number);
        break;
    case ELCL_OPTION_BOOL:
    case ELCL_OPTION_INT:
    case ELCL_OPTION_WORD:
    case ELCL_OPTION_TOKEN:
        print_int(row, options, text);
        break;
    }
}
