/* Reads the head, the vocabulary and the table of tensors. Everything is checked before it is
 * used. */
#include "format/ggml.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "format/byte_reader.h"

#define MAX_SIZE (1 << 22)
#define MAX_NAME 256
#define MAX_TOKEN 4096

struct reader {
    struct elcl_ggml *ggml;
    struct elcl_byte_reader in;
    elcl_error *err;
};

static int damaged(const struct reader *r, const char *what)
{
    return elcl_byte_reader_damaged(&r->in, what, r->err);
}

/* ---- bytes and numbers ----------------------------------------------------------------------- */

static int take(struct reader *r, size_t n, const char **p)
{
    return elcl_byte_reader_take(&r->in, n, p, r->err);
}

static int skip(struct reader *r, size_t n, const char *what)
{
    return elcl_byte_reader_skip(&r->in, n, what, r->err);
}

/* Reads an integer in 0 .. max. */
static int read_number(struct reader *r, const char *what, int max, int *value)
{
    const char *p = NULL;
    const int rc = take(r, 4, &p);
    if (rc)
        return rc;
    const uint32_t number = (uint32_t)elcl_read_le(p, 4);
    if (number > (uint32_t)max)
        return elcl_fail(r->err, ELCL_E_FORMAT, "%s: %s: expected 0 .. %d, found %d", r->ggml->path,
                         what, max, (int32_t)number);
    *value = (int)number;
    return ELCL_OK;
}

/* ---- head and vocabulary --------------------------------------------------------------------- */

static int read_head(struct reader *r)
{
    static const char *const names[ELCL_GGML_N_SIZES] = {
        "n_vocab",       "n_audio_ctx", "n_audio_state", "n_audio_head",
        "n_audio_layer", "n_text_ctx",  "n_text_state",  "n_text_head",
        "n_text_layer",  "n_mels",      "ftype"};
    int magic, mels = 0, bins = 0;
    size_t filters;
    int rc;
    ELCL_TRY(read_number(r, "magic", INT_MAX, &magic));
    if (magic != ELCL_GGML_MAGIC)
        return elcl_fail(r->err, ELCL_E_FORMAT, "%s: is no model of whisper.cpp", r->ggml->path);
    for (int i = 0; i < ELCL_GGML_N_SIZES; i++) {
        ELCL_TRY(read_number(r, names[i], MAX_SIZE, &r->ggml->sizes[i]));
        if (!r->ggml->sizes[i] && i != ELCL_GGML_TYPE)
            return elcl_fail(r->err, ELCL_E_FORMAT, "%s: %s is 0", r->ggml->path, names[i]);
    }
    ELCL_TRY(read_number(r, "rows of filters", MAX_SIZE, &mels));
    ELCL_TRY(read_number(r, "columns of filters", MAX_SIZE, &bins));
    if (!elcl_mul_size((size_t)mels * 4, (size_t)bins, &filters))
        return damaged(r, "the filters are too large");
    ELCL_TRY(skip(r, filters, "ends inside the filters")); /* elcl computes them */
fail:
    return rc;
}

static int read_vocabulary(struct reader *r)
{
    struct elcl_ggml *g = r->ggml;
    int n = 0, length = 0;
    int rc = read_number(r, "tokens", g->sizes[ELCL_GGML_VOCABULARY], &n);
    if (rc)
        return rc;
    if ((size_t)n > elcl_bytes_left(&r->in) / 4)
        return damaged(r, "ends inside the vocabulary");
    g->end = n;
    g->tokens = elcl_calloc((size_t)n, sizeof(*g->tokens));
    if (!g->tokens)
        return elcl_fail_nomem(r->err);
    for (int i = 0; i < n; i++) {
        const char *p = NULL;
        ELCL_TRY(read_number(r, "bytes of a token", MAX_TOKEN, &length));
        ELCL_TRY(take(r, (size_t)length, &p));
        g->tokens[i] = (struct elcl_ggml_token){g->text.n, (size_t)length};
        elcl_str_append(&g->text, p, (size_t)length);
        if (length == sizeof(ELCL_GGML_END) - 1 && !memcmp(p, ELCL_GGML_END, (size_t)length))
            g->end = i;
    }
    g->n_tokens = (size_t)n;
    rc = g->text.failed ? elcl_fail_nomem(r->err) : elcl_ggml_check_special(g, r->err);
fail:
    return rc;
}

/* ---- tensors --------------------------------------------------------------------------------- */

/* A bias of a convolution is a column. */
static void drop_last(struct elcl_tensor *t)
{
    if (t->n_dims == 2 && t->shape[1] == 1 && elcl_ends_with(t->name, strlen(t->name), ".bias"))
        t->n_dims = 1;
}

static int read_shape(struct reader *r, int n_dims, struct elcl_tensor *t)
{
    int rc = ELCL_OK, extent = 0;
    t->n_dims = n_dims;
    t->n = 1;
    for (int i = n_dims - 1; i >= 0 && !rc; i--) {
        rc = read_number(r, "extent of a tensor", MAX_SIZE, &extent);
        t->shape[i] = extent;
        if (!rc && (!extent || !elcl_mul_size(t->n, (size_t)extent, &t->n)))
            rc = damaged(r, "a tensor has no elements, or too many");
    }
    return rc;
}

