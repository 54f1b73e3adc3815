/* Reads model.bin of CTranslate2. Everything is checked before it is used. */
#include "format/ctranslate2.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/half.h"
#include "format/foreign.h"
#include "format/pytorch.h"
#include "format/safetensors.h"

#define FIRST_VERSION 2
#define FIRST_TYPED_VERSION 4
#define FIRST_ALIAS_VERSION 3
#define LAST_VERSION 6
#define LEAST_VARIABLE_BYTES 9

#define WINDOW 65536 /* holds a name */
#define STEP 4096    /* is read at once, unless a name is longer */

struct reader {
    struct elcl_ct2 *ct2;
    size_t at;    /* the next byte of the file */
    char *window; /* [WINDOW] bytes of the file from window_at on */
    size_t window_at, n_window;
    elcl_error *err;
};

static int damaged(const struct reader *r, const char *what)
{
    return elcl_fail(r->err, ELCL_E_FORMAT, "%s: %s; is the file complete?", r->ct2->path, what);
}

/* ---- numbers and names ----------------------------------------------------------------------- */

static size_t bytes_left(const struct reader *r)
{
    return r->ct2->file.bytes - r->at;
}

/* Points *p to the next n bytes, which the file has, and n <= WINDOW. */
static int look(struct reader *r, size_t n, const char **p)
{
    if (r->at < r->window_at || r->at + n > r->window_at + r->n_window) {
        const size_t left = bytes_left(r), want = n < STEP ? STEP : n;
        const size_t take = left < want ? left : want;
        const int rc = elcl_file_read(&r->ct2->file, r->at, r->window, take, r->err);
        if (rc)
            return rc;
        r->window_at = r->at;
        r->n_window = take;
    }
    *p = r->window + (r->at - r->window_at);
    return ELCL_OK;
}

static int read_number(struct reader *r, int bytes, uint32_t *value)
{
    const char *p;
    if (bytes_left(r) < (size_t)bytes)
        return damaged(r, "ends inside a number");
    const int rc = look(r, (size_t)bytes, &p);
    if (rc)
        return rc;
    *value = (uint32_t)elcl_read_le(p, bytes);
    r->at += (size_t)bytes;
    return ELCL_OK;
}

/* *name is freed by the caller. */
static int read_name(struct reader *r, char **name)
{
    const char *p;
    uint32_t n = 0;
    int rc = read_number(r, 2, &n);
    if (rc)
        return rc;
    if (n > bytes_left(r))
        return damaged(r, "ends inside a name");
    rc = look(r, n, &p);
    if (rc)
        return rc;
    if (!n || memchr(p, '\0', n) != p + n - 1)
        return damaged(r, "a name does not end where its length says");
    *name = elcl_strndup(p, n - 1);
    r->at += n;
    return *name ? ELCL_OK : elcl_fail_nomem(r->err);
}

size_t elcl_ct2_type_bytes(enum elcl_ct2_type type)
{
    static const size_t bytes[] = {
        [ELCL_CT2_F32] = 4, [ELCL_CT2_I8] = 1,  [ELCL_CT2_I16] = 2,
        [ELCL_CT2_I32] = 4, [ELCL_CT2_F16] = 2, [ELCL_CT2_BF16] = 2,
    };
    return bytes[type];
}

float elcl_ct2_element(enum elcl_ct2_type type, const char *stored, size_t i)
{
    const char *p = stored + i * elcl_ct2_type_bytes(type);
    uint16_t half = 0;
    int16_t short_value = 0;
    int32_t int_value = 0;
    float value = 0;
    switch (type) {
    case ELCL_CT2_I8:
        return (float)(signed char)*p;
    case ELCL_CT2_I16:
        memcpy(&short_value, p, sizeof(short_value));
        return (float)short_value;
    case ELCL_CT2_I32:
        memcpy(&int_value, p, sizeof(int_value));
        return (float)int_value;
    case ELCL_CT2_F16:
    case ELCL_CT2_BF16:
        memcpy(&half, p, sizeof(half));
        return type == ELCL_CT2_F16 ? elcl_f16_to_f32(half) : elcl_bf16_to_f32(half);
    default:
        memcpy(&value, p, sizeof(value));
        return value;
    }
}

/* ---- variables ------------------------------------------------------------------------------- */

static int bad_variable(const struct reader *r, const struct elcl_ct2_variable *v, const char *what)
{
    return elcl_fail(r->err, ELCL_E_FORMAT, "%s: variable %.200s: %s", r->ct2->path, v->name, what);
}

