/* GGUF files: values, names, types of elements, tokenizers, and what is refused. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/half.h"
#include "files.h"
#include "format/config.h"
#include "format/ggml.h"
#include "format/gguf.h"
#include "format/json.h"
#include "tokenizer_texts.h"

#define SMALL "tests/fuzz/seeds/gguf/small.gguf"

static const char *golden_path(const char *name)
{
    static char path[512];
    snprintf(path, sizeof(path), "%s/tests/golden/gguf/%s", check_root(), name);
    return path;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* A file that grows value by value. */
struct made {
    struct elcl_str bytes;
    uint64_t n_values, n_tensors;
};

static void put_number(struct made *m, uint64_t value, int bytes)
{
    char text[8];
    for (int i = 0; i < bytes; i++)
        text[i] = (char)(value >> 8 * i);
    elcl_str_append(&m->bytes, text, (size_t)bytes);
}

static void put_string(struct made *m, const char *s)
{
    put_number(m, strlen(s), 8);
    elcl_str_append(&m->bytes, s, strlen(s));
}

static void put_key(struct made *m, const char *key, enum elcl_gguf_kind kind)
{
    put_string(m, key);
    put_number(m, kind, 4);
    m->n_values++;
}

static void put_int(struct made *m, const char *key, uint32_t value)
{
    put_key(m, key, ELCL_GGUF_U32);
    put_number(m, value, 4);
}

static void put_text(struct made *m, const char *key, const char *text)
{
    put_key(m, key, ELCL_GGUF_STRING);
    put_string(m, text);
}

static void put_tensor(struct made *m, const char *name, int n_dims, const uint64_t *extents,
                       uint32_t type, uint64_t offset)
{
    put_string(m, name);
    put_number(m, (uint64_t)n_dims, 4);
    for (int i = 0; i < n_dims; i++)
        put_number(m, extents[i], 8);
    put_number(m, type, 4);
    put_number(m, offset, 8);
    m->n_tensors++;
}

/* Puts the head before what was made, and `elements` zeros after it. */
static void finish(struct made *m, uint32_t version, size_t elements)
{
    struct made whole = {0};
    put_number(&whole, ELCL_GGUF_MAGIC, 4);
    put_number(&whole, version, 4);
    put_number(&whole, m->n_tensors, 8);
    put_number(&whole, m->n_values, 8);
    elcl_str_append(&whole.bytes, m->bytes.data ? m->bytes.data : "", m->bytes.n);
    while (whole.bytes.n % 32)
        put_number(&whole, 0, 1);
    for (size_t i = 0; i < elements; i++)
        put_number(&whole, 0, 1);
    elcl_str_finish(&m->bytes);
    m->bytes = whole.bytes;
}

/* ---- values ---------------------------------------------------------------------------------- */

