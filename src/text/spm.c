#include "text/spm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/characters.h"
#include "text/spm_model.h"

static struct elcl_spm *create(const char *path)
{
    struct elcl_spm *model = elcl_calloc(1, sizeof(*model));
    if (model)
        model->path = elcl_strdup(path);
    if (model && !model->path)
        elcl_spm_destroy(&model);
    return model;
}

int elcl_spm_create(const void *bytes, size_t n, const char *path, struct elcl_spm **spm,
                    elcl_error *err)
{
    struct elcl_spm *model = create(path);
    const int rc = model ? elcl_spm_read(model, bytes, n, err) : elcl_fail_nomem(err);
    if (rc)
        elcl_spm_destroy(&model);
    else
        *spm = model;
    return rc;
}

int elcl_spm_assemble(const struct elcl_spm_parts *parts, const char *path, struct elcl_spm **spm,
                      elcl_error *err)
{
    struct elcl_spm *model = create(path);
    const int rc = model ? elcl_spm_take_parts(model, parts, err) : elcl_fail_nomem(err);
    if (rc)
        elcl_spm_destroy(&model);
    else
        *spm = model;
    return rc;
}

void elcl_spm_destroy(struct elcl_spm **spm)
{
    struct elcl_spm *model = *spm;
    if (!model)
        return;
    elcl_str_finish(&model->text);
    elcl_str_finish(&model->unknown_text);
    elcl_strmap_finish(&model->ordinary);
    elcl_strmap_finish(&model->reserved);
    elcl_added_finish(&model->symbols);
    elcl_unigram_finish(&model->unigram);
    elcl_charsmap_finish(&model->rules.map);
    elcl_charsmap_finish(&model->backward.map);
    free(model->pieces);
    free(model->path);
    free(model);
    *spm = NULL;
}

int32_t elcl_spm_size(const struct elcl_spm *spm)
{
    return (int32_t)spm->n;
}

const char *elcl_spm_piece(const struct elcl_spm *spm, int32_t id, size_t *n)
{
    *n = spm->pieces[id].length;
    return spm->text.data + spm->pieces[id].offset;
}

int32_t elcl_spm_unknown(const struct elcl_spm *spm)
{
    return spm->unknown;
}

int32_t elcl_spm_id(const struct elcl_spm *spm, const char *s, size_t n)
{
    const int32_t id = elcl_strmap_get(&spm->reserved, s, n);
    return id >= 0 ? id : elcl_spm_ordinary_id(spm, s, n);
}

/* ---- encoding -------------------------------------------------------------------------------- */

struct output {
    const struct elcl_spm *spm;
    elcl_spm_use use;
    void *user;
    const char *run; /* [n_run] of characters without a piece, which wait for their neighbors */
    size_t n_run;
};

static int end_run(struct output *out, elcl_error *err)
{
    const size_t n = out->n_run;
    out->n_run = 0;
    return n ? out->use(out->user, out->run, n, err) : ELCL_OK;
}

static int use_bytes(struct output *out, const char *s, size_t n, elcl_error *err)
{
    int rc = ELCL_OK;
    for (size_t i = 0; i < n && !rc; i++) {
        char name[8];
        snprintf(name, sizeof(name), "<0x%02X>", (unsigned)(uint8_t)s[i]);
        rc = out->use(out->user, name, 6, err);
    }
    return rc;
}

/* What no piece in use spells is unknown. */
static int take(void *user, const char *s, size_t n, int32_t id, elcl_error *err)
{
    struct output *out = user;
    const enum elcl_spm_type type = out->spm->pieces[id].type;
    const bool unknown = type == ELCL_SPM_UNKNOWN || type == ELCL_SPM_UNUSED;
    if (unknown && !out->spm->byte_fallback) {
        out->run = out->n_run ? out->run : s;
        out->n_run += n;
        return ELCL_OK;
    }
    const int rc = end_run(out, err);
    if (rc)
        return rc;
    return unknown ? use_bytes(out, s, n, err) : out->use(out->user, s, n, err);
}

