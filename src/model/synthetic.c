#include "model/synthetic.h"

#include <stdio.h>
#include <string.h>

#include "base/util.h"

/* Whisper of one width, with 30 s windows and the multilingual vocabulary. */
#define WHISPER(d, heads, ffn, encoder_layers, decoder_layers, mels, vocabulary)                   \
    "{\"model_type\": \"whisper\", \"architectures\": [\"WhisperForConditionalGeneration\"],\n"    \
    " \"d_model\": " #d ", \"vocab_size\": " #vocabulary ", \"num_mel_bins\": " #mels ",\n"        \
    " \"max_source_positions\": 1500, \"max_target_positions\": 448,\n"                            \
    " \"encoder_layers\": " #encoder_layers ", \"encoder_attention_heads\": " #heads ",\n"         \
    " \"encoder_ffn_dim\": " #ffn ", \"decoder_layers\": " #decoder_layers ",\n"                   \
    " \"decoder_attention_heads\": " #heads ", \"decoder_ffn_dim\": " #ffn ",\n"                   \
    " \"activation_function\": \"gelu\", \"scale_embedding\": false,\n"                            \
    " \"is_encoder_decoder\": true, \"tie_word_embeddings\": true, \"pad_token_id\": 50257,\n"     \
    " \"bos_token_id\": 50257, \"eos_token_id\": 50257, \"decoder_start_token_id\": 50258,\n"      \
    " \"torch_dtype\": \"bfloat16\"}\n"

