/* Generation options -> what the device does to the scores of a row at one step. */
#ifndef ELCL_SEARCH_RULES_H
#define ELCL_SEARCH_RULES_H

#include <stddef.h>
#include <stdint.h>

#include "cl/records.h"
#include "search/options.h"

/* Fills the rules for the token after `length` tokens (start token included), 1 <= length <
 * max_length. Options must come from elcl_options_bind(). Counts the lists except n_bans and
 * n_source; the caller sets their places and adds a prompt to first_generated. */
void elcl_rules_at(const elcl_gen_options *options, int length, struct elcl_row_rules *rules);

/* Returns whether the token after `length` tokens is the first free one: after a forced BOS if
 * there is one. */
bool elcl_rules_begin(const elcl_gen_options *options, int length);
/* Writes the tokens that are suppressed after `length` tokens, unless `tokens` is NULL; returns
 * their number. */
int elcl_rules_suppressed(const elcl_gen_options *options, int length, int32_t *tokens);
/* Returns the tokens of which one must follow `length` tokens; NULL: any. */
const elcl_tokens *elcl_rules_allowed(const elcl_gen_options *options, int length);

/* Fills the draw of stream `stream` of request number `sample` after `length` tokens; leaves row
 * and index 0. Its random number depends only on seed, sample, stream and length. */
void elcl_rules_draw(const elcl_gen_options *options, uint64_t sample, int stream, int length,
                     struct elcl_row_draw *draw);

/* Returns the Gumbel number g of a beam's token at this length. The tokens with the largest score +
 * g are draws without replacement from softmax of the scores. It depends only on seed, sample,
 * beam, token and length. */
double elcl_rules_gumbel(const elcl_gen_options *options, uint64_t sample, int beam, int32_t token,
                         int length);

#endif
