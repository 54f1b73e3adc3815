#include "probe/outcome.h"
#include "probe/probe_impl.h"

/* llvmpipe silently ends all loops of a work-item after 65,535 iterations. CPU kernels, whose
 * work-items loop over whole vocabularies, would give wrong results. */
void elcl_probe_loops(struct elcl_probe_fixture *f, struct elcl_features *features)
{
    const cl_int n = 1 << 18;
    uint32_t want = 1, got = 0;
    for (cl_int i = 0; i < n; i++)
        want = want * 1664525u + 1013904223u;
    if (clSetKernelArg(f->loop, 0, sizeof(cl_mem), &f->out.mem) ||
        clSetKernelArg(f->loop, 1, sizeof(n), &n) || elcl_probe_launch(f, f->loop, 1, 1) ||
        elcl_buffer_read(&f->out, 0, &got, sizeof(got), NULL)) {
        features->unsure = true;
        elcl_verdict_set(features, ELCL_PROBE_LOOPS, true, "%s", elcl_outcome_text(ELCL_UNKNOWN));
        return;
    }
    features->short_loops = got != want;
    if (features->short_loops)
        elcl_verdict_set(features, ELCL_PROBE_LOOPS, false,
                         "a loop of %d steps ended early: only small models with CPU kernels", n);
    else
        elcl_verdict_set(features, ELCL_PROBE_LOOPS, true, "a loop of %d steps ran to its end", n);
}
