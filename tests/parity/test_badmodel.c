/* Damaged model directories and requests out of range: the code, and that the message names the
 * file, tensor, key or option. */
#include <stdio.h>
#include <string.h>

#include "base/os.h"
#include "base/util.h"
#include "parity/common.h"

/* ---- copies of tiny-bart to be damaged ----------------------------------------------------- */

static void join(char *path, size_t n, const char *directory, const char *name)
{
    snprintf(path, n, "%s/%s", directory, name);
}

static const char *copy_model(void)
{
    return copy_golden_model("tiny-bart");
}

static void remove_file(const char *directory, const char *name)
{
    char path[512];
    join(path, sizeof(path), directory, name);
    elcl_remove_file(path);
}

/* ---- models -------------------------------------------------------------------------------- */

/* Opens the directory with every variant that loads weights differently. */
static void expect_open(const char *directory, int code, const char *a, const char *b,
                        const struct check_options *options)
{
    for (int i = 0; i < 2; i++) {
        const struct setup setup = {
            .attention = all_variants[i], .kernels = ELCL_KERNELS_CPU, .gemm = ELCL_GEMM_NATIVE};
        const elcl_model_params params = setup_params(&setup, options);
        elcl_model *model = NULL;
        elcl_error err = {0};
        const int rc = elcl_model_open(directory, &params, &model, &err);
        CHECK(rc == code && err.code == code, "%s: code %d, expected %d: \"%s\"",
              attention_name(setup.attention), rc, code, err.msg);
        CHECK(strstr(err.msg, a) && strstr(err.msg, b), "\"%s\" does not name %s and %s", err.msg,
              a, b);
        CHECK(!model, "a model was given");
        setup_close(&model);
    }
}

