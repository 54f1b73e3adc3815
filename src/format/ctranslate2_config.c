/* The configuration of a CTranslate2 model. Its config.json names special tokens; everything else
 * stands in model.bin, as shapes and as numbers. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "format/ctranslate2.h"
#include "format/json.h"

#define MAX_CONFIG_BYTES ((size_t)16 << 20)
#define MAX_NAME 160

/* Lengths and beams of CTranslate2's Translator. */
#define MAX_OUTPUT 256
#define NUM_BEAMS 2

/* What argostranslate asks for. */
#define PACKAGE_BEAMS 4
#define PACKAGE_LENGTH_PENALTY 0.2

/* Sinusoidal positions have no end; the reference computes as many as it meets. */
#define COMPUTED_POSITIONS 4096

struct builder {
    struct elcl_ct2 ct2;
    struct elcl_ct2_vocabulary source, target;
    struct elcl_ct2_tokens tokens;
    cJSON *stored;  /* config.json, or NULL */
    cJSON *package; /* metadata.json of a package of argostranslate, or NULL */
    char *config_path, *package_path;
    cJSON *made, *generation;
    bool decoder_only;
    elcl_error *err;
};

static int refuse(const struct builder *b, const char *what)
{
    return elcl_fail(b->err, ELCL_E_UNSUPPORTED, "%s: %s", b->ct2.path, what);
}

static int put(struct builder *b, const char *key, double value)
{
    return cJSON_AddNumberToObject(b->made, key, value) ? ELCL_OK : elcl_fail_nomem(b->err);
}

static int put_bool(struct builder *b, const char *key, bool value)
{
    return cJSON_AddBoolToObject(b->made, key, value) ? ELCL_OK : elcl_fail_nomem(b->err);
}

static int put_string(struct builder *b, const char *key, const char *value)
{
    return cJSON_AddStringToObject(b->made, key, value) ? ELCL_OK : elcl_fail_nomem(b->err);
}

/* ---- variables ------------------------------------------------------------------------------- */

static const struct elcl_ct2_variable *variable(const struct builder *b, const char *stack,
                                                const char *name)
{
    char path[MAX_NAME + 16];
    snprintf(path, sizeof(path), "%s/%s", stack, name);
    const int32_t i = elcl_ct2_find(&b->ct2, path);
    return i < 0 ? NULL : &b->ct2.variables[i];
}

/* Returns the attribute of a stack, or of the whole model in old files. */
static const struct elcl_ct2_variable *attribute(const struct builder *b, const char *stack,
                                                 const char *name)
{
    const struct elcl_ct2_variable *v = variable(b, stack, name);
    const int32_t i = v ? -1 : elcl_ct2_find(&b->ct2, name);
    return i < 0 ? v : &b->ct2.variables[i];
}

static double number_or(const struct builder *b, const char *stack, const char *name,
                        double fallback)
{
    const struct elcl_ct2_variable *v = attribute(b, stack, name);
    return v ? (double)v->first : fallback;
}

static int64_t extent(const struct elcl_ct2_variable *v, int dimension)
{
    return v && v->n_dims > dimension ? v->shape[dimension] : 0;
}

static const struct elcl_ct2_variable *token_table(const struct builder *b, const char *stack)
{
    const struct elcl_ct2_variable *v = variable(b, stack, "embeddings/weight");
    return v ? v : variable(b, stack, "embeddings_0/weight");
}

static int count_layers(const struct builder *b, const char *stack)
{
    char name[MAX_NAME];
    int n = 0;
    do
        snprintf(name, sizeof(name), "layer_%d/ffn/linear_0/weight", n);
    while (variable(b, stack, name) && ++n);
    return n;
}

/* ---- a stack --------------------------------------------------------------------------------- */

static int put_activation(struct builder *b, const char *stack)
{
    static const char *const names[] = {"relu",         "gelu_new", "swish",  "gelu",
                                        "gelu_sigmoid", "tanh",     "sigmoid"};
    const double act = number_or(b, stack, "activation", 0);
    if (!(act >= 0 && act < (double)ELCL_COUNT(names)))
        return refuse(b, "activation is unknown");
    return put_string(b, "activation_function", names[(int)act]);
}

