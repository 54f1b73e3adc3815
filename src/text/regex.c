/* Matches by backtracking. A repeat of one character is a loop, so that depth does not grow with
 * the text. */
#include "text/regex_impl.h"

#include <utf8proc.h>

#include "text/characters.h"

#define MAX_STEPS 20000000 /* from one place */
#define MAX_DEPTH 2000

#define NONE SIZE_MAX

struct matcher {
    const struct elcl_regex *re;
    const char *s;
    size_t n;
    uint64_t steps;
    int depth;
    bool failed;
};

/* What follows the current sequence: node `next`, or the count-th round of the repeat `node` that
 * began at `begin`. */
struct after {
    int next, repeat, count;
    size_t begin;
    const struct after *up;
};

/* ---- characters ---------------------------------------------------------------------------- */

static bool in_class(const struct elcl_regex *re, const struct elcl_regex_class *class,
                     uint32_t code)
{
    bool found = false;
    for (size_t i = 0; i < class->n && !found; i++) {
        const struct elcl_regex_item *item = &class->items[i];
        bool is = false;
        switch (item->kind) {
        case ELCL_REGEX_RANGE:
            is = code >= item->low && code <= item->high;
            break;
        case ELCL_REGEX_CATEGORY:
            is = item->low >> utf8proc_category((utf8proc_int32_t)code) & 1;
            break;
        case ELCL_REGEX_SPACE:
            is = elcl_is_white_space(code);
            break;
        case ELCL_REGEX_CLASS:
            is = in_class(re, &re->classes[item->low], code);
            break;
        }
        found = is != item->negated;
    }
    return found != class->negated;
}

static bool matches(const struct matcher *m, int class, uint32_t code)
{
    const struct elcl_regex_class *c = &m->re->classes[class];
    const utf8proc_int32_t one = (utf8proc_int32_t)code;
    return in_class(m->re, c, code) ||
           (c->ignore_case && (in_class(m->re, c, (uint32_t)utf8proc_tolower(one)) ||
                               in_class(m->re, c, (uint32_t)utf8proc_toupper(one))));
}

/* Returns the length of the character at `at` if the class has it, else 0. */
static size_t step(const struct matcher *m, int class, size_t at)
{
    uint32_t code;
    if (at >= m->n)
        return 0;
    const size_t length = elcl_character(m->s + at, m->n - at, &code);
    return matches(m, class, code) ? length : 0;
}

/* ---- sequences ----------------------------------------------------------------------------- */

static size_t match(struct matcher *m, int node, size_t at, const struct after *after);

static size_t match_branches(struct matcher *m, int branch, size_t at, const struct after *after)
{
    size_t end = NONE;
    for (; branch >= 0 && end == NONE && !m->failed; branch = m->re->nodes[branch].b)
        end = match(m, m->re->nodes[branch].a, at, after);
    return end;
}

/* A repeat of one character of a class. */
static size_t repeat_set(struct matcher *m, const struct elcl_regex_node *node, size_t at,
                         const struct after *after)
{
    const int class = m->re->nodes[node->a].a;
    size_t end = at, least = at;
    int count = 0;
    for (size_t length; count < node->max && (length = step(m, class, end)) > 0; count++) {
        end += length;
        if (count + 1 == node->min)
            least = end;
        if (node->mode == ELCL_REGEX_LAZY && count + 1 >= node->min)
            break;
    }
    if (count < node->min)
        return NONE;
    if (node->mode == ELCL_REGEX_POSSESSIVE)
        return match(m, node->next, end, after);
    if (node->mode == ELCL_REGEX_LAZY) {
        end = least;
        for (count = node->min;; count++) {
            const size_t found = match(m, node->next, end, after);
            const size_t length = found == NONE && count < node->max ? step(m, class, end) : 0;
            if (!length)
                return found;
            end += length;
        }
    }
    for (;;) {
        const size_t found = match(m, node->next, end, after);
        if (found != NONE || end == least || m->failed)
            return found;
        do
            end--;
        while (((unsigned char)m->s[end] & 0xc0) == 0x80);
    }
}

