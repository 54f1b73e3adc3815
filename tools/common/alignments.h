/* Alignments as text. */
#ifndef CLI_ALIGNMENTS_H
#define CLI_ALIGNMENTS_H

#include "base/util.h"
#include "common/args.h"

enum cli_alignments { CLI_ALIGNMENTS_NONE, CLI_ALIGNMENTS_SOFT, CLI_ALIGNMENTS_HARD };
extern const struct cli_choice cli_alignment_words[];

/* Entries of an options table whose target has the three fields. */
#define CLI_ALIGNMENT_OPTIONS(help)                                                                \
    CLI_ROW_CHOICE("alignments", "soft|hard", alignments, cli_alignment_words, help),              \
        CLI_ROW_INT("alignment-layer", "N", alignment_layer, 0, INT32_MAX,                         \
                    "layer of the decoder that gives alignments, from 0 (default: the last one)"), \
        CLI_ROW_INT(                                                                               \
            "alignment-head", "N", alignment_head, 0, INT32_MAX,                                   \
            "head of the layer that gives alignments, from 0 (default: the mean of all heads)")

/* Refuses --alignment-layer and --alignment-head without --alignments. *layer and *head become -1,
 * which the library takes for the last layer and the mean of all heads, if they are not given. */
int cli_alignments_check(const struct cli_args *args, enum cli_alignments how, int *layer,
                         int *head, elcl_error *err);

/* Appends rows [n, n_source] of probabilities. Soft: a JSON array of arrays. Hard: a pair "i-j" for
 * each row j, where the largest number of the row is at i (the first one of equal ones), in the
 * order of i, as Marian and fast_align print them. */
void cli_alignments_append(enum cli_alignments how, const float *rows, size_t n, size_t n_source,
                           struct elcl_str *out);

#endif
