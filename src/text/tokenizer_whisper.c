/* The tokenizer of Whisper: GPT-2's, with languages, tasks and times as added tokens. */
#include <string.h>

#include "text/tokenizer_load.h"

/* Files say of some of these tokens, and of no times, that they are special. */
static bool is_special(const char *s, size_t n)
{
    return n > 4 && !memcmp(s, "<|", 2) && !memcmp(s + n - 2, "|>", 2);
}

/* The class of the files' origin puts these ids around a text. */
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
    if (t->python)
        put_wrap(t, sot);
    for (int32_t id = 0; id < t->size; id++)
        if (elcl_is_token(t, id) && is_special(elcl_symbol_text(t, id), t->symbols[id].length))
            t->symbols[id].kind |= ELCL_SYMBOL_SPECIAL;
}
