/* The tokenizer of a GGUF file: T5's pieces, or GPT-2's bytes with their merges. */
#include <stdio.h>
#include <string.h>

#include "format/gguf.h"
#include "text/spm_model.h"
#include "text/tokenizer_load.h"

struct builder {
    const struct elcl_gguf *gguf;
    struct elcl_tokenizer *t;
    struct elcl_gguf_strings tokens;
    int32_t *types; /* [tokens.n] enum elcl_spm_type, for GPT-2 as well */
    float *scores;  /* [tokens.n]; NULL: GPT-2 */
    elcl_error *err;
};

/* Without types, which files of GPT-2 may lack, only the end of a text is special. */
static int assume_types(struct builder *b)
{
    b->types = elcl_calloc(b->tokens.n, sizeof(*b->types));
    for (size_t i = 0; i < b->tokens.n && b->types; i++)
        b->types[i] = ELCL_SPM_NORMAL;
    return b->types ? ELCL_OK : elcl_fail_nomem(b->err);
}

static int read_tokens(struct builder *b, bool scores)
{
    int rc;
    ELCL_TRY(elcl_gguf_strings(b->gguf, "tokenizer.ggml.tokens", &b->tokens, b->err));
    if (b->tokens.n > ELCL_MAX_TOKEN_ID)
        return elcl_fail(b->err, ELCL_E_FORMAT, "%s: expected at most %d tokens, found %zu",
                         b->gguf->path, ELCL_MAX_TOKEN_ID, b->tokens.n);
    if (scores || elcl_gguf_has(b->gguf, "tokenizer.ggml.token_type"))
        ELCL_TRY(
            elcl_gguf_ints(b->gguf, "tokenizer.ggml.token_type", b->tokens.n, &b->types, b->err));
    else
        ELCL_TRY(assume_types(b));
    if (scores)
        ELCL_TRY(
            elcl_gguf_floats(b->gguf, "tokenizer.ggml.scores", b->tokens.n, &b->scores, b->err));
fail:
    return rc;
}

/* An id without a token, as a padded table has them: the converter names it "[PAD7]". */
static bool is_hole(const struct builder *b, size_t id)
{
    static const char start[] = "[PAD";
    const size_t begins = sizeof(start) - 1;
    size_t n;
    const char *s = elcl_gguf_string(&b->tokens, id, &n);
    if (b->types[id] != ELCL_SPM_UNUSED || n <= begins + 1 || memcmp(s, start, begins) != 0 ||
        s[n - 1] != ']')
        return false;
    for (size_t i = begins; i < n - 1; i++)
        if (s[i] < '0' || s[i] > '9')
            return false;
    return true;
}

static int add_special(const struct builder *b, const char *s, size_t n, int32_t id, bool special)
{
    const struct elcl_added added = {.content = (char *)(uintptr_t)s, .n = n, .id = id};
    if (!n)
        return elcl_fail(b->err, ELCL_E_FORMAT, "%s: the token %d is empty", b->t->path, (int)id);
    return elcl_special_add(b->t, &added, special, b->t->path, b->err);
}

/* Makes the token of a key special, or the one of this name if the file lacks the key; *id is -1 if
 * there is neither. */
static int add_role(const struct builder *b, const char *key, const char *name, int32_t *id)
{
    int value = name ? elcl_token_id(b->t, name) : -1;
    const int last = (int)b->tokens.n - 1;
    const int rc = elcl_gguf_int_or(b->gguf, key, 0, last, value, &value, b->err);
    *id = value;
    if (rc || value < 0)
        return rc;
    size_t n;
    const char *s = elcl_gguf_string(&b->tokens, (size_t)value, &n);
    return is_hole(b, (size_t)value) ? ELCL_OK : add_special(b, s, n, value, true);
}

/* ---- T5 -------------------------------------------------------------------------------------- */

/* The converter's mark of a token that the SentencePiece model does not have. */
#define ADDED_SCORE (-1000.0f)
#define SENTINELS 100

static bool is_added(const struct builder *b, size_t id)
{
    return b->types[id] == ELCL_SPM_USER && b->scores[id] <= ADDED_SCORE;
}

/* Returns the number of ids that are pieces of the model; added tokens and holes follow. */
static size_t count_pieces(const struct builder *b)
{
    size_t n = b->tokens.n;
    while (n && (is_hole(b, n - 1) || is_added(b, n - 1)))
        n--;
    return n;
}

