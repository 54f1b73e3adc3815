/* FSMT: words that white space separates, each cut by BPE over its characters, the last of which
 * carries "</w>". Moses' tokenization is the caller's. */
#include <stdlib.h>
#include <string.h>

#include "format/json.h"
#include "text/tokenizer_impl.h"
#include "base/utf8.h"

#define WORD_END "</w>"
#define NO_SYMBOL (-2) /* a character that neither vocabulary nor merges know */

static size_t character(const char *s, size_t n, uint32_t *code)
{
    const int length = elcl_utf8_next(s, n, code);
    return length > 0 ? (size_t)length : 1;
}

static int encode_word(struct elcl_encoder *e, const char *s, size_t n, elcl_error *err)
{
    const struct elcl_tokenizer *t = e->t;
    size_t n_symbols = 0;
    int rc = elcl_encoder_room(e, n, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < n;) {
        uint32_t code;
        char last[4 + sizeof(WORD_END)];
        const size_t length = character(s + i, n - i, &code);
        const bool ends = i + length == n;
        memcpy(last, s + i, length);
        memcpy(last + length, WORD_END, sizeof(WORD_END));
        const int32_t symbol =
            elcl_strmap_get(&t->symbol_of, last, length + (ends ? sizeof(WORD_END) - 1 : 0));
        e->symbols[n_symbols++] = symbol < 0 ? NO_SYMBOL : symbol;
        i += length;
    }
    rc = elcl_bpe_merge(&t->merges, true, e->symbols, &n_symbols, &e->scratch, err);
    return rc ? rc : elcl_encoder_emit_symbols(e, n_symbols, err);
}

int elcl_words_encode(struct elcl_encoder *e, const char *s, size_t n, elcl_error *err)
{
    size_t begin = 0;
    for (size_t i = 0; i <= n;) {
        uint32_t code = ' ';
        const size_t length = i < n ? character(s + i, n - i, &code) : 1;
        if (i == n || elcl_is_eaten(e->t, code)) {
            const int rc = i > begin ? encode_word(e, s + begin, i - begin, err) : ELCL_OK;
            if (rc)
                return rc;
            begin = i + length;
        }
        i += length;
    }
    return ELCL_OK;
}

/* Spellings without blanks, "</w>" as a blank, and then single blanks between the words. */
int elcl_words_decode(const struct elcl_tokenizer *t, const int32_t *ids, size_t n,
                      bool skip_special, struct elcl_str *out)
{
    const size_t n_end = sizeof(WORD_END) - 1;
    bool blank = false;
    for (size_t i = 0; i < n; i++) {
        const struct elcl_symbol *symbol = &t->symbols[ids[i]];
        const char *s = elcl_symbol_text(t, ids[i]);
        if (skip_special && symbol->kind & ELCL_SYMBOL_SPECIAL)
            continue;
        for (size_t at = 0; at < symbol->length;) {
            const size_t rest = symbol->length - at;
            const bool ends = rest >= n_end && !memcmp(s + at, WORD_END, n_end);
            uint32_t code = 0;
            const size_t length = ends ? n_end : character(s + at, rest, &code);
            if (ends || (code != ' ' && elcl_is_eaten(t, code))) {
                blank = true;
            } else if (code != ' ') {
                if (blank && out->n)
                    elcl_str_append(out, " ", 1);
                blank = false;
                elcl_str_append(out, s + at, length);
            }
            at += length;
        }
    }
    return ELCL_OK;
}

/* ---- building ------------------------------------------------------------------------------ */

static int read_vocab(struct elcl_tokenizer *t, const struct elcl_text_file *file, elcl_error *err)
{
    cJSON *root = NULL;
    if (!file->data)
        return elcl_fail(err, ELCL_E_IO, "%s: is missing", file->path);
    int rc = elcl_json_parse(file->data, file->n, file->path, &root, err);
    if (!rc)
        rc = elcl_vocab_read(t, root, file->path, err);
    cJSON_Delete(root);
    return rc;
}

static int build_target(struct elcl_tokenizer *t, const struct elcl_text_file *file,
                        elcl_error *err)
{
    static const char *const special[] = {"<s>", "<pad>", "</s>", "<unk>"};
    struct elcl_tokenizer *target = elcl_calloc(1, sizeof(*target));
    if (!target)
        return elcl_fail_nomem(err);
    t->target = target;
    *target = (struct elcl_tokenizer){
        .kind = t->kind, .class = t->class, .unk = -1, .eos = -1, .python = true};
    target->path = elcl_strndup(file->path, strlen(file->path));
    if (!target->path)
        return elcl_fail_nomem(err);
    int rc = read_vocab(target, file, err);
    for (size_t i = 0; i < ELCL_COUNT(special) && !rc; i++) {
        struct elcl_added added = {.n = strlen(special[i])};
        added.content = (char *)(uintptr_t)special[i];
        added.id = elcl_tokenizer_id(target, special[i]);
        if (added.id >= 0)
            rc = elcl_special_add(target, &added, true, file->path, err);
    }
    return rc;
}

int elcl_words_build(struct elcl_tokenizer *t, const struct elcl_text_file *files,
                     const cJSON *config, elcl_error *err)
{
    const struct elcl_text_file *merges = &files[ELCL_FILE_MERGES];
    const cJSON *lower = elcl_json_get(config, "do_lower_case");
    int rc;
    t->kind = ELCL_KIND_WORDS;
    t->class = ELCL_CLASS_FSMT;
    if (cJSON_IsTrue(lower))
        return elcl_fail(err, ELCL_E_UNSUPPORTED,
                         "%s: tokenizer_config.json: do_lower_case: only false is supported, "
                         "found true",
                         t->path);
    if (!merges->data)
        return elcl_fail(err, ELCL_E_IO, "%s: is missing", merges->path);
    ELCL_TRY(read_vocab(t, &files[ELCL_FILE_SOURCE_WORDS], err));
    ELCL_TRY(build_target(t, &files[ELCL_FILE_TARGET_WORDS], err));
    ELCL_TRY(elcl_merges_read_text(t, merges, err));
fail:
    return rc;
}