static void test_values(void)
{
    static const char *const keys[] = {"test.uint8", "test.int8",   "test.uint16",
                                       "test.int16", "test.uint64", "test.int64"};
    struct elcl_gguf g = {0};
    elcl_error err = {0};
    size_t n = 0;
    if (!check_case("values"))
        return;
    char *data = read_golden_file(SMALL, &n);
    CHECK(data && !elcl_gguf_parse(data, n, "f", &g, &err), "%s", err.msg);
    for (size_t i = 0; i < ELCL_COUNT(keys); i++) {
        int value = 0;
        CHECK(!elcl_gguf_int(&g, keys[i], 1, 1, &value, &err) && value == 1, "%s: %s", keys[i],
              err.msg);
    }
    int number = 0;
    double real = 0;
    bool flag = false;
    char text[8];
    float *floats = NULL;
    CHECK(!elcl_gguf_float(&g, "test.float64", &real, &err) && real == 1, "%g", real);
    CHECK(!elcl_gguf_float(&g, "%s.attention.layer_norm_rms_epsilon", &real, &err) &&
              real == (double)1e-6f,
          "%g", real);
    CHECK(!elcl_gguf_bool_or(&g, "test.bool", false, &flag, &err) && flag, "%s", err.msg);
    check_failure("absent", elcl_gguf_int(&g, "%s.depth", 1, 9, &number, &err), &err, ELCL_E_FORMAT,
                  "f: has no key t5.depth");
    err = (elcl_error){0};
    check_failure("range", elcl_gguf_int(&g, "test.int8", 2, 9, &number, &err), &err, ELCL_E_FORMAT,
                  "f: key test.int8: expected an integer in 2 .. 9, found 1");
    err = (elcl_error){0};
    check_failure("kind", elcl_gguf_int(&g, "test.numbers", 1, 9, &number, &err), &err,
                  ELCL_E_FORMAT, "f: key test.numbers: expected an integer in 1 .. 9");
    err = (elcl_error){0};
    check_failure("text", elcl_gguf_text_or(&g, "test.bool", "", text, sizeof(text), &err), &err,
                  ELCL_E_FORMAT, "f: key test.bool: expected a string");
    err = (elcl_error){0};
    check_failure("array", elcl_gguf_floats(&g, "tokenizer.ggml.scores", 3, &floats, &err), &err,
                  ELCL_E_FORMAT, "f: key tokenizer.ggml.scores: expected 3 elements, found 112");
    elcl_gguf_finish(&g);
    elcl_free(data);
}

/* ---- tensors --------------------------------------------------------------------------------- */

static float element(const struct elcl_tensor *t, size_t i)
{
    float value;
    uint16_t half;
    if (t->dtype == ELCL_F32) {
        memcpy(&value, (const char *)t->data + i * sizeof(value), sizeof(value));
        return value;
    }
    memcpy(&half, (const char *)t->data + i * sizeof(half), sizeof(half));
    return t->dtype == ELCL_F16 ? elcl_f16_to_f32(half) : elcl_bf16_to_f32(half);
}

/* make_gguf.py: element i is (i % 16 - 8) / 2, or with 32 levels (i - 16) / 2. Each type but q8_0
 * holds that exactly. */
static void test_types(void)
{
    static const char *const names[] = {
        "layer.0.SelfAttention.q",   "layer.0.SelfAttention.k",     "layer.0.SelfAttention.v",
        "layer.0.SelfAttention.o",   "layer.1.DenseReluDense.wi_1", "layer.1.DenseReluDense.wi_0",
        "layer.1.DenseReluDense.wo", "layer.0.layer_norm"};
    struct elcl_tensors *tensors = NULL;
    elcl_error err = {0};
    size_t n = 0;
    if (!check_case("types of elements"))
        return;
    char *data = read_golden_file(SMALL, &n), name[96];
    if (CHECK(data && !elcl_gguf_tensors_open_memory(data, n, "f", &tensors, &err), "%s", err.msg))
        for (size_t k = 0; k < ELCL_COUNT(names); k++) {
            snprintf(name, sizeof(name), "encoder.block.0.%s.weight", names[k]);
            const struct elcl_tensor *t = elcl_tensors_find(tensors, name);
            if (!CHECK(t && t->n == 32 && !elcl_tensors_load(tensors, t, &err), "%s: %s", name,
                       err.msg))
                continue;
            const int levels = k == 3 ? 32 : 16;
            const float tolerance = k == 4 ? 0.02f : 0;
            for (int i = 0; i < 32; i++)
                CHECK(fabsf(element(t, (size_t)i) - (float)(i % levels - levels / 2) / 2) <=
                          tolerance,
                      "%s[%d]: %g", name, i, (double)element(t, (size_t)i));
        }
    const struct elcl_tensor *t =
        elcl_tensors_find(tensors, "decoder.block.0.layer.0.SelfAttention.q.weight");
    if (CHECK(t && t->n == 256 && !elcl_tensors_load(tensors, t, &err), "%s", err.msg))
        for (int i = 0; i < 256; i++)
            CHECK(element(t, (size_t)i) == 0.5f * (float)((i / 16 % 5 - 2) * (7 * i % 64 - 32)),
                  "q6_K[%d]: %g", i, (double)element(t, (size_t)i));
    const char *refused =
        elcl_tensors_refusal(tensors, "encoder.block.0.layer.1.layer_norm.weight");
    CHECK(refused && strstr(refused, "has elements of type q4_K; elcl reads f32, f16, bf16"), "%s",
          refused ? refused : "nothing");
    elcl_tensors_close(&tensors);
    elcl_free(data);
}

