/* Time per operation from device events. NULL is a valid profile: nothing is recorded. */
#ifndef ELCL_DEVICE_PROFILE_H
#define ELCL_DEVICE_PROFILE_H

#include "device/device.h"

struct elcl_profile_entry {
    const char *name; /* a literal: the operation */
    uint64_t calls;
    uint64_t ns;
};

struct elcl_profile;

struct elcl_profile *elcl_profile_create(void);
void elcl_profile_destroy(struct elcl_profile **profile);
/* Takes ownership of the event; its time is collected when the profile is read or when many
 * events wait. `name` must be a literal. */
void elcl_profile_add(struct elcl_profile *profile, const char *name, cl_event event);
/* Waits for all events; entries by falling time, owned by the profile. */
const struct elcl_profile_entry *elcl_profile_read(struct elcl_profile *profile, int *n);

#endif
