/* What the parser and the matcher share. */
#ifndef ELCL_TEXT_REGEX_IMPL_H
#define ELCL_TEXT_REGEX_IMPL_H

#include "text/regex.h"

/* A part of a class of characters. */
struct elcl_regex_item {
    enum {
        ELCL_REGEX_RANGE,    /* low .. high */
        ELCL_REGEX_CATEGORY, /* mask of general categories: 1 << utf8proc's number */
        ELCL_REGEX_SPACE,    /* White_Space */
        ELCL_REGEX_CLASS,    /* class `low` */
    } kind;
    bool negated;
    uint32_t low, high;
};

struct elcl_regex_class {
    struct elcl_regex_item *items; /* [n] */
    size_t n, max;
    bool negated, ignore_case;
};

/* Nodes of a sequence are linked by `next`; alternatives are sequences linked by `other` of their
 * group's branches. -1: none. */
struct elcl_regex_node {
    enum {
        ELCL_REGEX_SET,    /* one character of class `a` */
        ELCL_REGEX_GROUP,  /* branch `a` */
        ELCL_REGEX_BRANCH, /* sequence `a`, else branch `b` */
        ELCL_REGEX_AHEAD,  /* branch `a` follows */
        ELCL_REGEX_NOT_AHEAD,
        ELCL_REGEX_REPEAT, /* node `a`, min .. max times */
        ELCL_REGEX_BEGIN,  /* of a line */
        ELCL_REGEX_END,    /* of a line */
    } kind;
    enum { ELCL_REGEX_GREEDY, ELCL_REGEX_LAZY, ELCL_REGEX_POSSESSIVE } mode;
    int a, b, next;
    int min, max;
};

struct elcl_regex {
    struct elcl_regex_node *nodes; /* [n_nodes] */
    size_t n_nodes, max_nodes;
    struct elcl_regex_class *classes; /* [n_classes] */
    size_t n_classes, max_classes;
    int root; /* a branch */
};

#endif
