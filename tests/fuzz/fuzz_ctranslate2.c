/* Input: a model.bin of CTranslate2, or a vocabulary if it begins with [ or #. */
#include <stdlib.h>
#include <string.h>

#include "format/ctranslate2.h"
#include "fuzz.h"

static void read_model(const char *copy, size_t n)
{
    struct elcl_tensors *tensors = NULL;
    elcl_error err = {0};
    const int rc = elcl_ct2_tensors_open_memory(copy, n, "input", &tensors, &err);
    fuzz_check_error(rc, &err);
    FUZZ_REQUIRE(!rc == (tensors != NULL));
    const char *name;
    for (size_t i = 0; tensors && (name = elcl_ct2_tensors_name(tensors, i)); i++)
        fuzz_check_tensor(tensors, name,
                          8 * n); /* f32 of integers of 8 bits, and rows of one value */
    elcl_tensors_close(&tensors);
}

static void read_vocabulary(const char *copy, size_t n)
{
    struct elcl_ct2_vocabulary v = {0};
    elcl_error err = {0};
    const int rc = elcl_ct2_vocabulary_parse(copy, n, *copy == '[', "input", &v, &err);
    fuzz_check_error(rc, &err);
    for (size_t i = 0; !rc && i < v.n; i++) {
        const int32_t id = elcl_ct2_token_id(&v, elcl_ct2_token(&v, i));
        FUZZ_REQUIRE(id >= 0 && (size_t)id <= i);
    }
    elcl_ct2_vocabulary_finish(&v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char *copy = fuzz_copy(data, n);
    if (n && (*copy == '[' || *copy == '#'))
        read_vocabulary(copy, n);
    else
        read_model(copy, n);
    free(copy);
    return 0;
}
