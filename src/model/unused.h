/* Stored tensors that a family did not ask for: a model may mean something that elcl does not do.
 */
#ifndef ELCL_MODEL_UNUSED_H
#define ELCL_MODEL_UNUSED_H

#include "base/strmap.h"
#include "format/tensors.h"

/* Counts the stored tensors that are neither in `used` nor known to have no effect, such as causal
 * masks, and appends the first names to `names`. */
size_t elcl_unused_tensors(const struct elcl_tensors *tensors, const struct elcl_strmap *used,
                           struct elcl_str *names);

#endif