static void test_configs(const struct check_options *options)
{
    static const struct {
        const char *changes;
        int code;
        const char *a, *b;
    } tests[] = {
        {"{\"model_type\": \"roberta\"}", ELCL_E_UNSUPPORTED, "config.json", "\"roberta\""},
        {"{\"model_type\": \"llama\", \"rope_theta\": 10000.0}", ELCL_E_UNSUPPORTED, "\"llama\"",
         "rotary"},
        {"{\"quantization_config\": {\"load_in_8bit\": true}}", ELCL_E_UNSUPPORTED,
         "quantization_config", "quantized by another program"},
        {"{\"pruned_heads\": {\"0\": [1]}}", ELCL_E_UNSUPPORTED, "config.json", "pruned_heads"},
        {"{\"tie_encoder_decoder\": true}", ELCL_E_UNSUPPORTED, "config.json",
         "tie_encoder_decoder"},
        {"{\"model_type\": null}", ELCL_E_FORMAT, "config.json", "model_type"},
        {"{\"d_model\": null}", ELCL_E_FORMAT, "config.json", "d_model"},
        {"{\"decoder_layers\": null}", ELCL_E_FORMAT, "config.json", "decoder_layers"},
        {"{\"encoder_ffn_dim\": null}", ELCL_E_FORMAT, "config.json", "encoder_ffn_dim"},
        {"{\"d_model\": \"20\"}", ELCL_E_FORMAT, "config.json", "d_model"},
        {"{\"d_model\": 20.5}", ELCL_E_FORMAT, "config.json", "d_model"},
        {"{\"decoder_layers\": 0}", ELCL_E_FORMAT, "config.json", "decoder_layers"},
        {"{\"decoder_attention_heads\": 3}", ELCL_E_FORMAT, "config.json", "d_model 20"},
        {"{\"encoder_attention_heads\": 7}", ELCL_E_FORMAT, "config.json", "d_model 20"},
        {"{\"vocab_size\": 62}", ELCL_E_FORMAT, "shared.weight", "[62,20]"},
        {"{\"max_position_embeddings\": 51}", ELCL_E_FORMAT, "embed_positions.weight", "[53,20]"},
        {"{\"encoder_layers\": 3}", ELCL_E_FORMAT, "model.safetensors", "encoder.layers.2."},
        {"{\"decoder_layers\": 5}", ELCL_E_FORMAT, "model.safetensors", "decoder.layers.2."},
        {"{\"encoder_ffn_dim\": 38}", ELCL_E_FORMAT, "encoder.layers.0.fc1", "[38,20]"},
        {"{\"tie_word_embeddings\": false}", ELCL_E_FORMAT, "model.safetensors", "lm_head.weight"},
        {"{\"activation_function\": \"mish\"}", ELCL_E_UNSUPPORTED, "activation_function",
         "\"mish\""},
        {"{\"activation_function\": 3}", ELCL_E_FORMAT, "config.json", "activation_function"},
        {"{\"normalize_before\": true}", ELCL_E_UNSUPPORTED, "config.json", "normalize_before"},
        {"{\"is_encoder_decoder\": false}", ELCL_E_UNSUPPORTED, "config.json",
         "is_encoder_decoder"},
        {"{\"model_type\": \"mbart\", \"normalize_before\": false}", ELCL_E_UNSUPPORTED,
         "normalize_before", "mbart"},
        {"{\"model_type\": \"marian\", \"static_position_embeddings\": false}", ELCL_E_UNSUPPORTED,
         "static_position_embeddings", "marian"},
        {"{\"model_type\": \"m2m_100\", \"normalize_embedding\": true}", ELCL_E_UNSUPPORTED,
         "normalize_embedding", "m2m_100"},
        {"{\"model_type\": \"mbart\"}", ELCL_E_FORMAT, "model.safetensors", "encoder.layer_norm"},
        {"{\"model_type\": \"pegasus\"}", ELCL_E_FORMAT, "embed_positions.weight", "[50,20]"},
        {"{\"model_type\": \"blenderbot\"}", ELCL_E_FORMAT, "embed_positions.weight", "[50,20]"},
        {"{\"model_type\": \"marian\", \"share_encoder_decoder_embeddings\": false}", ELCL_E_FORMAT,
         "model.safetensors", "encoder.embed_tokens"},
        {"{\"model_type\": \"fsmt\"}", ELCL_E_FORMAT, "config.json", "src_vocab_size"},
        {"{\"model_type\": \"fsmt\", \"src_vocab_size\": 61, \"tgt_vocab_size\": 60}",
         ELCL_E_FORMAT, "tie_word_embeddings is true",
         "src_vocab_size is 61 and tgt_vocab_size 60"},
    };
    for (size_t i = 0; i < ELCL_COUNT(tests); i++) {
        if (!check_case("bad model, config %s", tests[i].changes))
            continue;
        const char *directory = copy_model();
        change_json(directory, "config.json", tests[i].changes);
        expect_open(directory, tests[i].code, tests[i].a, tests[i].b, options);
    }
}