/* Hugging Face stores GPT-2's matrices as [in, out]. */
static void test_transposed(void)
{
    struct elcl_tensors *tensors = NULL, *origin = NULL;
    elcl_error err = {0};
    char path[512];
    const char *name;
    if (!check_case("matrices of GPT-2"))
        return;
    snprintf(path, sizeof(path), "%s/tests/golden/tiny-gpt2", check_root());
    CHECK(!elcl_tensors_open(golden_path("gpt2.gguf"), &tensors, &err) &&
              !elcl_tensors_open(path, &origin, &err),
          "%s", err.msg);
    size_t n = 0;
    for (; tensors && origin && (name = elcl_tensors_name(tensors, n)); n++) {
        const struct elcl_tensor *got = elcl_tensors_find(tensors, name);
        const struct elcl_tensor *want = elcl_tensors_find(origin, name);
        if (!CHECK(got && want && got->n == want->n, "%s", name))
            continue;
        CHECK(!elcl_tensors_load(tensors, got, &err) && !elcl_tensors_load(origin, want, &err) &&
                  !memcmp(got->data, want->data, got->n * sizeof(float)) &&
                  got->shape[0] == want->shape[0],
              "%s differs %s", name, err.msg);
    }
    CHECK(n > 20, "%zu tensors", n);
    elcl_tensors_close(&tensors);
    elcl_tensors_close(&origin);
}

static void test_names(void)
{
    static const struct {
        const char *architecture, *name, *want;
    } cases[] = {
        {"t5", "token_embd.weight", "shared.weight"},
        {"t5", "output.weight", "lm_head.weight"},
        {"t5", "enc.output_norm.weight", "encoder.final_layer_norm.weight"},
        {"t5", "dec.blk.11.cross_attn_q.weight",
         "decoder.block.11.layer.1.EncDecAttention.q.weight"},
        {"t5", "dec.blk.0.cross_attn_rel_b.weight",
         "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"},
        {"t5", "enc.blk.2.ffn_down.weight", "encoder.block.2.layer.1.DenseReluDense.wo.weight"},
        {"t5", "dec.blk.2.ffn_up.weight", "decoder.block.2.layer.2.DenseReluDense.wi.weight"},
        {"t5", "dec.blk.2.ffn_norm.weight", "decoder.block.2.layer.2.layer_norm.weight"},
        {"t5", "blk.0.attn_q.weight", "blk.0.attn_q.weight"},
        {"t5", "enc.blk.0.attn_x.weight", "enc.blk.0.attn_x.weight"},
        {"t5", "enc.blk.-1.attn_q.weight", "enc.blk.-1.attn_q.weight"},
        {"gpt2", "position_embd.weight", "wpe.weight"},
        {"gpt2", "blk.3.attn_qkv.bias", "h.3.attn.c_attn.bias"},
        {"gpt2", "blk.3.ffn_down.weight", "h.3.mlp.c_proj.weight"},
        {"gpt2", "enc.blk.3.attn_norm.weight", "enc.blk.3.attn_norm.weight"},
        {"opt", "token_embd.weight", "token_embd.weight"},
    };
    if (!check_case("names of tensors"))
        return;
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        struct elcl_gguf g = {0};
        char name[256];
        bool transposed = false;
        snprintf(g.architecture, sizeof(g.architecture), "%s", cases[i].architecture);
        elcl_gguf_name(&g, cases[i].name, name, sizeof(name), &transposed);
        CHECK(!strcmp(name, cases[i].want), "name %zu: %s", i, name);
        CHECK(transposed == !strcmp(cases[i].want, "h.3.mlp.c_proj.weight"), "name %zu", i);
    }
}

