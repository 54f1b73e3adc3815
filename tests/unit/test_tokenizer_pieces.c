/* Compares SentencePiece, Unigram, Marian and FSMT tokenizers with transformers
 * (golden/make_pieces.py): hashes of ids and of decoded texts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "base/util.h"
#include "check.h"
#include "files.h"
#include "format/json.h"
#include "text/tokenizer.h"
#include "tokenizer_texts.h"

enum { MAX_TEXTS = 4096, MAX_REPORTS = 5 };

struct golden {
    cJSON *strings, *extra;
    const char *texts[MAX_TEXTS];
    int n;
};

static void add_texts(struct golden *g, const cJSON *list)
{
    for (const cJSON *item = list ? list->child : NULL; item && g->n < MAX_TEXTS; item = item->next)
        g->texts[g->n++] = item->valuestring;
}

static void read_golden(struct golden *g)
{
    size_t n = 0;
    char *text = read_golden_file("tests/golden/pieces/extra.json", &n);
    g->strings = read_golden_texts();
    g->extra = text ? cJSON_ParseWithLength(text, n) : NULL;
    add_texts(g, g->strings);
    add_texts(g, elcl_json_get(g->extra, "texts"));
    free(text);
}

static void free_golden(struct golden *g)
{
    cJSON_Delete(g->strings);
    cJSON_Delete(g->extra);
}

static unsigned hash_text(const char *text)
{
    return (unsigned)(elcl_hash(ELCL_HASH_INIT, text, strlen(text)) & 0xffffff);
}

static unsigned hash_ids(const int32_t *ids, size_t n)
{
    uint64_t hash = ELCL_HASH_INIT;
    for (size_t i = 0; i < n; i++) {
        const uint8_t bytes[4] = {(uint8_t)ids[i], (uint8_t)(ids[i] >> 8), (uint8_t)(ids[i] >> 16),
                                  (uint8_t)(ids[i] >> 24)};
        hash = elcl_hash(hash, bytes, 4);
    }
    return (unsigned)(hash & 0xffffff);
}

/* Returns the ids with the special ids around them; freed with free(). */
static int32_t *encode(const struct elcl_tokenizer *t, const char *text, const char *source,
                       const char *target, size_t *n)
{
    int32_t *ids = NULL;
    elcl_error err = {0};
    struct elcl_wrap wrap;
    if (!CHECK(!elcl_tokenizer_encode(t, text, strlen(text), &ids, n, &err), "%s: %s", text,
               err.msg))
        return NULL;
    if (!CHECK(!elcl_tokenizer_wrap(t, ids, *n, source, target, &wrap, &err), "%s", err.msg)) {
        free(ids);
        return NULL;
    }
    const size_t before = (size_t)wrap.n_before, after = (size_t)wrap.n_after;
    int32_t *all = elcl_calloc(*n + before + after, sizeof(*all));
    for (size_t i = 0; all && i < before + *n + after; i++)
        all[i] = i < before        ? wrap.before[i]
                 : i < before + *n ? ids[i - before]
                                   : wrap.after[i - before - *n];
    free(ids);
    *n += before + after;
    return all;
}

static unsigned decode(const struct elcl_tokenizer *t, const int32_t *ids, size_t n, char **text)
{
    elcl_error err = {0};
    *text = NULL;
    if (!CHECK(!elcl_tokenizer_decode(t, ids, n, true, text, &err), "%s", err.msg))
        return 0;
    return hash_text(*text);
}

struct tally {
    int n, bad_ids, bad_texts;
};

static void report(struct tally *tally, int *bad, const char *what, const char *text,
                   const char *got)
{
    if ((*bad)++ < MAX_REPORTS)
        fprintf(stderr, "  %s of text %d: \"%.100s\"%s%.100s\n", what, tally->n, text,
                got ? ": " : "", got ? got : "");
}

static void check_text(const struct elcl_tokenizer *t, const char *text, unsigned want_ids,
                       unsigned want_text, bool separate, struct tally *tally)
{
    size_t n = 0;
    char *again = NULL;
    int32_t *ids = encode(t, text, NULL, NULL, &n);
    if (!ids)
        return;
    if (hash_ids(ids, n) != want_ids)
        report(tally, &tally->bad_ids, "ids", text, NULL);
    else if (!separate && decode(t, ids, n, &again) != want_text)
        report(tally, &tally->bad_texts, "decoding", text, again);
    tally->n++;
    free(again);
    free(ids);
}

/* Draws ids as make_pieces.py does. */
static void check_drawn(const struct elcl_tokenizer *t, const char **lines, int n, int size,
                        struct tally *tally)
{
    int32_t ids[12];
    uint64_t state = 12345;
    for (int k = 0; k < n; k++) {
        char *text = NULL;
        for (int i = 0; i < 12; i++) {
            state = (state * 1103515245 + 12345) & 0x7fffffff;
            ids[i] = (int32_t)((state >> 8) % (uint64_t)size);
        }
        if (decode(t, ids, 12, &text) != strtoul(lines[k], NULL, 16))
            report(tally, &tally->bad_texts, "drawn ids", lines[k], text);
        free(text);
    }
}

