/* Generation options before a search: the limits that follow from them, their checks and copies. */
#ifndef ELCL_SEARCH_OPTIONS_H
#define ELCL_SEARCH_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum { ELCL_START_TOKENS = 1 }; /* every output begins with the start token */

/* true: do_sample with beams. */
bool elcl_options_sample_beams(const elcl_gen_options *options);

/* Rows that a request can have at a step: num_beams, or without beams num_return_sequences when
 * sampling. */
int elcl_options_max_rows(const elcl_gen_options *options);

/* Tokens that stand before the first generated one: the start token, and in Hugging Face's style
 * the prefix. */
int elcl_options_prompt(const elcl_gen_options *options);
/* Hypotheses that end beam search: patience * num_beams, rounded. */
int elcl_options_finished_limit(const elcl_gen_options *options);

/* The effective limits: max_new_tokens and min_new_tokens folded in, behind the prompt. */
int elcl_options_max_length(const elcl_gen_options *options);
int elcl_options_min_length(const elcl_gen_options *options);

/* Refuses options outside their range, naming the option. `vocabulary` and `max_target` are the
 * model's (tokens, the start token included). */
int elcl_options_check(const elcl_gen_options *options, int vocabulary, int max_target,
                       elcl_error *err);

/* The options of one sentence, from checked ones: in fairseq style the greatest length depends on
 * the source. There max_length becomes start token + max_len + EOS, where max_len is at most
 * `positions` - 1, the decoder's of the model; refused when max_len is below min_len or its rows
 * exceed max_target. In Hugging Face style a copy. */
int elcl_options_bind(const elcl_gen_options *options, int n_source, int positions, int max_target,
                      elcl_gen_options *bound, elcl_error *err);

/* Most ints that the lists of a row can take at a step, the source not counted. */
size_t elcl_options_list_tokens(const elcl_gen_options *options);

/* Replaces what lists point to by copies in one allocation, *memory, freed with elcl_free() when
 * the options are no longer used (NULL where there are no lists). Alternatives come out rising. The
 * lists must be checked. */
int elcl_options_copy_lists(elcl_gen_options *options, void **memory, elcl_error *err);

#endif
