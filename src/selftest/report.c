/* From the cases of elcl_selftest() to its callback and its summary. */
#include "selftest/selftest.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/os.h"

static double seconds_since(uint64_t ns)
{
    return (double)(elcl_clock_ns() - ns) * 1e-9;
}

static void start(struct elcl_selftest_state *st, const char *operation, const char *shape)
{
    st->result = (elcl_selftest_case){.device = &st->fx.device->desc,
                                      .operation = operation,
                                      .shape = shape,
                                      .kernels = st->fx.device->kernels,
                                      .weights = st->result.weights,
                                      .state = st->result.state,
                                      .reason = ""};
    st->case_ns = elcl_clock_ns();
    st->running = true;
    elcl_fixture_begin(&st->fx, shape);
}

void elcl_selftest_end(struct elcl_selftest_state *st)
{
    elcl_selftest_case *c = &st->result;
    if (!st->running)
        return;
    st->running = false;
    c->seconds = seconds_since(st->case_ns);
    c->error = st->fx.error;
    c->tolerance = st->fx.tolerance;
    c->ratio = st->fx.ratio;
    st->summary.passed += c->verdict == ELCL_SELFTEST_PASS;
    st->summary.failed += c->verdict == ELCL_SELFTEST_FAIL;
    st->summary.skipped += c->verdict == ELCL_SELFTEST_SKIP;
    if (st->params->on_case)
        st->params->on_case(st->params->user, c);
}

void elcl_selftest_skip(struct elcl_selftest_state *st, const char *operation, const char *shape,
                        const char *reason)
{
    elcl_selftest_end(st);
    start(st, operation, shape);
    st->result.verdict = ELCL_SELFTEST_SKIP;
    st->result.reason = reason;
    elcl_selftest_end(st);
}

/* The first failure counts. A shortage of memory does not mean that a kernel is wrong. */
void elcl_selftest_on_failure(void *user, int status, const char *reason)
{
    struct elcl_selftest_state *st = user;
    st->nomem |= status == ELCL_E_NOMEM;
    if (st->result.verdict != ELCL_SELFTEST_PASS)
        return;
    (void)snprintf(st->reason, sizeof(st->reason), "%s", reason);
    st->result.reason = st->reason;
    st->result.verdict = status == ELCL_E_NOMEM || status == ELCL_E_DEVICE_NOMEM
                             ? ELCL_SELFTEST_SKIP
                             : ELCL_SELFTEST_FAIL;
}

bool elcl_selftest_begin(struct elcl_selftest_state *st, const char *operation, const char *fmt,
                         ...)
{
    const double budget = st->params->budget_seconds;
    char shape[sizeof(st->shape)];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(shape, sizeof(shape), fmt, args);
    va_end(args);
    elcl_selftest_end(st);
    memcpy(st->shape, shape, sizeof(shape));
    if (!st->nomem && (budget <= 0 || seconds_since(st->begun_ns) < budget)) {
        start(st, operation, st->shape);
        return true;
    }
    elcl_selftest_skip(st, operation, st->shape,
                       st->nomem ? "host memory is short" : "the time budget is spent");
    return false;
}
