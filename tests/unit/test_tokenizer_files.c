/* The files of a tokenizer: accepted forms, and errors. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "tokenizer_texts.h"

/* ---- errors -------------------------------------------------------------------------------- */

static void test_vocab_errors(void)
{
    static const struct {
        const char *vocab, *merges, *message;
    } cases[] = {
        {"{", "", "vocab.json: not valid JSON at byte"},
        {"[]", "", "vocab.json: expected a JSON object, found an array"},
        {"{}", "", "vocab.json: vocab: expected an object of tokens and ids"},
        {"{\"a\":\"0\"}", "",
         "vocab.json: token \"a\": expected an id in 0 .. 4194303, found \"0\""},
        {"{\"a\":-1}", "", "vocab.json: token \"a\": expected an id in 0 .. 4194303, found -1"},
        {"{\"a\":0.5}", "", "vocab.json: token \"a\": expected an id in 0 .. 4194303, found 0.5"},
        {"{\"a\":1e18}", "", "vocab.json: token \"a\": expected an id"},
        {"{\"a\":4194304}", "", "vocab.json: token \"a\": expected an id"},
        {"{\"a\":0,\"b\":0}", "", "vocab.json: id 0 belongs to the tokens \"a\" and \"b\""},
        {"{\"a\":0,\"a\":1}", "", "vocab.json: token \"a\" appears twice"},
        {"{\"a\":0,\"a\":0}", "", "vocab.json: token \"a\" appears twice"},
        {"{\"\377\":0}", "", "vocab.json: not UTF-8 at byte 2"},
        {"{\"\\u0000a\":0,\"\\u0000a\":1}", "", "vocab.json: token \"\" appears twice"},
        {"{\"\\ud800\":0}", "", "vocab.json: not valid JSON at byte"},
        {"{\"a\":0}", "#version: 0.2\na b\nc\n",
         "merges.txt: line 3: expected two pieces separated by one space, found \"c\""},
        {"{\"a\":0}", "#version: 0.2\na b c\n", "merges.txt: line 2: expected two pieces"},
        {"{\"a\":0}", "#version: 0.2\na  b\n", "merges.txt: line 2: expected two pieces"},
        {"{\"a\":0}", "#version: 0.2\na \n", "merges.txt: line 2: expected two pieces"},
        {"{\"a\":0}", " b\n", "merges.txt: line 1: expected two pieces"},
        {"{\"a\":0}", "a b\na #version: 0.2\n", "merges.txt: line 2: expected two pieces"},
        {"{\"a\":0}", "a \303\n", "merges.txt: not UTF-8 at byte 2"},
    };
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        const struct texts texts = {.vocab = cases[i].vocab, .merges = cases[i].merges};
        if (check_case("bad vocabulary %zu: %s", i, cases[i].message))
            check_refused(&texts, ELCL_E_FORMAT, cases[i].message);
    }
}

static void test_merges_text(void)
{
    if (!check_case("merges.txt: forms"))
        return;
    static const char *const forms[] = {"#version: 0.2\na b\nab c\n",
                                        "#version: 0.2\na b\nab c",
                                        "a b\nab c\n",
                                        "#version: 0.2\r\na b\r\nab c\r\n",
                                        "#version: 0.2\n\na b\n\nab c\n\n",
                                        "#version: 0.2\nab c\na b\nab c\n"};
    for (size_t i = 0; i < ELCL_COUNT(forms); i++)
        check_texts(&(struct texts){.vocab = "{\"a\":0,\"b\":1,\"c\":2,\"ab\":3,\"abc\":4}",
                                    .merges = forms[i]},
                    "abcab", "4 3");
}