/* ---- configurations -------------------------------------------------------------------------- */

static void check_keys(const char *file, const char *want)
{
    struct elcl_config config = {0};
    elcl_error err = {0};
    cJSON *root = cJSON_Parse(want);
    CHECK(!elcl_config_load(golden_path(file), &config, &err), "%s", err.msg);
    for (const cJSON *item = root->child; item; item = item->next) {
        const cJSON *got = elcl_json_get(config.model, item->string);
        CHECK(cJSON_Compare(item, got, true), "%s: %s: %s, want %s", file, item->string,
              elcl_json_describe(got).s, elcl_json_describe(item).s);
    }
    cJSON_Delete(root);
    elcl_config_finish(&config);
}

static void test_config(void)
{
    if (!check_case("configurations"))
        return;
    check_keys("t5.gguf",
               "{\"model_type\":\"t5\",\"d_model\":32,\"d_kv\":16,\"num_heads\":2,\"d_ff\":32,"
               "\"num_layers\":1,\"num_decoder_layers\":2,\"vocab_size\":64,\"n_positions\":60,"
               "\"relative_attention_num_buckets\":8,\"relative_attention_max_distance\":128,"
               "\"feed_forward_proj\":\"relu\",\"tie_word_embeddings\":true,\"eos_token_id\":1,"
               "\"pad_token_id\":0,\"decoder_start_token_id\":0}");
    check_keys("flan.gguf", "{\"model_type\":\"t5\",\"num_layers\":2,\"num_decoder_layers\":1,"
                            "\"feed_forward_proj\":\"gated-gelu\",\"tie_word_embeddings\":false}");
    check_keys("gpt2.gguf",
               "{\"model_type\":\"gpt2\",\"n_embd\":20,\"n_head\":4,\"n_layer\":2,\"n_inner\":80,"
               "\"n_positions\":50,\"vocab_size\":61,\"eos_token_id\":2,\"bos_token_id\":2}");
}

/* A file with sizes of 1 and the given tensors of one f32, the last one of another type. */
static void make_t5(struct made *m, const char *const *tensors, uint32_t last_type)
{
    static const char *const ones[] = {"embedding_length",
                                       "attention.key_length",
                                       "attention.head_count",
                                       "feed_forward_length",
                                       "block_count",
                                       "context_length",
                                       "attention.relative_buckets_count"};
    static const uint64_t table[] = {1, 1};
    char key[64];
    put_text(m, "general.architecture", "t5");
    for (size_t i = 0; i < ELCL_COUNT(ones); i++) {
        snprintf(key, sizeof(key), "t5.%s", ones[i]);
        put_int(m, key, 1);
    }
    put_key(m, "t5.attention.layer_norm_rms_epsilon", ELCL_GGUF_F32);
    put_number(m, 0x358637bd, 4);
    for (; *tensors; tensors++)
        put_tensor(m, *tensors, 2, table, tensors[1] ? 0 : last_type, 0);
    finish(m, 3, 32);
}

