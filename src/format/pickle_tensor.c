/* Reads tensors as torch.save writes them: a storage, and a call of _rebuild_tensor_v2 with an
 * offset, a shape and strides. */
#include "format/pickle_impl.h"

#include <string.h>

#include "base/util.h"

#define MAX_EXTENTS 64 /* torch's own limit */

/* Reads where a view begins: None, or in old files (key of the view, first element, elements). */
static int read_view(const struct elcl_pickle *m, struct elcl_pickle_value view, int64_t *first)
{
    *first = 0;
    if (view.kind == ELCL_VALUE_NONE)
        return ELCL_OK;
    const struct elcl_pickle_value *v = m->items.v + view.i;
    if (view.kind != ELCL_VALUE_TUPLE || view.n != 3 || v[1].kind != ELCL_VALUE_INTEGER ||
        v[1].i < 0)
        return elcl_pickle_unexpected(m, "persistent id", "None or a view of 3 values", view.kind);
    *first = v[1].i;
    return ELCL_OK;
}

/* Reads the persistent id ("storage", class, key, location, elements), in old files with a view. */
int elcl_pickle_push_storage(struct elcl_pickle *m)
{
    struct elcl_pickle_value id = {0};
    const int rc = elcl_pickle_pop(m, &id);
    if (rc)
        return rc;
    if (id.kind != ELCL_VALUE_TUPLE || (id.n != 5 && id.n != 6))
        return elcl_pickle_unexpected(m, "persistent id", "a tuple of 5 or 6 values", id.kind);
    const struct elcl_pickle_value *v = m->items.v + id.i;
    if (v[0].kind != ELCL_VALUE_TEXT || v[0].n != 7 ||
        memcmp(elcl_pickle_text(m, v[0]), "storage", 7) != 0)
        return elcl_pickle_unexpected(m, "persistent id", "\"storage\"", v[0].kind);
    const struct elcl_pickle_type *type =
        v[1].kind == ELCL_VALUE_GLOBAL ? elcl_pickle_storage_type((int)v[1].i) : NULL;
    if (!type)
        return elcl_pickle_unexpected(m, "persistent id", "a storage class", v[1].kind);
    if (v[2].kind != ELCL_VALUE_TEXT)
        return elcl_pickle_unexpected(m, "persistent id", "a key", v[2].kind);
    if (v[4].kind != ELCL_VALUE_INTEGER || v[4].i < 0)
        return elcl_pickle_unexpected(m, "persistent id", "a number of elements", v[4].kind);
    int64_t first = 0;
    const int bad = id.n == 6 ? read_view(m, v[5], &first) : ELCL_OK;
    if (bad)
        return bad;
    void *array = m->storages;
    if (!elcl_grow(&array, &m->max_storages, m->n_storages + 1, sizeof(*m->storages)))
        return elcl_fail_nomem(m->err);
    m->storages = array;
    m->storages[m->n_storages] = (struct elcl_pickle_storage){type, v[2], v[4].i, first};
    return elcl_pickle_push_kind(m, ELCL_VALUE_STORAGE, (int64_t)m->n_storages++);
}

/* Reads a tuple of integers >= 0: the shape or the strides of a tensor. */
static int read_extents(const struct elcl_pickle *m, struct elcl_pickle_value value,
                        const char *what, int64_t out[ELCL_MAX_DIMS], int *n)
{
    if (value.kind != ELCL_VALUE_TUPLE)
        return elcl_pickle_unexpected(m, what, "a tuple", value.kind);
    if (value.n > MAX_EXTENTS) /* many tensors may share one long tuple */
        return elcl_pickle_bad(m, "a tensor of more than 64 dimensions");
    for (uint32_t i = 0; i < value.n; i++) {
        const struct elcl_pickle_value item = m->items.v[value.i + i];
        if (item.kind != ELCL_VALUE_INTEGER)
            return elcl_pickle_unexpected(m, what, "an integer", item.kind);
        if (item.i < 0)
            return elcl_fail(m->err, ELCL_E_FORMAT,
                             "%s: pickle, byte %zu: %s: expected 0 or more, found %lld", m->file,
                             m->opcode_at, what, (long long)item.i);
        if (i < ELCL_MAX_DIMS)
            out[i] = item.i;
    }
    *n = (int)value.n;
    return ELCL_OK;
}

