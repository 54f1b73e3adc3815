/* SentencePiece models of every kind against the library (golden/make_spm.py), and models that are
 * wrong: each is a change of one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "check.h"
#include "files.h"
#include "format/json.h"
#include "text/spm.h"

/* ---- the library's answers ----------------------------------------------------------------- */

struct answers {
    uint64_t cut, joined; /* hashes */
    struct elcl_spm_span *pieces;
    size_t n, max;
};

static uint64_t add_hash(uint64_t hash, const char *s, size_t n)
{
    return elcl_hash(elcl_hash(hash, s, n), "\xff", 1);
}

static int keep_piece(void *user, const char *piece, size_t n, elcl_error *err)
{
    struct answers *a = user;
    void *pieces = a->pieces;
    const char *copy = elcl_strndup(piece, n);
    if (!copy || !elcl_grow(&pieces, &a->max, a->n + 1, sizeof(*a->pieces)))
        return elcl_fail_nomem(err);
    a->pieces = pieces;
    a->pieces[a->n++] = (struct elcl_spm_span){copy, n};
    a->cut = add_hash(a->cut, piece, n);
    return ELCL_OK;
}

static void add_text(const struct elcl_spm *spm, const char *text, struct answers *a)
{
    elcl_error err = {0};
    char *joined = NULL;
    size_t n_joined = 0;
    a->n = 0;
    if (CHECK(!elcl_spm_encode(spm, text, strlen(text), keep_piece, a, &err), "%s", err.msg) &&
        CHECK(!elcl_spm_decode(spm, a->pieces, a->n, &joined, &n_joined, &err), "%s", err.msg))
        a->joined = add_hash(a->joined, joined, n_joined);
    a->cut = add_hash(a->cut, "", 0);
    for (size_t i = 0; i < a->n; i++)
        free((char *)(uintptr_t)a->pieces[i].s);
    free(joined);
}

static int open_golden(const char *name, struct elcl_spm **spm, elcl_error *err)
{
    char path[128];
    size_t n = 0;
    snprintf(path, sizeof(path), "tests/golden/spm/%s.model", name);
    char *bytes = read_golden_file(path, &n);
    const int rc = elcl_spm_create(bytes, n, path, spm, err);
    free(bytes);
    return rc;
}

static void test_golden(const char *name, uint64_t cut, uint64_t joined, const cJSON *texts)
{
    struct answers a = {.cut = ELCL_HASH_INIT, .joined = ELCL_HASH_INIT};
    struct elcl_spm *spm = NULL;
    elcl_error err = {0};
    if (!check_case("as the library: %s", name) ||
        !CHECK(!open_golden(name, &spm, &err), "%s", err.msg))
        return;
    for (const cJSON *text = texts->child; text; text = text->next)
        add_text(spm, text->valuestring, &a);
    CHECK(a.cut == cut, "pieces have hash %016llx", (unsigned long long)a.cut);
    CHECK(a.joined == joined, "texts have hash %016llx", (unsigned long long)a.joined);
    free(a.pieces);
    elcl_spm_destroy(&spm);
}

static void test_goldens(void)
{
    size_t n = 0;
    cJSON *texts = read_golden_texts();
    char *rows = read_golden_file("tests/golden/spm/hashes.txt", &n);
    for (char *row = strtok(rows, "\n"); row; row = strtok(NULL, "\n")) {
        char name[32];
        unsigned long long cut, joined;
        if (CHECK(sscanf(row, "%31s %llx %llx", name, &cut, &joined) == 3, "%s", row))
            test_golden(name, cut, joined, texts);
    }
    free(rows);
    cJSON_Delete(texts);
}

/* ---- models in code ------------------------------------------------------------------------ */

static void put_number(struct elcl_str *out, uint64_t value)
{
    for (; value > 127; value >>= 7)
        elcl_str_append(out, &(char){(char)(0x80 | (value & 0x7f))}, 1);
    elcl_str_append(out, &(char){(char)value}, 1);
}

