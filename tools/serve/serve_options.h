/* The options of `elcl serve`. */
#ifndef CLI_SERVE_OPTIONS_H
#define CLI_SERVE_OPTIONS_H

#include "common/args.h"
#include "common/model_options.h"
#include "serve/sizes.h"

struct cli_serve_options {
    struct cli_args args; /* words: the models, as [NAME=]PATH */
    struct cli_common_options common;
    const char *host, *api_key; /* NULL: no key */
    const char *allow_origin;   /* separated by commas; NULL: none */
    int port;                   /* 0: any */
    int connections;
    uint64_t max_body_bytes;
    int request_seconds, idle_seconds, drain_seconds;
    int queue;         /* requests of each model that may wait */
    int time_limit;    /* seconds of a request */
    const char *pairs; /* languages of models: NAME=en-de,...; or NULL */
    struct cli_model_options model;
    int n_engines; /* of each model on each device */
    struct cli_sizes sizes;
};

/* false: the verb ends, with *exit_code. */
bool cli_serve_parse(struct cli_serve_options *options, int argc, char **argv, int *exit_code);

#endif
