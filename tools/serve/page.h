/* GET / and the files of the page. */
#ifndef CLI_SERVE_PAGE_H
#define CLI_SERVE_PAGE_H

#include "serve/server.h"

/* A file that the command holds. */
struct cli_page_file {
    const char *name;
    const unsigned char *bytes;
    size_t size;
};

/* Ends with a name of NULL. */
extern const struct cli_page_file cli_page_files[];

void cli_serve_page(struct cli_server *server, struct cli_exchange *x);

#endif
