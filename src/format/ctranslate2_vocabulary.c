/* Vocabularies of CTranslate2: a JSON array of tokens, or a text with one token per line. */
#include <string.h>

#include "base/os.h"
#include "format/ctranslate2.h"
#include "format/json.h"

#define MAX_VOCABULARY_BYTES ((size_t)256 << 20)
#define MAX_TOKENS ((size_t)1 << 24)

static int add_token(struct elcl_ct2_vocabulary *v, const char *token, size_t n, elcl_error *err)
{
    void *array = v->offsets;
    int32_t first;
    if (v->n == MAX_TOKENS)
        return elcl_fail(err, ELCL_E_FORMAT, "%s: more than %zu tokens", v->path, MAX_TOKENS);
    if (!elcl_grow(&array, &v->max_tokens, v->n + 1, sizeof(*v->offsets)))
        return elcl_fail_nomem(err);
    v->offsets = array;
    v->offsets[v->n] = v->text.n;
    elcl_str_append(&v->text, token, n);
    elcl_str_append(&v->text, "", 1);
    if (v->text.failed)
        return elcl_fail_nomem(err);
    return elcl_strmap_add(&v->ids, token, n, (int32_t)v->n++, &first, err);
}

static int read_lines(struct elcl_ct2_vocabulary *v, const char *text, size_t n, elcl_error *err)
{
    int rc = ELCL_OK;
    for (size_t at = 0; at < n && !rc;) {
        const char *newline = memchr(text + at, '\n', n - at);
        size_t line = newline ? (size_t)(newline - text) - at : n - at;
        const size_t step = line + 1;
        if (line && text[at + line - 1] == '\r')
            line--;
        if (memchr(text + at, '\0', line))
            rc = elcl_fail(err, ELCL_E_FORMAT, "%s: token %zu contains U+0000", v->path, v->n);
        else
            rc = add_token(v, text + at, line, err);
        at += step;
    }
    return rc;
}

/* The parser takes objects only. */
static int read_array(struct elcl_ct2_vocabulary *v, const char *text, size_t n, elcl_error *err)
{
    struct elcl_str object = {0};
    cJSON *root = NULL;
    elcl_str_text(&object, "{\"tokens\":");
    elcl_str_append(&object, text, n);
    elcl_str_text(&object, "}");
    int rc = object.failed ? elcl_fail_nomem(err)
                           : elcl_json_parse(object.data, object.n, v->path, &root, err);
    const cJSON *tokens = elcl_json_get(root, "tokens");
    if (!rc && !cJSON_IsArray(tokens))
        rc = elcl_fail(err, ELCL_E_FORMAT, "%s: expected an array of tokens, found %s", v->path,
                       elcl_json_describe(tokens).s);
    for (const cJSON *item = rc ? NULL : tokens->child; item && !rc; item = item->next)
        rc = cJSON_IsString(item)
                 ? add_token(v, item->valuestring, strlen(item->valuestring), err)
                 : elcl_fail(err, ELCL_E_FORMAT, "%s: token %zu: expected a string, found %s",
                             v->path, v->n, elcl_json_describe(item).s);
    cJSON_Delete(root);
    elcl_str_finish(&object);
    return rc;
}

int elcl_ct2_vocabulary_parse(const char *text, size_t n, bool json, const char *path,
                              struct elcl_ct2_vocabulary *v, elcl_error *err)
{
    v->path = elcl_strdup(path);
    if (!v->path)
        return elcl_fail_nomem(err);
    const int rc = json ? read_array(v, text, n, err) : read_lines(v, text, n, err);
    if (!rc && !v->n)
        return elcl_fail(err, ELCL_E_FORMAT, "%s: has no tokens", path);
    return rc;
}

static int read_path(const char *path, struct elcl_ct2_vocabulary *v, elcl_error *err)
{
    char *text = NULL;
    size_t n = 0;
    int rc = elcl_read_file(path, MAX_VOCABULARY_BYTES, &text, &n, err);
    if (!rc)
        rc = elcl_ct2_vocabulary_parse(text, n, elcl_ends_with(path, strlen(path), ".json"), path,
                                       v, err);
    elcl_free(text);
    return rc;
}

int elcl_ct2_vocabulary_read(const char *directory, enum elcl_ct2_side side,
                             const struct elcl_ct2_tokens *tokens, struct elcl_ct2_vocabulary *v,
                             elcl_error *err)
{
    const bool source = side == ELCL_CT2_SOURCE;
    const char *const names[] = {"shared_vocabulary.json",
                                 source ? "source_vocabulary.json" : "target_vocabulary.json",
                                 "vocabulary.json",
                                 "shared_vocabulary.txt",
                                 source ? "source_vocabulary.txt" : "target_vocabulary.txt",
                                 "vocabulary.txt"};
    for (size_t i = 0; i < ELCL_COUNT(names); i++) {
        char *path = elcl_path_join(directory, names[i]);
        bool there = false;
        int rc = path ? elcl_file_exists(path, &there, err) : elcl_fail_nomem(err);
        if (!rc && there)
            rc = read_path(path, v, err);
        elcl_free(path);
        if (!rc && there && v->n + 1 == tokens->rows[side] && *tokens->unk &&
            elcl_ct2_token_id(v, tokens->unk) < 0)
            rc = add_token(v, tokens->unk, strlen(tokens->unk), err);
        if (rc || there)
            return rc;
    }
    return elcl_fail(err, ELCL_E_IO,
                     "%s: has %s but no vocabulary: expected %s, %s or %s, or these as .txt",
                     directory, ELCL_CT2_FILE, names[0], names[1], names[2]);
}

void elcl_ct2_vocabulary_finish(struct elcl_ct2_vocabulary *v)
{
    elcl_strmap_finish(&v->ids);
    elcl_str_finish(&v->text);
    elcl_free(v->offsets);
    elcl_free(v->path);
    *v = (struct elcl_ct2_vocabulary){0};
}

int32_t elcl_ct2_token_id(const struct elcl_ct2_vocabulary *v, const char *token)
{
    return elcl_strmap_get(&v->ids, token, strlen(token));
}
