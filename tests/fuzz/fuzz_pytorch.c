/* Input: a PyTorch file. The reader ignores checksums, so mutations reach the pickle. */
#include <stdlib.h>
#include <string.h>

#include "format/pytorch.h"
#include "fuzz.h"

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
        fuzz_check_tensor(tensors, name, 2 * n); /* no larger than the file's data */
    elcl_tensors_close(&tensors);
    free(copy);
    return 0;
}