static int read_shape(struct reader *r, struct elcl_ct2_variable *v)
{
    uint32_t rank = 0, extent = 0;
    int rc = read_number(r, 1, &rank);
    if (rc)
        return rc;
    if (rank > ELCL_MAX_DIMS)
        return bad_variable(r, v, "has too many dimensions");
    v->n_dims = (int)rank;
    v->n = 1;
    for (int i = 0; i < v->n_dims; i++) {
        rc = read_number(r, 4, &extent);
        if (rc)
            return rc;
        v->shape[i] = extent;
        if (!elcl_mul_size(v->n, extent, &v->n))
            return bad_variable(r, v, "the shape's product overflows");
    }
    return v->n ? ELCL_OK : bad_variable(r, v, "has no elements");
}

/* *bytes: of the data that follows. */
static int read_type(struct reader *r, struct elcl_ct2_variable *v, size_t *bytes)
{
    static const enum elcl_ct2_type by_size[] = {
        [1] = ELCL_CT2_I8, [2] = ELCL_CT2_I16, [4] = ELCL_CT2_F32};
    const bool typed = r->ct2->version >= FIRST_TYPED_VERSION;
    uint32_t type = 0, size = 0;
    int rc = read_number(r, 1, &type);
    if (!rc)
        rc = read_number(r, 4, &size);
    if (rc)
        return rc;
    if (typed ? type >= ELCL_CT2_N_TYPES : type != 1 && type != 2 && type != 4)
        return bad_variable(r, v, "has an unknown type");
    v->type = typed ? (enum elcl_ct2_type)type : by_size[type];
    *bytes = typed ? size : (size_t)size * type;
    return ELCL_OK;
}

static int read_variable(struct reader *r, struct elcl_ct2_variable *v)
{
    size_t bytes = 0, expected;
    const char *p;
    int rc;
    v->scale = -1;
    ELCL_TRY(read_name(r, &v->name));
    ELCL_TRY(read_shape(r, v));
    ELCL_TRY(read_type(r, v, &bytes));
    if (!elcl_mul_size(v->n, elcl_ct2_type_bytes(v->type), &expected) || expected != bytes)
        return bad_variable(r, v, "its bytes do not fit its shape");
    if (bytes > bytes_left(r))
        return bad_variable(r, v, "is cut off; is the file complete?");
    ELCL_TRY(look(r, elcl_ct2_type_bytes(v->type), &p));
    v->first = elcl_ct2_element(v->type, p, 0);
    v->at = r->at;
    r->at += bytes;
fail:
    return rc;
}

static int add_name(struct reader *r, const char *name, int32_t variable)
{
    const size_t before = r->ct2->names.n;
    int32_t found;
    const int rc = elcl_strmap_add(&r->ct2->names, name, strlen(name), variable, &found, r->err);
    if (!rc && r->ct2->names.n == before)
        return elcl_fail(r->err, ELCL_E_FORMAT, "%s: the name %.200s appears twice", r->ct2->path,
                         name);
    return rc;
}

static int read_variables(struct reader *r)
{
    struct elcl_ct2 *ct2 = r->ct2;
    uint32_t n = 0;
    int rc = read_number(r, 4, &n);
    if (rc)
        return rc;
    if (n > bytes_left(r) / LEAST_VARIABLE_BYTES)
        return damaged(r, "has fewer variables than it says");
    ct2->variables = elcl_calloc(n, sizeof(*ct2->variables));
    if (!ct2->variables)
        return elcl_fail_nomem(r->err);
    ct2->max_variables = n;
    for (; ct2->n_variables < n && !rc; ct2->n_variables++) {
        rc = read_variable(r, &ct2->variables[ct2->n_variables]);
        if (!rc)
            rc = add_name(r, ct2->variables[ct2->n_variables].name, (int32_t)ct2->n_variables);
    }
    return rc;
}

static int read_aliases(struct reader *r)
{
    uint32_t n = 0;
    int rc = r->ct2->version >= FIRST_ALIAS_VERSION ? read_number(r, 4, &n) : ELCL_OK;
    for (uint32_t i = 0; i < n && !rc; i++) {
        char *alias = NULL, *name = NULL;
        rc = read_name(r, &alias);
        if (!rc)
            rc = read_name(r, &name);
        const int32_t variable = rc ? -1 : elcl_ct2_find(r->ct2, name);
        if (!rc && variable < 0)
            rc = elcl_fail(r->err, ELCL_E_FORMAT, "%s: %.100s stands for %.100s, which is missing",
                           r->ct2->path, alias, name);
        if (!rc)
            rc = add_name(r, alias, variable);
        elcl_free(alias);
        elcl_free(name);
    }
    return rc;
}