/* The same for models of other families. */
static void test_other_configs(const struct check_options *options)
{
    static const struct {
        const char *model, *changes;
        int code;
        const char *a, *b;
    } tests[] = {
        {"tiny-xglm", "{\"add_cross_attention\": true}", ELCL_E_UNSUPPORTED,
         "add_cross_attention must be false for model_type xglm", ""},
        {"tiny-gpt_neo", "{\"attention_types\": [[[\"near\"], 3]]}", ELCL_E_FORMAT,
         "attention_types", "\"global\" and \"local\""},
        {"tiny-gpt_neo", "{\"attention_types\": [[[\"local\"], 2]]}", ELCL_E_FORMAT,
         "attention_types is for 2 layers", "num_layers is 3"},
        {"tiny-gpt_bigcode", "{\"multi_query\": false}", ELCL_E_FORMAT, "c_attn.weight",
         "expected shape [60,20], found [30,20]"},
        {"tiny-bloom", "{\"apply_residual_connection_post_layernorm\": true}", ELCL_E_UNSUPPORTED,
         "apply_residual_connection_post_layernorm", "must be false"},
        {"tiny-mpt", "{\"attn_config\": {\"clip_qkv\": 6}}", ELCL_E_UNSUPPORTED,
         "attn_config.clip_qkv must be null", "found 6"},
        {"tiny-led", "{\"attention_window\": [4, 6]}", ELCL_E_UNSUPPORTED, "attention_window",
         "the same in all layers"},
        {"tiny-led", "{\"attention_window\": [4]}", ELCL_E_FORMAT, "attention_window",
         "each encoder layer"},
        {"tiny-led", "{\"max_decoder_position_embeddings\": 31}", ELCL_E_FORMAT,
         "decoder.embed_positions.weight", "[31,20], found [30,20]"},
        {"tiny-whisper", "{\"num_mel_bins\": 81}", ELCL_E_FORMAT, "encoder.conv1.weight",
         "[16,81,3], found [16,80,3]"},
        {"tiny-whisper", "{\"num_mel_bins\": 0}", ELCL_E_FORMAT, "config.json", "num_mel_bins"},
        {"tiny-whisper", "{\"max_source_positions\": 51}", ELCL_E_FORMAT,
         "encoder.embed_positions.weight", "[51,16], found [50,16]"},
        {"tiny-whisper", "{\"max_target_positions\": 65}", ELCL_E_FORMAT,
         "decoder.embed_positions.weight", "[65,16], found [64,16]"},
        {"tiny-whisper", "{\"tie_word_embeddings\": false}", ELCL_E_FORMAT, "model.safetensors",
         "proj_out.weight"},
        {"tiny-bart", "{\"model_type\": \"qwen9\", \"rope_parameters\": {}}", ELCL_E_UNSUPPORTED,
         "qwen9", "rotary positions"},
        {"tiny-bart", "{\"model_type\": \"nllb-moe\"}", ELCL_E_UNSUPPORTED, "nllb-moe",
         "has mixtures of experts"},
        {"tiny-opt", "{\"hidden_size\": null}", ELCL_E_FORMAT, "config.json", "hidden_size"},
        {"tiny-opt", "{\"num_attention_heads\": 4}", ELCL_E_FORMAT, "hidden_size 21",
         "num_attention_heads 4"},
        {"tiny-opt", "{\"activation_function\": \"mish\"}", ELCL_E_UNSUPPORTED,
         "activation_function", "\"mish\""},
        {"tiny-opt", "{\"max_position_embeddings\": 51}", ELCL_E_FORMAT, "embed_positions.weight",
         "[53,21]"},
        {"tiny-opt", "{\"word_embed_proj_dim\": 20}", ELCL_E_FORMAT, "embed_tokens.weight",
         "[53,20]"},
        {"tiny-opt-post", "{\"word_embed_proj_dim\": null}", ELCL_E_FORMAT, "embed_tokens.weight",
         "[61,20]"},
        {"tiny-opt-post", "{\"do_layer_norm_before\": true}", ELCL_E_FORMAT, "model.safetensors",
         "final_layer_norm.weight"},
        {"tiny-opt-plain", "{\"enable_bias\": true}", ELCL_E_FORMAT, "model.safetensors",
         "layers.0.self_attn.q_proj.bias"},
        {"tiny-opt-plain", "{\"layer_norm_elementwise_affine\": true}", ELCL_E_FORMAT,
         "model.safetensors", "self_attn_layer_norm.weight"},
        {"tiny-t5", "{\"d_kv\": 8}", ELCL_E_FORMAT, "layer.0.SelfAttention.q.weight", "[24,20]"},
        {"tiny-t5", "{\"hidden_size\": 21}", ELCL_E_FORMAT, "d_model is 20 and hidden_size is 21",
         "two names of one number"},
        {"tiny-gpt2", "{\"num_hidden_layers\": 7}", ELCL_E_FORMAT, "n_layer is",
         "num_hidden_layers is 7"},
        {"tiny-t5", "{\"d_kv\": null}", ELCL_E_FORMAT, "config.json", "d_kv"},
        {"tiny-t5", "{\"num_heads\": 20000}", ELCL_E_FORMAT, "config.json", "num_heads"},
        {"tiny-t5", "{\"num_heads\": 1024, \"d_kv\": 65}", ELCL_E_UNSUPPORTED, "num_heads 1024",
         "d_kv 65"},
        {"tiny-t5", "{\"is_encoder_decoder\": false}", ELCL_E_UNSUPPORTED, "is_encoder_decoder",
         "t5"},
        {"tiny-t5", "{\"feed_forward_proj\": \"gated-gelu\"}", ELCL_E_FORMAT, "model.safetensors",
         "wi_0.weight"},
        {"tiny-t5", "{\"feed_forward_proj\": \"mish\"}", ELCL_E_UNSUPPORTED, "feed_forward_proj",
         "\"mish\""},
        {"tiny-t5", "{\"relative_attention_num_buckets\": 9}", ELCL_E_FORMAT,
         "relative_attention_bias.weight", "[9,3]"},
        {"tiny-t5", "{\"relative_attention_max_distance\": 4}", ELCL_E_UNSUPPORTED,
         "relative_attention_max_distance 4", "num_buckets 8"},
        {"tiny-t5", "{\"relative_attention_num_buckets\": 3}", ELCL_E_UNSUPPORTED, "config.json",
         "relative_attention_num_buckets 3"},
        {"tiny-t5", "{\"model_type\": \"umt5\", \"feed_forward_proj\": \"relu\"}", ELCL_E_FORMAT,
         "model.safetensors", "encoder.block.1.layer.0.SelfAttention.relative_attention_bias"},
        {"tiny-t5", "{\"num_decoder_layers\": 4}", ELCL_E_FORMAT, "model.safetensors",
         "decoder.block.3.layer.0."},
        {"tiny-opt-plain", "{\"enable_bias\": 1}", ELCL_E_FORMAT, "config.json", "enable_bias"},
    };
    for (size_t i = 0; i < ELCL_COUNT(tests); i++) {
        if (!check_case("bad model, %s config %s", tests[i].model, tests[i].changes))
            continue;
        const char *directory = copy_golden_model(tests[i].model);
        change_json(directory, "config.json", tests[i].changes);
        expect_open(directory, tests[i].code, tests[i].a, tests[i].b, options);
    }
}

