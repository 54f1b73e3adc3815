/* The tokenizer of a CTranslate2 directory: its vocabularies, and what cuts a text into their
 * tokens: a SentencePiece model, the codes of subword-nmt, or blanks. In a package of
 * argostranslate these files stand beside the model's directory. */
#include <string.h>

#include "base/os.h"
#include "format/ctranslate2.h"
#include "text/tokenizer_load.h"

#define MAX_FILE_BYTES ((size_t)256 << 20)
#define CONTINUES "@@"

struct builder {
    const char *directory;
    struct elcl_ct2_tokens tokens;
    elcl_error *err;
};

/* ---- files ----------------------------------------------------------------------------------- */

/* Sets *path to the file of that name in the directory or, if the package has metadata.json, beside
 * it; NULL if there is none. Freed with elcl_free(). */
static int find_named(const struct builder *b, const char *name, char **path)
{
    static const char *const places[] = {"", "../"};
    bool there = false;
    int rc = ELCL_OK;
    *path = NULL;
    for (size_t i = 0; i < ELCL_COUNT(places) && !rc && !there; i++) {
        struct elcl_str at = {0};
        if (i)
            rc = elcl_has_file(b->directory, "../metadata.json", &there, b->err);
        if (rc || (i && !there))
            break;
        elcl_str_printf(&at, "%s/%s%s", b->directory, places[i], name);
        rc = at.failed ? elcl_fail_nomem(b->err) : elcl_file_exists(at.data, &there, b->err);
        if (!rc && there)
            *path = at.data;
        else
            elcl_str_finish(&at);
    }
    return rc;
}

/* Finds the first of the names, or any other *.model but that of subword-nmt. */
static int find_pieces(const struct builder *b, const char *const *names, bool any, char **path)
{
    struct elcl_file_info *files = NULL;
    size_t n = 0;
    int rc = ELCL_OK;
    *path = NULL;
    for (; *names && !*path && !rc; names++)
        rc = find_named(b, *names, path);
    if (rc || *path || !any)
        return rc;
    rc = elcl_list_names(b->directory, &files, &n, b->err);
    for (size_t i = 0; i < n && !*path && !rc; i++) {
        const char *end = strrchr(files[i].name, '.');
        if (end && !strcmp(end, ".model") && strcmp(files[i].name, "bpe.model") != 0)
            rc = find_named(b, files[i].name, path);
    }
    elcl_free_files(files, n);
    return rc;
}

static int open_pieces(const struct builder *b, const char *path, struct elcl_spm **spm)
{
    char *data = NULL;
    size_t n = 0;
    int rc = elcl_read_file(path, MAX_FILE_BYTES, &data, &n, b->err);
    if (!rc)
        rc = elcl_spm_create(data, n, path, spm, b->err);
    elcl_free(data);
    return rc;
}

/* ---- vocabularies ---------------------------------------------------------------------------- */

static bool is_special(const struct builder *b, const char *token)
{
    const char *const special[] = {b->tokens.unk,    b->tokens.bos, b->tokens.eos, b->tokens.start,
                                   b->tokens.prefix, "<blank>",     "<pad>"};
    for (size_t i = 0; i < ELCL_COUNT(special); i++)
        if (!strcmp(token, special[i]))
            return true;
    return false;
}

/* subword-nmt's codes have pieces "ab" and "ab</w>", where the vocabulary has "ab@@" and "ab". */
static void respell(struct elcl_str *token)
{
    const size_t n = sizeof(CONTINUES) - 1;
    if (token->n > n && elcl_ends_with(token->data, token->n, CONTINUES))
        token->n -= n;
    else
        elcl_str_text(token, "</w>");
}

/* Later ids of a token that appears twice have none. */
static int add_tokens(const struct builder *b, struct elcl_tokenizer *t,
                      const struct elcl_ct2_vocabulary *vocabulary)
{
    int rc = ELCL_OK;
    for (size_t i = 0; i < vocabulary->n && !rc; i++) {
        const char *token = elcl_ct2_token(vocabulary, i);
        const bool special = is_special(b, token);
        struct elcl_str text = {0};
        elcl_str_text(&text, token);
        if (t->kind == &elcl_kind_fsmt && !special && !text.failed)
            respell(&text);
        if (text.failed)
            rc = elcl_fail_nomem(b->err);
        else if (elcl_strmap_get(&t->symbol_of, text.data, text.n) < 0)
            rc = elcl_vocab_add(t, text.data, text.n, (int32_t)i, special ? ELCL_SYMBOL_SPECIAL : 0,
                                t->path, b->err);
        elcl_str_finish(&text);
    }
    return rc;
}

static int read_codes(const struct builder *b, struct elcl_tokenizer *t, const char *path)
{
    struct elcl_text_file file = {.path = (char *)(uintptr_t)path};
    int rc = elcl_read_file(path, MAX_FILE_BYTES, &file.data, &file.n, b->err);
    if (!rc)
        rc = elcl_merges_read_text(t, &file, b->err);
    elcl_free(file.data);
    return rc;
}

