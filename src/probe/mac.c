/* Chooses the form of multiply-adds that kernels use. */
#include <math.h>

#include "base/os.h"
#include "probe/probe_impl.h"

#define MAC_A 0.75f
#define MAC_B 0.5f

_Static_assert((int)ELCL_PROBE_FMA == (int)ELCL_MAC_FMA &&
                   (int)ELCL_PROBE_MAD == (int)ELCL_MAC_MAD &&
                   (int)ELCL_PROBE_PLAIN == (int)ELCL_MAC_PLAIN,
               "probes of the multiply-adds are numbered as the multiply-adds");

/* Returns the nanoseconds of n steps in one form, or a negative number if the driver refuses. */
static double time_mac(struct elcl_probe_fixture *fixture, enum elcl_mac form, cl_int n)
{
    const cl_float a = MAC_A;
    const cl_float b = MAC_B;
    const cl_int number = (cl_int)form;
    const uint64_t start = elcl_clock_ns();
    if (clSetKernelArg(fixture->mac, 0, sizeof(cl_mem), &fixture->out.mem) ||
        clSetKernelArg(fixture->mac, 1, sizeof(a), &a) ||
        clSetKernelArg(fixture->mac, 2, sizeof(b), &b) ||
        clSetKernelArg(fixture->mac, 3, sizeof(n), &n) ||
        clSetKernelArg(fixture->mac, 4, sizeof(number), &number) ||
        elcl_probe_launch(fixture, fixture->mac, fixture->items, fixture->group))
        return -1;
    return (double)(elcl_clock_ns() - start);
}

/* Takes few steps, so that each of them changes the sum. */
static bool mac_is_right(struct elcl_probe_fixture *fixture, enum elcl_mac form)
{
    const int n = 8;
    double expected = 0;
    for (int k = 1; k <= 4; k++) {
        double x = k * (double)MAC_B;
        for (int i = 0; i < n; i++)
            x = x * (double)MAC_A + (double)MAC_B;
        expected += x;
    }
    const size_t count = fixture->items * 8;
    if (time_mac(fixture, form, n) < 0 ||
        elcl_buffer_read(&fixture->out, 0, fixture->host, count * sizeof(float), NULL))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!(fabs((double)fixture->host[i] - expected) <= 1e-5 * expected))
            return false;
    }
    return true;
}

/* Returns nanoseconds per step, from the difference between one step and n steps. n grows until the
 * steps outweigh the launch, so a form that is a hundred times slower also takes milliseconds. */
static double ns_per_step(struct elcl_probe_fixture *fixture, enum elcl_mac form)
{
    const double enough = 2e6;
    const double one = time_mac(fixture, form, 1);
    cl_int n = 1;
    double best = one;
    while (best >= 0 && (best < enough || best < 4 * one) && n < (1 << 22)) {
        n *= 4;
        best = time_mac(fixture, form, n);
    }
    for (int i = 0; i < 2 && best >= 0; i++) {
        const double ns = time_mac(fixture, form, n);
        if (ns < best)
            best = ns;
    }
    return best > one ? (best - one) / (n - 1) : -1;
}

/* Takes the first form that is at most 20% slower than the fastest: fma() comes first because it
 * rounds once, everywhere. ns[f] < 0: the form does not work. Returns false if none works. */
static bool choose_mac(const double ns[3], enum elcl_mac *mac)
{
    double best = -1;
    for (int f = 0; f < 3; f++) {
        if (ns[f] >= 0 && (best < 0 || ns[f] < best))
            best = ns[f];
    }
    for (int f = 0; f < 3; f++) {
        if (ns[f] >= 0 && ns[f] <= 1.2 * best) {
            *mac = (enum elcl_mac)f;
            return true;
        }
    }
    return false;
}

void elcl_probe_mac(struct elcl_probe_fixture *fixture, struct elcl_features *features)
{
    double ns[3];
    for (int f = 0; f < 3; f++) {
        const bool right = mac_is_right(fixture, (enum elcl_mac)f);
        ns[f] = right ? ns_per_step(fixture, (enum elcl_mac)f) : -1;
    }
    if (!choose_mac(ns, &features->mac))
        features->mac = ELCL_MAC_PLAIN;
    const enum elcl_mac mac = features->mac;
    for (int f = 0; f < 3; f++) {
        if (ns[f] < 0)
            elcl_verdict_set(features, (enum elcl_probe)f, f == (int)mac,
                             "gave a wrong result or could not be run");
        else if (f == (int)mac)
            elcl_verdict_set(features, (enum elcl_probe)f, true, "used by kernels: fast enough");
        else
            elcl_verdict_set(features, (enum elcl_probe)f, false,
                             "takes %.2f times as long as %s, which is used", ns[f] / ns[mac],
                             elcl_probe_names[mac]);
    }
}
