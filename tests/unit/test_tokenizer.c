/* The tokenizer as a whole: special tokens, unknown pieces, and every byte encoded and decoded. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "text/text_stream.h"
#include "tokenizer_texts.h"

/* ---- special tokens ------------------------------------------------------------------------ */

static void test_defaults(void)
{
    if (!check_case("special tokens: defaults of BART"))
        return;
    struct elcl_tokenizer *t =
        must_build(&(struct texts){.vocab = BART_VOCAB, .merges = BART_MERGES});
    if (!t)
        return;
    CHECK(elcl_tokenizer_size(t) == 16, "%d ids", (int)elcl_tokenizer_size(t));
    CHECK(elcl_token_id(t, "</s>") == 2 && elcl_token_id(t, SPACE "a") == 7, "ids");
    CHECK(elcl_token_id(t, " a") == -1 && elcl_token_id(t, "c") == -1, "no ids");
    check_encode(t, "", "");
    check_encode(t, "ab a", "8 7");
    check_encode(t, "<s>ab</s><pad>", "0 8 2 1");
    check_encode(t, "<s> a", "0 7");
    check_encode(t, "a <s>", "4 6 0");
    check_encode(t, "a <mask> a", "4 9 7"); /* the mask removes the space before it */
    check_encode(t, "a \n <mask><mask>", "4 9 9");
    check_encode(t, "a \342\200\203<mask>", "4 9");
    check_encode(t, "a \034<mask>", "4 9"); /* U+001C: a space for str.rstrip() only */
    check_encode(t, "a\034 b", "4 3 6 5");  /* ... but not for the pattern */
    check_encode(t, "<s", "12 14");
    check_encode(t, "<mas<s>", "12 3 4 14 0");
    check_encode(t, "<|endoftext|>", "12 3 3 3 3 3 3 3 3 3 3 3 13"); /* not BART's */
    check_encode_n(t, "a\0b", 3, "4 3 5");
    elcl_tokenizer_destroy(&t);
    CHECK(!t, "destroy clears the pointer");
    elcl_tokenizer_destroy(&t);
}

static void test_gpt2(void)
{
    if (!check_case("special tokens: defaults of GPT-2"))
        return;
    struct elcl_tokenizer *t = must_build(&(struct texts){
        .vocab = "{\"a\":0,\"<|endoftext|>\":1,\"<\":2,\"<pad>\":3}", .merges = "#version: 0.2\n"});
    if (!t)
        return;
    check_encode(t, "a<|endoftext|>aa", "0 1 0 0");
    int32_t *ids = NULL;
    size_t n = 0;
    elcl_error err = {0};
    const int rc = elcl_tokenizer_encode(t, "a<b", 3, &ids, &n, &err);
    CHECK(rc == ELCL_E_FORMAT && strstr(err.msg, "vocab.json: the text needs the token \"b\""),
          "%d %s", rc, err.msg);
    check_decode(t, (int32_t[]){1, 0}, 2, true, "a");
    elcl_tokenizer_destroy(&t);
    /* BART's mask removes the space before it; a mask of GPT-2 does not. */
    struct texts texts = {.vocab = "{\"a\":0,\"" SPACE "\":1,\"<m>\":2}", .merges = ""};
    texts.special_map = "{\"mask_token\":\"<m>\"}";
    check_texts(&texts, "a <m>", "0 1 2");
    texts.config = "{\"tokenizer_class\":\"RobertaTokenizerFast\"}";
    check_texts(&texts, "a <m>", "0 2");
}

