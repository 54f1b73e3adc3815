#include "format/tensors.h"

#include "format/safetensors.h"

int elcl_tensors_open(const char *directory, struct elcl_tensors **tensors, elcl_error *err)
{
    struct elcl_safetensors *st = NULL;
    const int rc = elcl_safetensors_open(directory, &st, err);
    if (!rc)
        *tensors = elcl_safetensors_tensors(st);
    return rc;
}

void elcl_tensors_close(struct elcl_tensors **tensors)
{
    if (*tensors)
        (*tensors)->source->close(*tensors);
    *tensors = NULL;
}

const struct elcl_tensor *elcl_tensors_find(const struct elcl_tensors *tensors, const char *name)
{
    return tensors->source->find(tensors, name);
}

const char *elcl_tensors_refusal(const struct elcl_tensors *tensors, const char *name)
{
    return tensors->source->refusal(tensors, name);
}

int elcl_tensors_load(struct elcl_tensors *tensors, const struct elcl_tensor *tensor,
                      elcl_error *err)
{
    if (tensor->data || !tensors->source->load)
        return ELCL_OK;
    return tensors->source->load(tensors, tensor, err);
}

void elcl_tensors_drop(struct elcl_tensors *tensors)
{
    if (tensors->source->drop)
        tensors->source->drop(tensors);
}
