/* Tokenizers of GGUF files: T5's pieces, and GPT-2's bytes. */
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "check.h"
#include "files.h"
#include "gguf_files.h"
#include "tokenizer_texts.h"

/* The ids of all texts equal those of vocab.json and merges.txt. */
static void test_bytes(void)
{
    char path[512];
    struct elcl_tokenizer *origin = NULL, *t = NULL;
    elcl_error err = {0};
    if (!check_case("bytes and merges"))
        return;
    snprintf(path, sizeof(path), "%s/tests/golden/tokenizer/a", check_root());
    CHECK(!elcl_tokenizer_load(path, &origin, &err) &&
              !elcl_tokenizer_load(golden_gguf("bytes.gguf"), &t, &err) && t,
          "%s", err.msg);
    cJSON *texts = read_golden_texts();
    int n_texts = 0;
    for (const cJSON *row = t && texts ? texts->child : NULL; row; row = row->next, n_texts++) {
        const char *text = row->valuestring;
        int32_t *want = NULL, *ids = NULL;
        size_t n_want = 0, n = 0;
        CHECK(!elcl_tokenizer_encode(origin, text, strlen(text), &want, &n_want, &err) &&
                  !elcl_tokenizer_encode(t, text, strlen(text), &ids, &n, &err) && n == n_want &&
                  !memcmp(ids, want, n * sizeof(*ids)),
              "\"%.100s\": %zu ids, want %zu %s", text, n, n_want, err.msg);
        elcl_free(want);
        elcl_free(ids);
    }
    CHECK(n_texts > 1000, "%d texts", n_texts);
    cJSON_Delete(texts);
    elcl_tokenizer_destroy(&origin);
    elcl_tokenizer_destroy(&t);
}

/* Old files of GPT-2 have no types of tokens. */
static void test_without_types(void)
{
    struct elcl_tokenizer *t = NULL;
    elcl_error err = {0};
    size_t n = 0;
    if (!check_case("bytes without types"))
        return;
    char *data = read_golden_file("tests/fuzz/seeds/gguf/bytes.gguf", &n);
    static const char key[] = "tokenizer.ggml.token_type";
    for (size_t i = 0; data && i + sizeof(key) < n; i++)
        if (!memcmp(data + i, key, sizeof(key) - 1))
            data[i] = 'T';
    write_file("typeless.gguf", data, n);
    elcl_free(data);
    CHECK(!elcl_tokenizer_load(temporary_path("typeless.gguf"), &t, &err), "%s", err.msg);
    check_encode(t, "abb<e>", "2 1 3");
    elcl_tokenizer_destroy(&t);
}

/* A vocabulary of T5's kind: three special pieces, "a", and more tokens of a type and a score. */
struct token {
    const char *text;
    int type;
    float score;
};

static struct elcl_tokenizer *load_tokens(const struct token *more, size_t n_more, size_t holes,
                                          const char *flag, bool value)
{
    static const struct token first[] = {
        {"<pad>", 3, 0}, {"</s>", 3, 0}, {"<unk>", 2, 0}, {"\342\226\201", 1, -1}, {"a", 1, -2}};
    const size_t n = ELCL_COUNT(first) + n_more + holes;
    struct gguf_made m = {0};
    struct elcl_tokenizer *t = NULL;
    elcl_error err = {0};
    gguf_put_text(&m, "general.architecture", "t5");
    gguf_put_text(&m, "tokenizer.ggml.model", "t5");
    for (int pass = 0; pass < 3; pass++) {
        static const char *const keys[] = {"tokens", "token_type", "scores"};
        static const enum elcl_gguf_kind kinds[] = {ELCL_GGUF_STRING, ELCL_GGUF_I32, ELCL_GGUF_F32};
        char key[64];
        snprintf(key, sizeof(key), "tokenizer.ggml.%s", keys[pass]);
        gguf_put_key(&m, key, ELCL_GGUF_ARRAY);
        gguf_put_number(&m, kinds[pass], 4);
        gguf_put_number(&m, n, 8);
        for (size_t i = 0; i < n; i++) {
            const size_t k = i - ELCL_COUNT(first);
            char hole[32];
            struct token token = {hole, 5, -10000};
            snprintf(hole, sizeof(hole), "[PAD%zu]", i);
            if (i < ELCL_COUNT(first))
                token = first[i];
            else if (k < n_more)
                token = more[k];
            uint32_t bits;
            memcpy(&bits, &token.score, sizeof(bits));
            if (!pass)
                gguf_put_string(&m, token.text);
            else
                gguf_put_number(&m, pass == 1 ? (uint32_t)token.type : bits, 4);
        }
    }
    if (flag) {
        gguf_put_key(&m, flag, ELCL_GGUF_BOOL);
        gguf_put_number(&m, value, 1);
    }
    gguf_put_head(&m, 3, 0);
    write_file("tokens.gguf", m.bytes.data, m.bytes.n);
    elcl_str_finish(&m.bytes);
    CHECK(!elcl_tokenizer_load(temporary_path("tokens.gguf"), &t, &err), "%s", err.msg);
    return t;
}

static void test_tokens(void)
{
    static const struct token added[] = {{"<extra_id_0>", 4, -1000}, {"<x>", 4, -1000}};
    static const int32_t sentinel[] = {4, 6}, names[] = {4, 5, 6}, hole[] = {4, 105};
    struct elcl_tokenizer *t = NULL;
    if (!check_case("added tokens and holes"))
        return;
    t = load_tokens(NULL, 0, 0, NULL, false);
    check_encode(t, "aa", "3 4 4");
    elcl_tokenizer_destroy(&t);
    t = load_tokens(NULL, 0, 0, "tokenizer.ggml.add_space_prefix", false);
    check_encode(t, "a", "4");
    elcl_tokenizer_destroy(&t);
    /* Fewer rows than sentinels: none. */
    t = load_tokens(NULL, 0, 99, NULL, false);
    check_encode(t, "<extra_id_99>", "3 2 4 2");
    elcl_tokenizer_destroy(&t);
    t = load_tokens(NULL, 0, 101, NULL, false);
    check_encode(t, "a<extra_id_99><extra_id_0>", "3 4 5 104");
    check_decode(t, hole, 2, false, "a");
    elcl_tokenizer_destroy(&t);
    t = load_tokens(added, 2, 0, NULL, false);
    check_encode(t, "a<extra_id_0>a<x>", "3 4 5 3 4 6");
    check_decode(t, names, 3, true, "a <x>");
    check_decode(t, sentinel, 2, false, "a <x>");
    check_stream(t);
    elcl_tokenizer_destroy(&t);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_bytes();
    test_without_types();
    test_tokens();
    return check_end();
}