static void test_named(void)
{
    if (!check_case("special tokens: named by files"))
        return;
    struct texts texts = {.vocab = BART_VOCAB, .merges = BART_MERGES};
    texts.special_map = "{\"mask_token\":{\"content\":\"<mask>\",\"lstrip\":false,\"rstrip\":true},"
                        "\"unk_token\":\"<pad>\",\"additional_special_tokens\":[\"bb\",\"b\"]}";
    texts.added_tokens = "{\"xx\":20,\"bb\":19}";
    struct elcl_tokenizer *t = must_build(&texts);
    if (t) {
        CHECK(elcl_tokenizer_size(t) == 21, "%d ids", (int)elcl_tokenizer_size(t));
        check_encode(t, "a <mask> a", "4 6 9 4");
        check_encode(t, "abbbxx?", "4 19 5 20 1"); /* "bb" before "b"; unknown is <pad> */
        check_decode(t, (int32_t[]){4, 19, 20}, 3, true, "axx"); /* xx is added but not special */
        check_decode(t, (int32_t[]){4, 19, 20}, 3, false, "abbxx");
    }
    elcl_tokenizer_destroy(&t);
    /* A config with added_tokens_decoder is complete: the map and added_tokens.json are ignored. */
    texts.config = "{\"tokenizer_class\":\"BartTokenizer\",\"added_tokens_decoder\":{"
                   "\"9\":{\"content\":\"<mask>\",\"lstrip\":false,\"rstrip\":false,"
                   "\"single_word\":false,\"normalized\":false,\"special\":true},"
                   "\"21\":{\"content\":\"yy\",\"lstrip\":true,\"rstrip\":true,"
                   "\"special\":false}},\"mask_token\":\"<mask>\"}";
    t = must_build(&texts);
    if (t) {
        CHECK(elcl_tokenizer_size(t) == 22, "%d ids", (int)elcl_tokenizer_size(t));
        check_encode(t, "a <mask> a", "4 6 9 7");
        check_encode(t, "a yy  a", "4 21 4");
        check_encode(t, "bb?", "5 5 3");
    }
    elcl_tokenizer_destroy(&t);
}

static void test_prefix(void)
{
    if (!check_case("add_prefix_space"))
        return;
    struct texts texts = {.vocab = BART_VOCAB, .merges = BART_MERGES};
    texts.config = "{\"add_prefix_space\":true}";
    struct elcl_tokenizer *t = must_build(&texts);
    check_encode(t, "ab", "6 8");
    check_encode(t, "a", "7");
    check_encode(t, " a", "7");
    check_encode(t, "\na", "11 4");
    check_encode(t, "", "");
    check_encode(t, "<s>a", "6 0 4"); /* before the whole text */
    check_encode(t, "a<s>a", "7 0 4");
    elcl_tokenizer_destroy(&t);
}

static void test_no_words(void)
{
    if (!check_case("merges through pieces that are no tokens"))
        return;
    struct elcl_tokenizer *t =
        must_build(&(struct texts){.vocab = "{\"a\":0,\"b\":1,\"c\":2,\"abc\":3,\"<unk>\":4}",
                                   .merges = "#version: 0.2\na b\nab c\n"});
    if (!t)
        return;
    check_encode(t, "abc", "3");
    check_encode(t, "ab", "4"); /* joined first, then looked up */
    check_encode(t, "aba", "4 0");
    CHECK(elcl_token_id(t, "ab") == -1, "ab has an id");
    CHECK(elcl_tokenizer_size(t) == 5, "%d ids", (int)elcl_tokenizer_size(t));
    elcl_tokenizer_destroy(&t);
}

/* ---- tokenizer.json ------------------------------------------------------------------------ */

static void test_json(void)
{
    if (!check_case("tokenizer.json"))
        return;
    struct texts texts = {.json = JSON_HEAD JSON_BYTES JSON_PRE JSON_MODEL
                          "\"merges\":[\"a b\",[\"ab\",\"ab\"]]}}"};
    struct elcl_tokenizer *t = must_build(&texts);
    if (t) {
        CHECK(elcl_tokenizer_size(t) == 10, "%d ids", (int)elcl_tokenizer_size(t));
        check_encode(t, "ababab b", "5 3 4 1");
        check_encode(t, "a <x> b<s>", "0 9 1 2");
        check_encode(t, "\034<x>", "2 9"); /* U+001C is no space for the tokenizers library */
        check_encode(t, "??", "2 2");
        check_decode(t, (int32_t[]){0, 2, 9, 5}, 4, true, "a<x>abab");
    }
    elcl_tokenizer_destroy(&t);
    texts.config = "{\"add_prefix_space\":true}"; /* before every piece of text */
    check_texts(&texts, "ab<s>ab", "4 3 2 4 3");
    check_texts(&texts, " ab<s> ab", "4 3 2 4 3");
    texts.json = JSON_HEAD JSON_BYTES JSON_PRE
        "\"model\":{\"type\":\"BPE\",\"unk_token\":\"<s>\",\"fuse_unk\":true," JSON_VOCAB
        ",\"merges\":[]}}";
    texts.config = NULL;
    check_texts(&texts, "a??a ?", "0 2 0 4 2");
}

