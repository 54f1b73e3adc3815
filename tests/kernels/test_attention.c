/* Sizes and inputs for EL-attention, multi-head attention and its packed form; invariance. */
#include "base/util.h"
#include "selftest/attention.h"
#include "suite.h"

/* Shorthand for a layout's groups: rows, shared and private keys. */
#define G(n_rows, n_shared, n_private)                                                             \
    {                                                                                              \
        n_rows, n_shared, n_private, false                                                         \
    }
#define PROMPT(n_rows)                                                                             \
    {                                                                                              \
        n_rows, 0, 0, true                                                                         \
    }

static const struct elcl_attn_layout el_layouts[] = {
    {"one key", 1, {G(1, 1, 0)}},
    {"one private key", 2, {G(1, 0, 1), G(1, 0, 1)}},
    {"beams", 4, {G(4, 33, 0), G(1, 7, 0), G(5, 1, 0), G(13, 2, 0)}},
    {"no keys", 3, {G(1, 0, 0), G(2, 5, 0), G(3, 0, 0)}},
    {"lineages", 5, {G(1, 0, 5), G(1, 0, 1), G(1, 0, 32), G(1, 0, 33), G(1, 0, 17)}},
    {"shared and private", 3, {G(1, 31, 2), G(1, 3, 64), G(1, 1, 1)}},
    {"many keys", 2, {G(2, 300, 0), G(1, 190, 75)}},
};

/* Around the edges of wide tiles: 128 keys, and with H heads 32 and 64 pairs. */
static const struct elcl_attn_layout wide_layouts[] = {
    {"keys of tiles",
     8,
     {G(1, 0, 0), G(1, 1, 0), G(1, 63, 0), G(1, 64, 0), G(2, 65, 0), G(1, 127, 0), G(1, 128, 0),
      G(1, 129, 0)}},
    {"pairs of tiles", 5, {G(1, 33, 0), G(31, 3, 0), G(33, 2, 0), G(64, 9, 0), G(130, 5, 0)}},
    {"lineages of tiles", 4, {G(1, 0, 127), G(1, 0, 129), G(1, 100, 30), G(1, 257, 1)}},
};

static const struct elcl_attn_layout mha_layouts[] = {
    {"one key", 1, {G(1, 1, 0)}},
    {"beams", 5, {G(1, 33, 0), G(1, 7, 0), G(1, 1, 0), G(1, 64, 0), G(1, 65, 0)}},
    {"no keys", 3, {G(1, 0, 0), G(1, 5, 0), G(1, 0, 0)}},
    {"lineages", 5, {G(1, 0, 5), G(1, 0, 1), G(1, 0, 64), G(1, 0, 33), G(1, 0, 17)}},
    {"shared and private", 3, {G(1, 31, 2), G(1, 3, 64), G(1, 1, 1)}},
    {"long rows", 4, {G(1, 0, 257), G(1, 256, 0), G(1, 300, 213), G(1, 5, 251)}},
    {"beams of sentences", 3, {G(4, 70, 0), G(1, 9, 0), G(17, 66, 0)}},
    {"many keys", 5, {G(1, 300, 0), G(1, 190, 75), G(3, 513, 0), G(9, 256, 0), G(1, 20, 245)}},
};

static const struct elcl_attn_layout packed_layouts[] = {
    {"one row", 1, {G(1, 1, 0)}},
    {"sentences", 5, {G(9, 9, 0), G(1, 1, 0), G(33, 33, 0), G(2, 2, 0), G(17, 17, 0)}},
    {"no keys", 3, {G(3, 0, 0), G(4, 4, 0), G(2, 0, 0)}},
    {"prompts", 4, {PROMPT(13), PROMPT(1), PROMPT(2), PROMPT(70)}},
    {"long", 3, {G(3, 3, 0), G(129, 129, 0), G(4, 200, 0)}},
};

/* Whether nothing but EL-attention reads the state, or reads it as in another program. */
static bool only_el(const struct suite *s)
{
    const bool products = s->params.state == ELCL_INT8 && s->params.weights == ELCL_F32 &&
                          s->params.compute == ELCL_COMPUTE_INT8;
    return s->params.state == ELCL_INT4 || products;
}

