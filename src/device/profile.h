/* Time per operation from device events. NULL is a valid profile: nothing is recorded. */
#ifndef ELCL_DEVICE_PROFILE_H
#define ELCL_DEVICE_PROFILE_H

#include "device/device.h"
#include "elcl/measure.h"

struct elcl_profile;

struct elcl_profile *elcl_profile_create(void);
void elcl_profile_destroy(struct elcl_profile **profile);
/* What the next calls belong to; before the first of these calls, ELCL_PHASE_STEP. */
void elcl_profile_phase(struct elcl_profile *profile, enum elcl_phase phase);
/* Adds to what operation `name` needs, and its next call: bytes moved and arithmetic. */
void elcl_profile_count(struct elcl_profile *profile, const char *name, enum elcl_op_class op_class,
                        uint64_t bytes, uint64_t flop);
/* Takes ownership of the event; its time is collected when the profile is read or when many
 * events wait. `name` must be a literal. */
void elcl_profile_add(struct elcl_profile *profile, const char *name, cl_event event);
/* Waits for all events; entries by falling time, owned by the profile. */
const elcl_kernel_time *elcl_profile_read(struct elcl_profile *profile, int *n);
/* The first ELCL_PROFILE_SPANS calls that were collected, in the order of their launches; owned by
 * the profile. */
const elcl_kernel_span *elcl_profile_spans(const struct elcl_profile *profile, size_t *n);
#define ELCL_PROFILE_SPANS ((size_t)1 << 20)

#endif
