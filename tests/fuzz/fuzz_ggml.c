/* Input: a file of whisper.cpp: tensors, configuration and tokenizer. */
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "format/ggml.h"
#include "fuzz.h"
#include "text/tokenizer_load.h"

static void read_tensors(const char *copy, size_t n)
{
    struct elcl_tensors *tensors = NULL;
    elcl_error err = {0};
    const int rc = elcl_ggml_tensors_open_memory(copy, n, "input", &tensors, &err);
    fuzz_take_tensors(rc, &err, tensors, 8 * n); /* f32 of integers of 4 bits */
}

static void read_config(const char *path)
{
    cJSON *config = NULL, *generation = NULL;
    elcl_error err = {0};
    const int rc = elcl_ggml_config(path, &config, &generation, &err);
    fuzz_check_error(rc, &err);
    FUZZ_REQUIRE(!rc == (config != NULL) && !rc == (generation != NULL));
    cJSON_Delete(config);
    cJSON_Delete(generation);
}

static void read_tokenizer(const char *path)
{
    struct elcl_tokenizer *t = NULL;
    elcl_error err = {0};
    const int rc = elcl_ggml_tokenizer_load(path, &t, &err);
    FUZZ_REQUIRE(!rc == (t != NULL));
    fuzz_take_tokenizer(rc, &err, t, "ab a<|en|>", 10);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char *copy = fuzz_copy(data, n);
    const char *path = fuzz_file("model.ggml", data, n);
    read_tensors(copy, n);
    read_config(path);
    read_tokenizer(path);
    free(copy);
    return 0;
}