/* clang-format off */
static const struct {
    const char *name, *config;
} models[] = {
    {"bart-large",
     "{\"model_type\": \"bart\", \"architectures\": [\"BartForConditionalGeneration\"],\n"
     " \"d_model\": 1024, \"vocab_size\": 50265, \"max_position_embeddings\": 1024,\n"
     " \"encoder_layers\": 12, \"encoder_attention_heads\": 16, \"encoder_ffn_dim\": 4096,\n"
     " \"decoder_layers\": 12, \"decoder_attention_heads\": 16, \"decoder_ffn_dim\": 4096,\n"
     " \"activation_function\": \"gelu\", \"scale_embedding\": false,\n"
     " \"is_encoder_decoder\": true, \"tie_word_embeddings\": true, \"pad_token_id\": 1,\n"
     " \"bos_token_id\": 0, \"eos_token_id\": 2, \"decoder_start_token_id\": 2,\n"
     " \"forced_eos_token_id\": 2, \"torch_dtype\": \"bfloat16\"}\n"},
    {"bart-base",
     "{\"model_type\": \"bart\", \"architectures\": [\"BartForConditionalGeneration\"],\n"
     " \"d_model\": 768, \"vocab_size\": 50265, \"max_position_embeddings\": 1024,\n"
     " \"encoder_layers\": 6, \"encoder_attention_heads\": 12, \"encoder_ffn_dim\": 3072,\n"
     " \"decoder_layers\": 6, \"decoder_attention_heads\": 12, \"decoder_ffn_dim\": 3072,\n"
     " \"activation_function\": \"gelu\", \"scale_embedding\": false,\n"
     " \"is_encoder_decoder\": true, \"tie_word_embeddings\": true, \"pad_token_id\": 1,\n"
     " \"bos_token_id\": 0, \"eos_token_id\": 2, \"decoder_start_token_id\": 2,\n"
     " \"forced_eos_token_id\": 2, \"torch_dtype\": \"bfloat16\"}\n"},
    /* fairseq's Transformer: three tables of 30,522 rows make 270 million parameters */
    {"transformer-270m",
     "{\"model_type\": \"marian\", \"architectures\": [\"MarianMTModel\"],\n"
     " \"d_model\": 1024, \"vocab_size\": 30522, \"decoder_vocab_size\": 30522,\n"
     " \"max_position_embeddings\": 1024,\n"
     " \"encoder_layers\": 6, \"encoder_attention_heads\": 16, \"encoder_ffn_dim\": 4096,\n"
     " \"decoder_layers\": 6, \"decoder_attention_heads\": 16, \"decoder_ffn_dim\": 4096,\n"
     " \"activation_function\": \"relu\", \"scale_embedding\": true,\n"
     " \"is_encoder_decoder\": true, \"tie_word_embeddings\": false,\n"
     " \"share_encoder_decoder_embeddings\": false, \"pad_token_id\": 0, \"bos_token_id\": 1,\n"
     " \"eos_token_id\": 2, \"decoder_start_token_id\": 2, \"forced_eos_token_id\": 2,\n"
     " \"torch_dtype\": \"bfloat16\"}\n"},
    /* Opus-MT's base size */
    {"marian-base",
     "{\"model_type\": \"marian\", \"architectures\": [\"MarianMTModel\"],\n"
     " \"d_model\": 512, \"vocab_size\": 58101, \"max_position_embeddings\": 512,\n"
     " \"encoder_layers\": 6, \"encoder_attention_heads\": 8, \"encoder_ffn_dim\": 2048,\n"
     " \"decoder_layers\": 6, \"decoder_attention_heads\": 8, \"decoder_ffn_dim\": 2048,\n"
     " \"activation_function\": \"swish\", \"scale_embedding\": true,\n"
     " \"is_encoder_decoder\": true, \"tie_word_embeddings\": true,\n"
     " \"share_encoder_decoder_embeddings\": true, \"pad_token_id\": 58100,\n"
     " \"eos_token_id\": 0, \"decoder_start_token_id\": 58100, \"forced_eos_token_id\": 0,\n"
     " \"torch_dtype\": \"bfloat16\"}\n"},
    {"gpt2",
     "{\"model_type\": \"gpt2\", \"architectures\": [\"GPT2LMHeadModel\"],\n"
     " \"n_embd\": 768, \"n_layer\": 12, \"n_head\": 12, \"n_positions\": 1024,\n"
     " \"vocab_size\": 50257, \"activation_function\": \"gelu_new\",\n"
     " \"layer_norm_epsilon\": 1e-05, \"tie_word_embeddings\": true,\n"
     " \"bos_token_id\": 50256, \"eos_token_id\": 50256, \"torch_dtype\": \"bfloat16\"}\n"},
    {"gpt2-medium",
     "{\"model_type\": \"gpt2\", \"architectures\": [\"GPT2LMHeadModel\"],\n"
     " \"n_embd\": 1024, \"n_layer\": 24, \"n_head\": 16, \"n_positions\": 1024,\n"
     " \"vocab_size\": 50257, \"activation_function\": \"gelu_new\",\n"
     " \"layer_norm_epsilon\": 1e-05, \"tie_word_embeddings\": true,\n"
     " \"bos_token_id\": 50256, \"eos_token_id\": 50256, \"torch_dtype\": \"bfloat16\"}\n"},
    {"t5-base",
     "{\"model_type\": \"t5\", \"architectures\": [\"T5ForConditionalGeneration\"],\n"
     " \"d_model\": 768, \"d_kv\": 64, \"d_ff\": 3072, \"num_heads\": 12, \"num_layers\": 12,\n"
     " \"num_decoder_layers\": 12, \"vocab_size\": 32128, \"n_positions\": 512,\n"
     " \"relative_attention_num_buckets\": 32, \"relative_attention_max_distance\": 128,\n"
     " \"feed_forward_proj\": \"relu\", \"layer_norm_epsilon\": 1e-06,\n"
     " \"is_encoder_decoder\": true, \"tie_word_embeddings\": true, \"pad_token_id\": 0,\n"
     " \"eos_token_id\": 1, \"decoder_start_token_id\": 0, \"torch_dtype\": \"bfloat16\"}\n"},
    {"whisper-tiny", WHISPER(384, 6, 1536, 4, 4, 80, 51865)},
    {"whisper-base", WHISPER(512, 8, 2048, 6, 6, 80, 51865)},
    {"whisper-small", WHISPER(768, 12, 3072, 12, 12, 80, 51865)},
    {"whisper-medium", WHISPER(1024, 16, 4096, 24, 24, 80, 51865)},
    {"whisper-large-v3", WHISPER(1280, 20, 5120, 32, 32, 128, 51866)},
    {"whisper-large-v3-turbo", WHISPER(1280, 20, 5120, 32, 4, 128, 51866)},
};
/* clang-format on */

