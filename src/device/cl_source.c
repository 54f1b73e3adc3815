#include "device/cl_source.h"

#include <string.h>

const struct elcl_cl_source *elcl_cl_find(const char *name)
{
    const struct elcl_cl_source *s = elcl_cl_sources;
    while (s->name && strcmp(s->name, name) != 0)
        s++;
    return s->name ? s : NULL;
}
