/* Input: a PyTorch file. The reader ignores checksums, so mutations reach the pickle. */
#include <stdlib.h>

#include "format/pytorch.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char *copy = fuzz_copy(data, n);
    struct elcl_tensors *tensors = NULL;
    elcl_error err = {0};
    const int rc = elcl_pytorch_open_memory(copy, n, "input", &tensors, &err);
    fuzz_take_tensors(rc, &err, tensors, 2 * n); /* no larger than the file's data */
    free(copy);
    return 0;
}
