/* CTranslate2: reads model.bin of all versions, refuses damaged files and what elcl does not have,
 * and makes a configuration from both files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "base/os.h"
#include "base/util.h"
#include "check.h"
#include "files.h"
#include "format/config.h"
#include "format/ctranslate2.h"
#include "text/tokenizer.h"
#include "tokenizer_texts.h"

/* ---- files in memory ------------------------------------------------------------------------- */

static void put_number(struct elcl_str *s, uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        const char byte = (char)(value >> (8 * i) & 0xff);
        elcl_str_append(s, &byte, 1);
    }
}

static void put_name(struct elcl_str *s, const char *name)
{
    put_number(s, (uint32_t)strlen(name) + 1, 2);
    elcl_str_append(s, name, strlen(name) + 1);
}

static struct elcl_str begin(uint32_t version, const char *spec, uint32_t n)
{
    struct elcl_str s = {0};
    put_number(&s, version, 4);
    put_name(&s, spec);
    put_number(&s, 7, 4);
    put_number(&s, n, 4);
    return s;
}

/* Adds rows x columns numbers (columns 0: a vector; both 0: a number). */
static void put_variable(struct elcl_str *s, uint32_t version, const char *name,
                         enum elcl_ct2_type type, uint32_t rows, uint32_t columns, const void *data)
{
    const uint32_t n = (rows ? rows : 1) * (columns ? columns : 1);
    const uint32_t size = (uint32_t)elcl_ct2_type_bytes(type);
    put_name(s, name);
    put_number(s, columns ? 2 : rows ? 1 : 0, 1);
    if (rows)
        put_number(s, rows, 4);
    if (columns)
        put_number(s, columns, 4);
    put_number(s, version >= 4 ? type : size, 1);
    put_number(s, version >= 4 ? n * size : n, 4);
    elcl_str_append(s, data, (size_t)n * size);
}

