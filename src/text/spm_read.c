/* Reads a model file: the message ModelProto of sentencepiece_model.proto. Unknown fields are
 * skipped, as are the samples of a self-test. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "format/protobuf.h"
#include "text/characters.h"
#include "text/spm_model.h"

#define MAX_PIECES (1 << 22)

static int not_a_model(const struct elcl_spm *spm, elcl_error *err)
{
    return elcl_fail(err, ELCL_E_FORMAT, "%s: expected a SentencePiece model, found something else",
                     spm->path);
}

/* Takes the next field that `wires` knows: wires[number] is its wire type + 1, 0 if unknown.
 * Returns false at the end and at malformed bytes, where *rc is an error. */
static bool next(const struct elcl_spm *spm, struct elcl_pb *pb, const uint8_t *wires, size_t n,
                 struct elcl_pb_field *field, int *rc, elcl_error *err)
{
    while (elcl_pb_next(pb, field)) {
        const int wire = field->number < n ? wires[field->number] - 1 : -1;
        if (wire < 0)
            continue;
        if (wire == (int)field->wire)
            return true;
        *rc = not_a_model(spm, err);
        return false;
    }
    *rc = pb->n ? not_a_model(spm, err) : ELCL_OK;
    return false;
}

#define VARINT (ELCL_PB_VARINT + 1)
#define BYTES (ELCL_PB_BYTES + 1)
#define FIXED_32 (ELCL_PB_32 + 1)

/* ---- pieces -------------------------------------------------------------------------------- */

static int set_type(const struct elcl_spm *spm, uint64_t type, struct elcl_spm_piece *piece,
                    elcl_error *err)
{
    if (type < ELCL_SPM_NORMAL || type > ELCL_SPM_BYTE)
        return elcl_fail(err, ELCL_E_FORMAT, "%s: piece %zu: expected a type in 1 .. 6, found %llu",
                         spm->path, spm->n, (unsigned long long)type);
    piece->type = (enum elcl_spm_type)type;
    return ELCL_OK;
}

static int read_piece(const struct elcl_spm *spm, struct elcl_pb pb, struct elcl_spm_piece *piece,
                      struct elcl_pb *spelling, elcl_error *err)
{
    static const uint8_t wires[] = {[1] = BYTES, [2] = FIXED_32, [3] = VARINT};
    struct elcl_pb_field field;
    uint64_t type = ELCL_SPM_NORMAL;
    int rc = ELCL_OK;
    while (next(spm, &pb, wires, ELCL_COUNT(wires), &field, &rc, err)) {
        if (field.number == 1)
            *spelling = field.bytes;
        else if (field.number == 2)
            piece->score = elcl_pb_float(&field);
        else
            type = field.value;
    }
    return rc ? rc : set_type(spm, type, piece, err);
}

/* The spelling must be text, and the score a number that can be compared. */
static int check_piece(const struct elcl_spm *spm, const struct elcl_spm_piece *piece,
                       const struct elcl_pb *spelling, elcl_error *err)
{
    if (!spelling->n || memchr(spelling->s, '\0', spelling->n) ||
        elcl_utf8_check(spelling->s, spelling->n) < spelling->n)
        return elcl_fail(err, ELCL_E_FORMAT,
                         "%s: piece %zu: expected UTF-8 without NUL, found %zu other bytes",
                         spm->path, spm->n, spelling->n);
    if (!isfinite(piece->score))
        return elcl_fail(err, ELCL_E_FORMAT, "%s: piece %zu: expected a finite score, found %g",
                         spm->path, spm->n, (double)piece->score);
    if (spm->n >= MAX_PIECES || spm->text.n > UINT32_MAX - spelling->n)
        return elcl_fail(err, ELCL_E_FORMAT, "%s: expected at most %d pieces, found more",
                         spm->path, MAX_PIECES);
    return ELCL_OK;
}

static bool is_ordinary(enum elcl_spm_type type)
{
    return type == ELCL_SPM_NORMAL || type == ELCL_SPM_USER || type == ELCL_SPM_UNUSED;
}

static int name_piece(struct elcl_spm *spm, const struct elcl_spm_piece *piece,
                      const struct elcl_pb *spelling, elcl_error *err)
{
    const int32_t id = (int32_t)spm->n;
    int32_t found = -1;
    const bool ordinary = is_ordinary(piece->type);
    const int rc = elcl_strmap_add(ordinary ? &spm->ordinary : &spm->reserved, spelling->s,
                                   spelling->n, id, &found, err);
    if (rc)
        return rc;
    if (found != id)
        return elcl_fail(err, ELCL_E_FORMAT, "%s: pieces %d and %d are both \"%.*s\"", spm->path,
                         (int)found, (int)id, (int)(spelling->n < 100 ? spelling->n : 100),
                         spelling->s);
    if (ordinary && spelling->n > spm->longest)
        spm->longest = spelling->n;
    spm->has_unused = spm->has_unused || piece->type == ELCL_SPM_UNUSED;
    return ELCL_OK;
}

