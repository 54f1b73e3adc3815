/* Compares tokenizer.json files of many kinds with the tokenizers library (golden/make_kinds.py).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "files.h"
#include "format/json.h"
#include "tokenizer_texts.h"

enum { MAX_TEXTS = 4096, GROUP = 16, DIGITS = 12 };

struct golden {
    cJSON *root;
    char *texts[MAX_TEXTS];
    int n;
};

static cJSON *read_json(const char *name)
{
    size_t n = 0;
    char *text = read_golden_file(name, &n);
    cJSON *root = text ? cJSON_ParseWithLength(text, n) : NULL;
    elcl_free(text);
    return root;
}

static void add_text(struct golden *g, int index, const char *text)
{
    const cJSON *left_out = elcl_json_get(g->root, "left_out");
    for (const cJSON *item = left_out ? left_out->child : NULL; item; item = item->next)
        if (item->valueint == index)
            return;
    if (g->n < MAX_TEXTS)
        g->texts[g->n++] = elcl_strdup(text);
}

static void read_golden(struct golden *g)
{
    cJSON *strings = read_golden_texts(), *extra = read_json("tests/golden/pieces/extra.json");
    const cJSON *const lists[] = {strings, elcl_json_get(extra, "texts")};
    int index = 0;
    g->root = read_json("tests/golden/kinds/kinds.json");
    for (size_t i = 0; i < ELCL_COUNT(lists); i++)
        for (const cJSON *item = lists[i] ? lists[i]->child : NULL; item; item = item->next)
            add_text(g, index++, item->valuestring);
    cJSON_Delete(strings);
    cJSON_Delete(extra);
    CHECK(g->n >= 2000, "%d texts", g->n);
}

/* ---- tokenizer.json ------------------------------------------------------------------------ */

/* A tokenizer.json of WordLevel or WordPiece with this list of tokens. */
static cJSON *word_base(const struct golden *g, const char *base)
{
    const bool piece = !strcmp(base, "wordpiece");
    const cJSON *words = elcl_json_get(g->root, base);
    cJSON *root = cJSON_CreateObject();
    cJSON *added = cJSON_AddArrayToObject(root, "added_tokens");
    cJSON *model = cJSON_AddObjectToObject(root, "model");
    cJSON *vocab = cJSON_CreateObject(), *last = NULL;
    int id = 0;
    cJSON_AddStringToObject(model, "type", piece ? "WordPiece" : "WordLevel");
    cJSON_AddStringToObject(model, "unk_token", "[UNK]");
    if (piece)
        cJSON_AddStringToObject(model, "continuing_subword_prefix", "##");
    for (const cJSON *item = words ? words->child : NULL; item; item = item->next, id++) {
        cJSON_AddNumberToObject(vocab, item->valuestring, id);
        if (id >= 5)
            continue;
        cJSON_AddItemToArray(added, last = cJSON_CreateObject());
        cJSON_AddNumberToObject(last, "id", id);
        cJSON_AddStringToObject(last, "content", item->valuestring);
        cJSON_AddTrueToObject(last, "special");
    }
    cJSON_AddItemToObject(model, "vocab", vocab);
    return root;
}

static cJSON *suffix_base(const struct golden *g)
{
    cJSON *root = cJSON_CreateObject();
    cJSON_AddItemToObject(root, "model", cJSON_Duplicate(elcl_json_get(g->root, "suffix"), true));
    return root;
}

static cJSON *read_base(const struct golden *g, const char *base)
{
    return !strcmp(base, "bytes")   ? read_json("tests/golden/tokenizer/b/tokenizer.json")
           : !strcmp(base, "chars") ? read_json("tests/golden/pieces/bpe-json/tokenizer.json")
           : !strcmp(base, "unigram")
               ? read_json("tests/golden/pieces/unigram-bytes-json/tokenizer.json")
           : !strcmp(base, "suffix") ? suffix_base(g)
                                     : word_base(g, base);
}

static void put(cJSON *object, const cJSON *item)
{
    cJSON_DeleteItemFromObjectCaseSensitive(object, item->string);
    cJSON_AddItemToObject(object, item->string, cJSON_Duplicate(item, true));
}

static struct elcl_tokenizer *build_case(const struct golden *g, const cJSON *row)
{
    const cJSON *changes = elcl_json_get(row, "changes");
    cJSON *root = read_base(g, cJSON_GetStringValue(elcl_json_get(row, "base")));
    cJSON *model = cJSON_GetObjectItemCaseSensitive(root, "model");
    for (const cJSON *item = changes ? changes->child : NULL; item; item = item->next) {
        if (strcmp(item->string, "model") != 0)
            put(root, item);
        else
            for (const cJSON *key = item->child; key; key = key->next)
                put(model, key);
    }
    char *json = cJSON_PrintUnformatted(root);
    struct elcl_tokenizer *t = must_build(&(struct texts){.json = json});
    cJSON_free(json);
    cJSON_Delete(root);
    return t;
}

/* ---- comparing ----------------------------------------------------------------------------- */