static const float floats[12] = {1, -2, 3, 0.5f, 5, 6, 7, 8, 9, 10, 11, 12};
static const signed char bytes[12] = {127, -127, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
static const float scales[6] = {127, 2, 4, 8, 16, 32};

#define LAYER "decoder/layer_0/self_attention/linear_0/"
#define FFN "decoder/layer_0/ffn/linear_0/"

/* A layer whose queries, keys and values are int8 [6, 2] and which has no biases. */
static struct elcl_str small(uint32_t version)
{
    struct elcl_str s = begin(version, "TransformerSpec", 4);
    put_variable(&s, version, "decoder/embeddings/weight", ELCL_CT2_F32, 3, 2, floats);
    put_variable(&s, version, FFN "weight", ELCL_CT2_F32, 2, 2, floats);
    put_variable(&s, version, LAYER "weight", ELCL_CT2_I8, 6, 2, bytes);
    put_variable(&s, version, LAYER "weight_scale", ELCL_CT2_F32, 6, 0, scales);
    if (version >= 3) {
        put_number(&s, 1, 4);
        put_name(&s, "decoder/projection/weight");
        put_name(&s, "decoder/embeddings/weight");
    }
    return s;
}

static void check_values(struct elcl_tensors *tensors, const char *name, const float *want,
                         size_t n)
{
    elcl_error err = {0};
    const struct elcl_tensor *t = elcl_tensors_find(tensors, name);
    if (!CHECK(t != NULL, "%s is not there", name) ||
        !CHECK(t->n == n, "%s: %zu elements, want %zu", name, t->n, n) ||
        !CHECK(!elcl_tensors_load(tensors, t, &err), "%s", err.msg))
        return;
    for (size_t i = 0; i < n; i++) {
        float value;
        memcpy(&value, (const char *)t->data + i * sizeof(value), sizeof(value));
        CHECK(value == want[i], "%s[%zu]: %g, want %g", name, i, (double)value, (double)want[i]);
    }
}

static void test_versions(void)
{
    for (uint32_t version = 2; version <= 6; version++) {
        if (!check_case("version %u", (unsigned)version))
            continue;
        struct elcl_str file = small(version);
        struct elcl_tensors *tensors = NULL;
        elcl_error err = {0};
        const int rc = elcl_ct2_tensors_open_memory(file.data, file.n, "f", &tensors, &err);
        if (CHECK(!rc, "%s", err.msg)) {
            check_values(tensors, "decoder.embed_tokens.weight", floats, 6);
            check_values(tensors, "decoder.layers.0.self_attn.q_proj.weight",
                         (float[]){1, -1, 0.5f, 1}, 4);
            check_values(tensors, "decoder.layers.0.self_attn.v_proj.weight",
                         (float[]){0.4375f, 0.5f, 0.28125f, 0.3125f}, 4);
            check_values(tensors, "decoder.layers.0.self_attn.v_proj.bias", (float[]){0, 0}, 2);
            CHECK((elcl_tensors_find(tensors, "lm_head.weight") != NULL) == (version >= 3),
                  "the alias");
            elcl_tensors_drop(tensors);
            CHECK(!elcl_tensors_find(tensors, "decoder.layers.0.self_attn.v_proj.bias")->data,
                  "dropped");
        }
        elcl_tensors_close(&tensors);
        elcl_str_finish(&file);
    }
}

/* Every shorter file is refused, and leaves nothing. */
static void test_cut(void)
{
    if (!check_case("files that end early"))
        return;
    struct elcl_str file = small(6);
    for (size_t n = 0; n < file.n; n++) {
        struct elcl_tensors *tensors = NULL;
        elcl_error err = {0};
        char *copy = malloc(n + 1);
        if (!CHECK(copy != NULL, "memory"))
            break;
        memcpy(copy, file.data, n);
        const int rc = elcl_ct2_tensors_open_memory(copy, n, "f", &tensors, &err);
        CHECK(rc == ELCL_E_FORMAT && !tensors, "%zu bytes: %d, %s", n, rc, err.msg);
        free(copy);
    }
    elcl_str_finish(&file);
}

/* Opens a file of one variable. */
static void refuse_variable(const char *name, enum elcl_ct2_type type, const char *message)
{
    struct elcl_str file = begin(6, "TransformerSpec", 1);
    struct elcl_tensors *tensors = NULL;
    elcl_error err = {0};
    put_variable(&file, 6, name, type, 2, 2, floats);
    put_number(&file, 0, 4);
    const int rc = elcl_ct2_tensors_open_memory(file.data, file.n, "f", &tensors, &err);
    if (tensors) {
        const char *why = elcl_tensors_refusal(tensors, "decoder.embed_tokens.weight");
        CHECK(why && strstr(why, message), "%s: %s", name, why ? why : "is not refused");
        CHECK(!elcl_tensors_find(tensors, "decoder.embed_tokens.weight"), "found");
    } else {
        check_failure(name, rc, &err, ELCL_E_UNSUPPORTED, message);
    }
    elcl_tensors_close(&tensors);
    elcl_str_finish(&file);
}

static void test_refused(void)
{
    if (!check_case("what is refused"))
        return;
    struct elcl_tensors *tensors = NULL;
    elcl_error err = {0};
    refuse_variable("encoder/layer_0/self_attention/relative_position_keys", ELCL_CT2_F32,
                    "relative_position_keys is not supported");
    refuse_variable("decoder/layer_0/self_attention/queries_scale", ELCL_CT2_F32, "queries_scale");
    refuse_variable("decoder/embeddings/weight", ELCL_CT2_I8, "without an f32 factor");
    refuse_variable("decoder/embeddings/weight", ELCL_CT2_I32, "integers of 32 bits");
    struct elcl_str file = begin(7, "TransformerSpec", 0);
    int rc = elcl_ct2_tensors_open_memory(file.data, file.n, "f", &tensors, &err);
    check_failure("version", rc, &err, ELCL_E_UNSUPPORTED, "version 2 to 6, found 7");
    elcl_str_finish(&file);
    file = begin(6, "TransformerSpec", 2);
    put_variable(&file, 6, "a", ELCL_CT2_F32, 2, 2, floats);
    put_variable(&file, 6, "a", ELCL_CT2_F32, 2, 2, floats);
    err = (elcl_error){0};
    rc = elcl_ct2_tensors_open_memory(file.data, file.n, "f", &tensors, &err);
    check_failure("twice", rc, &err, ELCL_E_FORMAT, "the name a appears twice");
    elcl_str_finish(&file);
}

/* ---- directories ----------------------------------------------------------------------------- */

/* Opens a copy of a golden whose file `name` has another text. */
static void open_changed(const char *golden, const char *name, const char *text, int code,
                         const char *message)
{
    static const char *const files[] = {"model.bin", "shared_vocabulary.json", "config.json"};
    char path[256];
    const char *dir = directory("ct2");
    for (size_t i = 0; i < ELCL_COUNT(files); i++) {
        size_t n = 0;
        snprintf(path, sizeof(path), "tests/golden/%s/%s", golden, files[i]);
        char *data = read_golden_file(path, &n);
        snprintf(path, sizeof(path), "ct2/%s", files[i]);
        if (data && strcmp(files[i], name) != 0)
            write_file(path, data, n);
        else
            write_text(path, text);
        elcl_free(data);
    }
    struct elcl_config config = {0};
    elcl_error err = {0};
    const int rc = elcl_config_load(dir, &config, &err);
    check_failure(name, rc, &err, code, message);
    elcl_config_finish(&config);
}

static void test_config(void)
{
    if (!check_case("config.json and vocabularies"))
        return;
    char path[512];
    snprintf(path, sizeof(path), "%s/tests/golden/ct2-marian", check_root());
    struct elcl_config config = {0};
    elcl_error err = {0};
    elcl_gen_options o = {0};
    if (CHECK(!elcl_config_load(path, &config, &err), "%s", err.msg) &&
        CHECK(!elcl_config_gen_options(&config, 100, &o, &err), "%s", err.msg)) {
        CHECK(!strcmp(config.model_type, "ctranslate2"), "%s", config.model_type);
        CHECK(o.num_beams == 2 && o.max_length == 40 && o.min_new_tokens == 1, "%d, %d, %d",
              o.num_beams, o.max_length, o.min_new_tokens);
        CHECK(o.n_eos == 1 && o.eos_token_ids[0] == 0 && o.decoder_start_token_id == 46, "%d, %d",
              (int)o.eos_token_ids[0], (int)o.decoder_start_token_id);
    }
    elcl_config_finish(&config);
    open_changed("ct2-marian", "shared_vocabulary.json", "[\"</s>\"]", ELCL_E_FORMAT,
                 "has 1 tokens, but the decoder of");
    open_changed("ct2-marian", "shared_vocabulary.json", "[7]", ELCL_E_FORMAT,
                 "token 0: expected a string, found 7");
    open_changed("ct2-marian", "config.json", "{\"unk_token\": 3}", ELCL_E_FORMAT, "unk_token");
    open_changed("ct2-marian", "config.json", "{\"layer_norm_epsilon\": \"x\"}", ELCL_E_FORMAT,
                 "layer_norm_epsilon");
    open_changed("ct2-marian", "config.json", "{\"quantization_bits\": 4}", ELCL_E_UNSUPPORTED,
                 "AWQ");
    open_changed("ct2-marian", "model.bin", "", ELCL_E_FORMAT, "is the file complete?");
}

static void test_spec(void)
{
    if (!check_case("other specifications"))
        return;
    struct elcl_str file = begin(6, "Wav2Vec2Spec", 0);
    const char *dir = directory("other");
    put_number(&file, 0, 4);
    write_file("other/model.bin", file.data, file.n);
    struct elcl_config config = {0};
    elcl_error err = {0};
    check_failure("other", elcl_config_load(dir, &config, &err), &err, ELCL_E_UNSUPPORTED,
                  "is a CTranslate2 model of Wav2Vec2Spec, which is not supported");
    elcl_config_finish(&config);
    elcl_str_finish(&file);
}

/* ---- texts ----------------------------------------------------------------------------------- */

/* Encodes a text with the ids around it, and compares all ids. */
static void check_text(const struct elcl_tokenizer *t, const char *text, const int32_t *want,
                       size_t n_want)
{
    struct elcl_wrap wrap = {0};
    elcl_error err = {0};
    int32_t *ids = NULL;
    size_t n = 0;
    if (!CHECK(!elcl_tokenizer_encode(t, text, strlen(text), &ids, &n, &err), "%s", err.msg))
        return;
    const int rc = elcl_tokenizer_wrap(t, ids, n, NULL, NULL, &wrap, &err);
    const size_t before = (size_t)wrap.n_before, all = before + n + (size_t)wrap.n_after;
    CHECK(!rc && all == n_want, "%s: %zu ids, want %zu", text, all, n_want);
    for (size_t i = 0; i < all && all == n_want; i++) {
        const int32_t id = i < before       ? wrap.before[i]
                           : i < before + n ? ids[i - before]
                                            : wrap.after[i - before - n];
        CHECK(id == want[i], "%s: id %zu is %d, want %d", text, i, (int)id, (int)want[i]);
    }
    elcl_free(ids);
}

static void check_decoded(const struct elcl_tokenizer *t, const int32_t *ids, size_t n,
                          const char *want)
{
    elcl_error err = {0};
    char *text = NULL;
    if (CHECK(!elcl_tokenizer_decode(t, ids, n, true, &text, &err), "%s", err.msg))
        CHECK(!strcmp(text, want), "\"%s\", want \"%s\"", text, want);
    elcl_free(text);
}

#define TEXT(t, text, ...)                                                                         \
    check_text(t, text, (const int32_t[]){__VA_ARGS__},                                            \
               sizeof((const int32_t[]){__VA_ARGS__}) / sizeof(int32_t))

/* A model without weights: the tokenizer only needs its variables. */
static void write_model(const char *name, bool source_eos)
{
    struct elcl_str file = begin(6, "TransformerSpec", 2);
    put_variable(&file, 6, "encoder/embeddings_0/weight", ELCL_CT2_F32, 6, 2, floats);
    const signed char flag = source_eos;
    put_variable(&file, 6, "with_source_eos", ELCL_CT2_I8, 0, 0, &flag);
    put_number(&file, 0, 4);
    write_file(name, file.data, file.n);
    elcl_str_finish(&file);
}

static void test_words(void)
{
    if (!check_case("tokens separated by blanks, two vocabularies"))
        return;
    const char *dir = directory("words");
    struct elcl_tokenizer *t = NULL;
    elcl_error err = {0};
    write_model("words/model.bin", true);
    write_text("words/source_vocabulary.txt", "<blank>\n</s>\nab\nc\nab\n");
    write_text("words/target_vocabulary.txt", "<s>\n</s>\nx\nc\n");
    if (!CHECK(!elcl_tokenizer_load(dir, &t, &err) && t, "%s", err.msg))
        return;
    TEXT(t, " ab  c zz", 2, 3, 5, 1); /* the model has one row more: for <unk> */
    TEXT(t, "c </s>", 3, 1);
    check_decoded(t, (const int32_t[]){0, 3, 2, 1}, 4, "c x");
    int32_t *ids = NULL;
    size_t n = 0;
    struct elcl_wrap wrap = {0};
    if (CHECK(!elcl_tokenizer_encode_target(t, "x c", 3, &ids, &n, &err), "%s", err.msg)) {
        elcl_tokenizer_wrap_target(t, ids, n, &wrap);
        CHECK(n == 2 && ids[0] == 2 && ids[1] == 3, "%zu ids of the target", n);
        CHECK(!wrap.n_before && wrap.n_after == 1 && wrap.after[0] == 1, "the target's end");
    }
    elcl_free(ids);
    elcl_tokenizer_destroy(&t);
}

/* Codes beside the directory, as in a package. */
static void test_codes(void)
{
    if (!check_case("codes of subword-nmt"))
        return;
    directory("bpe");
    const char *dir = directory("bpe/model");
    struct elcl_tokenizer *t = NULL;
    elcl_error err = {0};
    write_text("bpe/metadata.json", "{}");
    write_text("bpe/bpe.model", "#version: 0.2\nl o\nlo w</w>\n");
    write_model("bpe/model/model.bin", false);
    write_text("bpe/model/shared_vocabulary.json",
               "[\"<unk>\",\"<s>\",\"</s>\",\"low\",\"lo@@\",\"s@@\",\"s\",\".\"]");
    if (!CHECK(!elcl_tokenizer_load(dir, &t, &err) && t, "%s", err.msg))
        return;
    TEXT(t, "low slow los .", 3, 5, 3, 4, 6, 7);
    TEXT(t, "lox", 4, 0);
    check_decoded(t, (const int32_t[]){1, 5, 3, 4, 6, 7, 2}, 7, "slow los .");
    elcl_tokenizer_destroy(&t);
}

/* A copied tokenizer must be the model's. */
static void test_copied(void)
{
    if (!check_case("files of another tokenizer"))
        return;
    const char *dir = directory("copied");
    struct elcl_tokenizer *t = NULL;
    elcl_error err = {0};
    write_model("copied/model.bin", false);
    write_text("copied/vocab.json", "{\"a\": 0, \"b\": 1, \"ab\": 2}");
    write_text("copied/merges.txt", "a b\n");
    write_text("copied/shared_vocabulary.json", "[\"a\",\"b\",\"ab\"]");
    CHECK(!elcl_tokenizer_load(dir, &t, &err) && t, "%s", err.msg);
    elcl_tokenizer_destroy(&t);
    write_text("copied/shared_vocabulary.json", "[\"a\",\"ab\",\"b\"]");
    check_failure("copied", elcl_tokenizer_load(dir, &t, &err), &err, ELCL_E_FORMAT,
                  "token \"ab\" has the id 2, but 1 in");
    CHECK(!t, "a tokenizer with an error");
}

/* Texts of ct2-opennmt: the ids that the SentencePiece model and the vocabulary give. */
static void test_pieces(void)
{
    if (!check_case("a SentencePiece model"))
        return;
    struct elcl_tokenizer *t = NULL;
    elcl_error err = {0};
    char path[512];
    snprintf(path, sizeof(path), "%s/tests/golden/ct2-opennmt", check_root());
    const int rc = elcl_tokenizer_load(path, &t, &err);
    size_t n = 0;
    char *text = read_golden_file("tests/golden/ct2-opennmt/golden.json", &n);
    cJSON *golden = text ? cJSON_ParseWithLength(text, n) : NULL;
    const cJSON *rows = cJSON_GetObjectItem(golden, "texts"), *row;
    CHECK(!rc && cJSON_GetArraySize(rows) == 4, "%s", err.msg);
    cJSON_ArrayForEach(row, rows)
    {
        int32_t want[64];
        const cJSON *ids = cJSON_GetObjectItem(row, "ids"), *id;
        size_t n_want = 0;
        cJSON_ArrayForEach(id, ids) want[n_want++] = (int32_t)id->valuedouble;
        check_text(t, cJSON_GetObjectItem(row, "text")->valuestring, want, n_want);
    }
    cJSON_Delete(golden);
    elcl_free(text);
    check_stream(t);
    elcl_tokenizer_destroy(&t);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_versions();
    test_cut();
    test_refused();
    test_config();
    test_spec();
    test_words();
    test_codes();
    test_copied();
    test_pieces();
    return check_end();
}
