/* Long texts (tools/common/sentences.h): pieces and what is between them are the text, sentence
 * ends, sentences that are too long, and joining. */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "check.h"
#include "common/sentences.h"

/* Counts one token for each word and each 8 bytes of it, and one for the end of the text. */
struct counter {
    char last[1 << 16]; /* the text that was counted last, if it is not longer */
    size_t n_last, n_bytes, n_calls;
};

static int count_tokens(void *user, const char *text, size_t n, size_t *n_tokens, elcl_error *err)
{
    struct counter *c = user;
    (void)err;
    c->n_last = n;
    c->n_bytes += n;
    c->n_calls++;
    if (n <= sizeof(c->last))
        memcpy(c->last, text, n);
    *n_tokens = 1;
    for (size_t i = 0, word = 0; i < n; i++) {
        word = text[i] == ' ' ? 0 : word + 1;
        *n_tokens += word % 8 == 1;
    }
    return ELCL_OK;
}

static bool is_blank_at_end(const struct cli_piece *p)
{
    return !p->n || strchr(" \t\n\r\v\f", p->text[0]) || strchr(" \t\n\r\v\f", p->text[p->n - 1]);
}

/* What a text was cut into: the pieces with a bar between them, and both ways of joining them. */
struct cutting {
    struct elcl_str bars, raw, joined;
    size_t n_pieces;
};

static void finish(struct cutting *c)
{
    elcl_str_finish(&c->bars);
    elcl_str_finish(&c->raw);
    elcl_str_finish(&c->joined);
}

/* Cuts the text, checks each piece, and joins them again. */
static bool cut(const struct cli_sentences_params *params, const char *text, size_t n,
                struct cutting *c)
{
    const struct counter *counter = params->user;
    struct cli_sentences *s = NULL;
    struct cli_joiner joiner;
    struct cli_piece piece;
    elcl_error err = {0};
    bool more = false, good = CHECK(!cli_sentences_create(params, &s, &err), "%s", err.msg);
    *c = (struct cutting){0};
    const size_t n_before = good ? cli_sentences_begin(s, text, n) : 0;
    elcl_str_append(&c->raw, text, n_before);
    cli_join_begin(&joiner, text, n_before, &c->joined);
    while (good && CHECK(!cli_sentences_next(s, &piece, &more, &err), "%s", err.msg) && more) {
        good = CHECK(piece.text == text + c->raw.n && !is_blank_at_end(&piece), "piece %zu",
                     c->n_pieces);
        if (counter)
            good = good && CHECK(counter->n_last == piece.n &&
                                     (piece.n > sizeof(counter->last) ||
                                      !memcmp(counter->last, piece.text, piece.n)),
                                 "piece %zu was not counted last", c->n_pieces);
        elcl_str_append(&c->raw, piece.text, piece.n + piece.n_after);
        elcl_str_printf(&c->bars, "%s%.*s", c->n_pieces ? "|" : "", (int)piece.n, piece.text);
        cli_join_piece(&joiner, &piece, &c->joined);
        size_t half = piece.n / 2;
        while (half && ((unsigned char)piece.text[half] & 0xc0) == 0x80)
            half--;
        cli_join_text(&joiner, piece.text, half, &c->joined);
        cli_join_text(&joiner, piece.text + half, piece.n - half, &c->joined);
        c->n_pieces++;
    }
    cli_join_end(&joiner, &c->joined);
    cli_sentences_destroy(&s);
    return good;
}

static bool is_text(const struct elcl_str *s, const char *text, size_t n)
{
    return s->n == n && (!n || !memcmp(s->data, text, n));
}

/* Checks that the pieces are the text again. */
static void check_whole(const struct cli_sentences_params *params, const char *text, size_t n)
{
    struct cutting c;
    if (cut(params, text, n, &c))
        CHECK(is_text(&c.raw, text, n) && is_text(&c.joined, text, n),
              "%zu bytes became %zu and %zu, of %.60s", n, c.raw.n, c.joined.n, text);
    finish(&c);
}

