/* Whisper in other programs' files: the configuration, tensors and tokens of tiny-whisper. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/half.h"
#include "base/os.h"
#include "files.h"
#include "format/ggml.h"
#include "format/json.h"
#include "model/model.h"
#include "speech/tokens.h"
#include "tokenizer_texts.h"

#define ORIGIN "tiny-whisper"
#define CT2 "ct2-whisper"
#define GGML "ggml-whisper.bin"
#define SMALL_GGML "tests/fuzz/seeds/ggml/small.bin"

static const char *golden_path(const char *name)
{
    static char path[512];
    snprintf(path, sizeof(path), "%s/tests/golden/%s", check_root(), name);
    return path;
}

/* ---- the configuration ----------------------------------------------------------------------- */

static void check_keys(const struct elcl_config *origin, const struct elcl_config *other)
{
    static const char *const keys[] = {
        "model_type",     "activation_function",     "d_model",
        "encoder_layers", "encoder_attention_heads", "encoder_ffn_dim",
        "decoder_layers", "decoder_attention_heads", "decoder_ffn_dim",
        "num_mel_bins",   "max_source_positions",    "max_target_positions",
        "vocab_size"};
    for (size_t i = 0; i < ELCL_COUNT(keys); i++) {
        const cJSON *want = elcl_json_get(origin->model, keys[i]);
        const cJSON *got = elcl_json_get(other->model, keys[i]);
        CHECK(cJSON_Compare(want, got, true), "%s: %s, want %s", keys[i], elcl_json_describe(got).s,
              elcl_json_describe(want).s);
    }
}

static void open_small(const char *name, struct elcl_model *m)
{
    elcl_error err = {0};
    int v = 0;
    const int rc = elcl_config_load(golden_path(name), &m->config, &err);
    if (!CHECK(!rc && !elcl_config_int(&m->config, "vocab_size", 1, 1000, &v, &err), "%s", err.msg))
        return;
    m->arch.vocabulary = v;
    m->arch.decoder_layers = 2;
    m->arch.decoder_heads = 4;
    CHECK(!elcl_config_gen_options(&m->config, v, &m->defaults, &err) &&
              !elcl_tokenizer_load(golden_path(name), &m->tokenizer, &err),
          "%s", err.msg);
}

static void close_small(struct elcl_model *m)
{
    elcl_tokenizer_destroy(&m->tokenizer);
    elcl_config_finish(&m->config);
}

static bool equal_lists(elcl_tokens a, elcl_tokens b)
{
    return a.n == b.n && (!a.n || !memcmp(a.ids, b.ids, (size_t)a.n * sizeof(*a.ids)));
}

/* `has_lists`: the format has suppressed tokens and heads. */
static void check_tokens(const struct elcl_model *origin, const struct elcl_model *other,
                         bool has_lists)
{
    struct elcl_speech_tokens a = {0}, b = {0};
    elcl_error err = {0};
    CHECK(!elcl_speech_tokens_read(origin, &a, &err), "%s", err.msg);
    CHECK(!elcl_speech_tokens_read(other, &b, &err), "%s", err.msg);
    CHECK(a.sot == b.sot && a.eot == b.eot && a.sot_prev == b.sot_prev && a.sot_lm == b.sot_lm,
          "%d %d %d %d", (int)b.sot, (int)b.eot, (int)b.sot_prev, (int)b.sot_lm);
    CHECK(a.no_speech == b.no_speech && a.no_timestamps == b.no_timestamps &&
              a.timestamp_begin == b.timestamp_begin && a.n_timestamps == b.n_timestamps,
          "%d %d %d %d", (int)b.no_speech, (int)b.no_timestamps, (int)b.timestamp_begin,
          b.n_timestamps);
    CHECK(a.translate == b.translate && a.transcribe == b.transcribe &&
              a.is_multilingual == b.is_multilingual,
          "%d %d", (int)b.translate, (int)b.transcribe);
    CHECK(equal_lists(a.begin_suppress, b.begin_suppress), "begin_suppress");
    if (has_lists) {
        CHECK(equal_lists(a.suppress, b.suppress), "suppress");
        CHECK(a.n_alignment_heads == b.n_alignment_heads &&
                  !memcmp(a.alignment_heads, b.alignment_heads,
                          a.n_alignment_heads * sizeof(*a.alignment_heads)),
              "heads");
    }
    elcl_speech_tokens_finish(&a);
    elcl_speech_tokens_finish(&b);
}

