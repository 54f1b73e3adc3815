#include "device/cl_source.h"

#include <string.h>

#include "base/util.h"

uint64_t elcl_cl_hash(const struct elcl_cl_source *sources)
{
    uint64_t hash = ELCL_HASH_INIT;
    for (const struct elcl_cl_source *s = sources; s->name; s++) {
        hash = elcl_hash_string(hash, s->name);
        hash = elcl_hash(hash, &s->bytes, sizeof(s->bytes));
        hash = elcl_hash(hash, s->text, s->bytes);
    }
    return hash;
}

const struct elcl_cl_source *elcl_cl_find(const char *name)
{
    const struct elcl_cl_source *s = elcl_cl_sources;
    while (s->name && strcmp(s->name, name) != 0)
        s++;
    return s->name ? s : NULL;
}
