/* Generation options -> what the device does to the scores of a row at one step. */
#ifndef ELCL_SEARCH_RULES_H
#define ELCL_SEARCH_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "cl/records.h"

/* The rules for choosing the token after `length` tokens (the start token counts), 1 <= length
 * < max_length. Options must come from elcl_rules_bind(). Lists are counted, except n_bans and
 * n_source; where they stand, and a prompt before first_generated, is the caller's to add. */
void elcl_rules_at(const elcl_gen_options *options, int length, struct elcl_row_rules *rules);

/* Writes the tokens that are suppressed after `length` tokens, unless `tokens` is NULL; gives their
 * number. */
int elcl_rules_suppressed(const elcl_gen_options *options, int length, int32_t *tokens);
/* The tokens of which one must follow `length` tokens; NULL: any. */
const elcl_tokens *elcl_rules_allowed(const elcl_gen_options *options, int length);
/* Most ints that the lists of a row can take at a step, the source not counted. */
size_t elcl_rules_list_tokens(const elcl_gen_options *options);

/* Replaces what lists point to by copies in one allocation, *memory, freed with elcl_free() when
 * the options are no longer used (NULL where there are no lists). Alternatives come out rising. The
 * lists must be checked. */
int elcl_rules_copy_lists(elcl_gen_options *options, void **memory, elcl_error *err);
/* Lists whose pointers or tokens cannot be used are refused. */
int elcl_rules_check_lists(const elcl_gen_options *options, int vocabulary, elcl_error *err);

/* The draw of stream `stream` of the request that numbers itself `sample`, after `length` tokens;
 * row and slot are left 0. Its random number depends on seed, sample, stream and length alone. */
void elcl_rules_draw(const elcl_gen_options *options, uint64_t sample, int stream, int length,
                     struct elcl_row_draw *draw);

/* true: do_sample with beams. */
bool elcl_rules_sample_beams(const elcl_gen_options *options);
/* Beams are drawn as the tokens of the largest score + g, g the Gumbel number of a beam's token at
 * this length: as many draws without replacement from softmax of the scores. It depends on
 * seed, sample, beam, token and length alone. */
double elcl_rules_gumbel(const elcl_gen_options *options, uint64_t sample, int beam, int32_t token,
                         int length);

/* Rows that a request can have at a step: num_beams, or without beams num_return_sequences when
 * sampling. */
int elcl_rules_max_rows(const elcl_gen_options *options);

/* Tokens that stand before the first generated one: the start token, and in Hugging Face's style
 * the prefix. */
int elcl_rules_prompt(const elcl_gen_options *options);
/* Hypotheses that end beam search: patience * num_beams, rounded. */
int elcl_rules_finished_limit(const elcl_gen_options *options);

/* The effective limits: max_new_tokens and min_new_tokens folded in, behind the prompt. */
int elcl_rules_max_length(const elcl_gen_options *options);
int elcl_rules_min_length(const elcl_gen_options *options);

/* Refuses options outside their range, naming the option. `vocabulary` and `max_target` are the
 * model's (tokens, the start token included). */
int elcl_rules_check(const elcl_gen_options *options, int vocabulary, int max_target,
                     elcl_error *err);

/* The options of one sentence, from checked ones: in fairseq style the greatest length depends on
 * the source. There max_length becomes start token + max_len + EOS, where max_len is at most
 * `positions` - 1, the decoder's of the model; refused when max_len is below min_len or its rows
 * exceed max_target. In Hugging Face style a copy. */
int elcl_rules_bind(const elcl_gen_options *options, int n_source, int positions, int max_target,
                    elcl_gen_options *bound, elcl_error *err);

#endif
