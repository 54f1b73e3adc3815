#include "tokenizer_texts.h"

#include <string.h>

#include "base/utf8.h"
#include "text/core.h"
#include "text/text_stream.h"

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

enum { STREAMS = 60, LONGEST = 24 };

/* Half of them are short: bytes, punctuation and parts of endings, which depend on neighbors. */
static int32_t draw_id(const struct elcl_tokenizer *t)
{
    int32_t id = 0;
    for (int tries = 0; tries < 40; tries++) {
        size_t n = 0;
        id = check_int(0, elcl_tokenizer_target_size(t) - 1);
        const char *s = elcl_tokenizer_token(t, id, true, &n);
        if (tries % 2 || (s && n < 4) || (s && n == 6 && !memcmp(s, "<0x", 3)))
            break;
    }
    return id;
}

/* Adds the ids in random parts and joins the texts. Returns the bytes before the end. */
static size_t stream_ids(elcl_text_stream *stream, const int32_t *ids, size_t n,
                         struct elcl_str *all)
{
    const char *text = NULL;
    elcl_error err = {0};
    for (size_t i = 0; i < n;) {
        const size_t part = (size_t)check_int(1, (int)elcl_min_int(3, (int)(n - i)));
        if (!CHECK(!elcl_text_stream_add(stream, ids + i, part, &text, &err), "%s", err.msg))
            return 0;
        CHECK(elcl_utf8_check(text, strlen(text)) == strlen(text), "half a character");
        elcl_str_text(all, text);
        i += part;
    }
    const size_t early = all->n;
    if (CHECK(!elcl_text_stream_end(stream, &text, &err), "%s", err.msg))
        elcl_str_text(all, text);
    return early;
}

static void check_streams(const struct elcl_tokenizer *t)
{
    const bool late =
        t->kind == &elcl_kind_json && elcl_decoder_reach(&t->decoder) == ELCL_REACH_ALL;
    elcl_text_stream *stream = NULL;
    size_t n_early = 0, n_all = 0;
    elcl_error err = {0};
    CHECK(!elcl_text_stream_of(t, &stream, &err), "%s", err.msg);
    for (int k = 0; stream && k < STREAMS; k++) {
        int32_t ids[LONGEST];
        const size_t n = (size_t)check_int(1, LONGEST);
        struct elcl_str all = {0};
        char *want = NULL;
        for (size_t i = 0; i < n; i++)
            ids[i] = draw_id(t);
        n_early += stream_ids(stream, ids, n, &all);
        n_all += all.n;
        if (CHECK(!elcl_tokenizer_decode(t, ids, n, true, &want, &err), "%s", err.msg))
            CHECK(!strcmp(all.data ? all.data : "", want), "stream %d: \"%.200s\", want \"%.200s\"",
                  k, all.data ? all.data : "", want);
        elcl_free(want);
        elcl_str_finish(&all);
    }
    CHECK(late || 2 * n_early >= n_all, "%zu of %zu bytes came before the end", n_early, n_all);
    elcl_text_stream_destroy(&stream);
}

void check_stream(struct elcl_tokenizer *t)
{
    for (int i = 0; t && i < 2; i++) {
        check_streams(t);
        t->clean_up = !t->clean_up;
    }
}
