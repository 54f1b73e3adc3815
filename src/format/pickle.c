/*
 * A pickle is a program for a stack machine. Each value that comes onto the stack costs at least a
 * byte of the pickle and moves from there at most once (into a tuple or a dictionary), so memory is
 * linear in the pickle's length, and no value is ever walked through recursively.
 */
#include "format/pickle_impl.h"

#include <string.h>

#include "base/util.h"
#include "base/utf8.h"

/* ---- marks ---- */

static int push_mark(struct elcl_pickle *m)
{
    void *array = m->marks;
    if (!elcl_grow(&array, &m->max_marks, m->n_marks + 1, sizeof(*m->marks)))
        return elcl_fail_nomem(m->err);
    m->marks = array;
    m->marks[m->n_marks++] = m->stack.n;
    return ELCL_OK;
}

/* Pops a mark; the values after it begin at *begin. */
static int pop_mark(struct elcl_pickle *m, size_t *begin)
{
    if (!m->n_marks)
        return elcl_pickle_bad(m, "no mark on the stack");
    *begin = m->marks[--m->n_marks];
    return ELCL_OK;
}

/* ---- operands ---- */

static int take(struct elcl_pickle *m, size_t n, const unsigned char **p)
{
    if (n > m->n - m->at)
        return elcl_pickle_bad(m, "the pickle ends within an opcode");
    *p = m->p + m->at;
    m->at += n;
    return ELCL_OK;
}

static int take_number(struct elcl_pickle *m, int bytes, uint64_t *value)
{
    const unsigned char *p = NULL;
    const int rc = take(m, (size_t)bytes, &p);
    *value = rc ? 0 : elcl_read_le(p, bytes);
    return rc;
}

static int push_integer(struct elcl_pickle *m, int bytes)
{
    uint64_t value = 0;
    const int rc = take_number(m, bytes, &value);
    /* Only four bytes have a sign. */
    return rc ? rc
              : elcl_pickle_push_kind(m, ELCL_VALUE_INTEGER,
                                      bytes == 4 ? (int32_t)(uint32_t)value : (int64_t)value);
}

/* LONG1: a length, then that number of bytes in two's complement. */
static int push_long(struct elcl_pickle *m)
{
    uint64_t n = 0, value = 0;
    int rc = take_number(m, 1, &n);
    if (rc)
        return rc;
    if (n > 8)
        return elcl_pickle_bad(m, "an integer of more than 8 bytes");
    rc = take_number(m, (int)n, &value);
    if (rc)
        return rc;
    if (n && n < 8 && value >> (8 * n - 1))
        value |= UINT64_MAX << (8 * n);
    return elcl_pickle_push_kind(m, ELCL_VALUE_INTEGER, (int64_t)value);
}

static int push_text(struct elcl_pickle *m, int length_bytes)
{
    uint64_t n = 0;
    const unsigned char *p = NULL;
    int rc = take_number(m, length_bytes, &n);
    const size_t at = m->at;
    if (!rc)
        rc = take(m, (size_t)n, &p);
    return rc ? rc
              : elcl_pickle_push(m, (struct elcl_pickle_value){.kind = ELCL_VALUE_TEXT,
                                                               .n = (uint32_t)n,
                                                               .i = (int64_t)at});
}

/* ---- names ---- */

static int push_global(struct elcl_pickle *m, const char *module, size_t n_module, const char *name,
                       size_t n_name)
{
    const int global = elcl_pickle_global(module, n_module, name, n_name);
    if (global >= 0)
        return elcl_pickle_push_kind(m, ELCL_VALUE_GLOBAL, global);
    struct elcl_str asked = {0};
    elcl_utf8_repair(module, n_module < 100 ? n_module : 100, &asked);
    elcl_str_append(&asked, ".", 1);
    elcl_utf8_repair(name, n_name < 100 ? n_name : 100, &asked);
    const int rc = asked.failed
                       ? elcl_fail_nomem(m->err)
                       : elcl_fail(m->err, ELCL_E_UNSUPPORTED,
                                   "%s: pickle, byte %zu: names %s, which a dictionary of tensors "
                                   "does not need; nothing was executed",
                                   m->file, m->opcode_at, asked.data);
    elcl_str_finish(&asked);
    return rc;
}

/* GLOBAL: two lines. */
static int take_line(struct elcl_pickle *m, const char **line, size_t *n)
{
    const unsigned char *end = memchr(m->p + m->at, '\n', m->n - m->at);
    if (!end)
        return elcl_pickle_bad(m, "the pickle ends within an opcode");
    *line = (const char *)m->p + m->at;
    *n = (size_t)(end - (m->p + m->at));
    m->at += *n + 1;
    return ELCL_OK;
}