static void test_holes(void)
{
    if (!check_case("ids with holes"))
        return;
    struct elcl_tokenizer *t =
        must_build(&(struct texts){.vocab = "{\"b\":7,\"a\":2,\"" SPACE "\":4}", .merges = ""});
    if (!t)
        return;
    CHECK(elcl_tokenizer_size(t) == 8, "%d ids", (int)elcl_tokenizer_size(t));
    check_encode(t, "ab a", "2 7 4 2");
    check_decode(t, (int32_t[]){7, 4, 2}, 3, false, "b a");
    /* Ids without a token, as padded vocabularies have them. */
    check_decode(t, (int32_t[]){0, 7, 3, 4, 8, INT32_MAX, 2}, 7, false, "b a");
    check_decode(t, (int32_t[]){3}, 1, false, "");
    static const int32_t bad[] = {-1, INT32_MIN};
    for (size_t i = 0; i < ELCL_COUNT(bad); i++) {
        char *text = NULL, want[64];
        elcl_error err = {0};
        const int rc = elcl_tokenizer_decode(t, &bad[i], 1, false, &text, &err);
        snprintf(want, sizeof(want), "vocab.json: token id %d is below 0", (int)bad[i]);
        CHECK(rc == ELCL_E_ARG && !text && !strcmp(err.msg, want), "%d %s", rc, err.msg);
    }
    elcl_tokenizer_destroy(&t);
}

/* A tokenizer.json of type Unigram. */
#define UNIGRAM(parts, vocab, unk)                                                                 \
    "{" parts "\"model\":{\"type\":\"Unigram\",\"unk_id\":" unk ",\"vocab\":" vocab "}}"
#define META "\"decoder\":{\"type\":\"Metaspace\",\"replacement\":\"_\"},"
#define REPLACE(pattern)                                                                           \
    "\"normalizer\":{\"type\":\"Replace\",\"pattern\":" pattern ",\"content\":\"b\"},"
#define CHARSMAP(base64)                                                                           \
    "\"normalizer\":{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"" base64 "\"},"

