/* What became of each request, and the figures of a run. */
#ifndef LOAD_REPORT_H
#define LOAD_REPORT_H

#include "base/util.h"

#include <stdio.h>

enum load_outcome {
    LOAD_UNSENT,
    LOAD_ANSWERED, /* whole, with any status */
    LOAD_LEFT,     /* this client left, as planned */
    LOAD_REFUSED,  /* no connection */
    LOAD_DROPPED,  /* the server ended the connection before the first byte of the answer */
    LOAD_BROKEN,   /* the answer began and is not whole, or not HTTP */
    LOAD_OUTCOMES,
};

struct load_request {
    const char *body; /* [n_body] */
    size_t n_body;
    bool streams;
    enum load_outcome outcome;
    int status, tries;
    double began, seconds, first_seconds; /* of the last try: sent, whole, first byte of the body */
    struct elcl_str answer;
};

struct load_figures {
    const struct load_request *requests;
    size_t n;
    int clients;
    double seconds, cpu_seconds;
    size_t connections;
    int retries, least_retry_after, most_retry_after;
};

/* Prints one JSON object. */
void load_print_figures(const struct load_figures *f, FILE *file);
/* Writes one JSON object a line for each request; the answer's body is a string. */
void load_write_answers(const struct load_request *requests, size_t n, FILE *file);

#endif