/* Reads the name, whose translation the tensor owns. */
static int read_name(struct reader *r, int n, struct elcl_tensor *t)
{
    char name[MAX_NAME + 1], to[2 * MAX_NAME];
    const char *p = NULL;
    const int rc = take(r, (size_t)n, &p);
    if (rc)
        return rc;
    memcpy(name, p, (size_t)n);
    name[n] = '\0';
    if (strlen(name) != (size_t)n || !elcl_ggml_name(name, to, sizeof(to)))
        return elcl_fail(r->err, ELCL_E_UNSUPPORTED,
                         "%s: tensor %s is not one of Whisper's; elcl reads models of whisper.cpp",
                         r->ggml->path, name);
    t->name = elcl_strdup(to);
    return t->name ? ELCL_OK : elcl_fail_nomem(r->err);
}

static int add_entry(struct reader *r, const struct elcl_ggml_entry *entry)
{
    struct elcl_ggml *g = r->ggml;
    void *array = g->entries;
    int32_t found;
    const size_t before = g->names.n;
    const int rc = elcl_strmap_add(&g->names, entry->t.name, strlen(entry->t.name),
                                   (int32_t)g->n_entries, &found, r->err);
    if (rc)
        return rc;
    if (g->names.n == before)
        return elcl_fail(r->err, ELCL_E_FORMAT, "%s: the tensor %s appears twice", g->path,
                         entry->t.name);
    if (!elcl_grow(&array, &g->max_entries, g->n_entries + 1, sizeof(*g->entries)))
        return elcl_fail_nomem(r->err);
    g->entries = array;
    g->entries[g->n_entries++] = *entry;
    return ELCL_OK;
}

static int read_tensor(struct reader *r)
{
    struct elcl_ggml_entry e = {.t = {.file = r->ggml->path}};
    int n_dims = 0, n_name = 0, type = 0, rc;
    size_t bytes = 0;
    ELCL_TRY(read_number(r, "dimensions of a tensor", ELCL_MAX_DIMS, &n_dims));
    ELCL_TRY(read_number(r, "bytes of a tensor's name", MAX_NAME, &n_name));
    ELCL_TRY(read_number(r, "type of a tensor", INT_MAX, &type));
    ELCL_TRY(n_dims ? read_shape(r, n_dims, &e.t) : damaged(r, "a tensor has no dimensions"));
    ELCL_TRY(read_name(r, n_name, &e.t));
    e.type = elcl_ggml_type_find((uint32_t)type);
    if (!e.type) {
        rc =
            elcl_fail(r->err, ELCL_E_UNSUPPORTED, "%s: %s has type %d; elcl reads " ELCL_GGML_TYPES,
                      r->ggml->path, e.t.name, type);
        goto fail;
    }
    ELCL_TRY(elcl_ggml_bytes(&r->ggml->file, e.t.name, e.type, (size_t)e.t.shape[e.t.n_dims - 1],
                             e.t.n, &bytes, r->err));
    e.t.dtype = e.type->dtype;
    e.t.in_parts = !e.type->expand;
    e.at = r->in.at;
    ELCL_TRY(skip(r, bytes, "ends inside a tensor"));
    drop_last(&e.t);
    ELCL_TRY(add_entry(r, &e));
    return ELCL_OK;
fail:
    elcl_free((void *)(uintptr_t)e.t.name);
    return rc;
}

/* ---- files ----------------------------------------------------------------------------------- */

static int read_file(struct elcl_ggml *ggml, bool with_tensors, elcl_error *err)
{
    struct reader r = {.ggml = ggml, .err = err};
    int rc = elcl_byte_reader_init(&r.in, &ggml->file, err);
    if (!rc)
        rc = read_head(&r);
    if (!rc)
        rc = read_vocabulary(&r);
    while (!rc && with_tensors && elcl_bytes_left(&r.in))
        rc = read_tensor(&r);
    elcl_byte_reader_finish(&r.in);
    return rc;
}

int elcl_ggml_parse(const void *data, size_t bytes, const char *path, struct elcl_ggml *ggml,
                    elcl_error *err)
{
    ggml->path = elcl_strdup(path);
    if (!ggml->path)
        return elcl_fail_nomem(err);
    ggml->file = elcl_file_of(data, bytes, ggml->path);
    return read_file(ggml, true, err);
}

int elcl_ggml_open(const char *path, bool with_tensors, struct elcl_ggml *ggml, elcl_error *err)
{
    ggml->path = elcl_strdup(path);
    if (!ggml->path)
        return elcl_fail_nomem(err);
    const int rc = elcl_file_open(ggml->path, &ggml->file, err);
    return rc ? rc : read_file(ggml, with_tensors, err);
}

void elcl_ggml_finish(struct elcl_ggml *ggml)
{
    for (size_t i = 0; i < ggml->n_entries; i++)
        elcl_free((void *)(uintptr_t)ggml->entries[i].t.name);
    elcl_file_close(&ggml->file);
    elcl_strmap_finish(&ggml->names);
    elcl_str_finish(&ggml->text);
    elcl_free(ggml->entries);
    elcl_free(ggml->tokens);
    elcl_free(ggml->path);
    *ggml = (struct elcl_ggml){0};
}