static void check_texts_of(const struct elcl_tokenizer *origin, const struct elcl_tokenizer *other)
{
    static const char *const texts[] = {
        " and the other thing, therefore<|notimestamps|> in",
        "<|startoftranscript|><|0.00|> on \303\251t\303\251<|1.00|>",
        "in  the  \n in\360\237\230\200g", "", " "};
    for (size_t i = 0; origin && other && i < ELCL_COUNT(texts); i++) {
        int32_t *want = NULL, *got = NULL;
        size_t n_want = 0, n = 0;
        char *text = NULL;
        elcl_error err = {0};
        CHECK(!elcl_tokenizer_encode(origin, texts[i], strlen(texts[i]), &want, &n_want, &err) &&
                  !elcl_tokenizer_encode(other, texts[i], strlen(texts[i]), &got, &n, &err),
              "%s", err.msg);
        CHECK(n == n_want && !memcmp(got, want, n * sizeof(*got)), "%s: %zu ids, want %zu",
              texts[i], n, n_want);
        CHECK(!elcl_tokenizer_decode(other, got, n, false, &text, &err) && !strcmp(text, texts[i]),
              "%s, want %s", text, texts[i]);
        elcl_free(text);
        elcl_free(want);
        elcl_free(got);
    }
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
    return elcl_f16_to_f32(half);
}

/* Compares two tensors to the given part of the largest element. */
static void check_tensor(struct elcl_tensors *a, struct elcl_tensors *b, const char *name,
                         double tolerance)
{
    elcl_error err = {0};
    const struct elcl_tensor *want = elcl_tensors_find(a, name), *got = elcl_tensors_find(b, name);
    const bool no_bias = !got && elcl_ends_with(name, strlen(name), "proj_out.weight");
    double largest = 0, worst = 0;
    if (no_bias || !CHECK(got != NULL, "%s is not there", name) ||
        !CHECK(got->n == want->n && got->n_dims == want->n_dims &&
                   !memcmp(got->shape, want->shape, (size_t)got->n_dims * sizeof(*got->shape)),
               "%s has another shape", name) ||
        !CHECK(!elcl_tensors_load(a, want, &err) && !elcl_tensors_load(b, got, &err), "%s",
               err.msg))
        return;
    for (size_t i = 0; i < want->n; i++) {
        largest = fmax(largest, fabs((double)element(want, i)));
        worst = fmax(worst, fabs((double)element(want, i) - (double)element(got, i)));
    }
    CHECK(worst <= tolerance * largest, "%s: off by %g of %g", name, worst, largest);
}

static void check_tensors(const char *other, double tolerance)
{
    struct elcl_tensors *a = NULL, *b = NULL;
    elcl_error err = {0};
    const char *name;
    size_t n = 0;
    if (CHECK(!elcl_tensors_open(golden_path(ORIGIN), &a, &err) &&
                  !elcl_tensors_open(golden_path(other), &b, &err),
              "%s", err.msg))
        for (; (name = elcl_tensors_name(a, n)) != NULL; n++)
            check_tensor(a, b, name, tolerance);
    CHECK(n > 60, "%zu tensors", n);
    elcl_tensors_close(&a);
    elcl_tensors_close(&b);
}

/* ---- cases ----------------------------------------------------------------------------------- */

static void test_other(const char *name, bool has_lists, double tolerance)
{
    if (!check_case("%s", name))
        return;
    struct elcl_model origin = {0}, other = {0};
    open_small(ORIGIN, &origin);
    open_small(name, &other);
    check_keys(&origin.config, &other.config);
    check_tokens(&origin, &other, has_lists);
    check_texts_of(origin.tokenizer, other.tokenizer);
    check_tensors(name, tolerance);
    close_small(&origin);
    close_small(&other);
}

/* ---- texts of transformers ------------------------------------------------------------------- */