/* One operation, layout and size with all inputs, and with a position bias. */
static void check(struct suite *s, enum elcl_attn_op op, const struct elcl_attn_layout *l, int h,
                  int dh, int n_inputs)
{
    struct elcl_fixture *fx = &s->fx;
    for (int inputs = 0; inputs < n_inputs; inputs++)
        elcl_check_attention(fx, op, l, h, dh, (enum elcl_attn_inputs)inputs, false, false);
    elcl_check_attention(fx, op, l, h, dh, ELCL_INPUTS_NORMAL, false, true);
    elcl_check_attention(fx, op, l, h, dh, ELCL_INPUTS_ZERO_QUERY, false, true);
    if (op == ELCL_ATTN_OP_PACKED && s->params.state != ELCL_F32)
        elcl_check_attention(fx, op, l, h, dh, ELCL_INPUTS_NORMAL, true, true);
}

static void test_el(struct suite *s)
{
    static const int sizes[][2] = {{2, 37},  {3, 64},  {1, 20}, {6, 192},
                                   {16, 64}, {3, 131}, {1, 128}};
    const size_t n_sizes = s->full ? ELCL_COUNT(sizes) : 2;
    const size_t n = ELCL_COUNT(el_layouts) - (s->options->small ? 1 : 0);
    for (size_t i = 0; i < n_sizes; i++)
        for (size_t j = 0; j < n; j++)
            if (suite_case(s, "attn_el", "H=%d D=%d %s", sizes[i][0], sizes[i][1],
                           el_layouts[j].name))
                check(s, ELCL_ATTN_OP_EL, &el_layouts[j], sizes[i][0], sizes[i][1],
                      s->options->small ? 2 : ELCL_N_INPUTS);
}

/* Sizes of wide tiles, for 16-bit activations and state. */
static void test_el_wide(struct suite *s)
{
    static const int sizes[][2] = {{1, 40}, {16, 8}, {2, 136}, {1, 1024}};
    const size_t n_sizes = s->full ? ELCL_COUNT(sizes) : s->options->small ? 1 : 2;
    if (s->params.compute == ELCL_COMPUTE_F32 || s->params.state == ELCL_F32)
        return;
    for (size_t i = 0; i < n_sizes; i++)
        for (size_t j = 0; j < ELCL_COUNT(wide_layouts); j++)
            if (suite_case(s, "attn_el", "H=%d D=%d %s", sizes[i][0], sizes[i][1],
                           wide_layouts[j].name))
                check(s, ELCL_ATTN_OP_EL, &wide_layouts[j], sizes[i][0], sizes[i][1],
                      s->options->small ? 1 : ELCL_N_INPUTS);
}

/* Many heads get few inputs: their references take seconds. */
static void test_mha(struct suite *s)
{
    static const int sizes[][2] = {{2, 5},  {3, 64}, {1, 272}, {3, 32},
                                   {1, 16}, {6, 37}, {33, 80}, {1, 1}};
    const size_t n_sizes = s->full ? ELCL_COUNT(sizes) : s->options->small ? 2 : 3;
    const size_t n = ELCL_COUNT(mha_layouts) - (s->options->small ? 1 : 0);
    for (size_t i = 0; i < n_sizes; i++)
        for (size_t j = 0; j < n; j++)
            if (suite_case(s, "attn_mha", "H=%d Dh=%d %s", sizes[i][0], sizes[i][1],
                           mha_layouts[j].name))
                check(s, ELCL_ATTN_OP_MHA, &mha_layouts[j], sizes[i][0], sizes[i][1],
                      s->options->small || sizes[i][0] > 32 ? 2 : ELCL_N_INPUTS);
}

