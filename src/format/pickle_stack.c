#include "format/pickle_impl.h"

#include "base/util.h"

static const char *const kinds[] = {
    [ELCL_VALUE_NONE] = "None",          [ELCL_VALUE_BOOLEAN] = "a boolean",
    [ELCL_VALUE_INTEGER] = "an integer", [ELCL_VALUE_REAL] = "a real number",
    [ELCL_VALUE_TEXT] = "a string",      [ELCL_VALUE_GLOBAL] = "a name",
    [ELCL_VALUE_TUPLE] = "a tuple",      [ELCL_VALUE_DICTIONARY] = "a dictionary",
    [ELCL_VALUE_LIST] = "a list",        [ELCL_VALUE_STORAGE] = "a storage",
    [ELCL_VALUE_TENSOR] = "a tensor",
};

/* ---- messages ---- */

int elcl_pickle_bad(const struct elcl_pickle *m, const char *what)
{
    return elcl_fail(m->err, ELCL_E_FORMAT, "%s: pickle, byte %zu: %s", m->file, m->opcode_at,
                     what);
}

int elcl_pickle_unexpected(const struct elcl_pickle *m, const char *place, const char *want,
                           enum elcl_pickle_kind found)
{
    return elcl_fail(m->err, ELCL_E_FORMAT, "%s: pickle, byte %zu: %s: expected %s, found %s",
                     m->file, m->opcode_at, place, want, kinds[found]);
}

/* ---- stack ---- */

bool elcl_pickle_append(struct elcl_pickle_values *values, struct elcl_pickle_value value)
{
    void *array = values->v;
    if (!elcl_grow(&array, &values->max, values->n + 1, sizeof(*values->v)))
        return false;
    values->v = array;
    values->v[values->n++] = value;
    return true;
}

int elcl_pickle_push(struct elcl_pickle *m, struct elcl_pickle_value value)
{
    return elcl_pickle_append(&m->stack, value) ? ELCL_OK : elcl_fail_nomem(m->err);
}

int elcl_pickle_push_kind(struct elcl_pickle *m, enum elcl_pickle_kind kind, int64_t i)
{
    return elcl_pickle_push(m, (struct elcl_pickle_value){.kind = kind, .i = i});
}

int elcl_pickle_push_dictionary(struct elcl_pickle *m)
{
    return elcl_pickle_push_kind(m, ELCL_VALUE_DICTIONARY, (int64_t)m->n_dictionaries++);
}

size_t elcl_pickle_reachable(const struct elcl_pickle *m)
{
    return m->stack.n - (m->n_marks ? m->marks[m->n_marks - 1] : 0);
}

int elcl_pickle_pop(struct elcl_pickle *m, struct elcl_pickle_value *value)
{
    if (!elcl_pickle_reachable(m))
        return elcl_pickle_bad(m, "the stack is empty");
    *value = m->stack.v[--m->stack.n];
    return ELCL_OK;
}

const char *elcl_pickle_text(const struct elcl_pickle *m, struct elcl_pickle_value value)
{
    return (const char *)m->p + value.i;
}