/* ---- any text ------------------------------------------------------------------------------- */

static const char *const atoms[] = {
    " ",
    " ",
    "  ",
    "\t",
    "\n",
    "\r\n",
    "\n\n",
    "\r",
    "\v",
    "\xc2\xa0",
    "\xe3\x80\x80",
    "\xe2\x80\xa8",
    "\xc2\x85",
    ".",
    ". ",
    "! ",
    "?",
    "...",
    "\xe2\x80\xa6",
    ",",
    "; ",
    "\xe3\x80\x82",
    "\xef\xbc\x81",
    "\xef\xbc\x8c",
    "\"",
    "\xe2\x80\x9d ",
    "(",
    ")",
    "Mr",
    "e.g",
    "12",
    "3.5",
    "a",
    "word",
    "Upper",
    "I",
    "\xc3\xa4",
    "\xce\xa9",
    "\xd0\x96",
    "\xe4\xbd\xa0",
    "\xe5\xa5\xbd",
    "\xe3\x81\xae",
    "\xed\x95\x9c",
    "\xd7\xa9",
    "\xd8\xb3\xd8\x9f ",
    "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7",
    "\xf0\x9f\x87\xa9\xf0\x9f\x87\xaa",
    "\xcc\x81",
    "\xe0\xb8\x81",
    "\xe0\xa5\xa4 ",
    "\x01",
    "\xff",
    "\xe4\xbd",
    "\x80",
};

static void test_random(bool rule)
{
    static struct counter counter;
    for (int limit = 0; limit <= 12; limit += 3) {
        const struct cli_sentences_params params = {.max_tokens = (size_t)limit,
                                                    .count = limit ? count_tokens : NULL,
                                                    .user = limit ? &counter : NULL,
                                                    .rule = rule};
        if (!check_case("%s: random texts, at most %d tokens", rule ? "rule" : "best", limit))
            continue;
        for (int i = 0; i < 400; i++) {
            struct elcl_str text = {0};
            elcl_str_text(&text, "");
            for (int k = check_int(0, i % 50); k > 0; k--)
                elcl_str_text(&text, atoms[check_int(0, (int)ELCL_COUNT(atoms) - 1)]);
            check_whole(&params, text.data ? text.data : "", text.n);
            elcl_str_finish(&text);
        }
    }
}

/* A text of n bytes that repeats `unit`. */
static char *repeat(const char *unit, size_t n)
{
    const size_t n_unit = strlen(unit);
    char *text = malloc(n + 1);
    for (size_t i = 0; text && i < n; i++)
        text[i] = unit[i % n_unit];
    return text;
}

/* A megabyte in one line: the tokenizer sees each part a few times only. */
static void test_large(bool rule)
{
    static const char *const units[] = {"a",
                                        " ",
                                        "word ",
                                        "A. ",
                                        "1. ",
                                        ". ",
                                        "\xe4\xbd\xa0",
                                        "\xcc\x81",
                                        "Some words, and more of them. ",
                                        "a                                            ",
                                        "\xe3\x80\x82"};
    static struct counter counter;
    const size_t n = 1 << 20;
    for (size_t i = 0; i < ELCL_COUNT(units); i++) {
        const struct cli_sentences_params params = {
            .max_tokens = 40, .count = count_tokens, .user = &counter, .rule = rule};
        if (!check_case("%s: a megabyte of '%s'", rule ? "rule" : "best", units[i]))
            continue;
        char *text = repeat(units[i], n);
        struct cutting c = {0};
        counter.n_bytes = counter.n_calls = 0;
        if (CHECK(text, "no memory") && cut(&params, text, n, &c)) {
            CHECK(is_text(&c.raw, text, n) && is_text(&c.joined, text, n), "%zu bytes", c.raw.n);
            CHECK(counter.n_bytes <= 4 * n + 1000, "%zu bytes were counted in %zu calls",
                  counter.n_bytes, counter.n_calls);
        }
        finish(&c);
        free(text);
    }
}

