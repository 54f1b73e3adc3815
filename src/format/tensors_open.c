/* Opens the weights of a model directory, in whichever format they are. */
#include <string.h>

#include "base/os.h"
#include "base/util.h"
#include "format/ctranslate2.h"
#include "format/foreign.h"
#include "format/ggml.h"
#include "format/gguf.h"
#include "format/model_file.h"
#include "format/pytorch.h"
#include "format/safetensors.h"

/* safetensors come first: if a directory has both kinds, their content is the same. */
static const char *const names[] = {ELCL_SAFETENSORS_FILE, ELCL_SAFETENSORS_INDEX,
                                    ELCL_PYTORCH_FILE, ELCL_PYTORCH_INDEX, ELCL_CT2_FILE};

/* Finds the first of the names that the directory has, and its path, freed by the caller. */
static int find_file(const char *directory, const char **name, char **path, elcl_error *err)
{
    for (size_t i = 0; i < ELCL_COUNT(names); i++) {
        *name = names[i];
        *path = elcl_path_join(directory, names[i]);
        if (!*path)
            return elcl_fail_nomem(err);
        bool there;
        const int rc = elcl_file_exists(*path, &there, err);
        if (!rc && there)
            return ELCL_OK;
        elcl_free(*path);
        if (rc)
            return rc;
    }
    const int rc = elcl_foreign_directory(directory, err);
    if (rc)
        return rc;
    return elcl_fail(err, ELCL_E_IO, "%s: has none of %s, %s, %s, %s and %s", directory, names[0],
                     names[1], names[2], names[3], names[4]);
}

int elcl_tensors_open(const char *directory, struct elcl_tensors **tensors, elcl_error *err)
{
    struct elcl_safetensors *st = NULL;
    const char *name;
    char *path;
    enum elcl_model_file file = ELCL_NO_MODEL_FILE;
    int rc = elcl_model_file_detect(directory, &file, err);
    if (rc)
        return rc;
    if (file == ELCL_GGUF_FILE)
        return elcl_gguf_tensors_open(directory, tensors, err);
    if (file == ELCL_WHISPER_CPP_FILE)
        return elcl_ggml_tensors_open(directory, tensors, err);
    rc = find_file(directory, &name, &path, err);
    if (rc)
        return rc;
    if (!strcmp(name, ELCL_PYTORCH_FILE)) {
        rc = elcl_pytorch_open_file(path, tensors, err);
    } else if (!strcmp(name, ELCL_PYTORCH_INDEX)) {
        rc = elcl_pytorch_open_index(directory, path, tensors, err);
    } else if (!strcmp(name, ELCL_CT2_FILE)) {
        rc = elcl_ct2_tensors_open(path, tensors, err);
    } else {
        rc = elcl_safetensors_open(directory, &st, err);
        if (!rc)
            *tensors = elcl_safetensors_tensors(st);
    }
    elcl_free(path);
    return rc;
}