static void compare(const struct elcl_tokenizer *t, const struct golden *g, char *rows,
                    bool separate)
{
    struct tally tally = {0};
    const char *lines[MAX_TEXTS];
    int n = 0, size = 0, drawn = 0;
    for (char *s = strtok(rows, "\n"); s && n < MAX_TEXTS; s = strtok(NULL, "\n"))
        lines[n++] = s;
    for (int i = 0; i < g->n && i < n; i++) {
        unsigned ids = 0, text = 0;
        if (!strcmp(lines[i], "-"))
            continue;
        CHECK(sscanf(lines[i], "%6x%6x", &ids, &text) == 2, "row %d", i);
        check_text(t, g->texts[i], ids, text, separate, &tally);
    }
    if (CHECK(n > g->n && sscanf(lines[g->n], "drawn %d", &size) == 1, "%d rows", n)) {
        drawn = n - g->n - 1;
        CHECK(size == elcl_tokenizer_target_size(t), "size %d, want %d",
              (int)elcl_tokenizer_target_size(t), size);
        check_drawn(t, lines + g->n + 1, drawn, size, &tally);
    }
    CHECK(tally.n >= 2000 && drawn >= 200, "only %d texts and %d lists", tally.n, drawn);
    CHECK(!tally.bad_ids && !tally.bad_texts, "%d of %d ids and %d texts differ", tally.bad_ids,
          tally.n, tally.bad_texts);
}

static struct elcl_tokenizer *load(const char *name)
{
    char path[256];
    struct elcl_tokenizer *t = NULL;
    elcl_error err = {0};
    snprintf(path, sizeof(path), "%s/tests/golden/pieces/%s", check_root(), name);
    const int rc = elcl_tokenizer_load(path, &t, &err);
    CHECK(!rc && t, "%s", err.msg);
    return t;
}

/* `stored` is the name of the rows. */
static void test_golden(const struct golden *g, const char *name, const char *stored, bool separate)
{
    char path[256];
    size_t n = 0;
    if (!check_case("transformers: %s", name))
        return;
    snprintf(path, sizeof(path), "tests/golden/pieces/%s.txt", stored);
    struct elcl_tokenizer *t = load(name);
    char *rows = t ? read_golden_file(path, &n) : NULL;
    if (rows)
        compare(t, g, rows, separate);
    free(rows);
    check_stream(t);
    elcl_tokenizer_destroy(&t);
}

/* ---- files that are wrong ------------------------------------------------------------------ */

/* Loads a directory with a copy of `from` (NULL: a file that is no model) as `name`, and a
 * configuration. */
static void test_bad(const char *name, const char *from, const char *config, int code,
                     const char *message)
{
    static int count;
    char at[32], path[64];
    struct elcl_tokenizer *t = NULL;
    elcl_error err = {0};
    size_t n = 0;
    if (!check_case("refused: %s", message))
        return;
    snprintf(at, sizeof(at), "bad-%d", count++);
    const char *dir = directory(at);
    char *model = from ? read_golden_file(from, &n) : NULL;
    snprintf(path, sizeof(path), "%s/%s", at, name);
    write_file(path, from ? model : "no model", from ? n : 8);
    snprintf(path, sizeof(path), "%s/tokenizer_config.json", at);
    write_text(path, config);
    free(model);
    const int rc = elcl_tokenizer_load(dir, &t, &err);
    CHECK(rc == code && !t && strstr(err.msg, message), "code %d: %s", rc, err.msg);
    elcl_tokenizer_destroy(&t);
}

static void test_refused(void)
{
    static const char spm[] = "tests/golden/pieces/t5/spiece.model";
    test_bad("spiece.model", NULL, "{\"tokenizer_class\":\"T5Tokenizer\"}", ELCL_E_FORMAT,
             "spiece.model: expected a SentencePiece model, found something else");
    test_bad("spiece.model", spm, "{\"tokenizer_class\":\"T5Tokenizer\",\"legacy\":false}",
             ELCL_E_UNSUPPORTED, "sets legacy to false");
    test_bad("spiece.model", spm, "{\"tokenizer_class\":\"T5Tokenizer\",\"extra_ids\":-1}",
             ELCL_E_FORMAT, "extra_ids: expected an integer in 0 .. 100000, found -1");
    test_bad("spiece.model", spm, "{\"tokenizer_class\":\"XLNetTokenizer\"}", ELCL_E_UNSUPPORTED,
             "tokenizer_class: the ids of its pieces are known only for");
    test_bad("spiece.model", spm, "{\"tokenizer_class\":\"NllbTokenizer\"}", ELCL_E_UNSUPPORTED,
             "NLLB's languages are read from tokenizer.json or from added_tokens_decoder");
    test_bad("sentencepiece.bpe.model", spm, "{\"tokenizer_class\":\"M2M100Tokenizer\"}", ELCL_E_IO,
             "vocab.json: is missing");
    test_bad("sentencepiece.bpe.model", spm,
             "{\"tokenizer_class\":\"MBartTokenizer\",\"src_lang\":3}", ELCL_E_FORMAT,
             "src_lang: expected a language code, found 3");
    test_bad("source.spm", spm, "{}", ELCL_E_IO, "target.spm: is missing");
    test_bad("vocab-src.json", "tests/golden/pieces/fsmt/vocab-src.json", "{}", ELCL_E_IO,
             "merges.txt: is missing");
    test_bad("vocab-src.json", "tests/golden/pieces/fsmt/vocab-src.json",
             "{\"do_lower_case\":true}", ELCL_E_UNSUPPORTED, "do_lower_case: only false");
}

int main(int argc, char **argv)
{
    static const char *const names[] = {
        "marian",  "m2m_100", "mbart",    "mbart-50",          "nllb", "mbart-json", "t5",
        "t5-json", "pegasus", "bpe-json", "unigram-bytes-json"};
    static const char *const separate[] = {"marian-separate", "fsmt"};
    static struct golden g;
    check_begin(argc, argv);
    read_golden(&g);
    for (size_t i = 0; i < ELCL_COUNT(names); i++)
        test_golden(&g, names[i], names[i], false);
    for (size_t i = 0; i < ELCL_COUNT(separate); i++)
        test_golden(&g, separate[i], separate[i], true);
    test_golden(&g, "../gguf/pieces.gguf", "t5", false);
    free_golden(&g);
    test_refused();
    return check_end();
}
