/* The parts of a tokenizer: UTF-8, words, byte-pair merges, added tokens, string tables. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "text/added_tokens.h"
#include "text/bpe.h"
#include "text/characters.h"
#include "text/gpt2_words.h"
#include "base/strmap.h"
#include "base/utf8.h"

/* ---- UTF-8 --------------------------------------------------------------------------------- */

static void test_utf8_all(void)
{
    if (!check_case("UTF-8: every code"))
        return;
    for (uint32_t code = 0; code < 0x110000; code++) {
        char s[4];
        uint32_t back = UINT32_MAX;
        const int n = elcl_utf8_put(code, s);
        const int length = elcl_utf8_next(s, (size_t)n, &back);
        if (code >= 0xd800 && code < 0xe000)
            CHECK(length == -1, "surrogate %x: %d", code, length);
        else
            CHECK(length == n && back == code, "%x: %d bytes, %x", code, length, back);
        for (int cut = 1; cut < n && length > 0; cut++)
            CHECK(elcl_utf8_next(s, (size_t)cut, &back) == -cut, "%x cut to %d", code, cut);
    }
}

/* The results of Python's bytes.decode("utf-8", "replace"), with ? for U+FFFD. */
static void test_repair(void)
{
    static const char *const cases[][2] = {
        {"\200", "?"},
        {"\300\200", "??"},
        {"\302", "?"},
        {"\302\101", "?A"},
        {"\340\200\200", "???"},
        {"\340\240", "?"},
        {"\342\202\050", "?("},
        {"\355\240\200", "???"},
        {"\360\220\200", "?"},
        {"\360\200\200\200", "????"},
        {"\364\220\200\200", "????"},
        {"\365\200", "??"},
        {"a\377\376b", "a??b"},
        {"\360\237\230\342\202\254", "?\342\202\254"},
        {"\360\237\230\200", "\360\237\230\200"},
        {"\341\200\341\200\200", "?\341\200\200"},
        {"\361\200\200\361\200\361", "???"},
        {"", ""},
        {"plain", "plain"},
    };
    if (!check_case("UTF-8: repair"))
        return;
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        struct elcl_str want = {0}, got = {0};
        for (const char *c = cases[i][1]; *c; c++)
            elcl_str_append(&want, *c == '?' ? "\357\277\275" : c, *c == '?' ? 3 : 1);
        elcl_utf8_repair(cases[i][0], strlen(cases[i][0]), &got);
        CHECK(got.n == want.n && (!got.n || !memcmp(got.data, want.data, got.n)), "case %zu: %s", i,
              got.data ? got.data : "");
        elcl_str_finish(&want);
        elcl_str_finish(&got);
    }
}

/* ---- words --------------------------------------------------------------------------------- */

/* Lengths in bytes of the words that Python's regex module finds with GPT-2's pattern. */
static void test_words(void)
{
    static const struct {
        const char *text;
        unsigned char lengths[16];
    } cases[] = {
        {"it's they'll we'd I'm you've don't we're", {2, 2, 5, 3, 3, 2, 2, 2, 4, 3, 4, 2, 3, 3}},
        {"'S 'LL 'ss's 's", {1, 1, 2, 2, 2, 2, 2, 2, 1}},
        {"a  b   c ", {1, 1, 2, 2, 2, 1}},
        {"  a\t\tb \n c\n\n", {1, 2, 1, 1, 1, 2, 2, 2}},
        {" \t a", {2, 2}},
        {"\302\240a \302\240b\343\200\200c", {2, 1, 1, 2, 1, 3, 1}},
        {"x\341\240\216y\302\205z\034w", {1, 3, 1, 2, 1, 1, 1}},
        {"abc123\302\275\302\262 1a", {3, 7, 2, 1}},
        {"\346\227\245\346\234\254\350\252\236\343\200\201\343\201\247\343\200\202", {9, 3, 3, 3}},
        {"e\314\201 \303\251", {1, 2, 3}},
        {"\360\237\230\200\360\237\221\250\342\200\215\360\237\221\251 a", {15, 2}},
        {"'", {1}},
        {" '", {2}},
        {" 's", {2, 1}},
        {"!'s''", {2, 1, 2}},
        {"\342\200\250\342\200\251 x", {6, 2}},
        {" ", {1}},
        {"   ", {3}},
        {"\331\241\331\242\331\243 \342\205\267", {6, 4}},
        {"\312\260a \302\252b", {3, 4}},
        {"a\357\273\277b\302\255c", {1, 3, 1, 2, 1}},
        {"a\342\200\213b", {1, 3, 1}},
    };
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        if (!check_case("words: %zu", i))
            continue;
        const char *s = cases[i].text;
        size_t rest = strlen(s), k = 0;
        for (; rest; k++) {
            const size_t n = elcl_gpt2_word(s, rest);
            if (!CHECK(n && n <= rest && n == cases[i].lengths[k], "word %zu: %zu, want %d", k, n,
                       cases[i].lengths[k]))
                break;
            s += n;
            rest -= n;
        }
        CHECK(rest || !cases[i].lengths[k], "%zu words, more are wanted", k);
    }
}

