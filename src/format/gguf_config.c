/* The configuration of a GGUF file. */
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "format/gguf.h"
#include "format/json.h"

#define MAX_SIZE (1 << 24)
/* The farthest distance with a bias of its own. It is the same in all published models of T5's
 * kind, and GGUF files do not have it. */
#define T5_MAX_DISTANCE 128

static int put(cJSON *to, const char *key, double value, elcl_error *err)
{
    return cJSON_AddNumberToObject(to, key, value) ? ELCL_OK : elcl_fail_nomem(err);
}

static int put_text(cJSON *to, const char *key, const char *text, elcl_error *err)
{
    return cJSON_AddStringToObject(to, key, text) ? ELCL_OK : elcl_fail_nomem(err);
}

/* A size of the model, under both names. */
struct size_key {
    const char *key, *gguf;
};

static int put_sizes(const struct elcl_gguf *g, const struct size_key *keys, size_t n, cJSON *to,
                     elcl_error *err)
{
    int rc = ELCL_OK, value = 0;
    for (size_t i = 0; i < n && !rc; i++) {
        rc = elcl_gguf_int(g, keys[i].gguf, 1, MAX_SIZE, &value, err);
        if (!rc)
            rc = put(to, keys[i].key, value, err);
    }
    return rc;
}

/* A token that the file names; without it, the default of the family counts. */
static int put_token(const struct elcl_gguf *g, const char *gguf, const char *key, cJSON *to,
                     elcl_error *err)
{
    int id = 0;
    if (!elcl_gguf_has(g, gguf))
        return ELCL_OK;
    const int rc = elcl_gguf_int(g, gguf, 0, MAX_SIZE, &id, err);
    return rc ? rc : put(to, key, id, err);
}

/* The table has a row for each token. */
static int put_vocabulary(const struct elcl_gguf *g, cJSON *to, elcl_error *err)
{
    static const char table[] = "token_embd.weight";
    const struct elcl_gguf_tensor *t = elcl_gguf_tensor(g, table);
    if (!t)
        return elcl_fail(err, ELCL_E_FORMAT, "%s: has no tensor %s", g->path, table);
    if (t->n_dims != 2 || t->shape[0] > MAX_SIZE)
        return elcl_fail(err, ELCL_E_FORMAT, "%s: tensor %s: expected a table of at most %d rows",
                         g->path, table, MAX_SIZE);
    return put(to, "vocab_size", (double)t->shape[0], err);
}

static int put_epsilon(const struct elcl_gguf *g, const char *gguf, const char *key, cJSON *to,
                       elcl_error *err)
{
    double epsilon = 0;
    const int rc = elcl_gguf_float(g, gguf, &epsilon, err);
    return rc ? rc : put(to, key, epsilon, err);
}

/* ---- T5 -------------------------------------------------------------------------------------- */

#define STEP ((size_t)1 << 20)

/* Finds whether two tensors are stored alike. */
static int is_copy(const struct elcl_gguf *g, const struct elcl_gguf_tensor *a,
                   const struct elcl_gguf_tensor *b, bool *is, elcl_error *err)
{
    int rc = ELCL_OK;
    *is = a->type && a->type == b->type && a->bytes == b->bytes;
    for (size_t at = 0; *is && !rc && at < a->bytes; at += STEP) {
        const size_t n = a->bytes - at < STEP ? a->bytes - at : STEP;
        char *left = NULL, *right = NULL;
        rc = elcl_file_copy(&g->file, a->at + at, n, &left, err);
        if (!rc)
            rc = elcl_file_copy(&g->file, b->at + at, n, &right, err);
        *is = !rc && !memcmp(left, right, n);
        elcl_free(left);
        elcl_free(right);
    }
    return rc;
}

/* The first T5 uses the embeddings as its output matrix, and scales what this takes. Files of such
 * models may have a copy, perhaps in another type; later models have gates. */
