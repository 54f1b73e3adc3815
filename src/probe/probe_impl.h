/* Shared by the files of probe/. */
#ifndef ELCL_PROBE_PROBE_IMPL_H
#define ELCL_PROBE_PROBE_IMPL_H

#include "device/buffer.h"
#include "probe/probe.h"

extern const char *const elcl_probe_names[ELCL_N_PROBES];

/* ---- verdicts (verdicts.c) ----------------------------------------------------------------- */

void elcl_verdict_set(struct elcl_features *features, enum elcl_probe probe, bool on,
                      const char *fmt, ...) ELCL_PRINTF(4, 5);

/* Read and write the device's cache of verdicts. false: they are not there, or name something that
 * this processor or this device does not have. */
bool elcl_verdicts_load(const struct elcl_device *device, uint64_t key,
                        struct elcl_features *features);
void elcl_verdicts_store(const struct elcl_device *device, uint64_t key,
                         const struct elcl_features *features);

/* ---- the kernels of probe.cl (fixture.c) --------------------------------------------------- */

#define ELCL_N_HALVES 65536 /* all of them */

struct elcl_probe_fixture {
    struct elcl_device *device;
    cl_program program;
    cl_kernel mac, half, loop;
    struct elcl_buffer out; /* [items, 8] float, or [ELCL_N_HALVES] float */
    struct elcl_buffer in;  /* [ELCL_N_HALVES] half */
    size_t items;           /* work-items of a multiply-add launch */
    size_t group;           /* work-items of a work-group */
    float host[ELCL_N_HALVES];
};

int elcl_probe_fixture_init(struct elcl_probe_fixture *fixture, struct elcl_device *device,
                            elcl_error *err);
void elcl_probe_fixture_finish(struct elcl_probe_fixture *fixture);
/* Launches the kernel and waits. */
int elcl_probe_launch(struct elcl_probe_fixture *fixture, cl_kernel kernel, size_t items,
                      size_t group);

/* ---- probes on the fixture: they set features->unsure where they could not run --------------- */

/* Chooses the form of multiply-adds (mac.c). */
void elcl_probe_mac(struct elcl_probe_fixture *fixture, struct elcl_features *features);
/* Checks f16 storage (half.c). */
void elcl_probe_half(struct elcl_probe_fixture *fixture, struct elcl_features *features);
/* Finds drivers that end long loops early (loops.c). */
void elcl_probe_loops(struct elcl_probe_fixture *fixture, struct elcl_features *features);

#endif