/* Appends a piece, whose place in `text` is set here. */
static int append_piece(struct elcl_spm *spm, struct elcl_spm_piece piece,
                        const struct elcl_pb *spelling, elcl_error *err)
{
    void *pieces = spm->pieces;
    int rc = check_piece(spm, &piece, spelling, err);
    if (!rc)
        rc = name_piece(spm, &piece, spelling, err);
    if (rc)
        return rc;
    if (piece.type == ELCL_SPM_UNKNOWN) {
        if (spm->unknown >= 0)
            return elcl_fail(err, ELCL_E_FORMAT, "%s: pieces %d and %zu are both unknown pieces",
                             spm->path, (int)spm->unknown, spm->n);
        spm->unknown = (int32_t)spm->n;
    }
    piece.offset = (uint32_t)spm->text.n;
    piece.length = (uint32_t)spelling->n;
    elcl_str_append(&spm->text, spelling->s, spelling->n);
    if (spm->text.failed || !elcl_grow(&pieces, &spm->max, spm->n + 1, sizeof(*spm->pieces)))
        return elcl_fail_nomem(err);
    spm->pieces = pieces;
    spm->pieces[spm->n++] = piece;
    return ELCL_OK;
}

static int add_piece(struct elcl_spm *spm, struct elcl_pb message, elcl_error *err)
{
    struct elcl_spm_piece piece = {0};
    struct elcl_pb spelling = {0};
    const int rc = read_piece(spm, message, &piece, &spelling, err);
    return rc ? rc : append_piece(spm, piece, &spelling, err);
}

/* ---- the other parts ----------------------------------------------------------------------- */

static int read_trainer(struct elcl_spm *spm, struct elcl_pb pb, elcl_error *err)
{
    static const uint8_t wires[] = {[3] = VARINT, [24] = VARINT, [35] = VARINT, [44] = BYTES};
    struct elcl_pb_field field;
    int rc = ELCL_OK;
    while (next(spm, &pb, wires, ELCL_COUNT(wires), &field, &rc, err)) {
        switch (field.number) {
        case 3:
            if (field.value < ELCL_SPM_UNIGRAM || field.value > ELCL_SPM_CHAR)
                return elcl_fail(err, ELCL_E_UNSUPPORTED,
                                 "%s: model_type: only 1 .. 4 (unigram, BPE, word, char) are "
                                 "supported, found %llu",
                                 spm->path, (unsigned long long)field.value);
            spm->algorithm = (enum elcl_spm_algorithm)field.value;
            break;
        case 24:
            spm->space_last = field.value != 0;
            break;
        case 35:
            spm->byte_fallback = field.value != 0;
            break;
        default:
            elcl_str_finish(&spm->unknown_text);
            elcl_str_append(&spm->unknown_text, field.bytes.s, field.bytes.n);
        }
    }
    return rc;
}

static int read_rules(struct elcl_spm *spm, struct elcl_pb pb, struct elcl_spm_rules *rules,
                      elcl_error *err)
{
    static const uint8_t wires[] = {[2] = BYTES, [3] = VARINT, [4] = VARINT, [5] = VARINT};
    struct elcl_pb_field field;
    int rc = ELCL_OK;
    while (next(spm, &pb, wires, ELCL_COUNT(wires), &field, &rc, err)) {
        switch (field.number) {
        case 2:
            elcl_charsmap_finish(&rules->map);
            if (field.bytes.n)
                rc = elcl_charsmap_parse(&rules->map, field.bytes.s, field.bytes.n, spm->path, err);
            if (rc)
                return rc;
            break;
        case 3:
            rules->dummy_space = field.value != 0;
            break;
        case 4:
            rules->trims = field.value != 0;
            break;
        default:
            rules->escapes = field.value != 0;
        }
    }
    return rc;
}

static int read_parts(struct elcl_spm *spm, struct elcl_pb pb, elcl_error *err)
{
    static const uint8_t wires[] = {[1] = BYTES, [2] = BYTES, [3] = BYTES, [5] = BYTES};
    struct elcl_pb_field field;
    int rc = ELCL_OK;
    while (next(spm, &pb, wires, ELCL_COUNT(wires), &field, &rc, err)) {
        if (field.number == 1)
            rc = add_piece(spm, field.bytes, err);
        else if (field.number == 2)
            rc = read_trainer(spm, field.bytes, err);
        else
            rc =
                read_rules(spm, field.bytes, field.number == 3 ? &spm->rules : &spm->backward, err);
        if (rc)
            break;
    }
    return rc;
}

/* ---- what depends on several parts ---------------------------------------------------------- */

int elcl_spm_byte(const char *s, size_t n)
{
    static const char digits[] = "0123456789ABCDEF";
    if (n != 6 || memcmp(s, "<0x", 3) != 0 || s[5] != '>')
        return -1;
    const char *high = memchr(digits, s[3], 16), *low = memchr(digits, s[4], 16);
    return high && low ? (int)((high - digits) << 4 | (low - digits)) : -1;
}

