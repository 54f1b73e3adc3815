/* Reads a vocabulary and its merges. Every token and every intermediate piece of a merge is a
 * symbol. */
#include <limits.h>
#include <string.h>

#include "format/json.h"
#include "text/tokenizer_load.h"
#include "base/utf8.h"
#include "text/characters.h"

static bool append_text(struct elcl_tokenizer *t, const char *s, size_t n, uint32_t *offset)
{
    *offset = (uint32_t)t->text.n;
    if (n > UINT32_MAX - t->text.n)
        return false;
    elcl_str_append(&t->text, s, n);
    return !t->text.failed;
}

/* Symbols in between are holes. */
static int place(struct elcl_tokenizer *t, const char *s, size_t n, size_t symbol, unsigned kind,
                 elcl_error *err)
{
    void *array = t->symbols;
    uint32_t offset;
    if (!elcl_grow(&array, &t->max_symbols, symbol + 1, sizeof(*t->symbols)))
        return elcl_fail_nomem(err);
    t->symbols = array;
    if (!append_text(t, s, n, &offset))
        return elcl_fail_nomem(err);
    for (; t->n_symbols <= symbol; t->n_symbols++)
        t->symbols[t->n_symbols] = (struct elcl_symbol){0};
    t->symbols[symbol] = (struct elcl_symbol){offset, (uint32_t)n, kind};
    return ELCL_OK;
}

int elcl_vocab_add(struct elcl_tokenizer *t, const char *token, size_t n, int32_t id, unsigned kind,
                   const char *file, elcl_error *err)
{
    const int32_t known = elcl_strmap_get(&t->symbol_of, token, n);
    if (known == id) {
        t->symbols[id].kind |= kind;
        return ELCL_OK;
    }
    if (known >= 0)
        return elcl_fail(err, ELCL_E_FORMAT, "%s: token \"%.*s\" has the ids %d and %d", file,
                         (int)(n > 100 ? 100 : n), token, (int)known, (int)id);
    if ((size_t)id < t->n_symbols && t->symbols[id].kind) {
        const struct elcl_symbol *other = &t->symbols[id];
        return elcl_fail(err, ELCL_E_FORMAT,
                         "%s: id %d belongs to the tokens \"%.*s\" and \"%.*s\"", file, (int)id,
                         (int)elcl_min_int((int)other->length, 100), t->text.data + other->offset,
                         (int)(n > 100 ? 100 : n), token);
    }
    int32_t found;
    int rc = place(t, token, n, (size_t)id, kind | ELCL_SYMBOL_TOKEN, err);
    if (!rc)
        rc = elcl_strmap_add(&t->symbol_of, token, n, id, &found, err);
    if (!rc && id >= t->size)
        t->size = id + 1;
    return rc;
}

int elcl_vocab_read(struct elcl_tokenizer *t, const cJSON *vocab, const char *file, elcl_error *err)
{
    if (!cJSON_IsObject(vocab) || !vocab->child)
        return elcl_json_mismatch(file, "vocab", "an object of tokens and ids", vocab, err);
    for (const cJSON *item = vocab->child; item; item = item->next) {
        const size_t n = elcl_json_restore_nul(item->string);
        int64_t id;
        if (!elcl_json_int(item, 0, ELCL_MAX_TOKEN_ID, &id))
            return elcl_fail(err, ELCL_E_FORMAT,
                             "%s: token \"%.100s\": expected an id in 0 .. %d, found %s", file,
                             item->string, ELCL_MAX_TOKEN_ID, elcl_json_describe(item).s);
        if (elcl_strmap_get(&t->symbol_of, item->string, n) >= 0)
            return elcl_fail(err, ELCL_E_FORMAT, "%s: token \"%.100s\" appears twice", file,
                             item->string);
        const int rc = elcl_vocab_add(t, item->string, n, (int32_t)id, 0, file, err);
        if (rc)
            return rc;
    }
    return ELCL_OK;
}

/* Finds the symbol of a spelling, or adds one above the ids if it is no token. */
static int symbol_of(struct elcl_tokenizer *t, const char *s, size_t n, int32_t *symbol,
                     elcl_error *err)
{
    const size_t before = t->symbol_of.n;
    if (t->n_symbols > INT32_MAX / 2)
        return elcl_fail_nomem(err);
    int rc = elcl_strmap_add(&t->symbol_of, s, n, (int32_t)t->n_symbols, symbol, err);
    if (!rc && t->symbol_of.n > before)
        rc = place(t, s, n, t->n_symbols, 0, err);
    return rc;
}

int elcl_vocab_spell_bytes(struct elcl_tokenizer *t, elcl_error *err)
{
    int rc = ELCL_OK;
    for (int code = 0; code < ELCL_BYTE_CODES; code++)
        t->byte_of_code[code] = -1;
    for (int byte = 0; byte < 256 && !rc; byte++) {
        char spelled[4];
        const uint32_t code = elcl_spell_byte((unsigned char)byte);
        const int n = elcl_utf8_put(code, spelled);
        t->byte_of_code[code] = (int16_t)byte;
        rc = symbol_of(t, spelled, (size_t)n, &t->byte_symbol[byte], err);
    }
    return rc;
}

/* ---- merges -------------------------------------------------------------------------------- */

struct piece {
    const char *s;
    size_t n;
};

