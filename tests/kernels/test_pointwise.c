/* Sizes for embedding, add + norm and scatter, for lineages and the copying of beams, and for the
 * log-probabilities of given tokens. */
#include <string.h>

#include "base/util.h"
#include "selftest/checks.h"
#include "suite.h"

void test_pointwise(struct suite *s)
{
    static const int ds[] = {37, 64, 1, 3, 20, 192, 1024};
    static const int rs[] = {6, 1, 13};
    const size_t n_d = s->options->small ? 2 : ELCL_COUNT(ds);
    const size_t n_r = s->full ? ELCL_COUNT(rs) : 1;
    for (size_t i = 0; i < n_d * n_r; i++) {
        const int d = ds[i / n_r], r = rs[i % n_r];
        if (suite_case(s, "add_norm", "R=%d D=%d", r, d))
            for (int k = 0; k < 2 * ELCL_N_NORMS; k++)
                elcl_check_add_norm(&s->fx, r, d, (enum elcl_norm_kind)(k / 2), k & 1);
        if (suite_case(s, "embed", "R=%d D=%d", r, d))
            for (int k = 0; k < 2 * ELCL_N_NORMS; k++)
                for (int terms = 1; terms < 4; terms++) {
                    const struct elcl_embed_shape shape = {
                        r,     d,         5 + 10 * k, (enum elcl_norm_kind)(k / 2),
                        k & 1, terms & 1, terms & 2};
                    elcl_check_embed(&s->fx, &shape);
                }
        if (suite_case(s, "scatter", "R=%d N=%d", r, d))
            for (int gap = 0; gap < 6; gap += 5)
                for (int parts = 1; parts < 5; parts += 3)
                    elcl_check_scatter(&s->fx, r, parts * d, d, gap);
    }
}

void test_beams(struct suite *s)
{
    static const int rs[] = {3, 1, 16}, lengths[] = {1, 2, 33};
    static const size_t sizes[][2] = {{5, 5}, {64, 37}, {1, 1}, {131, 130}};
    const size_t n_r = s->full ? ELCL_COUNT(rs) : 1;
    for (size_t i = 0; i < n_r; i++)
        for (size_t j = 0; j < ELCL_COUNT(lengths); j++)
            if (suite_case(s, "lineage", "R=%d T=%d", rs[i], lengths[j]))
                elcl_check_lineage(&s->fx, rs[i], lengths[j]);
    for (size_t i = 0; i < n_r; i++)
        for (size_t j = 0; j < ELCL_COUNT(sizes); j++)
            if (suite_case(s, "reorder", "R=%d ld=%zu n=%zu", rs[i], sizes[j][0], sizes[j][1]))
                elcl_check_reorder(&s->fx, rs[i], sizes[j][0], sizes[j][1]);
}

void test_score(struct suite *s)
{
    static const int widths[] = {1, 2, 7, 64, 129, 2048, 50265};
    for (size_t i = 0; i < ELCL_COUNT(widths); i++) {
        const int v = widths[i];
        if ((v > 3000 && !s->full) || !suite_case(s, "log_prob", "V=%d", v))
            continue;
        elcl_check_log_prob(&s->fx, 5, v, 1);
        elcl_check_log_prob(&s->fx, 9, v, 30);
    }
}
