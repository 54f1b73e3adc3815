/* The values of a GGUF file, by their keys. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "format/gguf.h"

#define MAX_KEY 160

/* Writes the key with the architecture in its place. */
static const char *full_key(const struct elcl_gguf *g, const char *key, char full[MAX_KEY])
{
    if (strncmp(key, "%s", 2) != 0)
        return key;
    snprintf(full, MAX_KEY, "%s%s", g->architecture, key + 2);
    return full;
}

static const struct elcl_gguf_value *find(const struct elcl_gguf *g, const char *key)
{
    char full[MAX_KEY];
    key = full_key(g, key, full);
    const int32_t i = elcl_strmap_get(&g->keys, key, strlen(key));
    return i < 0 ? NULL : &g->values[i];
}

bool elcl_gguf_has(const struct elcl_gguf *gguf, const char *key)
{
    return find(gguf, key) != NULL;
}

static int missing(const struct elcl_gguf *g, const char *key, elcl_error *err)
{
    char full[MAX_KEY];
    return elcl_fail(err, ELCL_E_FORMAT, "%s: has no key %s", g->path, full_key(g, key, full));
}

static int mismatch(const struct elcl_gguf *g, const char *key, const char *what, elcl_error *err)
{
    char full[MAX_KEY];
    return elcl_fail(err, ELCL_E_FORMAT, "%s: key %s: expected %s", g->path, full_key(g, key, full),
                     what);
}

/* ---- one value ------------------------------------------------------------------------------- */

/* Reads the bytes of a number, little-endian in a word. */
static int read_word(const struct elcl_gguf *g, const struct elcl_gguf_value *v, int bytes,
                     uint64_t *word, elcl_error *err)
{
    char stored[8];
    const int rc = elcl_file_read(&g->file, v->at, stored, (size_t)bytes, err);
    *word = rc ? 0 : elcl_read_le(stored, bytes);
    return rc;
}

/* Reads an integer of any kind; *is tells whether it is one. */
static int read_integer(const struct elcl_gguf *g, const struct elcl_gguf_value *v, int64_t *out,
                        bool *is, elcl_error *err)
{
    static const struct {
        int bytes; /* 0: no integer */
        bool sign;
    } kinds[ELCL_GGUF_N_KINDS] = {
        [ELCL_GGUF_U8] = {1, false},  [ELCL_GGUF_I8] = {1, true},   [ELCL_GGUF_U16] = {2, false},
        [ELCL_GGUF_I16] = {2, true},  [ELCL_GGUF_U32] = {4, false}, [ELCL_GGUF_I32] = {4, true},
        [ELCL_GGUF_U64] = {8, false}, [ELCL_GGUF_I64] = {8, true}};
    const int bytes = kinds[v->kind].bytes;
    uint64_t word = 0;
    *is = bytes && !v->array;
    const int rc = *is ? read_word(g, v, bytes, &word, err) : ELCL_OK;
    if (rc)
        return rc;
    const int unused = 64 - 8 * (bytes ? bytes : 8);
    if (kinds[v->kind].sign)
        *out = (int64_t)(word << unused) >> unused;
    else
        *out = word > INT64_MAX ? INT64_MAX : (int64_t)word;
    return ELCL_OK;
}

int elcl_gguf_int(const struct elcl_gguf *gguf, const char *key, int min, int max, int *out,
                  elcl_error *err)
{
    const struct elcl_gguf_value *v = find(gguf, key);
    char what[96];
    int64_t value = 0;
    bool is = false;
    const int rc = v ? read_integer(gguf, v, &value, &is, err) : missing(gguf, key, err);
    if (rc)
        return rc;
    if (is && value >= min && value <= max) {
        *out = (int)value;
        return ELCL_OK;
    }
    if (is)
        snprintf(what, sizeof(what), "an integer in %d .. %d, found %lld", min, max,
                 (long long)value);
    else
        snprintf(what, sizeof(what), "an integer in %d .. %d", min, max);
    return mismatch(gguf, key, what, err);
}

int elcl_gguf_int_or(const struct elcl_gguf *gguf, const char *key, int min, int max, int fallback,
                     int *out, elcl_error *err)
{
    if (find(gguf, key))
        return elcl_gguf_int(gguf, key, min, max, out, err);
    *out = fallback;
    return ELCL_OK;
}

int elcl_gguf_float(const struct elcl_gguf *gguf, const char *key, double *out, elcl_error *err)
{
    const struct elcl_gguf_value *v = find(gguf, key);
    uint64_t word = 0;
    float single = 0;
    double value = 0;
    if (!v)
        return missing(gguf, key, err);
    if (v->array || (v->kind != ELCL_GGUF_F32 && v->kind != ELCL_GGUF_F64))
        return mismatch(gguf, key, "a number of type f32", err);
    const bool is_single = v->kind == ELCL_GGUF_F32;
    const int rc = read_word(gguf, v, is_single ? 4 : 8, &word, err);
    const uint32_t low = (uint32_t)word;
    memcpy(&single, &low, sizeof(single));
    memcpy(&value, &word, sizeof(value));
    value = is_single ? (double)single : value;
    if (!rc && !isfinite(value))
        return mismatch(gguf, key, "a finite number", err);
    *out = value;
    return rc;
}

int elcl_gguf_bool_or(const struct elcl_gguf *gguf, const char *key, bool fallback, bool *out,
                      elcl_error *err)
{
    const struct elcl_gguf_value *v = find(gguf, key);
    uint64_t word = fallback;
    if (v && (v->array || v->kind != ELCL_GGUF_BOOL))
        return mismatch(gguf, key, "true or false", err);
    const int rc = v ? read_word(gguf, v, 1, &word, err) : ELCL_OK;
    *out = word != 0;
    return rc;
}