static void test_white_space(void)
{
    if (!check_case("words: white space"))
        return;
    int n = 0;
    for (uint32_t code = 0; code < 0x110000; code++)
        n += elcl_is_white_space(code);
    CHECK(n == 25, "%d characters, Unicode has 25", n);
}

/* ---- merging ------------------------------------------------------------------------------- */

enum { LETTERS = 4, MAX_PIECE = 12 };

/* Random merges over pieces of 4 letters; spelling[i] spells symbol i. Ranks have any order, so
 * that a merge may create a pair of lower rank. */
struct table {
    char spelling[256][MAX_PIECE + 1];
    int n;
    struct elcl_merges merges;
    int rank[256][256], result[256][256]; /* rank -1: none */
};

static int symbol_of(struct table *t, const char *left, const char *right)
{
    char whole[2 * MAX_PIECE + 1];
    snprintf(whole, sizeof(whole), "%s%s", left, right);
    for (int i = 0; i < t->n; i++) {
        if (!strcmp(t->spelling[i], whole))
            return i;
    }
    memcpy(t->spelling[t->n], whole, strlen(whole) + 1);
    return t->n++;
}

static struct table *make_table(int n_merges)
{
    struct table *t = elcl_calloc(1, sizeof(*t));
    if (!t)
        exit(1);
    memset(t->rank, -1, sizeof(t->rank));
    for (; t->n < LETTERS; t->n++)
        t->spelling[t->n][0] = (char)('a' + t->n);
    for (int i = 0; i < n_merges && t->n < 250; i++) {
        const int left = check_int(0, t->n - 1), right = check_int(0, t->n - 1);
        if (strlen(t->spelling[left]) + strlen(t->spelling[right]) > MAX_PIECE)
            continue;
        /* later merges of a pair replace earlier ones; half the ranks rise */
        const int rank = check_int(0, 1) ? i : 1000 + n_merges - i;
        elcl_error err = {0};
        const int result = symbol_of(t, t->spelling[left], t->spelling[right]);
        CHECK(!elcl_merges_add(&t->merges, left, right, rank, result, &err), "%s", err.msg);
        t->rank[left][right] = rank;
        t->result[left][right] = result;
    }
    return t;
}

/* The definition: repeatedly merges the pair of lowest rank, at all its places from the left or
 * only at the first. */
static size_t merge_plainly(const struct table *t, bool by_rounds, int32_t *word, size_t n)
{
    for (;;) {
        int best = INT_MAX;
        for (size_t i = 0; i + 1 < n; i++) {
            const int rank = t->rank[word[i]][word[i + 1]];
            if (rank >= 0 && rank < best)
                best = rank;
        }
        if (best == INT_MAX)
            return n;
        size_t kept = 0;
        bool more = true;
        for (size_t i = 0; i < n; i++) {
            if (more && i + 1 < n && t->rank[word[i]][word[i + 1]] == best) {
                word[kept++] = t->result[word[i]][word[i + 1]];
                i++;
                more = by_rounds;
            } else {
                word[kept++] = word[i];
            }
        }
        n = kept;
    }
}

