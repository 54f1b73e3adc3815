/* EL-attention and multi-head attention; attention_keys.h tells the tolerance. */
#include "attention_keys.h"

#include <math.h>
#include <string.h>

#include "base/util.h"

static const struct layout el_layouts[] = {
    {"one key", 1, {{1, 1, 0}}},
    {"one private key", 2, {{1, 0, 1}, {1, 0, 1}}},
    {"beams", 4, {{4, 33, 0}, {1, 7, 0}, {5, 1, 0}, {13, 2, 0}}},
    {"no keys", 3, {{1, 0, 0}, {2, 5, 0}, {3, 0, 0}}},
    {"lineages", 5, {{1, 0, 5}, {1, 0, 1}, {1, 0, 32}, {1, 0, 33}, {1, 0, 17}}},
    {"shared and private", 3, {{1, 31, 2}, {1, 3, 64}, {1, 1, 1}}},
    {"many keys", 2, {{2, 300, 0}, {1, 190, 75}}},
};

/* ---- EL ------------------------------------------------------------------------------------ */

struct el {
    int h, d;
    float scale;
    const float *e, *y;
};

static float *run_el(struct fixture *fx, const struct keys *k, const struct el *el)
{
    elcl_error err = {0};
    const size_t at = (size_t)check_int(0, 9), n = (size_t)k->n_rows * el->h * el->d;
    const struct elcl_position_bias bias = upload_bias(fx, k, el->h);
    const size_t ld = elcl_attn_el_probabilities_ld(k->max_keys);
    const struct elcl_attn_el_args args = {
        .c = fixture_output(fx, NULL, n * sizeof(float)),
        .e = fixture_input(fx, el->e, n * sizeof(float)),
        .y = fixture_stored(fx, fx->state, el->y, (size_t)k->cache_rows * el->d),
        .step = upload_groups(fx, k, at),
        .groups_at = at,
        .lineage = k->no_lineage ? NULL : upload_lineage(fx, k),
        .lineage_ld = k->lineage_ld,
        .bias = &bias,
        .rows_at = at + (size_t)k->n_groups * ELCL_ROW_GROUP_INTS,
        .n_groups = k->n_groups,
        .max_rows = k->max_rows,
        .probabilities = fixture_output(fx, NULL, (size_t)k->n_rows * el->h * ld * sizeof(float)),
        .max_keys = k->max_keys,
        .h = el->h,
        .d = el->d,
        .scale = el->scale,
        .keys = k->total,
        .reads = k->reads};
    const uint64_t flop = fx->ops->flop, bytes = fx->ops->bytes_moved;
    CHECK(!elcl_op_attn_el(fx->ops, &args, &err), "%s", err.msg);
    CHECK(!k->n_groups || fx->ops->flop - flop == 4 * k->total * el->h * el->d, "arithmetic");
    /* The GPU shape writes probabilities and reads them. */
    const uint64_t keys = k->reads * el->d * elcl_storage_bytes(fx->ops->state);
    const uint64_t more = fx->kernels == ELCL_KERNELS_GPU ? 8 * k->total * el->h : 0;
    CHECK(!k->n_groups || fx->ops->bytes_moved - bytes == keys + more, "traffic");
    return fixture_read(fx, args.c);
}

static void check_el(struct fixture *fx, const struct layout *l, int h, int d, enum inputs inputs,
                     bool bias)
{
    fixture_begin(fx);
    struct keys k = make_keys(fx, l);
    if (bias)
        give_bias(fx, &k, h);
    const size_t n = (size_t)k.n_rows * h * d;
    const struct el el = {h, d, (float)(1 / sqrt(d)), make_queries(fx, n, inputs),
                          make_pool(fx, &k, d, inputs, fx->state)};
    double *want = fixture_unwritten(fx, n), *bound = fixture_unwritten(fx, n);
    double *p = fixture_doubles(fx, (size_t)k.cache_rows); /* keys are different cache rows */
    for (int g = 0; g < k.n_groups; g++) {
        for (int r = k.group[g].row; r < k.group[g].row + k.group[g].n_rows; r++) {
            const struct elcl_ref_keys keys = ref_keys(&k, g, r);
            const size_t at = (size_t)r * h * d;
            elcl_ref_attn_el(want + at, el.e + at, el.y, &keys, h, d, (double)el.scale);
            for (int i = 0; i < h; i++) {
                const size_t head = at + (size_t)i * d;
                attention_bounds(bound + head, p, want + head, el.e + head, el.y, el.y, (size_t)d,
                                 &keys, i, d, (double)el.scale, fx->mma ? SPLIT : 0, inputs);
            }
        }
    }
    check_bounded(input_names[inputs], run_el(fx, &k, &el), want, bound, n);
    fixture_end(fx);
}

