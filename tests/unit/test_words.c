/* Times of words against openai-whisper's and faster-whisper's functions (golden/make_words.py). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "base/util.h"
#include "check.h"
#include "files.h"
#include "format/json.h"
#include "speech/words.h"

#define MOST 64 /* tokens of a window, and states of a path that begin */

static double number(const cJSON *object, const char *key)
{
    return elcl_json_get(object, key)->valuedouble;
}

/* ---- paths ----------------------------------------------------------------------------------- */

static float *make_rows(const cJSON *g, int heads, int rows, int ld)
{
    float *out = elcl_calloc((size_t)heads * (size_t)rows * (size_t)ld, sizeof(*out)), *at = out;
    uint32_t state = (uint32_t)number(g, "seed");
    for (int i = 0; out && i < heads * rows; i++)
        for (int j = 0; j < ld; j++) {
            state = state * 1664525u + 1013904223u;
            const float u = (float)(state >> 8) * 0x1p-24f;
            *at++ = u * u + (abs(j * rows - i % rows * ld) < 2 * ld ? 0.25f : 0.0f);
        }
    return out;
}

static void test_paths(const cJSON *golden)
{
    for (const cJSON *g = elcl_json_get(golden, "paths")->child; g; g = g->next) {
        struct elcl_word_rows rows = {.n_heads = (int)number(g, "heads"),
                                      .n_rows = (int)number(g, "rows"),
                                      .ld = (int)number(g, "ld"),
                                      .n_states = (int)number(g, "states")};
        const int n = (int)number(g, "n");
        const cJSON *want = elcl_json_get(g, "begin")->child;
        int begin[MOST];
        elcl_error err = {0};
        if (!check_case("path: %d heads, %d rows, %d states", rows.n_heads, rows.n_rows,
                        rows.n_states))
            continue;
        float *all = make_rows(g, rows.n_heads, rows.n_rows, rows.ld);
        rows.rows = all;
        CHECK(all && n <= MOST && !elcl_word_path(&rows, (int)number(g, "first"), n, begin, &err),
              "%s", err.msg);
        for (int i = 0; i < n; i++, want = want->next)
            CHECK(want && begin[i] == want->valueint, "row %d begins at %d", i, begin[i]);
        elcl_free(all);
    }
    if (check_case("path: rows without numbers")) { /* no NaN, and states ascend */
        const float zeros[60] = {0};
        const struct elcl_word_rows rows = {zeros, 1, 3, 20, 20};
        int begin[3];
        CHECK(!elcl_word_path(&rows, 0, 3, begin, NULL), "no memory");
        CHECK(!begin[0] && begin[1] >= 0 && begin[2] >= begin[1] && begin[2] < 20, "%d %d",
              begin[1], begin[2]);
    }
}

/* ---- windows --------------------------------------------------------------------------------- */

/* The tokens of a window: pieces of bytes in hexadecimal. */
static int decode(const void *user, const int32_t *ids, size_t n, char **text, elcl_error *err)
{
    struct elcl_str bytes = {0}, out = {0};
    for (size_t i = 0; i < n; i++) {
        const char *hex = cJSON_GetArrayItem(user, ids[i])->valuestring;
        for (; *hex; hex += 2) {
            const char digits[] = {hex[0], hex[1], '\0'};
            const char byte = (char)strtol(digits, NULL, 16);
            elcl_str_append(&bytes, &byte, 1);
        }
    }
    elcl_str_text(&out, "");
    elcl_utf8_repair(bytes.data, bytes.n, &out);
    elcl_str_finish(&bytes);
    *text = out.data;
    return out.failed ? elcl_fail_nomem(err) : ELCL_OK;
}

