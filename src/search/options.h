/* Generation options before a search: their limits, checks and copies. */
#ifndef ELCL_SEARCH_OPTIONS_H
#define ELCL_SEARCH_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum { ELCL_START_TOKENS = 1 }; /* every output begins with the start token */

/* Returns true for do_sample with several beams. */
bool elcl_options_sample_beams(const elcl_gen_options *options);

/* Returns the most rows of a request in a step: num_beams, or num_return_sequences when sampling
 * without beams. */
int elcl_options_max_rows(const elcl_gen_options *options);

/* Returns the tokens before the first generated one: the start token, and in Hugging Face's style
 * the prefix. */
int elcl_options_prompt(const elcl_gen_options *options);
/* Returns how many hypotheses end beam search: patience * num_beams, rounded. */
int elcl_options_finished_limit(const elcl_gen_options *options);

/* Return the effective limits, after the prompt: max_new_tokens and min_new_tokens are included. */
int elcl_options_max_length(const elcl_gen_options *options);
int elcl_options_min_length(const elcl_gen_options *options);

/* Refuses options outside their range and names the option. `vocabulary` and `max_target` (tokens,
 * start token included) are the model's. */
int elcl_options_check(const elcl_gen_options *options, int vocabulary, int max_target,
                       elcl_error *err);

/* Binds checked options to one sentence. In Hugging Face style that is a copy. In fairseq style the
 * largest length depends on the source: max_length becomes start token + max_len + EOS, where
 * max_len is at most `positions` - 1 (those of the decoder). Refuses a max_len below min_len, or
 * one whose rows exceed max_target. */
int elcl_options_bind(const elcl_gen_options *options, int n_source, int positions, int max_target,
                      elcl_gen_options *bound, elcl_error *err);

/* Returns the most ints that the lists of a row take in a step, without the source. */
size_t elcl_options_list_tokens(const elcl_gen_options *options);

/* Copies the lists into one allocation, *memory, and points the options there. Free it with
 * elcl_free() after the last use of the options (NULL if there are no lists). Sorts alternatives by
 * token. The lists must be checked. */
int elcl_options_copy_lists(elcl_gen_options *options, void **memory, elcl_error *err);

#endif
