/* The words that options of several verbs take, and the words for the library's enums. */
#ifndef CLI_WORDS_H
#define CLI_WORDS_H

#include "common/args.h"

extern const struct cli_choice cli_format_words[], cli_attention_words[], cli_gemm_words[],
    cli_kernel_words[], cli_weight_words[], cli_compute_words[], cli_state_words[],
    cli_matrix_words[];

/* Returns the word for a value, or "unknown". */
const char *cli_word_of(const struct cli_choice *words, int value);
const char *cli_attention_word(int value);
const char *cli_gemm_word(int value);
const char *cli_kernels_word(int value);
const char *cli_storage_word(int value);
const char *cli_type_word(enum elcl_device_type type);

/* Spells a name of the library as an option: num_beams becomes num-beams. */
void cli_spell_option(char *name);
/* Returns the word of `words` nearest to a misspelt one, or NULL if none is close. */
const char *cli_nearest(const char *wrong, const char *const *words, size_t n);

#endif
