#include "words.h"

#include "input.h"

/* clang-format off */
const struct elcl_choice elcl_format_words[] = {
    {"text", ELCL_LINE_TEXT}, {"jsonl", ELCL_LINE_JSONL}, {"ids", ELCL_LINE_IDS}, {NULL, 0}};
const struct elcl_choice elcl_attention_words[] = {
    {"el", ELCL_ATTN_EL}, {"mha", ELCL_ATTN_MHA}, {"mha-beam", ELCL_ATTN_MHA_BEAM},
    {"auto", ELCL_ATTN_AUTO}, {NULL, 0}};
const struct elcl_choice elcl_gemm_words[] = {
    {"auto", ELCL_GEMM_AUTO}, {"clblast", ELCL_GEMM_CLBLAST}, {"native", ELCL_GEMM_NATIVE},
    {NULL, 0}};
const struct elcl_choice elcl_kernel_words[] = {
    {"auto", ELCL_KERNELS_AUTO}, {"cpu", ELCL_KERNELS_CPU}, {"gpu", ELCL_KERNELS_GPU}, {NULL, 0}};
const struct elcl_choice elcl_weight_words[] = {
    {"f32", ELCL_F32}, {"f16", ELCL_F16}, {"bf16", ELCL_BF16}, {"int8", ELCL_INT8}, {NULL, 0}};
const struct elcl_choice elcl_product_words[] = {
    {"auto", ELCL_PRODUCTS_AUTO}, {"f32", ELCL_PRODUCTS_F32}, {"int", ELCL_PRODUCTS_INT},
    {"bf16", ELCL_PRODUCTS_BF16}, {NULL, 0}};
const struct elcl_choice elcl_state_words[] = {
    {"f32", ELCL_F32}, {"f16", ELCL_F16}, {"bf16", ELCL_BF16}, {NULL, 0}};
/* clang-format on */

const char *elcl_word_of(const struct elcl_choice *words, int value)
{
    for (; words->word; words++) {
        if (words->value == value)
            return words->word;
    }
    return "unknown";
}

const char *elcl_attention_word(int value)
{
    return elcl_word_of(elcl_attention_words, value);
}

const char *elcl_gemm_word(int value)
{
    return elcl_word_of(elcl_gemm_words, value);
}

const char *elcl_kernels_word(int value)
{
    return elcl_word_of(elcl_kernel_words, value);
}

const char *elcl_storage_word(int value)
{
    return elcl_word_of(elcl_weight_words, value);
}
