/* The tokenizer of a whisper.cpp file: its vocabulary of bytes, and special tokens by their ids. */
#include <string.h>

#include "base/utf8.h"
#include "format/ggml.h"
#include "text/characters.h"
#include "text/tokenizer_load.h"

/* Adds a token with its bytes spelled as in vocab.json; the model never needs an empty one. */
static int add_token(struct elcl_tokenizer *t, const char *bytes, size_t n, int32_t id,
                     elcl_error *err)
{
    struct elcl_str spelled = {0};
    int rc = ELCL_OK;
    for (size_t i = 0; i < n; i++) {
        char one[4];
        const int length = elcl_utf8_put(elcl_spell_byte((unsigned char)bytes[i]), one);
        elcl_str_append(&spelled, one, (size_t)length);
    }
    if (spelled.failed)
        rc = elcl_fail_nomem(err);
    else if (n && elcl_strmap_get(&t->symbol_of, spelled.data, spelled.n) < 0)
        rc = elcl_vocab_add(t, spelled.data, spelled.n, id, 0, t->path, err);
    elcl_str_finish(&spelled);
    return rc;
}

static int add_tokens(struct elcl_tokenizer *t, const struct elcl_ggml *ggml, elcl_error *err)
{
    int rc = ELCL_OK;
    for (size_t i = 0; i < ggml->n_tokens && !rc; i++)
        rc = add_token(t, ggml->text.data + ggml->tokens[i].at, ggml->tokens[i].n, (int32_t)i, err);
    for (int32_t id = (int32_t)ggml->n_tokens; id < ggml->sizes[ELCL_GGML_VOCABULARY] && !rc;
         id++) {
        char name[32];
        elcl_ggml_special(ggml, id, name);
        rc = add_token(t, name, strlen(name), id, err);
    }
    return rc;
}

int elcl_ggml_tokenizer_load(const char *path, struct elcl_tokenizer **tokenizer, elcl_error *err)
{
    struct elcl_ggml ggml = {0};
    struct elcl_tokenizer *t = elcl_calloc(1, sizeof(*t));
    if (!t)
        return elcl_fail_nomem(err);
    t->kind = &elcl_kind_bytes;
    t->path = elcl_strdup(path);
    int rc = t->path ? elcl_ggml_open(path, false, &ggml, err) : elcl_fail_nomem(err);
    if (!rc)
        rc = add_tokens(t, &ggml, err);
    if (!rc)
        rc = elcl_whisper_build(t, err);
    elcl_ggml_finish(&ggml);
    if (rc)
        elcl_tokenizer_destroy(&t);
    else
        *tokenizer = t;
    return rc;
}
