/* GGUF files: values, names, types of elements, and configurations. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/half.h"
#include "check.h"
#include "files.h"
#include "format/config.h"
#include "format/json.h"
#include "gguf_files.h"

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
    char *data = read_golden_file(SMALL_GGUF, &n);
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
    char *data = read_golden_file(SMALL_GGUF, &n), name[96];
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
    CHECK(!elcl_tensors_open(golden_gguf("gpt2.gguf"), &tensors, &err) &&
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
    CHECK(!elcl_config_load(golden_gguf(file), &config, &err), "%s", err.msg);
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
        struct gguf_made m = {0};
        elcl_error err = {0};
        cJSON *config = NULL;
        gguf_make_t5(&m, cases[i].tensors, cases[i].last_type);
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

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_values();
    test_types();
    test_transposed();
    test_names();
    test_config();
    test_kinds_of_t5();
    return check_end();
}