/* ---- every byte ---------------------------------------------------------------------------- */

/* A vocabulary of the 256 bytes in order, then "aa", "aaaa", "ba". */
static struct elcl_tokenizer *byte_tokenizer(void)
{
    struct elcl_str vocab = {0};
    int next = 256;
    for (int byte = 0; byte < 256; byte++) {
        const bool printable = (byte > 32 && byte < 127) || (byte > 160 && byte != 173);
        char spelled[5] = {0};
        elcl_utf8_put((uint32_t)(printable ? byte : next++), spelled);
        const bool quote = byte == '"' || byte == '\\';
        elcl_str_printf(&vocab, "%s\"%s%s\":%d", byte ? "," : "{", quote ? "\\" : "", spelled,
                        byte);
    }
    elcl_str_printf(&vocab, ",\"aa\":256,\"aaaa\":257,\"ba\":258}");
    struct elcl_tokenizer *t = must_build(
        &(struct texts){.vocab = vocab.data, .merges = "#version: 0.2\na a\nb a\naa aa\n"});
    elcl_str_finish(&vocab);
    return t;
}

static void test_bytes(void)
{
    if (!check_case("every byte: decoding"))
        return;
    struct elcl_tokenizer *t = byte_tokenizer();
    if (!t)
        return;
    for (int32_t byte = 0; byte < 256; byte++) {
        const char c[2] = {(char)byte, 0};
        check_decode(t, &byte, 1, true, byte && byte < 128 ? c : "\357\277\275");
    }
    /* a NUL would end the string, so it is replaced too, and the text after it stays */
    check_decode(t, (int32_t[]){'a', 0, 'b'}, 3, true, "a\357\277\275b");
    check_decode(t, (int32_t[]){0xf0, 0x9f, 0x98, 0x80, 0xe2, 0x82, 'x'}, 7, true,
                 "\360\237\230\200\357\277\275x");
    check_decode(t, (int32_t[]){0xed, 0xa0, 0x80}, 3, true, "\357\277\275\357\277\275\357\277\275");
    check_decode(t, NULL, 0, true, "");
    elcl_tokenizer_destroy(&t);
}

static void test_round_trip(void)
{
    if (!check_case("every byte: random texts come back"))
        return;
    struct elcl_tokenizer *t = byte_tokenizer();
    for (int i = 0; t && i < 2000; i++) {
        struct elcl_str text = {0};
        for (int k = check_int(0, 40); k; k--) {
            char c[4];
            uint32_t code = (uint32_t)check_int(1, check_int(0, 1) ? 0x7f : 0x10ffff);
            code = code >= 0xd800 && code < 0xe000 ? ' ' : code;
            elcl_str_append(&text, c, (size_t)elcl_utf8_put(code, c));
        }
        elcl_str_append(&text, "", 0);
        int32_t *ids = NULL;
        size_t n = 0;
        elcl_error err = {0};
        CHECK(!elcl_tokenizer_encode(t, text.data, text.n, &ids, &n, &err), "%s", err.msg);
        check_decode(t, ids, n, true, text.data);
        elcl_free(ids);
        elcl_str_finish(&text);
    }
    elcl_tokenizer_destroy(&t);
}

static void test_long_word(void)
{
    if (!check_case("one word of a million letters"))
        return;
    struct elcl_tokenizer *t = byte_tokenizer();
    if (!t)
        return;
    const size_t n = 1000001;
    char *text = elcl_calloc(n, 1);
    int32_t *ids = NULL;
    size_t n_ids = 0;
    elcl_error err = {0};
    memset(text, 'a', n);
    CHECK(!elcl_tokenizer_encode(t, text, n, &ids, &n_ids, &err), "%s", err.msg);
    if (CHECK(n_ids == 250001, "%zu ids", n_ids))
        CHECK(ids[0] == 257 && ids[249999] == 257 && ids[250000] == 'a', "ids");
    elcl_free(ids);
    free(text);
    elcl_tokenizer_destroy(&t);
}

/* ---- streams --------------------------------------------------------------------------------- */