/* A flag or the factor itself. */
static double embed_scale(const struct builder *b, const char *stack)
{
    const struct elcl_ct2_variable *table = token_table(b, stack);
    const struct elcl_ct2_variable *scale = attribute(b, stack, "scale_embeddings");
    if (!scale)
        scale = attribute(b, stack, "embeddings/multiply_by_sqrt_depth");
    const double by_width = sqrt((double)extent(table, 1));
    if (!scale)
        return by_width;
    const double value = (double)scale->first;
    return scale->type != ELCL_CT2_I8 ? value : value != 0 ? by_width : 1;
}

static double max_positions(const struct builder *b, const char *stack)
{
    const struct elcl_ct2_variable *table = variable(b, stack, "position_encodings/encodings");
    return table ? (double)extent(table, 0) : COMPUTED_POSITIONS;
}

/* What both stacks must have in common. */
static int check_stacks(const struct builder *b)
{
    static const char *const same[] = {"pre_norm", "activation"};
    for (size_t i = 0; i < ELCL_COUNT(same); i++)
        if (number_or(b, "encoder", same[i], i ? 0 : 1) !=
            number_or(b, "decoder", same[i], i ? 0 : 1))
            return refuse(b, "encoder and decoder differ in pre_norm or activation");
    if (embed_scale(b, "encoder") != embed_scale(b, "decoder"))
        return refuse(b, "encoder and decoder differ in scale_embeddings");
    if (max_positions(b, "encoder") != max_positions(b, "decoder"))
        return refuse(b, "encoder and decoder have tables of different numbers of positions");
    static const char *const norms[] = {"layernorm_embedding/gamma", "layer_norm/gamma"};
    for (size_t i = 0; i < ELCL_COUNT(norms); i++)
        if (!variable(b, "encoder", norms[i]) != !variable(b, "decoder", norms[i]))
            return elcl_fail(b->err, ELCL_E_UNSUPPORTED,
                             "%s: only one of encoder and decoder has %s", b->ct2.path, norms[i]);
    return ELCL_OK;
}

/* Flags that change the result and that elcl does not have. */
static int refuse_flags(const struct builder *b)
{
    static const char *const flags[] = {"alibi", "multi_query_attention", "with_relative_position"};
    for (size_t i = 0; i < ELCL_COUNT(flags); i++)
        if (number_or(b, "decoder", flags[i], 0) != 0 || number_or(b, "encoder", flags[i], 0) != 0)
            return elcl_fail(b->err, ELCL_E_UNSUPPORTED, "%s: %s is not supported", b->ct2.path,
                             flags[i]);
    return ELCL_OK;
}

/* heads: their number in files that do not have it. */
static int put_stack(struct builder *b, const char *stack, int heads)
{
    char key[64];
    const struct elcl_ct2_variable *inner = variable(b, stack, "layer_0/ffn/linear_0/weight");
    int rc;
#define KEY(name) (snprintf(key, sizeof(key), "%s_%s", stack, name), key)
    ELCL_TRY(put(b, KEY("layers"), count_layers(b, stack)));
    ELCL_TRY(put(b, KEY("attention_heads"), number_or(b, stack, "num_heads", heads)));
    ELCL_TRY(put(b, KEY("ffn_dim"), (double)extent(inner, 0)));
#undef KEY
fail:
    return rc;
}

static int put_norms(struct builder *b)
{
    const bool pre = number_or(b, "decoder", "pre_norm", 1) != 0;
    const bool final = variable(b, "decoder", "layer_norm/gamma") != NULL;
    int rc;
    if (final && !pre)
        return refuse(b, "layer_norm after a stack needs pre_norm");
    ELCL_TRY(put_bool(b, "pre_norm", pre));
    ELCL_TRY(put_bool(b, "final_norm", final));
    ELCL_TRY(
        put_bool(b, "embedding_norm", variable(b, "decoder", "layernorm_embedding/gamma") != NULL));
fail:
    return rc;
}

