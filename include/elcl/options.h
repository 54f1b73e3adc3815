/*
 * elcl: generation options by name, for servers, bindings and command lines.
 *
 * One table has the name, the range and the help of every field of elcl_gen_options that a caller
 * chooses. Names are those of Hugging Face's generate(), or of fairseq. `elcl generate` and its
 * JSON lines take the same names and values:
 *
 *     elcl_gen_options options;
 *     elcl_gen_lists *lists = NULL;
 *     elcl_model_gen_defaults(model, &options);
 *     if (elcl_gen_options_set(&options, "num_beams", "4", &lists, &err) ||
 *         elcl_gen_options_set(&options, "bad_words_ids", "5,7;9", &lists, &err))
 *         fprintf(stderr, "%s\n", err.msg);
 *     ...
 *     elcl_gen_lists_destroy(&lists);
 */
#ifndef ELCL_OPTIONS_H
#define ELCL_OPTIONS_H

#include "elcl/elcl.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a value is. Words are read in upper and lower case, but not the none of token lists. */
enum elcl_option_type {
    ELCL_OPTION_BOOL,        /* true or false */
    ELCL_OPTION_INT,         /* a whole number, min .. max */
    ELCL_OPTION_NUMBER,      /* a number with a decimal point in any locale, min .. max */
    ELCL_OPTION_WORD,        /* one of the words in `form` */
    ELCL_OPTION_TOKEN,       /* a token id, or none */
    ELCL_OPTION_TOKENS,      /* token ids with commas between them, or none */
    ELCL_OPTION_TOKEN_LISTS, /* such lists with semicolons between them, or none */
    ELCL_OPTION_TEXTS,       /* a string; an option of up to `max` strings is set once for each */
};

/* An option. */
typedef struct elcl_gen_option {
    const char *name;
    enum elcl_option_type type;
    double min, max;
    int style;        /* the enum elcl_search_style that has it; -1: both */
    const char *form; /* what a value looks like: "N", "true|false|never" */
    const char *help; /* a line, which calls other options by their names */
} elcl_gen_option;

/* Returns option i of the table, or NULL unless i is 0 .. count - 1. The table is constant. */
ELCL_API const elcl_gen_option *elcl_gen_option_get(int i);

/* Returns the option of a name, or of a field of elcl_gen_options ("stop_strings" is "stop"), or
 * NULL. */
ELCL_API const elcl_gen_option *elcl_gen_option_find(const char *name);

/* Memory of the lists that options were set to. Start with NULL.
 *
 * Thread-safety: Unsafe. */
typedef struct elcl_gen_lists elcl_gen_lists;

/* Frees the lists. Their pointers in options are invalid after that. */
ELCL_API void elcl_gen_lists_destroy(elcl_gen_lists **lists);

/* Sets one option.
 *
 * value: text in the form of the option's type.
 * lists: grows by each list that is set, and may serve several options. Copies of `options` share
 *        what it holds.
 *
 * Some options change others: max_length switches off max_new_tokens, min_length min_new_tokens,
 * and bad_words_ids the model's ban of padding. search_style fairseq calls
 * elcl_gen_options_fairseq(): set it before the other options, and num_beam_groups before it. The
 * first string of stop replaces those that are not from `lists`, and the next ones add to it.
 *
 * Checks only the value. elcl_engine_submit() checks what depends on the model or on other options.
 *
 * ELCL_E_ARG: there is no such option, the value is not what its type says, or search_style would
 *             go back to hf. The message begins with the name. */
ELCL_API int elcl_gen_options_set(elcl_gen_options *options, const char *name, const char *value,
                                  elcl_gen_lists **lists, elcl_error *err);

typedef struct elcl_gen_setting {
    const char *name, *value;
} elcl_gen_setting;

/* Sets n options in an order in which none undoes another: num_beam_groups, search_style, and
 * max_new_tokens and min_new_tokens last. Sets all of them or none.
 *
 * settings: [n] Of two with the same name the last one counts; all strings of stop do.
 *
 * ELCL_E_ARG: as elcl_gen_options_set(). */
ELCL_API int elcl_gen_options_set_all(elcl_gen_options *options, const elcl_gen_setting *settings,
                                      size_t n, elcl_gen_lists **lists, elcl_error *err);

/* Writes the value of an option as elcl_gen_options_set() takes it; strings each with a line end.
 *
 * value: receives a NUL-terminated string; free it with elcl_free().
 *
 * ELCL_E_ARG: there is no such option. */
ELCL_API int elcl_gen_options_get(const elcl_gen_options *options, const char *name, char **value,
                                  elcl_error *err);

#ifdef __cplusplus
}
#endif

#endif /* ELCL_OPTIONS_H */
