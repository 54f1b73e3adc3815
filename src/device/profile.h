/* Times of operations, from device events. A NULL profile is valid and records nothing. */
#ifndef ELCL_DEVICE_PROFILE_H
#define ELCL_DEVICE_PROFILE_H

#include "device/device.h"
#include "elcl/measure.h"

struct elcl_profile;

struct elcl_profile *elcl_profile_create(void);
void elcl_profile_destroy(struct elcl_profile **profile);
/* Sets the phase of the next calls; it starts as ELCL_PHASE_STEP. */
void elcl_profile_phase(struct elcl_profile *profile, enum elcl_phase phase);
/* Adds moved bytes and FLOP to operation `name` and to its next call. */
void elcl_profile_count(struct elcl_profile *profile, const char *name, enum elcl_op_class op_class,
                        uint64_t bytes, uint64_t flop);
/* Takes ownership of the event. Its time is collected when the profile is read or when many events
 * wait. `name` must be a literal. */
void elcl_profile_add(struct elcl_profile *profile, const char *name, cl_event event);
/* Waits for all events and returns the operations, slowest first; owned by the profile. */
const elcl_kernel_time *elcl_profile_read(struct elcl_profile *profile, int *n);
/* Returns the first ELCL_PROFILE_SPANS collected calls in launch order; owned by the profile. */
const elcl_kernel_span *elcl_profile_spans(const struct elcl_profile *profile, size_t *n);
#define ELCL_PROFILE_SPANS ((size_t)1 << 20)

#endif
