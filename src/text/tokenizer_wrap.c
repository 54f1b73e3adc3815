/* The languages of a tokenizer, and the ids around a text. */
#include <string.h>

#include "text/core.h"

/* ---- languages ----------------------------------------------------------------------------- */

enum elcl_target_language elcl_tokenizer_target_language(const struct elcl_tokenizer *tokenizer)
{
    switch (tokenizer->class) {
    case ELCL_CLASS_MBART:
        return ELCL_TARGET_START;
    case ELCL_CLASS_MBART_50:
    case ELCL_CLASS_M2M_100:
    case ELCL_CLASS_NLLB:
        return ELCL_TARGET_FIRST;
    case ELCL_CLASS_MARIAN:
        return ELCL_TARGET_SOURCE;
    default:
        return ELCL_TARGET_NONE;
    }
}

/* en_XX, eng_Latn: letters, an underscore, letters. */
static bool looks_like_code(const char *s, size_t n)
{
    size_t i = 0, underscore = 0;
    for (; i < n; i++) {
        if (s[i] == '_' && !underscore)
            underscore = i;
        else if (!((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z')))
            return false;
    }
    return (underscore == 2 || underscore == 3) && n >= underscore + 3 && n <= underscore + 5;
}

/* en, haw: Whisper's tasks and other special tokens have longer names. */
static bool is_short_code(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (s[i] < 'a' || s[i] > 'z')
            return false;
    return n == 2 || n == 3;
}

const char *elcl_tokenizer_code(const struct elcl_tokenizer *tokenizer, int32_t id, size_t *n)
{
    static const struct {
        enum elcl_tokenizer_class class;
        const char *before, *after;
    } marks[] = {{ELCL_CLASS_M2M_100, "__", "__"},
                 {ELCL_CLASS_MARIAN, ">>", "<<"},
                 {ELCL_CLASS_WHISPER, "<|", "|>"}};
    const struct elcl_tokenizer *t = tokenizer;
    if (!elcl_is_token(t, id))
        return NULL;
    const char *s = elcl_symbol_text(t, id);
    const bool verbatim = t->symbols[id].kind & ELCL_SYMBOL_VERBATIM;
    *n = t->symbols[id].length;
    for (size_t i = 0; i < ELCL_COUNT(marks); i++) {
        if (t->class != marks[i].class)
            continue;
        if (*n < 5 || memcmp(s, marks[i].before, 2) != 0 ||
            memcmp(s + *n - 2, marks[i].after, 2) != 0)
            return NULL;
        *n -= 4;
        return t->class != ELCL_CLASS_WHISPER || is_short_code(s + 2, *n) ? s + 2 : NULL;
    }
    return verbatim && looks_like_code(s, *n) ? s : NULL;
}

/* Whisper's belong to the sound, not to a text. */
static bool has_languages(const struct elcl_tokenizer *t)
{
    return t->class == ELCL_CLASS_WHISPER || elcl_tokenizer_target_language(t) != ELCL_TARGET_NONE;
}

int elcl_tokenizer_list_languages(const struct elcl_tokenizer *tokenizer, struct elcl_str *codes,
                                  elcl_error *err)
{
    const struct elcl_tokenizer *t = tokenizer;
    const bool has = has_languages(t);
    for (int32_t i = 0; has && i < t->size; i++) {
        size_t length = 0;
        const char *s = elcl_tokenizer_code(t, i, &length);
        if (s)
            elcl_str_printf(codes, "%.*s\n", (int)length, s);
    }
    return codes->failed ? elcl_fail_nomem(err) : ELCL_OK;
}

int elcl_tokenizer_language(const struct elcl_tokenizer *tokenizer, const char *role,
                            const char *code, int32_t *id, elcl_error *err)
{
    const struct elcl_tokenizer *t = tokenizer;
    struct elcl_str known = {0};
    const size_t n = strlen(code);
    int n_known = 0;
    const bool has = has_languages(t);
    for (int32_t i = 0; has && i < t->size; i++) {
        size_t length = 0;
        const char *s = elcl_tokenizer_code(t, i, &length);
        if (s && length == n && !memcmp(s, code, n)) {
            elcl_str_finish(&known);
            *id = i;
            return ELCL_OK;
        }
        if (s && n_known++ < 5)
            elcl_str_printf(&known, "%s%.*s", n_known > 1 ? ", " : "",
                            (int)(length > 20 ? 20 : length), s);
    }
    const char *more = n_known > 5 ? " ..." : "";
    const int rc = known.failed ? elcl_fail_nomem(err)
                   : n_known
                       ? elcl_fail(err, ELCL_E_ARG,
                                   "%s: the model does not know the %s language "
                                   "\"%.40s\": it has %d, "
                                   "%s%s",
                                   t->path, role, code, n_known, known.data, more)
                       : elcl_fail(err, ELCL_E_ARG,
                                   "%s: the model has no languages, so the %s language \"%.40s\" "
                                   "cannot be chosen",
                                   t->path, role, code);
    elcl_str_finish(&known);
    return rc;
}

/* ---- around a text ------------------------------------------------------------------------- */

bool elcl_tokenizer_wraps(const struct elcl_tokenizer *tokenizer)
{
    return tokenizer->wraps;
}

static void put_last(struct elcl_wrap *wrap, int32_t id)
{
    if (id >= 0)
        wrap->after[wrap->n_after++] = id;
}

/* Removes the end if the text already has it. */
static void end_once(const struct elcl_tokenizer *t, const int32_t *ids, size_t n,
                     struct elcl_wrap *wrap)
{
    if (t->eos_once && n && wrap->n_after == 1 && ids[n - 1] == wrap->after[0])
        wrap->n_after = 0;
}

int elcl_tokenizer_wrap(const struct elcl_tokenizer *tokenizer, const int32_t *ids, size_t n,
                        const char *source, const char *target, struct elcl_wrap *wrap,
                        elcl_error *err)
{
    const struct elcl_tokenizer *t = tokenizer;
    struct elcl_wrap found = t->wrap;
    int32_t from = -1, to = -1;
    if (source && !*t->source_language)
        return elcl_fail(err, ELCL_E_ARG,
                         "%s: the model's sources have no language, so the source language "
                         "\"%.40s\" cannot be chosen",
                         t->path, source);
    int rc = target ? elcl_tokenizer_language(t, "target", target, &to, err) : ELCL_OK;
    if (!source && *t->source_language)
        source = t->source_language;
    if (!rc && source)
        rc = elcl_tokenizer_language(t, "source", source, &from, err);
    if (rc)
        return rc;
    if (source) {
        found = (struct elcl_wrap){0};
        if (!t->language_last)
            found.before[found.n_before++] = from;
        put_last(&found, t->eos);
        if (t->language_last)
            put_last(&found, from);
    } else if (elcl_tokenizer_target_language(t) == ELCL_TARGET_SOURCE && to >= 0) {
        found.before[found.n_before++] = to;
    }
    end_once(t, ids, n, &found);
    *wrap = found;
    return ELCL_OK;
}

void elcl_tokenizer_wrap_target(const struct elcl_tokenizer *tokenizer, const int32_t *ids,
                                size_t n, struct elcl_wrap *wrap)
{
    const struct elcl_tokenizer *t = tokenizer;
    struct elcl_wrap found = t->wrap;
    if (*t->source_language || t->ends_targets) {
        found = (struct elcl_wrap){0};
        put_last(&found, t->target && t->ends_targets ? t->target->eos : t->eos);
    } else if (t->target && found.n_after == 1) {
        found.after[0] = elcl_token_id(t->target, "</s>");
        found.n_after = found.after[0] >= 0;
    }
    end_once(t, ids, n, &found);
    *wrap = found;
}