/* Returns what `line` counts: lines of merges.txt or elements of the array in tokenizer.json. */
static const char *unit(const struct elcl_tokenizer *t)
{
    return t->python ? "line" : "merge";
}

/* `line` counts from 1 and is also the rank, of which only the order matters. */
static int add_merge(struct elcl_tokenizer *t, struct piece left, struct piece right, int32_t line,
                     const char *file, elcl_error *err)
{
    struct elcl_str whole = {0};
    elcl_str_append(&whole, left.s, left.n);
    elcl_str_append(&whole, right.s, right.n);
    const struct piece pieces[3] = {left, right, {whole.data, whole.n}};
    int32_t symbols[3];
    int rc = whole.failed ? elcl_fail_nomem(err) : ELCL_OK;
    for (int i = 0; i < 3 && !rc; i++) {
        rc = symbol_of(t, pieces[i].s, pieces[i].n, &symbols[i], err);
        if (!rc && !t->python && !(t->symbols[symbols[i]].kind & ELCL_SYMBOL_TOKEN))
            rc = elcl_fail(err, ELCL_E_FORMAT,
                           "%s: %s %d: \"%.*s\" is not a token of the vocabulary", file, unit(t),
                           (int)line, elcl_min_int((int)pieces[i].n, 100), pieces[i].s);
    }
    if (!rc)
        rc = elcl_merges_add(&t->merges, symbols[0], symbols[1], line, symbols[2], err);
    elcl_str_finish(&whole);
    return rc;
}

/* "left right" with one space. */
static int add_spelled_merge(struct elcl_tokenizer *t, const char *s, size_t n, int32_t line,
                             const char *file, elcl_error *err)
{
    const char *space = n ? memchr(s, ' ', n) : NULL;
    const size_t left = space ? (size_t)(space - s) : n;
    if (!left || left + 1 >= n || memchr(space + 1, ' ', n - left - 1))
        return elcl_fail(err, ELCL_E_FORMAT,
                         "%s: %s %d: expected two pieces separated by one space, found \"%.*s\"",
                         file, unit(t), (int)line, (int)(n > 100 ? 100 : n), s);
    const struct piece pieces[2] = {{s, left}, {space + 1, n - left - 1}};
    return add_merge(t, pieces[0], pieces[1], line, file, err);
}

/* In the codes of subword-nmt a third column may give the frequency of the pair. */
static size_t without_count(const char *s, size_t n)
{
    const char *first = n ? memchr(s, ' ', n) : NULL;
    const char *second = first ? memchr(first + 1, ' ', n - (size_t)(first - s) - 1) : NULL;
    return second ? (size_t)(second - s) : n;
}

int elcl_merges_read_text(struct elcl_tokenizer *t, const struct elcl_text_file *file,
                          elcl_error *err)
{
    static const char version[] = "#version";
    const size_t bad = elcl_utf8_check(file->data, file->n);
    if (bad < file->n)
        return elcl_fail(err, ELCL_E_FORMAT, "%s: not UTF-8 at byte %zu", file->path, bad);
    const char *s = file->data;
    size_t rest = file->n;
    for (int32_t line = 1; rest && line < INT32_MAX; line++) {
        const char *newline = memchr(s, '\n', rest);
        const size_t step = newline ? (size_t)(newline - s) + 1 : rest;
        size_t n = newline ? step - 1 : step;
        if (n && s[n - 1] == '\r')
            n--;
        const bool heading =
            line == 1 && n >= sizeof(version) - 1 && !memcmp(s, version, sizeof(version) - 1);
        if (t->class == ELCL_CLASS_FSMT)
            n = without_count(s, n);
        if (n && !heading) {
            const int rc = add_spelled_merge(t, s, n, line, file->path, err);
            if (rc)
                return rc;
        }
        s += step;
        rest -= step;
    }
    return ELCL_OK;
}

static struct piece piece_of(const cJSON *string)
{
    return (struct piece){string->valuestring, elcl_json_restore_nul(string->valuestring)};
}

int elcl_merges_read_json(struct elcl_tokenizer *t, const cJSON *merges, const char *file,
                          elcl_error *err)
{
    if (!cJSON_IsArray(merges))
        return elcl_json_mismatch(file, "merges", "an array", merges, err);
    int32_t line = 1;
    for (const cJSON *item = merges->child; item && line < INT32_MAX; item = item->next, line++) {
        int rc;
        if (cJSON_IsString(item)) {
            rc = add_spelled_merge(t, item->valuestring, elcl_json_restore_nul(item->valuestring),
                                   line, file, err);
        } else {
            const cJSON *left = cJSON_IsArray(item) ? item->child : NULL;
            const cJSON *right = left ? left->next : NULL;
            if (!right || right->next || !cJSON_IsString(left) || !cJSON_IsString(right) ||
                !*left->valuestring || !*right->valuestring)
                return elcl_fail(err, ELCL_E_FORMAT, "%s: merge %d: expected two pieces, found %s",
                                 file, (int)line, elcl_json_describe(item).s);
            rc = add_merge(t, piece_of(left), piece_of(right), line, file, err);
        }
        if (rc)
            return rc;
    }
    return ELCL_OK;
}

int elcl_text_file_parse(const struct elcl_text_file *file, cJSON **root, elcl_error *err)
{
    return file->data ? elcl_json_parse(file->data, file->n, file->path, root, err) : ELCL_OK;
}