static void test_packed(struct suite *s)
{
    static const int sizes[][2] = {{2, 5}, {1, 65}, {3, 64}, {2, 37}, {1, 130}, {1, 1}};
    const bool small = s->options->small;
    /* Small: several heads in one storage, wide ones in the other. */
    const size_t first = small && s->params.state != ELCL_F32;
    const size_t end = s->full ? ELCL_COUNT(sizes) : small ? first + 1 : 2;
    const size_t n = ELCL_COUNT(packed_layouts) - (small ? 1 : 0);
    for (size_t i = first; i < end; i++)
        for (size_t j = 0; j < n; j++)
            if (suite_case(s, "attn_packed", "H=%d Dh=%d %s", sizes[i][0], sizes[i][1],
                           packed_layouts[j].name))
                check(s, ELCL_ATTN_OP_PACKED, &packed_layouts[j], sizes[i][0], sizes[i][1],
                      small ? 1 : ELCL_N_INPUTS);
}

/* Sizes of wide tiles, for 16-bit activations: sentences that begin and end inside of 64 rows, and
 * several of them there. */
static void test_packed_wide(struct suite *s)
{
    static const int sizes[][2] = {{2, 64}, {1, 80}, {2, 128}, {3, 8}};
    static const struct elcl_attn_layout layouts[] = {
        {"tiles",
         6,
         {G(60, 60, 0), G(1, 1, 0), G(64, 64, 0), G(2, 0, 0), G(67, 130, 0), PROMPT(66)}},
        {"short", 5, {G(3, 3, 0), G(16, 16, 0), PROMPT(5), G(17, 31, 0), G(15, 33, 0)}},
    };
    const size_t n_sizes = s->options->small ? 1 : s->full ? ELCL_COUNT(sizes) : 3;
    if (s->params.compute == ELCL_COMPUTE_F32)
        return;
    for (size_t i = 0; i < n_sizes; i++)
        for (size_t j = 0; j < ELCL_COUNT(layouts); j++)
            if (suite_case(s, "attn_packed", "H=%d Dh=%d %s", sizes[i][0], sizes[i][1],
                           layouts[j].name))
                check(s, ELCL_ATTN_OP_PACKED, &layouts[j], sizes[i][0], sizes[i][1],
                      s->options->small ? 1 : ELCL_N_INPUTS);
}

/* ---- a row's bits do not depend on the other rows ------------------------------------------ */

/* All rows in one call against every step-th row in a call with one row. */
static void check_invariance(struct suite *s, enum elcl_attn_op op,
                             const struct elcl_attn_layout *l, int h, int dh, int step)
{
    struct elcl_fixture *fx = &s->fx;
    struct elcl_attn_keys k = elcl_attn_keys(fx, op, l);
    elcl_attn_give_bias(fx, &k, h);
    const struct elcl_attn_keys all = k;
    const struct elcl_attn_case a = elcl_attn_case(fx, op, &k, h, dh, ELCL_INPUTS_NORMAL, false);
    const size_t width = (size_t)h * dh;
    const float *together = elcl_attn_run(fx, &k, &a);
    fx->ops->busy_groups = SIZE_MAX; /* as on larger devices */
    elcl_fixture_equal(fx, "all rows", elcl_attn_run(fx, &k, &a), together,
                       (size_t)k.n_rows * width, 4);
    fx->ops->busy_groups = 0;
    k.n_groups = k.n_rows = k.max_rows = 1;
    for (int g = 0, n = 0; g < all.n_groups; g++)
        for (int row = 0; row < all.group[g].n_rows; row++, n++) {
            const int at = all.group[g].row + row;
            struct elcl_attn_case one = a;
            if (n % step)
                continue;
            one.q += (size_t)at * a.q_ld;
            k.position = all.position + at;
            k.group[0] = all.group[g];
            k.group[0].row = 0;
            k.group[0].n_rows = 1;
            k.max_keys = all.group[g].n_shared + all.group[g].n_private;
            k.total = k.reads = (uint64_t)k.max_keys;
            elcl_fixture_equal(fx, "row", elcl_attn_run(fx, &k, &one), together + at * width, width,
                               4);
        }
    elcl_fixture_finish(fx);
}

static void test_el_invariance(struct suite *s, int d, int private)
{
    const struct elcl_attn_layout l = {"", 2, {G(7, 70, 0), G(1, 3, private)}};
    if (suite_case(s, "attn_el", "one row as in a group, D=%d, %d private keys", d, private))
        check_invariance(s, ELCL_ATTN_OP_EL, &l, 3, d, 3);
}

