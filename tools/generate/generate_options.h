/* The options of `elcl generate`: from the command line, and over a model's defaults. */
#ifndef CLI_GENERATE_OPTIONS_H
#define CLI_GENERATE_OPTIONS_H

#include "common/args.h"
#include "common/decoding.h"
#include "common/model_options.h"
#include "common/sample_options.h"
#include "generate/shard.h"

enum cli_long_source { CLI_LONG_TRUNCATE, CLI_LONG_REFUSE };
enum cli_split { CLI_SPLIT_NONE, CLI_SPLIT_SENTENCES };

struct cli_generate_options {
    struct cli_args args;
    struct cli_common_options common; /* format: enum cli_format */
    struct cli_sample_options samples;
    int scores;
    int alignments;                      /* enum cli_alignments */
    int alignment_layer, alignment_head; /* -1: the last one, and the mean of all */
    int keep_going;
    const char *shard_text;
    struct cli_shard shard; /* what it says */
    int first_sample;       /* number of the first sample */
    int stream, unordered, resume;
    /* The options of decoding, from here to `model`, which a sample in jsonl may change. Only those
     * that were given count: cli_generate_resolve() lays them over the model's defaults. */
    struct cli_settings given;
    int no_sample;
    struct cli_option_lists lists;
    struct cli_model_options model;
    int batch_size; /* 0: automatic */
    int n_engines;  /* engines on each device */
    int max_source; /* 0: the model's limit */
    int long_source, split;
};

/* Parses and checks what needs no model. false: the verb ends, with *exit_code. */
bool cli_generate_parse(struct cli_generate_options *options, int argc, char **argv,
                        int *exit_code);
/* Refuses options that have no meaning in the search style. */
int cli_generate_check_style(const struct cli_generate_options *o, elcl_error *err);

/* Makes the options of one sample from `base` and the sample's own in jsonl; *own is NULL if it has
 * none. *own copies the sample's texts and shares those of `base`. (override.c) */
int cli_generate_override(const struct cli_generate_options *base, const struct cli_parsed *sample,
                          struct cli_generate_options **own, elcl_error *err);
/* Frees the lists that cli_generate_resolve() made, too. NULLs the pointer; NULL is fine. */
void cli_generate_override_free(struct cli_generate_options **own);

/* Lays the given options over the model's defaults (resolve.c). Fails with ELCL_E_ARG if they
 * contradict each other or the model. */
int cli_generate_resolve(struct cli_generate_options *options, const elcl_model *model,
                         struct cli_resolved *resolved, elcl_error *err);

#endif