static void test_kinds_of_t5(void)
{
    static const struct {
        const char *tensors[4], *key, *want;
        uint32_t last_type;
    } cases[] = {
        {{"token_embd.weight"}, "model_type", "t5", 0},
        {{"token_embd.weight", "dec.blk.1.attn_rel_b.weight"}, "model_type", "umt5", 0},
        {{"token_embd.weight", "enc.blk.0.ffn_gate.weight"}, "feed_forward_proj", "gated-gelu", 0},
        /* a copy of the embeddings */
        {{"token_embd.weight", "output.weight"}, "tie_word_embeddings", "true", 0},
        {{"token_embd.weight", "output.weight"}, "tie_word_embeddings", "true", 30},
        {{"token_embd.weight", "enc.blk.0.ffn_gate.weight", "output.weight"},
         "tie_word_embeddings",
         "false",
         30},
    };
    if (!check_case("kinds of T5"))
        return;
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        struct made m = {0};
        elcl_error err = {0};
        cJSON *config = NULL;
        make_t5(&m, cases[i].tensors, cases[i].last_type);
        write_file("kind.gguf", m.bytes.data, m.bytes.n);
        CHECK(!elcl_gguf_config(temporary_path("kind.gguf"), &config, &err), "%s", err.msg);
        const cJSON *got = elcl_json_get(config, cases[i].key);
        const char *text =
            cJSON_IsBool(got) ? cJSON_IsTrue(got) ? "true" : "false" : cJSON_GetStringValue(got);
        CHECK(text && !strcmp(text, cases[i].want), "%s: %s", cases[i].key,
              elcl_json_describe(got).s);
        cJSON_Delete(config);
        elcl_str_finish(&m.bytes);
    }
}

/* ---- tokenizers ------------------------------------------------------------------------------ */

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
              !elcl_tokenizer_load(golden_path("bytes.gguf"), &t, &err) && t,
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
    struct made m = {0};
    struct elcl_tokenizer *t = NULL;
    elcl_error err = {0};
    put_text(&m, "general.architecture", "t5");
    put_text(&m, "tokenizer.ggml.model", "t5");
    for (int pass = 0; pass < 3; pass++) {
        static const char *const keys[] = {"tokens", "token_type", "scores"};
        static const enum elcl_gguf_kind kinds[] = {ELCL_GGUF_STRING, ELCL_GGUF_I32, ELCL_GGUF_F32};
        char key[64];
        snprintf(key, sizeof(key), "tokenizer.ggml.%s", keys[pass]);
        put_key(&m, key, ELCL_GGUF_ARRAY);
        put_number(&m, kinds[pass], 4);
        put_number(&m, n, 8);
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
                put_string(&m, token.text);
            else
                put_number(&m, pass == 1 ? (uint32_t)token.type : bits, 4);
        }
    }
    if (flag) {
        put_key(&m, flag, ELCL_GGUF_BOOL);
        put_number(&m, value, 1);
    }
    finish(&m, 3, 0);
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

/* ---- what is refused ------------------------------------------------------------------------- */

static int read_all(const char *data, size_t n, elcl_error *err)
{
    cJSON *config = NULL;
    struct elcl_tensors *tensors = NULL;
    struct elcl_tokenizer *t = NULL;
    write_file("refused.gguf", data, n);
    const char *path = temporary_path("refused.gguf");
    int rc = elcl_gguf_tensors_open(path, &tensors, err);
    if (!rc)
        rc = elcl_gguf_config(path, &config, err);
    if (!rc)
        rc = elcl_gguf_tokenizer_load(path, &t, err);
    elcl_tensors_close(&tensors);
    elcl_tokenizer_destroy(&t);
    cJSON_Delete(config);
    return rc;
}

static void refuse(struct made *m, int code, const char *message)
{
    elcl_error err = {0};
    const int rc = read_all(m->bytes.data, m->bytes.n, &err);
    check_failure(message, rc, &err, code, message);
    elcl_str_finish(&m->bytes);
    *m = (struct made){0};
}

/* Changes bytes of the small file. */
static void refuse_changed(size_t at, uint64_t value, int bytes, int code, const char *message)
{
    struct made m = {0};
    size_t n = 0;
    char *data = read_golden_file(SMALL, &n);
    for (int i = 0; data && i < bytes; i++)
        data[at + (size_t)i] = (char)(value >> 8 * i);
    elcl_str_append(&m.bytes, data, n);
    elcl_free(data);
    refuse(&m, code, message);
}