/* Streams n tokens one by one and compares with decoding them at once. */
static bool streams_as_decoded(const struct elcl_tokenizer *t, elcl_text_stream *stream,
                               const int32_t *ids, size_t n)
{
    struct elcl_str all = {0};
    const char *text = NULL;
    char *want = NULL;
    bool ok = true;
    for (size_t i = 0; ok && i <= n; i++) {
        ok = !(i < n ? elcl_text_stream_add(stream, &ids[i], 1, &text, NULL)
                     : elcl_text_stream_end(stream, &text, NULL));
        elcl_str_text(&all, text);
    }
    ok = ok && !elcl_tokenizer_decode(t, ids, n, true, &want, NULL) && !strcmp(all.data, want);
    elcl_str_finish(&all);
    elcl_free(want);
    return ok;
}

/* All texts of seven letters that clean-up has patterns of: " n ' t" becomes "n't". */
static void test_stream_clean_up(const char *letters)
{
    char vocab[64];
    elcl_text_stream *stream = NULL;
    if (!check_case("streams: clean-up of \"%s\"", letters))
        return;
    snprintf(vocab, sizeof(vocab), "{\"" SPACE "\":0,\"%c\":1,\"%c\":2,\"%c\":3}", letters[0],
             letters[1], letters[2]);
    struct elcl_tokenizer *t = must_build(&(struct texts){
        .vocab = vocab, .merges = "", .config = "{\"clean_up_tokenization_spaces\":true}"});
    if (t && CHECK(!elcl_text_stream_of(t, &stream, NULL), "a stream"))
        for (int k = 0; k < 1 << 14; k++) {
            int32_t ids[7];
            for (int i = 0; i < 7; i++)
                ids[i] = k >> 2 * i & 3;
            if (!CHECK(streams_as_decoded(t, stream, ids, 7), "text %x differs", (unsigned)k))
                break;
        }
    elcl_text_stream_destroy(&stream);
    elcl_tokenizer_destroy(&t);
}

/* What is certain comes at once, and half a character waits. */
static void test_stream_pieces(void)
{
    static const int32_t ids[] = {4, 7, 0, 5};
    static const char *const want[] = {"a", " a", "", "b"};
    static const char bytes[] = "{\"\303\203\":0,\"\302\251\":1,\"a\":2}"; /* of c3 and a9 */
    const char *text = NULL;
    elcl_text_stream *stream = NULL;
    if (!check_case("streams: pieces"))
        return;
    struct elcl_tokenizer *t =
        must_build(&(struct texts){.vocab = BART_VOCAB, .merges = BART_MERGES});
    CHECK(t && !elcl_text_stream_of(t, &stream, NULL), "a stream");
    for (size_t i = 0; stream && i < ELCL_COUNT(ids); i++)
        CHECK(!elcl_text_stream_add(stream, &ids[i], 1, &text, NULL) && !strcmp(text, want[i]),
              "token %zu: \"%s\"", i, text);
    CHECK(stream && elcl_text_stream_add(stream, &(int32_t){-1}, 1, &text, NULL) == ELCL_E_ARG,
          "an id below 0");
    elcl_text_stream_destroy(&stream);
    elcl_tokenizer_destroy(&t);
    t = must_build(&(struct texts){.vocab = bytes, .merges = ""});
    CHECK(t && !elcl_text_stream_of(t, &stream, NULL), "a stream");
    if (stream) {
        CHECK(!elcl_text_stream_add(stream, &(int32_t){0}, 1, &text, NULL) && !*text, "%s", text);
        CHECK(!elcl_text_stream_add(stream, &(int32_t){1}, 1, &text, NULL) &&
                  !strcmp(text, "\303\251"),
              "%s", text);
        CHECK(!elcl_text_stream_add(stream, &(int32_t){0}, 1, &text, NULL) && !*text, "%s", text);
        CHECK(!elcl_text_stream_end(stream, &text, NULL) && !strcmp(text, "\357\277\275"), "%s",
              text);
        CHECK(!elcl_text_stream_add(stream, &(int32_t){2}, 1, &text, NULL) && !strcmp(text, "a"),
              "after the end: %s", text);
    }
    elcl_text_stream_destroy(&stream);
    elcl_tokenizer_destroy(&t);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_defaults();
    test_gpt2();
    test_named();
    test_prefix();
    test_no_words();
    test_json();
    test_bytes();
    test_round_trip();
    test_long_word();
    test_stream_pieces();
    test_stream_clean_up("'nt");
    test_stream_clean_up("'s.");
    test_stream_clean_up("'ve");
    return check_end();
}
