/* The socket that the server listens on. */
#ifndef CLI_SERVE_LISTEN_H
#define CLI_SERVE_LISTEN_H

#include "common/tool.h"

#define CLI_URL_BYTES 128

/* Takes a port of a name or address; clients are refused so far. Port 0: one that the system
 * chooses. `url` is where clients will find it, with the real port. Fails with ELCL_E_IO. */
int cli_listen_bind(const char *host, int port, int *fd, char url[CLI_URL_BYTES], elcl_error *err);
int cli_listen_start(int fd, const char *url, elcl_error *err);
/* Clients that come from now on are refused. The number then stands for something that never has
 * news, so whoever waits for it needs no notice. */
void cli_listen_stop(int fd);
void cli_listen_close(int *fd);

#endif
