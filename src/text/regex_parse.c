/* Parses regular expressions. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "text/characters.h"
#include "text/regex_impl.h"

#define MAX_REPEAT 1000
#define MAX_DEPTH 50

struct parser {
    struct elcl_regex *re;
    const char *s, *end;
    const char *pattern, *file;
    bool ignore_case;
    int depth;
    elcl_error *err;
};

static int refuse(struct parser *p, const char *what)
{
    return elcl_fail(p->err, ELCL_E_UNSUPPORTED,
                     "%s: the regular expression \"%.100s\": %s at byte %td is not supported",
                     p->file, p->pattern, what, p->s - p->pattern);
}

static int add_node(struct parser *p, struct elcl_regex_node node, int *index)
{
    struct elcl_regex *re = p->re;
    void *nodes = re->nodes;
    if (!elcl_grow(&nodes, &re->max_nodes, re->n_nodes + 1, sizeof(*re->nodes)))
        return elcl_fail_nomem(p->err);
    re->nodes = nodes;
    node.next = -1;
    *index = (int)re->n_nodes;
    re->nodes[re->n_nodes++] = node;
    return ELCL_OK;
}

static bool take(struct parser *p, const char *text)
{
    if (!elcl_begins_with(p->s, (size_t)(p->end - p->s), text))
        return false;
    p->s += strlen(text);
    return true;
}

/* ---- classes ------------------------------------------------------------------------------- */

static int add_class(struct parser *p, int *index)
{
    struct elcl_regex *re = p->re;
    void *classes = re->classes;
    if (!elcl_grow(&classes, &re->max_classes, re->n_classes + 1, sizeof(*re->classes)))
        return elcl_fail_nomem(p->err);
    re->classes = classes;
    *index = (int)re->n_classes;
    re->classes[re->n_classes++] = (struct elcl_regex_class){.ignore_case = p->ignore_case};
    return ELCL_OK;
}

static int add_item(struct parser *p, int class, struct elcl_regex_item item)
{
    struct elcl_regex_class *c = &p->re->classes[class];
    void *items = c->items;
    if (!elcl_grow(&items, &c->max, c->n + 1, sizeof(*c->items)))
        return elcl_fail_nomem(p->err);
    c->items = items;
    c->items[c->n++] = item;
    return ELCL_OK;
}

/* \p{Lu}, \p{L}, \pL after the p. */
static int category_item(struct parser *p, bool negated, struct elcl_regex_item *item)
{
    static const char names[][3] = {"Cn", "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd",
                                    "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm",
                                    "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co"};
    const bool braces = take(p, "{");
    const char *close = braces ? memchr(p->s, '}', (size_t)(p->end - p->s)) : p->s + 1;
    if (!close || close > p->end)
        return refuse(p, "an open property");
    if (take(p, "^"))
        negated = !negated;
    const size_t n = (size_t)(close - p->s);
    uint32_t mask = 0;
    for (size_t i = 0; (n == 1 || n == 2) && i < ELCL_COUNT(names); i++)
        if (!memcmp(p->s, names[i], n))
            mask |= 1u << i;
    if (!mask)
        return refuse(p, "this property");
    p->s = close + (braces ? 1 : 0);
    *item = (struct elcl_regex_item){ELCL_REGEX_CATEGORY, negated, mask, 0};
    return ELCL_OK;
}

/* \x41, \x{1F600}, \u1234 after the letter. */
static int hex_code(struct parser *p, size_t digits, uint32_t *code)
{
    char text[9] = {0}, *rest;
    const bool braces = digits == 2 && take(p, "{");
    const char *close = braces ? memchr(p->s, '}', (size_t)(p->end - p->s)) : p->s + digits;
    const size_t n = close && close <= p->end ? (size_t)(close - p->s) : 0;
    if (!n || n >= sizeof(text))
        return refuse(p, "this number");
    memcpy(text, p->s, n);
    const unsigned long value = strtoul(text, &rest, 16);
    if (*rest || value > 0x10ffff)
        return refuse(p, "this number");
    p->s = close + (braces ? 1 : 0);
    *code = (uint32_t)value;
    return ELCL_OK;
}

