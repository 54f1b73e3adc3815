/* LibreTranslate's API: /translate, /languages, /frontend/settings, and errors for the rest of it.
 */
#ifndef CLI_SERVE_TRANSLATE_H
#define CLI_SERVE_TRANSLATE_H

#include "serve/server.h"

/* Finds the languages of the server's models, which are open. Warns of a model for translation that
 * does not tell its languages.
 *
 * ELCL_E_ARG: --pairs is malformed, or contradicts a model. */
int cli_translate_open(struct cli_server *server, elcl_error *err);

/* POST /translate */
void cli_translate(struct cli_server *server, struct cli_exchange *x);
/* GET or POST /languages */
void cli_translate_languages(struct cli_server *server, struct cli_exchange *x);
/* GET /frontend/settings */
void cli_translate_settings(struct cli_server *server, struct cli_exchange *x);
/* Paths of LibreTranslate that are not there: detection, suggestions, files. */
void cli_translate_missing(struct cli_server *server, struct cli_exchange *x);

#endif
