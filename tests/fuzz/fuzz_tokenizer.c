/* Input: texts separated by bytes 0xff: tokenizer.json (empty: none), tokenizer_config.json,
 * vocab.json, merges.txt, special_tokens_map.json, added_tokens.json, a text to encode,
 * config.json, vocab-src.json, vocab-tgt.json, and last a SentencePiece model, which may have bytes
 * 0xff. */
#include <stdlib.h>
#include <string.h>

#include "text/tokenizer_load.h"
#include "base/utf8.h"
#include "fuzz.h"

static void check_decode(const struct elcl_tokenizer *t, const int32_t *ids, size_t n)
{
    for (int skip = 0; skip < 2; skip++) {
        char *text = NULL;
        elcl_error err = {0};
        const int rc = elcl_tokenizer_decode(t, ids, n, skip, &text, &err);
        fuzz_check_error(rc, &err);
        FUZZ_REQUIRE(rc || elcl_utf8_check(text, strlen(text)) == strlen(text));
        elcl_free(text);
    }
}

static void check_text(const struct elcl_tokenizer *t, const char *text, size_t n)
{
    int32_t *ids;
    size_t n_ids;
    if (fuzz_encode(t, text, n, &ids, &n_ids))
        return;
    if (elcl_tokenizer_target_size(t) == elcl_tokenizer_size(t))
        check_decode(t, ids, n_ids);
    elcl_free(ids);
}

/* Asks for any language, and for none. */
static void check_wrap(const struct elcl_tokenizer *t, const char *source, const char *target)
{
    struct elcl_wrap wrap = {0};
    elcl_error err = {0};
    fuzz_check_error(elcl_tokenizer_wrap(t, NULL, 0, source, target, &wrap, &err), &err);
    for (int i = 0; i < wrap.n_before; i++)
        FUZZ_REQUIRE(wrap.before[i] >= 0 && wrap.before[i] < elcl_tokenizer_size(t));
    for (int i = 0; i < wrap.n_after; i++)
        FUZZ_REQUIRE(wrap.after[i] >= 0 && wrap.after[i] < elcl_tokenizer_size(t));
}

static void check(const struct elcl_tokenizer *t, const char *text, size_t n)
{
    static const char fixed[] = " it's <s>a<mask> 12 \xc3\xa9\xe3\x80\x80 \xf0\x9f\x98\x80  ab ";
    check_text(t, fixed, sizeof(fixed) - 1);
    check_text(t, text, n);
    check_wrap(t, NULL, NULL);
    check_wrap(t, "en_XX", "de_DE");
    for (int32_t id = 0; id < elcl_tokenizer_target_size(t) && id < 300; id++)
        check_decode(t, &id, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const enum elcl_tokenizer_file order[] = {
        ELCL_FILE_TOKENIZER, ELCL_FILE_CONFIG,       ELCL_FILE_VOCAB,
        ELCL_FILE_MERGES,    ELCL_FILE_SPECIAL_MAP,  ELCL_FILE_ADDED_TOKENS,
        ELCL_FILE_MODEL,     ELCL_FILE_SOURCE_WORDS, ELCL_FILE_TARGET_WORDS,
    };
    static char name[] = "input";
    struct elcl_text_file files[ELCL_N_TOKENIZER_FILES];
    for (int i = 0; i < ELCL_N_TOKENIZER_FILES; i++)
        files[i] = (struct elcl_text_file){.path = name};
    size_t n_text = 0;
    char *text = NULL;
    for (size_t i = 0; i < ELCL_COUNT(order); i++) {
        struct elcl_text_file *file = &files[order[i]];
        if (order[i] == ELCL_FILE_MODEL)
            text = fuzz_next(&data, &n, &n_text);
        file->data = fuzz_next(&data, &n, &file->n);
        if (file->data && !file->n) {
            free(file->data);
            file->data = NULL;
        }
    }
    if (data && n) {
        files[ELCL_FILE_SPM].data = fuzz_copy(data, n);
        files[ELCL_FILE_SPM].n = n;
    }
    struct elcl_tokenizer *t = NULL;
    elcl_error err = {0};
    if (files[ELCL_FILE_TOKENIZER].data || files[ELCL_FILE_SPM].data ||
        files[ELCL_FILE_SOURCE_WORDS].data ||
        (files[ELCL_FILE_VOCAB].data && files[ELCL_FILE_MERGES].data)) {
        const int rc = elcl_tokenizer_build(files, &t, &err);
        fuzz_check_error(rc, &err);
        FUZZ_REQUIRE(!rc == (t != NULL));
    }
    if (t)
        check(t, text ? text : "", n_text);
    elcl_tokenizer_destroy(&t);
    for (int i = 0; i < ELCL_N_TOKENIZER_FILES; i++)
        free(files[i].data);
    free(text);
    return 0;
}