/* ---- sentence ends -------------------------------------------------------------------------- */

/* Texts on which ICU and the rule agree: a bar ends a piece. */
static const struct {
    const char *language, *text, *pieces;
} texts[] = {
    {NULL, "", ""},
    {NULL, " \n\t ", ""},
    {NULL, "One", "One"},
    {NULL, "One. Two! Three? Four", "One.|Two!|Three?|Four"},
    {NULL, "  One.  Two.  ", "One.|Two."},
    {NULL, "A title\n\nA first line\r\nand a second. Third.\n",
     "A title|A first line|and a second.|Third."},
    {NULL, "He met Mr. Smith and Dr. Jones. They left.",
     "He met Mr. Smith and Dr. Jones.|They left."},
    {NULL, "See J. R. R. Tolkien, e.g. The Hobbit. It is long.",
     "See J. R. R. Tolkien, e.g. The Hobbit.|It is long."},
    {NULL, "Come at 5 p.m. Monday. Bye.", "Come at 5 p.m. Monday.|Bye."},
    {NULL, "So do I. Then we go.", "So do I.|Then we go."},
    {NULL, "Der 3. Oktober ist frei. Das ist gut.", "Der 3. Oktober ist frei.|Das ist gut."},
    {NULL, "It was in 1990. Then it ended.", "It was in 1990.|Then it ended."},
    {NULL, "1. First thing\n12. Second thing", "1. First thing|12. Second thing"},
    {NULL, "Pi is 3.14. See x.org/?q=1 or a.b.", "Pi is 3.14.|See x.org/?q=1 or a.b."},
    {NULL, "He asked \"Really?\" and left. \"No!\" (She stayed.) \"Why?\" He sat.",
     "He asked \"Really?\" and left.|\"No!\"|(She stayed.)|\"Why?\"|He sat."},
    {NULL, "No. 5 is alive. No. It is not.", "No. 5 is alive.|No.|It is not."},
    {NULL, "Wait... What? Yes... but no.", "Wait...|What?|Yes... but no."},
    {NULL, "\xe4\xbd\xa0\xe5\xa5\xbd\xe3\x80\x82\xe4\xb8\x96\xe7\x95\x8c\xef\xbc\x81\xe5\xa5\xbd",
     "\xe4\xbd\xa0\xe5\xa5\xbd\xe3\x80\x82|\xe4\xb8\x96\xe7\x95\x8c\xef\xbc\x81|\xe5\xa5\xbd"},
    {NULL, "\xe3\x80\x8c\xe5\xa5\xbd\xe3\x80\x82\xe3\x80\x8d\xe4\xb8\x96",
     "\xe3\x80\x8c\xe5\xa5\xbd\xe3\x80\x82\xe3\x80\x8d|\xe4\xb8\x96"},
    /* Brackets belong to what they enclose, with blanks inside them and without blanks outside. */
    {NULL, "\xe5\xa5\xbd\xe3\x80\x82\xe3\x80\x8c\xe4\xb8\x96\xef\xbc\x9f\xe3\x80\x8d\xe5\xa5\xbd",
     "\xe5\xa5\xbd\xe3\x80\x82|\xe3\x80\x8c\xe4\xb8\x96\xef\xbc\x9f\xe3\x80\x8d|\xe5\xa5\xbd"},
    {NULL, "\xc2\xab Oui ! \xc2\xbb Il part. \xc2\xab Non ! \xc2\xbb dit-il.",
     "\xc2\xab Oui ! \xc2\xbb|Il part.|\xc2\xab Non ! \xc2\xbb dit-il."},
    {NULL, "Er ging. \xc2\xbbJa!\xc2\xab Sie blieb.", "Er ging.|\xc2\xbbJa!\xc2\xab|Sie blieb."},
    {NULL, "\xc2\xab\xd0\x94\xd0\xb0!\xc2\xbb \xe2\x80\x94 \xd1\x8f.",
     "\xc2\xab\xd0\x94\xd0\xb0!\xc2\xbb \xe2\x80\x94 \xd1\x8f."},
    {NULL, "\xd7\xa9\xd7\x9c. \xd7\x9d\xd7\x94? \xd7\x9d",
     "\xd7\xa9\xd7\x9c.|\xd7\x9d\xd7\x94?|\xd7\x9d"},
    {NULL, "\xd9\x85\xd8\xa7\xd8\x9f \xd9\x84\xd8\xa7",
     "\xd9\x85\xd8\xa7\xd8\x9f|\xd9\x84\xd8\xa7"},
    {NULL, "\xe0\xa4\x95\xe0\xa4\x95\xe0\xa5\xa4 \xe0\xa4\x95",
     "\xe0\xa4\x95\xe0\xa4\x95\xe0\xa5\xa4|\xe0\xa4\x95"},
    {"ell_Grek", "\xce\x91\xce\xb1; \xce\x92\xce\xb2.", "\xce\x91\xce\xb1;|\xce\x92\xce\xb2."},
    {"en", "Aa; Bb.", "Aa; Bb."},
};

