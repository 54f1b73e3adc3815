#define _POSIX_C_SOURCE 200809L

#include "serve/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* Clients that may wait until they are accepted. */
#define BACKLOG 512

static int open_socket(const struct addrinfo *address)
{
    const int yes = 1, no = 0;
    const int fd = socket(address->ai_family, SOCK_STREAM, 0);
    if (fd < 0)
        return -1;
    /* A server that starts again need not wait for the connections of the last one. */
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (address->ai_family == AF_INET6) /* "::" takes IPv4 too */
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no));
    if (!fcntl(fd, F_SETFD, FD_CLOEXEC) && !fcntl(fd, F_SETFL, O_NONBLOCK) &&
        !bind(fd, address->ai_addr, address->ai_addrlen))
        return fd;
    const int why = errno;
    (void)close(fd);
    errno = why;
    return -1;
}

static void write_url(int fd, char url[CLI_URL_BYTES])
{
    struct sockaddr_storage bound;
    socklen_t n = sizeof(bound);
    char host[64] = "", port[16] = "";
    if (!getsockname(fd, (struct sockaddr *)&bound, &n))
        (void)getnameinfo((struct sockaddr *)&bound, n, host, sizeof(host), port, sizeof(port),
                          NI_NUMERICHOST | NI_NUMERICSERV);
    (void)snprintf(url, CLI_URL_BYTES, strchr(host, ':') ? "http://[%s]:%s" : "http://%s:%s", host,
                   port);
}

int cli_listen_bind(const char *host, int port, int *fd, char url[CLI_URL_BYTES], elcl_error *err)
{
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    char service[16];
    int opened = -1;
    (void)snprintf(service, sizeof(service), "%d", port);
    const int code = getaddrinfo(host, service, &hints, &found);
    if (code)
        return elcl_fail(err, ELCL_E_IO, "--host %.200s: %s", host, gai_strerror(code));
    for (const struct addrinfo *a = found; a && opened < 0; a = a->ai_next)
        opened = open_socket(a);
    const int why = errno;
    freeaddrinfo(found);
    if (opened < 0)
        return elcl_fail(err, ELCL_E_IO, "cannot listen on --host %.200s --port %d: %s%s", host,
                         port, strerror(why),
                         why == EADDRINUSE ? ": --port 0 takes a free one" : "");
    write_url(opened, url);
    *fd = opened;
    return ELCL_OK;
}

int cli_listen_start(int fd, const char *url, elcl_error *err)
{
    return listen(fd, BACKLOG)
               ? elcl_fail(err, ELCL_E_IO, "cannot listen on %s: %s", url, strerror(errno))
               : ELCL_OK;
}

void cli_listen_stop(int fd)
{
    const int never = eventfd(0, EFD_CLOEXEC);
    if (never < 0 || dup2(never, fd) < 0)
        (void)shutdown(fd, SHUT_RDWR);
    if (never >= 0)
        (void)close(never);
}

void cli_listen_close(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}
