/* Lets the n-th allocation fail, for every n: each call must fail cleanly, free its memory and
 * write no output. Linked with --wrap for the allocation functions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "files.h"
#include "format/config.h"
#include "format/ctranslate2.h"
#include "format/ggml.h"
#include "format/gguf.h"
#include "format/pytorch.h"
#include "format/safetensors.h"
#include "elcl/speech.h"
#include "speech/preprocessor.h"
#include "speech/words.h"
#include "pytorch_files.h"
#include "text/tokenizer_load.h"
#include "tokenizer_texts.h"
#include "wrap.h"

/* ---- allocation ---------------------------------------------------------------------------- */

static struct {
    bool armed;
    long left; /* allocations before one fails */
    long live; /* blocks */
} memory;

WRAPPED(malloc);
WRAPPED(calloc);
WRAPPED(realloc);
WRAPPED(free);

static bool refuse(void)
{
    return memory.armed && memory.left-- <= 0;
}

void *__wrap_malloc(size_t n)
{
    void *p = refuse() ? NULL : __real_malloc(n);
    memory.live += p != NULL;
    return p;
}

void *__wrap_calloc(size_t n, size_t size)
{
    void *p = refuse() ? NULL : __real_calloc(n, size);
    memory.live += p != NULL;
    return p;
}

void *__wrap_realloc(void *old, size_t n)
{
    void *p = refuse() ? NULL : __real_realloc(old, n);
    memory.live += p && !old;
    return p;
}

void __wrap_free(void *p)
{
    memory.live -= p != NULL;
    __real_free(p);
}

/* ---- what is called ------------------------------------------------------------------------ */

static int use_safetensors(elcl_error *err)
{
    static const char header[] = "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
                                 "\"i\":{\"dtype\":\"I8\",\"shape\":[4],\"data_offsets\":[4,8]}}";
    char file[sizeof(header) + 16] = {(char)(sizeof(header) - 1)};
    memcpy(file + 8, header, sizeof(header) - 1);
    struct elcl_safetensors *st = NULL;
    const int rc = elcl_safetensors_open_memory(file, 8 + sizeof(header) - 1 + 8, "f", &st, err);
    CHECK(!rc == (st != NULL), "output with code %d", rc);
    elcl_safetensors_close(&st);
    return rc;
}

/* A transposed tensor, which is copied, and a refused one. */
static int use_pytorch(elcl_error *err)
{
    static const char pickle[] =
        P "}(" PAIR("w", TENSOR(STORAGE("Float", "K\6"), "K\0", "K\2K\3\x86", "K\1K\2\x86"))
            PAIR("i", TENSOR(STORAGE("Long", "K\3"), "K\0", "K\3\x85", "K\1\x85")) "u.";
    const bool armed = memory.armed;
    memory.armed = false;
    struct elcl_str file = archive_of_pickle(pickle, sizeof(pickle) - 1);
    memory.armed = armed;
    struct elcl_tensors *tensors = NULL;
    int rc = elcl_pytorch_open_memory(file.data, file.n, "f", &tensors, err);
    CHECK(!rc == (tensors != NULL), "output with code %d", rc);
    if (!rc)
        rc = elcl_tensors_load(tensors, elcl_tensors_find(tensors, "w"), err);
    elcl_tensors_close(&tensors);
    elcl_str_finish(&file);
    return rc;
}

/* A file of int8 with a decoder that starts from zeros: all tensors are made when loaded. */
static int use_ctranslate2(elcl_error *err)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/tests/fuzz/seeds/ctranslate2/small.bin", check_root());
    struct elcl_tensors *tensors = NULL;
    const char *name;
    int rc = elcl_ct2_tensors_open(path, &tensors, err);
    CHECK(!rc == (tensors != NULL), "output with code %d", rc);
    for (size_t i = 0; !rc && (name = elcl_ct2_tensors_name(tensors, i)); i++)
        rc = elcl_tensors_load(tensors, elcl_tensors_find(tensors, name), err);
    elcl_tensors_close(&tensors);
    return rc;
}

/* The configuration and the tokenizer of a directory. */
static int use_directory(const char *speech, elcl_error *err)
{
    char path[512];
    snprintf(path, sizeof(path), speech ? "%s" : "%s/tests/golden/ct2-marian",
             speech ? speech : check_root());
    cJSON *config = NULL, *generation = NULL;
    struct elcl_tokenizer *t = NULL;
    int rc = elcl_ct2_config(path, &config, &generation, err);
    CHECK(!rc == (config != NULL), "output with code %d", rc);
    CHECK((!rc && speech != NULL) == (generation != NULL), "output with code %d", rc);
    if (!rc)
        rc = elcl_ct2_tokenizer_load(path, &t, err);
    CHECK(!rc == (t != NULL), "output with code %d", rc);
    elcl_tokenizer_destroy(&t);
    cJSON_Delete(config);
    cJSON_Delete(generation);
    return rc;
}