static void test_head(void)
{
    if (!check_case("what is refused: the head"))
        return;
    refuse_changed(0, 'g', 1, ELCL_E_FORMAT, ": is no GGUF file");
    refuse_changed(4, 1, 4, ELCL_E_UNSUPPORTED, "expected a GGUF file of version 2 or 3, found 1");
    refuse_changed(4, 4, 4, ELCL_E_UNSUPPORTED, "expected a GGUF file of version 2 or 3, found 4");
    refuse_changed(4, 0x03000000, 4, ELCL_E_UNSUPPORTED, ": is a big-endian GGUF file");
    refuse_changed(8, UINT64_MAX, 8, ELCL_E_FORMAT, ": has fewer tensors than it says; is the");
    refuse_changed(16, UINT64_MAX, 8, ELCL_E_FORMAT, ": has fewer keys than it says; is the");
    refuse_changed(24, UINT64_MAX, 8, ELCL_E_FORMAT, ": a key has a name of 18446744073709551615");
    refuse_changed(24, 0, 8, ELCL_E_FORMAT, ": a key has a name of 0 bytes, expected 1 .. 1024");
    refuse_changed(24 + 8 + 20, 13, 4, ELCL_E_FORMAT,
                   ": key general.architecture has the unknown type 13");
}

static void test_values_refused(void)
{
    struct made m = {0};
    if (!check_case("what is refused: values"))
        return;
    put_int(&m, "a", 1);
    put_int(&m, "a", 1);
    finish(&m, 2, 0);
    refuse(&m, ELCL_E_FORMAT, ": the key a appears twice");
    put_key(&m, "a", ELCL_GGUF_ARRAY);
    put_number(&m, ELCL_GGUF_ARRAY, 4);
    put_number(&m, 0, 8);
    finish(&m, 3, 0);
    refuse(&m, ELCL_E_UNSUPPORTED, ": key a: arrays of arrays are not supported");
    put_key(&m, "a", ELCL_GGUF_ARRAY);
    put_number(&m, ELCL_GGUF_U64, 4);
    put_number(&m, UINT64_MAX / 8 + 2, 8);
    finish(&m, 3, 0);
    refuse(&m, ELCL_E_FORMAT, ": an array is too large; is the file complete?");
    put_key(&m, "a", ELCL_GGUF_ARRAY);
    put_number(&m, ELCL_GGUF_STRING, 4);
    put_number(&m, UINT64_MAX, 8);
    finish(&m, 3, 0);
    refuse(&m, ELCL_E_FORMAT, ": ends inside an array; is the file complete?");
    put_key(&m, "a", ELCL_GGUF_STRING);
    put_number(&m, UINT64_MAX, 8);
    finish(&m, 3, 0);
    refuse(&m, ELCL_E_FORMAT, ": ends inside a string; is the file complete?");
    put_int(&m, "general.alignment", 24);
    finish(&m, 3, 0);
    refuse(&m, ELCL_E_FORMAT, ": general.alignment: expected a power of two, found 24");
}

static void refuse_tensor(const char *name, int n_dims, uint64_t inner, uint64_t outer,
                          uint32_t type, uint64_t offset, int code, const char *message)
{
    const uint64_t extents[5] = {inner, outer, 1, 1, 1};
    struct made m = {0};
    put_tensor(&m, "t", 1, extents + 2, 0, 0);
    put_tensor(&m, name, n_dims, extents, type, offset);
    finish(&m, 3, 64);
    refuse(&m, code, message);
}