static void put_varint(struct elcl_str *out, int field, uint64_t value)
{
    put_number(out, (uint64_t)field << 3);
    put_number(out, value);
}

static void put_bytes(struct elcl_str *out, int field, const void *bytes, size_t n)
{
    put_number(out, (uint64_t)field << 3 | 2);
    put_number(out, n);
    elcl_str_append(out, bytes, n);
}

static void put_piece(struct elcl_str *out, const char *s, size_t n, uint32_t score, uint64_t type)
{
    struct elcl_str piece = {0};
    put_bytes(&piece, 1, s, n);
    put_number(&piece, 2 << 3 | 5);
    for (int i = 0; i < 4; i++)
        elcl_str_append(&piece, &(char){(char)(score >> (8 * i))}, 1);
    put_varint(&piece, 3, type);
    put_bytes(out, 1, piece.data, piece.n);
    elcl_str_finish(&piece);
}

static void put_algorithm(struct elcl_str *out, uint64_t algorithm)
{
    struct elcl_str trainer = {0};
    put_varint(&trainer, 3, algorithm);
    put_bytes(out, 2, trainer.data, trainer.n);
    elcl_str_finish(&trainer);
}

/* A map with a table of units and "x" as its texts. */
static void put_map(struct elcl_str *out, const uint32_t *units, uint32_t n)
{
    struct elcl_str map = {0}, rules = {0};
    for (uint32_t i = 0; i <= n; i++)
        for (int k = 0; k < 4; k++)
            elcl_str_append(&map, &(char){(char)((i ? units[i - 1] : 4 * n) >> (8 * k))}, 1);
    elcl_str_append(&map, "x", 2);
    put_bytes(&rules, 2, map.data, map.n);
    put_bytes(out, 3, rules.data, rules.n);
    elcl_str_finish(&map);
    elcl_str_finish(&rules);
}

enum { UNKNOWN = 2, UNUSED = 5, BYTE = 6 }; /* types */
#define MINUS_ONE 0xbf800000u               /* a score: the bits of -1 */

/* A model with the unknown piece and "a". */
static void put_model(struct elcl_str *out)
{
    put_piece(out, "<unk>", 5, 0, UNKNOWN);
    put_piece(out, "a", 1, MINUS_ONE, 1);
}

/* ---- models that are wrong ----------------------------------------------------------------- */

/* Frees the model. */
static void refuse(const char *what, struct elcl_str *model, int code, const char *message)
{
    struct elcl_spm *spm = NULL;
    elcl_error err = {0};
    if (check_case("refused: %s", what)) {
        const int rc = elcl_spm_create(model->data, model->n, "it.model", &spm, &err);
        CHECK(rc == code && !spm && !strncmp(err.msg, "it.model: ", 10) && strstr(err.msg, message),
              "code %d: %s", rc, err.msg);
        elcl_spm_destroy(&spm);
    }
    elcl_str_finish(model);
}

static void refuse_piece(const char *what, const char *s, size_t n, uint32_t score, uint64_t type,
                         const char *message)
{
    struct elcl_str model = {0};
    put_model(&model);
    put_piece(&model, s, n, score, type);
    refuse(what, &model, ELCL_E_FORMAT, message);
}

static void test_pieces(void)
{
    refuse_piece("an empty piece", "", 0, 0, 1, "piece 2: expected UTF-8 without NUL");
    refuse_piece("a NUL in a piece", "b\0c", 3, 0, 1, "piece 2: expected UTF-8 without NUL");
    refuse_piece("a piece that is no text", "\xe2\x96", 2, 0, 1, "piece 2: expected UTF-8");
    refuse_piece("a score NaN", "b", 1, 0x7fc00000, 1, "piece 2: expected a finite score");
    refuse_piece("an infinite score", "b", 1, 0xff800000, 1, "piece 2: expected a finite score");
    refuse_piece("an unknown type", "b", 1, 0, 7, "piece 2: expected a type in 1 .. 6, found 7");
    refuse_piece("the same piece twice", "a", 1, 0, 1, "pieces 1 and 2 are both \"a\"");
    refuse_piece("two unknown pieces", "b", 1, 0, UNKNOWN, "pieces 0 and 2 are both unknown");
    refuse_piece("a byte without byte_fallback", "<0x41>", 6, 0, BYTE, "byte_fallback is off");
}