static int use_ctranslate2_directory(elcl_error *err)
{
    return use_directory(NULL, err);
}

static char speech_directory[512];

/* Writes a Whisper of six tokens. */
static void write_speech_directory(void)
{
    size_t n = 0;
    char *model = read_golden_file("tests/fuzz/seeds/ctranslate2/whisper.bin", &n);
    snprintf(speech_directory, sizeof(speech_directory), "%s", directory("speech"));
    write_file("speech/model.bin", model, n);
    write_text("speech/vocabulary.txt",
               "a\nb\nab\n<|endoftext|>\n<|startoftranscript|>\n<|notimestamps|>\n");
    write_text("speech/config.json", "{\"alignment_heads\":[[0,1]]}");
    elcl_free(model);
}

static int use_speech_directory(elcl_error *err)
{
    return use_directory(speech_directory, err);
}

/* The tensors, the configuration and the tokenizer of a file of whisper.cpp. */
static int use_ggml(elcl_error *err)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/tests/fuzz/seeds/ggml/small.bin", check_root());
    struct elcl_tensors *tensors = NULL;
    struct elcl_tokenizer *t = NULL;
    cJSON *config = NULL, *generation = NULL;
    const char *name;
    int rc = elcl_ggml_tensors_open(path, &tensors, err);
    CHECK(!rc == (tensors != NULL), "output with code %d", rc);
    for (size_t i = 0; !rc && (name = elcl_tensors_name(tensors, i)); i++)
        rc = elcl_tensors_load(tensors, elcl_tensors_find(tensors, name), err);
    elcl_tensors_close(&tensors);
    if (!rc)
        rc = elcl_ggml_config(path, &config, &generation, err);
    CHECK(!config == !generation, "half of the configuration");
    if (!rc)
        rc = elcl_ggml_tokenizer_load(path, &t, err);
    CHECK(!rc == (t != NULL), "output with code %d", rc);
    elcl_tokenizer_destroy(&t);
    cJSON_Delete(config);
    cJSON_Delete(generation);
    return rc;
}

/* The same of a GGUF file; one tensor has a type that is refused. */
static int use_gguf(elcl_error *err)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/tests/fuzz/seeds/gguf/small.gguf", check_root());
    struct elcl_tensors *tensors = NULL;
    struct elcl_tokenizer *t = NULL;
    cJSON *config = NULL;
    const char *name;
    int rc = elcl_gguf_tensors_open(path, &tensors, err);
    CHECK(!rc == (tensors != NULL), "output with code %d", rc);
    for (size_t i = 0; !rc && (name = elcl_tensors_name(tensors, i)); i++)
        if (!elcl_tensors_refusal(tensors, name))
            rc = elcl_tensors_load(tensors, elcl_tensors_find(tensors, name), err);
    elcl_tensors_close(&tensors);
    if (!rc)
        rc = elcl_gguf_config(path, &config, err);
    if (!rc)
        rc = elcl_gguf_tokenizer_load(path, &t, err);
    CHECK(!rc == (t != NULL), "output with code %d", rc);
    elcl_tokenizer_destroy(&t);
    cJSON_Delete(config);
    return rc;
}

static int use_gguf_bytes(elcl_error *err)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/tests/fuzz/seeds/gguf/bytes.gguf", check_root());
    struct elcl_tokenizer *t = NULL;
    const int rc = elcl_gguf_tokenizer_load(path, &t, err);
    CHECK(!rc == (t != NULL), "output with code %d", rc);
    elcl_tokenizer_destroy(&t);
    return rc;
}

static int use_old_pytorch(elcl_error *err)
{
    static const char file[] = BEGIN "\x80\2}" PAIR(
        "w", TENSOR(WHOLE, "K\0", "K\2K\3\x86", "K\3K\1\x86")) "s." KEYS COUNT
                                                               "aaaaaaaaaaaaaaaaaaaaaaaa";
    struct elcl_tensors *tensors = NULL;
    const int rc = elcl_pytorch_open_memory(file, sizeof(file) - 1, "f", &tensors, err);
    CHECK(!rc == (tensors != NULL), "output with code %d", rc);
    elcl_tensors_close(&tensors);
    return rc;
}