static int assemble(const struct builder *b, size_t n)
{
    struct elcl_spm_parts parts = {.n = n};
    struct elcl_spm_token *tokens = elcl_calloc(n, sizeof(*tokens));
    char *charsmap = NULL;
    int rc = tokens ? ELCL_OK : elcl_fail_nomem(b->err);
    for (size_t i = 0; i < n && tokens; i++) {
        tokens[i] = (struct elcl_spm_token){.type = (uint32_t)b->types[i], .score = b->scores[i]};
        tokens[i].s = elcl_gguf_string(&b->tokens, i, &tokens[i].n);
    }
    parts.tokens = tokens;
    if (!rc)
        rc = elcl_gguf_bool_or(b->gguf, "tokenizer.ggml.add_space_prefix", true, &parts.dummy_space,
                               b->err);
    if (!rc)
        rc = elcl_gguf_bool_or(b->gguf, "tokenizer.ggml.remove_extra_whitespaces", true,
                               &parts.trims, b->err);
    if (!rc && elcl_gguf_has(b->gguf, "tokenizer.ggml.precompiled_charsmap"))
        rc = elcl_gguf_bytes(b->gguf, "tokenizer.ggml.precompiled_charsmap", &charsmap,
                             &parts.n_charsmap, b->err);
    parts.charsmap = charsmap;
    if (!rc)
        rc = elcl_spm_assemble(&parts, b->t->path, &b->t->spm, b->err);
    elcl_free(charsmap);
    elcl_free(tokens);
    return rc;
}

/* T5's sentinels are no pieces, and the converter leaves them out: the table has rows for them, and
 * <extra_id_0> has the last of the first hundred. Vocabularies with fewer rows have none. */
static int add_sentinels(const struct builder *b, size_t first)
{
    for (size_t i = first; i < first + SENTINELS; i++)
        if (i >= b->tokens.n || !is_hole(b, i))
            return ELCL_OK;
    int rc = ELCL_OK;
    for (int i = 0; i < SENTINELS && !rc; i++) {
        char name[32];
        const int n = snprintf(name, sizeof(name), "<extra_id_%d>", i);
        if (elcl_token_id(b->t, name) < 0)
            rc = add_special(b, name, (size_t)n, (int32_t)first + SENTINELS - 1 - i, true);
    }
    return rc;
}

static int add_pieces(const struct builder *b, size_t n_pieces)
{
    static const char sentinel[] = "<extra_id_";
    int rc = ELCL_OK;
    for (size_t i = 0; i < b->tokens.n && !rc; i++) {
        size_t n;
        const char *s = elcl_gguf_string(&b->tokens, i, &n);
        if (i < n_pieces)
            rc = elcl_strmap_get(&b->t->symbol_of, s, n) < 0
                     ? elcl_vocab_add(b->t, s, n, (int32_t)i, 0, b->t->path, b->err)
                     : ELCL_OK;
        else if (is_added(b, i))
            rc = add_special(b, s, n, (int32_t)i,
                             n >= sizeof(sentinel) && !memcmp(s, sentinel, sizeof(sentinel) - 1));
    }
    return rc;
}

static int put_ends(const struct builder *b, int32_t bos)
{
    struct elcl_tokenizer *t = b->t;
    bool add_bos = false, add_eos = true;
    int rc = elcl_gguf_bool_or(b->gguf, "tokenizer.ggml.add_bos_token", false, &add_bos, b->err);
    if (!rc)
        rc = elcl_gguf_bool_or(b->gguf, "tokenizer.ggml.add_eos_token", true, &add_eos, b->err);
    t->wraps = t->eos_once = true;
    if (add_bos && bos >= 0)
        t->wrap.before[t->wrap.n_before++] = bos;
    if (add_eos && t->eos >= 0)
        t->wrap.after[t->wrap.n_after++] = t->eos;
    return rc;
}

static int build_t5(struct builder *b)
{
    struct elcl_tokenizer *t = b->t;
    int32_t pad, unk, bos = -1;
    int rc;
    t->kind = &elcl_kind_spm;
    t->class = ELCL_CLASS_T5;
    ELCL_TRY(read_tokens(b, true));
    const size_t n_pieces = count_pieces(b);
    ELCL_TRY(assemble(b, n_pieces));
    ELCL_TRY(add_pieces(b, n_pieces));
    ELCL_TRY(add_sentinels(b, n_pieces));
    ELCL_TRY(add_role(b, "tokenizer.ggml.eos_token_id", "</s>", &t->eos));
    ELCL_TRY(add_role(b, "tokenizer.ggml.unknown_token_id", "<unk>", &unk));
    ELCL_TRY(add_role(b, "tokenizer.ggml.padding_token_id", "<pad>", &pad));
    t->unk = elcl_spm_unknown(t->spm);
    ELCL_TRY(elcl_gguf_int_or(b->gguf, "tokenizer.ggml.bos_token_id", 0, (int)b->tokens.n - 1, -1,
                              &bos, b->err));
    ELCL_TRY(put_ends(b, bos));
fail:
    return rc;
}

