/* The files of a model's directory. */
#ifndef CLI_MODEL_FILES_H
#define CLI_MODEL_FILES_H

#include <stdbool.h>

/* Whether the library reads a file of this name from a model's directory. */
bool cli_is_model_file(const char *name);

#endif
