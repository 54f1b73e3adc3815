/* Option parsing from a table: `--name value`, `--name=value`, flags, and the help text. */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include "common/option_lists.h"
#include "common/tool.h"

enum cli_opt_kind {
    CLI_OPT_GROUP,  /* a heading of the help: `help` alone */
    CLI_OPT_FLAG,   /* int, 1 when given */
    CLI_OPT_INT,    /* int, min .. max, or one of `choices` */
    CLI_OPT_NUMBER, /* float, min .. max */
    CLI_OPT_BYTES,  /* uint64_t: 512M, 1.5G; K, M, G, T are powers of 1024 */
    CLI_OPT_TEXT,   /* const char *, not empty */
    CLI_OPT_CHOICE, /* int, one of `choices` */
    CLI_OPT_IDS,    /* struct cli_opt_ids: 0,2 or none */
    CLI_OPT_TEXTS,  /* struct cli_opt_texts; may be given several times */
    CLI_OPT_INTS,   /* struct cli_opt_list: 1,4 or 1-64*2 or 10-30+10, each min .. max or one of
                     * `choices` */
    CLI_OPT_WORDS   /* struct cli_opt_list of `choices`: el,mha */
};

/* Ends with a word of NULL. */
struct cli_choice {
    const char *word;
    int value;
};

struct cli_opt_ids {
    int n;
    int32_t ids[ELCL_MAX_EOS];
};

#define CLI_MAX_LIST 64

struct cli_opt_list {
    int n; /* 0: not given */
    int values[CLI_MAX_LIST];
};

struct cli_opt {
    enum cli_opt_kind kind;
    const char *name;  /* without the dashes */
    const char *value; /* how the help calls the value; NULL for flags */
    const char *help;
    size_t offset; /* of the field in the target */
    double min, max;
    const struct cli_choice *choices;
};

#define CLI_MAX_OPTS 96

struct cli_args {
    const struct cli_opt *opts;
    size_t n_opts; /* at most CLI_MAX_OPTS */
    const char *verb;
    bool seen[CLI_MAX_OPTS];
    char **words; /* what is no option, in order */
    int n_words;
};

/* Parses argv[1..] into `target`; words are moved to the front of argv[1..]. `--` ends the options.
 * Stops at --help (also -h). ELCL_E_ARG with one sentence. */
int cli_args_parse(struct cli_args *args, int argc, char **argv, void *target, elcl_error *err);

/* The beginning of a verb: parses, or prints the error, or the help where `*help`, a part of
 * `target`, is set. false: the verb ends here, with *exit_code. */
bool cli_args_begin(struct cli_args *args, int argc, char **argv, void *target, const int *help,
                    void (*print_help)(void), int *exit_code);
/* The same of a verb that takes no words. */
bool cli_args_begin_options(struct cli_args *args, int argc, char **argv, void *target,
                            const int *help, void (*print_help)(void), int *exit_code);

/* The value of a list option into *list; the second half of args.c, for lists. */
int cli_args_parse_list(const struct cli_opt *opt, const char *text, struct cli_opt_list *list,
                        elcl_error *err);
/* Sets one option as if it stood on the command line; a flag takes true or false. */
int cli_args_set(struct cli_args *args, const char *name, const char *value, void *target,
                 elcl_error *err);

/* The option stood on the command line. */
bool cli_args_seen(const struct cli_args *args, const char *name);

/* The table as help, at most 80 columns wide. */
void cli_args_print_help(const struct cli_opt *opts, size_t n_opts);

/* Prints `text` from `column` on (where the cursor stands), wrapped at 80 columns with later lines
 * indented by `indent`, and a newline. */
void cli_print_wrapped(const char *text, int column, int indent);

/* The word of `words` nearest to a misspelt one, NULL when none is close. */
const char *cli_nearest(const char *wrong, const char *const *words, size_t n);

#endif
