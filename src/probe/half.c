/* Checks that vload_half() converts like the host. */
#include <math.h>

#include "base/half.h"
#include "base/util.h"
#include "probe/outcome.h"
#include "probe/probe_impl.h"

static bool same_float(float a, float b)
{
    return elcl_f32_to_bits(a) == elcl_f32_to_bits(b) || (isnan(a) && isnan(b));
}

/* Returns how many halves differ from the host's conversion, or -1 if the probe cannot be run.
 * *subnormal is how many of them are subnormal. */
static int count_wrong_halves(struct elcl_probe_fixture *f, int *subnormal)
{
    uint16_t *halves = elcl_calloc(ELCL_N_HALVES, sizeof(*halves));
    if (!halves)
        return -1;
    for (int i = 0; i < ELCL_N_HALVES; i++)
        halves[i] = (uint16_t)i;
    const bool ok = !elcl_buffer_write(&f->in, 0, halves, ELCL_N_HALVES * sizeof(*halves), NULL) &&
                    !clSetKernelArg(f->half, 0, sizeof(cl_mem), &f->out.mem) &&
                    !clSetKernelArg(f->half, 1, sizeof(cl_mem), &f->in.mem) &&
                    !elcl_probe_launch(f, f->half, ELCL_N_HALVES, f->group) &&
                    !elcl_buffer_read(&f->out, 0, f->host, ELCL_N_HALVES * sizeof(float), NULL);
    elcl_free(halves);
    int wrong = 0;
    *subnormal = 0;
    for (int i = 0; i < ELCL_N_HALVES && ok; i++) {
        if (same_float(f->host[i], elcl_f16_to_f32((uint16_t)i)))
            continue;
        wrong++;
        *subnormal += (i & 0x7c00) == 0;
    }
    return ok ? wrong : -1;
}

void elcl_probe_half(struct elcl_probe_fixture *f, struct elcl_features *features)
{
    int subnormal;
    const int wrong = count_wrong_halves(f, &subnormal);
    features->unsure |= wrong < 0;
    if (wrong < 0)
        elcl_verdict_set(features, ELCL_PROBE_HALF, false, "%s", elcl_outcome_text(ELCL_UNKNOWN));
    else if (!wrong)
        elcl_verdict_set(features, ELCL_PROBE_HALF, true,
                         "exact for all 65536 halves: f16 storage works");
    else if (wrong == subnormal)
        elcl_verdict_set(features, ELCL_PROBE_HALF, true,
                         "f16 storage works, but subnormal halves are inexact");
    else
        elcl_verdict_set(features, ELCL_PROBE_HALF, false,
                         "wrong for %d of 65536 halves: f16 storage is unsafe", wrong);
}