/* There are byte pieces if and only if unknown characters become bytes, and then all of them. */
static int check_bytes(const struct elcl_spm *spm, elcl_error *err)
{
    int n_bytes = 0;
    for (size_t i = 0; i < spm->n; i++) {
        const struct elcl_spm_piece *piece = &spm->pieces[i];
        if (piece->type != ELCL_SPM_BYTE)
            continue;
        if (!spm->byte_fallback || elcl_spm_byte(spm->text.data + piece->offset, piece->length) < 0)
            return elcl_fail(err, ELCL_E_FORMAT, "%s: piece %zu is a byte, but %s", spm->path, i,
                             spm->byte_fallback ? "is not spelled as one" : "byte_fallback is off");
        n_bytes++;
    }
    if (spm->byte_fallback && n_bytes != 256)
        return elcl_fail(err, ELCL_E_FORMAT,
                         "%s: byte_fallback: expected 256 pieces of type byte, found %d", spm->path,
                         n_bytes);
    return ELCL_OK;
}

static int add_symbols(struct elcl_spm *spm, elcl_error *err)
{
    int rc = ELCL_OK;
    for (size_t i = 0; i < spm->n && !rc; i++) {
        struct elcl_added symbol = {.id = (int32_t)i, .n = spm->pieces[i].length};
        symbol.content = spm->text.data + spm->pieces[i].offset;
        if (spm->pieces[i].type == ELCL_SPM_USER)
            rc = elcl_added_append(&spm->symbols, &symbol, err);
    }
    elcl_added_sort(&spm->symbols);
    return rc;
}

/* The scores of normal pieces are logarithms of probabilities, which a symbol of a user beats with
 * one above 0. As in the library, all are of f32. */
static int build_unigram(struct elcl_spm *spm, elcl_error *err)
{
    float lowest = FLT_MAX;
    size_t n = 0;
    for (size_t i = 0; i < spm->n; i++) {
        if (spm->pieces[i].type == ELCL_SPM_NORMAL && spm->pieces[i].score < lowest)
            lowest = spm->pieces[i].score;
    }
    struct elcl_unigram_piece *pieces = elcl_calloc(spm->n, sizeof(*pieces));
    if (!pieces)
        return elcl_fail_nomem(err);
    for (size_t i = 0; i < spm->n; i++) {
        const struct elcl_spm_piece *piece = &spm->pieces[i];
        const bool user = piece->type == ELCL_SPM_USER;
        if (user || piece->type == ELCL_SPM_NORMAL)
            pieces[n++] = (struct elcl_unigram_piece){
                .s = spm->text.data + piece->offset,
                .n = piece->length,
                .id = (int32_t)i,
                .score = user ? (float)(0.1 * piece->length - 0.1) : piece->score};
    }
    const int rc = elcl_unigram_build(&spm->unigram, pieces, n, spm->n, err);
    spm->unigram.unknown_score = lowest - 10.0f;
    spm->unigram.single = true;
    free(pieces);
    return rc;
}

static void begin(struct elcl_spm *spm)
{
    const struct elcl_spm_rules defaults = {.dummy_space = true, .trims = true, .escapes = true};
    spm->rules = spm->backward = defaults;
    spm->algorithm = ELCL_SPM_UNIGRAM;
    spm->unknown = -1;
    elcl_str_text(&spm->unknown_text, " \xe2\x81\x87 ");
}

static int complete(struct elcl_spm *spm, elcl_error *err)
{
    int rc;
    if (spm->unknown_text.failed)
        return elcl_fail_nomem(err);
    if (!spm->n)
        return not_a_model(spm, err);
    if (spm->unknown < 0)
        return elcl_fail(err, ELCL_E_FORMAT, "%s: no piece has the type for unknown characters",
                         spm->path);
    ELCL_TRY(check_bytes(spm, err));
    ELCL_TRY(add_symbols(spm, err));
    if (spm->algorithm == ELCL_SPM_UNIGRAM)
        ELCL_TRY(build_unigram(spm, err));
fail:
    return rc;
}

int elcl_spm_read(struct elcl_spm *spm, const char *bytes, size_t n, elcl_error *err)
{
    begin(spm);
    const int rc = read_parts(spm, (struct elcl_pb){bytes, n}, err);
    return rc ? rc : complete(spm, err);
}

int elcl_spm_take_parts(struct elcl_spm *spm, const struct elcl_spm_parts *parts, elcl_error *err)
{
    int rc = ELCL_OK;
    begin(spm);
    spm->rules.dummy_space = parts->dummy_space;
    spm->rules.trims = parts->trims;
    if (parts->n_charsmap)
        rc = elcl_charsmap_parse(&spm->rules.map, parts->charsmap, parts->n_charsmap, spm->path,
                                 err);
    for (size_t i = 0; i < parts->n && !rc; i++) {
        const struct elcl_spm_token *token = &parts->tokens[i];
        struct elcl_spm_piece piece = {.score = token->score};
        rc = set_type(spm, token->type, &piece, err);
        if (!rc)
            rc = append_piece(spm, piece, &(struct elcl_pb){token->s, token->n}, err);
        spm->byte_fallback = spm->byte_fallback || piece.type == ELCL_SPM_BYTE;
    }
    return rc ? rc : complete(spm, err);
}