/* ---- GPT-2 ----------------------------------------------------------------------------------- */

static int add_merges(const struct builder *b)
{
    struct elcl_gguf_strings merges = {0};
    struct elcl_str lines = {0};
    int rc = elcl_gguf_strings(b->gguf, "tokenizer.ggml.merges", &merges, b->err);
    for (size_t i = 0; i < merges.n && !rc; i++) {
        size_t n;
        const char *s = elcl_gguf_string(&merges, i, &n);
        elcl_str_append(&lines, s, n);
        elcl_str_append(&lines, "\n", 1);
    }
    const struct elcl_text_file file = {b->t->path, lines.data, lines.n};
    if (!rc && lines.failed)
        rc = elcl_fail_nomem(b->err);
    if (!rc && lines.n)
        rc = elcl_merges_read_text(b->t, &file, b->err);
    elcl_gguf_strings_finish(&merges);
    elcl_str_finish(&lines);
    return rc;
}

static int build_gpt2(struct builder *b)
{
    struct elcl_tokenizer *t = b->t;
    char pre[32];
    int32_t bos;
    int rc;
    t->kind = &elcl_kind_bytes;
    t->class = ELCL_CLASS_GPT2;
    ELCL_TRY(elcl_gguf_text_or(b->gguf, "tokenizer.ggml.pre", "gpt-2", pre, sizeof(pre), b->err));
    if (strcmp(pre, "gpt-2") != 0 && strcmp(pre, "default") != 0)
        return elcl_fail(b->err, ELCL_E_UNSUPPORTED,
                         "%s: tokenizer.ggml.pre \"%s\" is not supported; elcl reads gpt-2",
                         b->gguf->path, pre);
    ELCL_TRY(read_tokens(b, false));
    for (size_t i = 0; i < b->tokens.n; i++) {
        size_t n;
        const char *s = elcl_gguf_string(&b->tokens, i, &n);
        if (b->types[i] == ELCL_SPM_CONTROL || b->types[i] == ELCL_SPM_USER)
            ELCL_TRY(add_special(b, s, n, (int32_t)i, b->types[i] == ELCL_SPM_CONTROL));
        else if (n && !is_hole(b, i))
            ELCL_TRY(elcl_vocab_add(t, s, n, (int32_t)i, 0, t->path, b->err));
    }
    ELCL_TRY(add_role(b, "tokenizer.ggml.eos_token_id", "<|endoftext|>", &t->eos));
    ELCL_TRY(add_role(b, "tokenizer.ggml.bos_token_id", NULL, &bos));
    ELCL_TRY(elcl_vocab_spell_bytes(t, b->err));
    ELCL_TRY(add_merges(b));
fail:
    return rc;
}

/* ---- both ------------------------------------------------------------------------------------ */

static int build(const struct elcl_gguf *gguf, const char *model, struct elcl_tokenizer *t,
                 elcl_error *err)
{
    struct builder b = {.gguf = gguf, .t = t, .err = err};
    int rc;
    t->unk = t->eos = -1;
    t->python = true;
    t->path = elcl_strdup(gguf->path);
    if (!t->path)
        return elcl_fail_nomem(err);
    if (!strcmp(model, "t5"))
        rc = build_t5(&b);
    else if (!strcmp(model, "gpt2"))
        rc = build_gpt2(&b);
    else
        rc = elcl_fail(err, ELCL_E_UNSUPPORTED,
                       "%s: tokenizer.ggml.model \"%s\" is not supported; elcl reads t5 and gpt2",
                       gguf->path, model);
    elcl_added_sort(&t->added);
    elcl_gguf_strings_finish(&b.tokens);
    elcl_free(b.types);
    elcl_free(b.scores);
    return rc;
}

int elcl_gguf_tokenizer_load(const char *path, struct elcl_tokenizer **tokenizer, elcl_error *err)
{
    struct elcl_gguf gguf = {0};
    struct elcl_tokenizer *t = NULL;
    char model[32] = "";
    int rc = elcl_gguf_open(path, &gguf, err);
    if (!rc)
        rc = elcl_gguf_text_or(&gguf, "tokenizer.ggml.model", "none", model, sizeof(model), err);
    const bool has = !rc && strcmp(model, "none") != 0;
    if (has) {
        t = elcl_calloc(1, sizeof(*t));
        rc = t ? build(&gguf, model, t, err) : elcl_fail_nomem(err);
    }
    elcl_gguf_finish(&gguf);
    if (rc)
        elcl_tokenizer_destroy(&t);
    else
        *tokenizer = t;
    return rc;
}
