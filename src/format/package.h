/* Packages of argostranslate: a folder with metadata.json, a CTranslate2 model in model/, and
 * sentencepiece.model or bpe.model; as a directory, or as a zip archive (.argosmodel). */
#ifndef ELCL_FORMAT_PACKAGE_H
#define ELCL_FORMAT_PACKAGE_H

#include "base/error.h"

/* Sets *directory to the model's directory that `path` means, freed with elcl_free(): the model in
 * a package, or `path` itself. An archive is unpacked into the cache directory, once; other files
 * than those of the model stay in it. */
int elcl_package_open(const char *path, char **directory, elcl_error *err);

#endif
