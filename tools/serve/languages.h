/* Which model translates which pair of languages. */
#ifndef CLI_LANGUAGES_H
#define CLI_LANGUAGES_H

#include "elcl/elcl.h"

#include "base/util.h"
#include "serve/language_codes.h"

struct cli_language {
    char code[CLI_CODE_BYTES]; /* as clients write it */
    char name[CLI_LANGUAGE_NAME_BYTES];
};

/* A model that translates from one language into another. */
struct cli_direction {
    int source, target; /* languages */
    int model;
    char own_source[CLI_CODE_BYTES], own_target[CLI_CODE_BYTES]; /* the model's spelling; "": it
                                                                  * has none */
};

/* Zeroed: none. Constant after cli_languages_ready(), so that threads may share it. */
struct cli_languages {
    struct cli_language *languages; /* [n] */
    size_t n, capacity;
    struct cli_direction *directions; /* [n_directions] sorted by source, target, model */
    size_t n_directions, directions_capacity;
    struct elcl_str list; /* LibreTranslate's answer to GET /languages: all languages by name, each
                           * with the codes that it can be translated into */
};

/* What is known about a model. */
struct cli_language_model {
    int number;
    const char *name, *path; /* the path is its directory, or an archive of argostranslate */
    const char *family;      /* elcl_model_info.family */
    bool decoder_only;
    const char *codes; /* of its languages, each with a line end, as elcl_languages() lists them */
    /* Given by the user: "a=en-de,b=de-en", where a and b are names of models; NULL: none. They
     * replace what the model's files and names say. */
    const char *pairs;
};

/* Adds the directions of a model: those that the user gives; else the one that its files name
 * (elcl_direction_read()); else one that its name or path ends with, as in opus-mt-en-de; else all
 * of its languages in any direction. A group of languages such as ROMANCE or mul
 * stands for the model's languages. A model that tells nothing adds nothing.
 *
 * ELCL_E_ARG: a pair is malformed, or names a language that the model does not have.
 * ELCL_E_FORMAT, ELCL_E_IO: its files cannot be read.
 * ELCL_E_UNSUPPORTED: it has too many languages. */
int cli_languages_add(struct cli_languages *l, const struct cli_language_model *model,
                      elcl_error *err);
/* Call after the last model, before the functions below. */
int cli_languages_ready(struct cli_languages *l, elcl_error *err);
/* Fails with ELCL_E_ARG unless each of the user's pairs names one of the models [n]. NULL is fine.
 */
int cli_languages_check_pairs(const char *pairs, const char *const *names, size_t n,
                              elcl_error *err);
void cli_languages_finish(struct cli_languages *l);

/* Finds a language by its code, or by any spelling of it; -1 if there is none. */
int cli_languages_find(const struct cli_languages *l, const char *spelling);
/* Returns the only language that any model translates from; -1 if there are several, or none. */
int cli_languages_only_source(const struct cli_languages *l);

#define CLI_MAX_HOPS 2

/* Finds the models that translate, one after the other. Returns their number: 1; 2 by way of a
 * third language, English before others; 0 if both languages are the same and no model has that
 * direction; -1 if there is no way. */
int cli_languages_route(const struct cli_languages *l, int source, int target,
                        const struct cli_direction *hops[CLI_MAX_HOPS]);

#endif