/* Tries another round, or what follows the repeat. */
static size_t repeat_any(struct matcher *m, int index, int count, size_t at,
                         const struct after *after)
{
    const struct elcl_regex_node *node = &m->re->nodes[index];
    const struct after again = {
        .next = -1, .repeat = index, .count = count + 1, .begin = at, .up = after};
    const bool lazy = node->mode == ELCL_REGEX_LAZY && count >= node->min;
    size_t end = lazy ? match(m, node->next, at, after) : NONE;
    if (end == NONE && count < node->max)
        end = match(m, node->a, at, &again);
    if (end == NONE && !lazy && count >= node->min)
        end = match(m, node->next, at, after);
    return end;
}

static size_t resume(struct matcher *m, size_t at, const struct after *after)
{
    if (!after)
        return at;
    if (after->repeat < 0)
        return match(m, after->next, at, after->up);
    if (at == after->begin) /* an empty round ends the repeat */
        return match(m, m->re->nodes[after->repeat].next, at, after->up);
    return repeat_any(m, after->repeat, after->count, at, after->up);
}

/* Matches a group or a repeat on its own: what follows does not change its end. */
static size_t match_alone(struct matcher *m, int index, size_t at)
{
    const struct elcl_regex_node *node = &m->re->nodes[index];
    if (node->kind != ELCL_REGEX_REPEAT)
        return match_branches(m, node->a, at, NULL);
    for (int count = 0;; count++) {
        const size_t end = count < node->max ? match(m, node->a, at, NULL) : NONE;
        if (end == NONE || end == at)
            return count >= node->min || end == at ? at : NONE;
        at = end;
    }
}

static size_t match_nodes(struct matcher *m, int index, size_t at, const struct after *after)
{
    for (; index >= 0; index = m->re->nodes[index].next) {
        const struct elcl_regex_node *node = &m->re->nodes[index];
        const struct after then = {.next = node->next, .repeat = -1, .up = after};
        size_t length;
        switch (node->kind) {
        case ELCL_REGEX_SET:
            length = step(m, node->a, at);
            if (!length)
                return NONE;
            at += length;
            break;
        case ELCL_REGEX_GROUP:
            if (node->mode != ELCL_REGEX_POSSESSIVE)
                return match_branches(m, node->a, at, &then);
            at = match_alone(m, index, at);
            break;
        case ELCL_REGEX_AHEAD:
        case ELCL_REGEX_NOT_AHEAD:
            if ((match_branches(m, node->a, at, NULL) == NONE) !=
                (node->kind == ELCL_REGEX_NOT_AHEAD))
                return NONE;
            break;
        case ELCL_REGEX_REPEAT:
            if (m->re->nodes[node->a].kind == ELCL_REGEX_SET)
                return repeat_set(m, node, at, after);
            if (node->mode != ELCL_REGEX_POSSESSIVE)
                return repeat_any(m, index, 0, at, after);
            at = match_alone(m, index, at);
            break;
        case ELCL_REGEX_BEGIN:
            if (at && m->s[at - 1] != '\n')
                return NONE;
            break;
        case ELCL_REGEX_END:
            if (at < m->n && m->s[at] != '\n')
                return NONE;
            break;
        case ELCL_REGEX_BRANCH:
            break;
        }
        if (at == NONE)
            return NONE;
    }
    return resume(m, at, after);
}

static size_t match(struct matcher *m, int node, size_t at, const struct after *after)
{
    m->failed = m->failed || ++m->steps > MAX_STEPS || m->depth >= MAX_DEPTH;
    if (m->failed)
        return NONE;
    m->depth++;
    const size_t end = match_nodes(m, node, at, after);
    m->depth--;
    return end;
}

bool elcl_regex_find(const struct elcl_regex *regex, const char *s, size_t n, size_t at,
                     size_t *begin, size_t *end, bool *failed)
{
    struct matcher m = {.re = regex, .s = s, .n = n};
    while (at < n) {
        uint32_t code;
        m.steps = 0;
        const size_t found = match_branches(&m, regex->root, at, NULL);
        *failed = m.failed;
        if (m.failed)
            return false;
        if (found != NONE && found > at) {
            *begin = at;
            *end = found;
            return true;
        }
        at += elcl_character(s + at, n - at, &code);
    }
    return false;
}
