/* Option parsing from a table: `--name value`, `--name=value`, flags, and the help text. */
#ifndef ELCL_TOOLS_ARGS_H
#define ELCL_TOOLS_ARGS_H

#include "option_lists.h"
#include "tool.h"

enum elcl_opt_kind {
    ELCL_OPT_GROUP,  /* a heading of the help: `help` alone */
    ELCL_OPT_FLAG,   /* int, 1 when given */
    ELCL_OPT_INT,    /* int, min .. max, or one of `choices` */
    ELCL_OPT_NUMBER, /* float, min .. max */
    ELCL_OPT_BYTES,  /* uint64_t: 512M, 1.5G; K, M, G, T are powers of 1024 */
    ELCL_OPT_TEXT,   /* const char *, not empty */
    ELCL_OPT_CHOICE, /* int, one of `choices` */
    ELCL_OPT_IDS,    /* struct elcl_opt_ids: 0,2 or none */
    ELCL_OPT_TEXTS,  /* struct elcl_opt_texts; may be given several times */
    ELCL_OPT_INTS,   /* struct elcl_opt_list: 1,4 or 1-64*2 or 10-30+10, each min .. max or one of
                      * `choices` */
    ELCL_OPT_WORDS   /* struct elcl_opt_list of `choices`: el,mha */
};

/* Ends with a word of NULL. */
struct elcl_choice {
    const char *word;
    int value;
};

struct elcl_opt_ids {
    int n;
    int32_t ids[ELCL_MAX_EOS];
};

#define ELCL_MAX_LIST 64

struct elcl_opt_list {
    int n; /* 0: not given */
    int values[ELCL_MAX_LIST];
};

struct elcl_opt {
    enum elcl_opt_kind kind;
    const char *name;  /* without the dashes */
    const char *value; /* how the help calls the value; NULL for flags */
    const char *help;
    size_t offset; /* of the field in the target */
    double min, max;
    const struct elcl_choice *choices;
};

#define ELCL_MAX_OPTS 96

struct elcl_args {
    const struct elcl_opt *opts;
    size_t n_opts; /* at most ELCL_MAX_OPTS */
    const char *verb;
    bool seen[ELCL_MAX_OPTS];
    char **words; /* what is no option, in order */
    int n_words;
};

/* Parses argv[1..] into `target`; words are moved to the front of argv[1..]. `--` ends the options.
 * Stops at --help (also -h). ELCL_E_ARG with one sentence. */
int elcl_args_parse(struct elcl_args *args, int argc, char **argv, void *target, elcl_error *err);

/* The beginning of a verb: parses, or prints the error, or the help where `*help`, a part of
 * `target`, is set. false: the verb ends here, with *exit_code. */
bool elcl_args_begin(struct elcl_args *args, int argc, char **argv, void *target, const int *help,
                     void (*print_help)(void), int *exit_code);
/* The same of a verb that takes no words. */
bool elcl_args_begin_options(struct elcl_args *args, int argc, char **argv, void *target,
                             const int *help, void (*print_help)(void), int *exit_code);

/* The value of a list option into *list; the second half of args.c, for lists. */
int elcl_args_parse_list(const struct elcl_opt *opt, const char *text, struct elcl_opt_list *list,
                         elcl_error *err);
/* Sets one option as if it stood on the command line; a flag takes true or false. */
int elcl_args_set(struct elcl_args *args, const char *name, const char *value, void *target,
                  elcl_error *err);

/* The option stood on the command line. */
bool elcl_args_seen(const struct elcl_args *args, const char *name);

/* The table as help, at most 80 columns wide. */
void elcl_args_print_help(const struct elcl_opt *opts, size_t n_opts);

/* Prints `text` from `column` on (where the cursor stands), wrapped at 80 columns with later lines
 * indented by `indent`, and a newline. */
void elcl_print_wrapped(const char *text, int column, int indent);

/* The word of `words` nearest to a misspelt one, NULL when none is close. */
const char *elcl_nearest(const char *wrong, const char *const *words, size_t n);

#endif