static int global(struct elcl_pickle *m)
{
    const char *module = NULL, *name = NULL;
    size_t n_module = 0, n_name = 0;
    int rc = take_line(m, &module, &n_module);
    if (!rc)
        rc = take_line(m, &name, &n_name);
    return rc ? rc : push_global(m, module, n_module, name, n_name);
}

static int stack_global(struct elcl_pickle *m)
{
    struct elcl_pickle_value module = {0}, name = {0};
    int rc = elcl_pickle_pop(m, &name);
    if (!rc)
        rc = elcl_pickle_pop(m, &module);
    if (rc)
        return rc;
    if (name.kind != ELCL_VALUE_TEXT || module.kind != ELCL_VALUE_TEXT)
        return elcl_pickle_unexpected(m, "STACK_GLOBAL", "two strings",
                                      name.kind != ELCL_VALUE_TEXT ? name.kind : module.kind);
    return push_global(m, elcl_pickle_text(m, module), module.n, elcl_pickle_text(m, name), name.n);
}

/* ---- memo ---- */

static int put(struct elcl_pickle *m, uint64_t i)
{
    /* torch and Python number the memo from 0, without gaps. */
    if (i > m->memo.n)
        return elcl_pickle_bad(m, "a memo number that skips others");
    if (!elcl_pickle_reachable(m))
        return elcl_pickle_bad(m, "the stack is empty");
    const struct elcl_pickle_value top = m->stack.v[m->stack.n - 1];
    if (i == m->memo.n)
        return elcl_pickle_append(&m->memo, top) ? ELCL_OK : elcl_fail_nomem(m->err);
    m->memo.v[i] = top;
    return ELCL_OK;
}

static int put_numbered(struct elcl_pickle *m, int bytes)
{
    uint64_t i = 0;
    const int rc = take_number(m, bytes, &i);
    return rc ? rc : put(m, i);
}

static int get_numbered(struct elcl_pickle *m, int bytes)
{
    uint64_t i = 0;
    const int rc = take_number(m, bytes, &i);
    if (rc)
        return rc;
    if (i >= m->memo.n)
        return elcl_pickle_bad(m, "a memo number that was not set");
    return elcl_pickle_push(m, m->memo.v[i]);
}

/* ---- tuples and dictionaries ---- */

/* Replaces the values from `begin` on by one tuple. */
static int tuple_from(struct elcl_pickle *m, size_t begin)
{
    const size_t n = m->stack.n - begin;
    const struct elcl_pickle_value tuple = {
        .kind = ELCL_VALUE_TUPLE, .n = (uint32_t)n, .i = (int64_t)m->items.n};
    for (size_t i = begin; i < m->stack.n; i++)
        if (!elcl_pickle_append(&m->items, m->stack.v[i]))
            return elcl_fail_nomem(m->err);
    m->stack.n = begin;
    return elcl_pickle_push(m, tuple);
}

static int tuple_of(struct elcl_pickle *m, size_t n)
{
    if (elcl_pickle_reachable(m) < n)
        return elcl_pickle_bad(m, "the stack is empty");
    return tuple_from(m, m->stack.n - n);
}

static int tuple_to_mark(struct elcl_pickle *m)
{
    size_t begin = 0;
    const int rc = pop_mark(m, &begin);
    return rc ? rc : tuple_from(m, begin);
}

/* Moves the keys and values from `begin` on into the dictionary below them. */
static int set_items(struct elcl_pickle *m, size_t begin)
{
    if ((m->stack.n - begin) % 2)
        return elcl_pickle_bad(m, "a key without a value");
    const size_t bottom = m->n_marks ? m->marks[m->n_marks - 1] : 0;
    if (begin <= bottom)
        return elcl_pickle_bad(m, "the stack is empty");
    const struct elcl_pickle_value dictionary = m->stack.v[begin - 1];
    if (dictionary.kind != ELCL_VALUE_DICTIONARY)
        return elcl_pickle_unexpected(m, "SETITEM", "a dictionary", dictionary.kind);
    for (size_t i = begin; i < m->stack.n; i += 2) {
        void *array = m->pairs;
        if (!elcl_grow(&array, &m->max_pairs, m->n_pairs + 1, sizeof(*m->pairs)))
            return elcl_fail_nomem(m->err);
        m->pairs = array;
        m->pairs[m->n_pairs++] =
            (struct elcl_pickle_pair){(size_t)dictionary.i, m->stack.v[i], m->stack.v[i + 1]};
    }
    m->stack.n = begin;
    return ELCL_OK;
}

