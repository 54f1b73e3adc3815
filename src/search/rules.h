/* Generation options -> what the device does to the scores of a row at one step. */
#ifndef ELCL_SEARCH_RULES_H
#define ELCL_SEARCH_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* One row's rules at one step, applied on the device in Hugging Face's order: encoder repetition
 * penalty, repetition penalty, presence and frequency penalty, the bans, whose order does not
 * matter, and a forced token; then what fairseq's style has; last log-softmax again. Lists stand
 * behind the records of the step, at the ints that *_at tell. Zero is off in all fields behind
 * renormalize. Plain 32-bit fields: uploaded as they are,
 * and read by logits.cl as int[ELCL_RULES_INTS]; keep both in step. */
struct elcl_row_rules {
    int32_t log_probs;    /* 1: the rules see log-softmax (beam search), 0: raw logits (greedy) */
    int32_t forced_token; /* -1: none; otherwise this token scores 0, all others are banned */
    int32_t ban_eos;      /* 1: no token of eos[] may be chosen */
    int32_t ngram;        /* 0: off; n: no n-gram of the row's history may come again */
    float repetition_penalty; /* 1: off */
    int32_t n_eos;
    int32_t eos[ELCL_MAX_EOS];
    int32_t only_token; /* -1: none; otherwise all others are banned, it keeps its score */
    int32_t pad_token;  /* -1: none; never chosen */
    int32_t unk_token;  /* -1: none; loses unk_penalty */
    float unk_penalty;
    int32_t renormalize;     /* 1: with log_probs, scores are log-softmax of what the rules leave */
    int32_t encoder_ngram;   /* n: no n-gram of the source may come */
    float encoder_penalty;   /* of the source's tokens, as repetition_penalty of the history's */
    float presence_penalty;  /* what each token of the history from first_generated on loses */
    float frequency_penalty; /* likewise, for each time that it is there */
    int32_t first_generated;
    int32_t source_at, n_source;         /* the source's tokens, where a rule reads them */
    int32_t bans_at, n_bans;             /* tokens that would complete a bad word */
    int32_t suppressed_at, n_suppressed; /* banned tokens */
    int32_t allowed_only;                /* 1: all but the allowed tokens are banned */
    int32_t allowed_at, n_allowed;       /* rising */
};
#define ELCL_RULES_INTS (25 + ELCL_MAX_EOS)

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

/* One token to be drawn from a row after its rules, read by sample.cl as int[ELCL_DRAW_INTS]; keep
 * both in step. The cut-offs are applied in the order of transformers: temperature, top_k, top_p,
 * min_p, typical_p. */
struct elcl_row_draw {
    int32_t row;     /* of the step */
    int32_t slot;    /* the token becomes the row's candidate 1 + slot */
    int32_t top_k;   /* 0: off */
    float uniform;   /* in (0, 1) */
    float scale;     /* 1 / temperature */
    float top_p;     /* 1: off */
    float min_p;     /* 0: off */
    float typical_p; /* 1: off */
    /* Of draws for beams alone, which have no uniform and no slot: the row's candidates become
     * what is drawn of it, see elcl_rules_gumbel(). */
    int32_t keep;        /* the cut-offs behind top_k leave so many tokens, where there are */
    int32_t renormalize; /* 1: scores are log-softmax of what the cut-offs leave */
    uint32_t seed[2], sample[2], beam, length;
};
#define ELCL_DRAW_INTS 16

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
