/* Input: a safetensors file. */
#include <stdlib.h>
#include <string.h>

#include "format/safetensors.h"
#include "fuzz.h"

static void check_tensor(struct elcl_safetensors *st, size_t i, size_t n)
{
    const struct elcl_tensor *t = elcl_safetensors_at(st, i);
    FUZZ_REQUIRE(t && elcl_safetensors_find(st, t->name) == t);
    fuzz_check_tensor(elcl_safetensors_tensors(st), t->name, n);
    elcl_tensors_drop(elcl_safetensors_tensors(st));
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
        check_tensor(st, i, n);
    elcl_safetensors_close(&st);
    free(copy);
    return 0;
}
