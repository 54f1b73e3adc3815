#include "format/model_file.h"

#include "base/os.h"
#include "base/util.h"
#include "format/ggml.h"
#include "format/gguf.h"

int elcl_model_file_detect(const char *path, enum elcl_model_file *kind, elcl_error *err)
{
    struct elcl_file file = {0};
    char magic[4];
    *kind = ELCL_NO_MODEL_FILE;
    if (!elcl_is_file(path))
        return ELCL_OK;
    int rc = elcl_file_open(path, &file, err);
    if (!rc && file.bytes >= sizeof(magic)) {
        rc = elcl_file_read(&file, 0, magic, sizeof(magic), err);
        const uint64_t number = rc ? 0 : elcl_read_le(magic, 4);
        if (number == ELCL_GGML_MAGIC)
            *kind = ELCL_WHISPER_CPP_FILE;
        else if (number == ELCL_GGUF_MAGIC)
            *kind = ELCL_GGUF_FILE;
    }
    elcl_file_close(&file);
    return rc;
}

int elcl_model_file_check(const char *path, elcl_error *err)
{
    enum elcl_model_file kind = ELCL_NO_MODEL_FILE;
    const int rc = elcl_model_file_detect(path, &kind, err);
    return rc || kind ? rc : elcl_check_directory(path, err);
}