static void test_ends(bool rule)
{
    for (size_t i = 0; i < ELCL_COUNT(texts); i++) {
        const struct cli_sentences_params params = {.language = texts[i].language, .rule = rule};
        struct cutting c;
        if (!check_case("%s: '%.40s'", rule ? "rule" : "best", texts[i].text))
            continue;
        if (cut(&params, texts[i].text, strlen(texts[i].text), &c)) {
            const char *bars = c.bars.data ? c.bars.data : "";
            CHECK(!strcmp(bars, texts[i].pieces), "got %s", bars);
        }
        finish(&c);
    }
}

/* ---- sentences that are too long ------------------------------------------------------------ */

static const struct {
    size_t max_tokens; /* of words of at most 8 bytes, and the end */
    const char *text, *pieces;
} long_texts[] = {
    {6, "One two three, four five six, seven eight, nine.",
     "One two three,|four five six,|seven eight, nine."},
    {4, "one two three four five six seven", "one two three|four five|six seven"},
    {4, "one two 1,000,000 two one", "one two|1,000,000|two one"},
    {2, "abcdefghijklmnopqrst u", "abcdefg|hijklmn|opqr|st|u"},
    {2, "\xe4\xbd\xa0\xe5\xa5\xbd\xe4\xb8\x96\xe7\x95\x8c",
     "\xe4\xbd\xa0\xe5\xa5\xbd|\xe4\xb8\x96\xe7\x95\x8c"},
    {4, "One. Two three four five. Six.", "One.|Two three|four five.|Six."},
    {1, "ab c", "a|b|c"},
};

static void test_long(void)
{
    static struct counter counter;
    for (size_t i = 0; i < ELCL_COUNT(long_texts); i++) {
        const struct cli_sentences_params params = {
            .max_tokens = long_texts[i].max_tokens, .count = count_tokens, .user = &counter};
        struct cutting c;
        if (!check_case("at most %zu tokens: %s", params.max_tokens, long_texts[i].text))
            continue;
        if (cut(&params, long_texts[i].text, strlen(long_texts[i].text), &c))
            CHECK(!strcmp(c.bars.data, long_texts[i].pieces), "got %s", c.bars.data);
        finish(&c);
    }
}

static int refuse(void *user, const char *text, size_t n, size_t *n_tokens, elcl_error *err)
{
    (void)user;
    (void)text;
    (void)n;
    (void)n_tokens;
    return elcl_fail(err, ELCL_E_NOMEM, "no tokens");
}