static void test_tensors(const struct check_options *options)
{
    static const struct {
        struct header_change change;
        const char *a, *b;
    } tests[] = {
        {{"model.decoder.layers.1.encoder_attn.k_proj.weight", "elsewhere", NULL, NULL},
         "model.safetensors",
         "decoder.layers.1.encoder_attn.k_proj.weight"},
        {{"model.encoder.layers.0.self_attn_layer_norm.bias", "elsewhere", NULL, NULL},
         "model.safetensors",
         "encoder.layers.0.self_attn_layer_norm.bias"},
        {{"model.shared.weight", "elsewhere", NULL, NULL}, "model.safetensors", "shared.weight"},
        {{"model.encoder.layers.1.fc1.weight", NULL, "shape", "[20, 37]"},
         "model.encoder.layers.1.fc1.weight",
         "[20,37]"},
        {{"model.decoder.layers.0.self_attn.v_proj.weight", NULL, "shape", "[400]"},
         "model.decoder.layers.0.self_attn.v_proj.weight",
         "[400]"},
        {{"model.decoder.layers.0.self_attn.v_proj.weight", NULL, "shape", "[4, 5, 20]"},
         "model.decoder.layers.0.self_attn.v_proj.weight",
         "[4,5,20]"},
        {{"model.decoder.layers.0.self_attn.q_proj.weight", NULL, "shape", "[20, 21]"},
         "model.safetensors",
         "model.decoder.layers.0.self_attn.q_proj.weight"},
        {{"model.decoder.layers.0.fc2.weight", NULL, "dtype", "\"I32\""},
         "decoder.layers.0.fc2.weight",
         "I32"},
        {{"model.decoder.layers.0.fc2.weight", NULL, "dtype", "\"F16\""},
         "model.safetensors",
         "model.decoder.layers.0.fc2.weight"},
        {{"model.decoder.layers.0.fc2.weight", NULL, "data_offsets", "[0, 999999999]"},
         "model.safetensors",
         "model.decoder.layers.0.fc2.weight"},
    };
    for (size_t i = 0; i < ELCL_COUNT(tests); i++) {
        const struct header_change *change = &tests[i].change;
        if (!check_case("bad model, tensor %s %s %s", change->tensor,
                        change->key ? change->key : "missing", change->key ? change->value : ""))
            continue;
        const char *directory = copy_model();
        change_header(directory, change);
        expect_open(directory, ELCL_E_FORMAT, tests[i].a, tests[i].b, options);
    }
}