/* _rebuild_tensor_v2(storage, offset, shape, stride, requires_grad, hooks[, metadata]) */
static int push_tensor(struct elcl_pickle *m, struct elcl_pickle_value arguments)
{
    if (arguments.n != 6 && arguments.n != 7)
        return elcl_pickle_bad(m, "_rebuild_tensor_v2 takes 6 or 7 values");
    const struct elcl_pickle_value *v = m->items.v + arguments.i;
    if (v[0].kind != ELCL_VALUE_STORAGE)
        return elcl_pickle_unexpected(m, "_rebuild_tensor_v2", "a storage", v[0].kind);
    if (v[1].kind != ELCL_VALUE_INTEGER || v[1].i < 0)
        return elcl_pickle_unexpected(m, "_rebuild_tensor_v2", "an offset of 0 or more", v[1].kind);
    const struct elcl_pickle_storage *storage = &m->storages[v[0].i];
    if (v[1].i > INT64_MAX - storage->first)
        return elcl_pickle_bad(m, "an offset that overflows");
    struct elcl_pickle_tensor t = {.type = storage->type,
                                   .key = elcl_pickle_text(m, storage->key),
                                   .n_key = storage->key.n,
                                   .n_storage = storage->n,
                                   .offset = storage->first + v[1].i};
    int n_strides = 0;
    int rc = read_extents(m, v[2], "shape", t.shape, &t.n_dims);
    if (!rc)
        rc = read_extents(m, v[3], "strides", t.stride, &n_strides);
    if (rc)
        return rc;
    if (n_strides != t.n_dims)
        return elcl_pickle_bad(m, "shape and strides have different lengths");
    void *array = m->tensors;
    if (!elcl_grow(&array, &m->max_tensors, m->n_tensors + 1, sizeof(*m->tensors)))
        return elcl_fail_nomem(m->err);
    m->tensors = array;
    m->tensors[m->n_tensors] = t;
    return elcl_pickle_push_kind(m, ELCL_VALUE_TENSOR, (int64_t)m->n_tensors++);
}

/* REDUCE: a call. The three known callables are cases here. */
int elcl_pickle_reduce(struct elcl_pickle *m)
{
    struct elcl_pickle_value callable = {0}, arguments = {0};
    int rc = elcl_pickle_pop(m, &arguments);
    if (!rc)
        rc = elcl_pickle_pop(m, &callable);
    if (rc)
        return rc;
    if (arguments.kind != ELCL_VALUE_TUPLE)
        return elcl_pickle_unexpected(m, "REDUCE", "a tuple", arguments.kind);
    if (callable.kind != ELCL_VALUE_GLOBAL)
        return elcl_pickle_unexpected(m, "REDUCE", "a name", callable.kind);
    switch ((int)callable.i) {
    case ELCL_PICKLE_ORDERED_DICT:
        return arguments.n ? elcl_pickle_bad(m, "collections.OrderedDict takes no values here")
                           : elcl_pickle_push_dictionary(m);
    case ELCL_PICKLE_TENSOR:
        return push_tensor(m, arguments);
    case ELCL_PICKLE_PARAMETER: /* (tensor, requires_grad, hooks) */
        if (arguments.n != 3 || m->items.v[arguments.i].kind != ELCL_VALUE_TENSOR)
            return elcl_pickle_bad(m, "_rebuild_parameter takes a tensor and 2 more values");
        return elcl_pickle_push(m, m->items.v[arguments.i]);
    default:
        return elcl_pickle_bad(m, "a storage class is called");
    }
}

/* BUILD: attributes of an object. Those of a state dictionary ("_metadata") are not used. */
int elcl_pickle_build(struct elcl_pickle *m)
{
    struct elcl_pickle_value state = {0};
    const int rc = elcl_pickle_pop(m, &state);
    if (rc)
        return rc;
    if (!elcl_pickle_reachable(m))
        return elcl_pickle_bad(m, "the stack is empty");
    const enum elcl_pickle_kind kind = m->stack.v[m->stack.n - 1].kind;
    return kind == ELCL_VALUE_DICTIONARY ? ELCL_OK
                                         : elcl_pickle_unexpected(m, "BUILD", "a dictionary", kind);
}
