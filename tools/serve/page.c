#include "serve/page.h"

#include <string.h>

/* The page takes its own two files and asks this server, and nothing else. Its script cannot turn
 * text into HTML. */
static const char policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'";

static const char *type_of(const char *name)
{
    const char *end = strrchr(name, '.');
    return !strcmp(end, ".css")  ? "text/css; charset=utf-8"
           : !strcmp(end, ".js") ? "text/javascript; charset=utf-8"
                                 : "text/html; charset=utf-8";
}

void cli_serve_page(struct cli_server *server, struct cli_exchange *x)
{
    static const char *const headers[][2] = {
        {"Content-Security-Policy", policy},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
        {"Cache-Control", "no-cache"},
    };
    const char *name = cli_exchange_request(x)->path + 1;
    const struct cli_page_file *file = cli_page_files;
    struct elcl_str body = {0};
    (void)server;
    if (!*name)
        name = "page.html";
    while (strcmp(file->name, name))
        file++;
    elcl_str_append(&body, file->bytes, file->size);
    for (size_t i = 0; i < ELCL_COUNT(headers); i++)
        if (cli_exchange_header(x, headers[i][0], headers[i][1], NULL))
            body.failed = true;
    cli_exchange_reply(x, 200, type_of(file->name), &body);
}