static int put_arch(struct builder *b)
{
    const struct elcl_ct2_variable *out = token_table(b, "decoder");
    const struct elcl_ct2_variable *in = b->decoder_only ? out : token_table(b, "encoder");
    const struct elcl_ct2_variable *norm = variable(b, "decoder", "layer_0/ffn/layer_norm/gamma");
    const struct elcl_ct2_variable *head = variable(b, "decoder", "projection/weight");
    const int added = b->tokens.from_zero;
    /* before num_heads was stored, the name of the specification said it */
    const int heads = strcmp(b->ct2.spec, "TransformerBig") ? 8 : 16;
    int rc;
    ELCL_TRY(put_string(b, "model_type", "ctranslate2"));
    ELCL_TRY(put_bool(b, "decoder_only", b->decoder_only));
    if (!b->decoder_only) {
        ELCL_TRY(check_stacks(b));
        ELCL_TRY(put_stack(b, "encoder", heads));
    }
    ELCL_TRY(put_stack(b, "decoder", heads));
    ELCL_TRY(put(b, "d_model", (double)extent(norm, 0)));
    ELCL_TRY(put(b, "embed_dim", (double)extent(out, 1)));
    ELCL_TRY(put(b, "vocab_size", (double)extent(out, 0) + added));
    ELCL_TRY(put(b, "source_vocab_size", (double)extent(in, 0) + (in == out ? added : 0)));
    ELCL_TRY(put(b, "max_position_embeddings", max_positions(b, "decoder")));
    ELCL_TRY(put_bool(b, "shared_table", in == out));
    ELCL_TRY(put_bool(b, "tied_table", head == out));
    ELCL_TRY(put_bool(b, "stored_positions",
                      variable(b, "decoder", "position_encodings/encodings") != NULL));
    ELCL_TRY(put_norms(b));
    ELCL_TRY(put_bool(b, "head_bias", added || variable(b, "decoder", "projection/bias") != NULL));
    ELCL_TRY(put(b, "embed_scale", embed_scale(b, "decoder")));
    ELCL_TRY(put_activation(b, "decoder"));
    ELCL_TRY(refuse_flags(b));
fail:
    return rc;
}

/* ---- special tokens -------------------------------------------------------------------------- */

/* Copies the token of a key into out [64]; null and "" are none. */
static int read_token(const struct builder *b, const char *key, const char *fallback, char *out)
{
    const cJSON *value = elcl_json_get(b->stored, key);
    const char *text = cJSON_IsString(value) ? value->valuestring : value ? "" : fallback;
    if (value && !cJSON_IsString(value) && !cJSON_IsNull(value))
        return elcl_json_mismatch(b->config_path, key, "a token", value, b->err);
    if (strlen(text) >= sizeof(b->tokens.unk))
        return elcl_json_mismatch(b->config_path, key, "a token below 64 bytes", value, b->err);
    strcpy(out, text);
    return ELCL_OK;
}

/* A package may say which token begins its outputs. */
static int read_prefix(struct builder *b)
{
    const cJSON *value = elcl_json_get(b->package, "target_prefix");
    const char *text = cJSON_IsString(value) ? value->valuestring : "";
    if (strlen(text) >= sizeof(b->tokens.prefix))
        return elcl_json_mismatch(b->package_path, "target_prefix", "a token below 64 bytes", value,
                                  b->err);
    strcpy(b->tokens.prefix, text);
    return ELCL_OK;
}

static int read_flag(const struct builder *b, const char *key, const char *old, bool *out)
{
    *out = number_or(b, "", old, 0) != 0;
    return elcl_json_bool(b->stored, key, b->config_path, out, b->err);
}

static int read_tokens(struct builder *b)
{
    struct elcl_ct2_tokens *t = &b->tokens;
    const bool start_is_bos = number_or(b, "", "with_target_bos", 1) != 0;
    int rc;
    t->rows[ELCL_CT2_SOURCE] = (size_t)extent(token_table(b, "encoder"), 0);
    t->rows[ELCL_CT2_TARGET] = (size_t)extent(token_table(b, "decoder"), 0);
    t->from_zero = number_or(b, "decoder", "start_from_zero_embedding", 0) != 0;
    t->speech = !strcmp(b->ct2.spec, ELCL_CT2_SPEECH);
    if (t->speech) {
        strcpy(t->start, ELCL_CT2_SPEECH_START);
        strcpy(t->unk, ELCL_CT2_SPEECH_END);
        strcpy(t->bos, ELCL_CT2_SPEECH_END);
        strcpy(t->eos, ELCL_CT2_SPEECH_END);
        return ELCL_OK;
    }
    ELCL_TRY(read_token(b, "unk_token", "<unk>", t->unk));
    ELCL_TRY(read_token(b, "bos_token", "<s>", t->bos));
    ELCL_TRY(read_token(b, "eos_token", "</s>", t->eos));
    ELCL_TRY(read_token(b, "decoder_start_token", start_is_bos ? t->bos : t->eos, t->start));
    ELCL_TRY(read_prefix(b));
    ELCL_TRY(read_flag(b, "add_source_bos", "with_source_bos", &t->source_bos));
    ELCL_TRY(read_flag(b, "add_source_eos", "with_source_eos", &t->source_eos));
fail:
    return rc;
}