int elcl_spm_encode(const struct elcl_spm *spm, const char *text, size_t n, elcl_spm_use use,
                    void *user, elcl_error *err)
{
    struct output out = {.spm = spm, .use = use, .user = user};
    struct elcl_str normal = {0};
    int rc = ELCL_OK;
    elcl_spm_normalize(&spm->rules, &spm->symbols, spm->space_last, text, n, &normal);
    if (normal.failed)
        rc = elcl_fail_nomem(err);
    else if (normal.n > INT32_MAX)
        rc = elcl_fail(err, ELCL_E_ARG,
                       "%s: normalized, the text has %zu bytes, at most %d are allowed", spm->path,
                       normal.n, INT32_MAX);
    else if (normal.n)
        rc = elcl_spm_cut(spm, normal.data, normal.n, take, &out, err);
    if (!rc)
        rc = end_run(&out, err);
    elcl_str_finish(&normal);
    return rc;
}

/* ---- decoding -------------------------------------------------------------------------------- */

/* Appends a run of bytes as text; each byte that is not part of a character becomes U+FFFD. */
static void end_bytes(struct elcl_str *bytes, struct elcl_str *out)
{
    for (size_t i = 0; i < bytes->n;) {
        uint32_t code;
        const int length = elcl_utf8_next(bytes->data + i, bytes->n - i, &code);
        if (length > 0)
            elcl_str_append(out, bytes->data + i, (size_t)length);
        else
            elcl_str_text(out, "\xef\xbf\xbd");
        i += length > 0 ? (size_t)length : 1;
    }
    out->failed = out->failed || bytes->failed;
    elcl_str_finish(bytes);
}

/* Appends a piece that is no byte. At the start of the text its space is left out; returns whether
 * that was all that may be left out. */
static bool append_piece(const struct elcl_spm *spm, int32_t id, struct elcl_spm_span piece,
                         bool starts, struct elcl_str *out)
{
    const struct elcl_spm_piece *known = &spm->pieces[id];
    bool done = false;
    if (known->type == ELCL_SPM_CONTROL)
        return false;
    if (known->type == ELCL_SPM_UNKNOWN) {
        if (piece.n == known->length && !memcmp(piece.s, spm->text.data + known->offset, piece.n))
            elcl_str_append(out, spm->unknown_text.data, spm->unknown_text.n);
        else
            elcl_str_append(out, piece.s, piece.n);
        return false;
    }
    if (starts && (spm->rules.dummy_space || spm->rules.trims) &&
        elcl_begins_with(piece.s, piece.n, ELCL_UNDERLINE)) {
        piece.s += strlen(ELCL_UNDERLINE);
        piece.n -= strlen(ELCL_UNDERLINE);
        done = !spm->rules.trims;
    }
    elcl_append_replaced(out, piece.s, piece.n, ELCL_UNDERLINE, " ");
    return done;
}

static void join(const struct elcl_spm *spm, const struct elcl_spm_span *pieces, size_t n,
                 struct elcl_str *out)
{
    struct elcl_str bytes = {0};
    bool starts = true, done = false;
    for (size_t i = 0; i < n; i++) {
        const int32_t id = elcl_spm_id(spm, pieces[i].s, pieces[i].n);
        if (spm->pieces[id].type == ELCL_SPM_BYTE) {
            const char byte = (char)elcl_spm_byte(pieces[i].s, pieces[i].n);
            elcl_str_append(&bytes, &byte, 1);
            continue;
        }
        end_bytes(&bytes, out);
        starts = starts && !done && !out->n;
        done = append_piece(spm, id, pieces[i], starts, out);
    }
    end_bytes(&bytes, out);
}

int elcl_spm_decode(const struct elcl_spm *spm, const struct elcl_spm_span *pieces, size_t n,
                    char **text, size_t *n_text, elcl_error *err)
{
    struct elcl_str joined = {0}, out = {0};
    join(spm, pieces, n, &joined);
    if (spm->backward.map.n_units && joined.n) {
        elcl_spm_normalize(&spm->backward, NULL, false, joined.data, joined.n, &out);
        out.failed = out.failed || joined.failed;
        elcl_str_finish(&joined);
    } else {
        out = joined;
    }
    elcl_str_append(&out, "", 0); /* an empty text is a string too */
    if (out.failed) {
        elcl_str_finish(&out);
        return elcl_fail_nomem(err);
    }
    out.data[out.n] = '\0';
    *text = out.data;
    *n_text = out.n;
    return ELCL_OK;
}
