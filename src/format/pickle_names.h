/* What a pickle may name, and what its opcodes are called. */
#ifndef ELCL_FORMAT_PICKLE_NAMES_H
#define ELCL_FORMAT_PICKLE_NAMES_H

#include "format/pickle.h"

enum elcl_pickle_callable {
    ELCL_PICKLE_ORDERED_DICT, /* collections.OrderedDict */
    ELCL_PICKLE_TENSOR,       /* torch._utils._rebuild_tensor_v2 */
    ELCL_PICKLE_PARAMETER,    /* torch._utils._rebuild_parameter */
    ELCL_PICKLE_CALLABLES,    /* from here on: storage classes */
};

/* The number of a name, -1 when it is not one of the few. */
int elcl_pickle_global(const char *module, size_t n_module, const char *name, size_t n_name);
/* NULL when that name is no storage class. */
const struct elcl_pickle_type *elcl_pickle_storage_type(int global);
/* "INST", or "unknown". */
const char *elcl_pickle_opcode(unsigned char opcode);

#endif