/* Puts the id of a token that the vocabulary has. */
static int put_id(struct builder *b, const char *key, const char *token)
{
    const int32_t id = elcl_ct2_token_id(&b->target, token);
    return *token && id >= 0 ? put(b, key, id) : ELCL_OK;
}

static int put_tokens(struct builder *b)
{
    const struct elcl_ct2_tokens *t = &b->tokens;
    const int64_t v = extent(token_table(b, "decoder"), 0);
    int rc;
    ELCL_TRY(put_id(b, "bos_token_id", t->bos));
    ELCL_TRY(put_id(b, "eos_token_id", t->eos));
    ELCL_TRY(put_id(b, "unk_token_id", t->unk));
    ELCL_TRY(put_id(b, "forced_bos_token_id", t->prefix));
    if (*t->prefix && elcl_ct2_token_id(&b->target, t->prefix) < 0)
        return elcl_fail(b->err, ELCL_E_FORMAT, "%s: target_prefix \"%s\" is not in the vocabulary",
                         b->package_path, t->prefix);
    if (t->from_zero) {
        ELCL_TRY(put(b, "decoder_start_token_id", (double)v));
        ELCL_TRY(put(b, "pad_token_id", (double)v));
    } else if (!b->decoder_only) {
        ELCL_TRY(put_id(b, "decoder_start_token_id", t->start));
    }
fail:
    return rc;
}

/* Checks a vocabulary against its table. */
static int check_vocabulary(const struct builder *b, const struct elcl_ct2_vocabulary *vocabulary,
                            const char *stack)
{
    const int64_t rows = extent(token_table(b, stack), 0);
    if ((uint64_t)rows == vocabulary->n)
        return ELCL_OK;
    return elcl_fail(b->err, ELCL_E_FORMAT, "%s: has %zu tokens, but the %s of %s has %lld",
                     vocabulary->path, vocabulary->n, stack, b->ct2.path, (long long)rows);
}

/* ---- the rest of config.json ----------------------------------------------------------------- */

