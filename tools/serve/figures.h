/* What a worker has done and has to do, as numbers for /metrics. */
#ifndef CLI_FIGURES_H
#define CLI_FIGURES_H

#include "common/tool.h"

#define CLI_N_BUCKETS 16

/* Upper bounds of a histogram's buckets in seconds, ascending. */
extern const double cli_bucket_seconds[CLI_N_BUCKETS];

struct cli_histogram {
    uint64_t buckets[CLI_N_BUCKETS + 1]; /* counts: up to each bound and above the one before; the
                                          * last one is of what is above all bounds */
    uint64_t n;
    double sum;
};
void cli_histogram_add(struct cli_histogram *histogram, double seconds);

struct cli_figures {
    /* Totals since the start. */
    uint64_t jobs;          /* accepted */
    uint64_t requests;      /* of these jobs */
    uint64_t results;       /* requests that ended with outputs */
    uint64_t cancelled;     /* requests whose client left, or whose time was over */
    uint64_t late;          /* jobs that took longer than they may */
    uint64_t failed;        /* requests that ended with any other error */
    uint64_t busy;          /* jobs that found the queue full */
    uint64_t failures;      /* of the engines */
    uint64_t source_tokens; /* of the results */
    uint64_t output_tokens; /* of the results, generated ones of all their outputs */
    uint64_t steps;         /* decoding steps */
    uint64_t rows;          /* hypotheses, summed over these steps */
    double step_seconds;    /* inside steps, all engines together */
    struct cli_histogram queued, first_token, total; /* seconds of the results */
    /* Now. */
    uint64_t in_flight;              /* requests in the batches */
    uint64_t waiting;                /* accepted requests that wait for a place in a batch */
    int engines;                     /* 0: none works */
    int batch_size;                  /* the most requests in flight, all engines together */
    int queue;                       /* the most requests that may wait */
    uint64_t weight_bytes;           /* on the devices */
    uint64_t state_bytes;            /* of the engines' other buffers, by plan */
    uint64_t live_bytes, peak_bytes; /* of all buffers, as they are and were at most */
    double tokens_per_second;        /* generated in the last ten seconds */
    bool stopping, lost;             /* takes no more jobs; its engines failed for good */
};

#endif