const char *elcl_synthetic_model_name(int i)
{
    return i >= 0 && (size_t)i < ELCL_COUNT(models) ? models[i].name : NULL;
}

const char *elcl_synthetic_config_text(const char *name)
{
    for (size_t i = 0; i < ELCL_COUNT(models); i++)
        if (!strcmp(models[i].name, name))
            return models[i].config;
    return NULL;
}

int elcl_synthetic_config(const char *name, struct elcl_config *config, elcl_error *err)
{
    const char *text = elcl_synthetic_config_text(name);
    if (text)
        return elcl_config_parse(text, strlen(text), NULL, 0, config, err);
    struct elcl_str known = {0};
    for (size_t i = 0; i < ELCL_COUNT(models); i++)
        elcl_str_printf(&known, "%s%s", i ? ", " : "", models[i].name);
    const int rc = known.failed ? elcl_fail_nomem(err)
                                : elcl_fail(err, ELCL_E_ARG,
                                            "no synthetic model is called \"%.60s\"; there are %s",
                                            name, known.data);
    elcl_str_finish(&known);
    return rc;
}

/* ---- tensors ---- */

/* A list under construction; keeps the first failure. */
struct list {
    struct elcl_synthetic *tensors;
    const struct elcl_arch *arch;
    int rc;
    elcl_error *err;
};

static void add(struct list *l, const char *prefix, const char *role, enum elcl_synthetic_kind kind,
                int rows, int columns, int fan_in)
{
    char name[256];
    (void)snprintf(name, sizeof(name), "%s%s", prefix, role);
    if (!l->rc)
        l->rc = elcl_synthetic_add(l->tensors, name, kind, rows, columns, fan_in, l->err);
}

static void add_norm(struct list *l, const char *prefix, const char *role)
{
    char name[128];
    (void)snprintf(name, sizeof(name), "%s%s", prefix, role);
    add(l, name, ".weight", ELCL_SYNTHETIC_GAIN, l->arch->d, 0, 0);
    add(l, name, ".bias", ELCL_SYNTHETIC_SMALL, l->arch->d, 0, 0);
}

/* [n, k], or [k, n] with `conv`. */
static void add_linear(struct list *l, const char *prefix, const char *role, int n, int k,
                       bool conv)
{
    char name[192];
    (void)snprintf(name, sizeof(name), "%s%s", prefix, role);
    add(l, name, ".weight", ELCL_SYNTHETIC_WEIGHT, conv ? k : n, conv ? n : k, k);
    add(l, name, ".bias", ELCL_SYNTHETIC_SMALL, n, 0, 0);
}

/* [n, c, 3] */
static void add_convolution(struct list *l, const char *prefix, int n, int c)
{
    char name[128];
    (void)snprintf(name, sizeof(name), "%s.weight", prefix);
    if (!l->rc)
        l->rc = elcl_synthetic_add_convolution(l->tensors, name, n, c, 3, l->err);
    add(l, prefix, ".bias", ELCL_SYNTHETIC_SMALL, n, 0, 0);
}

static void add_attention(struct list *l, const char *prefix, const char *role, bool key_bias)
{
    static const char *const parts[] = {".q_proj", ".k_proj", ".v_proj", ".out_proj"};
    char name[128];
    (void)snprintf(name, sizeof(name), "%s%s", prefix, role);
    for (size_t i = 0; i < ELCL_COUNT(parts); i++) {
        if (i == 1 && !key_bias) {
            add(l, name, ".k_proj.weight", ELCL_SYNTHETIC_WEIGHT, l->arch->d, l->arch->d,
                l->arch->d);
            continue;
        }
        add_linear(l, name, parts[i], l->arch->d, l->arch->d, false);
    }
}

