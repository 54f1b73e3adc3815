/* Generation options -> what the device does to the scores of a row at one step. */
#ifndef ELCL_SEARCH_RULES_H
#define ELCL_SEARCH_RULES_H

#include <stddef.h>
#include <stdint.h>

#include "cl/records.h"
#include "search/options.h"

/* The rules for choosing the token after `length` tokens (the start token counts), 1 <= length
 * < max_length. Options must come from elcl_options_bind(). Lists are counted, except n_bans and
 * n_source; where they stand, and a prompt before first_generated, is the caller's to add. */
void elcl_rules_at(const elcl_gen_options *options, int length, struct elcl_row_rules *rules);

/* Writes the tokens that are suppressed after `length` tokens, unless `tokens` is NULL; gives their
 * number. */
int elcl_rules_suppressed(const elcl_gen_options *options, int length, int32_t *tokens);
/* The tokens of which one must follow `length` tokens; NULL: any. */
const elcl_tokens *elcl_rules_allowed(const elcl_gen_options *options, int length);

/* The draw of stream `stream` of the request that numbers itself `sample`, after `length` tokens;
 * row and slot are left 0. Its random number depends on seed, sample, stream and length alone. */
void elcl_rules_draw(const elcl_gen_options *options, uint64_t sample, int stream, int length,
                     struct elcl_row_draw *draw);

/* Beams are drawn as the tokens of the largest score + g, g the Gumbel number of a beam's token at
 * this length: as many draws without replacement from softmax of the scores. It depends on
 * seed, sample, beam, token and length alone. */
double elcl_rules_gumbel(const elcl_gen_options *options, uint64_t sample, int beam, int32_t token,
                         int length);

#endif