static void truncate_file(const char *directory, const char *name, size_t keep)
{
    char path[512];
    size_t n = 0;
    join(path, sizeof(path), directory, name);
    char *data = read_text(path, &n);
    CHECK(keep < n, "%s has %zu bytes", name, n);
    write_file(directory, name, data, keep);
    elcl_free(data);
}

static void test_files(const struct check_options *options)
{
    static const char bad[] = "{\"model_type\": \"bart\", }";
    static const size_t keeps[] = {0, 7, 100, 40000, 87355};
    for (size_t i = 0; i < ELCL_COUNT(keeps); i++)
        if (check_case("bad model, safetensors cut to %zu bytes", keeps[i])) {
            const char *directory = copy_model();
            truncate_file(directory, "model.safetensors", keeps[i]);
            expect_open(directory, ELCL_E_FORMAT, directory, "model.safetensors", options);
        }
    if (check_case("bad model, no safetensors")) {
        const char *directory = copy_model();
        remove_file(directory, "model.safetensors");
        expect_open(directory, ELCL_E_IO, directory, "model.safetensors", options);
    }
    if (check_case("bad model, no config.json")) {
        const char *directory = copy_model();
        remove_file(directory, "config.json");
        expect_open(directory, ELCL_E_IO, directory, "config.json", options);
    }
    if (check_case("bad model, config.json is no JSON")) {
        const char *directory = copy_model();
        write_file(directory, "config.json", bad, sizeof(bad) - 1);
        expect_open(directory, ELCL_E_FORMAT, directory, "config.json", options);
    }
    if (check_case("bad model, generation_config.json is no JSON")) {
        const char *directory = copy_model();
        write_file(directory, "generation_config.json", bad, sizeof(bad) - 1);
        expect_open(directory, ELCL_E_FORMAT, directory, "generation_config.json", options);
    }
    if (check_case("bad model, sampling asked for in generation_config.json")) {
        const char *directory = copy_model();
        change_json(directory, "generation_config.json",
                    "{\"do_sample\": true, \"eta_cutoff\": 0.5}");
        expect_open(directory, ELCL_E_UNSUPPORTED, "generation_config.json", "eta_cutoff", options);
    }
    if (check_case("bad model, no directory"))
        expect_open("/nowhere/at/all", ELCL_E_IO, "/nowhere/at/all", "directory", options);
    if (check_case("bad model, a file instead of a directory")) {
        char path[512];
        join(path, sizeof(path), copy_model(), "config.json");
        expect_open(path, ELCL_E_IO, path, "directory", options);
    }
}

/* A tokenizer may have more ids than the model: only a text that needs one is refused. */
static void test_tokenizer(const struct check_options *options)
{
    static const char vocab[] = "{\"<s>\": 0, \"</s>\": 2, \"a\": 5, \"b\": 99}";
    const char *directory = copy_model();
    write_file(directory, "vocab.json", vocab, sizeof(vocab) - 1);
    write_file(directory, "merges.txt", "#version: 0.2\n", 14);
    if (check_case("tokenizer ids beyond the vocabulary")) {
        const struct setup setup = {.attention = ELCL_ATTN_EL, .kernels = ELCL_KERNELS_CPU};
        elcl_model *model = setup_open(directory, &setup, options);
        elcl_error err = {0};
        int32_t *ids = NULL;
        size_t n = 0;
        CHECK(model && !elcl_encode(model, "aa", 2, &ids, &n, &err) && n == 4, "%s", err.msg);
        elcl_free(ids);
        ids = NULL;
        CHECK(model && elcl_encode(model, "ab", 2, &ids, &n, &err) == ELCL_E_ARG && !ids &&
                  strstr(err.msg, "the text needs the token \"b\" with the id 99, and the model "
                                  "has only the ids 0 .. 60"),
              "%s", err.msg);
        err = (elcl_error){0};
        CHECK(model && elcl_encode_target(model, "b", 1, NULL, &ids, &n, &err) == ELCL_E_ARG &&
                  strstr(err.msg, "the id 99"),
              "%s", err.msg);
        setup_close(&model);
    }
    if (check_case("bad model, vocab.json without merges.txt")) {
        remove_file(directory, "merges.txt");
        expect_open(directory, ELCL_E_IO, directory, "merges.txt", options);
    }
}

