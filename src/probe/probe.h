/* Finds out what a device can do: builds, runs, checks and times small kernels. */
#ifndef ELCL_PROBE_PROBE_H
#define ELCL_PROBE_PROBE_H

#include "device/program.h"
#include "probe/dot.h"
#include "probe/mma.h"
#include "probe/state_dot.h"

enum elcl_probe {
    ELCL_PROBE_FMA, /* the first three are numbered like enum elcl_mac */
    ELCL_PROBE_MAD,
    ELCL_PROBE_PLAIN,
    ELCL_PROBE_HALF,
    ELCL_PROBE_FP16,
    ELCL_PROBE_SUBGROUPS,
    ELCL_PROBE_MATRIX,
    ELCL_PROBE_INT8_DOT,
    ELCL_PROBE_INT4_DOT,
    ELCL_PROBE_BF16_DOT,
    ELCL_PROBE_STATE_DOT,
    ELCL_PROBE_LOOPS,
    ELCL_N_PROBES
};

struct elcl_features {
    enum elcl_mac mac; /* the fastest form of multiply-adds */
    enum elcl_mma mma; /* the matrix instruction that works here */
    struct elcl_dot_choice int8_dot, bf16_dot, int4_dot; /* by the type of the weights; int4 only of
                                                          * CPU kernels */
    struct elcl_dot_choice state_dot;                    /* of narrow state, CPU kernels */
    bool int8_mma;                                       /* mma multiplies integers too */
    bool short_loops;                                    /* the driver ends long loops early */
    bool unsure; /* a trial could not run, or other programs disturbed the times: not stored */
    struct {
        bool on;
        char reason[160];
    } verdicts[ELCL_N_PROBES];
};

/* Runs all probes, or reads their verdicts from the device's cache directory. Cannot fail: a probe
 * that fails is a verdict, but one that holds for this process only. Its buffers count neither
 * against the memory limit nor in the peak. */
void elcl_probe_features(struct elcl_device *device, struct elcl_features *features);
/* The same, but always runs them; what is sure replaces the stored verdicts. */
void elcl_probe_again(struct elcl_device *device, struct elcl_features *features);

#endif
