#include "tokenizer_texts.h"

#include <string.h>

int build(const struct texts *texts, struct elcl_tokenizer **t, elcl_error *err)
{
    struct elcl_text_file files[ELCL_N_TOKENIZER_FILES];
    const char *const contents[ELCL_N_TOKENIZER_FILES] = {
        [ELCL_FILE_TOKENIZER] = texts->json,
        [ELCL_FILE_VOCAB] = texts->vocab,
        [ELCL_FILE_MERGES] = texts->merges,
        [ELCL_FILE_CONFIG] = texts->config,
        [ELCL_FILE_SPECIAL_MAP] = texts->special_map,
        [ELCL_FILE_ADDED_TOKENS] = texts->added_tokens,
        [ELCL_FILE_MODEL] = texts->model,
    };
    for (int i = 0; i < ELCL_N_TOKENIZER_FILES; i++) {
        files[i].path = (char *)(uintptr_t)elcl_tokenizer_file_names[i];
        files[i].data = (char *)(uintptr_t)contents[i];
        files[i].n = contents[i] ? strlen(contents[i]) : 0;
    }
    return elcl_tokenizer_build(files, t, err);
}

struct elcl_tokenizer *must_build(const struct texts *texts)
{
    struct elcl_tokenizer *t = NULL;
    elcl_error err = {0};
    const int rc = build(texts, &t, &err);
    if (rc && strstr(err.msg, "-Doniguruma=enabled"))
        check_skip("built without Oniguruma");
    else
        CHECK(!rc && t, "%s", err.msg);
    return t;
}

void check_refused(const struct texts *texts, int code, const char *message)
{
    struct elcl_tokenizer *t = NULL;
    elcl_error err = {0};
    const int rc = build(texts, &t, &err);
    CHECK(rc == code && !t, "code %d, want %d", rc, code);
    CHECK(strstr(err.msg, message) != NULL, "\"%s\"", err.msg);
    elcl_tokenizer_destroy(&t);
}

void check_encode_n(const struct elcl_tokenizer *t, const char *text, size_t n, const char *want)
{
    int32_t *ids = NULL;
    size_t n_ids = 0;
    elcl_error err = {0};
    struct elcl_str got = {0};
    if (!t ||
        !CHECK(!elcl_tokenizer_encode(t, text, n, &ids, &n_ids, &err), "%s: %s", text, err.msg))
        return;
    elcl_str_append(&got, "", 0);
    for (size_t i = 0; i < n_ids; i++)
        elcl_str_printf(&got, "%s%d", i ? " " : "", (int)ids[i]);
    CHECK(!strcmp(got.data, want), "\"%s\": %s, want %s", text, got.data, want);
    elcl_str_finish(&got);
    elcl_free(ids);
}

void check_encode(const struct elcl_tokenizer *t, const char *text, const char *want)
{
    check_encode_n(t, text, strlen(text), want);
}

void check_texts(const struct texts *texts, const char *text, const char *want)
{
    struct elcl_tokenizer *t = must_build(texts);
    check_encode(t, text, want);
    elcl_tokenizer_destroy(&t);
}

void check_decode(const struct elcl_tokenizer *t, const int32_t *ids, size_t n, bool skip,
                  const char *want)
{
    char *text = NULL;
    elcl_error err = {0};
    if (!t || !CHECK(!elcl_tokenizer_decode(t, ids, n, skip, &text, &err), "%s", err.msg))
        return;
    CHECK(!strcmp(text, want), "\"%s\", want \"%s\"", text, want);
    elcl_free(text);
}
