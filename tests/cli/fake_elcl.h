/* What the files of the stand-in for the library share; fake_elcl.c says what it does. */
#ifndef FAKE_ELCL_H
#define FAKE_ELCL_H

#include <pthread.h>
#include <stdio.h>

#include "elcl/plan.h"

enum { BATCH = 8, MAX_SOURCE = 64, MAX_TARGET = 64, FIRST_BYTE = 4, VOCABULARY = 260 };

struct elcl_model {
    int has_tokenizer;
    int scarce; /* batches above 2 do not fit */
    enum elcl_attention attention;
};

static inline int fail(elcl_error *err, int code, const char *msg)
{
    if (err) {
        err->code = code;
        (void)snprintf(err->msg, sizeof(err->msg), "%s", msg);
    }
    return code;
}

/* ---- engines (fake_engine.c) ----------------------------------------------------------------- */

struct job {
    struct job *next;
    uint64_t id;
    int steps;
    int cancelled;
    size_t n_emitted;
    elcl_request request; /* the caller owns its lists until it is submitted */
    char lists[48];
};

struct elcl_engine {
    elcl_engine_params params;
    struct job *jobs;
    uint64_t n_submitted;
    uint64_t first_id, id_stride; /* of its requests, so that the engines of a pool differ */
    elcl_engine_stats stats;
};

/* Of all engines: their lists of jobs, and news of them. */
extern pthread_mutex_t fake_mutex;
extern pthread_cond_t fake_news;

/* Writes rows [n, n_source] with three quarters at one place. */
void fake_align(float *rows, size_t n, size_t n_source);

#endif