/* Makes a tokenizer of a vocabulary; pieces and codes are the paths of their files, or NULL. */
static int build(const struct builder *b, const struct elcl_ct2_vocabulary *vocabulary,
                 const char *pieces, const char *codes, struct elcl_tokenizer **tokenizer)
{
    struct elcl_tokenizer *t = elcl_calloc(1, sizeof(*t));
    int rc;
    if (!t)
        return elcl_fail_nomem(b->err);
    *tokenizer = t;
    t->kind = pieces ? &elcl_kind_spm : codes ? &elcl_kind_fsmt : &elcl_kind_words;
    t->class = codes && !pieces ? ELCL_CLASS_FSMT : ELCL_CLASS_OTHER;
    t->python = true;
    t->path = elcl_strdup(vocabulary->path);
    if (!t->path)
        return elcl_fail_nomem(b->err);
    ELCL_TRY(add_tokens(b, t, vocabulary));
    if (pieces)
        ELCL_TRY(open_pieces(b, pieces, &t->spm));
    else if (codes)
        ELCL_TRY(read_codes(b, t, codes));
    t->unk = elcl_token_id(t, b->tokens.unk);
    t->eos = elcl_token_id(t, b->tokens.eos);
fail:
    return rc;
}

/* Whisper has one vocabulary, and no other file is needed. */
static int build_speech(const struct builder *b, const struct elcl_ct2_vocabulary *vocabulary,
                        struct elcl_tokenizer **tokenizer)
{
    struct elcl_tokenizer *t = elcl_calloc(1, sizeof(*t));
    if (!t)
        return elcl_fail_nomem(b->err);
    *tokenizer = t;
    t->kind = &elcl_kind_bytes;
    t->path = elcl_strdup(vocabulary->path);
    if (!t->path)
        return elcl_fail_nomem(b->err);
    const int rc = add_tokens(b, t, vocabulary);
    return rc ? rc : elcl_whisper_build(t, b->err);
}

/* Marian's sources always end with EOS; converters of such models do not all say so. */
static void put_wrap(const struct builder *b, struct elcl_tokenizer *t)
{
    const int32_t bos = b->tokens.source_bos ? elcl_token_id(t, b->tokens.bos) : -1;
    t->wraps = t->eos_once = t->ends_targets = true;
    if (bos >= 0)
        t->wrap.before[t->wrap.n_before++] = bos;
    if ((b->tokens.source_eos || b->tokens.from_zero) && t->eos >= 0)
        t->wrap.after[t->wrap.n_after++] = t->eos;
}

static int build_both(const struct builder *b, const struct elcl_ct2_vocabulary *source,
                      const struct elcl_ct2_vocabulary *target, struct elcl_tokenizer **tokenizer)
{
    static const char *const source_names[] = {"source.spm",
                                               "sentencepiece.bpe.model",
                                               "sentencepiece.model",
                                               "spiece.model",
                                               "spm.model",
                                               "tokenizer.model",
                                               NULL};
    static const char *const target_names[] = {"target.spm", NULL};
    char *pieces = NULL, *target_pieces = NULL, *codes = NULL;
    int rc;
    ELCL_TRY(find_pieces(b, source_names, true, &pieces));
    ELCL_TRY(find_pieces(b, target_names, false, &target_pieces));
    ELCL_TRY(find_named(b, "bpe.model", &codes));
    ELCL_TRY(build(b, source, pieces, codes, tokenizer));
    if (strcmp(source->path, target->path) != 0)
        ELCL_TRY(
            build(b, target, target_pieces ? target_pieces : pieces, codes, &(*tokenizer)->target));
    else if (target_pieces && pieces)
        ELCL_TRY(open_pieces(b, target_pieces, &(*tokenizer)->target_spm));
    put_wrap(b, *tokenizer);
fail:
    elcl_free(pieces);
    elcl_free(target_pieces);
    elcl_free(codes);
    return rc;
}

int elcl_ct2_tokenizer_load(const char *directory, struct elcl_tokenizer **tokenizer,
                            elcl_error *err)
{
    struct builder b = {.directory = directory, .err = err};
    struct elcl_ct2_vocabulary source = {0}, target = {0};
    struct elcl_tokenizer *t = NULL;
    int rc;
    ELCL_TRY(elcl_ct2_tokens_read(directory, &b.tokens, err));
    ELCL_TRY(elcl_ct2_vocabulary_read(directory, ELCL_CT2_TARGET, &b.tokens, &target, err));
    if (b.tokens.speech) {
        ELCL_TRY(build_speech(&b, &target, &t));
    } else {
        ELCL_TRY(elcl_ct2_vocabulary_read(directory, ELCL_CT2_SOURCE, &b.tokens, &source, err));
        ELCL_TRY(build_both(&b, &source, &target, &t));
    }
    *tokenizer = t;
    t = NULL;
fail:
    elcl_tokenizer_destroy(&t);
    elcl_ct2_vocabulary_finish(&source);
    elcl_ct2_vocabulary_finish(&target);
    return rc;
}

int elcl_ct2_tokenizer_check(const char *directory, const struct elcl_tokenizer *t, elcl_error *err)
{
    struct elcl_ct2_vocabulary v = {0};
    struct elcl_ct2_tokens tokens;
    int rc = elcl_ct2_tokens_read(directory, &tokens, err);
    if (!rc)
        rc = elcl_ct2_vocabulary_read(directory, ELCL_CT2_SOURCE, &tokens, &v, err);
    for (size_t i = 0; i < v.n && !rc; i++) {
        const char *token = elcl_ct2_token(&v, i);
        const int32_t id = elcl_token_id(t, token);
        if (id >= 0 && id != elcl_ct2_token_id(&v, token))
            rc = elcl_fail(err, ELCL_E_FORMAT,
                           "%s: token \"%.100s\" has the id %d, but %zu in %s: it is the tokenizer "
                           "of another model; remove it to give tokens separated by blanks",
                           t->path, token, (int)id, i, v.path);
    }
    elcl_ct2_vocabulary_finish(&v);
    return rc;
}
