/* The tokenizer of Whisper: GPT-2's, with languages, tasks and times as added tokens. */
#include <string.h>

#include "text/characters.h"
#include "text/tokenizer_load.h"

/* Files say of some of these tokens, and of no times, that they are special. */
static bool is_special(const char *s, size_t n)
{
    return n > 4 && !memcmp(s, "<|", 2) && !memcmp(s + n - 2, "|>", 2);
}

/* ---- a vocabulary without merges ------------------------------------------------------------- */

/* Any two tokens whose bytes together are a token may be merged, lowest ids first: OpenAI's
 * tokenizer has no other merges, and ids in the order in which they were found. */
static int add_merges_of(struct elcl_tokenizer *t, int32_t id, elcl_error *err)
{
    const char *s = elcl_symbol_text(t, id);
    const size_t n = t->symbols[id].length;
    int rc = ELCL_OK;
    uint32_t code;
    for (size_t i = n ? elcl_character(s, n, &code) : 0; i < n && !rc;) {
        const int32_t left = elcl_strmap_get(&t->symbol_of, s, i);
        const int32_t right = elcl_strmap_get(&t->symbol_of, s + i, n - i);
        if (left >= 0 && right >= 0)
            rc = elcl_merges_add(&t->merges, left, right, id, id, err);
        i += elcl_character(s + i, n - i, &code);
    }
    return rc;
}

int elcl_whisper_build(struct elcl_tokenizer *t, elcl_error *err)
{
    int rc = ELCL_OK;
    t->kind = &elcl_kind_bytes;
    t->unk = -1;
    for (int32_t id = 0; id < t->size && !rc; id++) {
        const char *s = elcl_symbol_text(t, id);
        struct elcl_added added = {.n = t->symbols[id].length, .id = id};
        if (!elcl_is_token(t, id) || !is_special(s, added.n))
            continue;
        added.content = elcl_strndup(s, added.n);
        rc = added.content ? elcl_special_add(t, &added, true, t->path, err) : elcl_fail_nomem(err);
        elcl_free(added.content);
    }
    if (!rc)
        rc = elcl_vocab_spell_bytes(t, err);
    for (int32_t id = 0; id < t->size && !rc; id++)
        if (elcl_is_token(t, id) && !(t->symbols[id].kind & ELCL_SYMBOL_VERBATIM))
            rc = add_merges_of(t, id, err);
    t->eos = -1;
    elcl_whisper_complete(t);
    elcl_added_sort(&t->added);
    return rc;
}

/* ---- all of them ----------------------------------------------------------------------------- */

/* The class puts these ids around a text, whatever tokenizer.json says. */
static void put_wrap(struct elcl_tokenizer *t, int32_t sot)
{
    const int32_t no_timestamps = elcl_token_id(t, "<|notimestamps|>");
    t->wraps = true;
    t->wrap = (struct elcl_wrap){.n_before = 1, .before = {sot}};
    if (no_timestamps >= 0)
        t->wrap.before[t->wrap.n_before++] = no_timestamps;
    if (t->eos >= 0)
        t->wrap.after[t->wrap.n_after++] = t->eos;
}

void elcl_whisper_complete(struct elcl_tokenizer *t)
{
    const int32_t sot = elcl_token_id(t, "<|startoftranscript|>");
    if (t->kind != &elcl_kind_bytes || sot < 0)
        return;
    t->class = ELCL_CLASS_WHISPER;
    t->clean_up = false;
    if (t->eos < 0)
        t->eos = elcl_token_id(t, "<|endoftext|>");
    put_wrap(t, sot);
    for (int32_t id = 0; id < t->size; id++)
        if (elcl_is_token(t, id) && is_special(elcl_symbol_text(t, id), t->symbols[id].length))
            t->symbols[id].kind |= ELCL_SYMBOL_SPECIAL;
}
