/* What tells models apart: a hash of the tensors that a model uses. */
#include "base/hash.h"
#include "base/util.h"
#include "model/weights_impl.h"

#define CHUNK (1 << 20) /* elements of a tensor that are read at once */

/* Hashes what describes the tensor. */
static uint64_t describe(uint64_t hash, const struct elcl_tensor *t)
{
    const int64_t numbers[] = {(int64_t)t->dtype, t->n_dims};
    hash = elcl_hash_string(hash, t->name);
    hash = elcl_hash(hash, numbers, sizeof(numbers));
    return elcl_hash(hash, t->shape, (size_t)t->n_dims * sizeof(*t->shape));
}

int elcl_load_content(const struct elcl_loader *loader, const struct elcl_tensor *t)
{
    const size_t element = elcl_storage_bytes(t->dtype);
    const size_t most = t->in_parts && t->n > CHUNK ? CHUNK : t->n;
    void *memory = elcl_calloc(most, element);
    uint64_t hash = describe(*loader->content, t);
    int rc = memory ? ELCL_OK : elcl_fail_nomem(loader->err);
    for (size_t at = 0; !rc && at < t->n; at += most) {
        const size_t n = t->n - at < most ? t->n - at : most;
        rc = elcl_tensors_read(loader->st, t, at, n, memory, loader->err);
        hash = elcl_hash_large(hash, memory, n * element);
    }
    elcl_free(memory);
    *loader->content = hash;
    return rc;
}