static int set_item(struct elcl_pickle *m)
{
    return elcl_pickle_reachable(m) < 3 ? elcl_pickle_bad(m, "the stack is empty")
                                        : set_items(m, m->stack.n - 2);
}

static int set_items_to_mark(struct elcl_pickle *m)
{
    size_t begin = 0;
    const int rc = pop_mark(m, &begin);
    return rc ? rc : set_items(m, begin);
}

/* ---- the list of keys ---- */

static int push_list(struct elcl_pickle *m)
{
    if (m->n_lists++)
        return elcl_pickle_bad(m, "a second list");
    return elcl_pickle_push_kind(m, ELCL_VALUE_LIST, 0);
}

/* Moves the values from `begin` on into the list below them. */
static int list_append(struct elcl_pickle *m, size_t begin)
{
    const size_t bottom = m->n_marks ? m->marks[m->n_marks - 1] : 0;
    if (begin <= bottom)
        return elcl_pickle_bad(m, "the stack is empty");
    if (m->stack.v[begin - 1].kind != ELCL_VALUE_LIST)
        return elcl_pickle_unexpected(m, "APPEND", "a list", m->stack.v[begin - 1].kind);
    for (size_t i = begin; i < m->stack.n; i++)
        if (!elcl_pickle_append(&m->keys, m->stack.v[i]))
            return elcl_fail_nomem(m->err);
    m->stack.n = begin;
    return ELCL_OK;
}

static int list_append_to_mark(struct elcl_pickle *m)
{
    size_t begin = 0;
    const int rc = pop_mark(m, &begin);
    return rc ? rc : list_append(m, begin);
}

/* ---- the machine ---- */

static int check_protocol(struct elcl_pickle *m)
{
    uint64_t protocol = 0;
    const int rc = take_number(m, 1, &protocol);
    if (rc || (protocol >= 2 && protocol <= 4))
        return rc;
    return elcl_fail(m->err, ELCL_E_UNSUPPORTED, "%s: pickle protocol %d; expected 2, 3 or 4",
                     m->file, (int)protocol);
}

static int skip(struct elcl_pickle *m, size_t n)
{
    const unsigned char *p = NULL;
    return take(m, n, &p);
}

static int step(struct elcl_pickle *m, unsigned char opcode)
{
    int rc;
    switch (opcode) {
    case 0x80: /* PROTO */
        return check_protocol(m);
    case 0x95: /* FRAME: a hint for reading ahead */
        return skip(m, 8);
    case '(':
        return push_mark(m);
    case 'N':
        return elcl_pickle_push_kind(m, ELCL_VALUE_NONE, 0);
    case 0x88: /* NEWTRUE, NEWFALSE */
    case 0x89:
        return elcl_pickle_push_kind(m, ELCL_VALUE_BOOLEAN, opcode == 0x88);
    case 'K':
        return push_integer(m, 1);
    case 'M':
        return push_integer(m, 2);
    case 'J':
        return push_integer(m, 4);
    case 0x8a:
        return push_long(m);
    case 'G': /* BINFLOAT: the value is never used */
        rc = skip(m, 8);
        return rc ? rc : elcl_pickle_push_kind(m, ELCL_VALUE_REAL, 0);
    case 0x8c: /* SHORT_BINUNICODE */
        return push_text(m, 1);
    case 'X':
        return push_text(m, 4);
    case 'c':
        return global(m);
    case 0x93:
        return stack_global(m);
    case ')':
        return tuple_of(m, 0);
    case 0x85: /* TUPLE1, TUPLE2, TUPLE3 */
    case 0x86:
    case 0x87:
        return tuple_of(m, opcode - 0x84u);
    case 't':
        return tuple_to_mark(m);
    case '}':
        return elcl_pickle_push_dictionary(m);
    case 's':
        return set_item(m);
    case 'u':
        return set_items_to_mark(m);
    case 'Q':
        return elcl_pickle_push_storage(m);
    case 'R':
        return elcl_pickle_reduce(m);
    case 'b':
        return elcl_pickle_build(m);
    case 'q':
        return put_numbered(m, 1);
    case 'r':
        return put_numbered(m, 4);
    case 0x94: /* MEMOIZE */
        return put(m, m->memo.n);
    case 'h':
        return get_numbered(m, 1);
    case 'j':
        return get_numbered(m, 4);
    case ']':
        if (m->keys_wanted)
            return push_list(m);
        break;
    case 'a':
        if (m->keys_wanted)
            return list_append(m, m->stack.n - (m->stack.n > 0));
        break;
    case 'e':
        if (m->keys_wanted)
            return list_append_to_mark(m);
        break;
    default:
        break;
    }
    return elcl_fail(m->err, ELCL_E_UNSUPPORTED,
                     "%s: pickle, byte %zu: opcode %s (0x%02x), which a dictionary of tensors "
                     "does not need; nothing was executed",
                     m->file, m->opcode_at, elcl_pickle_opcode(opcode), opcode);
}