static void test_failure(void)
{
    const struct cli_sentences_params params = {.max_tokens = 4, .count = refuse};
    struct cli_sentences *s = NULL;
    struct cli_piece piece;
    elcl_error err = {0};
    bool more;
    if (!check_case("the tokenizer fails") ||
        !CHECK(!cli_sentences_create(&params, &s, &err), "%s", err.msg))
        return;
    (void)cli_sentences_begin(s, "One.", 4);
    CHECK(cli_sentences_next(s, &piece, &more, &err) == ELCL_E_NOMEM, "%s", err.msg);
    CHECK(!strcmp(err.msg, "no tokens"), "%s", err.msg);
    cli_sentences_destroy(&s);
}

/* ---- joining -------------------------------------------------------------------------------- */

#define HAN "\xe5\xa5\xbd"
#define STOP "\xe3\x80\x82"

/* Pieces of `text`, and outputs with bars between them. */
static const struct {
    const char *what, *text, *outputs, *joined;
} joints[] = {
    {"blanks and paragraphs stay", " One.  Two.\n\n\tThree.\n", "Un.|Deux.|Trois.",
     " Un.  Deux.\n\n\tTrois.\n"},
    {"no blank between Chinese sentences", "One. Two.\nThree.", HAN STOP "|" HAN STOP "|" HAN,
     HAN STOP HAN STOP "\n" HAN},
    {"nor before Latin letters", "One. Two.", HAN STOP "|Two", HAN STOP "Two"},
    {"a blank from Chinese", HAN STOP HAN STOP HAN, "One.|Two.|Three.", "One. Two. Three."},
    {"Chinese to Chinese", HAN STOP HAN STOP " " HAN, HAN "|" HAN "|" HAN, HAN HAN " " HAN},
    {"Korean has blanks", "One. Two.", "\xed\x95\x9c.|\xed\x95\x9c.",
     "\xed\x95\x9c. \xed\x95\x9c."},
    {"an empty output", "One. Two. Three.", "Un.||Trois.", "Un.  Trois."},
    {"all outputs are empty", "One. Two.", "|", " "},
    {"outputs that begin with a blank", "One. Two.", " Un.|  Deux.", "Un. Deux."},
    {"no piece", " \n ", "", " \n "},
};

static void test_joints(void)
{
    for (size_t i = 0; i < ELCL_COUNT(joints); i++) {
        const struct cli_sentences_params params = {.rule = true};
        const char *output = joints[i].outputs;
        struct cli_sentences *s = NULL;
        struct elcl_str out = {0};
        struct cli_joiner j;
        struct cli_piece piece;
        elcl_error err = {0};
        bool more;
        if (!check_case("join: %s", joints[i].what) ||
            !CHECK(!cli_sentences_create(&params, &s, &err), "%s", err.msg))
            continue;
        const size_t n_before = cli_sentences_begin(s, joints[i].text, strlen(joints[i].text));
        cli_join_begin(&j, joints[i].text, n_before, &out);
        while (!cli_sentences_next(s, &piece, &more, &err) && more) {
            const size_t n = strcspn(output, "|");
            cli_join_piece(&j, &piece, &out);
            cli_join_text(&j, output, n, &out);
            output += n + (output[n] == '|');
        }
        cli_join_end(&j, &out);
        CHECK(out.data && !strcmp(out.data, joints[i].joined), "got %s", out.data);
        elcl_str_finish(&out);
        cli_sentences_destroy(&s);
    }
}

static void test_numbers(void)
{
    if (!check_case("sample numbers"))
        return;
    CHECK(cli_piece_sample(7, 0) == 7, "the first piece");
    CHECK(cli_piece_sample(7, 3) == (UINT64_C(3) << 40) + 7, "the fourth piece");
}

int main(int argc, char **argv)
{
    (void)check_begin(argc, argv);
    for (int rule = 0; rule < 2; rule++) {
        test_ends(rule);
        test_random(rule);
        test_large(rule);
    }
    test_long();
    test_failure();
    test_joints();
    test_numbers();
    return check_end();
}