static void test_model_arguments(const struct check_options *options)
{
    elcl_model *model = NULL;
    elcl_error err = {0};
    if (check_case("bad model, no such device")) {
        elcl_model_params params = elcl_model_params_default();
        params.device = "no such device";
        const int rc = elcl_model_open(copy_model(), &params, &model, &err);
        CHECK(rc && strstr(err.msg, "no such device") && !model, "code %d: %s", rc, err.msg);
    }
    if (check_case("bad model, keys and values in int4")) {
        elcl_model_params params = elcl_model_params_default();
        params.state = ELCL_INT4;
        params.attention = ELCL_ATTN_MHA;
        err = (elcl_error){0};
        int rc = elcl_model_open(copy_model(), &params, &model, &err);
        CHECK(rc == ELCL_E_UNSUPPORTED && strstr(err.msg, "int4 state needs attention el") &&
                  !model,
              "code %d: %s", rc, err.msg);
        err = (elcl_error){0};
        params.attention = ELCL_ATTN_MHA_BEAM;
        rc = elcl_model_open_synthetic("gpt2", 1, &params, &model, &err);
        CHECK(rc == ELCL_E_UNSUPPORTED && strstr(err.msg, "of mha-beam") && !model,
              "synthetic: code %d: %s", rc, err.msg);
    }
    if (check_case("auto attention for state in int4")) {
        elcl_model_params params = elcl_model_params_default();
        params.state = ELCL_INT4;
        params.device = options->device;
        err = (elcl_error){0};
        const int rc = elcl_model_open(copy_model(), &params, &model, &err);
        CHECK(!rc && model->attention == ELCL_ATTN_EL, "code %d: %s", rc, err.msg);
        elcl_model_close(&model);
    }
    if (check_case("bad model, NULL arguments")) {
        CHECK(elcl_model_open(NULL, NULL, &model, NULL) == ELCL_E_ARG, "directory NULL");
        CHECK(elcl_model_open(copy_model(), NULL, NULL, NULL) == ELCL_E_ARG, "model NULL");
        elcl_model_close(NULL);
        elcl_model_close(&model);
    }
}

/* ---- requests ------------------------------------------------------------------------------ */

enum { MAX_SOURCE = 20, MAX_TARGET = 24 };

/* A field of the options and a value that it refuses. */
struct bad_option {
    const char *name; /* the message must name it */
    void (*set)(elcl_gen_options *options);
};

#define BAD(field, value)                                                                          \
    static void set_##field(elcl_gen_options *options)                                             \
    {                                                                                              \
        options->field = (value);                                                                  \
    }
BAD(num_beams, 0)
BAD(num_return_sequences, 4)
BAD(length_penalty, 1e30f)
BAD(max_length, MAX_TARGET + 1)
BAD(max_new_tokens, MAX_TARGET)
BAD(min_length, -1)
BAD(no_repeat_ngram_size, -1)
BAD(repetition_penalty, 0)
BAD(decoder_start_token_id, -1)
BAD(forced_bos_token_id, 61)
BAD(forced_eos_token_id, 61)
BAD(pad_token_id, -2)
BAD(n_eos, ELCL_MAX_EOS + 1)
#undef BAD

static void set_many_beams(elcl_gen_options *options)
{
    options->num_beams = ELCL_MAX_BEAMS + 1;
}

static void set_beams_of_engine(elcl_gen_options *options)
{
    options->num_beams = 5;
}

static void set_eos(elcl_gen_options *options)
{
    options->eos_token_ids[0] = 61;
}

static const struct bad_option bad_options[] = {
    {"num_beams", set_num_beams},
    {"num_beams", set_many_beams},
    {"num_beams", set_beams_of_engine},
    {"num_return_sequences", set_num_return_sequences},
    {"length_penalty", set_length_penalty},
    {"max_length", set_max_length},
    {"max_new_tokens", set_max_new_tokens},
    {"min_length", set_min_length},
    {"no_repeat_ngram_size", set_no_repeat_ngram_size},
    {"repetition_penalty", set_repetition_penalty},
    {"decoder_start_token_id", set_decoder_start_token_id},
    {"forced_bos_token_id", set_forced_bos_token_id},
    {"forced_eos_token_id", set_forced_eos_token_id},
    {"pad_token_id", set_pad_token_id},
    {"n_eos", set_n_eos},
    {"eos_token_ids", set_eos},
};

