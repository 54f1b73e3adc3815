#include "base/gen_options.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/util.h"

/* clang-format off */
static const struct elcl_gen_word early_words[] = {
    {"true", ELCL_EARLY_TRUE}, {"false", ELCL_EARLY_FALSE}, {"never", ELCL_EARLY_NEVER}, {NULL, 0}};
static const struct elcl_gen_word style_words[] = {
    {"hf", ELCL_STYLE_HF}, {"fairseq", ELCL_STYLE_FAIRSEQ}, {NULL, 0}};

#define BOTH (-1)
#define HF ELCL_STYLE_HF
#define FAIRSEQ ELCL_STYLE_FAIRSEQ
#define AT(field) offsetof(elcl_gen_options, field)

#define BOOL(name, style, in_files, help) \
    {{#name, ELCL_OPTION_BOOL, 0, 1, style, "true|false", help}, NULL, AT(name), 0, NULL, 0, \
     in_files}
/* Rows of the model's files have Hugging Face's default. */
#define INT(name, style, min, max, help) \
    {{#name, ELCL_OPTION_INT, min, max, style, "N", help}, NULL, AT(name), 0, NULL, 0, false}
#define FILE_INT(name, style, min, max, fallback, help) \
    {{#name, ELCL_OPTION_INT, min, max, style, "N", help}, NULL, AT(name), 0, NULL, fallback, true}
#define NUMBER(name, style, min, max, fallback, help) \
    {{#name, ELCL_OPTION_NUMBER, min, max, style, "X", help}, NULL, AT(name), 0, NULL, \
     fallback, false}
#define FILE_NUMBER(name, style, min, max, fallback, help) \
    {{#name, ELCL_OPTION_NUMBER, min, max, style, "X", help}, NULL, AT(name), 0, NULL, \
     fallback, true}
#define WORD(name, style, words, form, help) \
    {{#name, ELCL_OPTION_WORD, 0, 0, style, form, help}, NULL, AT(name), 0, words, 0, false}
#define TOKEN(name, style, help) \
    {{#name, ELCL_OPTION_TOKEN, -1, INT32_MAX, style, "ID", help}, NULL, AT(name), 0, \
     NULL, NAN, false}
#define TOKENS(name, field, style, help) \
    {{name, ELCL_OPTION_TOKENS, 0, INT32_MAX, style, "ID[,ID...]", help}, #field, AT(field), \
     AT(field.n), NULL, NAN, false}
#define LISTS(name, field, help) \
    {{name, ELCL_OPTION_TOKEN_LISTS, 0, INT32_MAX, HF, "IDS[;IDS...]", help}, #field, AT(field), \
     AT(n_##field), NULL, NAN, false}

static const struct elcl_gen_row rows[] = {
    /* Search. */
    FILE_INT(num_beams, BOTH, 1, ELCL_MAX_BEAMS, 1,
        "number of beams; 1 is greedy search (default: the model's, else 1)"),
    FILE_INT(num_return_sequences, BOTH, 1, ELCL_MAX_BEAMS, 1,
        "write the N best sequences of each sample, or N random ones with do_sample (default 1)"),
    FILE_NUMBER(length_penalty, BOTH, -1000, 1000, 1,
        "divide the score by the length to the power X; above 0 prefers long outputs (default 1)"),
    WORD(early_stopping, HF, early_words, "true|false|never",
        "when to end a beam search: at the first complete beams, by an estimate, or only when "
        "nothing better is possible (default false)"),
    NUMBER(patience, BOTH, 0.01, 100, 1,
        "end a beam search after X times num_beams complete outputs (default 1)"),
    FILE_INT(num_beam_groups, BOTH, 1, ELCL_MAX_BEAMS, 1,
        "diverse beam search: divide the beams into N groups (default 1: off)"),
    FILE_NUMBER(diversity_penalty, BOTH, 0, 1e6, 0,
        "diverse beam search: subtract X for each earlier group that chose the same token"),
    BOOL(renormalize_logits, HF, true,
        "beam search: normalize the scores again after all penalties (default false)"),

    /* Lengths. */
    FILE_INT(max_length, HF, 1, INT32_MAX, 20, "longest output (default: the model's, else 20)"),
    FILE_INT(max_new_tokens, HF, 1, INT32_MAX, 0,
        "longest output without start token or prompt; overrides max_length"),
    FILE_INT(min_length, HF, 0, INT32_MAX, 0, "shortest output (default 0)"),
    FILE_INT(min_new_tokens, HF, 0, INT32_MAX, 0,
        "shortest output without start token or prompt"),

    /* Repetition. */
    FILE_INT(no_repeat_ngram_size, BOTH, 0, INT32_MAX, 0,
        "generate no sequence of N tokens twice (default 0: off)"),
    FILE_NUMBER(repetition_penalty, HF, 1e-3, 1e3, 1,
        "above 1: make tokens that are already in the output less likely (default 1: off)"),
    NUMBER(presence_penalty, HF, -100, 100, 0,
        "subtract X from the score of every token that was generated (default 0: off)"),
    NUMBER(frequency_penalty, HF, -100, 100, 0,
        "subtract X for each time that the token was generated (default 0: off)"),
    FILE_INT(encoder_no_repeat_ngram_size, HF, 0, INT32_MAX, 0,
        "generate no sequence of N tokens that the source has (default 0: off)"),
    FILE_NUMBER(encoder_repetition_penalty, HF, 1e-3, 1e3, 1,
        "above 1: make tokens of the source more likely (default 1: off)"),

    /* Required and forbidden tokens. */
    {{"stop", ELCL_OPTION_TEXTS, 0, 8, HF, "STRING",
      "end an output when its text contains STRING, which stays in it; repeat the option for up to "
      "8 strings; needs num_beams 1"}, "stop_strings", AT(stop_strings), AT(n_stop_strings), NULL,
     NAN, false},
    TOKENS("decoder_prefix_ids", prefix, BOTH,
        "begin every output with these tokens, after the start token"),
    LISTS("prefix_alternatives", alternatives,
        "5,7;9 allows only tokens 5 and 7 as the first token, only 9 as the second"),
    LISTS("bad_words_ids", bad_words, "never generate these token sequences, as in 5,7;9, or none"),
    TOKENS("suppress_tokens", suppress_tokens, HF, "never generate these tokens, or none"),
    TOKENS("begin_suppress_tokens", begin_suppress_tokens, HF,
        "never generate these tokens first, or none"),
    TOKEN(decoder_start_token_id, BOTH, "first token of every output"),
    TOKEN(forced_bos_token_id, BOTH, "token after the start token, or none"),
    TOKEN(forced_eos_token_id, HF,
        "last token of an output that reaches the longest length, or none"),
    TOKEN(timestamp_begin_token_id, HF,
        "speech: the first timestamp; all tokens from it on are timestamps, in rising pairs"),
    TOKEN(no_timestamps_token_id, HF, "speech: a token that no output with timestamps has"),
    {{"max_initial_timestamp_index", ELCL_OPTION_INT, -1, INT32_MAX, HF, "N",
      "speech: begin an output with one of the timestamps 0 .. N (default -1: any)"},
     "max_initial_timestamp", AT(max_initial_timestamp), 0, NULL, -1, true},
    {{"eos_token_id", ELCL_OPTION_TOKENS, 0, INT32_MAX, BOTH, "ID[,ID...]",
      "tokens that end an output, or none"}, "eos_token_ids", AT(eos_token_ids), AT(n_eos), NULL,
     NAN, false},

    /* Sampling. */
    BOOL(do_sample, BOTH, true, "draw tokens at random; with several beams, the candidates"),
    FILE_NUMBER(temperature, BOTH, 1e-6, 1e6, 1,
        "divide the scores by X: below 1 sharpens, above 1 flattens (default 1)"),
    FILE_INT(top_k, BOTH, 0, INT32_MAX, 50,
        "keep only the N most likely tokens; 0: off (default 50, as in Hugging Face)"),
    FILE_NUMBER(top_p, BOTH, 0, 1, 1,
        "keep the fewest most likely tokens that reach probability X (default 1: off)"),
    FILE_NUMBER(min_p, BOTH, 0, 1, 0,
        "keep tokens with at least X times the highest probability (default 0: off)"),
    FILE_NUMBER(typical_p, BOTH, 1e-6, 1, 1,
        "keep the most typical tokens that reach probability X (default 1: off)"),
    INT(seed, BOTH, 0, INT32_MAX,
        "seed of the random numbers, which depend only on the seed, the sample's position in the "
        "input and the step (default 0)"),

    /* fairseq. */
    WORD(search_style, BOTH, style_words, "hf|fairseq",
        "rules, limits and end of the search (default hf); options of the other style are refused"),
    INT(min_len, FAIRSEQ, 0, INT32_MAX, "shortest output (default 1)"),
    NUMBER(max_len_a, FAIRSEQ, 0, 64, 0,
        "longest output: X times the length of the source ... (default 0)"),
    INT(max_len_b, FAIRSEQ, 0, INT32_MAX, "... plus N (default 200)"),
    NUMBER(unk_penalty, FAIRSEQ, -1e6, 1e6, 0,
        "subtract X from the score of the unknown token (default 0)"),
    TOKEN(unk_token_id, FAIRSEQ, "the unknown token, or none"),

    /* Results. */
    BOOL(token_logprobs, BOTH, false, "give the log-probability of each token"),
    BOOL(no_prompt, BOTH, false, "decoder-only models: give only what follows the prompt"),
    BOOL(alignments, BOTH, false,
        "encoder-decoder models: give what the decoder attends to in the source for each token"),
};
/* clang-format on */

const struct elcl_gen_row *elcl_gen_row_get(int i)
{
    return i >= 0 && (size_t)i < ELCL_COUNT(rows) ? &rows[i] : NULL;
}

const struct elcl_gen_row *elcl_gen_row_find(const char *name)
{
    for (size_t i = 0; name && i < ELCL_COUNT(rows); i++)
        if (!strcmp(rows[i].about.name, name) || (rows[i].field && !strcmp(rows[i].field, name)))
            return &rows[i];
    return NULL;
}

const char *elcl_gen_row_field(const struct elcl_gen_row *row)
{
    return row->field ? row->field : row->about.name;
}

static int int_at(const elcl_gen_options *options, size_t offset)
{
    int value;
    memcpy(&value, (const char *)options + offset, sizeof(value));
    return value;
}

int elcl_gen_row_int(const struct elcl_gen_row *row, const elcl_gen_options *options)
{
    return int_at(options, row->offset);
}

float elcl_gen_row_float(const struct elcl_gen_row *row, const elcl_gen_options *options)
{
    float value;
    memcpy(&value, (const char *)options + row->offset, sizeof(value));
    return value;
}

int elcl_gen_row_count(const struct elcl_gen_row *row, const elcl_gen_options *options)
{
    return int_at(options, row->count);
}

bool elcl_gen_row_is_on(const struct elcl_gen_row *row, const elcl_gen_options *options)
{
    if (row->count)
        return elcl_gen_row_count(row, options) != 0;
    if (row->about.type == ELCL_OPTION_NUMBER) {
        const float value = elcl_gen_row_float(row, options);
        return value != 0 && value != (float)row->fallback;
    }
    if (row->offset == AT(unk_token_id) && options->unk_penalty == 0)
        return false;
    if (row->offset == AT(timestamp_begin_token_id) || row->offset == AT(no_timestamps_token_id) ||
        row->offset == AT(max_initial_timestamp))
        return options->timestamp_begin_token_id > 0;
    return elcl_gen_row_int(row, options) != (row->about.type == ELCL_OPTION_TOKEN ? -1 : 0);
}