/* Reads what follows a backslash. */
static int escape(struct parser *p, struct elcl_regex_item *item)
{
    static const char letters[] = "nrtfve", codes[] = "\n\r\t\f\v\x1b";
    if (p->s == p->end)
        return refuse(p, "a backslash at the end");
    const char c = *p->s++;
    const char *found = strchr(letters, c);
    uint32_t code = (unsigned char)c;
    int rc = ELCL_OK;
    if (c == 'p' || c == 'P')
        return category_item(p, c == 'P', item);
    if (c == 's' || c == 'S') {
        *item = (struct elcl_regex_item){ELCL_REGEX_SPACE, c == 'S', 0, 0};
        return ELCL_OK;
    }
    if (c == 'd' || c == 'D' || c == 'w' || c == 'W') { /* Nd; L, M, Nd, Nl, Pc */
        const bool digit = c == 'd' || c == 'D';
        *item = (struct elcl_regex_item){ELCL_REGEX_CATEGORY, c == 'D' || c == 'W',
                                         digit ? 1u << 9 : 0x17feu, 0};
        return ELCL_OK;
    }
    if (c == 'x' || c == 'u')
        rc = hex_code(p, c == 'x' ? 2 : 4, &code);
    else if (found)
        code = (unsigned char)codes[found - letters];
    else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
        rc = refuse(p, "this escape");
    *item = (struct elcl_regex_item){ELCL_REGEX_RANGE, false, code, code};
    return rc;
}

static int parse_class(struct parser *p, int *class);

/* Reads one element of a class. */
static int class_item(struct parser *p, struct elcl_regex_item *item)
{
    if (take(p, "[:"))
        return refuse(p, "a POSIX class");
    if (take(p, "&&"))
        return refuse(p, "an intersection");
    if (take(p, "\\"))
        return escape(p, item);
    if (take(p, "[")) {
        int inner;
        const int rc = parse_class(p, &inner);
        *item = (struct elcl_regex_item){ELCL_REGEX_CLASS, false, (uint32_t)inner, 0};
        return rc;
    }
    uint32_t code;
    p->s += elcl_character(p->s, (size_t)(p->end - p->s), &code);
    *item = (struct elcl_regex_item){ELCL_REGEX_RANGE, false, code, code};
    return ELCL_OK;
}

/* Reads a class after its opening bracket. */
static int parse_class(struct parser *p, int *class)
{
    if (p->depth++ == MAX_DEPTH)
        return refuse(p, "this nesting");
    int rc = add_class(p, class);
    if (!rc)
        p->re->classes[*class].negated = take(p, "^");
    for (bool first = true; !rc && (first || !take(p, "]")); first = false) {
        struct elcl_regex_item item = {0}, last = {0};
        if (p->s == p->end)
            return refuse(p, "an open class");
        rc = class_item(p, &item);
        if (!rc && item.kind == ELCL_REGEX_RANGE && p->end - p->s >= 2 && *p->s == '-' &&
            p->s[1] != ']') {
            p->s++;
            rc = class_item(p, &last);
            if (!rc && (last.kind != ELCL_REGEX_RANGE || last.low < item.low))
                rc = refuse(p, "this range");
            item.high = last.low;
        }
        if (!rc)
            rc = add_item(p, *class, item);
    }
    p->depth--;
    return rc;
}

/* ---- sequences ----------------------------------------------------------------------------- */

static int parse_branches(struct parser *p, int *branch);

static int parse_group(struct parser *p, int *node)
{
    struct elcl_regex_node group = {.kind = ELCL_REGEX_GROUP, .b = -1};
    const bool before = p->ignore_case;
    if (take(p, "?=")) {
        group.kind = ELCL_REGEX_AHEAD;
    } else if (take(p, "?!")) {
        group.kind = ELCL_REGEX_NOT_AHEAD;
    } else if (take(p, "?i:")) {
        p->ignore_case = true;
    } else if (take(p, "?>")) {
        group.mode = ELCL_REGEX_POSSESSIVE;
    } else if (!take(p, "?:") && elcl_begins_with(p->s, (size_t)(p->end - p->s), "?")) {
        return refuse(p, "this group");
    }
    int rc = parse_branches(p, &group.a);
    p->ignore_case = before;
    if (!rc && !take(p, ")"))
        rc = refuse(p, "an open group");
    return rc ? rc : add_node(p, group, node);
}

static int parse_set(struct parser *p, int *node)
{
    struct elcl_regex_node set = {.kind = ELCL_REGEX_SET, .b = -1};
    struct elcl_regex_item item = {0};
    int rc;
    if (take(p, "["))
        rc = parse_class(p, &set.a);
    else {
        rc = add_class(p, &set.a);
        if (!rc && take(p, ".")) {
            p->re->classes[set.a].negated = true;
            item = (struct elcl_regex_item){ELCL_REGEX_RANGE, false, '\n', '\n'};
        } else if (!rc && take(p, "\\")) {
            rc = escape(p, &item);
        } else if (!rc) {
            uint32_t code;
            p->s += elcl_character(p->s, (size_t)(p->end - p->s), &code);
            item = (struct elcl_regex_item){ELCL_REGEX_RANGE, false, code, code};
        }
        if (!rc)
            rc = add_item(p, set.a, item);
    }
    return rc ? rc : add_node(p, set, node);
}

