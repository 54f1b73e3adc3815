/* Models that are one file: of whisper.cpp, or GGUF. */
#ifndef ELCL_FORMAT_MODEL_FILE_H
#define ELCL_FORMAT_MODEL_FILE_H

#include "base/error.h"

enum elcl_model_file {
    ELCL_NO_MODEL_FILE, /* a directory, another file, or nothing */
    ELCL_WHISPER_CPP_FILE,
    ELCL_GGUF_FILE,
};

/* Finds which kind of file a path is, by its first bytes. */
int elcl_model_file_detect(const char *path, enum elcl_model_file *kind, elcl_error *err);
/* Fails unless the path is a model: a directory or such a file. */
int elcl_model_file_check(const char *path, elcl_error *err);

#endif