/* Finds the factors of every variable: NAME_scale. */
static int find_scales(struct reader *r)
{
    struct elcl_ct2 *ct2 = r->ct2;
    for (size_t i = 0; i < ct2->n_variables; i++) {
        struct elcl_str name = {0};
        elcl_str_printf(&name, "%s_scale", ct2->variables[i].name);
        if (!name.failed)
            ct2->variables[i].scale = elcl_strmap_get(&ct2->names, name.data, name.n);
        const bool failed = name.failed;
        elcl_str_finish(&name);
        if (failed)
            return elcl_fail_nomem(r->err);
    }
    return ELCL_OK;
}

/* ---- files ----------------------------------------------------------------------------------- */

static int read_head(struct reader *r)
{
    struct elcl_ct2 *ct2 = r->ct2;
    int rc;
    ELCL_TRY(read_number(r, 4, &ct2->version));
    if (ct2->version < FIRST_VERSION || ct2->version > LAST_VERSION)
        return elcl_fail(r->err, ELCL_E_UNSUPPORTED,
                         "%s: expected a CTranslate2 model of version %d to %d, found %" PRIu32,
                         ct2->path, FIRST_VERSION, LAST_VERSION, ct2->version);
    ELCL_TRY(read_name(r, &ct2->spec));
    ELCL_TRY(read_number(r, 4, &ct2->revision));
fail:
    return rc;
}

/* Reads ct2->file. */
static int read_file(struct elcl_ct2 *ct2, elcl_error *err)
{
    struct reader r = {.ct2 = ct2, .window = malloc(WINDOW), .err = err};
    int rc = r.window ? ELCL_OK : elcl_fail_nomem(err);
    if (rc)
        return rc;
    ELCL_TRY(elcl_foreign_file(&ct2->file, err));
    ELCL_TRY(read_head(&r));
    ELCL_TRY(read_variables(&r));
    ELCL_TRY(read_aliases(&r));
    ELCL_TRY(find_scales(&r));
fail:
    elcl_free(r.window);
    return rc;
}

int elcl_ct2_parse(const void *data, size_t bytes, const char *path, struct elcl_ct2 *ct2,
                   elcl_error *err)
{
    ct2->path = elcl_strdup(path);
    if (!ct2->path)
        return elcl_fail_nomem(err);
    ct2->file = elcl_file_of(data, bytes, ct2->path);
    return read_file(ct2, err);
}

int elcl_ct2_open(const char *path, struct elcl_ct2 *ct2, elcl_error *err)
{
    ct2->path = elcl_strdup(path);
    if (!ct2->path)
        return elcl_fail_nomem(err);
    const int rc = elcl_file_open(ct2->path, &ct2->file, err);
    return rc ? rc : read_file(ct2, err);
}

void elcl_ct2_finish(struct elcl_ct2 *ct2)
{
    for (size_t i = 0; i < ct2->max_variables; i++)
        elcl_free(ct2->variables[i].name);
    elcl_file_close(&ct2->file);
    elcl_strmap_finish(&ct2->names);
    elcl_free(ct2->variables);
    elcl_free(ct2->spec);
    elcl_free(ct2->path);
    *ct2 = (struct elcl_ct2){0};
}

int32_t elcl_ct2_find(const struct elcl_ct2 *ct2, const char *name)
{
    return elcl_strmap_get(&ct2->names, name, strlen(name));
}

int elcl_ct2_detect(const char *directory, bool *is, elcl_error *err)
{
    static const char *const others[] = {ELCL_SAFETENSORS_FILE, ELCL_SAFETENSORS_INDEX,
                                         ELCL_PYTORCH_FILE, ELCL_PYTORCH_INDEX};
    bool other = false;
    int rc = ELCL_OK;
    for (size_t i = 0; i < ELCL_COUNT(others) && !rc && !other; i++)
        rc = elcl_has_file(directory, others[i], &other, err);
    *is = false;
    return rc || other ? rc : elcl_has_file(directory, ELCL_CT2_FILE, is, err);
}
