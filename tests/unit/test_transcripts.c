/* Transcripts as files, against those of openai-whisper (golden/make_transcripts.py). */
#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

#include "base/util.h"
#include "check.h"
#include "common/transcripts.h"
#include "files.h"

#define MAX_SEGMENTS 16
#define MAX_WORDS 32

struct loaded {
    elcl_transcript transcript;
    elcl_segment segments[MAX_SEGMENTS];
    elcl_word words[MAX_SEGMENTS][MAX_WORDS];
    int32_t tokens[MAX_SEGMENTS][4];
};

static const cJSON *get(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

static double number(const cJSON *object, const char *key)
{
    const cJSON *value = get(object, key);
    return value ? value->valuedouble : 0;
}

static const char *string(const cJSON *object, const char *key)
{
    return cJSON_GetStringValue(get(object, key));
}

static void load_segment(const cJSON *from, struct loaded *l, size_t i)
{
    const cJSON *words = get(from, "words"), *item;
    elcl_segment *s = &l->segments[i];
    *s = (elcl_segment){.id = (int)number(from, "id"),
                        .seek = (int)number(from, "seek"),
                        .start = number(from, "start"),
                        .end = number(from, "end"),
                        .text = string(from, "text"),
                        .tokens = l->tokens[i],
                        .temperature = (float)number(from, "temperature"),
                        .avg_logprob = (float)number(from, "avg_logprob"),
                        .compression_ratio = (float)number(from, "compression_ratio"),
                        .no_speech_prob = (float)number(from, "no_speech_prob"),
                        .words = cJSON_GetArraySize(words) ? l->words[i] : NULL};
    cJSON_ArrayForEach(item, get(from, "tokens")) l->tokens[i][s->n_tokens++] =
        (int32_t)item->valuedouble;
    cJSON_ArrayForEach(item, words) l->words[i][s->n_words++] =
        (elcl_word){.text = string(item, "word"),
                    .start = number(item, "start"),
                    .end = number(item, "end"),
                    .probability = (float)number(item, "probability")};
}

static void load(const cJSON *from, struct loaded *l)
{
    const cJSON *item;
    *l = (struct loaded){.transcript = {.language = string(from, "language"),
                                        .text = string(from, "text"),
                                        .segments = l->segments}};
    cJSON_ArrayForEach(item, get(from, "segments"))
        load_segment(item, l, l->transcript.n_segments++);
}

/* Numbers of 32 bits are written as such. */
static bool same_json(const cJSON *a, const cJSON *b)
{
    if (cJSON_IsNumber(a) && cJSON_IsNumber(b))
        return a->valuedouble == b->valuedouble || (float)a->valuedouble == (float)b->valuedouble;
    if (a->type != b->type || cJSON_GetArraySize(a) != cJSON_GetArraySize(b))
        return false;
    if (cJSON_IsString(a) && strcmp(a->valuestring, b->valuestring) != 0)
        return false;
    for (a = a->child, b = b->child; a && b; a = a->next, b = b->next)
        if ((a->string && strcmp(a->string, b->string) != 0) || !same_json(a, b))
            return false;
    return true;
}

static void compare(const char *got, const char *want, bool json)
{
    if (!json) {
        size_t at = 0;
        while (got[at] && got[at] == want[at])
            at++;
        CHECK(got[at] == want[at], "byte %zu: '%.60s', expected '%.60s'", at, got + at, want + at);
        return;
    }
    cJSON *a = cJSON_Parse(got), *b = cJSON_Parse(want);
    CHECK(a && b && same_json(a, b), "%s\nexpected\n%s", got, want);
    cJSON_Delete(a);
    cJSON_Delete(b);
}

static enum cli_transcript_format format_of(const char *name)
{
    int format = 0;
    while (strcmp(cli_transcript_name((enum cli_transcript_format)format), name) != 0)
        format++;
    return (enum cli_transcript_format)format;
}

static void test_case(const struct loaded *loaded, const cJSON *golden, int i)
{
    const cJSON *given = get(golden, "options");
    const char *name = string(golden, "format");
    const struct cli_subtitle_options options = {
        .max_line_width = (int)number(given, "max_line_width"),
        .max_line_count = (int)number(given, "max_line_count"),
        .max_words_per_line = (int)number(given, "max_words_per_line"),
        .highlight_words = cJSON_IsTrue(get(given, "highlight_words"))};
    if (!check_case("transcripts: %s, case %d", name, i))
        return;
    struct elcl_str out = {0};
    cli_transcript_write(format_of(name), &loaded[(int)number(golden, "transcript")].transcript,
                         &options, &out);
    if (CHECK(!out.failed && out.data, "no memory"))
        compare(out.data, string(golden, "text"), !strcmp(name, "json"));
    elcl_str_finish(&out);
}

static void test_golden(void)
{
    static struct loaded loaded[2];
    size_t n = 0;
    char *text = read_golden_file("tests/golden/transcripts.json", &n);
    cJSON *root = text ? cJSON_ParseWithLength(text, n) : NULL;
    const cJSON *item, *transcripts = get(root, "transcripts");
    int i = 0;
    for (int t = 0; root && t < 2; t++)
        load(cJSON_GetArrayItem(transcripts, t), &loaded[t]);
    cJSON_ArrayForEach(item, get(root, "cases")) test_case(loaded, item, i++);
    if (check_case("transcripts: the goldens are there"))
        CHECK(i == 16, "%d cases", i);
    cJSON_Delete(root);
    elcl_free(text);
}

static void check_written(enum cli_transcript_format format, const elcl_transcript *t,
                          const char *want)
{
    const struct cli_subtitle_options none = {0};
    struct elcl_str out = {0};
    cli_transcript_write(format, t, &none, &out);
    CHECK(out.data ? !strcmp(out.data, want) : !*want, "'%s', expected '%s'",
          out.data ? out.data : "", want);
    elcl_str_finish(&out);
}

/* What whisper has no writer for, or no number. */
static void test_others(void)
{
    if (!check_case("transcripts: lyrics, and files without segments"))
        return;
    const elcl_segment segments[] = {{.start = 1.994, .text = " one"},
                                     {.start = 59.996, .text = " two "},
                                     {.start = 6000,
                                      .end = 6000.1,
                                      .text = "\xff",
                                      .compression_ratio = NAN,
                                      .no_speech_prob = NAN}};
    const elcl_transcript t = {.segments = segments, .n_segments = 3, .text = ""},
                          none = {.text = ""};
    check_written(CLI_TRANSCRIPT_LRC, &t, "[00:01.99]one\n[01:00.00]two\n[100:00.00]\xff\n");
    check_written(CLI_TRANSCRIPT_TXT, &none, "");
    check_written(CLI_TRANSCRIPT_SRT, &none, "");
    check_written(CLI_TRANSCRIPT_VTT, &none, "WEBVTT\n\n");
    check_written(CLI_TRANSCRIPT_TSV, &none, "start\tend\ttext\n");
    check_written(CLI_TRANSCRIPT_JSON, &none,
                  "{\"text\": \"\", \"segments\": [], \"language\": null}\n");
    const elcl_transcript last = {.segments = segments + 2, .n_segments = 1, .text = ""};
    check_written(
        CLI_TRANSCRIPT_JSON, &last,
        "{\"text\": \"\", \"segments\": [{\"id\": 0, \"seek\": 0, \"start\": 6000, "
        "\"end\": 6000.1, \"text\": \"\xef\xbf\xbd\", \"tokens\": [], \"temperature\": 0, "
        "\"avg_logprob\": 0, \"compression_ratio\": null, \"no_speech_prob\": null}], "
        "\"language\": null}\n");
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_golden();
    test_others();
    return check_end();
}