/* Keys that change the result and that elcl does not have. */
static int put_others(struct builder *b)
{
    const cJSON *eps = elcl_json_get(b->stored, "layer_norm_epsilon");
    const cJSON *bits = elcl_json_get(b->stored, "quantization_bits");
    int rc;
    if (bits && !cJSON_IsNull(bits))
        return elcl_fail(b->err, ELCL_E_UNSUPPORTED,
                         "%s: quantization_bits: weights of AWQ are not supported; convert the "
                         "model without them",
                         b->config_path);
    if (eps && !cJSON_IsNull(eps) && !cJSON_IsNumber(eps))
        return elcl_json_mismatch(b->config_path, "layer_norm_epsilon", "a number", eps, b->err);
    ELCL_TRY(put(b, "layer_norm_epsilon", cJSON_IsNumber(eps) ? eps->valuedouble : 1e-5));
    if (!b->decoder_only) {
        const double length = fmin(MAX_OUTPUT, max_positions(b, "decoder"));
        ELCL_TRY(put(b, "num_beams", b->package ? PACKAGE_BEAMS : NUM_BEAMS));
        ELCL_TRY(put(b, "length_penalty", b->package ? PACKAGE_LENGTH_PENALTY : 1));
        ELCL_TRY(put_bool(b, "early_stopping", true));
        ELCL_TRY(put(b, "max_length", length));
        ELCL_TRY(put(b, "min_new_tokens", 1));
        ELCL_TRY(put_bool(b, "renormalize_logits", true));
    }
fail:
    return rc;
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* *root stays NULL if there is no such file. */
static int read_object(struct builder *b, const char *directory, const char *name, char **path,
                       cJSON **root)
{
    *path = elcl_path_join(directory, name);
    if (!*path)
        return elcl_fail_nomem(b->err);
    bool there;
    int rc = elcl_file_exists(*path, &there, b->err);
    if (rc || !there)
        return rc;
    rc = elcl_json_read(*path, MAX_CONFIG_BYTES, root, b->err);
    return rc ? rc : elcl_json_unique_keys(*root, *path, b->err);
}

static int read_spec(struct builder *b)
{
    static const char *const translators[] = {"TransformerSpec", "TransformerBase",
                                              "TransformerBig", ELCL_CT2_SPEECH};
    static const char *const generators[] = {"TransformerDecoderModelSpec",
                                             "TransformerDecoderSpec"};
    for (size_t i = 0; i < ELCL_COUNT(translators); i++)
        if (!strcmp(b->ct2.spec, translators[i]))
            return ELCL_OK;
    for (size_t i = 0; i < ELCL_COUNT(generators); i++)
        b->decoder_only = b->decoder_only || !strcmp(b->ct2.spec, generators[i]);
    if (b->decoder_only)
        return ELCL_OK;
    return elcl_fail(b->err, ELCL_E_UNSUPPORTED,
                     "%s: is a CTranslate2 model of %.64s, which is not supported; supported: "
                     "TransformerSpec, TransformerDecoderModelSpec and WhisperSpec",
                     b->ct2.path, b->ct2.spec);
}

static int open_files(struct builder *b, const char *directory)
{
    char *path = elcl_path_join(directory, ELCL_CT2_FILE);
    int rc = path ? elcl_ct2_open(path, &b->ct2, b->err) : elcl_fail_nomem(b->err);
    elcl_free(path);
    if (rc)
        return rc;
    ELCL_TRY(read_spec(b));
    ELCL_TRY(read_object(b, directory, "config.json", &b->config_path, &b->stored));
    ELCL_TRY(read_object(b, directory, "../metadata.json", &b->package_path, &b->package));
    ELCL_TRY(read_tokens(b));
fail:
    return rc;
}

static void finish(struct builder *b)
{
    elcl_ct2_finish(&b->ct2);
    elcl_ct2_vocabulary_finish(&b->source);
    elcl_ct2_vocabulary_finish(&b->target);
    cJSON_Delete(b->stored);
    cJSON_Delete(b->package);
    elcl_free(b->package_path);
    cJSON_Delete(b->made);
    cJSON_Delete(b->generation);
    elcl_free(b->config_path);
}

int elcl_ct2_tokens_read(const char *directory, struct elcl_ct2_tokens *tokens, elcl_error *err)
{
    struct builder b = {.err = err};
    const int rc = open_files(&b, directory);
    *tokens = b.tokens;
    finish(&b);
    return rc;
}

/* Makes both objects of a Whisper model. */
static int make_speech(struct builder *b, const char *directory)
{
    int rc;
    b->generation = cJSON_CreateObject();
    if (!b->generation)
        return elcl_fail_nomem(b->err);
    ELCL_TRY(elcl_ct2_speech_config(&b->ct2, b->made, b->err));
    ELCL_TRY(put_stack(b, "encoder", 0));
    ELCL_TRY(put_stack(b, "decoder", 0));
    ELCL_TRY(put_activation(b, "decoder"));
    ELCL_TRY(elcl_ct2_vocabulary_read(directory, ELCL_CT2_TARGET, &b->tokens, &b->target, b->err));
    ELCL_TRY(check_vocabulary(b, &b->target, "decoder"));
    ELCL_TRY(elcl_ct2_speech_generation(&b->ct2, &b->target, b->stored, b->generation, b->err));
fail:
    return rc;
}

static int make_text(struct builder *b, const char *directory)
{
    int rc;
    ELCL_TRY(put_arch(b));
    ELCL_TRY(elcl_ct2_vocabulary_read(directory, ELCL_CT2_TARGET, &b->tokens, &b->target, b->err));
    ELCL_TRY(check_vocabulary(b, &b->target, "decoder"));
    if (!b->decoder_only) {
        ELCL_TRY(
            elcl_ct2_vocabulary_read(directory, ELCL_CT2_SOURCE, &b->tokens, &b->source, b->err));
        ELCL_TRY(check_vocabulary(b, &b->source, "encoder"));
    }
    ELCL_TRY(put_tokens(b));
    ELCL_TRY(put_others(b));
fail:
    return rc;
}

int elcl_ct2_config(const char *directory, cJSON **config, cJSON **generation, elcl_error *err)
{
    struct builder b = {.err = err, .made = cJSON_CreateObject()};
    int rc = b.made ? ELCL_OK : elcl_fail_nomem(err);
    if (rc)
        return rc;
    ELCL_TRY(open_files(&b, directory));
    ELCL_TRY(b.tokens.speech ? make_speech(&b, directory) : make_text(&b, directory));
    *config = b.made;
    *generation = b.generation;
    b.made = b.generation = NULL;
fail:
    finish(&b);
    return rc;
}