enum stack_kind { BART, MARIAN, WHISPER_STACK };

static void add_stack(struct list *l, bool decoder, enum stack_kind kind)
{
    const struct elcl_arch *a = l->arch;
    const char *stack = decoder ? "model.decoder." : "model.encoder.";
    const int ffn = decoder ? a->decoder_ffn : a->encoder_ffn;
    const int n_layers = decoder ? a->decoder_layers : a->encoder_layers;
    const int positions = decoder ? elcl_arch_target_positions(a) : a->max_positions;
    const bool key_bias = kind != WHISPER_STACK;
    if (kind != MARIAN)
        add(l, stack, "embed_positions.weight", ELCL_SYNTHETIC_SMALL,
            positions + a->position_offset, a->d, 0);
    if (kind != MARIAN)
        add_norm(l, stack, kind == BART ? "layernorm_embedding" : "layer_norm");
    for (int i = 0; i < n_layers; i++) {
        char layer[64];
        (void)snprintf(layer, sizeof(layer), "%slayers.%d.", stack, i);
        add_attention(l, layer, "self_attn", key_bias);
        add_norm(l, layer, "self_attn_layer_norm");
        if (decoder) {
            add_attention(l, layer, "encoder_attn", key_bias);
            add_norm(l, layer, "encoder_attn_layer_norm");
        }
        add_linear(l, layer, "fc1", ffn, a->d, false);
        add_linear(l, layer, "fc2", a->d, ffn, false);
        add_norm(l, layer, "final_layer_norm");
    }
}

/* Marian does not store its sinusoidal positions; the loader computes them. */
static void list_bart_or_marian(struct list *l, bool bart)
{
    const struct elcl_arch *a = l->arch;
    const enum elcl_synthetic_kind kind = ELCL_SYNTHETIC_EMBEDDING;
    if (a->shared) {
        add(l, "model.shared.weight", "", kind, a->vocabulary, a->d, 0);
    } else {
        add(l, "model.encoder.embed_tokens.weight", "", kind, a->source_vocabulary, a->d, 0);
        add(l, "model.decoder.embed_tokens.weight", "", kind, a->vocabulary, a->d, 0);
    }
    add_stack(l, false, bart ? BART : MARIAN);
    add_stack(l, true, bart ? BART : MARIAN);
    if (!a->tied)
        add(l, "lm_head.weight", "", kind, a->vocabulary, a->d, 0);
    add(l, "final_logits_bias", "", ELCL_SYNTHETIC_SMALL, 1, a->vocabulary, 0);
}

static void list_whisper(struct list *l)
{
    const struct elcl_arch *a = l->arch;
    add_convolution(l, "model.encoder.conv1", a->d, a->input_width);
    add_convolution(l, "model.encoder.conv2", a->d, a->d);
    add_stack(l, false, WHISPER_STACK);
    add(l, "model.decoder.embed_tokens.weight", "", ELCL_SYNTHETIC_EMBEDDING, a->vocabulary, a->d,
        0);
    add_stack(l, true, WHISPER_STACK);
}

static void list_gpt2(struct list *l)
{
    const struct elcl_arch *a = l->arch;
    add(l, "transformer.wte.weight", "", ELCL_SYNTHETIC_EMBEDDING, a->vocabulary, a->d, 0);
    add(l, "transformer.wpe.weight", "", ELCL_SYNTHETIC_SMALL, a->max_positions, a->d, 0);
    for (int i = 0; i < a->decoder_layers; i++) {
        char layer[64];
        (void)snprintf(layer, sizeof(layer), "transformer.h.%d.", i);
        add_norm(l, layer, "ln_1");
        add_linear(l, layer, "attn.c_attn", 3 * a->d, a->d, true);
        add_linear(l, layer, "attn.c_proj", a->d, a->d, true);
        add_norm(l, layer, "ln_2");
        add_linear(l, layer, "mlp.c_fc", a->decoder_ffn, a->d, true);
        add_linear(l, layer, "mlp.c_proj", a->d, a->decoder_ffn, true);
    }
    add_norm(l, "transformer.", "ln_f");
}

