/* elcl_selftest(): the checks of this folder with sizes for people's machines, and a report. */
#ifndef ELCL_SELFTEST_SELFTEST_H
#define ELCL_SELFTEST_SELFTEST_H

#include "elcl/selftest.h"
#include "selftest/fixture.h"

/* Widths of a known model. */
struct elcl_selftest_shape {
    const char *name;
    int d, h, f, v; /* Dh = d / h */
    int s;          /* keys of the longest sentence */
    int rows;       /* of an encoder's or prompt's GEMM */
};

struct elcl_selftest_state {
    struct elcl_fixture fx;
    const elcl_selftest_params *params;
    uint64_t begun_ns, case_ns;
    bool running; /* a case */
    bool nomem;   /* host memory is short: no more cases */
    char shape[96], reason[512];
    elcl_selftest_case result;
    elcl_selftest_summary summary;
};

/* report.c. Ends the running case and starts the next one. Returns false when that is skipped,
 * because the time budget is spent or memory is short. */
bool elcl_selftest_begin(struct elcl_selftest_state *st, const char *operation, const char *fmt,
                         ...) ELCL_PRINTF(3, 4);

/* Ends the running case, if there is one, and reports it. */
void elcl_selftest_end(struct elcl_selftest_state *st);
/* Reports a case that does not run. */
void elcl_selftest_skip(struct elcl_selftest_state *st, const char *operation, const char *shape,
                        const char *reason);
/* elcl_fixture.on_failure: `user` is the state. */
void elcl_selftest_on_failure(void *user, int status, const char *reason);

/* cases.c: all cases of one model's widths. */
void elcl_selftest_gemms(struct elcl_selftest_state *st, const struct elcl_selftest_shape *s);
void elcl_selftest_convolutions(struct elcl_selftest_state *st,
                                const struct elcl_selftest_shape *s);
void elcl_selftest_pointwise(struct elcl_selftest_state *st, const struct elcl_selftest_shape *s);
void elcl_selftest_attention(struct elcl_selftest_state *st, const struct elcl_selftest_shape *s);
void elcl_selftest_beams(struct elcl_selftest_state *st, const struct elcl_selftest_shape *s);
void elcl_selftest_logits(struct elcl_selftest_state *st, const struct elcl_selftest_shape *s);

#endif
