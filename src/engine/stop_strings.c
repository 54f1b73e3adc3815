/* Stop strings, searched in the text as tokens arrive. As in transformers 4.47.1 a match may begin
 * before the first generated token but must end in the last token. */
#include <string.h>

#include "base/util.h"
#include "engine/engine.h"
#include "search/options.h"

/* Returns the text of ids [n], or NULL and sets *rc. */
static char *decode_text(const struct elcl_engine *e, const int32_t *ids, int n, int *rc,
                         elcl_error *err)
{
    char *text = NULL;
    *rc = elcl_tokenizer_decode(e->model->tokenizer, ids, (size_t)n, true, &text, err);
    return *rc ? NULL : text;
}

/* Returns whether the text has a stop string that ends after the common beginning of both texts: an
 * earlier one would have ended the output. */
static bool completes(const elcl_gen_options *o, const char *before, const char *text)
{
    size_t common = 0;
    while (before[common] && before[common] == text[common])
        common++;
    for (int i = 0; i < o->n_stop_strings; i++) {
        const size_t n = strlen(o->stop_strings[i]);
        const char *found = strstr(text + (common >= n ? common - n + 1 : 0), o->stop_strings[i]);
        if (found)
            return true;
    }
    return false;
}

static int stop_row(const struct elcl_engine *e, struct elcl_sentence *sentence, int row,
                    int32_t *ids, elcl_error *err)
{
    const int length = elcl_search_length(sentence->search), n = sentence->n_prompt + length;
    int rc = ELCL_OK;
    if (length <= elcl_options_prompt(&sentence->options))
        return ELCL_OK;
    memcpy(ids, sentence->prompt, (size_t)sentence->n_prompt * sizeof(*ids));
    elcl_search_history(sentence->search, row, ids + sentence->n_prompt);
    char *before = decode_text(e, ids, n - 1, &rc, err);
    char *text = before ? decode_text(e, ids, n, &rc, err) : NULL;
    if (text && completes(&sentence->options, before, text))
        elcl_search_stop(sentence->search, row);
    elcl_free(before);
    elcl_free(text);
    return rc;
}

int elcl_engine_stop(struct elcl_engine *engine, struct elcl_sentence *sentence, elcl_error *err)
{
    int n_rows, rc = ELCL_OK;
    elcl_search_rows(sentence->search, &n_rows);
    const size_t n = (size_t)sentence->n_prompt + (size_t)elcl_search_length(sentence->search);
    int32_t *ids = elcl_calloc(n, sizeof(*ids));
    if (!ids)
        return elcl_fail_nomem(err);
    for (int row = 0; row < n_rows && !rc && !elcl_search_done(sentence->search); row++)
        rc = stop_row(engine, sentence, row, ids, err);
    elcl_free(ids);
    return rc;
}