static void check_ids(const char *what, const char *text, const int32_t *ids, size_t n,
                      const cJSON *want)
{
    const int n_want = cJSON_GetArraySize(want);
    bool same = (size_t)n_want == n;
    const cJSON *item = want->child;
    for (size_t i = 0; same && i < n; i++, item = item->next)
        same = item->valuedouble == ids[i];
    CHECK(same, "%s of \"%s\": %zu ids, want %d or others", what, text, n, n_want);
}

static void check_decoded(const struct elcl_tokenizer *t, const int32_t *ids, size_t n, bool skip,
                          const cJSON *row, const char *key)
{
    char *text = NULL;
    elcl_error err = {0};
    const char *want = elcl_json_get(row, key)->valuestring;
    CHECK(!elcl_tokenizer_decode(t, ids, n, skip, &text, &err) && !strcmp(text, want),
          "%s: \"%s\", want \"%s\"", key, text, want);
    elcl_free(text);
}

static void check_row(const struct elcl_tokenizer *t, const cJSON *row)
{
    const char *text = elcl_json_get(row, "text")->valuestring;
    int32_t *ids = NULL, around[256];
    size_t n = 0;
    struct elcl_wrap wrap = {0};
    elcl_error err = {0};
    if (!CHECK(!elcl_tokenizer_encode(t, text, strlen(text), &ids, &n, &err) &&
                   !elcl_tokenizer_wrap(t, ids, n, NULL, NULL, &wrap, &err) && n < 200,
               "%s: %s", text, err.msg))
        return;
    const size_t before = (size_t)wrap.n_before, after = (size_t)wrap.n_after;
    memcpy(around, wrap.before, before * sizeof(*around));
    memcpy(around + before, ids, n * sizeof(*around));
    memcpy(around + before + n, wrap.after, after * sizeof(*around));
    check_ids("ids", text, ids, n, elcl_json_get(row, "ids"));
    check_ids("ids around", text, around, before + n + after, elcl_json_get(row, "around"));
    check_decoded(t, ids, n, true, row, "decoded");
    check_decoded(t, ids, n, false, row, "whole");
    elcl_free(ids);
}

/* tokenizer.json, and vocab.json with merges.txt and added_tokens.json. */
static void test_golden_texts(void)
{
    size_t n = 0;
    elcl_error err = {0};
    cJSON *root = NULL;
    if (!check_case("texts of transformers"))
        return;
    char *text = read_golden_file("tests/golden/whisper-texts.json", &n);
    CHECK(text && !elcl_json_parse(text, n, "whisper-texts.json", &root, &err), "%s", err.msg);
    const cJSON *models = elcl_json_get(root, "models");
    CHECK(cJSON_GetArraySize(models) == 2, "%d models", cJSON_GetArraySize(models));
    for (const cJSON *rows = models ? models->child : NULL; rows; rows = rows->next) {
        struct elcl_tokenizer *t = NULL;
        CHECK(cJSON_GetArraySize(rows) > 20, "%d texts", cJSON_GetArraySize(rows));
        if (CHECK(!elcl_tokenizer_load(golden_path(rows->string), &t, &err), "%s", err.msg))
            for (const cJSON *row = rows->child; row; row = row->next)
                check_row(t, row);
        elcl_tokenizer_destroy(&t);
    }
    cJSON_Delete(root);
    elcl_free(text);
}

/* Writes a copy of ct2-whisper whose vocabulary has the text `to` in place of `from`. */
static const char *copy_changed(const char *from, const char *to)
{
    static const char *const files[] = {"model.bin", "config.json", "vocabulary.json"};
    const char *dir = directory("whisper");
    for (size_t i = 0; i < ELCL_COUNT(files); i++) {
        char path[128];
        size_t n = 0;
        snprintf(path, sizeof(path), "tests/golden/" CT2 "/%s", files[i]);
        char *data = read_golden_file(path, &n);
        char *found = i == 2 && data ? strstr(data, from) : NULL;
        if (found && strlen(from) == strlen(to))
            memcpy(found, to, strlen(to));
        snprintf(path, sizeof(path), "whisper/%s", files[i]);
        write_file(path, data, n);
        elcl_free(data);
    }
    return dir;
}