static void test_json_errors(void)
{
#define MERGES "\"merges\":[]}}"
    static const struct {
        const char *json;
        int code;
        const char *message;
    } cases[] = {
        {"nul", ELCL_E_FORMAT, "tokenizer.json: not valid JSON at byte"},
        {"{}", ELCL_E_UNSUPPORTED,
         "tokenizer.json: model: only BPE, Unigram, WordPiece or WordLevel is supported, found "
         "nothing"},
        {"{\"model\":{\"type\":\"Other\"}}", ELCL_E_UNSUPPORTED,
         "model: only BPE, Unigram, WordPiece or WordLevel is supported, found \"Other\""},
        {UNIGRAM("\"decoder\":{\"type\":\"CTC\"},", "[[\"a\",-1]]", "0"), ELCL_E_UNSUPPORTED,
         "tokenizer.json: decoder: only ByteLevel, Metaspace, Replace, ByteFallback, Fuse, Strip, "
         "WordPiece, BPEDecoder and sequences of all but the first are supported, found \"CTC\""},
        {UNIGRAM(META, "{}", "0"), ELCL_E_FORMAT,
         "vocab: expected an array of pieces and scores, found an object"},
        {UNIGRAM(META, "[[\"a\"]]", "0"), ELCL_E_FORMAT,
         "vocab: 0: expected a piece and a score, found an array"},
        {UNIGRAM(META, "[[\"a\",-1]]", "1"), ELCL_E_FORMAT,
         "unk_id: expected an id of the vocabulary, found 1"},
        {UNIGRAM(META "\"normalizer\":{\"type\":\"Nmt\"},", "[[\"a\",-1]]", "0"),
         ELCL_E_UNSUPPORTED, "normalizer: only Precompiled, Replace, Prepend, Lowercase, Strip"},
        {UNIGRAM(META REPLACE("{\"Regex\":3}"), "[[\"a\",-1]]", "0"), ELCL_E_FORMAT,
         "pattern: expected a String or a Regex, found 3"},
        {UNIGRAM(META REPLACE("{\"String\":\"\"}"), "[[\"a\",-1]]", "0"), ELCL_E_FORMAT,
         "pattern: expected a string that is not empty"},
        {UNIGRAM(META CHARSMAP("!"), "[[\"a\",-1]]", "0"), ELCL_E_FORMAT,
         "precompiled_charsmap: expected base64"},
        {UNIGRAM(META CHARSMAP("////AA=="), "[[\"a\",-1]]", "0"), ELCL_E_FORMAT,
         "precompiled_charsmap: expected a table of at most 0 bytes, found 16777215"},
        {UNIGRAM(META CHARSMAP("AAAAAP8="), "[[\"a\",-1]]", "0"), ELCL_E_FORMAT,
         "precompiled_charsmap: its texts are not UTF-8"},
        {UNIGRAM(META "\"pre_tokenizer\":{\"type\":\"UnicodeScripts\"},", "[[\"a\",-1]]", "0"),
         ELCL_E_UNSUPPORTED, "pre_tokenizer: only ByteLevel, Metaspace, Whitespace, "},
        {UNIGRAM(META "\"pre_tokenizer\":{\"type\":\"ByteLevel\"},", "[[\"a\",-1]]", "0"),
         ELCL_E_UNSUPPORTED, "pre_tokenizer: only ByteLevel with BPE and its decoder is supported"},
        {UNIGRAM(META "\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"String\":\"\"}},",
                 "[[\"a\",-1]]", "0"),
         ELCL_E_FORMAT, "pattern: expected a String or a Regex, found \"\""},
        {UNIGRAM(META "\"pre_tokenizer\":{\"type\":\"Punctuation\",\"behavior\":\"x\"},",
                 "[[\"a\",-1]]", "0"),
         ELCL_E_FORMAT, "behavior: expected Removed, Isolated, MergedWithPrevious, "},
        {UNIGRAM(META "\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"_\"},",
                 "[[\"a\",-1]]", "0"),
         ELCL_E_UNSUPPORTED, "replacement: only U+2581 is supported, found \"_\""},
        {UNIGRAM(META "\"post_processor\":{\"type\":\"Other\"},", "[[\"a\",-1]]", "0"),
         ELCL_E_UNSUPPORTED, "post_processor: only TemplateProcessing"},
        {UNIGRAM(META "\"post_processor\":{\"type\":\"BertProcessing\",\"cls\":[\"a\",0],"
                      "\"sep\":[\"b\",9]},",
                 "[[\"a\",-1]]", "0"),
         ELCL_E_FORMAT, "post_processor: id 9 is not in the vocabulary"},
        {JSON_HEAD JSON_PRE JSON_MODEL MERGES, ELCL_E_UNSUPPORTED,
         "tokenizer.json: decoder: only ByteLevel is supported, found nothing"},
        {JSON_HEAD JSON_BYTES "\"pre_tokenizer\":{\"type\":\"Metaspace\"}," JSON_MODEL MERGES,
         ELCL_E_UNSUPPORTED, "replacement: only U+2581 is supported, found nothing"},
        {JSON_HEAD JSON_BYTES "\"pre_tokenizer\":{\"type\":\"Digits\"}," JSON_MODEL MERGES,
         ELCL_E_UNSUPPORTED,
         "pre_tokenizer: only one with ByteLevel is supported, found \"Digits\""},
        {"{\"normalizer\":{\"type\":\"Nmt\"}," JSON_BYTES JSON_PRE JSON_MODEL MERGES,
         ELCL_E_UNSUPPORTED, "BertNormalizer, NFC, NFD, NFKC, NFKD and sequences of them are"},
        {"{" JSON_BYTES JSON_PRE
         "\"model\":{\"type\":\"BPE\",\"end_of_word_suffix\":\"</w>\"," JSON_VOCAB "," MERGES,
         ELCL_E_UNSUPPORTED, "end_of_word_suffix: only null is supported, found \"</w>\""},
        {"{" JSON_BYTES JSON_PRE "\"model\":{\"type\":\"BPE\",\"dropout\":0.1," JSON_VOCAB
         "," MERGES,
         ELCL_E_UNSUPPORTED, "dropout: only null is supported, found 0.1"},
        {"{" JSON_BYTES JSON_PRE "\"model\":{\"type\":\"BPE\"," MERGES, ELCL_E_FORMAT,
         "tokenizer.json: vocab: expected an object of tokens and ids, found nothing"},
        {"{" JSON_BYTES JSON_PRE "\"model\":{\"type\":\"BPE\",\"unk_token\":\"q\"," JSON_VOCAB
         "," MERGES,
         ELCL_E_FORMAT, "unk_token: expected a token of the vocabulary, found \"q\""},
        {"{" JSON_BYTES JSON_PRE JSON_MODEL "\"x\":1}}", ELCL_E_FORMAT,
         "merges: expected an array, found nothing"},
        {"{" JSON_BYTES JSON_PRE JSON_MODEL "\"merges\":[\"a b\",\"a\"]}}", ELCL_E_FORMAT,
         "tokenizer.json: merge 2: expected two pieces separated by one space, found \"a\""},
        {"{" JSON_BYTES JSON_PRE JSON_MODEL "\"merges\":[[\"a\"]]}}", ELCL_E_FORMAT,
         "tokenizer.json: merge 1: expected two pieces, found an array"},
        {"{" JSON_BYTES JSON_PRE JSON_MODEL "\"merges\":[[\"a\",\"\"]]}}", ELCL_E_FORMAT,
         "tokenizer.json: merge 1: expected two pieces, found an array"},
        {"{" JSON_BYTES JSON_PRE JSON_MODEL "\"merges\":[3]}}", ELCL_E_FORMAT,
         "tokenizer.json: merge 1: expected two pieces, found 3"},
        {"{" JSON_BYTES JSON_PRE JSON_MODEL "\"merges\":[\"b a\"]}}", ELCL_E_FORMAT,
         "tokenizer.json: merge 1: \"ba\" is not a token of the vocabulary"},
        {"{\"added_tokens\":3," JSON_BYTES JSON_PRE JSON_MODEL MERGES, ELCL_E_FORMAT,
         "added_tokens: expected an array, found 3"},
        {"{\"added_tokens\":[{\"id\":1}]," JSON_BYTES JSON_PRE JSON_MODEL MERGES, ELCL_E_FORMAT,
         "content of an added token: expected a string, found nothing"},
        {"{\"added_tokens\":[{\"content\":\"q\",\"id\":-1}]," JSON_BYTES JSON_PRE JSON_MODEL MERGES,
         ELCL_E_FORMAT, "q: expected a token id, found -1"},
        {"{\"added_tokens\":[{\"content\":\"q\",\"id\":1}]," JSON_BYTES JSON_PRE JSON_MODEL MERGES,
         ELCL_E_FORMAT, "id 1 belongs to the tokens \"b\" and \"q\""},
        {"{\"added_tokens\":[{\"content\":\"a\",\"id\":1}]," JSON_BYTES JSON_PRE JSON_MODEL MERGES,
         ELCL_E_FORMAT, "token \"a\" has the ids 0 and 1"},
        {"{\"added_tokens\":[{\"content\":\"q\",\"id\":8,\"lstrip\":1}]," JSON_BYTES JSON_PRE
             JSON_MODEL MERGES,
         ELCL_E_FORMAT, "lstrip: expected true or false, found 1"},
        {"{\"added_tokens\":[{\"content\":\"q\",\"id\":8,\"single_word\":true}]," JSON_BYTES
             JSON_PRE JSON_MODEL MERGES,
         ELCL_E_UNSUPPORTED, "added token \"q\" has single_word, which elcl does not support"},
    };
#undef MERGES
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        const struct texts texts = {.json = cases[i].json};
        if (check_case("bad tokenizer.json %zu: %s", i, cases[i].message))
            check_refused(&texts, cases[i].code, cases[i].message);
    }
}