static void test_el(struct fixture *fx)
{
    static const int sizes[][2] = {{2, 37},  {3, 64},  {1, 20}, {6, 192},
                                   {16, 64}, {3, 131}, {1, 128}};
    const size_t n_sizes = fx->full ? ELCL_COUNT(sizes) : 2;
    const int n_inputs = fx->options->small ? 2 : N_INPUTS;
    for (size_t i = 0; i < n_sizes; i++)
        for (size_t j = 0; j < ELCL_COUNT(el_layouts); j++) {
            const int h = sizes[i][0], d = sizes[i][1];
            const struct layout *l = &el_layouts[j];
            if (fx->options->small && l->group[0].n_shared > 100)
                continue;
            if (!check_case("attn_el %s H=%d D=%d %s", fx->name, h, d, l->name))
                continue;
            for (int inputs = 0; inputs < n_inputs; inputs++)
                check_el(fx, l, h, d, (enum inputs)inputs, false);
            check_el(fx, l, h, d, NORMAL, true);
            check_el(fx, l, h, d, ZERO_QUERY, true);
        }
}

/* A row's bits do not depend on the rows of its group, nor on the other groups. */
static void test_el_invariance(struct fixture *fx, int d, int private)
{
    const int h = 3, n_rows = 7;
    if (!check_case("attn_el %s a row alone as in a group, D=%d, %d private keys", fx->name, d,
                    private))
        return;
    fixture_begin(fx);
    const struct layout l = {"", 2, {{n_rows, 70, 0}, {1, 3, private}}};
    struct keys k = make_keys(fx, &l);
    give_bias(fx, &k, h);
    const size_t row_size = (size_t)h * d;
    const struct el el = {h, d, 0.25f, make_queries(fx, k.n_rows * row_size, NORMAL),
                          make_pool(fx, &k, d, NORMAL, fx->state)};
    const float *together = run_el(fx, &k, &el);
    k.n_groups = 1;
    k.max_rows = k.group[0].n_rows = 1;
    for (int row = 0; row < n_rows; row += 3) {
        k.group[0].row = 1 + row;
        const float *alone = run_el(fx, &k, &el);
        const size_t at = (1 + row) * row_size;
        check_bytes("c", alone + at, together + at, row_size, 4);
    }
    fixture_end(fx);
}

/* ---- multi-head ---------------------------------------------------------------------------- */

struct mha {
    int h, dh, q_ld, kv_ld, k_at, v_at;
    float scale;
    bool kv_f32, packed;
    const float *q, *kv;
};

static float *run_mha(struct fixture *fx, const struct keys *k, const struct mha *mha)
{
    elcl_error err = {0};
    const size_t at = (size_t)check_int(0, 9), n = (size_t)k->n_rows * mha->h * mha->dh;
    const struct elcl_position_bias bias = upload_bias(fx, k, mha->h);
    const struct elcl_attn_mha_args args = {
        .o = fixture_output(fx, NULL, n * sizeof(float)),
        .q = fixture_input(fx, mha->q, (size_t)k->n_rows * mha->q_ld * sizeof(float)),
        .kv = fixture_stored(fx, mha->kv_f32 ? ELCL_F32 : fx->state, mha->kv,
                             (size_t)k->cache_rows * mha->kv_ld),
        .kv_f32 = mha->kv_f32,
        .step = upload_groups(fx, k, at),
        .groups_at = at,
        .lineage = upload_lineage(fx, k),
        .lineage_ld = k->lineage_ld,
        .bias = &bias,
        .rows_at = at + (size_t)k->n_groups * ELCL_ROW_GROUP_INTS,
        .n_groups = k->n_groups,
        .max_rows = k->max_rows,
        .h = mha->h,
        .dh = mha->dh,
        .q_ld = mha->q_ld,
        .kv_ld = mha->kv_ld,
        .k_at = mha->k_at,
        .v_at = mha->v_at,
        .scale = mha->scale,
        .keys = k->total};
    const int rc = mha->packed ? elcl_op_attn_packed(fx->ops, &args, &err)
                               : elcl_op_attn_mha(fx->ops, &args, &err);
    CHECK(!rc, "%s", err.msg);
    return fixture_read(fx, args.o);
}