static void test_missing_token(void)
{
    if (!check_case("a vocabulary without times"))
        return;
    struct elcl_config config = {0};
    elcl_error err = {0};
    const char *dir = copy_changed("<|notimestamps|>", "<|notimestampz|>");
    check_failure("load", elcl_config_load(dir, &config, &err), &err, ELCL_E_FORMAT,
                  "vocabulary.json: has no token <|notimestamps|>");
    elcl_config_finish(&config);
}

/* ---- whisper.cpp ----------------------------------------------------------------------------- */

static void test_types(void)
{
    static const struct {
        const char *name;
        int levels, zero;
        float offset;
    } cases[] = {{"fc1", 16, 8, 0},
                 {"fc2", 16, 0, 0.25f},
                 {"self_attn.q_proj", 32, 16, 0},
                 {"self_attn.k_proj", 32, 0, 0.25f},
                 {"self_attn.out_proj", 32, 16, 0}};
    struct elcl_tensors *tensors = NULL;
    elcl_error err = {0};
    size_t n = 0;
    if (!check_case("whisper.cpp: types of elements"))
        return;
    char *data = read_golden_file(SMALL_GGML, &n), name[64];
    if (CHECK(data && !elcl_ggml_tensors_open_memory(data, n, "f", &tensors, &err), "%s", err.msg))
        for (size_t k = 0; k < ELCL_COUNT(cases); k++) {
            snprintf(name, sizeof(name), "model.encoder.layers.0.%s.weight", cases[k].name);
            const struct elcl_tensor *t = elcl_tensors_find(tensors, name);
            if (!CHECK(t && !elcl_tensors_load(tensors, t, &err), "%s: %s", name, err.msg))
                continue;
            for (int i = 0; i < (int)t->n; i++) {
                const float want =
                    0.5f * (float)(i % cases[k].levels - cases[k].zero) + cases[k].offset;
                CHECK(element(t, (size_t)i) == want, "%s[%d]: %g, want %g", name, i,
                      (double)element(t, (size_t)i), (double)want);
            }
        }
    elcl_tensors_close(&tensors);
    elcl_free(data);
}

static void test_special(void)
{
    static const char *const names[] = {"<|endoftext|>",    "<|startoftranscript|>",
                                        "<|en|>",           "<|translate|>",
                                        "<|transcribe|>",   "<|startoflm|>",
                                        "<|startofprev|>",  "<|nospeech|>",
                                        "<|notimestamps|>", "<|0.00|>",
                                        "<|0.02|>",         "<|0.04|>"};
    struct elcl_ggml ggml = {0};
    elcl_error err = {0};
    size_t n = 0;
    if (!check_case("whisper.cpp: special tokens by their ids"))
        return;
    char *data = read_golden_file(SMALL_GGML, &n), name[32];
    if (CHECK(data && !elcl_ggml_parse(data, n, "f", &ggml, &err), "%s", err.msg))
        for (int i = 0; i < (int)ELCL_COUNT(names); i++) {
            elcl_ggml_special(&ggml, ggml.end + i, name);
            CHECK(!strcmp(name, names[i]), "%d: %s, want %s", i, name, names[i]);
        }
    elcl_ggml_finish(&ggml);
    elcl_free(data);
}

static void test_heads(void)
{
    static const struct {
        int audio_layers, text_layers, heads, mels, vocabulary;
        const char *want; /* NULL: none */
    } cases[] = {
        {4, 4, 6, 80, 51864, "[[1,0],[2,0],[2,5],[3,0],[3,1],[3,2],[3,3],[3,4]]"},
        {32, 4, 20, 128, 51866, "[[2,4],[2,11],[3,3],[3,6],[3,11],[3,14]]"},
        {32, 4, 20, 128, 51864, NULL},
        {2, 2, 4, 80, 51864, NULL},
    };
    if (!check_case("whisper.cpp: heads of OpenAI's models"))
        return;
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        struct elcl_ggml ggml = {.sizes = {[ELCL_GGML_VOCABULARY] = cases[i].vocabulary,
                                           [ELCL_GGML_AUDIO_LAYERS] = cases[i].audio_layers,
                                           [ELCL_GGML_TEXT_LAYERS] = cases[i].text_layers,
                                           [ELCL_GGML_TEXT_HEADS] = cases[i].heads,
                                           [ELCL_GGML_MELS] = cases[i].mels}};
        cJSON *to = cJSON_CreateObject();
        elcl_error err = {0};
        CHECK(!elcl_ggml_put_heads(&ggml, to, &err), "%s", err.msg);
        const cJSON *heads = elcl_json_get(to, "alignment_heads");
        char *text = heads ? cJSON_PrintUnformatted(heads) : NULL;
        CHECK(cases[i].want ? text && !strcmp(text, cases[i].want) : !text, "%zu: %s", i,
              text ? text : "none");
        cJSON_free(text);
        cJSON_Delete(to);
    }
}