static void test_tensors_refused(void)
{
    if (!check_case("what is refused: tensors"))
        return;
    refuse_tensor("t", 1, 1, 1, 0, 0, ELCL_E_FORMAT, ": the tensor t appears twice");
    refuse_tensor("u", 0, 1, 1, 0, 0, ELCL_E_FORMAT, ": tensor u has no dimensions, or more");
    refuse_tensor("u", 5, 1, 1, 0, 0, ELCL_E_FORMAT, ": tensor u has no dimensions, or more");
    refuse_tensor("u", 2, 0, 1, 0, 0, ELCL_E_FORMAT, ": tensor u has no elements, or too many");
    refuse_tensor("u", 2, UINT64_C(1) << 40, UINT64_C(1) << 40, 0, 0, ELCL_E_FORMAT,
                  ": tensor u has no elements, or too many");
    refuse_tensor("u", 1, 31, 1, 8, 0, ELCL_E_FORMAT,
                  ": tensor u: rows of 31 elements are no whole blocks of type q8_0");
    refuse_tensor("u", 1, 1, 1, 0, 16, ELCL_E_FORMAT,
                  ": tensor u does not begin at a multiple of general.alignment");
    refuse_tensor("u", 1, 17, 1, 0, 0, ELCL_E_FORMAT, ": tensor u is cut off; is the file");
    refuse_tensor("u", 1, 1, 1, 0, UINT64_MAX - 31, ELCL_E_FORMAT, ": tensor u is cut off");
    refuse_tensor("u", 1, 1, 1, 0, 0, ELCL_E_FORMAT, ": has no key general.architecture");
}

static void test_models_refused(void)
{
    static const struct {
        const char *architecture, *why;
    } cases[] = {
        {"t5encoder", "\"t5encoder\" is only an encoder and generates no text; elcl reads GGUF"},
        {"llama", "\"llama\" has rotary positions, which EL-attention cannot reorder"},
        {"qwen3moe", "\"qwen3moe\" has rotary positions"},
        {"newest", "\"newest\" has rotary positions"}, /* by its key */
        {"mamba2", "\"mamba2\" is recurrent"},
        {"bloom", "\"bloom\" is not supported; elcl reads GGUF files of t5 and gpt2"},
        {"t5", ": has no key t5.embedding_length"},
    };
    struct made m = {0};
    if (!check_case("what is refused: models"))
        return;
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        put_text(&m, "general.architecture", cases[i].architecture);
        put_int(&m, "newest.rope.dimension_count", 1);
        finish(&m, 3, 0);
        refuse(&m, *cases[i].why == ':' ? ELCL_E_FORMAT : ELCL_E_UNSUPPORTED, cases[i].why);
    }
    put_text(&m, "general.architecture", "t5");
    put_int(&m, "split.count", 2);
    finish(&m, 3, 0);
    refuse(&m, ELCL_E_UNSUPPORTED, ": is one of 2 parts; join them first");
    put_text(&m, "general.type", "adapter");
    finish(&m, 3, 0);
    refuse(&m, ELCL_E_UNSUPPORTED, ": general.type is adapter, expected a model");
    make_t5(&m, (const char *const[]){"output.weight", NULL}, 0);
    refuse(&m, ELCL_E_FORMAT, ": has no tensor token_embd.weight");
}

/* A file that ends anywhere is refused. */
static void test_cut(void)
{
    size_t n = 0;
    if (!check_case("files that end early"))
        return;
    char *data = read_golden_file(SMALL, &n);
    for (size_t cut = 0; data && cut < n; cut += cut < 200 ? 1 : 61) {
        struct elcl_gguf g = {0};
        elcl_error err = {0};
        const int rc = elcl_gguf_parse(data, cut, "f", &g, &err);
        CHECK(rc == ELCL_E_FORMAT && *err.msg, "%zu bytes: code %d", cut, rc);
        elcl_gguf_finish(&g);
    }
    elcl_free(data);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_values();
    test_types();
    test_transposed();
    test_names();
    test_config();
    test_kinds_of_t5();
    test_bytes();
    test_without_types();
    test_tokens();
    test_head();
    test_values_refused();
    test_tensors_refused();
    test_models_refused();
    test_cut();
    return check_end();
}
