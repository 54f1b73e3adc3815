/* The words of options that several verbs take, and back from a value of the library's enums. */
#ifndef ELCL_TOOLS_WORDS_H
#define ELCL_TOOLS_WORDS_H

#include "args.h"

extern const struct elcl_choice elcl_format_words[], elcl_attention_words[], elcl_gemm_words[],
    elcl_kernel_words[], elcl_weight_words[], elcl_product_words[], elcl_state_words[];

/* The word for a value, or "unknown". */
const char *elcl_word_of(const struct elcl_choice *words, int value);
const char *elcl_attention_word(int value);
const char *elcl_gemm_word(int value);
const char *elcl_kernels_word(int value);
const char *elcl_storage_word(int value);

#endif