static void expect_submit(elcl_engine *engine, const elcl_request *request, const char *a,
                          const char *b)
{
    elcl_error err = {0};
    uint64_t id = 77;
    const int rc = elcl_engine_submit(engine, request, &id, &err);
    CHECK(rc == ELCL_E_ARG && err.code == rc, "code %d, expected %d (%s)", rc, ELCL_E_ARG, a);
    CHECK(strstr(err.msg, a) && strstr(err.msg, b), "\"%s\" does not name %s and %s", err.msg, a,
          b);
    CHECK(id == 77, "the id was written beside an error");
}

static void refuse_sources(elcl_engine *engine, const elcl_request *good)
{
    int32_t ids[MAX_SOURCE + 1] = {0};
    elcl_request request = *good;
    request.n_source = 0;
    expect_submit(engine, &request, "source", "no tokens");
    request = *good;
    request.source = NULL;
    expect_submit(engine, &request, "source", "no tokens");
    request.source = ids;
    request.n_source = MAX_SOURCE + 1;
    expect_submit(engine, &request, "21 tokens", "20");
    request.n_source = 3;
    ids[2] = 61;
    expect_submit(engine, &request, "token 2 is 61", "60");
    ids[2] = -1;
    expect_submit(engine, &request, "token 2 is -1", "60");
    expect_submit(engine, NULL, "request", "NULL");
    expect_submit(NULL, good, "engine", "NULL");
}

struct count {
    int delivered;
    struct tokens tokens;
};

static void take(void *user, const elcl_result *result)
{
    struct count *count = user;
    const elcl_hypothesis *best = result->hypotheses;
    count->delivered++;
    count->tokens.n = (int)best->n_ids;
    memcpy(count->tokens.ids, best->ids, best->n_ids * sizeof(*best->ids));
}

/* Checks that the engine answers a good request after all refusals. */
static void expect_works(elcl_engine *engine, const elcl_request *good, struct count *count,
                         const struct tokens *want)
{
    elcl_error err = {0};
    count->delivered = 0;
    int rc = elcl_engine_submit(engine, good, NULL, &err);
    if (!rc)
        rc = elcl_engine_run(engine, &err);
    CHECK(!rc, "%s", err.msg);
    CHECK(count->delivered == 1, "%d results", count->delivered);
    CHECK(count->tokens.n == want->n &&
              !memcmp(count->tokens.ids, want->ids, (size_t)want->n * sizeof(*want->ids)),
          "other tokens than stored");
}

static void test_requests(elcl_model *model, const struct golden *golden)
{
    struct count count = {0};
    elcl_engine_params params = elcl_engine_params_default();
    params.batch_size = 2;
    params.max_source = MAX_SOURCE;
    params.max_target = MAX_TARGET;
    params.on_result = take;
    params.user = &count;
    elcl_engine *engine = NULL;
    elcl_error err = {0};
    if (!CHECK(!elcl_engine_create(model, &params, &engine, &err), "%s", err.msg))
        return;
    const cJSON *cases = cJSON_GetObjectItem(golden->root, "cases"), *test;
    const cJSON *beam3 = NULL;
    cJSON_ArrayForEach(test, cases)
    {
        if (!strcmp(cJSON_GetObjectItem(test, "name")->valuestring, "beam 3"))
            beam3 = test;
    }
    const cJSON *outputs = cJSON_GetObjectItem(beam3, "outputs");
    struct tokens want;
    golden_tokens(cJSON_GetObjectItem(cJSON_GetArrayItem(cJSON_GetArrayItem(outputs, 3), 0), "ids"),
                  &want);
    elcl_request good = {.source = golden->inputs[3].ids, .n_source = (size_t)golden->inputs[3].n};
    golden_options(cJSON_GetObjectItem(beam3, "options"), &good.options);
    CHECK(good.options.num_beams == 3 && want.n > 1, "the stored case is not found");
    expect_works(engine, &good, &count, &want);
    refuse_sources(engine, &good);
    for (size_t i = 0; i < ELCL_COUNT(bad_options); i++) {
        elcl_request bad = good;
        bad_options[i].set(&bad.options);
        expect_submit(engine, &bad, bad_options[i].name, "");
        if (i % 5 == 0)
            expect_works(engine, &good, &count, &want);
    }
    expect_works(engine, &good, &count, &want);
    elcl_engine_stats stats;
    elcl_engine_get_stats(engine, &stats);
    CHECK(stats.samples == 6, "%llu samples", (unsigned long long)stats.samples);
    elcl_engine_destroy(&engine);
}