static void test_config_errors(void)
{
    static const struct {
        const char *config, *special_map, *added_tokens;
        int code;
        const char *message;
    } cases[] = {
        {"{\"tokenizer_class\":\"CLIPTokenizer\"}", NULL, NULL, ELCL_E_UNSUPPORTED,
         "tokenizer_config.json: tokenizer_class is CLIPTokenizer, which elcl does not support"},
        {"{\"tokenizer_class\":\"Bart\"}", NULL, NULL, ELCL_E_UNSUPPORTED,
         "tokenizer_class is Bart"},
        {"{\"tokenizer_class\":5}", NULL, NULL, ELCL_E_FORMAT,
         "tokenizer_class: expected a string, found 5"},
        {"{\"add_prefix_space\":1}", NULL, NULL, ELCL_E_FORMAT,
         "tokenizer_config.json: add_prefix_space: expected true or false, found 1"},
        {"{\"bos_token\":3}", NULL, NULL, ELCL_E_FORMAT,
         "tokenizer_config.json: bos_token: expected a string or an object, found 3"},
        {NULL, "{\"bos_token\":3}", NULL, ELCL_E_FORMAT,
         "special_tokens_map.json: bos_token: expected a string or an object, found 3"},
        {NULL, "{\"additional_special_tokens\":\"x\"}", NULL, ELCL_E_FORMAT,
         "special_tokens_map.json: additional_special_tokens: expected an array, found \"x\""},
        {NULL, NULL, "{\"q\":\"x\"}", ELCL_E_FORMAT,
         "added_tokens.json: q: expected a token id, found \"x\""},
        {NULL, NULL, "{\"q\":4}", ELCL_E_FORMAT,
         "added_tokens.json: id 4 belongs to the tokens \"a\" and \"q\""},
        {NULL, NULL, "[", ELCL_E_FORMAT, "added_tokens.json: not valid JSON at byte"},
        {"{\"added_tokens_decoder\":[]}", NULL, NULL, ELCL_E_FORMAT,
         "added_tokens_decoder: expected an object, found an array"},
        {"{\"added_tokens_decoder\":{\"x\":{\"content\":\"q\"}}}", NULL, NULL, ELCL_E_FORMAT,
         "added_tokens_decoder: expected a token id, found \"x\""},
        {"{\"added_tokens_decoder\":{\"99999999999\":{\"content\":\"q\"}}}", NULL, NULL,
         ELCL_E_FORMAT, "added_tokens_decoder: expected a token id, found \"99999999999\""},
    };
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        struct texts texts = {.vocab = BART_VOCAB, .merges = BART_MERGES};
        texts.config = cases[i].config;
        texts.special_map = cases[i].special_map;
        texts.added_tokens = cases[i].added_tokens;
        if (check_case("bad settings %zu: %s", i, cases[i].message))
            check_refused(&texts, cases[i].code, cases[i].message);
    }
}

