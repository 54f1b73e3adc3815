/* Input: a safetensors file. */
#include <stdlib.h>
#include <string.h>

#include "format/safetensors.h"
#include "fuzz.h"

static void check_tensor(const struct elcl_safetensors *st, size_t i, const char *data, size_t n)
{
    const struct elcl_tensor *t = elcl_safetensors_at(st, i);
    FUZZ_REQUIRE(t && elcl_safetensors_find(st, t->name) == t);
    FUZZ_REQUIRE(!elcl_safetensors_refusal(st, t->name));
    FUZZ_REQUIRE(t->n_dims >= 0 && t->n_dims <= ELCL_MAX_DIMS);
    size_t elements = 1;
    for (int d = 0; d < t->n_dims; d++)
        elements *= (size_t)t->shape[d];
    FUZZ_REQUIRE(elements == t->n);
    const size_t bytes = t->n * (t->dtype == ELCL_F32 ? 4u : 2u);
    const size_t offset = (size_t)((const char *)t->data - data);
    FUZZ_REQUIRE(offset <= n && bytes <= n - offset);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char *copy = fuzz_copy(data, n);
    struct elcl_safetensors *st = NULL;
    elcl_error err = {0};
    const int rc = elcl_safetensors_open_memory(copy, n, "input", &st, &err);
    fuzz_check_error(rc, &err);
    FUZZ_REQUIRE(!rc == (st != NULL));
    for (size_t i = 0; st && i < elcl_safetensors_count(st); i++)
        check_tensor(st, i, copy, n);
    elcl_safetensors_close(&st);
    free(copy);
    return 0;
}
