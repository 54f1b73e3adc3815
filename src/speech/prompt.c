#include "speech/prompt.h"

#include <string.h>

int elcl_ids_add(struct elcl_ids *list, const int32_t *ids, size_t n, elcl_error *err)
{
    void *all = list->ids;
    if (!elcl_grow(&all, &list->capacity, list->n + n, sizeof(*ids)))
        return elcl_fail_nomem(err);
    list->ids = all;
    if (n)
        memcpy(list->ids + list->n, ids, n * sizeof(*ids));
    list->n += n;
    return ELCL_OK;
}

/* The previous text has up to half of the positions, less the token before it, and never so many
 * that less than an eighth is left for the text. */
static size_t previous_room(const struct elcl_prompt_parts *parts, size_t others)
{
    const size_t positions = (size_t)parts->positions;
    const size_t taken = others + positions / 8, half = positions / 2 - 1;
    const size_t left = taken < positions ? positions - taken : 0;
    return left < half ? left : half;
}

/* The tokens from the start on. */
static int begin_text(const struct elcl_prompt_parts *parts, struct elcl_ids *prompt,
                      elcl_error *err)
{
    const struct elcl_speech_tokens *t = parts->tokens;
    const int32_t task = parts->translate ? t->translate : t->transcribe;
    int rc;
    ELCL_TRY(elcl_ids_add(prompt, &t->sot, 1, err));
    if (parts->language >= 0)
        ELCL_TRY(elcl_ids_add(prompt, &parts->language, 1, err));
    if (t->is_multilingual && task >= 0)
        ELCL_TRY(elcl_ids_add(prompt, &task, 1, err));
    if (!parts->timestamps)
        ELCL_TRY(elcl_ids_add(prompt, &t->no_timestamps, 1, err));
fail:
    return rc;
}

int elcl_prompt_build(const struct elcl_prompt_parts *parts, struct elcl_ids *prompt, size_t *start,
                      elcl_error *err)
{
    const elcl_tokens hotwords = {parts->hotwords.ids,
                                  elcl_min_int(parts->hotwords.n, parts->positions / 2 - 1)};
    const size_t room = previous_room(parts, (size_t)hotwords.n + (size_t)parts->n_forced + 6);
    const size_t n_previous = (size_t)parts->previous.n < room ? (size_t)parts->previous.n : room;
    struct elcl_ids built = {0};
    size_t at;
    int rc;
    if (parts->tokens->sot_prev >= 0 && n_previous + (size_t)hotwords.n) {
        ELCL_TRY(elcl_ids_add(&built, &parts->tokens->sot_prev, 1, err));
        ELCL_TRY(elcl_ids_add(&built, hotwords.ids, (size_t)hotwords.n, err));
        ELCL_TRY(elcl_ids_add(&built, parts->previous.ids + parts->previous.n - n_previous,
                              n_previous, err));
    }
    at = built.n;
    ELCL_TRY(begin_text(parts, &built, err));
    *prompt = built;
    *start = at;
    return ELCL_OK;
fail:
    elcl_free(built.ids);
    return rc;
}