/* Groups of more and of fewer than 32 pairs have different tiles. */
static void test_el_wide_invariance(struct suite *s)
{
    const struct elcl_attn_layout l = {"", 2, {G(14, 300, 0), G(1, 3, 130)}};
    if (suite_case(s, "attn_el", "one row as in a group of several tiles"))
        check_invariance(s, ELCL_ATTN_OP_EL, &l, 3, 72, 5);
}

/* Both kinds of keys that attn_packed has. */
static void test_packed_tiles(struct suite *s)
{
    const struct elcl_attn_layout l = {
        "", 3, {{50, 70, 0, false}, {20, 0, 0, true}, {40, 66, 0, false}}};
    if (only_el(s))
        return;
    test_packed(s);
    test_packed_wide(s);
    if (suite_case(s, "attn_packed", "one row as among others"))
        check_invariance(s, ELCL_ATTN_OP_PACKED, &l, 2, 21, 37);
    if (suite_case(s, "attn_packed", "one row as among others, Dh=64"))
        check_invariance(s, ELCL_ATTN_OP_PACKED, &l, 2, 64, 37);
}

void test_attention_tiles(struct suite *s)
{
    const struct elcl_attn_layout cancelling = {"", 2, {G(4, 30, 0), G(1, 3, 20)}};
    if (suite_case(s, "attn_el", "cancelling sums"))
        elcl_check_attention(&s->fx, ELCL_ATTN_OP_EL, &cancelling, 3, 37, ELCL_INPUTS_CANCELLING,
                             false, false);
    test_packed_tiles(s);
    test_el(s);
    test_el_wide(s);
    test_el_wide_invariance(s);
    test_el_invariance(s, 37, 9);
    test_el_invariance(s, 37, 0);
    test_el_invariance(s, 150, 0);
}

/* A row in a call of its own and among others, keys in one part and in several. */
static void test_mha_invariance(struct suite *s)
{
    const struct elcl_attn_layout few = {"", 3, {G(2, 70, 0), G(1, 3, 9), G(1, 1, 66)}},
                                  many = {"", 3, {G(1, 80, 445), G(6, 300, 0), G(4, 20, 0)}};
    if (suite_case(s, "attn_mha", "one row as among others"))
        check_invariance(s, ELCL_ATTN_OP_MHA, &few, 3, 5, 1);
    if (suite_case(s, "attn_mha", "one row as among others, many keys"))
        check_invariance(s, ELCL_ATTN_OP_MHA, &many, 2, 64, 5);
}

static void test_align(struct suite *s)
{
    static const struct elcl_attn_layout layouts[] = {
        {"one key", 1, {G(1, 1, 0)}},
        {"beams", 5, {G(4, 33, 0), G(1, 7, 0), G(5, 1, 0), G(3, 0, 0), G(13, 64, 0)}},
        {"many keys", 2, {G(2, 300, 0), G(1, 513, 0)}},
    };
    static const int sizes[][2] = {{2, 5}, {3, 37}, {1, 64}, {16, 64}};
    const size_t n_sizes = s->full ? ELCL_COUNT(sizes) : 2;
    for (int op = ELCL_ATTN_OP_EL; op <= (only_el(s) ? ELCL_ATTN_OP_EL : ELCL_ATTN_OP_MHA); op++)
        for (size_t i = 0; i < n_sizes * ELCL_COUNT(layouts); i++) {
            const int *size = sizes[i % n_sizes];
            const struct elcl_attn_layout *l = &layouts[i / n_sizes];
            if (!suite_case(s, op == ELCL_ATTN_OP_EL ? "align_el" : "align_mha", "H=%d Dh=%d %s",
                            size[0], size[1], l->name))
                continue;
            for (int inputs = ELCL_INPUTS_NORMAL; inputs <= ELCL_INPUTS_HUGE_SCORES; inputs++)
                elcl_check_align(&s->fx, (enum elcl_attn_op)op, l, size[0], size[1],
                                 (enum elcl_attn_inputs)inputs);
        }
}

void test_attention(struct suite *s)
{
    test_attention_tiles(s);
    test_align(s);
    if (only_el(s))
        return;
    test_mha(s);
    test_mha_invariance(s);
}
