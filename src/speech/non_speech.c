#include "speech/non_speech.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"

/* A sign counts if it is one token, with a blank before it or without. */
static const char *const signs[] = {
    "\"",  "#",  "(",  ")",   "*",   "+",   "/",   ":",  ";",   "<",  "=",   ">",
    "@",   "[",  "\\", "]",   "^",   "_",   "`",   "{",  "|",   "}",  "~",   "「",
    "」",  "『", "』", "<<",  ">>",  "<<<", ">>>", "--", "---", "-(", "-[",  "('",
    "(\"", "((", "))", "(((", ")))", "[[",  "]]",  "{{", "}}",  "♪♪", "♪♪♪",
};
/* Of a note the first token counts, which others share. */
static const char *const notes[] = {"♩", "♪", "♫", "♬", "♭", "♮", "♯"};

struct list {
    const struct elcl_tokenizer *tokenizer; /* NULL: there is none */
    int32_t limit;                          /* the model has the ids below */
    int32_t never[2];                       /* not added: small vocabularies would need it */
    int32_t *ids;                           /* [n] */
    size_t n, max;
    elcl_error *err;
};

static struct list begin(const struct elcl_tokenizer *tokenizer,
                         const struct elcl_speech_tokens *special, int32_t never, elcl_error *err)
{
    return (struct list){.tokenizer = tokenizer,
                         .limit = special->timestamp_begin + special->n_timestamps,
                         .never = {never, -1},
                         .err = err};
}

static int add(struct list *list, int32_t id)
{
    void *array = list->ids;
    if (id < 0 || id >= list->limit || id == list->never[0] || id == list->never[1])
        return ELCL_OK;
    if (!elcl_grow(&array, &list->max, list->n + 1, sizeof(*list->ids)))
        return elcl_fail_nomem(list->err);
    list->ids = array;
    list->ids[list->n++] = id;
    return ELCL_OK;
}

/* Finds the first token of a text and the number of all; -1: a small vocabulary lacks the text. */
static int find_first(const struct list *list, const char *text, int32_t *first, size_t *n)
{
    int32_t *ids = NULL;
    elcl_error unknown = {0};
    *first = -1;
    *n = 0;
    if (!list->tokenizer)
        return ELCL_OK;
    const int rc = elcl_tokenizer_encode(list->tokenizer, text, strlen(text), &ids, n, &unknown);
    if (rc)
        return rc == ELCL_E_NOMEM ? elcl_fail_nomem(list->err) : ELCL_OK;
    if (*n)
        *first = ids[0];
    elcl_free(ids);
    return ELCL_OK;
}

/* Adds the first token of a text if there is no other, or in any case. */
static int add_first(struct list *list, const char *text, bool in_any_case)
{
    int32_t first;
    size_t n;
    const int rc = find_first(list, text, &first, &n);
    return rc || (n > 1 && !in_any_case) ? rc : add(list, first);
}

static int add_sign(struct list *list, const char *sign, bool in_any_case)
{
    char blank[16] = " ";
    const int rc = add_first(list, sign, in_any_case);
    strncat(blank, sign, sizeof(blank) - 2);
    return rc ? rc : add_first(list, blank, in_any_case);
}

static int compare(const void *a, const void *b)
{
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return x < y ? -1 : x > y;
}

/* Sorts the list, removes what is there twice, and gives it away. */
static void give(struct list *list, elcl_tokens *tokens, void **memory)
{
    size_t n = 0;
    if (list->n)
        qsort(list->ids, list->n, sizeof(*list->ids), compare);
    for (size_t i = 0; i < list->n; i++)
        if (!i || list->ids[i] != list->ids[n - 1])
            list->ids[n++] = list->ids[i];
    *tokens = (elcl_tokens){list->ids, (int)n};
    *memory = list->ids;
}

int elcl_non_speech_tokens(const struct elcl_tokenizer *tokenizer,
                           const struct elcl_speech_tokens *special, elcl_tokens *tokens,
                           void **memory, elcl_error *err)
{
    const int32_t ids[] = {special->sot,      special->translate, special->transcribe,
                           special->sot_prev, special->no_speech, special->sot_lm};
    struct list list = begin(tokenizer, special, special->eot, err);
    size_t n;
    int rc = find_first(&list, " ", &list.never[1], &n);
    for (size_t i = 0; i < ELCL_COUNT(ids) && !rc; i++)
        rc = add(&list, ids[i]);
    for (size_t i = 0; i < ELCL_COUNT(signs) && !rc; i++)
        rc = add_sign(&list, signs[i], false);
    for (size_t i = 0; i < ELCL_COUNT(notes) && !rc; i++)
        rc = add_sign(&list, notes[i], true);
    if (!rc)
        rc = add_first(&list, " -", true);
    if (!rc)
        rc = add_first(&list, " '", true);
    if (rc)
        elcl_free(list.ids);
    else
        give(&list, tokens, memory);
    return rc;
}

int elcl_blank_tokens(const struct elcl_tokenizer *tokenizer,
                      const struct elcl_speech_tokens *special, elcl_tokens *tokens, void **memory,
                      elcl_error *err)
{
    struct list list = begin(tokenizer, special, -1, err);
    int rc = add(&list, special->eot);
    if (!rc)
        rc = add_first(&list, " ", true);
    if (rc)
        elcl_free(list.ids);
    else
        give(&list, tokens, memory);
    return rc;
}