/* Splits a window's tokens into words, and gives them their times. */
static bool make_words(const cJSON *g, struct elcl_timed_words *words)
{
    const cJSON *tokens = elcl_json_get(g, "tokens");
    const size_t n = (size_t)cJSON_GetArraySize(tokens);
    int32_t ids[MOST];
    int begin[MOST];
    float log_probs[MOST];
    elcl_error err = {0};
    for (size_t i = 0; i < n; i++) {
        ids[i] = (int32_t)i;
        log_probs[i] =
            logf((float)cJSON_GetArrayItem(elcl_json_get(g, "probabilities"), (int)i)->valuedouble);
    }
    for (size_t i = 0; i <= n; i++)
        begin[i] = cJSON_GetArrayItem(elcl_json_get(g, "begin"), (int)i)->valueint;
    const bool characters = elcl_words_are_characters(elcl_json_get(g, "language")->valuestring);
    if (!CHECK(!elcl_word_split(decode, tokens, characters, ids, n, words, &err), "%s", err.msg))
        return false;
    elcl_words_time(words, begin, log_probs);
    return true;
}

static void compare_segment(const struct elcl_word_segment *got, const cJSON *want)
{
    const cJSON *word = elcl_json_get(want, "words")->child;
    CHECK(fabs(got->start - number(want, "start")) < 1e-6, "start %g", got->start);
    CHECK(fabs(got->end - number(want, "end")) < 1e-6, "end %g", got->end);
    for (size_t i = 0; i < got->words.n; i++, word = word->next) {
        const struct elcl_timed_word *w = &got->words.words[i];
        if (!CHECK(word, "%zu words", got->words.n))
            return;
        const cJSON *text = word->child;
        CHECK(!strcmp(w->text, text->valuestring), "\"%s\", expected \"%s\"", w->text,
              text->valuestring);
        CHECK(fabs(w->start - text->next->valuedouble) < 1e-6, "\"%s\" from %g", w->text, w->start);
        CHECK(fabs(w->end - text->next->next->valuedouble) < 1e-6, "\"%s\" to %g", w->text, w->end);
        CHECK(fabs(w->probability - text->next->next->next->valuedouble) < 2e-6, "\"%s\": %g",
              w->text, w->probability);
    }
    CHECK(!word, "%zu words", got->words.n);
}

static void test_window(const cJSON *g)
{
    struct elcl_timed_words words = {0};
    struct elcl_word_segment segments[4] = {{0}};
    double last = number(g, "last");
    size_t n = 0;
    elcl_error err = {0};
    for (const cJSON *s = elcl_json_get(g, "segments")->child; s; s = s->next)
        segments[n++] = (struct elcl_word_segment){
            .start = number(s, "start"), .end = number(s, "end"), .n_text = (size_t)number(s, "n")};
    if (make_words(g, &words))
        CHECK(!elcl_words_place(&words, segments, n, number(g, "offset"), &last, &err), "%s",
              err.msg);
    CHECK(fabs(last - number(g, "after")) < 1e-6, "speech until %g", last);
    const cJSON *want = elcl_json_get(g, "want")->child;
    for (size_t i = 0; i < n; i++, want = want->next) {
        compare_segment(&segments[i], want);
        elcl_timed_words_finish(&segments[i].words);
    }
    elcl_timed_words_finish(&words);
}

int main(int argc, char **argv)
{
    size_t n = 0;
    check_begin(argc, argv);
    char *text = read_golden_file("tests/golden/words.json", &n);
    cJSON *golden = text ? cJSON_ParseWithLength(text, n) : NULL;
    if (golden) {
        test_paths(golden);
        int i = 0;
        for (const cJSON *g = elcl_json_get(golden, "windows")->child; g; g = g->next)
            if (check_case("window %d", i++))
                test_window(g);
    }
    if (check_case("a window without text")) {
        struct elcl_timed_words words = {0};
        struct elcl_word_segment segment = {.start = 1, .end = 2};
        double last = 0.5;
        CHECK(!elcl_words_place(&words, &segment, 1, 1, &last, NULL), "no words");
        CHECK(segment.start == 1 && segment.end == 2 && last == 0.5 && !segment.words.n, "times");
    }
    cJSON_Delete(golden);
    elcl_free(text);
    return check_end();
}