static int put_tied(const struct elcl_gguf *g, bool gated, cJSON *to, elcl_error *err)
{
    const struct elcl_gguf_tensor *output = elcl_gguf_tensor(g, "output.weight");
    const struct elcl_gguf_tensor *table = elcl_gguf_tensor(g, "token_embd.weight");
    bool tied = !output || (!gated && output->number != table->number);
    const int rc = tied ? ELCL_OK : is_copy(g, output, table, &tied, err);
    if (rc)
        return rc;
    return cJSON_AddBoolToObject(to, "tie_word_embeddings", tied) ? ELCL_OK : elcl_fail_nomem(err);
}

static int make_t5(const struct elcl_gguf *g, cJSON *to, elcl_error *err)
{
    static const struct size_key sizes[] = {
        {"d_model", "%s.embedding_length"},
        {"d_kv", "%s.attention.key_length"},
        {"num_heads", "%s.attention.head_count"},
        {"d_ff", "%s.feed_forward_length"},
        {"num_layers", "%s.block_count"},
        {"n_positions", "%s.context_length"},
        {"relative_attention_num_buckets", "%s.attention.relative_buckets_count"}};
    /* Only umT5 has a bias for each layer. */
    const bool umt5 = elcl_gguf_tensor(g, "enc.blk.1.attn_rel_b.weight") ||
                      elcl_gguf_tensor(g, "dec.blk.1.attn_rel_b.weight");
    const bool gated = elcl_gguf_tensor(g, "enc.blk.0.ffn_gate.weight") != NULL;
    int layers = 0, width = 0, value_width = 0, rc;
    ELCL_TRY(put_text(to, "model_type", umt5 ? "umt5" : "t5", err));
    ELCL_TRY(put_sizes(g, sizes, ELCL_COUNT(sizes), to, err));
    ELCL_TRY(elcl_gguf_int(g, "%s.block_count", 1, MAX_SIZE, &layers, err));
    ELCL_TRY(elcl_gguf_int_or(g, "%s.decoder_block_count", 1, MAX_SIZE, layers, &layers, err));
    ELCL_TRY(put(to, "num_decoder_layers", layers, err));
    ELCL_TRY(elcl_gguf_int(g, "%s.attention.key_length", 1, MAX_SIZE, &width, err));
    ELCL_TRY(
        elcl_gguf_int_or(g, "%s.attention.value_length", 1, MAX_SIZE, width, &value_width, err));
    if (width != value_width)
        return elcl_fail(err, ELCL_E_UNSUPPORTED,
                         "%s: keys have %d elements and values %d; both must be equal", g->path,
                         width, value_width);
    ELCL_TRY(put(to, "relative_attention_max_distance", T5_MAX_DISTANCE, err));
    ELCL_TRY(put_epsilon(g, "%s.attention.layer_norm_rms_epsilon", "layer_norm_epsilon", to, err));
    ELCL_TRY(put_text(to, "feed_forward_proj", gated ? "gated-gelu" : "relu", err));
    ELCL_TRY(put_vocabulary(g, to, err));
    ELCL_TRY(put_tied(g, gated, to, err));
    ELCL_TRY(put_token(g, "%s.decoder_start_token_id", "decoder_start_token_id", to, err));
fail:
    return rc;
}

/* ---- GPT-2 ----------------------------------------------------------------------------------- */

static int make_gpt2(const struct elcl_gguf *g, cJSON *to, elcl_error *err)
{
    static const struct size_key sizes[] = {{"n_embd", "%s.embedding_length"},
                                            {"n_head", "%s.attention.head_count"},
                                            {"n_inner", "%s.feed_forward_length"},
                                            {"n_layer", "%s.block_count"},
                                            {"n_positions", "%s.context_length"}};
    int rc;
    ELCL_TRY(put_text(to, "model_type", "gpt2", err));
    ELCL_TRY(put_sizes(g, sizes, ELCL_COUNT(sizes), to, err));
    ELCL_TRY(put_epsilon(g, "%s.attention.layer_norm_epsilon", "layer_norm_epsilon", to, err));
    ELCL_TRY(put_vocabulary(g, to, err));
    ELCL_TRY(put_token(g, "tokenizer.ggml.bos_token_id", "bos_token_id", to, err));
fail:
    return rc;
}

