/* Remedies for frequent mistakes with models and languages. */
#ifndef CLI_REMEDY_H
#define CLI_REMEDY_H

#include <elcl/plan.h>

#include "common/tool.h"

/* Returns the directory of the model that the command line names: a directory, or a name such as
 * facebook/bart-large-cnn that the Hugging Face cache has. Anything else is returned as it is.
 * free() it; NULL when memory is short. */
char *cli_model_directory(const char *model);

/* Call after opening the model failed with rc. Replaces the library's message if the path shows the
 * reason, and returns rc. */
int cli_explain_model(const char *model, int rc, elcl_error *err);

/* Opens the blueprint of the model that the command line names, or of a synthetic one. */
int cli_blueprint_open(const char *model, bool synthetic, elcl_blueprint **blueprint,
                       elcl_error *err);

/* The model refused a language for the reason `why`: fails with it and with the nearest codes. */
int cli_fail_language(const char *model, const char *code, const elcl_error *why, elcl_error *err);

#endif
