/* Input: a PyTorch file. The reader ignores checksums, so mutations reach the pickle. */
#include <stdlib.h>
#include <string.h>

#include "format/pytorch.h"
#include "fuzz.h"

static void check_tensor(struct elcl_tensors *tensors, const char *name, const char *data, size_t n)
{
    const struct elcl_tensor *t = elcl_tensors_find(tensors, name);
    FUZZ_REQUIRE(!t == (elcl_tensors_refusal(tensors, name) != NULL));
    if (!t)
        return;
    FUZZ_REQUIRE(t->n_dims >= 0 && t->n_dims <= ELCL_MAX_DIMS);
    size_t elements = 1;
    for (int d = 0; d < t->n_dims; d++)
        elements *= (size_t)t->shape[d];
    FUZZ_REQUIRE(elements == t->n);
    const size_t bytes = t->n * (t->dtype == ELCL_F32 ? 4u : 2u);
    if (t->data) {
        const size_t offset = (size_t)((const char *)t->data - data);
        FUZZ_REQUIRE(offset <= n && bytes <= n - offset);
        return;
    }
    FUZZ_REQUIRE(bytes <= 2 * n); /* a copy is no larger than the file's data */
    elcl_error err = {0};
    FUZZ_REQUIRE(!elcl_tensors_load(tensors, t, &err) && t->data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char *copy = fuzz_copy(data, n);
    struct elcl_tensors *tensors = NULL;
    elcl_error err = {0};
    const int rc = elcl_pytorch_open_memory(copy, n, "input", &tensors, &err);
    fuzz_check_error(rc, &err);
    FUZZ_REQUIRE(!rc == (tensors != NULL));
    const char *name;
    for (size_t i = 0; tensors && (name = elcl_tensors_name(tensors, i)); i++)
        check_tensor(tensors, name, copy, n);
    elcl_tensors_close(&tensors);
    free(copy);
    return 0;
}