/* q lies in rows of q_ld, keys and values interleave in rows of kv_ld: both with gaps, as in a
 * packed [Q K V] and in a pool of [K V]. */
static struct mha make_mha(struct fixture *fx, const struct keys *k, int h, int dh,
                           enum inputs inputs, bool kv_f32)
{
    const int width = h * dh, gap = check_int(0, 1) * 3;
    struct mha mha = {.h = h,
                      .dh = dh,
                      .q_ld = width + gap,
                      .kv_ld = 2 * width + 2 * gap,
                      .k_at = gap,
                      .v_at = width + gap,
                      .scale = (float)(1 / sqrt(dh)),
                      .kv_f32 = kv_f32};
    mha.q = make_queries(fx, (size_t)k->n_rows * mha.q_ld, inputs);
    mha.kv = make_pool(fx, k, mha.kv_ld, inputs, kv_f32 ? ELCL_F32 : fx->state);
    return mha;
}

/* Result and reference of keys `k`. */
static void compare_mha(struct fixture *fx, const struct keys *keys_of, const struct mha *mha,
                        enum inputs inputs)
{
    const struct keys k = *keys_of;
    const struct mha m = *mha;
    const int h = m.h, dh = m.dh;
    const size_t n = (size_t)k.n_rows * h * dh;
    double *want = fixture_unwritten(fx, n), *bound = fixture_unwritten(fx, n);
    double *p = fixture_doubles(fx, (size_t)k.cache_rows); /* keys are different cache rows */
    for (int g = 0; g < k.n_groups; g++)
        for (int row = 0; row < k.group[g].n_rows; row++) {
            const int r = k.group[g].row + row;
            const struct elcl_ref_keys keys = ref_keys(&k, g, r);
            const size_t at = (size_t)r * h * dh;
            const float *q = m.q + (size_t)r * m.q_ld;
            elcl_ref_attn_mha(want + at, q, m.kv, &keys, h, dh, (size_t)m.kv_ld, (size_t)m.k_at,
                              (size_t)m.v_at, (double)m.scale);
            for (int i = 0; i < h; i++) {
                const size_t head = (size_t)i * dh;
                attention_bounds(bound + at + head, p, want + at + head, q + head,
                                 m.kv + m.k_at + head, m.kv + m.v_at + head, (size_t)m.kv_ld, &keys,
                                 i, dh, (double)m.scale, fx->mma && m.packed ? SPLIT : 0, inputs);
            }
        }
    check_bounded(input_names[inputs], run_mha(fx, &k, &m), want, bound, n);
}

static void check_mha(struct fixture *fx, const struct layout *l, int h, int dh, enum inputs inputs,
                      bool kv_f32, bool bias)
{
    fixture_begin(fx);
    struct keys k = make_keys(fx, l);
    if (bias)
        give_bias(fx, &k, h);
    const struct mha m = make_mha(fx, &k, h, dh, inputs, kv_f32);
    compare_mha(fx, &k, &m, inputs);
    fixture_end(fx);
}

