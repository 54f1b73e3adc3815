/* The special tokens of a model of speech, and what its files say about decoding. */
#ifndef ELCL_SPEECH_TOKENS_H
#define ELCL_SPEECH_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct elcl_speech_language {
    char code[8];     /* "en" */
    const char *name; /* "english", or the code where it has no name here */
    int32_t id;       /* of <|en|> */
};

struct elcl_speech_tokens {
    int32_t sot;               /* <|startoftranscript|> */
    int32_t eot;               /* <|endoftext|> */
    int32_t translate;         /* -1: the model has no tasks */
    int32_t transcribe;        /* likewise */
    int32_t sot_prev;          /* <|startofprev|>, before the text of earlier windows; -1: none */
    int32_t sot_lm;            /* <|startoflm|>; -1: none */
    int32_t no_speech;         /* <|nospeech|>; -1: none */
    int32_t no_timestamps;     /* <|notimestamps|> */
    int32_t timestamp_begin;   /* <|0.00|>; all later ids are times too */
    int n_timestamps;          /* 0.02 s apart */
    int max_initial_timestamp; /* index of the latest time that may come first */
    bool is_multilingual;      /* the start names a language and a task */
    struct elcl_speech_language *languages; /* [n_languages], by id; empty unless multilingual */
    size_t n_languages;
    const struct elcl_speech_language *language; /* that the files name, in style HF; or NULL */
    elcl_tokens suppress;                        /* never generated */
    elcl_tokens begin_suppress;                  /* not as the first token of a text */
    elcl_cross_head *alignment_heads;            /* [n_alignment_heads], for the times of words */
    size_t n_alignment_heads;
    void *memory[2]; /* of the two lists */
};

/*
 * Reads generation_config.json, what it lacks from config.json, and what neither has from the names
 * in the tokenizer. Without a list of suppressed tokens these are OpenAI's: everything that is not
 * spoken. Without alignment heads these are all heads of the upper half of the layers. Refuses
 * a model without times, by the name of the key. The caller calls elcl_speech_tokens_finish(),
 * after a failure too. The languages' names live as long as the program.
 */
int elcl_speech_tokens_read(const elcl_model *model, struct elcl_speech_tokens *tokens,
                            elcl_error *err);
void elcl_speech_tokens_finish(struct elcl_speech_tokens *tokens); /* {0} is fine */

/* Finds a language of the model by its code or its English name, in any case; NULL if the model
 * does not have it. */
const struct elcl_speech_language *
elcl_speech_language_find(const struct elcl_speech_tokens *tokens, const char *language);

/* ---- languages.c ----------------------------------------------------------------------------- */

/* Returns the English name of a code, or NULL. */
const char *elcl_speech_language_name(const char *code);
/* Returns the code of a name or of another name of a language ("castilian"), or NULL. Letters count
 * in any case. */
const char *elcl_speech_language_code(const char *name);

#endif
