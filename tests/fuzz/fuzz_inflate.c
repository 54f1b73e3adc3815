/* Input: the size in two bytes, then deflated data. */
#include <stdlib.h>
#include <string.h>

#include "format/inflate.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 2)
        return 0;
    const size_t size = data[0] | (size_t)data[1] << 8;
    char *copy = fuzz_copy(data + 2, n - 2), *out = malloc(size ? size : 1);
    elcl_error err = {0};
    FUZZ_REQUIRE(out != NULL);
    fuzz_check_error(elcl_inflate(copy, n - 2, "input", out, size, &err), &err);
    free(copy);
    free(out);
    return 0;
}