static const struct layout mha_layouts[] = {
    {"one key", 1, {{1, 1, 0}}},
    {"beams", 5, {{1, 33, 0}, {1, 7, 0}, {1, 1, 0}, {1, 64, 0}, {1, 65, 0}}},
    {"no keys", 3, {{1, 0, 0}, {1, 5, 0}, {1, 0, 0}}},
    {"lineages", 5, {{1, 0, 5}, {1, 0, 1}, {1, 0, 64}, {1, 0, 33}, {1, 0, 17}}},
    {"shared and private", 3, {{1, 31, 2}, {1, 3, 64}, {1, 1, 1}}},
    {"beams of sentences", 3, {{4, 70, 0}, {1, 9, 0}, {17, 66, 0}}},
    {"many keys", 2, {{1, 300, 0}, {1, 190, 75}}},
};

static void test_mha(struct fixture *fx)
{
    static const int sizes[][2] = {{2, 5}, {3, 32}, {1, 16}, {6, 37}, {33, 64}, {1, 1}};
    const size_t n_sizes = fx->full ? ELCL_COUNT(sizes) : 2;
    const int n_inputs = fx->options->small ? 2 : N_INPUTS;
    for (size_t i = 0; i < n_sizes; i++)
        for (size_t j = 0; j < ELCL_COUNT(mha_layouts); j++) {
            const int h = sizes[i][0], dh = sizes[i][1];
            const struct layout *l = &mha_layouts[j];
            if (fx->options->small && l->group[0].n_shared > 100)
                continue;
            if (!check_case("attn_mha %s H=%d Dh=%d %s", fx->name, h, dh, l->name))
                continue;
            for (int inputs = 0; inputs < n_inputs; inputs++)
                check_mha(fx, l, h, dh, (enum inputs)inputs, false, false);
            check_mha(fx, l, h, dh, NORMAL, false, true);
            check_mha(fx, l, h, dh, ZERO_QUERY, false, true);
            if (fx->state != ELCL_F32)
                check_mha(fx, l, h, dh, NORMAL, true, true);
        }
}

static void test_mha_invariance(struct fixture *fx)
{
    if (!check_case("attn_mha %s a row alone as among others", fx->name))
        return;
    fixture_begin(fx);
    const struct layout l = {"", 3, {{2, 70, 0}, {1, 3, 9}, {1, 1, 66}}};
    struct keys k = make_keys(fx, &l);
    const struct keys all = k;
    give_bias(fx, &k, 3);
    const struct mha m = make_mha(fx, &k, 3, 5, NORMAL, false);
    const size_t row_size = (size_t)m.h * m.dh;
    const float *together = run_mha(fx, &k, &m);
    k.n_groups = 1;
    for (int g = 0; g < l.n_groups; g++)
        for (int row = 0; row < all.group[g].n_rows; row++) {
            k.group[0] = all.group[g];
            k.group[0].n_rows = 1;
            k.group[0].row += row;
            const size_t at = k.group[0].row * row_size;
            check_bytes("o", run_mha(fx, &k, &m) + at, together + at, row_size, 4);
        }
    fixture_end(fx);
}

/* ---- packed rows --------------------------------------------------------------------------- */

/* Sentences of a packed call, up to 6: n_rows rows that see n_keys keys, or of a prompt, where a
 * row sees the keys up to its own place. */
struct packed_layout {
    const char *name;
    int n;
    struct {
        int n_rows, n_keys;
        bool causal;
    } sentence[6];
};

static struct keys make_packed_keys(struct fixture *fx, const struct packed_layout *l)
{
    struct keys k = {.lineage_rows = 1, .lineage_ld = 1, .max_rows = 1};
    int start = 1;
    for (int i = 0; i < l->n; i++) {
        for (int s = 0; s < l->sentence[i].n_rows; s++) {
            const int n_keys = l->sentence[i].causal ? s + 1 : l->sentence[i].n_keys;
            k.group[k.n_groups] = (struct elcl_row_group){k.n_groups, 1, start, n_keys, 0, 0};
            k.n_groups++;
            k.total += (uint64_t)n_keys;
        }
        start += elcl_max_int(l->sentence[i].n_keys, l->sentence[i].n_rows) + 1;
    }
    k.n_rows = k.n_groups;
    k.cache_rows = start;
    k.lineage = fixture_ints(fx, 1);
    k.in_use = fixture_memory(fx, (size_t)k.cache_rows, sizeof(bool));
    for (int g = 0; g < k.n_groups; g++)
        for (int s = 0; s < k.group[g].n_shared; s++)
            k.in_use[k.group[g].start + s] = true;
    return k;
}