static void test_bad_text(void)
{
    if (!check_case("text that is not UTF-8"))
        return;
    struct elcl_tokenizer *t =
        must_build(&(struct texts){.vocab = BART_VOCAB, .merges = BART_MERGES});
    if (!t)
        return;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"\377", "the text is not UTF-8 at byte 0 (0xff)"},
        {"ab\303", "the text is not UTF-8 at byte 2 (0xc3)"},
        {"ab\303\251\355\240\200", "the text is not UTF-8 at byte 4 (0xed)"},
        {"\300\200", "the text is not UTF-8 at byte 0 (0xc0)"},
    };
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        int32_t *ids = NULL;
        size_t n = 0;
        elcl_error err = {0};
        const int rc =
            elcl_tokenizer_encode(t, cases[i].text, strlen(cases[i].text), &ids, &n, &err);
        CHECK(rc == ELCL_E_FORMAT && !ids && !strcmp(err.msg, cases[i].message), "%d %s", rc,
              err.msg);
    }
    elcl_tokenizer_destroy(&t);
}

/* ---- files --------------------------------------------------------------------------------- */

static void test_load(void)
{
    if (!check_case("files of a directory"))
        return;
    const char *dir = check_temporary_directory();
    struct elcl_tokenizer *t = NULL;
    elcl_error err = {0};
    CHECK(!elcl_tokenizer_load(dir, &t, &err) && !t, "no files: %s", err.msg);
    write_text("vocab.json", "version https://git-lfs.github.com/spec/v1\n");
    int rc = elcl_tokenizer_load(dir, &t, &err);
    check_failure("pointer", rc, &err, ELCL_E_FORMAT, "vocab.json: is a Git LFS pointer");
    write_text("vocab.json", BART_VOCAB);
    err = (elcl_error){0};
    rc = elcl_tokenizer_load(dir, &t, &err);
    check_failure("no merges", rc, &err, ELCL_E_IO,
                  "merges.txt: is missing, but vocab.json is there");
    write_text("merges.txt", BART_MERGES);
    write_text("tokenizer_config.json", "{\"add_prefix_space\":true}");
    err = (elcl_error){0};
    CHECK(!elcl_tokenizer_load(dir, &t, &err) && t, "%s", err.msg);
    check_encode(t, "a", "7");
    elcl_tokenizer_destroy(&t);
    write_text("tokenizer.json", JSON_HEAD JSON_BYTES JSON_PRE JSON_MODEL "\"merges\":[\"a b\"]}}");
    CHECK(!elcl_tokenizer_load(dir, &t, &err) && t, "%s", err.msg);
    check_encode(t, "ab", "4 3"); /* tokenizer.json comes first */
    elcl_tokenizer_destroy(&t);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_vocab_errors();
    test_merges_text();
    test_holes();
    test_json_errors();
    test_config_errors();
    test_bad_text();
    test_load();
    return check_end();
}