int elcl_gguf_text_or(const struct elcl_gguf *gguf, const char *key, const char *fallback,
                      char *out, size_t size, elcl_error *err)
{
    const struct elcl_gguf_value *v = find(gguf, key);
    uint64_t n = 0;
    if (!v) {
        snprintf(out, size, "%s", fallback);
        return ELCL_OK;
    }
    if (v->array || v->kind != ELCL_GGUF_STRING)
        return mismatch(gguf, key, "a string", err);
    int rc = read_word(gguf, v, 8, &n, err);
    if (!rc && n >= size)
        return mismatch(gguf, key, "a short string", err);
    if (!rc)
        rc = elcl_file_read(&gguf->file, v->at + 8, out, (size_t)n, err);
    out[rc ? 0 : n] = '\0';
    return !rc && strlen(out) != n ? mismatch(gguf, key, "a string without U+0000", err) : rc;
}

/* ---- arrays ---------------------------------------------------------------------------------- */

/* Finds an array of one of two kinds; *n is any number if it is SIZE_MAX. */
static int find_array(const struct elcl_gguf *g, const char *key, enum elcl_gguf_kind a,
                      enum elcl_gguf_kind b, const char *what, size_t *n,
                      const struct elcl_gguf_value **v, elcl_error *err)
{
    char text[96];
    *v = find(g, key);
    if (!*v)
        return missing(g, key, err);
    if (!(*v)->array || ((*v)->kind != a && (*v)->kind != b))
        return mismatch(g, key, what, err);
    if (*n != SIZE_MAX && (*v)->n != *n) {
        snprintf(text, sizeof(text), "%zu elements, found %zu", *n, (*v)->n);
        return mismatch(g, key, text, err);
    }
    *n = (*v)->n;
    return ELCL_OK;
}

static int read_words(const struct elcl_gguf *g, const char *key, enum elcl_gguf_kind a,
                      enum elcl_gguf_kind b, const char *what, size_t n, void **out,
                      elcl_error *err)
{
    const struct elcl_gguf_value *v = NULL;
    char *stored = NULL;
    int rc = find_array(g, key, a, b, what, &n, &v, err);
    if (!rc)
        rc = elcl_file_copy(&g->file, v->at, 4 * n, &stored, err);
    if (!rc)
        *out = stored;
    return rc;
}

int elcl_gguf_floats(const struct elcl_gguf *gguf, const char *key, size_t n, float **out,
                     elcl_error *err)
{
    void *words = NULL;
    const int rc =
        read_words(gguf, key, ELCL_GGUF_F32, ELCL_GGUF_F32, "an array of f32", n, &words, err);
    *out = words;
    return rc;
}

int elcl_gguf_ints(const struct elcl_gguf *gguf, const char *key, size_t n, int32_t **out,
                   elcl_error *err)
{
    void *words = NULL;
    const int rc =
        read_words(gguf, key, ELCL_GGUF_I32, ELCL_GGUF_U32, "an array of i32", n, &words, err);
    *out = words;
    return rc;
}

int elcl_gguf_bytes(const struct elcl_gguf *gguf, const char *key, char **out, size_t *n,
                    elcl_error *err)
{
    const struct elcl_gguf_value *v = NULL;
    *n = SIZE_MAX;
    const int rc =
        find_array(gguf, key, ELCL_GGUF_U8, ELCL_GGUF_I8, "an array of bytes", n, &v, err);
    return rc ? rc : elcl_file_copy(&gguf->file, v->at, *n, out, err);
}

/* Copies the stored strings without their lengths. */
static int cut_strings(const struct elcl_gguf *g, const char *stored, size_t bytes,
                       struct elcl_gguf_strings *strings, elcl_error *err)
{
    size_t at = 0;
    for (size_t i = 0; i < strings->n; i++) {
        const size_t n = bytes - at < 8 ? SIZE_MAX : elcl_read_le(stored + at, 8);
        if (n > bytes - at - 8) /* not what the head was */
            return elcl_fail(err, ELCL_E_FORMAT, "%s: has changed while it was read", g->path);
        elcl_str_append(&strings->text, stored + at + 8, n);
        strings->ends[i] = strings->text.n;
        at += 8 + n;
    }
    return strings->text.failed ? elcl_fail_nomem(err) : ELCL_OK;
}

int elcl_gguf_strings(const struct elcl_gguf *gguf, const char *key,
                      struct elcl_gguf_strings *strings, elcl_error *err)
{
    const struct elcl_gguf_value *v = NULL;
    char *stored = NULL;
    size_t n = SIZE_MAX;
    int rc;
    ELCL_TRY(find_array(gguf, key, ELCL_GGUF_STRING, ELCL_GGUF_STRING, "an array of strings", &n,
                        &v, err));
    ELCL_TRY(elcl_file_copy(&gguf->file, v->at, v->bytes, &stored, err));
    strings->n = n;
    strings->ends = elcl_calloc(n, sizeof(*strings->ends));
    rc = strings->ends ? cut_strings(gguf, stored, v->bytes, strings, err) : elcl_fail_nomem(err);
fail:
    elcl_free(stored);
    return rc;
}

void elcl_gguf_strings_finish(struct elcl_gguf_strings *strings)
{
    elcl_str_finish(&strings->text);
    elcl_free(strings->ends);
    *strings = (struct elcl_gguf_strings){0};
}

const char *elcl_gguf_string(const struct elcl_gguf_strings *strings, size_t i, size_t *n)
{
    const size_t begin = i ? strings->ends[i - 1] : 0;
    *n = strings->ends[i] - begin;
    return strings->text.data ? strings->text.data + begin : "";
}