static void test_merging(void)
{
    for (int by_rounds = 0; by_rounds < 2; by_rounds++) {
        if (!check_case("merging: random words, %s", by_rounds ? "by rounds" : "one by one"))
            continue;
        struct elcl_bpe_scratch scratch = {0};
        for (int round = 0; round < 60; round++) {
            struct table *t = make_table(check_int(0, 120));
            for (int i = 0; i < 60; i++) {
                int32_t got[64], want[64], word[64];
                size_t n = (size_t)check_int(0, 64);
                const int letters = check_int(1, LETTERS);
                for (size_t k = 0; k < n; k++)
                    word[k] = got[k] = want[k] = check_int(0, letters - 1);
                const size_t n_want = merge_plainly(t, by_rounds, want, n);
                elcl_error err = {0};
                const int rc = elcl_bpe_merge(&t->merges, by_rounds, got, &n, &scratch, &err);
                CHECK(!rc && n == n_want && !memcmp(got, want, n * sizeof(*got)),
                      "round %d word %d (first letter %d): %zu pieces, want %zu", round, i, word[0],
                      n, n_want);
            }
            elcl_merges_finish(&t->merges);
            free(t);
        }
        elcl_bpe_scratch_finish(&scratch);
    }
}

/* ---- tables -------------------------------------------------------------------------------- */

static void test_strmap(void)
{
    if (!check_case("string table"))
        return;
    struct elcl_strmap map = {0};
    elcl_error err = {0};
    int32_t found;
    CHECK(elcl_strmap_get(&map, "a", 1) == -1, "found in an empty table");
    for (int i = 0; i < 5000; i++) {
        char key[16];
        const size_t n = (size_t)snprintf(key, sizeof(key), "%d", i);
        found = -1;
        CHECK(!elcl_strmap_add(&map, key, n, i, &found, &err) && found == i, "%d", i);
        CHECK(!elcl_strmap_add(&map, key, n, i + 1, &found, &err) && found == i, "%d again", i);
    }
    CHECK(!elcl_strmap_add(&map, "", 0, 7000, &found, &err) && found == 7000, "empty string");
    CHECK(!elcl_strmap_add(&map, "1\0", 2, 7001, &found, &err) && found == 7001, "with a NUL");
    for (int i = 0; i < 5000; i++) {
        char key[16];
        const size_t n = (size_t)snprintf(key, sizeof(key), "%d", i);
        CHECK(elcl_strmap_get(&map, key, n) == i, "%d", i);
    }
    CHECK(elcl_strmap_get(&map, "", 0) == 7000 && elcl_strmap_get(&map, "1\0", 2) == 7001, "odd");
    CHECK(elcl_strmap_get(&map, "5000", 4) == -1, "5000");
    CHECK(map.n == 5002, "%zu strings", map.n);
    elcl_strmap_finish(&map);
}

static void test_added(void)
{
    if (!check_case("added tokens: longest match"))
        return;
    static const char *const contents[] = {"<s>",      "<s><s>", "<",  "<mask>",
                                           "\303\251", "<se>",   "ab", "abcd"};
    static const struct {
        const char *text;
        int want; /* -1: none */
    } cases[] = {
        {"<s>", 0},   {"<s><s>", 1},  {"<s><s", 0},     {"<x", 2},    {"<", 2},
        {"<mask", 2}, {"<mask>>", 3}, {"\303\251x", 4}, {"\303", -1}, {"<se><s>", 5},
        {"abc", 6},   {"abcde", 7},   {"b", -1},        {"", -1},
    };
    struct elcl_added_list list = {0};
    elcl_error err = {0};
    for (size_t i = 0; i < ELCL_COUNT(contents); i++) {
        struct elcl_added added = {.n = strlen(contents[i]), .id = (int32_t)i};
        added.content = (char *)(uintptr_t)contents[i];
        CHECK(!elcl_added_append(&list, &added, &err), "%s", err.msg);
    }
    elcl_added_sort(&list);
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        const struct elcl_added *found =
            elcl_added_match(&list, cases[i].text, strlen(cases[i].text));
        CHECK((found ? found->id : -1) == cases[i].want, "%s: %d", cases[i].text,
              found ? (int)found->id : -1);
    }
    elcl_added_finish(&list);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_utf8_all();
    test_repair();
    test_words();
    test_white_space();
    test_merging();
    test_strmap();
    test_added();
    return check_end();
}
