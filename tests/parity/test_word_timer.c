/* Times of words by a model, beside made-up encoder outputs (golden/make_words.py). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "parity/common.h"
#include "speech/word_timer.h"

#define SEGMENTS 2
#define MOST 64 /* tokens */

/* rows_of() of make_words.py, spread out. */
static float *make_rows(uint32_t state, int rows, int width)
{
    float *out = elcl_calloc((size_t)rows * (size_t)width, sizeof(*out)), *at = out;
    for (int r = 0; out && r < rows; r++)
        for (int j = 0; j < width; j++) {
            state = state * 1664525u + 1013904223u;
            const float u = (float)(state >> 8) * 0x1p-24f;
            *at++ = (u * u + (abs(j * rows - r * width) < 2 * width ? 0.25f : 0.0f) - 0.5f) * 12.0f;
        }
    return out;
}

static double number(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItem(object, key)->valuedouble;
}

static void compare(const struct elcl_cut *cut, const elcl_word *words, size_t n, const cJSON *want)
{
    const cJSON *word = cJSON_GetObjectItem(want, "words")->child;
    CHECK(fabs(cut->start - number(want, "start")) < 1e-6, "start %g", cut->start);
    CHECK(fabs(cut->end - number(want, "end")) < 1e-6, "end %g", cut->end);
    for (size_t i = 0; i < n; i++, word = word->next) {
        if (!CHECK(word, "%zu words", n))
            return;
        const cJSON *text = word->child, *start = text->next, *end = start->next;
        const double p = end->next->valuedouble;
        CHECK(!strcmp(words[i].text, text->valuestring), "\"%s\", expected \"%s\"", words[i].text,
              text->valuestring);
        CHECK(fabs(words[i].start - start->valuedouble) < 1e-6, "from %g", words[i].start);
        CHECK(fabs(words[i].end - end->valuedouble) < 1e-6, "to %g", words[i].end);
        CHECK(fabs((double)words[i].probability - p) < 2e-6 + 1e-4 * p, "probability %g, stored %g",
              (double)words[i].probability, p);
    }
    CHECK(!word, "%zu words", n);
}

/* Reads the window's tokens into ids, and where its segments are in them. */
static void read_tokens(const cJSON *g, int32_t *ids, struct elcl_cut *cuts)
{
    size_t n = 0;
    for (int i = 0; i < SEGMENTS; i++) {
        const cJSON *token = cJSON_GetArrayItem(cJSON_GetObjectItem(g, "tokens"), i)->child;
        cuts[i] = (struct elcl_cut){.start = i ? 3.4 : 3, .end = i ? 4 : 3.4, .first = n};
        for (; token && n < MOST; token = token->next)
            ids[n++] = token->valueint;
        cuts[i].n = n - cuts[i].first;
    }
}

static void test_window(struct elcl_word_timer *timer, const struct elcl_arch *arch, const cJSON *g)
{
    const cJSON *start = cJSON_GetObjectItem(g, "start")->child;
    int32_t ids[MOST];
    struct elcl_cut cuts[SEGMENTS];
    elcl_word *words[SEGMENTS] = {NULL};
    size_t n_words[SEGMENTS] = {0};
    elcl_error err = {0};
    read_tokens(g, ids, cuts);
    float *rows = make_rows((uint32_t)number(g, "seed"), arch->max_positions, arch->d);
    struct elcl_timed timed = {.cuts = cuts,
                               .words = words,
                               .n_words = n_words,
                               .n = SEGMENTS,
                               .tokens = ids,
                               .span = {300, (size_t)number(g, "frames")},
                               .source_rows = rows,
                               .n_source = (size_t)arch->max_positions,
                               .language = start->next ? start->next->valueint : -1,
                               .task = start->next ? start->next->next->valueint : -1,
                               .language_code = "en",
                               .last_speech = 3};
    CHECK(!elcl_word_timer_run(timer, &timed, &err), "%s", err.msg);
    for (int i = 0; i < SEGMENTS; i++) {
        compare(&cuts[i], words[i], n_words[i],
                cJSON_GetArrayItem(cJSON_GetObjectItem(g, "want"), i));
        elcl_words_free(words[i], n_words[i]);
    }
    elcl_free(rows);
}

/* A window whose tokens are all times, and one with more text than the decoder has positions. */
static void test_extremes(struct elcl_word_timer *timer, const struct elcl_arch *arch,
                          const struct elcl_speech_tokens *tokens)
{
    int32_t ids[MOST + 16];
    float *rows = make_rows(1, arch->max_positions, arch->d);
    for (int text = 0; text < 2; text++) {
        struct elcl_cut cut = {.start = 1, .end = 2, .n = ELCL_COUNT(ids)};
        elcl_word *words = NULL;
        size_t n_words = 0;
        elcl_error err = {0};
        struct elcl_timed timed = {.cuts = &cut,
                                   .words = &words,
                                   .n_words = &n_words,
                                   .n = 1,
                                   .tokens = ids,
                                   .span = {100, 1},
                                   .source_rows = rows,
                                   .n_source = (size_t)arch->max_positions,
                                   .language = -1,
                                   .task = -1,
                                   .language_code = "en"};
        for (size_t i = 0; i < ELCL_COUNT(ids); i++)
            ids[i] = text ? 65 : tokens->timestamp_begin;
        CHECK(!elcl_word_timer_run(timer, &timed, &err), "%s", err.msg);
        CHECK((n_words > 0) == text, "%zu words", n_words);
        elcl_words_free(words, n_words);
    }
    elcl_free(rows);
}

static void test_model(const cJSON *golden, const char *name, enum elcl_attention attention,
                       const struct check_options *options)
{
    const struct setup setup = {
        .attention = attention, .kernels = ELCL_KERNELS_CPU, .gemm = ELCL_GEMM_NATIVE};
    struct elcl_speech_tokens tokens = {0};
    struct elcl_word_timer *timer = NULL;
    char directory[512];
    elcl_error err = {0};
    if (!setup_case("word times", name, &setup))
        return;
    snprintf(directory, sizeof(directory), "%s/tests/golden/%s", check_root(), name);
    elcl_model *model = setup_open(directory, &setup, options);
    if (model && CHECK(!elcl_speech_tokens_read(model, &tokens, &err), "%s", err.msg) &&
        CHECK(!elcl_word_timer_create(model, &tokens, &timer, &err), "%s", err.msg)) {
        const cJSON *g;
        cJSON_ArrayForEach(g, cJSON_GetObjectItem(golden, "models"))
        {
            if (!strcmp(cJSON_GetObjectItem(g, "name")->valuestring, name))
                test_window(timer, &model->arch, g);
        }
        test_extremes(timer, &model->arch, &tokens);
    }
    elcl_word_timer_destroy(&timer);
    elcl_speech_tokens_finish(&tokens);
    setup_close(&model);
}

int main(int argc, char **argv)
{
    const struct check_options *options = check_begin(argc, argv);
    char path[512];
    snprintf(path, sizeof(path), "%s/tests/golden/words.json", check_root());
    cJSON *golden = read_json(path);
    for (size_t a = 0; golden && a < ELCL_COUNT(all_variants); a++)
        test_model(golden, "tiny-whisper", all_variants[a], options);
    if (golden)
        test_model(golden, "tiny-whisper-128", ELCL_ATTN_EL, options);
    cJSON_Delete(golden);
    return check_end();
}