/* ---- what is refused ------------------------------------------------------------------------- */

/* Architectures whose files do not all have a key that shows what they are; names may be the
 * beginning of more. */
static const struct {
    const char *architecture, *why;
} refused[] = {
    {"t5encoder", "is only an encoder and generates no text"},
    {"bert", "is only an encoder and generates no text"},
    {"nomic-bert", "is only an encoder and generates no text"},
    {"jina-bert", "is only an encoder and generates no text"},
    {"mamba", "is recurrent: it has no attention"},
    {"rwkv", "is recurrent: it has no attention"},
    {"llama", "has rotary positions, which EL-attention cannot reorder"},
    {"qwen", "has rotary positions, which EL-attention cannot reorder"},
    {"gemma", "has rotary positions, which EL-attention cannot reorder"},
    {"phi", "has rotary positions, which EL-attention cannot reorder"},
    {"falcon", "has rotary positions, which EL-attention cannot reorder"},
    {"gptj", "has rotary positions, which EL-attention cannot reorder"},
    {"gptneox", "has rotary positions, which EL-attention cannot reorder"},
};

static const char *why_refused(const struct elcl_gguf *g)
{
    for (size_t i = 0; i < ELCL_COUNT(refused); i++)
        if (!strncmp(g->architecture, refused[i].architecture, strlen(refused[i].architecture)))
            return refused[i].why;
    if (elcl_gguf_has(g, "%s.rope.dimension_count") || elcl_gguf_has(g, "%s.rope.freq_base"))
        return "has rotary positions, which EL-attention cannot reorder";
    return "is not supported";
}

static int refuse_parts(const struct elcl_gguf *g, elcl_error *err)
{
    char type[32];
    int parts = 0;
    int rc = elcl_gguf_text_or(g, "general.type", "model", type, sizeof(type), err);
    if (!rc && strcmp(type, "model") != 0)
        return elcl_fail(err, ELCL_E_UNSUPPORTED, "%s: general.type is %s, expected a model",
                         g->path, type);
    if (!rc)
        rc = elcl_gguf_int_or(g, "split.count", 0, MAX_SIZE, 1, &parts, err);
    if (!rc && parts > 1)
        return elcl_fail(err, ELCL_E_UNSUPPORTED,
                         "%s: is one of %d parts; join them first (llama-gguf-split --merge)",
                         g->path, parts);
    return rc;
}

static int make_config(const struct elcl_gguf *g, cJSON *to, elcl_error *err)
{
    int rc;
    ELCL_TRY(refuse_parts(g, err));
    if (!*g->architecture)
        return elcl_fail(err, ELCL_E_FORMAT,
                         "%s: has no key general.architecture; elcl reads what llama.cpp's "
                         "convert_hf_to_gguf.py writes",
                         g->path);
    if (!strcmp(g->architecture, "t5"))
        ELCL_TRY(make_t5(g, to, err));
    else if (!strcmp(g->architecture, "gpt2"))
        ELCL_TRY(make_gpt2(g, to, err));
    else
        return elcl_fail(err, ELCL_E_UNSUPPORTED,
                         "%s: general.architecture \"%s\" %s; elcl reads GGUF files of t5 and gpt2",
                         g->path, g->architecture, why_refused(g));
    ELCL_TRY(put_token(g, "tokenizer.ggml.eos_token_id", "eos_token_id", to, err));
    ELCL_TRY(put_token(g, "tokenizer.ggml.padding_token_id", "pad_token_id", to, err));
fail:
    return rc;
}

int elcl_gguf_config(const char *path, cJSON **config, elcl_error *err)
{
    struct elcl_gguf gguf = {0};
    cJSON *made = cJSON_CreateObject();
    int rc = made ? elcl_gguf_open(path, &gguf, err) : elcl_fail_nomem(err);
    if (!rc)
        rc = make_config(&gguf, made, err);
    elcl_gguf_finish(&gguf);
    if (rc)
        cJSON_Delete(made);
    else
        *config = made;
    return rc;
}