static int parse_atom(struct parser *p, int *node)
{
    if (take(p, "("))
        return p->depth++ < MAX_DEPTH ? parse_group(p, node) : refuse(p, "this nesting");
    if (*p->s == '*' || *p->s == '+' || *p->s == '?')
        return refuse(p, "a repeat of nothing");
    if (take(p, "^"))
        return add_node(p, (struct elcl_regex_node){.kind = ELCL_REGEX_BEGIN}, node);
    if (take(p, "$"))
        return add_node(p, (struct elcl_regex_node){.kind = ELCL_REGEX_END}, node);
    return parse_set(p, node);
}

static int number(struct parser *p, int fallback)
{
    if (p->s == p->end || *p->s < '0' || *p->s > '9')
        return fallback;
    int value = 0;
    for (; p->s < p->end && *p->s >= '0' && *p->s <= '9'; p->s++)
        value = elcl_min_int(value * 10 + (*p->s - '0'), MAX_REPEAT + 1);
    return value;
}

/* Reads the repeats after an atom. */
static int parse_repeats(struct parser *p, int *node)
{
    for (;;) {
        struct elcl_regex_node repeat = {.kind = ELCL_REGEX_REPEAT, .a = *node, .b = -1};
        bool counted = false;
        if (take(p, "*")) {
            repeat.max = INT_MAX;
        } else if (take(p, "+")) {
            repeat.min = 1;
            repeat.max = INT_MAX;
        } else if (take(p, "?")) {
            repeat.max = 1;
        } else if (take(p, "{")) {
            counted = true;
            repeat.min = number(p, 0);
            repeat.max = take(p, ",") ? number(p, INT_MAX) : repeat.min;
            if (!take(p, "}") || repeat.max < repeat.min || repeat.min > MAX_REPEAT)
                return refuse(p, "this count");
        } else {
            return ELCL_OK;
        }
        if (take(p, "?"))
            repeat.mode = ELCL_REGEX_LAZY;
        else if (!counted && take(p, "+"))
            repeat.mode = ELCL_REGEX_POSSESSIVE;
        const int rc = add_node(p, repeat, node);
        if (rc)
            return rc;
    }
}

static int parse_sequence(struct parser *p, int *first)
{
    int last = -1;
    *first = -1;
    while (p->s < p->end && *p->s != '|' && *p->s != ')') {
        int node = -1;
        const int depth = p->depth;
        int rc = parse_atom(p, &node);
        p->depth = depth;
        if (!rc)
            rc = parse_repeats(p, &node);
        if (rc)
            return rc;
        if (last < 0)
            *first = node;
        else
            p->re->nodes[last].next = node;
        last = node;
    }
    return ELCL_OK;
}

static int parse_branches(struct parser *p, int *branch)
{
    int last = -1;
    do {
        struct elcl_regex_node node = {.kind = ELCL_REGEX_BRANCH, .b = -1};
        int index, rc = parse_sequence(p, &node.a);
        if (!rc)
            rc = add_node(p, node, &index);
        if (rc)
            return rc;
        if (last < 0)
            *branch = index;
        else
            p->re->nodes[last].b = index;
        last = index;
    } while (take(p, "|"));
    return ELCL_OK;
}

int elcl_regex_create(const char *pattern, const char *file, struct elcl_regex **regex,
                      elcl_error *err)
{
    struct elcl_regex *re = elcl_calloc(1, sizeof(*re));
    if (!re)
        return elcl_fail_nomem(err);
    struct parser p = {.re = re,
                       .s = pattern,
                       .end = pattern + strlen(pattern),
                       .pattern = pattern,
                       .file = file,
                       .err = err};
    int rc = parse_branches(&p, &re->root);
    if (!rc && p.s < p.end)
        rc = refuse(&p, "a closing parenthesis");
    if (rc)
        elcl_regex_destroy(&re);
    else
        *regex = re;
    return rc;
}

void elcl_regex_destroy(struct elcl_regex **regex)
{
    if (!*regex)
        return;
    for (size_t i = 0; i < (*regex)->n_classes; i++)
        free((*regex)->classes[i].items);
    free((*regex)->classes);
    free((*regex)->nodes);
    free(*regex);
    *regex = NULL;
}