static uint64_t hash_ids(uint64_t hash, const int32_t *ids, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const uint8_t bytes[4] = {(uint8_t)ids[i], (uint8_t)(ids[i] >> 8), (uint8_t)(ids[i] >> 16),
                                  (uint8_t)(ids[i] >> 24)};
        hash = elcl_hash(hash, bytes, 4);
    }
    return hash;
}

/* Adds the ids of a text and the text that they decode to. */
static void add_hashes(const struct elcl_tokenizer *t, const char *s, uint64_t *ids_hash,
                       uint64_t *text_hash)
{
    int32_t *ids = NULL;
    char *text = NULL;
    size_t n = 0;
    struct elcl_wrap wrap = {0};
    elcl_error err = {0};
    if (!CHECK(!elcl_tokenizer_encode(t, s, strlen(s), &ids, &n, &err), "%s", err.msg))
        return;
    elcl_tokenizer_wrap(t, ids, n, NULL, NULL, &wrap, &err);
    *ids_hash = hash_ids(*ids_hash, wrap.before, (size_t)wrap.n_before);
    *ids_hash = hash_ids(*ids_hash, ids, n);
    *ids_hash = hash_ids(*ids_hash, wrap.after, (size_t)wrap.n_after);
    if (CHECK(!elcl_tokenizer_decode(t, ids, n, true, &text, &err), "%s", err.msg))
        *text_hash = elcl_hash(*text_hash, text, strlen(text) + 1);
    elcl_free(text);
    elcl_free(ids);
}

static void test_kind(const struct golden *g, const cJSON *row)
{
    const char *want = cJSON_GetStringValue(elcl_json_get(row, "hashes"));
    const size_t groups = (size_t)(g->n + GROUP - 1) / GROUP;
    if (!check_case("tokenizer.json: %s", cJSON_GetStringValue(elcl_json_get(row, "name"))))
        return;
    struct elcl_tokenizer *t = build_case(g, row);
    CHECK(strlen(want) == groups * DIGITS, "%zu digits", strlen(want));
    for (size_t i = 0; t && i < groups; i++) {
        uint64_t ids = ELCL_HASH_INIT, text = ELCL_HASH_INIT;
        char got[DIGITS + 1];
        for (size_t k = i * GROUP; k < (i + 1) * GROUP && k < (size_t)g->n; k++)
            add_hashes(t, g->texts[k], &ids, &text);
        snprintf(got, sizeof(got), "%06x%06x", (unsigned)(ids & 0xffffff),
                 (unsigned)(text & 0xffffff));
        CHECK(!memcmp(got, want + i * DIGITS, DIGITS), "texts from %zu on, \"%.40s\"", i * GROUP,
              g->texts[i * GROUP]);
    }
    check_stream(t);
    elcl_tokenizer_destroy(&t);
}

/* ---- regular expressions that are refused -------------------------------------------------- */

#define SPLIT(regex)                                                                               \
    "{\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"" regex                       \
    "\"},\"behavior\":\"Isolated\"},\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"a\":0}}}"

/* Skips the case if regular expressions cannot be had. */
static bool has_regex(void)
{
    struct elcl_tokenizer *t = must_build(&(struct texts){.json = SPLIT("a")});
    const bool has = t != NULL;
    elcl_tokenizer_destroy(&t);
    return has;
}

static void test_refused(void)
{
    static const struct {
        const char *json, *message;
    } cases[] = {
        {SPLIT("(a"), "\"(a\": end pattern with unmatched parenthesis"},
        {SPLIT("a)"), "\"a)\": unmatched close parenthesis"},
        {SPLIT("[a"), "\"[a\": premature end of char-class"},
        {SPLIT("[b-a]"), "\"[b-a]\": empty range in char class"},
        {SPLIT("*a"), "\"*a\": target of repeat operator is not specified"},
        {SPLIT("\\\\p{Nobody}"), "invalid character property name {Nobody}"},
    };
    for (size_t i = 0; i < ELCL_COUNT(cases); i++)
        if (check_case("regular expression: %s", cases[i].message) && has_regex())
            check_refused(&(struct texts){.json = cases[i].json}, ELCL_E_UNSUPPORTED,
                          cases[i].message);
}

static void test_steps(void)
{
    if (!check_case("a regular expression that takes too long") || !has_regex())
        return;
    struct elcl_tokenizer *t = must_build(&(struct texts){.json = SPLIT("(?:a|a)*b")});
    int32_t *ids = NULL;
    size_t n = 0;
    elcl_error err = {0};
    const int rc =
        t ? elcl_tokenizer_encode(t, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaacb", 39, &ids, &n, &err)
          : 0;
    CHECK(rc == ELCL_E_FORMAT && strstr(err.msg, "takes too many steps"), "%d: %s", rc, err.msg);
    elcl_tokenizer_destroy(&t);
}

int main(int argc, char **argv)
{
    struct golden golden = {0};
    check_begin(argc, argv);
    read_golden(&golden);
    const cJSON *rows = elcl_json_get(golden.root, "cases");
    for (const cJSON *row = rows ? rows->child : NULL; row; row = row->next)
        test_kind(&golden, row);
    test_refused();
    test_steps();
    for (int i = 0; i < golden.n; i++)
        elcl_free(golden.texts[i]);
    cJSON_Delete(golden.root);
    return check_end();
}
