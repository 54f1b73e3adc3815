#include "format/tensors.h"

#include <stdlib.h>

#include "base/util.h"

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

const char *elcl_tensors_name(const struct elcl_tensors *tensors, size_t i)
{
    return tensors->source->name ? tensors->source->name(tensors, i) : NULL;
}

int elcl_tensors_load(struct elcl_tensors *tensors, const struct elcl_tensor *tensor,
                      elcl_error *err)
{
    if (tensor->data)
        return ELCL_OK;
    struct elcl_tensor *own = (struct elcl_tensor *)(uintptr_t)tensor; /* the source's */
    void *array = tensors->loaded;
    size_t bytes;
    if (!elcl_mul_size(tensor->n, elcl_storage_bytes(tensor->dtype), &bytes) ||
        !elcl_grow(&array, &tensors->max_loaded, tensors->n_loaded + 1, sizeof(*tensors->loaded)))
        return elcl_fail_nomem(err);
    tensors->loaded = array;
    void *data = malloc(bytes ? bytes : 1);
    const int rc = data ? tensors->source->read(tensors, tensor, 0, tensor->n, data, err)
                        : elcl_fail_nomem(err);
    if (rc) {
        free(data);
        return rc;
    }
    own->data = data;
    tensors->loaded[tensors->n_loaded++] = own;
    return ELCL_OK;
}

int elcl_tensors_read(const struct elcl_tensors *tensors, const struct elcl_tensor *tensor,
                      size_t first, size_t n, void *to, elcl_error *err)
{
    return tensors->source->read(tensors, tensor, first, n, to, err);
}

void elcl_tensors_drop(struct elcl_tensors *tensors)
{
    while (tensors->n_loaded) {
        struct elcl_tensor *tensor = tensors->loaded[--tensors->n_loaded];
        elcl_free((void *)(uintptr_t)tensor->data);
        tensor->data = NULL;
    }
}

void elcl_tensors_finish(struct elcl_tensors *tensors)
{
    elcl_tensors_drop(tensors);
    elcl_free(tensors->loaded);
    tensors->loaded = NULL;
    tensors->max_loaded = 0;
}
