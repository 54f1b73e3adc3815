/* The names that a pickle may use, and the names of its opcodes. */
#ifndef ELCL_FORMAT_PICKLE_NAMES_H
#define ELCL_FORMAT_PICKLE_NAMES_H

#include "format/pickle.h"

enum elcl_pickle_callable {
    ELCL_PICKLE_ORDERED_DICT, /* collections.OrderedDict */
    ELCL_PICKLE_TENSOR,       /* torch._utils._rebuild_tensor_v2 */
    ELCL_PICKLE_PARAMETER,    /* torch._utils._rebuild_parameter */
    ELCL_PICKLE_CALLABLES,    /* from here on: storage classes */
};

/* Returns the number of a name, or -1 for a name outside the list. */
int elcl_pickle_global(const char *module, size_t n_module, const char *name, size_t n_name);
/* Returns NULL if the name is no storage class. */
const struct elcl_pickle_type *elcl_pickle_storage_type(int global);
/* Returns the opcode's name, such as "INST", or "unknown". */
const char *elcl_pickle_opcode(unsigned char opcode);

#endif
