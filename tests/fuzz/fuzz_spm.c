/* Input: a text to cut, a byte 0xff, and a SentencePiece model file. */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "base/util.h"
#include "fuzz.h"
#include "text/spm.h"

enum { MAX_PIECES = 4096 };

struct pieces {
    struct elcl_spm_span spans[MAX_PIECES];
    size_t n;
};

static int keep(void *user, const char *piece, size_t n, elcl_error *err)
{
    struct pieces *pieces = user;
    FUZZ_REQUIRE(n > 0);
    if (pieces->n == MAX_PIECES)
        return ELCL_OK;
    char *copy = elcl_strndup(piece, n);
    if (!copy)
        return elcl_fail_nomem(err);
    pieces->spans[pieces->n++] = (struct elcl_spm_span){copy, n};
    return ELCL_OK;
}

static void join(const struct elcl_spm *spm, const struct pieces *pieces)
{
    char *text = NULL;
    size_t n = 0;
    elcl_error err = {0};
    const int rc = elcl_spm_decode(spm, pieces->spans, pieces->n, &text, &n, &err);
    fuzz_check_error(rc, &err);
    FUZZ_REQUIRE(rc || !text[n]);
    elcl_free(text);
}

static void check_text(const struct elcl_spm *spm, const char *text, size_t n)
{
    static struct pieces pieces;
    elcl_error err = {0};
    pieces.n = 0;
    fuzz_check_error(elcl_spm_encode(spm, text, n, keep, &pieces, &err), &err);
    join(spm, &pieces);
    while (pieces.n)
        free((char *)(uintptr_t)pieces.spans[--pieces.n].s);
}

static void check_pieces(const struct elcl_spm *spm)
{
    static struct pieces pieces;
    const int32_t size = elcl_spm_size(spm), unknown = elcl_spm_unknown(spm);
    FUZZ_REQUIRE(size > 0 && unknown >= 0 && unknown < size);
    for (pieces.n = 0; pieces.n < MAX_PIECES && (int32_t)pieces.n < size; pieces.n++) {
        struct elcl_spm_span *span = &pieces.spans[pieces.n];
        span->s = elcl_spm_piece(spm, (int32_t)pieces.n, &span->n);
        FUZZ_REQUIRE(span->n && elcl_utf8_check(span->s, span->n) == span->n);
    }
    join(spm, &pieces);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char fixed[] =
        " it's a 12 \xc3\xa9\xe3\x80\x80 \xef\xbc\xa1 \xf0\x9f\x98\x80  ab ";
    struct elcl_spm *spm = NULL;
    elcl_error err = {0};
    size_t n_text = 0;
    char *text = fuzz_next(&data, &n, &n_text);
    char *model = fuzz_copy(data, n);
    const int rc = elcl_spm_create(model, n, "input", &spm, &err);
    fuzz_check_error(rc, &err);
    FUZZ_REQUIRE(!rc == (spm != NULL));
    free(model);
    if (spm) {
        check_pieces(spm);
        check_text(spm, fixed, sizeof(fixed) - 1);
        if (elcl_utf8_check(text, n_text) == n_text)
            check_text(spm, text, n_text);
    }
    elcl_spm_destroy(&spm);
    free(text);
    return 0;
}
