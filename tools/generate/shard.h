/* A shard: the part of a run that one process does, a range of the input's lines. */
#ifndef CLI_SHARD_H
#define CLI_SHARD_H

#include "common/tool.h"

struct cli_shard {
    uint64_t index; /* 1 .. count; 0: no shard was asked for */
    uint64_t count;
};

/* Reads I/N, or takes both from the environment of a Slurm job array ("auto"), or I from that of an
 * array or of a Kubernetes Indexed Job ("auto/N"). Fails with ELCL_E_ARG. */
int cli_shard_parse(const char *text, struct cli_shard *shard, elcl_error *err);

/* The first of n_lines lines, from 0, that is not in an earlier shard. Shards differ by one line at
 * most, and shard `count` ends with the last line. */
uint64_t cli_shard_first(const struct cli_shard *shard, uint64_t n_lines);
uint64_t cli_shard_lines(const struct cli_shard *shard, uint64_t n_lines);

#endif