static int use_config(elcl_error *err)
{
    static const char model[] = "{\"model_type\":\"bart\",\"d_model\":4}";
    static const char generation[] = "{\"num_beams\":4}";
    struct elcl_config config = {0};
    const int rc =
        elcl_config_parse(model, strlen(model), generation, strlen(generation), &config, err);
    CHECK(!rc == (config.model != NULL), "output with code %d", rc);
    elcl_config_finish(&config);
    return rc;
}

static int use_direction(elcl_error *err)
{
    char path[512];
    elcl_direction direction;
    snprintf(path, sizeof(path), "%s/tests/golden/pieces/marian", check_root());
    return elcl_direction_read(path, &direction, err);
}

static int use_tokenizer(const struct texts *texts, elcl_error *err)
{
    struct elcl_tokenizer *t = NULL;
    int32_t *ids = NULL;
    size_t n = 0;
    char *text = NULL;
    int rc = build(texts, &t, err);
    CHECK(!rc == (t != NULL), "output with code %d", rc);
    if (!rc) {
        rc = elcl_tokenizer_encode(t, "abab <s>", 8, &ids, &n, err);
        CHECK(!rc == (ids != NULL), "output with code %d", rc);
    }
    if (!rc) {
        rc = elcl_tokenizer_decode(t, ids, n, false, &text, err);
        CHECK(!rc == (text != NULL), "output with code %d", rc);
    }
    elcl_free(text);
    elcl_free(ids);
    elcl_tokenizer_destroy(&t);
    return rc;
}

static int use_vocab(elcl_error *err)
{
    return use_tokenizer(&(struct texts){.vocab = BART_VOCAB,
                                         .merges = BART_MERGES,
                                         .config = "{\"add_prefix_space\":true}",
                                         .special_map = "{\"eos_token\":\"<s>\"}",
                                         .added_tokens = "{\"x\":20}"},
                         err);
}

static int use_json(elcl_error *err)
{
    return use_tokenizer(
        &(struct texts){.json = JSON_HEAD JSON_BYTES JSON_PRE JSON_MODEL "\"merges\":[\"a b\"]}}",
                        .config = "{\"add_prefix_space\":true}"},
        err);
}

/* Every part that a tokenizer.json without byte-level BPE may have. */
static int use_unigram(elcl_error *err)
{
    static const char json[] =
        "{\"added_tokens\":[{\"id\":0,\"content\":\"<s>\",\"special\":true},"
        "{\"id\":5,\"content\":\"<x>\",\"normalized\":true}],"
        "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFKC\"},"
        "{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"AAAAAA==\"},"
        "{\"type\":\"Replace\",\"pattern\":{\"String\":\"q\"},\"content\":\"a\"}]},"
        "\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"\342\226\201\"},"
        "\"decoder\":{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"ByteFallback\"},"
        "{\"type\":\"Metaspace\",\"replacement\":\"\342\226\201\"}]},"
        "\"model\":{\"type\":\"Unigram\",\"unk_id\":1,\"vocab\":[[\"<s>\",0],[\"<unk>\",0],"
        "[\"a\",-1],[\"ab\",-2],[\"\342\226\201\",-3]]}}";
    return use_tokenizer(&(struct texts){.json = json}, err);
}

/* Raw samples and their features. */
static int use_sound(elcl_error *err)
{
    static const int16_t samples[1000] = {1, 2, 3};
    elcl_sound *sound = NULL;
    elcl_sound_info info;
    float *features = NULL;
    size_t n_frames;
    int rc = elcl_sound_from_pcm(samples, 1000, ELCL_PCM_S16, 16000, 1, "x", NULL, &sound, err);
    CHECK(!rc == (sound != NULL), "output with code %d", rc);
    if (!rc) {
        elcl_sound_get_info(sound, &info);
        rc = elcl_features(info.samples, info.n_samples, 0, 80, &features, &n_frames, err);
        CHECK(!rc == (features != NULL), "output with code %d", rc);
    }
    elcl_free(features);
    elcl_sound_destroy(&sound);
    return rc;
}

#ifdef HAS_SPEECH
/* A file of another rate, and one that breaks off. */
static int use_sound_file(const char *seed, const elcl_sound_params *params, elcl_error *err)
{
    static char data[1024];
    elcl_sound *sound = NULL;
    struct elcl_file file;
    char path[512];
    snprintf(path, sizeof(path), "%s/tests/fuzz/seeds/sound/%s", check_root(), seed);
    int rc = elcl_file_open(path, &file, err);
    const size_t n = rc ? 0 : file.bytes - 1; /* without the choice of the fuzz target */
    if (!rc)
        rc = elcl_file_read(&file, 1, data, n, err);
    elcl_file_close(&file);
    if (!rc)
        rc = elcl_sound_read_memory(data, params ? n * 3 / 4 : n, "x", params, &sound, err);
    CHECK(!rc == (sound != NULL), "output with code %d", rc);
    elcl_sound_destroy(&sound);
    return rc;
}

