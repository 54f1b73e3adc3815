/* The client's side of HTTP/1.1: reads the bytes of one answer as they come. */
#ifndef LOAD_ANSWER_H
#define LOAD_ANSWER_H

#include "base/util.h"

enum load_part {
    LOAD_HEAD,
    LOAD_COUNTED, /* a body of known length */
    LOAD_CHUNK_SIZE,
    LOAD_CHUNK,
    LOAD_CHUNK_END,
    LOAD_TRAILER,
    LOAD_TO_END, /* a body that ends with the connection */
    LOAD_DONE,
    LOAD_BAD,
};

struct load_answer {
    enum load_part part;
    int status;
    int retry_after;       /* seconds, -1 if the header is missing */
    bool closes;           /* the server ends the connection after this answer */
    size_t left;           /* bytes of the body or chunk that are missing */
    struct elcl_str line;  /* the head, or a line between chunks, so far */
    struct elcl_str *body; /* receives the body without its framing */
};

/* Starts an answer; keeps the memory of the last one. */
void load_answer_begin(struct load_answer *a, struct elcl_str *body);
/* Takes bytes of the connection. Bytes after the end of the answer make it BAD: nobody asked for
 * them. */
void load_answer_take(struct load_answer *a, const char *bytes, size_t n);
/* The connection has ended. */
void load_answer_end(struct load_answer *a);
void load_answer_finish(struct load_answer *a);

#endif
