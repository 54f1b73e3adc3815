/* Chooses the form of multiply-adds that kernels use. */
#include <math.h>

#include "base/least.h"
#include "base/os.h"
#include "probe/outcome.h"
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
static enum elcl_outcome try_mac(struct elcl_probe_fixture *fixture, enum elcl_mac form)
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
        return ELCL_UNKNOWN;
    for (size_t i = 0; i < count; i++) {
        if (!(fabs((double)fixture->host[i] - expected) <= 1e-5 * expected))
            return ELCL_WRONG;
    }
    return ELCL_RIGHT;
}

/* The least times of a form in nanoseconds: of one step, and of n steps. */
struct mac_time {
    cl_int n;
    bool failed;
    struct elcl_least one, all;
};

static void add_time(struct elcl_probe_fixture *fixture, enum elcl_mac form, cl_int n,
                     struct elcl_least *least, bool *failed)
{
    const double ns = time_mac(fixture, form, n);
    *failed |= ns < 0;
    if (ns >= 0)
        elcl_least_add(least, ns);
}

/* Finds how many steps outweigh the launch. n grows from 1, so a form that is a hundred times
 * slower also takes milliseconds. Every time is taken twice: one that was interrupted looks like
 * many steps. */
static struct mac_time first_time(struct elcl_probe_fixture *fixture, enum elcl_mac form)
{
    const double enough = 2e6;
    struct mac_time time = {.n = 0};
    do {
        time.n = time.n ? 4 * time.n : 1;
        time.all = (struct elcl_least){0};
        for (int i = 0; i < 2; i++) {
            add_time(fixture, form, 1, &time.one, &time.failed);
            add_time(fixture, form, time.n, &time.all, &time.failed);
        }
    } while (!time.failed && (time.all.first < enough || time.all.first < 4 * time.one.first) &&
             time.n < (1 << 22));
    return time;
}

static bool all_agree(const struct mac_time times[3])
{
    for (int f = 0; f < 3; f++)
        if (!times[f].failed && !elcl_least_agrees(&times[f].all))
            return false;
    return true;
}

/* Sets nanoseconds per step of the forms that are right; others are -1. The forms take turns, and
 * the least time of each counts: another program that runs for a moment must not decide, since the
 * choice is kept in the cache. Returns whether the times are sound. */
static bool time_forms(struct elcl_probe_fixture *fixture, const enum elcl_outcome outcomes[3],
                       double ns[3])
{
    const int rounds = 8, most = 16;      /* more if other programs disturb */
    const uint64_t budget_ns = 200000000; /* slow emulators see one round */
    const uint64_t start = elcl_clock_ns();
    struct mac_time times[3];
    bool sound = true;
    for (int f = 0; f < 3; f++)
        times[f] = outcomes[f] == ELCL_RIGHT ? first_time(fixture, (enum elcl_mac)f)
                                             : (struct mac_time){.failed = true};
    for (int i = 0; i < most && (i < rounds || !all_agree(times)); i++) {
        if (i && elcl_clock_ns() - start > budget_ns)
            break;
        for (int f = 0; f < 3; f++) {
            struct mac_time *time = &times[f];
            if (time->failed)
                continue;
            add_time(fixture, (enum elcl_mac)f, 1, &time->one, &time->failed);
            add_time(fixture, (enum elcl_mac)f, time->n, &time->all, &time->failed);
        }
    }
    for (int f = 0; f < 3; f++) {
        const struct mac_time *time = &times[f];
        const bool works = !time->failed && time->all.first > time->one.first;
        ns[f] = works ? (time->all.first - time->one.first) / (time->n - 1) : -1;
        sound = sound && (works || outcomes[f] == ELCL_WRONG);
    }
    return sound && all_agree(times);
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

static void set_verdict(struct elcl_features *features, enum elcl_probe form,
                        enum elcl_outcome outcome, const double ns[3], bool sound)
{
    const enum elcl_mac mac = features->mac;
    const bool used = (int)form == (int)mac;
    if (ns[form] < 0)
        elcl_verdict_set(features, form, used, "%s",
                         elcl_outcome_text(outcome == ELCL_WRONG ? outcome : ELCL_UNKNOWN));
    else if (used)
        elcl_verdict_set(features, form, true, "used by kernels: fast enough%s",
                         sound ? "" : "; to be measured again, for other programs ran");
    else
        elcl_verdict_set(features, form, false, "takes %.2f times as long as %s, which is used",
                         ns[form] / ns[mac], elcl_probe_names[mac]);
}

void elcl_probe_mac(struct elcl_probe_fixture *fixture, struct elcl_features *features)
{
    double ns[3];
    enum elcl_outcome outcomes[3];
    for (int f = 0; f < 3; f++)
        outcomes[f] = try_mac(fixture, (enum elcl_mac)f);
    const bool sound = time_forms(fixture, outcomes, ns);
    features->unsure |= !sound;
    if (!choose_mac(ns, &features->mac))
        features->mac = ELCL_MAC_PLAIN;
    for (int f = 0; f < 3; f++)
        set_verdict(features, (enum elcl_probe)f, outcomes[f], ns, sound);
}