static void test_engine_params(elcl_model *model)
{
    static const struct {
        elcl_engine_params params;
        const char *name;
    } tests[] = {
        {{.batch_size = -1, .max_beams = 4}, "batch_size"},
        {{.batch_size = 1 << 30, .max_beams = 4}, "batch_size"},
        {{.max_beams = 0}, "max_beams"},
        {{.max_beams = ELCL_MAX_BEAMS + 1}, "max_beams"},
        {{.max_beams = 4, .max_source = 51}, "max_source"},
        {{.max_beams = 4, .max_source = -1}, "max_source"},
        {{.max_beams = 4, .max_target = 52}, "max_target"},
        {{.max_beams = 4, .max_target = 1}, "max_target"},
    };
    for (size_t i = 0; i < ELCL_COUNT(tests); i++) {
        elcl_engine *engine = NULL;
        elcl_error err = {0};
        const int rc = elcl_engine_create(model, &tests[i].params, &engine, &err);
        CHECK(rc == ELCL_E_ARG && strstr(err.msg, tests[i].name) && !engine, "%s: code %d: %s",
              tests[i].name, rc, err.msg);
        elcl_engine_destroy(&engine);
    }
    CHECK(elcl_engine_create(NULL, NULL, NULL, NULL) == ELCL_E_ARG, "model NULL");
    CHECK(elcl_engine_step(NULL, NULL, NULL) == ELCL_E_ARG, "engine NULL");
    elcl_engine_destroy(NULL);
}

/* Without a tokenizer, text is refused and ids are accepted. */
static void test_text(elcl_model *model)
{
    elcl_error err = {0};
    char *text = NULL;
    int32_t *ids = NULL;
    size_t n = 0;
    CHECK(elcl_encode(model, "word", 4, &ids, &n, &err) == ELCL_E_UNSUPPORTED &&
              strstr(err.msg, "no tokenizer (tokenizer.json, source.spm, "),
          "%s", err.msg);
    err = (elcl_error){0};
    CHECK(elcl_generate(model, "word", NULL, &text, &err) == ELCL_E_UNSUPPORTED &&
              strstr(err.msg, "no tokenizer (tokenizer.json, source.spm, "),
          "%s", err.msg);
    CHECK(elcl_generate(model, NULL, NULL, &text, NULL) == ELCL_E_ARG, "text NULL");
    CHECK(!text && !ids, "an output was written beside an error");
}

int main(int argc, char **argv)
{
    const struct check_options *options = check_begin(argc, argv);
    struct golden golden;
    test_configs(options);
    test_other_configs(options);
    test_tensors(options);
    test_files(options);
    test_tokenizer(options);
    test_model_arguments(options);
    check_case("bad model, stored sources");
    if (!golden_load("tiny-bart", &golden))
        return check_end();
    for (size_t a = 0; a < ELCL_COUNT(all_variants); a++) {
        const struct setup setup = {
            .attention = all_variants[a], .kernels = ELCL_KERNELS_CPU, .gemm = ELCL_GEMM_NATIVE};
        if (!setup_case("bad requests", "tiny-bart", &setup))
            continue;
        elcl_model *model = setup_open(golden.directory, &setup, options);
        if (model) {
            test_requests(model, &golden);
            test_engine_params(model);
            test_text(model);
        }
        setup_close(&model);
    }
    golden_finish(&golden);
    return check_end();
}