int elcl_pickle_run(struct elcl_pickle *m, struct elcl_pickle_value *result)
{
    m->memo.n = 0;
    for (;;) {
        const unsigned char *opcode = NULL;
        m->opcode_at = m->at;
        int rc = take(m, 1, &opcode);
        if (!rc && *opcode == '.')
            break;
        if (!rc)
            rc = step(m, *opcode);
        if (rc)
            return rc;
    }
    const int rc = elcl_pickle_pop(m, result);
    if (rc)
        return rc;
    return m->stack.n || m->n_marks ? elcl_pickle_bad(m, "values are left over at the end")
                                    : ELCL_OK;
}

/* Lists the tensors of one dictionary with their names; one tensor may have several names. */
static int list_tensors(const struct elcl_pickle *m, int64_t dictionary,
                        struct elcl_pickle_tensor *tensors, size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < m->n_pairs; i++) {
        const struct elcl_pickle_pair *pair = &m->pairs[i];
        if (pair->dictionary != (size_t)dictionary || pair->value.kind != ELCL_VALUE_TENSOR)
            continue;
        if (pair->key.kind != ELCL_VALUE_TEXT)
            return elcl_pickle_unexpected(m, "name of a tensor", "a string", pair->key.kind);
        const char *name = elcl_pickle_text(m, pair->key);
        if (elcl_utf8_check(name, pair->key.n) < pair->key.n || memchr(name, 0, pair->key.n))
            return elcl_pickle_bad(m, "a tensor's name is not UTF-8 or contains U+0000");
        struct elcl_pickle_tensor *t = &tensors[(*n)++];
        *t = m->tensors[pair->value.i];
        t->name = name;
        t->n_name = pair->key.n;
    }
    return ELCL_OK;
}

int elcl_pickle_collect(const struct elcl_pickle *m, struct elcl_pickle_value dictionary,
                        struct elcl_pickle_tensor **tensors, size_t *n_tensors)
{
    if (dictionary.kind != ELCL_VALUE_DICTIONARY)
        return elcl_pickle_unexpected(m, "result", "a dictionary of tensors", dictionary.kind);
    struct elcl_pickle_tensor *found = elcl_calloc(m->n_pairs, sizeof(*found));
    if (!found)
        return elcl_fail_nomem(m->err);
    const int rc = list_tensors(m, dictionary.i, found, n_tensors);
    if (rc)
        elcl_free(found);
    else
        *tensors = found;
    return rc;
}

void elcl_pickle_finish(struct elcl_pickle *m)
{
    elcl_free(m->stack.v);
    elcl_free(m->items.v);
    elcl_free(m->memo.v);
    elcl_free(m->keys.v);
    elcl_free(m->marks);
    elcl_free(m->pairs);
    elcl_free(m->storages);
    elcl_free(m->tensors);
}

int elcl_pickle_read(const void *pickle, size_t n, const char *file,
                     struct elcl_pickle_tensor **tensors, size_t *n_tensors, elcl_error *err)
{
    struct elcl_pickle m = {.p = pickle, .n = n, .file = file, .err = err};
    struct elcl_pickle_value result = {0};
    int rc;
    if (n > ELCL_PICKLE_MAX_BYTES)
        return elcl_fail(err, ELCL_E_UNSUPPORTED, "%s: a pickle of %zu bytes; expected at most %zu",
                         file, n, ELCL_PICKLE_MAX_BYTES);
    ELCL_TRY(elcl_pickle_run(&m, &result));
    if (m.at != m.n) {
        rc = elcl_pickle_bad(&m, "something follows the end");
        goto fail;
    }
    ELCL_TRY(elcl_pickle_collect(&m, result, tensors, n_tensors));
fail:
    elcl_pickle_finish(&m);
    return rc;
}
