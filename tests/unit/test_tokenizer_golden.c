/* The tokenizer against ids and texts that transformers computed (golden/tokenizer). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "files.h"
#include "format/json.h"
#include "tokenizer_texts.h"

/* Loads a vocabulary of the repository as tokenizer.json or as vocab.json + merges.txt. */
static struct elcl_tokenizer *load(const char *directory, bool from_json)
{
    char *path = elcl_path_join(directory, from_json ? "tokenizer.json" : "vocab.json");
    char *merges_path = elcl_path_join(directory, "merges.txt");
    size_t n;
    char *text = path ? read_golden_file(path, &n) : NULL;
    char *merges = merges_path && !from_json ? read_golden_file(merges_path, &n) : NULL;
    struct elcl_tokenizer *t = NULL;
    if (text && from_json)
        t = must_build(&(struct texts){.json = text});
    else if (text && merges)
        t = must_build(&(struct texts){.vocab = text, .merges = merges});
    free(path);
    free(merges_path);
    free(text);
    free(merges);
    return t;
}

/* ---- rows ---------------------------------------------------------------------------------- */

static int32_t *ids_of(const cJSON *array, size_t *n)
{
    int32_t *ids = elcl_calloc((size_t)cJSON_GetArraySize(array), sizeof(*ids));
    *n = 0;
    for (const cJSON *item = array ? array->child : NULL; ids && item; item = item->next) {
        int64_t id = -1;
        CHECK(elcl_json_int(item, 0, INT32_MAX, &id), "an id of the golden file");
        ids[(*n)++] = (int32_t)id;
    }
    return ids;
}

static void check_row(const struct elcl_tokenizer *t, const char *text, const cJSON *want_ids)
{
    size_t n_want, n = 0;
    int32_t *want = ids_of(want_ids, &n_want), *ids = NULL;
    elcl_error err = {0};
    if (CHECK(!elcl_tokenizer_encode(t, text, strlen(text), &ids, &n, &err), "%s: %s", text,
              err.msg)) {
        size_t i = 0;
        while (i < n && i < n_want && ids[i] == want[i])
            i++;
        CHECK(i == n && i == n_want, "\"%.200s\": token %zu of %zu (want %zu): %d, want %d", text,
              i, n, n_want, i < n ? (int)ids[i] : -1, i < n_want ? (int)want[i] : -1);
    }
    elcl_free(ids);
    free(want);
}

/* Calls `use` for every line of a .jsonl file of the repository and returns the number of lines. */
static int for_each_row(const char *name, void (*use)(void *user, const cJSON *row), void *user)
{
    size_t rest = 0;
    int n = 0;
    char *text = read_golden_file(name, &rest);
    for (const char *s = text; s && rest; n++) {
        const char *end = memchr(s, '\n', rest);
        const size_t length = end ? (size_t)(end - s) : rest;
        cJSON *row = NULL;
        elcl_error err = {0};
        if (CHECK(!elcl_json_parse(s, length, name, &row, &err), "line %d: %s", n + 1, err.msg))
            use(user, row);
        cJSON_Delete(row);
        rest -= end ? length + 1 : length;
        s += end ? length + 1 : length;
    }
    free(text);
    return n;
}

static const char *text_of(const cJSON *row)
{
    const cJSON *text = elcl_json_get(row, "text");
    return CHECK(cJSON_IsString(text), "a row without text") ? text->valuestring : "";
}

/* ---- cases --------------------------------------------------------------------------------- */

struct vocabulary {
    const char *key, *directory;
    bool from_json;
    struct elcl_tokenizer *t;
    int n; /* rows of it */
};

static void use_string(void *user, const cJSON *row)
{
    struct vocabulary *v = user;
    const cJSON *ids = elcl_json_get(row, v->key);
    if (!ids)
        return;
    check_row(v->t, text_of(row), ids);
    v->n++;
}

static void use_decode(void *user, const cJSON *row)
{
    struct vocabulary *v = user;
    const cJSON *key = elcl_json_get(row, "vocab");
    if (!cJSON_IsString(key) || strcmp(key->valuestring, v->key) != 0)
        return;
    size_t n;
    int32_t *ids = ids_of(elcl_json_get(row, "ids"), &n);
    check_decode(v->t, ids, n, true, text_of(row));
    free(ids);
    v->n++;
}

static void test_vocabulary(struct vocabulary v)
{
    const char *from = v.from_json ? "tokenizer.json" : "vocab.json";
    if (check_case("encoding: vocabulary %s from %s", v.key, from)) {
        v.t = load(v.directory, v.from_json);
        if (v.t) {
            for_each_row("tests/golden/tokenizer/strings.jsonl", use_string, &v);
            CHECK(v.n >= 2000, "only %d strings", v.n);
        }
        elcl_tokenizer_destroy(&v.t);
    }
    v.n = 0;
    if (check_case("decoding: vocabulary %s from %s", v.key, from)) {
        v.t = load(v.directory, v.from_json);
        if (v.t) {
            for_each_row("tests/golden/tokenizer/decode.jsonl", use_decode, &v);
            CHECK(v.n >= 50, "only %d texts", v.n);
        }
        check_stream(v.t);
        elcl_tokenizer_destroy(&v.t);
    }
}

/* Letters outside the vocabulary become <unk>, one for each byte. */
static void test_unknown(void)
{
    if (!check_case("encoding: unknown pieces"))
        return;
    size_t n = 0;
    struct elcl_tokenizer *t = load("models/g2p-en", false);
    char *text = read_golden_file("tests/golden/tokenizer/g2p-unk.json", &n);
    cJSON *rows = text ? cJSON_ParseWithLength(text, n) : NULL;
    CHECK(cJSON_GetArraySize(rows) >= 20, "%d rows", cJSON_GetArraySize(rows));
    for (const cJSON *row = rows && t ? rows->child : NULL; row; row = row->next)
        check_row(t, text_of(row), elcl_json_get(row, "ids"));
    cJSON_Delete(rows);
    free(text);
    elcl_tokenizer_destroy(&t);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_vocabulary((struct vocabulary){.key = "a", .directory = "tests/golden/tokenizer/a"});
    test_vocabulary((struct vocabulary){.key = "b", .directory = "tests/golden/tokenizer/b"});
    test_vocabulary((struct vocabulary){
        .key = "b", .directory = "tests/golden/tokenizer/b", .from_json = true});
    test_unknown();
    return check_end();
}