/* The essence of a model that crashed libsentencepiece: an entry of the map leads far outside. */
static void test_maps(void)
{
    /* The root's children are at 2; 'a' ^ 2 = 99 has a value below it. */
    uint32_t units[128] = {2u << 10};
    struct elcl_str model = {0};
    units['a' ^ 2] = 'a' | 1u << 8 | 1u << 9 | 0x1fffffu << 10;
    put_model(&model);
    put_map(&model, units, 128);
    refuse("a value outside the map", &model, ELCL_E_FORMAT, "precompiled_charsmap: expected");
    units['a' ^ 2] = 'a' | 1u << 8 | 1u << 10;
    units['a' ^ 2 ^ 1] = UINT32_C(1) << 31 | 1000;
    put_model(&model);
    put_map(&model, units, 128);
    refuse("a text outside the map", &model, ELCL_E_FORMAT, "precompiled_charsmap: expected");
}

static void test_files(void)
{
    struct elcl_str model = {0};
    elcl_str_text(&model, "no model");
    refuse("another file", &model, ELCL_E_FORMAT, "expected a SentencePiece model");
    refuse("an empty file", &model, ELCL_E_FORMAT, "expected a SentencePiece model");
    put_model(&model);
    model.n--;
    refuse("a cut file", &model, ELCL_E_FORMAT, "expected a SentencePiece model");
    put_piece(&model, "a", 1, MINUS_ONE, 1);
    refuse("no unknown piece", &model, ELCL_E_FORMAT, "no piece has the type for unknown");
    put_model(&model);
    put_algorithm(&model, 5);
    refuse("an unknown algorithm", &model, ELCL_E_UNSUPPORTED, "model_type: only 1 .. 4");
    put_model(&model);
    put_bytes(&model, 2, "\x98\x02\x01", 3); /* byte_fallback */
    refuse("no byte pieces", &model, ELCL_E_FORMAT, "expected 256 pieces of type byte, found 0");
}

/* ---- long texts ---------------------------------------------------------------------------- */

static int count_pieces(void *user, const char *piece, size_t n, elcl_error *err)
{
    (void)piece;
    (void)err;
    *(size_t *)user += n;
    return ELCL_OK;
}

/* Unused pieces a, aa, aaa, ... up to 1000 letters fall apart one by one: no stack of their depth,
 * and no time that is the square of the text. */
static void test_long(void)
{
    enum { PIECES = 1000, TEXT = 20000 };
    struct elcl_str model = {0};
    struct elcl_spm *spm = NULL;
    elcl_error err = {0};
    size_t n = 0;
    if (!check_case("unused pieces in pieces"))
        return;
    char *text = elcl_calloc(TEXT, 1);
    memset(text, 'a', TEXT);
    put_piece(&model, "<unk>", 5, 0, UNKNOWN);
    for (size_t i = 1; i <= PIECES; i++)
        put_piece(&model, text, i, 0, UNUSED);
    put_algorithm(&model, 2);
    if (CHECK(!elcl_spm_create(model.data, model.n, "it.model", &spm, &err), "%s", err.msg))
        CHECK(!elcl_spm_encode(spm, text, TEXT, count_pieces, &n, &err) && n == TEXT + 3,
              "%zu bytes: %s", n, err.msg);
    elcl_spm_destroy(&spm);
    elcl_str_finish(&model);
    free(text);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_goldens();
    test_pieces();
    test_maps();
    test_files();
    test_long();
    return check_end();
}
