#include "format/foreign.h"

#include <string.h>

#include "base/os.h"
#include "base/util.h"

#define CONVERTED                                                                                  \
    "; elcl reads the Hugging Face model it was converted from (config.json with "                 \
    "model.safetensors or pytorch_model.bin)"

static const struct {
    const char *name; /* of a file, or its extension */
    const char *message;
} forms[] = {
    {"adapter_config.json",
     "is a PEFT adapter without its base model; merge it into the base model first "
     "(merge_and_unload(), then save_pretrained())"},
    {".onnx", "is an ONNX model" CONVERTED},
    {".gguf", "is a GGUF file; the path of a model may name the file itself"},
};

static const char pointer[] = "version https://git-lfs";

int elcl_foreign_pointer(const void *data, size_t bytes, const char *file, elcl_error *err)
{
    if (bytes < sizeof(pointer) - 1 || memcmp(data, pointer, sizeof(pointer) - 1) != 0)
        return ELCL_OK;
    return elcl_fail(err, ELCL_E_FORMAT,
                     "%s: is a Git LFS pointer, not the file itself; run git lfs pull in its "
                     "directory",
                     file);
}

int elcl_foreign_file(const struct elcl_file *file, elcl_error *err)
{
    char start[sizeof(pointer)];
    if (file->bytes < sizeof(start))
        return ELCL_OK;
    const int rc = elcl_file_read(file, 0, start, sizeof(start), err);
    return rc ? rc : elcl_foreign_pointer(start, sizeof(start), file->path, err);
}

int elcl_foreign_directory(const char *directory, elcl_error *err)
{
    struct elcl_file_info *files = NULL;
    size_t n = 0;
    int rc = elcl_list_files(directory, &files, &n) ? ELCL_OK : elcl_fail_nomem(err);
    for (size_t i = 0; i < ELCL_COUNT(forms) && !rc; i++) {
        for (size_t k = 0; k < n && !rc; k++) {
            const char *end = *forms[i].name == '.' ? strrchr(files[k].name, '.') : files[k].name;
            if (end && !strcmp(end, forms[i].name))
                rc = elcl_fail(err, ELCL_E_UNSUPPORTED, "%s/%s: %s", directory, files[k].name,
                               forms[i].message);
        }
    }
    elcl_free_files(files, n);
    return rc;
}
