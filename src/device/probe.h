/* Which fast paths work on a device: build a small kernel, run it, compare, time. */
#ifndef ELCL_DEVICE_PROBE_H
#define ELCL_DEVICE_PROBE_H

#include "device/device.h"
#include "elcl/measure.h"

#define ELCL_MAX_PROBES 10

struct elcl_probes {
    elcl_probe_verdict verdict[ELCL_MAX_PROBES]; /* strings: name a literal, reason in text[] */
    char text[ELCL_MAX_PROBES][160];
    int n;
    enum elcl_mac mac;
    enum elcl_mma mma;
    struct elcl_dot_choice int8_dot, bf16_dot;
    bool short_loops;
};

/* Runs all probes, or takes their verdicts from the cache. A probe that fails is a verdict, not
 * an error. */
int elcl_probe_run(struct elcl_device *device, struct elcl_probes *probes, elcl_error *err);

#endif