static int use_wav(elcl_error *err)
{
    return use_sound_file("wav", NULL, err);
}

static int use_cut_wav(elcl_error *err)
{
    const elcl_sound_params partial = {.allow_partial = 1};
    return use_sound_file("wav", &partial, err);
}

static int use_ogg(elcl_error *err)
{
    return use_sound_file("opus", NULL, err);
}
#endif

static int use_preprocessor(elcl_error *err)
{
    static const char text[] = "{\"feature_extractor\":{\"feature_size\":128}}";
    struct elcl_preprocessor p;
    return elcl_preprocessor_parse(text, strlen(text), "x", &p, err);
}

/* One letter or sign for each token. */
static int decode_letters(const void *user, const int32_t *ids, size_t n, char **text,
                          elcl_error *err)
{
    struct elcl_str s = {0};
    for (size_t i = 0; i < n; i++)
        elcl_str_text(&s, ((const char *const *)user)[ids[i]]);
    *text = s.data;
    return s.failed ? elcl_fail_nomem(err) : ELCL_OK;
}

/* Words of two segments, with punctuation on both sides and a word of two tokens. */
static int use_words(elcl_error *err)
{
    static const char *const letters[] = {" a", ",", " (", "b", "c"};
    static const int32_t tokens[] = {0, 1, 2, 3, 4};
    static const float values[6 * 8] = {[3] = 1, [12] = 1, [40] = 1}, log_probs[5];
    const struct elcl_word_rows rows = {values, 1, 6, 8, 8};
    struct elcl_timed_words words = {0};
    struct elcl_word_segment segments[] = {{.end = 1, .n_text = 2}, {.end = 2, .n_text = 3}};
    double last_speech = 0;
    int begin[6], rc;
    rc = elcl_word_path(&rows, 0, 6, begin, err);
    if (!rc)
        rc = elcl_word_split(decode_letters, letters, false, tokens, 5, &words, err);
    if (!rc) {
        elcl_words_time(&words, begin, log_probs);
        rc = elcl_words_place(&words, segments, 2, 0, &last_speech, err);
    }
    CHECK(rc || (segments[0].words.n == 1 && segments[1].words.n == 1), "words");
    elcl_timed_words_finish(&words);
    for (int i = 0; i < 2; i++)
        elcl_timed_words_finish(&segments[i].words);
    return rc;
}

static void test_exhaustion(const char *name, int (*use)(elcl_error *err))
{
    if (!check_case("out of memory: %s", name))
        return;
    int rc = -1;
    for (long n = 0; rc && n < 20000; n++) {
        elcl_error err = {0};
        const long before = memory.live;
        memory.left = n;
        memory.armed = true;
        rc = use(&err);
        memory.armed = false;
        CHECK(memory.live == before, "allocation %ld: %ld blocks lost", n, memory.live - before);
        CHECK(!rc || rc == ELCL_E_NOMEM, "allocation %ld: code %d, %s", n, rc, err.msg);
        CHECK(rc == err.code && !rc == !err.msg[0], "allocation %ld: code %d, %s", n, rc, err.msg);
    }
    CHECK(!rc, "still failing: %d", rc);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    cJSON_Hooks hooks = {__wrap_malloc, __wrap_free};
    cJSON_InitHooks(&hooks);
    test_exhaustion("safetensors", use_safetensors);
    test_exhaustion("pytorch", use_pytorch);
    test_exhaustion("pytorch before 1.6", use_old_pytorch);
    test_exhaustion("ctranslate2", use_ctranslate2);
    test_exhaustion("a directory of ctranslate2", use_ctranslate2_directory);
    write_speech_directory();
    test_exhaustion("speech of ctranslate2", use_speech_directory);
    test_exhaustion("whisper.cpp", use_ggml);
    test_exhaustion("GGUF", use_gguf);
    test_exhaustion("GGUF, bytes", use_gguf_bytes);
    test_exhaustion("config", use_config);
    test_exhaustion("languages of a model", use_direction);
    test_exhaustion("vocab.json", use_vocab);
    test_exhaustion("tokenizer.json", use_json);
    test_exhaustion("tokenizer.json of type Unigram", use_unigram);
    test_exhaustion("sound", use_sound);
#ifdef HAS_SPEECH
    test_exhaustion("wav", use_wav);
    test_exhaustion("a wav that breaks off", use_cut_wav);
    test_exhaustion("ogg", use_ogg);
#endif
    test_exhaustion("preprocessor_config.json", use_preprocessor);
    test_exhaustion("words", use_words);
    return check_end();
}
