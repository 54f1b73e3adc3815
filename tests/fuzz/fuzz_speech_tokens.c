/* Input: config.json, generation_config.json and vocab.json after bytes 0xff: the tokens of
 * speech. */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "fuzz.h"
#include "model/model.h"
#include "speech/tokens.h"
#include "text/tokenizer_load.h"

#define VOCABULARY 64
#define LAYERS 3
#define HEADS 2

static void check_ids(const elcl_tokens *list)
{
    for (int i = 0; i < list->n; i++)
        FUZZ_REQUIRE(list->ids[i] >= 0 && list->ids[i] < VOCABULARY);
}

static void check_tokens(const struct elcl_speech_tokens *t)
{
    const int32_t ids[] = {t->sot, t->eot, t->no_timestamps};
    const int32_t others[] = {t->translate, t->transcribe, t->sot_prev, t->sot_lm, t->no_speech};
    for (size_t i = 0; i < ELCL_COUNT(ids); i++)
        FUZZ_REQUIRE(ids[i] >= 0);
    for (size_t i = 0; i < ELCL_COUNT(others); i++)
        FUZZ_REQUIRE(others[i] >= -1 && others[i] < VOCABULARY);
    FUZZ_REQUIRE(t->no_timestamps < VOCABULARY && t->n_timestamps >= 0);
    FUZZ_REQUIRE(t->is_multilingual ? t->n_languages > 0 && t->transcribe >= 0 : !t->n_languages);
    FUZZ_REQUIRE(!t->language ||
                 (t->language >= t->languages && t->language < t->languages + t->n_languages));
    for (size_t i = 0; i < t->n_languages; i++)
        FUZZ_REQUIRE(t->languages[i].id < VOCABULARY && t->languages[i].name &&
                     strlen(t->languages[i].code) < sizeof(t->languages[i].code));
    for (size_t i = 0; i < t->n_alignment_heads; i++)
        FUZZ_REQUIRE(t->alignment_heads[i].layer < LAYERS && t->alignment_heads[i].head < HEADS);
    FUZZ_REQUIRE(t->n_alignment_heads > 0);
    check_ids(&t->suppress);
    check_ids(&t->begin_suppress);
}

static struct elcl_tokenizer *open_tokenizer(char *vocab, size_t n)
{
    struct elcl_text_file files[ELCL_N_TOKENIZER_FILES] = {{0}};
    static char names[ELCL_N_TOKENIZER_FILES][8];
    static char model[] = "{\"model_type\":\"whisper\"}", merges[] = "";
    struct elcl_tokenizer *t = NULL;
    elcl_error err = {0};
    for (int i = 0; i < ELCL_N_TOKENIZER_FILES; i++)
        files[i].path = strcpy(names[i], "input");
    files[ELCL_FILE_VOCAB].data = vocab;
    files[ELCL_FILE_VOCAB].n = n;
    files[ELCL_FILE_MERGES].data = merges;
    files[ELCL_FILE_MODEL].data = model;
    files[ELCL_FILE_MODEL].n = sizeof(model) - 1;
    fuzz_check_error(elcl_tokenizer_build(files, &t, &err), &err);
    return t;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    size_t n_model = 0, n_generation = 0, n_vocab = 0;
    char *model = fuzz_next(&data, &n, &n_model);
    char *generation = fuzz_next(&data, &n, &n_generation);
    char *vocab = fuzz_next(&data, &n, &n_vocab);
    struct elcl_model m = {
        .arch = {.vocabulary = VOCABULARY, .decoder_layers = LAYERS, .decoder_heads = HEADS}};
    elcl_error ignored = {0}, err = {0};
    if (model &&
        !elcl_config_parse(model, n_model, generation, n_generation, &m.config, &ignored) &&
        !elcl_config_gen_options(&m.config, VOCABULARY, &m.defaults, &ignored)) {
        struct elcl_speech_tokens tokens = {0};
        m.tokenizer = vocab ? open_tokenizer(vocab, n_vocab) : NULL;
        const int rc = elcl_speech_tokens_read(&m, &tokens, &err);
        fuzz_check_error(rc, &err);
        if (!rc)
            check_tokens(&tokens);
        elcl_speech_tokens_finish(&tokens);
    }
    elcl_tokenizer_destroy(&m.tokenizer);
    elcl_config_finish(&m.config);
    free(model);
    free(generation);
    free(vocab);
    return 0;
}