static const struct packed_layout packed_layouts[] = {
    {"one row", 1, {{1, 1, false}}},
    {"sentences",
     5,
     {{9, 9, false}, {1, 1, false}, {33, 33, false}, {2, 2, false}, {17, 17, false}}},
    {"no keys", 3, {{3, 0, false}, {4, 4, false}, {2, 0, false}}},
    {"prompts", 4, {{13, 0, true}, {1, 0, true}, {2, 0, true}, {70, 0, true}}},
    {"long", 3, {{3, 3, false}, {129, 129, false}, {4, 200, false}}},
};

static void check_packed(struct fixture *fx, const struct packed_layout *l, int h, int dh,
                         enum inputs inputs, bool kv_f32, bool bias)
{
    fixture_begin(fx);
    struct keys k = make_packed_keys(fx, l);
    if (bias)
        give_bias(fx, &k, h);
    struct mha m = make_mha(fx, &k, h, dh, inputs, kv_f32);
    m.packed = true;
    compare_mha(fx, &k, &m, inputs);
    fixture_end(fx);
}

static void test_packed(struct fixture *fx)
{
    static const int sizes[][2] = {{2, 5}, {1, 65}, {3, 64}, {2, 37}, {1, 130}, {1, 1}};
    const bool small = fx->options->small;
    /* Small: several heads in one storage, wide ones in the other. */
    const size_t first = small && fx->state != ELCL_F32;
    const size_t end = fx->full ? ELCL_COUNT(sizes) : small ? first + 1 : 2;
    const int n_inputs = small ? 1 : N_INPUTS;
    for (size_t i = first; i < end; i++)
        for (size_t j = 0; j < ELCL_COUNT(packed_layouts); j++) {
            const int h = sizes[i][0], dh = sizes[i][1];
            const struct packed_layout *l = &packed_layouts[j];
            if (small && j + 1 == ELCL_COUNT(packed_layouts))
                continue;
            if (!check_case("attn_packed %s H=%d Dh=%d %s", fx->name, h, dh, l->name))
                continue;
            for (int inputs = 0; inputs < n_inputs; inputs++)
                check_packed(fx, l, h, dh, (enum inputs)inputs, false, false);
            check_packed(fx, l, h, dh, NORMAL, false, true);
            check_packed(fx, l, h, dh, ZERO_QUERY, false, true);
            if (fx->state != ELCL_F32)
                check_packed(fx, l, h, dh, NORMAL, true, true);
        }
}

/* A row's bits do not depend on the other rows of its sentence, nor on where it stands. */
static void test_packed_invariance(struct fixture *fx)
{
    if (!check_case("attn_packed %s a row alone as among others", fx->name))
        return;
    fixture_begin(fx);
    const struct packed_layout l = {"", 3, {{50, 70, false}, {20, 0, true}, {40, 66, false}}};
    struct keys k = make_packed_keys(fx, &l);
    give_bias(fx, &k, 2);
    struct mha m = make_mha(fx, &k, 2, 21, NORMAL, false);
    m.packed = true;
    const struct keys all = k;
    const size_t row_size = (size_t)m.h * m.dh;
    const float *together = run_mha(fx, &k, &m), *q = m.q;
    k.n_groups = k.n_rows = 1;
    for (int g = 0; g < all.n_groups; g += 37) {
        k.group[0] = all.group[g];
        k.group[0].row = 0;
        k.position = all.position + g;
        m.q = q + (size_t)g * m.q_ld;
        check_bytes("o", run_mha(fx, &k, &m), together + g * row_size, row_size, 4);
    }
    fixture_end(fx);
}

void test_attention_tiles(struct fixture *fx)
{
    test_packed(fx);
    test_packed_invariance(fx);
    test_el(fx);
    test_el_invariance(fx, 37, 9);
    test_el_invariance(fx, 37, 0);
    test_el_invariance(fx, 150, 0);
}

void test_attention(struct fixture *fx)
{
    test_attention_tiles(fx);
    test_mha(fx);
    test_mha_invariance(fx);
}
