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

/* The least times of a form in nanoseconds: of one step, and of n steps. Negative: it failed. */
struct mac_time {
    cl_int n;
    double one, all;
};

static double less(double a, double b)
{
    return b < a ? b : a;
}

/* Finds how many steps outweigh the launch. n grows from 1, so a form that is a hundred times
 * slower also takes milliseconds. */
static struct mac_time first_time(struct elcl_probe_fixture *fixture, enum elcl_mac form)
{
    const double enough = 2e6;
    const double one = time_mac(fixture, form, 1);
    struct mac_time time = {.n = 1, .one = one, .all = one};
    while (time.all >= 0 && (time.all < enough || time.all < 4 * one) && time.n < (1 << 22)) {
        time.n *= 4;
        time.all = time_mac(fixture, form, time.n);
    }
    return time;
}

/* Sets nanoseconds per step of the forms that are right[f], others are -1. The forms take turns,
 * and the least time of each counts: another program that runs for a moment must not decide, since
 * the choice is kept in the cache. */
static void time_forms(struct elcl_probe_fixture *fixture, const bool right[3], double ns[3])
{
    const int rounds = 8;
    const uint64_t budget_ns = 200000000; /* slow emulators see one round */
    const uint64_t start = elcl_clock_ns();
    struct mac_time times[3];
    for (int f = 0; f < 3; f++)
        times[f] = right[f] ? first_time(fixture, (enum elcl_mac)f) : (struct mac_time){.all = -1};
    for (int i = 0; i < rounds && (i == 0 || elcl_clock_ns() - start < budget_ns); i++) {
        for (int f = 0; f < 3; f++) {
            struct mac_time *time = &times[f];
            if (time->all < 0)
                continue;
            time->one = less(time->one, time_mac(fixture, (enum elcl_mac)f, 1));
            time->all = less(time->all, time_mac(fixture, (enum elcl_mac)f, time->n));
        }
    }
    for (int f = 0; f < 3; f++) {
        const struct mac_time *time = &times[f];
        const bool works = time->one >= 0 && time->all > time->one;
        ns[f] = works ? (time->all - time->one) / (time->n - 1) : -1;
    }
}

/* Takes the first form that is at most 1.5 times slower than the fastest: fma() comes first because
 * it rounds once, everywhere. A device that has to emulate it takes ten times as long. ns[f] < 0:
 * the form does not work. Returns false if none works. */
static bool choose_mac(const double ns[3], enum elcl_mac *mac)
{
    double best = -1;
    for (int f = 0; f < 3; f++) {
        if (ns[f] >= 0 && (best < 0 || ns[f] < best))
            best = ns[f];
    }
    for (int f = 0; f < 3; f++) {
        if (ns[f] >= 0 && ns[f] <= 1.5 * best) {
            *mac = (enum elcl_mac)f;
            return true;
        }
    }
    return false;
}

void elcl_probe_mac(struct elcl_probe_fixture *fixture, struct elcl_features *features)
{
    double ns[3];
    bool right[3];
    for (int f = 0; f < 3; f++)
        right[f] = mac_is_right(fixture, (enum elcl_mac)f);
    time_forms(fixture, right, ns);
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
