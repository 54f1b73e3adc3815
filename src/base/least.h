/* The least of repeated times. Other programs make a time longer and none makes it shorter; where
 * the two least ones differ, nothing says that even the least was undisturbed. */
#ifndef ELCL_BASE_LEAST_H
#define ELCL_BASE_LEAST_H

#include <stdbool.h>

struct elcl_least {
    double first, second; /* 0: not yet */
};

void elcl_least_add(struct elcl_least *least, double time);

/* Whether there are two that differ by at most a tenth. */
bool elcl_least_agrees(const struct elcl_least *least);

#endif