/* No biases; projections of attention are H Dh wide. */
static void add_t5_attention(struct list *l, const char *layer, const char *role, bool biased)
{
    const struct elcl_arch *a = l->arch;
    const int width = a->decoder_heads * a->head_width;
    const enum elcl_synthetic_kind kind = ELCL_SYNTHETIC_WEIGHT;
    char name[96];
    (void)snprintf(name, sizeof(name), "%s%s", layer, role);
    /* Scores are not divided by sqrt(Dh): the query's weights are. */
    add(l, name, ".q.weight", kind, width, a->d, a->d * a->head_width);
    add(l, name, ".k.weight", kind, width, a->d, a->d);
    add(l, name, ".v.weight", kind, width, a->d, a->d);
    add(l, name, ".o.weight", kind, a->d, width, width);
    if (biased)
        add(l, name, ".relative_attention_bias.weight", ELCL_SYNTHETIC_SMALL, a->distance_buckets,
            a->decoder_heads, 0);
}

static void add_t5_stack(struct list *l, bool decoder)
{
    const struct elcl_arch *a = l->arch;
    const char *stack = decoder ? "decoder" : "encoder";
    const int n_layers = decoder ? a->decoder_layers : a->encoder_layers;
    char name[96];
    for (int i = 0; i < n_layers; i++) {
        int n = 0;
        (void)snprintf(name, sizeof(name), "%s.block.%d.layer.%d.", stack, i, n);
        add_t5_attention(l, name, "SelfAttention", !i);
        add(l, name, "layer_norm.weight", ELCL_SYNTHETIC_GAIN, a->d, 0, 0);
        if (decoder) {
            (void)snprintf(name, sizeof(name), "%s.block.%d.layer.%d.", stack, i, ++n);
            add_t5_attention(l, name, "EncDecAttention", false);
            add(l, name, "layer_norm.weight", ELCL_SYNTHETIC_GAIN, a->d, 0, 0);
        }
        (void)snprintf(name, sizeof(name), "%s.block.%d.layer.%d.", stack, i, ++n);
        add(l, name, "DenseReluDense.wi.weight", ELCL_SYNTHETIC_WEIGHT, a->encoder_ffn, a->d, a->d);
        add(l, name, "DenseReluDense.wo.weight", ELCL_SYNTHETIC_WEIGHT, a->d, a->encoder_ffn,
            a->encoder_ffn);
        add(l, name, "layer_norm.weight", ELCL_SYNTHETIC_GAIN, a->d, 0, 0);
    }
    add(l, stack, ".final_layer_norm.weight", ELCL_SYNTHETIC_GAIN, a->d, 0, 0);
}

/* The original T5: one position bias for each stack, in its first layer. */
static void list_t5(struct list *l)
{
    add(l, "shared.weight", "", ELCL_SYNTHETIC_EMBEDDING, l->arch->vocabulary, l->arch->d, 0);
    add_t5_stack(l, false);
    add_t5_stack(l, true);
}

int elcl_synthetic_model(const struct elcl_config *config, const struct elcl_arch *arch,
                         uint64_t seed, struct elcl_synthetic *tensors, elcl_error *err)
{
    struct list l = {.tensors = tensors, .arch = arch, .err = err};
    elcl_synthetic_init(tensors, seed);
    if (!strcmp(config->model_type, "gpt2"))
        list_gpt2(&l);
    else if (!strcmp(config->model_type, "t5"))
        list_t5(&l);
    else if (!strcmp(config->model_type, "whisper"))
        list_whisper(&l);
    else
        list_bart_or_marian(&l, !strcmp(config->model_type, "bart"));
    if (l.rc)
        elcl_synthetic_finish(tensors);
    return l.rc;
}