/* A shorter file is refused, unless it ends after a tensor. */
static void test_cut(void)
{
    if (!check_case("whisper.cpp: files that end early"))
        return;
    size_t n = 0, n_whole = 0;
    char *data = read_golden_file(SMALL_GGML, &n);
    for (size_t cut = 0; data && cut < n; cut++) {
        struct elcl_tensors *tensors = NULL;
        elcl_error err = {0};
        char *copy = malloc(cut + 1);
        if (!CHECK(copy != NULL, "memory"))
            break;
        memcpy(copy, data, cut);
        const int rc = elcl_ggml_tensors_open_memory(copy, cut, "f", &tensors, &err);
        n_whole += !rc;
        CHECK(!rc || rc == ELCL_E_FORMAT, "%zu bytes: %d, %s", cut, rc, err.msg);
        elcl_tensors_close(&tensors);
        free(copy);
    }
    CHECK(n_whole == 7, "%zu shorter files were read, want one before each of 7 tensors", n_whole);
    elcl_free(data);
}

/* Opens the small file with four other bytes at `at`, a multiple of 4 after the sizes' start. */
static void refuse_changed(size_t at, int value, int code, const char *message)
{
    struct elcl_tensors *tensors = NULL;
    elcl_error err = {0};
    size_t n = 0;
    char *data = read_golden_file(SMALL_GGML, &n);
    for (int i = 0; data && i < 4; i++)
        data[at + (size_t)i] = (char)((unsigned)value >> (8 * i) & 255u);
    check_failure(message, elcl_ggml_tensors_open_memory(data, n, "f", &tensors, &err), &err, code,
                  message);
    CHECK(!tensors, "opened");
    elcl_free(data);
}

static void test_changed(void)
{
    enum { SIZES = 4, FILTERS = SIZES + 44, TOKENS = FILTERS + 8 + 24, TENSOR = TOKENS + 20 };
    if (!check_case("whisper.cpp: what is refused"))
        return;
    refuse_changed(0, 0x46554747, ELCL_E_FORMAT, "f: is no model of whisper.cpp");
    refuse_changed(SIZES, 13, ELCL_E_FORMAT, "f: expected 0 .. 100 languages, found -1");
    refuse_changed(SIZES, 200, ELCL_E_FORMAT, "f: expected 0 .. 100 languages, found 186");
    refuse_changed(SIZES + 8, 0, ELCL_E_FORMAT, "f: n_audio_state is 0");
    refuse_changed(SIZES + 8, -1, ELCL_E_FORMAT,
                   "f: n_audio_state: expected 0 .. 4194304, found -1");
    refuse_changed(TOKENS, 16, ELCL_E_FORMAT, "f: tokens: expected 0 .. 15, found 16");
    refuse_changed(TENSOR, 5, ELCL_E_FORMAT, "dimensions of a tensor: expected 0 .. 4, found 5");
    refuse_changed(TENSOR, 0, ELCL_E_FORMAT, "a tensor has no dimensions");
    refuse_changed(TENSOR + 8, 12, ELCL_E_UNSUPPORTED,
                   "f: model.encoder.layers.0.fc1.weight has type 12; elcl reads f32, f16, bf16,");
    refuse_changed(TENSOR + 12, 31, ELCL_E_FORMAT, "rows of 31 elements are no whole blocks");
    refuse_changed(TENSOR + 20, 'x', ELCL_E_UNSUPPORTED, "is not one of Whisper's");
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_other(CT2, true, 1.0 / 254 + 1e-3);
    test_missing_token();
    test_golden_texts();
    test_other(GGML, false, 1e-3);
    test_types();
    test_special();
    test_heads();
    test_cut();
    test_changed();
    return check_end();
}
